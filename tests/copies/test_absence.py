"""A 404 of what Azure has named before counts only after several looks, and only where the collection does not list it either."""

from datetime import timedelta

import pytest

from shared.arm.ids import ResourceId
from shared.copies.copying.state import CopyState
from shared.copies.copying.workflow import copy_workflow
from shared.errors import CallFailure, ErrorCode, FailureKind
from shared.operations.model.models import Status
from shared.operations.running.outcomes import Checked, End, Follow, Next, Unread, Wait
from shared.values.absence import LASTS, LOOKS
from tests.copies.azure import (
    COLLECTION,
    COPY,
    ID,
    MADE,
    OF_VM,
    POINT,
    TARGETS,
    VM,
    BareClaim,
    Bench,
    Json,
    answered,
    collection,
    copied,
    machine,
    not_found,
    of_machine,
    of_point,
    restore_point,
    row,
    started_data,
)
from tests.support.clocks import START


async def checked(bench: Bench, data: Json) -> Checked:
    result = (await bench.steps.check([row(data)]))[ID]
    assert isinstance(result, Checked)
    return result


async def test_one_404_of_a_status_read_changes_nothing() -> None:
    bench = Bench()
    bench.azure.put(copied(100))
    bench.azure.next_reads[COPY.lower()].append(not_found())
    first = await checked(bench, started_data())
    assert (first.step, first.attention) == (None, None)
    assert first.at is not None
    bench.clock.advance(first.at - START)
    assert first.data is not None
    second = await checked(bench, first.data)
    assert second.step == "recording"
    assert second.data is not None
    assert CopyState.of(second.data).failure is None
    assert "absence" not in second.data
    assert bench.azure.writes == []


async def test_a_copy_that_its_collection_lists_exists_however_often_its_own_read_answers_404() -> None:
    bench = Bench()
    bench.azure.put(collection(TARGETS, COLLECTION, "northeurope", copied(40)))
    data = started_data()
    for _ in range(20):
        result = await checked(bench, data)
        assert (result.step, result.attention) == (None, None)
        assert result.data is not None
        assert result.at is not None
        data = result.data
        bench.clock.advance(result.at - bench.clock.now())


@pytest.mark.parametrize("code", ["ResourceNotFound", "ParentResourceNotFound", "NotFound"])
async def test_a_copy_that_stays_absent_has_failed(code: str) -> None:
    bench = Bench()
    bench.azure.things |= {COPY.lower(): not_found(code)}
    bench.azure.put(collection(TARGETS, COLLECTION, "northeurope"))
    data, looks = started_data(), 0
    while True:
        result, looks = await checked(bench, data), looks + 1
        assert result.data is not None
        if result.step is not None:
            break
        assert result.at is not None
        data = result.data
        bench.clock.advance(result.at - bench.clock.now())
    assert looks >= LOOKS
    assert LASTS <= bench.clock.now() - START <= timedelta(minutes=30)
    claim = BareClaim(of_point(), result.data)
    end = await copy_workflow(bench.steps).steps["recording"](claim.claim)
    assert isinstance(end, End)
    assert end.error is not None
    assert (end.status, end.error.code) == (Status.FAILED, ErrorCode.COPY_FAILED)


async def test_a_list_that_cannot_be_read_is_no_look() -> None:
    bench = Bench()
    bench.azure.lists[TARGETS.lower()] = answered(503, "ServiceUnavailable")
    result = (await bench.steps.check([row(started_data())]))[ID]
    assert isinstance(result, Unread)


async def run(bench: Bench, name: str, claim: BareClaim) -> object:
    return await copy_workflow(bench.steps).steps[name](claim.claim)


async def after_the_looks(bench: Bench, name: str, claim: BareClaim) -> object:
    """Run a step until it does more than wait, and check how long it waited."""
    for looks in range(1, 20):
        outcome = await run(bench, name, claim)
        if not isinstance(outcome, Wait) or outcome.attention is not None:
            assert looks >= LOOKS
            assert LASTS <= bench.clock.now() - START <= 2 * LASTS
            return outcome
        bench.clock.advance(outcome.at - bench.clock.now())
    raise AssertionError(claim.data)


