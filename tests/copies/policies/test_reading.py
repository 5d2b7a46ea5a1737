"""Documents of copy policies: bounds, refusals, the normal form."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.copies.policies.document import PolicyDocument
from shared.copies.policies.reading import policy_name, read_policy
from shared.errors import ErrorCode, Refused
from shared.values.sent import SentBody
from tests.copies.policies.documents import SUBSCRIPTION, document, vm_id

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
TARGET = {"region": "northeurope", "resourceGroup": "copies"}
PLACE = {"resourceGroup": "drills", "subnetId": None}
SUBNET = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/net/providers/Microsoft.Network/virtualNetworks/drills/subnets/one"


def read(body: dict[str, Any], now: datetime) -> PolicyDocument:
    return read_policy(SentBody(body), now)


def _refused(body: dict[str, Any]) -> Refused:
    with pytest.raises(Refused) as refused:
        read(body, NOW)
    assert refused.value.code is ErrorCode.INVALID_REQUEST
    return refused.value


def _targets(**members: Any) -> list[dict[str, Any]]:
    return [TARGET | members]


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        # unknown fields, wrong types, bounds
        ({"colour": "red"}, "colour"),
        ({"description": "x" * 501}, "description"),
        ({"enabled": "yes"}, "enabled"),
        ({"priority": 1001}, "priority"),
        ({"priority": -1}, "priority"),
        ({"priority": "100"}, "priority"),
        ({"priority": 1.5}, "priority"),
        ({"pausedUntil": "2026-03-01T12:00:00Z"}, "pausedUntil"),
        ({"pausedUntil": "2027-03-02T12:00:01Z"}, "pausedUntil"),
        ({"pausedUntil": "tomorrow"}, "pausedUntil"),
        ({"tags": {f"t{number}": "v" for number in range(11)}}, "tags"),
        ({"tags": {"farshore-vm": "v"}}, "tags"),
        # selector
        ({"selector": {}}, "selector"),
        ({"selector": {"exclude": {"virtualMachineIds": [vm_id("a")]}}}, "selector"),
        ({"selector": {"tags": {"all": {}}}}, "selector"),
        ({"selector": {"everything": True, "regions": ["westeurope"]}}, "selector"),
        ({"selector": {"everything": True, "tags": {"none": {"a": None}}}}, "selector"),
        ({"selector": {"subscriptions": ["not-a-guid"]}}, "selector.subscriptions[0]"),
        ({"selector": {"resourceGroups": ["web"]}}, "selector.resourceGroups[0]"),
        ({"selector": {"virtualMachineIds": [vm_id("a"), SUBNET]}}, "selector.virtualMachineIds[1]"),
        ({"selector": {"virtualMachineIds": [vm_id(f"a{number}") for number in range(501)]}}, "selector.virtualMachineIds"),
        ({"selector": {"tags": {"all": {f"t{number}": "v" for number in range(21)}}}}, "selector.tags.all"),
        ({"selector": {"tags": {"all": {"Env": "a", "env": "b"}}}}, "selector.tags.all"),
        # schedule
        ({"schedule": {}}, "schedule"),
        ({"schedule": {"cron": "0 0 2 * * *", "every": "PT6H"}}, "schedule"),
        ({"schedule": {"cron": "0 2 * * *"}}, "schedule.cron"),
        ({"schedule": {"cron": "0 0 2 30 2 *"}}, "schedule.cron"),
        ({"schedule": {"cron": "0 0 2,4 * * *"}}, "schedule.cron"),
        ({"schedule": {"every": "PT2H"}}, "schedule.every"),
        ({"schedule": {"every": "PT30M"}}, "schedule.every"),
        ({"schedule": {"every": "P32D"}}, "schedule.every"),
        ({"schedule": {"every": "PT3H30S"}}, "schedule.every"),
        ({"schedule": {"every": "PT6H", "anchor": "soon"}}, "schedule.anchor"),
        ({"schedule": {"every": "PT6H", "anchor": "2028-01-01T00:00"}}, "schedule.anchor"),
        ({"schedule": {"cron": "0 0 2 * * *", "anchor": "2026-01-01T00:00"}}, "schedule.anchor"),
        ({"schedule": {"cron": "0 0 2 * * *", "timeZone": "Romance Standard Time"}}, "schedule.timeZone"),
        ({"schedule": {"cron": "0 0 2 * * *", "window": {"from": "03:00", "to": "04:00"}}}, "schedule.window"),
        ({"schedule": {"cron": "0 0 2 * * *", "window": {"from": "02:00", "to": "02:00"}}}, "schedule.window"),
        ({"schedule": {"cron": "0 0 2 * * *", "window": {"from": "2:00", "to": "04:00"}}}, "schedule.window.from"),
        ({"schedule": {"cron": "0 0 2 * * *", "window": {"from": "02:00", "to": "04:00", "days": ["funday"]}}}, "schedule.window.days[0]"),
        ({"schedule": {"cron": "0 0 2 * * *", "catchUp": "maybe"}}, "schedule.catchUp"),
        # consistency
        ({"consistency": {"mode": "FileSystemConsistent"}}, "consistency.mode"),
        ({"consistency": {"mode": "CrashConsistent", "fallback": "CrashConsistent"}}, "consistency.fallback"),
        ({"disks": {"exclude": [vm_id("a")]}}, "disks.exclude[0]"),
        # targets
        ({"targets": []}, "targets"),
        ({"targets": [TARGET | {"region": f"region{number}"} for number in range(6)]}, "targets"),
        ({"targets": [TARGET, {"region": "North Europe", "resourceGroup": "other"}]}, "targets[1].region"),
        ({"targets": [TARGET, {"region": "north-europe!", "resourceGroup": "other"}]}, "targets[1].region"),
        ({"targets": _targets(resourceGroup="")}, "targets[0].resourceGroup"),
        ({"targets": _targets(subscriptionId="x")}, "targets[0].subscriptionId"),
        ({"targets": _targets(drillIn={"resourceGroup": "drills"})}, "targets[0].drillIn.subnetId"),
        ({"targets": _targets(drillIn={"resourceGroup": "drills", "subnetId": vm_id("a")})}, "targets[0].drillIn.subnetId"),
        # objective
        ({"objective": "PT59M"}, "objective"),
        ({"objective": "P32D"}, "objective"),
        ({"objective": "P1D"}, "objective"),
        # retention, limits
        ({"retention": {}}, "retention.keepLast"),
        ({"retention": {"keepLast": 0}}, "retention.keepLast"),
        ({"retention": {"keepLast": 100, "daily": 301}}, "retention"),
        ({"retention": {"keepLast": 3, "daily": 367}}, "retention.daily"),
        ({"retention": {"keepLast": 3, "source": {"keepLast": 401}}}, "retention.source.keepLast"),
        ({"limits": {"virtualMachines": 20001}}, "limits.virtualMachines"),
        ({"limits": {"virtualMachines": 5, "minimumVirtualMachines": 6}}, "limits.minimumVirtualMachines"),
        ({"limits": {"deletionsPerPlace": 0}}, "limits.deletionsPerPlace"),
        # drill
        ({"drill": {"every": "P7D", "kind": "disks"}}, "drill"),
        ({"drill": {"every": "PT1H", "kind": "disks"}, "targets": _targets(drillIn=PLACE)}, "drill.every"),
        ({"drill": {"every": "P7D", "kind": "virtualMachine"}, "targets": _targets(drillIn=PLACE)}, "targets[0].drillIn.subnetId"),
        ({"drill": {"every": "P7D", "kind": "disks", "machines": 11}, "targets": _targets(drillIn=PLACE)}, "drill.machines"),
    ],
)
def test_what_is_refused_has_its_path(changes: dict[str, Any], path: str) -> None:
    refused = _refused(document(**changes))
    assert path in {detail.target for detail in refused.problem.details}


def test_null_is_absent_in_every_part() -> None:
    """Serializers of other languages write null for what is not set."""
    of_tags = {"all": {"env": None}, "any": None, "none": None}
    selector = {"tags": of_tags, "everything": None, "virtualMachineIds": None, "subscriptions": None, "regions": None}
    excluding = {"virtualMachineIds": None, "resourceGroups": None, "tags": {"any": None}}
    source = {"keepLast": None}
    body = document(
        selector={**selector, "resourceGroups": None, "exclude": excluding},
        schedule={"cron": "0 0 2 * * *", "every": None, "timeZone": None, "anchor": None, "window": None, "catchUp": None},
        retention={"keepLast": 3, "daily": None, "weekly": None, "monthly": None, "yearly": None, "source": source},
    )
    absent = ("description", "enabled", "pausedUntil", "priority", "consistency", "disks", "objective", "limits", "drill", "tags")
    plain = document(selector={"tags": {"all": {"env": None}}}, schedule={"cron": "0 0 2 * * *"}, retention={"keepLast": 3})
    assert read({**body, **dict.fromkeys(absent)}, NOW) == read(plain, NOW)


@pytest.mark.parametrize("missing", ["selector", "schedule", "targets", "retention"])
def test_what_is_missing_is_refused(missing: str) -> None:
    assert _refused(document(**{missing: None})).problem.target == missing


def test_several_faults_are_refused_at_once() -> None:
    body = document(priority=5000, enabled="no", retention={"keepLast": 0}, targets=[TARGET, {"region": "!", "resourceGroup": "a"}])
    targets = {detail.target for detail in _refused(body).problem.details}
    assert targets == {"priority", "enabled", "retention.keepLast", "targets[1].region"}


def test_several_faults_of_fields_together_are_refused_at_once() -> None:
    body = document(selector={}, objective="PT2H", targets=[TARGET, TARGET], retention={"keepLast": 100, "daily": 366})
    targets = {detail.target for detail in _refused(body).problem.details}
    assert targets == {"selector", "objective", "targets[1].region", "retention"}


def test_the_refusal_of_a_windows_zone_has_the_iana_name() -> None:
    refused = _refused(document(schedule={"cron": "0 0 2 * * *", "timeZone": "Romance Standard Time"}))
    assert "Europe/Paris" in refused.problem.details[0].message


@pytest.mark.parametrize("part", ["PT24H", "P1DT1H", "2026-10-25"])
def test_the_refusal_of_an_objective_has_both_durations_and_the_date(part: str) -> None:
    refused = _refused(document(objective="PT24H"))
    assert part.replace("PT24H", "P1D") in refused.problem.details[0].message


def test_an_objective_of_the_longest_distance_and_twenty_minutes_is_enough() -> None:
    read(document(objective="PT25H20M"), NOW)
    assert _refused(document(objective="PT25H19M")).problem.target == "objective"


def test_crash_consistency_allows_hourly_slots() -> None:
    read(document(schedule={"every": "PT1H"}, consistency={"mode": "CrashConsistent"}), NOW)


@pytest.mark.parametrize("name", ["a", "9.x_y-z", "A" * 63])
def test_a_name_is_allowed(name: str) -> None:
    assert policy_name(name) == name


@pytest.mark.parametrize("name", ["", "-a", ".a", "a/b", "a b", "A" * 64, "ä", "a\n"])
def test_a_name_is_refused(name: str) -> None:
    with pytest.raises(Refused):
        policy_name(name)


def test_the_normal_form() -> None:
    body = document(
        selector={
            "virtualMachineIds": [vm_id("A", subscription=SUBSCRIPTION.upper()), vm_id("a")],
            "subscriptions": [SUBSCRIPTION.upper(), SUBSCRIPTION],
            "resourceGroups": [f"/SUBSCRIPTIONS/{SUBSCRIPTION}/resourcegroups/Web/"],
            "regions": ["West Europe", "westeurope"],
            "tags": {"all": {}, "any": {"env": ["prod", "prod"]}},
            "exclude": {"virtualMachineIds": []},
        },
        schedule={"cron": "0  0 2 * * mon", "window": {"from": "01:00", "to": "03:00", "days": ["tue", "mon", "mon"]}},
        targets=[{"region": "North Europe", "resourceGroup": "copies"}],
        objective="PT240H",
        tags={},
        drill=None,
    )
    normal = read(body, NOW).as_json()

    assert normal["selector"] == {
        "virtualMachineIds": [vm_id("A")],
        "subscriptions": [SUBSCRIPTION],
        "resourceGroups": [f"/subscriptions/{SUBSCRIPTION}/resourceGroups/Web"],
        "regions": ["westeurope"],
        "tags": {"any": {"env": ["prod"]}},
        "everything": False,
    }
    assert normal["schedule"] == {
        "cron": "0 0 2 * * MON",
        "every": None,
        "timeZone": "UTC",
        "anchor": None,
        "window": {"from": "01:00", "to": "03:00", "days": ["mon", "tue"]},
        "catchUp": "run",
    }
    assert normal["targets"] == [{"region": "northeurope", "resourceGroup": "copies", "subscriptionId": None, "drillIn": None}]
    assert normal["objective"] == "P10D"
    assert normal["limits"] == {"virtualMachines": 500, "minimumVirtualMachines": 1, "deletionsPerPlace": 6}
    assert normal["retention"] == {"keepLast": 3, "daily": 0, "weekly": 0, "monthly": 0, "yearly": 0, "source": {"keepLast": 3}}
    assert {"tags", "drill"} & set(normal) == {"drill"}


OPTIONAL = {
    "description": st.text(max_size=5),
    "enabled": st.booleans(),
    "pausedUntil": st.sampled_from(["2026-04-01T00:00:00+02:00", None]),
    "priority": st.integers(0, 1000),
    "disks": st.just({"excludeUnsupported": True}),
    "objective": st.sampled_from(["PT48H", "P3D", None]),
    "limits": st.fixed_dictionaries({"virtualMachines": st.integers(1, 20000), "minimumVirtualMachines": st.just(0)}),
    "schedule": st.sampled_from(
        [
            {"every": "PT24H", "anchor": "2026-01-01T00:00", "timeZone": "Asia/Kathmandu"},
            {"every": "P1D", "anchor": "2026-01-01T00:00:00+05:00", "window": {"from": "00:00", "to": "23:59"}},
            {"cron": "0 30 2 * JAN-DEC *"},
        ]
    ),
    "drill": st.just({"every": "P1W", "kind": "disks", "keepFor": "PT90M"}),
    "tags": st.dictionaries(st.sampled_from("abc"), st.text(max_size=3), max_size=3),
}


@settings(max_examples=25, deadline=None)
@given(st.fixed_dictionaries({"targets": st.just(_targets(drillIn=PLACE))}, optional=OPTIONAL))
def test_the_normal_form_of_a_normal_form_is_itself(changes: dict[str, Any]) -> None:
    normal = read(document(**changes), NOW).as_json()
    again = read(normal, NOW)

    assert again.as_json() == normal
    assert PolicyDocument.model_validate(normal).as_json() == normal
    assert again.schedule.rule() == read(document(**changes), NOW).schedule.rule()
