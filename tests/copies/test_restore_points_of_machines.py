"""The restore point of a VM: states as Azure spells them, a wait that ends, the reason of a late failure, tags, and what is known of it."""

from datetime import timedelta

import pytest

from shared.arm.failures import failure_of
from shared.arm.ids import ResourceId
from shared.copies.copying.models import Copy, CopyRequest, CopySource
from shared.copies.copying.rules.waits import PATIENCE, AzureWait
from shared.copies.copying.service import same_again
from shared.copies.copying.views import copy_of
from shared.copies.copying.workflow import copy_workflow
from shared.copies.provisioning import ProvisioningState, provisioning_state
from shared.errors import CallFailure, ErrorCode
from shared.operations.model.models import Actor, Operation, Status
from shared.operations.running.budgets import calls_of, reads_of
from shared.operations.running.outcomes import End, Next, Wait
from tests.copies.azure import (
    COLLECTION,
    ID,
    MADE,
    OF_VM,
    OPERATION,
    POINT,
    TARGETS,
    VM,
    BareClaim,
    Bench,
    answered,
    collection,
    machine,
    not_found,
    of_machine,
    of_point,
    restore_point,
    started_data,
)
from tests.support.clocks import START

LOCK = f"vm|{VM.lower()}"
TAGS = {"costCentre": "4711", "owner": "harbour master"}
AGENT = {"code": "VMAgentStatusCommunicationError", "message": "The machine quay01 has not told the state of its agent."}


async def run(bench: Bench, name: str, claim: BareClaim) -> object:
    return await copy_workflow(bench.steps).steps[name](claim.claim)


async def making(bench: Bench, **more: object) -> BareClaim:
    """Create the restore point of the VM, whose collection exists."""
    bench.azure.put(machine(), collection(OF_VM, VM, "westeurope"))
    claim = BareClaim(of_machine(**more))
    assert await run(bench, "making", claim) == Next("made")
    return claim


def failed(outcome: object) -> End:
    assert isinstance(outcome, End), outcome
    assert outcome.status is Status.FAILED
    return outcome


@pytest.mark.parametrize(
    ("spelled", "read"),
    [
        ("Succeeded", ProvisioningState.SUCCEEDED),
        ("succeeded", ProvisioningState.SUCCEEDED),
        ("SUCCESSFUL", ProvisioningState.SUCCEEDED),
        ("Canceled", ProvisioningState.FAILED),
        ("cancelled", ProvisioningState.FAILED),
        ("FAILED", ProvisioningState.FAILED),
        ("creating", ProvisioningState.CREATING),
        ("Deleting", ProvisioningState.DELETING),
        ("Updating", ProvisioningState.OTHER),
        ("Unheard-of", ProvisioningState.OTHER),
        (None, None),
    ],
)
def test_states_are_read_without_regard_to_case(spelled: str | None, read: ProvisioningState | None) -> None:
    assert provisioning_state(spelled) is read


@pytest.mark.parametrize("state", ["succeeded", "SUCCEEDED", "Successful"])
async def test_a_restore_point_that_is_finished_in_any_spelling_is_copied(state: str) -> None:
    bench = Bench()
    claim = await making(bench)
    bench.azure.put(restore_point(MADE, state))
    assert await run(bench, "made", claim) == Next("ensuringTarget")
    assert claim.locks == ()


@pytest.mark.parametrize("state", ["Creating", "Updating", "Unheard-of", None])
async def test_a_restore_point_that_never_finishes_asks_for_attention_and_lets_the_machine_go(state: str | None) -> None:
    bench = Bench()
    claim = await making(bench)
    bench.azure.put(restore_point(MADE, state))
    asked_after = None
    while bench.clock.now() - START < timedelta(hours=24):
        outcome = await run(bench, "made", claim)
        assert isinstance(outcome, Wait)
        assert outcome.at > bench.clock.now()
        assert calls_of(outcome.writes) == (reads_of(ResourceId.parse(VM).subscription_id), 5), "many look at one moment"
        if outcome.attention is not None:
            assert outcome.attention[0] == ErrorCode.NO_PROGRESS
            assert claim.locks == ()
            asked_after = asked_after or bench.clock.now() - START
        else:
            assert claim.locks == (LOCK,)
        bench.clock.advance(outcome.at - bench.clock.now())
    assert asked_after is not None
    assert asked_after <= PATIENCE[AzureWait.RESTORE_POINT] + timedelta(minutes=1)
    bench.azure.put(restore_point(MADE))
    assert await run(bench, "made", claim) == Next("ensuringTarget")
    assert "wait" not in claim.data


