"""The checks for hosters, and drills that are due."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.access.records.tenant import Backend, Shape
from shared.failovers.drills.rules import DrillPolicy, DrillRun, due, slot_at, slot_key, states
from shared.failovers.readiness.rules import assess
from shared.failovers.readiness.setup import Cloud, Owner, Placed, Setup
from shared.failovers.vault.facts import ProviderFacts
from shared.failovers.vault.limits import Machine, machine_faults, version_check, version_numbers
from shared.operations.model.models import Status
from shared.values.checks import CheckResult
from tests.failovers.samples import DAY, HOUR, ITEM, MINUTE, NOW

PROVIDER_SUBSCRIPTION, OWN, OTHER = (f"00000000-0000-0000-0000-00000000000{number}" for number in (1, 2, 3))
TENANT = Owner("contoso", "00000000-0000-0000-0000-0000000000aa", (OWN,))
PROVIDER = Owner("provider", "00000000-0000-0000-0000-0000000000bb", (PROVIDER_SUBSCRIPTION,))
ACCOUNT = Placed("/account", "storage account", OWN, "westeurope", ("contoso",), "Standard_GRS")
NETWORK = Placed("/network", "virtual network", OWN, "westeurope")
CLOUD = Cloud("c", 3)
MACHINE = Machine("web-1", 1, 127, (100, 200), False, False, False)
GOOD = Setup(
    tenant=TENANT,
    provider=PROVIDER,
    vault_subscription=PROVIDER_SUBSCRIPTION.upper(),
    vault_region="westeurope",
    shape=Shape.SITE,
    targets=(ACCOUNT, NETWORK),
    clouds=(),
    providers=(ProviderFacts("/p", "host1", version="5.1.1256.0"),),
    frequencies=(30, 300),
    machines=(MACHINE,),
    plans=1,
)


def test_a_good_set_up_passes_all_nine() -> None:
    checks = assess(GOOD)
    assert {check.number for check in checks} == set(range(1, 10))
    assert {check.result for check in checks} == {CheckResult.PASS}
    assert {check.action for check in checks} == {None}


@pytest.mark.parametrize("shape", [Shape.SHARED, Shape.DEDICATED])
def test_a_good_set_up_on_vmm_has_its_one_warning(shape: Shape) -> None:
    checks = assess(replace(GOOD, shape=shape, clouds=(CLOUD,)))
    assert [(check.number, check.result) for check in checks if check.result != CheckResult.PASS] == [(5, CheckResult.WARNING)]


@pytest.mark.parametrize(("backend", "result"), [(Backend.RESOURCE_MANAGER, "unknown"), (Backend.AZURE_PACK, "pass")])
def test_without_a_vault_the_first_two_are_judged(backend: Backend, result: str) -> None:
    checks = assess(Setup(tenant=TENANT, provider=PROVIDER, vault_subscription=None, backend=backend))
    assert [check.number for check in checks] == list(range(1, 10))
    assert {check.result for check in checks[2:]} == {result}


@pytest.mark.parametrize(
    ("change", "number", "result", "word"),
    [
        ({"shape": Shape.SHARED, "vault_subscription": OWN, "clouds": (CLOUD,)}, 1, "failure", "provider's own"),
        ({"registered": Shape.SHARED}, 1, "warning", "shows the shape"),
        ({"registered": Shape.SITE, "vault_subscription": OWN}, 1, "pass", "a server of its own"),
        ({"tenant": replace(TENANT, tenant_id="contoso.com")}, 2, "failure", "no GUID"),
        ({"claimed_elsewhere": frozenset({OWN})}, 2, "failure", "another tenant"),
        ({"tenant": replace(TENANT, subscriptions=()), "targets": ()}, 2, "failure", "no subscription"),
        ({"tenant": replace(TENANT, subscriptions=()), "targets": (), "backend": Backend.AZURE_PACK, "azure_pack": True}, 2, "pass", "its"),
        ({"tenant": replace(TENANT, subscriptions=()), "targets": (), "backend": Backend.AZURE_PACK}, 2, "failure", "neither"),
        ({"backend": Backend.AZURE_PACK, "azure_pack": True, "certificates_ending": ((OWN, 12),)}, 2, "warning", "12 days"),
        ({"targets": (replace(ACCOUNT, subscription=OTHER),)}, 2, "failure", "another subscription"),
        ({"targets": (replace(ACCOUNT, region="northeurope"),)}, 3, "failure", "northeurope"),
        ({"targets": (replace(ACCOUNT, region=None),)}, 3, "unknown", "not read"),
        ({"targets": ()}, 3, "unknown", "no target"),
        ({"vault_region": None}, 3, "unknown", "not read"),
        ({"shape": Shape.AZURE, "targets": (NETWORK, replace(NETWORK, region="northeurope"))}, 3, "failure", "2 regions"),
        ({"shape": Shape.AZURE, "source_regions": frozenset({"westeurope"})}, 3, "failure", "lost with them"),
        ({"shape": Shape.AZURE, "vault_region": "northeurope", "source_regions": frozenset({"uksouth"})}, 3, "pass", "one region"),
        ({"targets": ()}, 4, "unknown", "no storage account"),
        ({"shape": Shape.AZURE, "targets": ()}, 4, "pass", "no account"),
        ({"targets": (replace(ACCOUNT, sku=None, code="AuthorizationFailed"),)}, 4, "unknown", "AuthorizationFailed"),
        ({"targets": (replace(ACCOUNT, sku="Standard_LRS"),)}, 4, "warning", "geo-redundant"),
        ({"targets": (replace(ACCOUNT, sku="Standard_RAGZRS"),)}, 4, "pass", "only the tenant"),
        ({"targets": (replace(ACCOUNT, classic=True),)}, 4, "failure", "classic"),
        ({"targets": (replace(ACCOUNT, used_by=("contoso", "fabrikam")),)}, 4, "failure", "own"),
        ({"shape": Shape.DEDICATED, "clouds": (CLOUD,)}, 5, "warning", "2019"),
        ({"shape": Shape.DEDICATED, "clouds": (CLOUD,)}, 5, "pass", "3 VMs"),
        ({"shape": Shape.DEDICATED, "clouds": ()}, 5, "failure", "0 clouds"),
        ({"shape": Shape.SHARED, "clouds": ()}, 5, "failure", "the registry maps none to it"),
        ({"shape": Shape.SHARED, "clouds": (CLOUD, Cloud("d", 1))}, 5, "failure", "2 clouds"),
        ({"shape": Shape.SHARED, "clouds": (), "lost_clouds": ("/gone",)}, 5, "failure", "no such cloud"),
        ({"shape": Shape.DEDICATED, "clouds": (Cloud("c", 0),)}, 5, "failure", "no VM"),
        ({"clouds": None, "unread": {"clouds": "TooManyRequests"}}, 5, "unknown", "TooManyRequests"),
        ({"providers": ()}, 6, "failure", "no provider"),
        ({"providers": (ProviderFacts("/p", "h"),)}, 6, "unknown", "not known"),
        ({"shape": Shape.AZURE, "providers": ()}, 6, "pass", "no provider"),
        ({"providers": (ProviderFacts("/p", "h", version="5.1.999.0"),)}, 6, "failure", "older"),
        ({"providers": None, "unread": {"providers": "NotReadInTime"}}, 6, "unknown", "NotReadInTime"),
        ({"frequencies": (900,)}, 7, "warning", "900"),
        ({"frequencies": (60,)}, 7, "failure", "60"),
        ({"machines": (replace(MACHINE, bitlocker=True),)}, 8, "failure", "BitLocker"),
        ({"frequencies": ()}, 7, "unknown", "no replication policy"),
        ({"frequencies": None}, 7, "unknown", "not read"),
        ({"shape": Shape.AZURE, "frequencies": ()}, 7, "pass", "all the time"),
        ({"machines": (replace(MACHINE, bitlocker=None),)}, 8, "pass", "BitLocker"),
        ({"machines": (replace(MACHINE, generation=None),)}, 8, "unknown", "generation"),
        ({"machines": ()}, 8, "unknown", "no VM"),
        ({"machines": None}, 8, "unknown", "not read"),
        ({"shape": Shape.AZURE, "machines": ()}, 8, "pass", "in Azure"),
        ({"plans": None, "unread": {"plans": "AuthorizationFailed"}}, 9, "unknown", "AuthorizationFailed"),
        ({"plans": 0}, 9, "warning", "on its own"),
    ],
)
def test_what_is_amiss_is_reported_by_its_check(change: dict[str, Any], number: int, result: str, word: str) -> None:
    found = [check for check in assess(replace(GOOD, **change)) if check.number == number]
    matching = [check for check in found if check.result == result and word in check.message]
    assert matching
    assert all((check.action is None) == (check.result == CheckResult.PASS) for check in found)


@pytest.mark.parametrize(
    ("version", "result"),
    [
        ("5.1.1256.0", "pass"),
        ("5.1.1256", "pass"),
        ("5.10.0.0", "pass"),
        ("5.1.999.0", "failure"),
        ("4.9", "failure"),
        ("", "unknown"),
        ("5.x", "unknown"),
    ],
)
def test_versions_are_compared_as_numbers(version: str, result: str) -> None:
    assert version_check(ProviderFacts("/p", "h", version=version))[0] == result


@given(st.lists(st.integers(min_value=0, max_value=9999), min_size=4, max_size=4))
def test_a_version_reads_as_it_is_written(numbers: list[int]) -> None:
    assert version_numbers(".".join(map(str, numbers))) == tuple(numbers)


@pytest.mark.parametrize(
    ("machine", "count"),
    [
        (MACHINE, 0),
        (replace(MACHINE, name="x" * 64), 1),
        (replace(MACHINE, name="web_1"), 1),
        (replace(MACHINE, os_disk_gb=2048), 0),
        (replace(MACHINE, os_disk_gb=2049), 1),
        (replace(MACHINE, generation=2, os_disk_gb=301), 1),
        (replace(MACHINE, data_disks_gb=(10,) * 17), 1),
        (replace(MACHINE, data_disks_gb=(4096, 4095, 5000)), 2),
        (replace(MACHINE, shared_vhd=True, fibre_channel=True), 2),
    ],
)
def test_the_limits_of_a_machine(machine: Machine, count: int) -> None:
    assert len(machine_faults(machine)) == count


DB = ITEM.replace("web", "db")
WEEKLY = DrillPolicy("weekly", (ITEM, DB, ITEM.upper().replace("/SUBSCRIPTIONS", "/subscriptions")), 7 * DAY, NOW, network=None)


def run(scope: str, slot: int, status: Status = Status.SUCCEEDED, *, cleaned_up: bool = True) -> DrillRun:
    return DrillRun(scope, NOW + slot * 7 * DAY, status, cleaned_up)


def test_before_its_first_slot_nothing_is_due_and_then_everything_once() -> None:
    assert due(WEEKLY, [], NOW - MINUTE) == ()
    assert due(WEEKLY, [], NOW) == (ITEM, DB)


def test_what_was_begun_in_this_slot_is_not_due_again_and_the_never_drilled_come_first() -> None:
    assert due(WEEKLY, [run(ITEM, 0, Status.RUNNING)], NOW + DAY) == (DB,)
    assert due(WEEKLY, [run(ITEM, 0), run(DB, 0, Status.FAILED)], NOW + 8 * DAY) == (DB, ITEM)


@given(st.integers(min_value=0, max_value=10**7))
def test_a_slot_is_an_identity(seconds: int) -> None:
    now = NOW + timedelta(seconds=seconds)
    slot = slot_at(WEEKLY, now)
    assert slot is not None
    assert slot <= now < slot + 7 * DAY
    assert slot_at(WEEKLY, slot) == slot
    assert slot_key(WEEKLY, slot, ITEM) == slot_key(WEEKLY, slot, WEEKLY.scopes[2])


def test_the_state_of_each_item() -> None:
    runs = [run(ITEM, 0), run(ITEM, 1, Status.FAILED, cleaned_up=False)]
    web, db = states(WEEKLY, runs, NOW + 8 * DAY)
    assert (web.last_success, web.last_status, web.never, web.overdue, web.to_clean_up) == (NOW, Status.FAILED, False, True, True)
    assert (db.never, db.last_status, db.overdue, db.to_clean_up) == (True, None, True, False)
    assert not states(WEEKLY, runs, NOW + HOUR)[0].overdue
