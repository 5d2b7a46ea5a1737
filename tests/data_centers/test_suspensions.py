"""Suspension and resume over the simulated Azure Pack in memory: exactly the machines that ran are started again."""

import random
from collections.abc import Collection
from datetime import timedelta
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from local.simulation.azure_pack.service_api import ACTIVE, SUSPENDED
from shared.azure_pack.errors import AzurePackError, ErrorKind
from shared.data_centers.gateway import is_unreadable
from shared.installations.machine_states import PowerState, power_state
from shared.installations.reach.failures import as_failure
from tests.data_centers.bench import Bench, bench
from tests.data_centers.documents import Json, installation
from tests.support.api import Reply

STATES = ("Running", "Stopped", "Paused", "Saved")


async def ordered(app: Bench, **states: str) -> str:
    """Order a data center with machines in these states, and return its subscription."""
    await app.until_ended(await app.place(resources={"vmCount": 20, "cpuCount": 40, "memoryMB": 65536, "storageGB": 2000}))
    subscription = str((await app.shown())["subscriptionId"])
    for name, status in states.items():
        app.machine(name, status, subscription)
    return subscription


async def done(app: Bench, answer: Reply) -> Json:
    """Wait for an operation, and return it."""
    assert answer.status in {200, 202}, answer
    (operation,) = await app.until_ended(answer)
    return operation


async def test_exactly_the_machines_that_ran_are_started_again() -> None:
    async with bench() as app:
        subscription = await ordered(app, web="Running", db="Running", batch="Stopped", desk="Paused", kept="Saved")
        app.machine("guestless", "Running", subscription, _integration=False)
        app.machine("role", "Running", subscription, VirtualMachineRole="web")
        operation = await done(app, await app.act("suspend", {"reason": "unpaid"}))
        assert operation["status"] == "Succeeded", operation
        assert operation["result"]["machines"] == {"total": 7, "ran": 4, "done": 4, "left": 0}
        assert operation["result"]["how"] == {"guestless": "Stop"}, "without integration services a guest cannot shut down"
        mine = {name: status for name, status in app.power().items() if name not in {"web-1", "web-2", "batch"} or name == "batch"}
        assert {name: app.power()[name] for name in ("web", "db", "guestless", "role")} == dict.fromkeys(
            ("web", "db", "guestless", "role"), "Stopped"
        )
        assert (app.power()["desk"], app.power()["kept"], mine["batch"]) == ("Paused", "Saved", "Stopped")
        shown = await app.shown()
        assert (shown["state"], shown["suspension"]["reason"], shown["observed"]["subscriptionState"]) == (
            "Suspended",
            "unpaid",
            "Suspended",
        )
        again = await done(app, await app.act("suspend", {"reason": "still unpaid"}))
        assert (again["status"], again["result"]["changed"]) == ("Succeeded", False)
        app.pack.gate.apply((app.pack.gate.state.remove_entity("VirtualMachines", _machine(app, "role")),))
        operation = await done(app, await app.act("resume", {}))
        assert operation["status"] == "Succeeded", operation
        power = app.power()
        assert {name: power[name] for name in ("web", "db", "guestless")} == dict.fromkeys(("web", "db", "guestless"), "Running")
        assert (power["batch"], power["desk"], power["kept"]) == ("Stopped", "Paused", "Saved")
        assert ((await app.shown())["state"], (await app.shown())["suspension"]) == ("Active", None)


def _machine(app: Bench, name: str) -> Json:
    return next(one for one in app.pack.gate.state.entities("VirtualMachines") if one["Name"] == name)


async def test_a_machine_that_was_started_meanwhile_is_stopped_and_recorded() -> None:
    async with bench() as app:
        await ordered(app, web="Running", idle="Stopped")
        suspending = await app.act("suspend", {})
        await app.advance()
        machine = _machine(app, "idle")
        app.pack.gate.apply((app.pack.gate.state.put_entity("VirtualMachines", machine | {"StatusString": "Running"}),))
        operation = await done(app, suspending)
        assert (operation["status"], app.power()["idle"]) == ("Succeeded", "Stopped"), operation
        await done(app, await app.act("resume", {}))
        assert (app.power()["idle"], app.power()["web"]) == ("Running", "Running")


