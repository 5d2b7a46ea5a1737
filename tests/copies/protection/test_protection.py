"""The protection of VMs in the whole app: rows that follow policies, copies and time, events that begin and end once, the list."""

from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from shared.clock import from_text, to_text
from shared.copies.protection import rounds
from shared.operations.crash_points import PROTECTION_POINTS
from tests.copies.policies.kit import TWO_TARGETS, Json, Story, World, machine_id, policy, run_story

pytestmark = pytest.mark.process
Start = Callable[[Story], None]
HOURLY = {"schedule": {"every": "PT6H"}, "objective": "PT8H"}


@pytest.fixture
def start(tmp_path: Path) -> Start:
    """Runs a story before an estate with two further machines of contoso's."""
    return lambda story: run_story(story, tmp_path, machines=2)


async def protection(world: World, query: str = "policy=daily", **options: str) -> Json:
    """Return the first page of the list."""
    found: Json = await world.get(f"/protection?{query}", **options)
    return found


async def fleet(world: World) -> dict[str, Json]:
    """Return the further machines by name."""
    return {one["name"]: one for one in (await protection(world))["value"]}


async def look(world: World, minutes: int = 2) -> None:
    """Let the timer run, minute by minute."""
    for _ in range(minutes):
        await world.advance(minutes=1)


def sent(world: World) -> list[tuple[str, str]]:
    """Return the type and id of each event of protection."""
    events = [one for one in world.take_events() if one["type"].startswith("farshore.protection.")]
    return [(one["type"].rpartition(".")[2], one["id"]) for one in events]


def test_a_vm_is_pending_then_protected_then_breached_and_recovers_with_one_event_each(start: Start) -> None:
    async def story(world: World) -> None:
        written = await world.put("daily", policy(**HOURLY))
        await look(world)
        (target,) = (await fleet(world))["fleet000"]["targets"]
        assert (target["state"], target["newestUsable"], target["policy"]) == ("pending", None, "daily")
        assert (target["objective"], target["nextSlot"]) == ("PT8H", written["nextSlot"])
        await world.advance_to(from_text(written["nextSlot"]))
        await look(world)
        (target,) = (await fleet(world))["fleet000"]["targets"]
        assert target["inFlight"]["copyId"]
        (run,) = await world.runs("daily")
        await world.until_ended(f"/copy-policies/daily/runs/{run['id']}", minutes=5)
        await look(world)
        found = (await fleet(world))["fleet000"]
        (target,) = found["targets"]
        assert (found["state"], target["breached"], target["usableCopies"], target["inFlight"]) == ("protected", False, 1, None)
        copy = await world.get(f"/restore-point-copies/{target['newestUsable']['copyId']}")
        assert copy["source"]["takenAt"] == target["newestUsable"]["takenAt"]
        assert sent(world) == []

        disabled = await world.put("daily", policy(**HOURLY, pausedUntil=to_text(world.now + timedelta(days=2))))
        assert disabled["nextSlot"] is not None
        breach = from_text(target["newestUsable"]["takenAt"]) + timedelta(hours=8)
        await world.advance_to(breach)
        assert (await fleet(world))["fleet000"]["state"] == "protected"  # exactly as old still keeps it
        await look(world)
        found = (await fleet(world))["fleet000"]
        assert (found["state"], found["targets"][0]["breachedSince"]) == ("breached", to_text(breach))
        await look(world, 10)
        assert Counter(kind for kind, _ in sent(world)) == {"breached": 2}

        answer = await world.call("POST", "/copy-policies/daily/run")
        await world.until_ended(f"/copy-policies/daily/runs/{answer.body['id']}", minutes=5)
        await look(world)
        assert (await fleet(world))["fleet000"]["state"] == "protected"
        kinds = Counter(kind for kind, _ in sent(world))
        assert kinds == {"breached": 2, "recovered": 2}
        ended = [one for one in world.events if one["type"] == "farshore.protection.recovered"]
        assert {one["data"]["by"] for one in ended} == {"copy"}
        assert {identity.rpartition("/")[0] for kind, identity in sent(world) if kind == "breached"} == {
            identity.rpartition("/")[0] for kind, identity in sent(world) if kind == "recovered"
        }

    start(story)


@pytest.mark.parametrize("point", PROTECTION_POINTS)
def test_a_breach_begins_and_ends_once_where_a_worker_ends(start: Start, point: str) -> None:
    async def story(world: World) -> None:
        await world.put("daily", policy(schedule={"every": "P1D"}, objective="P2D", pausedUntil=to_text(world.now + timedelta(days=9))))
        await look(world)
        world.app.points.arm(point)
        await world.advance(days=2)
        await look(world, 4)
        assert world.app.points.reached(point)
        world.app.points.arm(point)
        await world.put("daily", policy(objective="P9D", pausedUntil=to_text(world.now + timedelta(days=9))))
        await look(world, 4)
        assert Counter(kind for kind, _ in set(sent(world))) == {"breached": 2, "recovered": 2}
        assert {one["data"]["by"] for one in world.events if one["type"].endswith("recovered")} == {"objective"}
        assert {one["state"] for one in (await fleet(world)).values()} == {"pending"}

    start(story)


