"""The registry's writes: one owner at a time, names that are not used twice, and a minute between two owners."""

import asyncio

import pytest

from shared.access.records.claim_rows import ClaimRows
from shared.access.records.claims import entra_claim, name_claim, subscription_claim
from shared.access.records.tenant import Tenant
from shared.errors import ErrorCode, Refused
from shared.storage.tables import Conflict
from tests.access.kit import FABRIKAM, PROVIDER
from tests.access.writing import SUBSCRIPTIONS, Written, tenant

ONE, TWO, *_ = SUBSCRIPTIONS
GOLD = f"{PROVIDER.vault_id}/replicationFabrics/vmm/replicationProtectionContainers/gold"
STORAGE = f"/subscriptions/{ONE}/resourceGroups/g/providers/Microsoft.Storage/storageAccounts/replicas"
ENTRA = "44444444-0000-4000-8000-000000000004"
APP = "55555555-0000-4000-8000-000000000005"


async def refused(call: object) -> Refused:
    with pytest.raises(Refused) as found:
        await call  # type: ignore[misc]  # a coroutine
    return found.value


async def test_a_written_tenant_owns_what_its_document_lists(written: Written) -> None:
    await written.put(tenant("fabrikam", ONE, TWO, tenantId=ENTRA))
    registry = written.reader()
    assert await written.owner(ONE) == await written.owner(TWO) == "fabrikam"
    found = await registry.by_entra_tenant(ENTRA.upper())
    assert found is not None
    assert found.name == "fabrikam"


async def test_what_is_removed_has_no_owner_at_once(written: Written) -> None:
    await written.put(tenant("fabrikam", ONE, TWO))
    await written.put(tenant("fabrikam", TWO))
    assert await written.owner(ONE) is None
    assert await written.owner(TWO) == "fabrikam"


@pytest.mark.parametrize(
    ("members", "target"),
    [
        ({"tenantId": ENTRA}, "tenantId"),
        ({"callers": [{"tenantId": ENTRA, "appId": APP}]}, "callers[0]"),
        ({"callers": [{"tenantId": ENTRA, "groupId": APP}]}, "callers[0]"),
        ({"subscriptions": [TWO, ONE]}, "subscriptions[1]"),
        ({"vaultId": FABRIKAM.vault_id}, "vaultId"),
        ({"clouds": [GOLD]}, "clouds[0]"),
        ({"storageAccounts": [STORAGE]}, "storageAccounts[0]"),
        ({"keyVaultUrl": "https://fabrikam.vault.azure.net"}, "keyVaultUrl"),
    ],
)
async def test_what_is_anothers_is_refused_with_its_field(written: Written, members: dict[str, object], target: str) -> None:
    own = {name: value for name, value in members.items() if name != "subscriptions"} or {"subscriptions": [ONE]}
    await written.put(Tenant.model_validate({"name": "fabrikam", **own}))
    found = await refused(written.put(Tenant.model_validate({"name": "northwind", **members})))
    assert (found.code, found.problem.target) == (ErrorCode.ALREADY_MAPPED, target)
    assert "fabrikam" in str(found)
    assert await written.writer().get("northwind") is None
    assert await written.claimant(name_claim("northwind")) is None, "the claims of a PUT are taken together or not at all"


async def test_callers_of_two_entra_tenants_may_have_the_same_id(written: Written) -> None:
    other = "66666666-0000-4000-8000-000000000006"
    await written.put(tenant("fabrikam", callers=[{"tenantId": ENTRA, "appId": APP}]))
    await written.put(tenant("northwind", callers=[{"tenantId": other, "appId": APP}]))
    registry = written.reader()
    found = [await registry.by_app(entra, APP) for entra in (ENTRA, other)]
    assert [one.name for one in found if one] == ["fabrikam", "northwind"]


async def test_an_entra_tenant_of_callers_can_be_claimed(written: Written) -> None:
    """The row that shows that an Entra tenant has callers is no claim of it."""
    await written.put(tenant("fabrikam", callers=[{"tenantId": ENTRA, "groupId": APP}]))
    await written.put(tenant("northwind", tenantId=ENTRA))
    registry = written.reader()
    assert await written.claimant(entra_claim(ENTRA)) == "northwind"
    assert await registry.has_groups(ENTRA)
    assert [one.name for one in await registry.by_groups(ENTRA, [APP])] == ["fabrikam"]


async def test_there_is_one_provider(written: Written) -> None:
    await written.put(tenant("contoso", kind="provider"))
    found = await refused(written.put(tenant("other", kind="provider")))
    assert (found.code, found.problem.target) == (ErrorCode.PROVIDER_EXISTS, "kind")
    assert (await written.reader().provider()).name == "contoso"


async def test_names_differ_by_more_than_case(written: Written) -> None:
    await written.put(tenant("Contoso"))
    found = await refused(written.put(tenant("contoso")))
    assert (found.code, found.problem.target) == (ErrorCode.NAME_TAKEN, "name")


async def test_a_deleted_tenants_name_is_not_used_again(written: Written) -> None:
    await written.put(tenant("fabrikam", ONE, tenantId=ENTRA))
    await written.delete("fabrikam")
    assert await written.owner(ONE) is None
    assert await written.reader().by_entra_tenant(ENTRA) is None
    found = await refused(written.put(tenant("FABRIKAM")))
    assert found.code is ErrorCode.NAME_USED_BEFORE
    record = await written.writer().get("fabrikam")
    assert record is not None
    assert record.deleted
    assert record.tenant == Tenant(name="fabrikam")