async def test_a_machine_that_cannot_be_stopped_is_named_and_the_data_center_is_suspended_all_the_same() -> None:
    async with bench() as app:
        await ordered(app, web="Running", bad="Running")
        bad = _machine(app, "bad")["ID"]
        app.fault("failVmmJob", path=bad, code="2606", problem="It is locked.", recommendedAction="Unlock it.", times=20)
        operation = await done(app, await app.act("suspend", {"operationAfterSuspension": "stop"}))
        assert (operation["status"], operation["error"]["code"]) == ("Failed", "MachinesNotStopped"), operation
        (detail,) = operation["error"]["details"]
        assert (detail["code"], detail["message"], detail["target"]) == ("2606", "It is locked.", "bad")
        assert detail["details"][0]["message"] == "Unlock it."
        assert operation["result"]["state"] == "Suspended"
        assert sum(bad in path for _, path in app.effects()) == 3, "it is tried three times"
        app.platform.clear_faults()
        effects = app.effects()
        operation = await done(app, await app.act("suspend", {"operationAfterSuspension": "stop"}))
        assert (operation["status"], app.power()["bad"]) == ("Succeeded", "Stopped")
        assert all(bad in path for _, path in app.effects()[len(effects) :]), "the same call touches only what is left"
        await done(app, await app.act("resume", {}))
        assert (app.power()["web"], app.power()["bad"]) == ("Running", "Running")


async def test_a_machine_that_cannot_be_started_is_left_and_the_next_resume_starts_it_alone() -> None:
    async with bench() as app:
        await ordered(app, web="Running", bad="Running", idle="Stopped")
        await done(app, await app.act("suspend", {}))
        bad = _machine(app, "bad")["ID"]
        app.fault("failVmmJob", path=bad, code="1717", problem="No memory.", times=20)
        operation = await done(app, await app.act("resume", {}))
        assert (operation["error"]["code"], operation["result"]["state"]) == ("MachinesNotStarted", "Active")
        app.platform.clear_faults()
        effects = len(app.effects())
        operation = await done(app, await app.act("resume", {}))
        assert (operation["status"], app.power()["bad"], app.power()["idle"]) == ("Succeeded", "Running", "Stopped")
        assert [bad in path for _, path in app.effects()[effects:]] == [True]
        assert (await app.shown())["suspension"] is None


async def test_save_on_an_installation_that_does_not_know_it_ends_as_shutdown() -> None:
    async with bench(knowsSaveState=False) as app:
        await ordered(app, web="Running")
        operation = await done(app, await app.act("suspend", {"operationAfterSuspension": "save"}))
        assert (operation["status"], operation["result"]["how"]) == ("Succeeded", {"web": "Shutdown"}), operation
        assert app.power()["web"] == "Stopped"


async def test_save_saves_and_resume_starts() -> None:
    async with bench() as app:
        await ordered(app, web="Running")
        await done(app, await app.act("suspend", {"operationAfterSuspension": "save"}))
        assert app.power()["web"] == "Saved"
        await done(app, await app.act("resume", {}))
        assert app.power()["web"] == "Running"


async def test_a_subscription_that_was_suspended_by_hand_is_resumed_without_starting_anything() -> None:
    async with bench() as app:
        subscription = await ordered(app, idle="Stopped")
        app.change("subscriptions", subscription, State=2)
        await app.advance(timedelta(minutes=1))
        assert (await app.shown())["observed"]["drift"] == ["suspendedElsewhere"]
        operation = await done(app, await app.act("resume", {}))
        assert (operation["status"], len(operation["result"]["notes"]), app.power()["idle"]) == ("Succeeded", 1, "Stopped")
        assert app.row("subscriptions", subscription)["State"] == 1


async def test_start_on_resume_false_closes_the_record_and_starts_nothing() -> None:
    async with bench() as app:
        await ordered(app, web="Running")
        await done(app, await app.act("suspend", {}))
        await done(app, await app.act("resume", {"startOnResume": False}))
        assert (app.power()["web"], (await app.shown())["suspension"]) == ("Stopped", None)
        await done(app, await app.act("resume", {}))
        assert app.power()["web"] == "Stopped"