async def test_a_source_whose_own_read_answers_404_is_found_in_its_collection() -> None:
    bench = Bench()
    bench.azure.put(collection(COLLECTION, VM, "westeurope", restore_point(POINT)), machine())
    claim = BareClaim(of_point())
    assert await run(bench, "preparing", claim) == Next("ensuringTarget")
    assert CopyState.of(claim.data).disks == 1


async def test_a_source_that_is_not_there_fails_after_several_looks() -> None:
    bench, claim = Bench(), BareClaim(of_point())
    end = await after_the_looks(bench, "preparing", claim)
    assert isinstance(end, End)
    assert end.error is not None
    assert (end.error.code, end.error.target) == (ErrorCode.SOURCE_NOT_FOUND, "source.restorePointId")


@pytest.mark.parametrize("what", ["PUT restorePoints", "PUT restorePointCollections"])
@pytest.mark.parametrize("code", ["ParentResourceNotFound", "ResourceNotFound"])
async def test_a_write_that_azure_answers_404_right_after_a_creation_is_sent_again(what: str, code: str) -> None:
    bench = Bench()
    source = collection(COLLECTION, VM, "westeurope", restore_point(POINT))
    bench.azure.put(source)
    bench.azure.refusals[what] = [not_found(code)]
    claim = BareClaim(of_point(), {name: value for name, value in started_data().items() if name not in {"startedAt", "progressAt"}})
    name = "starting" if what == "PUT restorePoints" else "ensuringTarget"
    first = await run(bench, name, claim)
    assert isinstance(first, Wait)
    assert (first.step, first.attention) == ("ensuringTarget", None)
    assert isinstance(await run(bench, name, claim), Follow | Next)
    assert "absence" not in claim.data or name == "ensuringTarget"


async def test_a_write_that_azure_keeps_answering_404_asks_for_attention_while_the_source_exists_and_fails_without_it() -> None:
    for listed in (True, False):
        bench = Bench()
        points = [restore_point(POINT)] if listed else []
        bench.azure.put(collection(COLLECTION, VM, "westeurope", *points))
        bench.azure.refusals["PUT restorePoints"] = [not_found() for _ in range(20)]
        claim = BareClaim(of_point(), started_data())
        last = await after_the_looks(bench, "starting", claim)
        if listed:
            assert isinstance(last, Wait)
            assert last.attention is not None
            assert last.attention[0] == ErrorCode.NO_PROGRESS
        else:
            assert isinstance(last, End)
            assert last.error is not None
            assert last.error.code == ErrorCode.SOURCE_NOT_FOUND


@pytest.mark.parametrize("listed", [True, False])
async def test_a_target_collection_whose_own_read_answers_404_keeps_its_tags(*, listed: bool) -> None:
    """A PUT would replace the tags that the customer has set on it."""
    bench = Bench()
    target = collection(TARGETS, COLLECTION, "northeurope")
    bench.azure.put(target, collection(COLLECTION, VM, "westeurope", restore_point(POINT)))
    bench.azure.next_reads[TARGETS.lower()].append(not_found())
    bench.azure.groups[group_of(TARGETS)] = [{**target, "id": TARGETS.upper()}] if listed else []
    claim = BareClaim(of_point(), started_data(), {"source": {"virtualMachineId": VM}})
    assert await run(bench, "ensuringTarget", claim) == Next("waiting")
    assert bench.azure.sent("PUT") == ([] if listed else ["quay01-copies"])


async def test_a_collection_of_a_machine_whose_own_read_answers_404_keeps_its_tags() -> None:
    bench = Bench()
    bench.azure.put(machine())
    bench.azure.groups[group_of(OF_VM)] = [collection(OF_VM, VM, "westeurope")]
    assert await run(bench, "making", BareClaim(of_machine())) == Next("made")
    assert bench.azure.sent("PUT") == [ID]