def test_a_policy_that_goes_leaves_its_vms_unprotected_with_one_event_each(start: Start) -> None:
    async def story(world: World) -> None:
        await world.put("daily", policy())
        await look(world)
        before = await protection(world, "")
        assert before["summary"]["virtualMachines"] == len(before["value"])
        assert before["summary"]["pending"] == 2
        others = [one for one in before["value"] if not one["policies"]]
        assert {(one["state"], *one["reasons"]) for one in others} <= {("unprotected", "NoPolicy"), ("unprotected", "PolicyDisabled")}
        assert others
        await world.call("DELETE", "/copy-policies/daily", If_Match="*")
        await look(world)
        after = await protection(world, "")
        assert (after["summary"]["pending"], after["summary"]["unprotected"]) == (0, len(before["value"]))
        assert Counter(kind for kind, _ in sent(world)) == {"unprotected": 2}

    start(story)


def test_a_vm_that_azure_does_not_have_is_an_orphan_with_copies_and_no_item_without(start: Start) -> None:
    async def story(world: World) -> None:
        written = await world.put("daily", policy(targets=TWO_TARGETS))
        await world.advance_to(from_text(written["nextSlot"]))
        (run,) = await world.runs("daily")
        await world.until_ended(f"/copy-policies/daily/runs/{run['id']}", minutes=10)
        estate = world.app.platform.estate()
        estate["virtualMachines"] = [one for one in estate["virtualMachines"] if one["id"] != machine_id("fleet000")]
        world.app.platform.replace_estate(estate)
        await world.advance(hours=1)
        await look(world)
        (found,) = (await protection(world, f"virtualMachineId={machine_id('fleet000')}"))["value"]
        assert (found["state"], [target["usableCopies"] for target in found["targets"]]) == ("orphan", [1, 1])
        assert {target["policy"] for target in found["targets"]} == {None}

    start(story)


def test_the_list_is_filtered_paged_and_of_the_callers_tenant(start: Start) -> None:
    async def story(world: World) -> None:
        await world.put("daily", policy(targets=TWO_TARGETS))
        await look(world)
        whole = (await protection(world, ""))["value"]
        ids = [one["virtualMachineId"] for one in whole]
        assert ids == sorted(ids, key=str.lower)
        paged: list[str] = []
        link = "/protection?top=1"
        while link:
            page = await world.get(link)
            assert page["summary"]["virtualMachines"] == len(whole)
            paged += [one["virtualMachineId"] for one in page["value"]]
            link = page.get("nextLink", "").partition("/api")[2]
        assert paged == ids
        assert {one["name"] for one in (await protection(world, "state=pending&region=uksouth"))["value"]} == {"fleet000", "fleet001"}
        assert (await protection(world, "state=breached"))["value"] == []
        assert (await world.call("GET", "/protection?state=fine")).status == 400
        assert (await protection(world, "", tenant="fabrikam"))["value"] == []
        assert (await world.call("GET", "/protection?tenant=contoso", tenant="fabrikam")).status == 404

    start(story)


def test_rows_beyond_the_most_of_a_round_are_written_by_the_next(start: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rounds, "_MOST_CHANGED", 2)

    async def story(world: World) -> None:
        await world.put("daily", policy())
        await look(world, 1)
        assert (await protection(world, ""))["summary"]["virtualMachines"] == 2
        await look(world, 5)
        found = await protection(world, "")
        assert found["summary"]["virtualMachines"] == len(found["value"]) > 4
        assert found["asOf"]["inventory"] is not None
        assert set(await fleet(world)) == {"fleet000", "fleet001"}

    start(story)


def test_a_failed_copy_is_shown(start: Start) -> None:
    async def story(world: World) -> None:
        written = await world.put("daily", policy())
        await look(world)
        world.fault("failCopy", method="PUT", path="fleet000.*northeurope.*/restorePoints/", times=2)
        await world.advance_to(from_text(written["nextSlot"]))
        (run,) = await world.runs("daily")
        await world.until_ended(f"/copy-policies/daily/runs/{run['id']}", minutes=10)
        await look(world)
        found = await fleet(world)
        (failed,), (usable,) = found["fleet000"]["targets"], found["fleet001"]["targets"]
        copies = (await world.get("/restore-point-copies?policy=daily&status=Failed"))["value"]
        assert failed["lastFailure"]["copyId"] in {copy["id"] for copy in copies}
        assert (failed["lastFailure"]["code"], failed["newestUsable"], usable["lastFailure"]) == ("CopyFailed", None, None)

    start(story)