@pytest.mark.parametrize("closing", ["resume", "delete"])
async def test_a_closed_record_is_kept_for_90_days(closing: str) -> None:
    async with bench() as app:
        await ordered(app, web="Running")
        suspended = await done(app, await app.act("suspend", {}))
        await done(app, await app.act(closing, {"deleteMachines": True} if closing == "delete" else {}))
        rows = app.storage.table("dataCenters").rows
        for days, kept in ((89, 1), (2, 0)):
            app.platform.clock.move(timedelta(days=days))
            for run in app.runtime.timers:
                await run()
            found = [row for _, row in rows if row.startswith("s|") and row.endswith(suspended["result"]["suspension"])]
            assert len(found) == kept, days
        assert not [row for partition, row in rows if partition == "closed"]


async def test_on_an_installation_that_shows_no_machines_of_a_suspended_subscription_it_is_suspended_with_a_note() -> None:
    async with bench(suspendedAllowsAdmin=False) as app:
        await ordered(app, web="Running")
        operation = await done(app, await app.act("suspend", {}))
        assert (operation["status"], len(operation["result"]["notes"])) == ("Succeeded", 1), operation
        assert (app.power()["web"], (await app.shown())["state"]) == ("Stopped", "Suspended")


async def test_where_a_suspended_subscription_hides_its_machines_the_admin_service_finds_them_for_the_deletion() -> None:
    async with bench(suspendedAllowsAdmin=False) as app:
        await ordered(app, web="Running", resting="Paused")
        await done(app, await app.act("suspend", {}))
        app.machine("late", "Running", str((await app.shown())["subscriptionId"]))
        again = await done(app, await app.act("suspend", {}))
        assert (again["status"], app.power()["late"], again["result"]["changed"]) == ("Succeeded", "Stopped", True), again
        refused = await done(app, await app.act("delete", {}))
        assert (refused["status"], refused["error"]["code"]) == ("Failed", "MachinesExist"), refused
        assert {one["message"] for one in refused["error"]["details"]} >= {"The machine 'web' exists."}
        deleted = await done(app, await app.act("delete", {"deleteMachines": True}))
        assert (deleted["status"], deleted["result"]["machinesDeleted"]) == ("Succeeded", 3), deleted
        assert not {"web", "resting", "late"} & set(app.power())
        assert not [url for method, url in app.sent if method == "DELETE" and "force=True" in url]


async def test_where_no_way_shows_the_machines_a_suspension_ends_with_a_note_and_a_deletion_asks_for_a_person() -> None:
    async with bench(suspendedAllowsAdmin=False) as app:
        await ordered(app, web="Running")
        await done(app, await app.act("suspend", {}))
        app.fault("error", path="Odata", times=200, status=403)
        again = await done(app, await app.act("suspend", {}))
        assert (again["status"], again["result"]["changed"], len(again["result"]["notes"])) == ("Succeeded", False, 1), again
        deleting = await app.act("delete", {"deleteMachines": True})
        await app.advance(timedelta(minutes=10))
        shown = await app.operation(deleting)
        assert (shown["status"], shown["attention"]["code"]) == ("Running", "AzurePackForbidden"), shown
        assert app.power()["web"] == "Stopped"