async def test_a_released_subscription_is_no_other_tenants_for_a_minute(written: Written) -> None:
    await written.put(tenant("fabrikam", ONE))
    await written.put(tenant("fabrikam"))
    written.pass_time(59)
    found = await refused(written.put(tenant("northwind", ONE)))
    assert (found.code, found.problem.target, found.retry_after) == (ErrorCode.JUST_RELEASED, "subscriptions[0]", 1.0)
    written.pass_time(1)
    await written.put(tenant("northwind", ONE))
    assert await written.owner(ONE) == "northwind"


async def test_the_same_tenant_takes_it_back_at_once(written: Written) -> None:
    await written.put(tenant("fabrikam", ONE))
    await written.put(tenant("fabrikam"))
    await written.put(tenant("fabrikam", ONE))
    assert await written.owner(ONE) == "fabrikam"


async def test_no_cache_names_the_former_owner_once_there_is_another(written: Written) -> None:
    await written.put(tenant("fabrikam", ONE))
    reader = written.reader()
    await written.put(tenant("fabrikam"))
    written.pass_time(60)
    await written.put(tenant("northwind", ONE))
    found = await reader.owner_of_subscription(ONE)
    assert found is not None
    assert found.name == "northwind"


async def test_fifty_claim_one_subscription_and_one_owns_it(written: Written) -> None:
    names = [f"tenant-{number}" for number in range(50)]
    await written.writer().claim_existing()
    writers = [written.writer(), written.writer()]

    async def claim(number: int, name: str) -> str | None:
        try:
            await writers[number % 2].put(tenant(name, ONE), None, "a test")
        except Refused as found:
            refusals.append(found.code)
            return None
        return name

    reader = written.reader().uncached()
    stop = asyncio.Event()
    refusals: list[ErrorCode] = []
    seen: set[str] = set()

    async def watch() -> None:
        while not stop.is_set():
            if (owner := await reader.owner_of_subscription(ONE)) is not None:
                seen.add(owner.name)

    watching = asyncio.create_task(watch())
    won = [name for name in await asyncio.gather(*(claim(number, name) for number, name in enumerate(names))) if name]
    stop.set()
    await watching
    assert len(won) == 1
    assert set(refusals) == {ErrorCode.ALREADY_MAPPED}
    assert seen <= set(won)
    assert await written.owner(ONE) == won[0]
    listing = [name for name in names if (record := await written.writer().get(name)) and ONE in record.tenant.subscriptions]
    assert listing == won


async def test_of_two_writes_over_one_record_one_is_refused(written: Written) -> None:
    first = await written.put(tenant("fabrikam", ONE))
    writers = [written.writer(), written.writer()]
    both = [tenant("fabrikam", ONE, TWO), tenant("fabrikam", TWO)]
    ends = await asyncio.gather(
        *(writer.put(wanted, first, "a test") for writer, wanted in zip(writers, both, strict=True)), return_exceptions=True
    )
    assert sorted(type(end).__name__ for end in ends) == ["Conflict", "TenantRecord"]
    record = await written.writer().get("fabrikam")
    assert record is not None
    for subscription in (ONE, TWO):
        expected = "fabrikam" if subscription in record.tenant.subscriptions else None
        assert await written.owner(subscription) == expected


async def test_a_write_over_an_old_record_releases_what_it_took(written: Written) -> None:
    old = await written.put(tenant("fabrikam"))
    await written.put(tenant("fabrikam", displayName="changed"))
    with pytest.raises(Conflict):
        await written.writer().put(tenant("fabrikam", ONE), old, "a test")
    assert await written.claimant(subscription_claim(ONE)) is None


async def test_a_claim_left_behind_is_free_after_two_minutes(written: Written) -> None:
    """Its writer did not survive: the document never listed it."""
    claims = ClaimRows(written.table, written.clock)
    await written.put(tenant("fabrikam"))
    from shared.access.records.claim_rows import Take

    await claims.take("fabrikam", [Take(subscription_claim(ONE), None)], "lost", {})
    assert await written.owner(ONE) is None
    assert (await refused(written.put(tenant("northwind", ONE)))).code is ErrorCode.ALREADY_MAPPED
    written.pass_time(121)
    await written.put(tenant("northwind", ONE))
    assert await written.owner(ONE) == "northwind"


async def test_a_writer_that_has_lost_its_claims_reverts_its_document(written: Written, monkeypatch: pytest.MonkeyPatch) -> None:
    """Paused between its claims and its document for so long that another tenant took them."""
    slow = written.writer()
    rows = slow._tenants  # noqa: SLF001  # the pause is between two writes of one call
    insert = rows.insert

    async def paused(*given: object) -> object:
        written.pass_time(121)
        await written.put(tenant("northwind", ONE))
        return await insert(*given)  # type: ignore[arg-type]  # handed through

    monkeypatch.setattr(rows, "insert", paused)
    found = await refused(slow.put(tenant("fabrikam", ONE), None, "a test"))
    assert found.code is ErrorCode.ALREADY_MAPPED
    assert await written.writer().get("fabrikam") is None
    assert await written.owner(ONE) == "northwind"


async def test_members_of_a_newer_version_survive_in_storage(written: Written) -> None:
    await written.put(tenant("fabrikam", newer={"a": 1}))
    record = await written.writer().get("fabrikam")
    assert record is not None
    assert (record.tenant.model_extra or {})["newer"] == {"a": 1}
