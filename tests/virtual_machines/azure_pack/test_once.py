"""Each change of a machine on Azure Pack is made once, whatever is lost, late or killed; and it takes turns with its data center."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from tests.data_centers.bench import PERSON, Bench
from tests.data_centers.documents import TENANT, WRITER, entra
from tests.virtual_machines.azure_pack.kit import CUSTOMER, TEMPLATE, ask, customer, done, named, succeeded

PUBLIC = "azurePack.public"
SOMEBODY = (*CUSTOMER, PERSON)


@pytest_asyncio.fixture
async def app() -> AsyncIterator[Bench]:
    async with customer() as running:
        yield running


def effects(app: Bench, method: str, word: str) -> int:
    """Count the writes of a method on a set."""
    return sum(1 for verb, path in app.effects() if verb == method and word in path)


@pytest.mark.parametrize("fault", ["lostResponse", "errorAfterEffect", "lateEffect", "error", "timeout"])
async def test_a_creation_whose_answer_is_lost_or_late_makes_one_machine(app: Bench, fault: str) -> None:
    app.fault(
        fault, method="POST", path="/VirtualMachines", service=PUBLIC, times=1, **({"delay": "PT2M"} if fault == "lateEffect" else {})
    )
    reply = await ask(app, "POST", "", TEMPLATE)
    assert reply.status == 202, reply
    if fault in {"error", "timeout"}:  # nothing began, and no look can show that: a person decides, and it is sent once more
        await app.advance(1200)
        assert (await app.operation(reply))["attention"]["code"] == "OutcomeUnknown"
        assert named(app, "app-1") == []
        resolved = await app.request("POST", f"/operations/{reply.operation}/resolve", {"outcome": "notStarted"}, caller=SOMEBODY)
        assert resolved.status in {200, 202}, resolved
    [ended] = await app.until_ended(reply)
    assert ended["status"] == "Succeeded", ended
    assert len(named(app, "app-1")) == 1
    assert effects(app, "POST", "/VirtualMachines") == 1
    assert app.power()["app-1"] == "Running"


async def test_a_creation_that_vmm_kept_no_marker_of_is_resolved_by_its_id(app: Bench) -> None:
    app.fault("lostResponse", method="POST", path="/VirtualMachines", service=PUBLIC, times=1)
    reply = await ask(app, "POST", "", TEMPLATE)
    await app.work()
    [made] = named(app, "app-1")
    app.pack.gate.apply((app.pack.gate.state.put_entity("VirtualMachines", made | {"Tag": "(none)"}),))
    await app.advance(1200)
    assert (await app.operation(reply))["attention"]["code"] == "OutcomeUnknown"
    path = f"/operations/{reply.operation}/resolve"
    refused = await app.request("POST", path, {"outcome": "started"}, caller=SOMEBODY)
    assert (refused.status, refused.body["error"]["target"]) == (400, "resourceId")
    assert (await app.request("POST", path, {"outcome": "started", "resourceId": made["ID"]}, caller=SOMEBODY)).status in {200, 202}
    [ended] = await app.until_ended(reply)
    assert (ended["status"], ended["result"]["resourceId"]) == ("Succeeded", made["ID"])
    assert len(named(app, "app-1")) == 1


async def test_the_same_request_again_is_the_same_operation(app: Bench) -> None:
    headers = {"Repeatability-Request-ID": "4f3c5d2e-8a53-4a7e-9d0c-3f9f1c1f5a11"}
    first = await ask(app, "POST", "", TEMPLATE, headers=headers)
    second = await ask(app, "POST", "", TEMPLATE, headers=headers)
    assert first.operation == second.operation
    await succeeded(app, first)
    assert (await ask(app, "POST", "", TEMPLATE, headers=headers)).status == 200
    assert len(named(app, "app-1")) == 1


@pytest.mark.parametrize("point", ["accept.queued", "step.intended", "step.sent"])
async def test_a_creation_whose_worker_is_killed_makes_one_machine(app: Bench, point: str) -> None:
    app.kill_at(point)
    try:
        reply = await ask(app, "POST", "", TEMPLATE, headers={"Repeatability-Request-ID": "4f3c5d2e-8a53-4a7e-9d0c-3f9f1c1f5a12"})
    except BaseException as killed:  # the process of the request was killed
        assert point == "accept.queued", killed  # noqa: PT017  # another point is a step's
        reply = await ask(app, "POST", "", TEMPLATE, headers={"Repeatability-Request-ID": "4f3c5d2e-8a53-4a7e-9d0c-3f9f1c1f5a12"})
    if point == "step.intended":  # the intent is written and nothing was sent: only a person knows
        await app.advance(1200)
        body = {"outcome": "notStarted"}
        assert (await app.request("POST", f"/operations/{reply.operation}/resolve", body, caller=SOMEBODY)).status in {200, 202}
    [ended] = await app.until_ended(reply)
    assert ended["status"] == "Succeeded", ended
    assert len(named(app, "app-1")) == 1


@pytest.mark.parametrize("fault", ["failVmmJob", "stallVmmJob", "lateJob"])
async def test_a_creation_that_vmm_fails_leaves_none_and_one_that_is_late_ends(app: Bench, fault: str) -> None:
    app.fault(
        fault,
        method="POST",
        path="/VirtualMachines",
        service=PUBLIC,
        times=1,
        code="2912",
        problem="No host.",
        recommendedAction="Add one.",
    )
    reply = await ask(app, "POST", "", TEMPLATE)
    if fault == "stallVmmJob":
        await app.advance(600)
        assert (await app.operation(reply))["status"] == "Running"
        assert len(named(app, "app-1")) == 1
        return
    [ended] = await app.until_ended(reply)
    if fault == "lateJob":
        assert ended["status"] == "Succeeded"
        return
    assert (ended["status"], ended["error"]["code"]) == ("Failed", "AzurePackRefused")
    assert [(one["code"], one["message"]) for one in ended["error"]["details"]] == [("2912", "No host."), ("RecommendedAction", "Add one.")]
    assert named(app, "app-1") == []


async def test_a_restart_that_never_began_is_sent_once_more_after_ten_minutes(app: Bench) -> None:
    app.fault("error", method="PUT", path="/VirtualMachines", service=PUBLIC, times=1)
    reply = await ask(app, "POST", "/web-1/restart")
    await app.advance(500)
    assert effects(app, "PUT", "/VirtualMachines") == 0
    await succeeded(app, reply)
    assert effects(app, "PUT", "/VirtualMachines") == 1


async def test_a_creation_is_canceled_until_its_intent_and_leaves_nothing(app: Bench) -> None:
    reply = await ask(app, "POST", "", TEMPLATE)
    canceled = await app.request("POST", f"/operations/{reply.operation}/cancel", caller=CUSTOMER)
    assert canceled.status in {200, 202}, canceled
    [ended] = await app.until_ended(reply)
    assert ended["status"] == "Canceled"
    assert named(app, "app-1") == []
    later = await ask(app, "POST", "", TEMPLATE)
    await app.advance(10)
    refused = await app.request("POST", f"/operations/{later.operation}/cancel", caller=CUSTOMER)
    assert (refused.status, refused.code) == (409, "AlreadyStarted")


async def test_two_changes_of_one_machine_do_not_overlap(app: Bench) -> None:
    first = await ask(app, "POST", "/web-1/pause")
    second = await ask(app, "POST", "/web-1/stop")
    assert (second.status, second.code) == (409, "ScopeBusy")
    assert (await ask(app, "GET", "/web-1")).body["operation"] == {"id": first.operation, "action": "pause"}
    assert (await done(app, first))["status"] == "Succeeded"


# beside a data center


@pytest_asyncio.fixture
async def ordered() -> AsyncIterator[tuple[Bench, str]]:
    """A data center with a machine that runs and one that is stopped."""
    async with customer() as app:
        [ended] = await app.until_ended(await app.place())
        subscription = str(ended["result"]["subscriptionId"])
        app.machine("mine", "Running", subscription)
        app.machine("idle", "Stopped", subscription)
        yield app, subscription


async def test_a_suspended_data_center_refuses_writes_to_its_machines(ordered: tuple[Bench, str]) -> None:
    app, subscription = ordered
    [ended] = await app.until_ended(await app.act("suspend", {"operationAfterSuspension": "stop"}))
    assert ended["status"] == "Succeeded", ended
    for method, path, body in (
        ("POST", "/idle/start", None),
        ("PATCH", "/idle", {"cores": 2}),
        ("DELETE", "/idle?confirm=idle&deleteDisks=all", None),
        ("POST", "/idle/checkpoints", {"name": "x"}),
        ("POST", "", TEMPLATE | {"subscriptionId": subscription}),
    ):
        reply = await ask(app, method, path, body)
        assert (reply.status, reply.code) == (409, "DataCenterSuspended"), (path, reply)
    [resumed] = await app.until_ended(await app.act("resume"))
    assert resumed["status"] == "Succeeded"
    assert app.power()["mine"] == "Running"
    await succeeded(app, await ask(app, "POST", "/idle/start"))


async def test_while_it_is_suspended_by_hand_writes_are_refused(ordered: tuple[Bench, str]) -> None:
    app, subscription = ordered
    app.change("subscriptions", subscription, State=2)
    reply = await ask(app, "POST", "/idle/start")
    assert (reply.status, reply.code) == (409, "DataCenterSuspended")


async def test_a_suspension_waits_for_a_machine_that_an_operation_works_on(ordered: tuple[Bench, str]) -> None:
    app, _ = ordered
    app.fault("stallVmmJob", method="PUT", path="/VirtualMachines", service="azurePack.admin", times=1)
    paused = await ask(app, "POST", "/mine/pause")
    await app.advance(10)
    suspension = await app.act("suspend", {"operationAfterSuspension": "stop"})
    await app.advance(120)
    assert (await app.operation(suspension))["status"] == "Running"
    assert app.row("subscriptions", str((await app.shown())["subscriptionId"]))["State"] == 1, "it is not suspended before its machines"
    assert (await app.operation(paused))["status"] == "Running"


async def test_what_is_asked_of_a_machine_that_a_suspension_works_on_is_refused(ordered: tuple[Bench, str]) -> None:
    app, _ = ordered
    app.fault("stallVmmJob", method="PUT", path="/VirtualMachines", service="azurePack.admin", times=1)
    await app.act("suspend", {"operationAfterSuspension": "stop"})
    await app.advance(30)
    reply = await ask(app, "POST", "/mine/start")
    assert (reply.status, reply.code) == (409, "ScopeBusy"), reply
    other = await ask(app, "POST", "/idle/start")
    assert (other.status, other.code) == (409, "DataCenterSuspended"), other


async def test_another_tenants_machine_is_not_there(app: Bench) -> None:
    stranger = ("contoso", "Tenants.Write", "Tenants.Read")
    for method, path in (("GET", "/web-1"), ("POST", "/web-1/start"), ("GET", "/web-1/checkpoints"), ("GET", "/web-1/ports")):
        assert (await app.request(method, f"/tenants/{TENANT}/virtual-machines{path}", caller=stranger)).status == 404
    tenant = {"displayName": "Contoso", "kind": "tenant", "tenantId": entra(3), "backend": "azurePack"}
    moved = await app.request("PUT", "/tenants/contoso", tenant, caller=WRITER, headers={"If-Match": "*"})
    assert moved.status == 200, moved
    named_by_stranger = await app.request("GET", "/tenants/contoso/virtual-machines/web-1", caller=stranger)
    assert named_by_stranger.status == 404, "a tenant on Azure Pack without this subscription"