@pytest.mark.parametrize(("via", "owner"), [("adminSubscription", {"RoleID": str(UUID(int=9))}), ("admin", None)])
async def test_where_the_admin_service_shows_machines_of_others_none_is_stopped_or_deleted(via: str, owner: Json | None) -> None:
    async with bench(document=installation(machines={"via": via}), suspendedAllowsAdmin=False, adminFiltersMachines=False) as app:
        for one in app.pack.gate.state.entities("VirtualMachines"):
            app.pack.gate.apply((app.pack.gate.state.put_entity("VirtualMachines", one | {"Owner": owner}),))
        await app.until_ended(await app.place())
        subscription = str((await app.shown())["subscriptionId"])
        app.change("subscriptions", subscription.lower(), State=SUSPENDED)
        app.machine("web", "Running", subscription)
        before = app.power()
        suspended = await done(app, await app.act("suspend", {}))
        assert app.power() == before
        assert (suspended["status"], len(suspended["result"]["notes"])) == ("Succeeded", 1), suspended
        deleting = await app.act("delete", {"deleteMachines": True})
        await app.advance(timedelta(minutes=10))
        shown = await app.operation(deleting)
        assert (shown["status"], shown["attention"]["code"]) == ("Running", "AzurePackForbidden"), shown
        assert app.power() == before
        app.change("subscriptions", subscription.lower(), State=ACTIVE)
        put = await app.request("PUT", "/azure-packs/pack", installation(), headers={"If-Match": "*"})
        assert put.status == 200, put
        assert [one["status"] for one in await app.until_ended(deleting)] == ["Succeeded"], "another way shows the machines"
        assert {name: status for name, status in before.items() if name != "web"} == app.power()


@pytest.mark.parametrize(
    ("kind", "unreadable"),
    [
        (ErrorKind.FORBIDDEN, True), (ErrorKind.NOT_FOUND, True), (ErrorKind.INVALID, True), (ErrorKind.THROTTLED, False),
        (ErrorKind.SIGN_IN, False), (ErrorKind.UNREACHABLE, False), (ErrorKind.NO_ANSWER, False), (ErrorKind.SERVER, False),
    ],
)  # fmt: skip
def test_only_what_is_refused_for_good_cannot_be_read(kind: ErrorKind, unreadable: bool) -> None:
    assert is_unreadable(as_failure(AzurePackError(kind, "Odd", "No."))) is unreadable


async def test_what_is_asked_of_a_machine_in_the_hands_of_another_operation_waits() -> None:
    async with bench() as app:
        subscription = await ordered(app, web="Running")
        lock = f"vm|azurePack/pack/{subscription}/{_machine(app, 'web')['ID']}"
        assert await app.runtime.core.locks.take([lock], "a" * 26) is None
        suspending = await app.act("suspend", {})
        await app.advance(timedelta(minutes=1))
        assert ((await app.operation(suspending))["status"], app.power()["web"]) == ("Running", "Running")
        await app.runtime.core.locks.release([lock], "a" * 26)
        operation = await done(app, suspending)
        assert (operation["status"], app.power()["web"]) == ("Succeeded", "Stopped")


@pytest.mark.parametrize(
    ("point", "times"),
    [
        ("step.claimed", 1),
        ("step.intended", 1),
        ("step.intended", 2),
        ("step.sent", 1),
        ("step.sent", 3),
        ("step.ended", 2),
        ("finish.written", 1),
    ],
)
async def test_killed_at_each_point_a_suspension_a_resume_and_a_deletion_end_as_without(point: str, times: int) -> None:
    async with bench() as app:
        await ordered(app, web="Running", db="Running", idle="Stopped", desk="Paused")
        for action in ("suspend", "resume"):
            assert await _writes_of(app, action, {}, point, times) == 3, "two machines and the subscription, each once"
        assert {name: app.power()[name] for name in ("web", "db", "idle", "desk")} == {
            "web": "Running", "db": "Running", "idle": "Stopped", "desk": "Paused",
        }  # fmt: skip
        assert await _writes_of(app, "delete", {"deleteMachines": True}, point, times) == 3 + 4 + 5, (
            "stopped, deleted, and all that was made"
        )
        assert not {"web", "db", "idle"} & set(app.power())
        assert app.killed


async def _writes_of(app: Bench, action: str, body: Json, point: str, times: int) -> int:
    """Carry out an action that is killed at a point, and return how many writes it came to, each made once."""
    before = len(app.effects())
    app.kill_at(point, times)
    operation = await done(app, await app.act(action, body))
    assert operation["status"] == "Succeeded", operation
    app.armed.clear()
    writes = app.effects()[before:]
    assert len(writes) == len(set(writes)), "nothing is written twice"
    return len(writes)