async def test_a_machine_that_shows_no_location_is_read_again_and_ends_no_copy() -> None:
    bench = Bench()
    bench.azure.put(machine() | {"location": None})
    with pytest.raises(CallFailure) as raised:
        await run(bench, "making", BareClaim(of_machine()))
    assert raised.value.kind is FailureKind.IN_DOUBT
    assert bench.azure.writes == []


def group_of(resource: str) -> str:
    return resource.lower().partition("/providers/")[0]


async def test_the_restore_point_of_a_vm_that_answers_404_once_is_waited_for() -> None:
    bench = Bench()
    bench.azure.put(collection(OF_VM, VM, "westeurope"))
    claim = BareClaim(of_machine(), {"point": MADE})
    first = await run(bench, "made", claim)
    assert isinstance(first, Wait)
    bench.azure.put(restore_point(MADE))
    assert await run(bench, "made", claim) == Next("ensuringTarget")
    assert "absence" not in claim.data


async def test_a_redo_does_not_delete_a_whole_copy_but_becomes_it() -> None:
    bench = Bench()
    old = f"{TARGETS}/restorePoints/older"
    bench.azure.put(copied(100) | {"id": old, "name": "older"})
    bench.ledger.failed = [ResourceId.parse(old)]
    claim = BareClaim(of_point(), started_data(), {"target": {"restorePointId": None, "region": "northeurope"}})
    outcome = await run(bench, "deletingFailed", claim)
    assert isinstance(outcome, Follow)
    assert outcome.step == "copying"
    assert bench.azure.writes == []
    assert (claim.data["target"], claim.detail["target"]["restorePointId"]) == (old, old)
    bench.clock.advance(timedelta(minutes=2))
    assert (await checked(bench, claim.data)).step == "recording"
    end = await run(bench, "recording", claim)
    assert isinstance(end, End)
    assert end.status is Status.SUCCEEDED
    assert [entry.target_point_id for entry in bench.ledger.entries] == [old]


async def test_a_redo_deletes_a_copy_that_failed() -> None:
    bench = Bench()
    bench.azure.put(copied(40, "failed"))
    bench.ledger.failed = [ResourceId.parse(COPY)]
    outcome = await run(bench, "deletingFailed", BareClaim(of_point(), started_data()))
    assert isinstance(outcome, Wait)
    assert bench.azure.sent("DELETE") == [ID]


@pytest.mark.parametrize("missing", [TARGETS, COLLECTION])
async def test_a_collection_that_answers_404_while_the_copy_waits_does_not_count_as_empty(missing: str) -> None:
    bench = Bench()
    bench.azure.put(collection(TARGETS, COLLECTION, "northeurope"), collection(COLLECTION, VM, "westeurope", restore_point(POINT)))
    bench.azure.next_reads[missing.lower()].append(not_found())
    claim = BareClaim(of_point(), {name: value for name, value in started_data().items() if name not in {"startedAt", "progressAt"}})
    first = await run(bench, "waiting", claim)
    assert isinstance(first, Wait)
    assert (first.step, first.attention) == ("ensuringTarget", None)
    assert await run(bench, "waiting", claim) == Next("starting")


async def test_a_copy_that_was_not_started_here_is_waited_for_with_attention_after_a_day() -> None:
    bench = Bench()
    foreign = copied(40) | {"id": f"{TARGETS}/restorePoints/theirs", "name": "theirs"}
    bench.azure.put(collection(TARGETS, COLLECTION, "northeurope", foreign), foreign)
    bench.azure.put(collection(COLLECTION, VM, "westeurope", restore_point(POINT)))
    claim = BareClaim(of_point(), started_data())
    asked_after = None
    for _ in range(200):
        outcome = await run(bench, "waiting", claim)
        assert isinstance(outcome, Wait)
        if outcome.attention is not None:
            asked_after = bench.clock.now() - START
            break
        bench.clock.advance(outcome.at - bench.clock.now())
    assert asked_after is not None
    assert timedelta(hours=23) < asked_after < timedelta(hours=25)
    bench.azure.put(collection(TARGETS, COLLECTION, "northeurope"))
    assert await run(bench, "waiting", claim) == Next("starting")