@pytest.mark.parametrize("known", [{"state": "Creating"}, {"state": "Updating"}, {"timeCreated": None}])
async def test_a_restore_point_of_a_request_that_never_finishes_asks_for_attention(known: dict[str, str | None]) -> None:
    bench, claim = Bench(), BareClaim(of_point())
    state, more = known.get("state") or "Succeeded", {name: value for name, value in known.items() if name != "state"}
    bench.azure.put(machine(), collection(COLLECTION, VM, "westeurope"), restore_point(POINT, state, **more))
    first = await run(bench, "preparing", claim)
    assert isinstance(first, Wait)
    assert first.attention is None
    bench.clock.advance(PATIENCE[AzureWait.SOURCE])
    second = await run(bench, "preparing", claim)
    assert isinstance(second, Wait)
    assert second.attention is not None


@pytest.mark.parametrize("point", ["Failed", "Canceled", "absent"])
async def test_the_reason_of_a_later_failure_is_read_from_its_operation(point: str) -> None:
    bench = Bench()
    bench.azure.operation_url = OPERATION
    claim = await making(bench)
    bench.azure.links[OPERATION] = {"status": "Failed", "error": AGENT}
    if point != "absent":
        bench.azure.put(restore_point(MADE, point))
    error = failed(await run(bench, "made", claim)).error
    assert error is not None
    assert error.code == ErrorCode.AZURE_REFUSED
    assert [detail.code for detail in error.details] == [AGENT["code"]]
    assert AGENT["message"] in error.message
    assert "CrashConsistent" in error.message


@pytest.mark.parametrize("operation", [{"status": "Succeeded"}, not_found()])
async def test_a_restore_point_that_failed_for_no_reason_that_azure_shows(operation: dict[str, str] | CallFailure) -> None:
    bench = Bench()
    bench.azure.operation_url = OPERATION
    claim = await making(bench)
    bench.azure.links[OPERATION] = operation
    bench.azure.put(restore_point(MADE, "Failed"))
    error = failed(await run(bench, "made", claim)).error
    assert error is not None
    assert (error.code, error.details) == (ErrorCode.AZURE_REFUSED, ())


async def test_an_operation_that_cannot_be_read_is_tried_again_and_then_left() -> None:
    bench = Bench()
    bench.azure.operation_url = OPERATION
    claim = await making(bench)
    bench.azure.links[OPERATION] = failure_of(503, {}, "")
    bench.azure.put(restore_point(MADE, "Failed"))
    with pytest.raises(CallFailure):
        await run(bench, "made", claim)
    claim.row.attempts = 9
    failed(await run(bench, "made", claim))


async def test_the_reason_of_a_failed_copy_is_read_from_its_operation() -> None:
    bench = Bench()
    bench.azure.operation_url = OPERATION
    claim = BareClaim(of_point(), started_data())
    await run(bench, "starting", claim)
    bench.azure.links[OPERATION] = {"status": "Failed", "error": {"code": "DiskRestorePointClientError", "message": "Quota."}}
    claim.data["failure"] = {"code": "CopyFailed", "message": "the copy failed in Azure.", "target": None, "details": []}
    error = failed(await run(bench, "recording", claim)).error
    assert error is not None
    assert error.code == ErrorCode.COPY_FAILED
    assert [detail.code for detail in error.details] == ["DiskRestorePointClientError"]
    assert "Quota" in error.message


async def test_the_reason_why_a_failed_copy_cannot_be_deleted_is_read_from_its_operation() -> None:
    bench = Bench()
    bench.azure.operation_url = OPERATION
    old = f"{TARGETS}/restorePoints/older"
    bench.azure.put(restore_point(old, "Failed"))
    bench.ledger.failed = [ResourceId.parse(old)]
    bench.azure.links[OPERATION] = {"status": "Failed", "error": {"code": "DiskRestorePointUsedByCustomer", "message": "SAS."}}
    error = failed(await run(bench, "deletingFailed", BareClaim(of_point(), started_data()))).error
    assert error is not None
    assert "revoke" in error.message


async def test_a_deletion_that_does_not_end_asks_for_attention() -> None:
    bench = Bench()
    old = f"{TARGETS}/restorePoints/older"
    bench.azure.put(restore_point(old, "Deleting"))
    bench.ledger.failed = [ResourceId.parse(old)]
    claim = BareClaim(of_point(), started_data())
    first = await run(bench, "deletingFailed", claim)
    bench.clock.advance(PATIENCE[AzureWait.DELETION])
    second = await run(bench, "deletingFailed", claim)
    assert isinstance(first, Wait)
    assert isinstance(second, Wait)
    assert (first.attention, second.attention is not None) == (None, True)
    assert bench.azure.sent("DELETE") == []