@pytest.mark.parametrize("kind", ["lostResponse", "lateEffect", "errorAfterEffect"])
async def test_with_answers_of_vmm_that_are_lost_or_late_machines_are_stopped_started_and_deleted_once(kind: str) -> None:
    """Each message is delivered twice, too."""
    async with bench(workers=2) as app:
        app.doubled = True
        await ordered(app, web="Running", idle="Stopped")
        for action, body, count in (("suspend", {}, 2), ("resume", {}, 2), ("delete", {"deleteMachines": True}, 1 + 2 + 5)):
            for method in ("PUT", "DELETE", "PATCH"):
                more: Json = {"status": 500} if kind == "errorAfterEffect" else {"delay": "PT20S"} if kind == "lateEffect" else {}
                app.fault(kind, method=method, path="VirtualMachines|^/subscriptions", times=1, **more)
            assert await _writes_of(app, action, body, "never.reached", 1) == count, action
            app.platform.clear_faults()
        assert not {"web", "idle"} & set(app.power())


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 2**32))
async def test_a_machine_that_was_never_seen_running_is_never_started(seed: int) -> None:
    """Random histories: machines in any state, some of roles or without integration services; faults on any call, kills, up to three
    suspensions, machines that are started by hand or made while suspended, machines deleted; then a resume.
    """
    chance = random.Random(seed)  # noqa: S311  # a test's draw
    names = [f"vm{number}" for number in range(chance.randint(1, 5))]
    async with bench() as app:
        subscription = await ordered(app)
        for name in names:
            role = {"VirtualMachineRole": "web"} if chance.random() < 0.2 else {}
            app.machine(name, chance.choice(STATES), subscription, _integration=chance.random() < 0.8, **role)
        ran = running(app, names)
        for _ in range(chance.randint(0, 3)):
            kind = chance.choice(["lostResponse", "error", "errorAfterEffect", "failVmmJob"])
            more: Json = {"status": 500} if "rror" in kind else {}
            app.fault(kind, method="PUT", path="VirtualMachines", times=1, **more)
        for number in range(chance.randint(1, 3)):
            if chance.random() < 0.5:
                app.kill_at(chance.choice(["step.sent", "step.intended", "step.ended"]), chance.randint(1, 3))
            for name in names if number else ():  # somebody starts machines of a suspended data center: the next suspension sees them run
                if chance.random() < 0.3:
                    set_status(app, name, "Running")
                    ran.add(name)
            await done(app, await app.act("suspend", {"operationAfterSuspension": chance.choice(["stop", "shutdown", "save"])}))
            assert not running(app, names), "all are stopped"
        app.machine("late", "Stopped", subscription)  # the provider's doing: no resume starts it
        gone = {name for name in names if chance.random() < 0.2}
        for name in gone:
            app.pack.gate.apply((app.pack.gate.state.remove_entity("VirtualMachines", _machine(app, name)),))
        app.platform.clear_faults()
        app.armed.clear()
        operation = await done(app, await app.act("resume", {}))
        assert operation["status"] == "Succeeded", operation
        assert running(app, [*names, "late"]) == ran - gone, (seed, ran, gone)


def running(app: Bench, names: Collection[str]) -> set[str]:
    """Return which machines run."""
    return {name for name, status in app.power().items() if name in names and power_state(status) is PowerState.RUNNING}


def set_status(app: Bench, name: str, status: str) -> None:
    """Change the state of a machine, as somebody does by hand."""
    app.pack.gate.apply((app.pack.gate.state.put_entity("VirtualMachines", _machine(app, name) | {"StatusString": status}),))


async def test_a_machine_that_is_being_made_is_waited_for_and_one_that_was_tried_three_times_is_started() -> None:
    async with bench() as app:
        await ordered(app, making="Creating...", web="Running")
        suspending = await app.act("suspend", {"operationAfterSuspension": "stop"})
        await app.advance(timedelta(minutes=5))
        assert (await app.operation(suspending))["step"] == "recording", "it waits so long as a machine may take"
        set_status(app, "making", "Running")
        await done(app, suspending)
        assert not running(app, ["making", "web"])
        app.fault("failVmmJob", path=_machine(app, "web")["ID"], code="1717", problem="No memory.", times=2)
        operation = await done(app, await app.act("resume", {}))
        assert (operation["status"], running(app, ["making", "web"])) == ("Succeeded", {"making", "web"}), operation