async def test_429_for_hours_asks_for_attention() -> None:
    bench = Bench()
    bench.azure.refusals["PUT restorePoints"] = [answered(429, "TooManyRequests", {"Retry-After": "60"}) for _ in range(2)]
    claim = BareClaim(of_point(), started_data())
    first = await run(bench, "starting", claim)
    bench.clock.advance(PATIENCE[AzureWait.RATE])
    second = await run(bench, "starting", claim)
    assert isinstance(first, Wait)
    assert isinstance(second, Wait)
    assert (first.step, first.attention, second.attention is not None) == ("waiting", None, True)


async def test_the_tags_of_the_request_are_on_both_collections() -> None:
    bench = Bench()
    bench.azure.put(machine())
    claim = BareClaim(of_machine(tags=TAGS))
    assert await run(bench, "making", claim) == Next("made")
    bench.azure.put(restore_point(MADE), collection(OF_VM, VM, "westeurope"))
    assert await run(bench, "made", claim) == Next("ensuringTarget")
    assert await run(bench, "ensuringTarget", claim) == Next("waiting")
    collections = [body for _, name, body in bench.azure.writes if name != ID]
    assert len(collections) == 2
    for body in collections:
        assert body.tags.items() >= TAGS.items()
        assert body.tags["farshore-virtual-machine"] == VM


async def test_a_policy_that_denies_is_named_in_the_details() -> None:
    bench = Bench()
    bench.azure.put(machine())
    info = {"type": "PolicyViolation", "info": {"policyAssignmentDisplayName": "Every thing has a cost centre"}}
    bench.azure.refusals["PUT restorePointCollections"] = [answered(403, "RequestDisallowedByPolicy", additionalInfo=[info])]
    error = failed(await run(bench, "making", BareClaim(of_machine()))).error
    assert error is not None
    assert error.code == ErrorCode.AZURE_REFUSED
    assert "Every thing has a cost centre" in str(error.as_json()["details"])


def operation(claim: BareClaim, status: Status) -> Operation:
    """Return the operation as readers see it, with the detail that was stored last."""
    actor, error = Actor("app", "a"), None
    return Operation(
        ID,
        "restorePointCopy",
        "harbour",
        status,
        "made",
        0,
        None,
        True,
        START,
        START,
        START,
        actor,
        claim.operation.body,
        claim.detail,
        {},
        error,
    )


async def test_a_canceled_copy_shows_the_restore_point_that_it_created() -> None:
    bench = Bench()
    claim = await making(bench)
    (stored,) = [detail for effect, detail in claim.at_send if effect == "createRestorePoint"]
    claim.detail = stored  # the worker died while the request was on its way
    copy: Copy = copy_of(operation(claim, Status.CANCELED))
    assert (copy.source.restore_point_id, copy.source.virtual_machine_id, copy.source.taken_at) == (MADE, VM, None)
    assert bench.ledger.noted == {ID: MADE}
    # it is not known to be finished: a redo creates a new one
    assert CopySource.model_validate(same_again(operation(claim, Status.CANCELED)).members["source"]).virtual_machine_id == VM


@pytest.mark.parametrize("refusal", [answered(403, "AuthorizationFailed"), answered(409, "OperationNotAllowed"), not_found()])
async def test_a_restore_point_that_azure_refused_is_in_no_record(refusal: CallFailure) -> None:
    bench = Bench()
    bench.azure.put(machine(), collection(OF_VM, VM, "westeurope"))
    bench.azure.refusals["PUT restorePoints"] = [refusal]
    claim = BareClaim(of_machine())
    assert isinstance(await run(bench, "making", claim), End | Wait)
    assert bench.ledger.noted == {}
    assert copy_of(operation(claim, Status.FAILED)).source.restore_point_id is None


async def test_a_failed_creation_still_shows_its_restore_point() -> None:
    bench = Bench()
    claim = await making(bench)
    bench.azure.put(restore_point(MADE, "Failed"))
    failed(await run(bench, "made", claim))
    assert copy_of(operation(claim, Status.FAILED)).source.restore_point_id == MADE


def test_null_counts_as_absent_in_a_request() -> None:
    source = {"restorePointId": None, "virtualMachineId": VM, "consistencyMode": None, "excludeDisks": None}
    target = {"region": "northeurope", "resourceGroup": "harbour-dr", "subscriptionId": None, "collection": None}
    request = CopyRequest.model_validate({"source": source, "target": target, "tags": None})
    assert request == CopyRequest.model_validate({"source": {"virtualMachineId": VM}, "target": {**target, "subscriptionId": None}})
