"""Azure's documents with members that are null, missing, of another type or in other case: nothing raises, nothing is made up."""

import copy
from collections.abc import Iterator
from typing import Any, cast

import pytest

from shared.arm.clients import AzureClients
from shared.arm.ids import ResourceId
from shared.copies.copying.rules.replication import ReplicationState, read_replication, still_running
from shared.copies.facts import RestorePointFacts, VirtualMachineFacts
from shared.copies.gateway import RestorePointGateway
from tests.copies.azure import COLLECTION, COPY, DISK, POINT, TARGETS, VM, Json, ScriptedAzure, collection, copied, machine, restore_point
from tests.support.clocks import ManualClock

ODD: tuple[Any, ...] = (None, "text", 7, True, [], [None], {}, {"id": None}, {"properties": None})


def spoiled(document: Json) -> Iterator[tuple[Json, str]]:
    """Yield the document with one member, at any depth, replaced by each odd value or removed."""
    for path in paths(document):
        for value in (*ODD, ...):
            changed = copy.deepcopy(document)
            holder: Any = changed
            for name in path[:-1]:
                holder = holder[name]
            if value is not ...:
                holder[path[-1]] = value
            elif isinstance(holder, dict):
                del holder[path[-1]]
            yield changed, f"{path}={value!r}"


def paths(value: object, start: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of each member of a document."""
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, member in members:
        yield (*start, name)
        yield from paths(member, (*start, name))


def in_other_case(value: Any) -> Any:  # whatever JSON can hold
    """Return a document with the names of its members in upper case."""
    if isinstance(value, dict):
        return {name.upper(): in_other_case(member) for name, member in value.items()}
    return [in_other_case(member) for member in value] if isinstance(value, list) else value


@pytest.mark.parametrize("document", [restore_point(POINT), copied(100)], ids=["source", "copy"])
def test_a_restore_point_of_any_shape_is_read(document: Json) -> None:
    holder = collection(COLLECTION, VM, "westeurope")
    for changed, what in spoiled(document):
        facts = RestorePointFacts.from_arm(changed, holder)
        assert facts.region == "westeurope", what
        assert facts.virtual_machine_id == VM, what
        if read_replication(changed, 1).state is ReplicationState.USABLE:
            assert facts.state in {None, "Succeeded"}, what
        still_running(changed)


def test_a_collection_of_any_shape_is_read() -> None:
    for changed, what in spoiled(collection(COLLECTION, VM, "westeurope", restore_point(POINT))):
        facts = RestorePointFacts.from_arm(restore_point(POINT), changed)
        assert facts.region in {"westeurope", "", "text"}, what
        assert facts.virtual_machine_id in {VM, None}, what


def test_a_machine_of_any_shape_is_read() -> None:
    for changed, what in spoiled(machine()):
        facts = VirtualMachineFacts.from_arm(changed, {DISK: {"properties": None}})
        assert facts.region in {"westeurope", "", "text"}, what
        assert len(facts.disks) <= 1, what


def test_members_in_other_case_are_read() -> None:
    facts = RestorePointFacts.from_arm(in_other_case(restore_point(POINT)), in_other_case(collection(COLLECTION, VM, "westeurope")))
    assert facts == RestorePointFacts.from_arm(restore_point(POINT), collection(COLLECTION, VM, "westeurope"))
    assert VirtualMachineFacts.from_arm(in_other_case(machine()), {}) == VirtualMachineFacts.from_arm(machine(), {})
    assert read_replication(in_other_case(copied(100)), 1) == read_replication(copied(100), 1)


@pytest.mark.parametrize("state", ["Updating", "Unheard-of", "Creating", "deleting"])
def test_a_copy_in_a_state_that_is_not_finished_is_not_usable(state: str) -> None:
    assert read_replication(copied(100, state), 1).state is ReplicationState.REPLICATING


@pytest.mark.parametrize("state", ["failed", "Canceled", "CANCELLED"])
def test_a_copy_in_a_failed_state_has_failed_in_any_spelling(state: str) -> None:
    assert read_replication(copied(100, state), 1).state is ReplicationState.FAILED


async def test_the_gateway_reads_null_where_an_object_is_optional() -> None:
    azure = ScriptedAzure()
    gateway = RestorePointGateway(cast("AzureClients", azure), ManualClock())
    source, target = ResourceId.parse(POINT), ResourceId.parse(COPY)
    for body in (
        {"id": TARGETS, "location": None, "properties": None},
        {"id": TARGETS, "location": None, "properties": {"source": None, "restorePoints": None}},
        {"id": None, "properties": {"source": {"id": None}, "restorePoints": [None, {"id": None, "properties": None}]}},
    ):
        azure.things = {TARGETS.lower(): body, COPY.lower(): {"id": COPY, "properties": None}, VM.lower(): {"id": VM, "properties": None}}
        found = await gateway.collection(ResourceId.parse(TARGETS), with_points=True)
        assert found is not None
        assert (found.region, found.source_id) == ("", "")
        point = await gateway.point(target)
        assert point is not None
        assert (point.state, point.source_point_id) == (None, None)
        assert (await gateway.virtual_machine(ResourceId.parse(VM))).disks == ()
        assert not await gateway.lists(target)
    azure.things = {POINT.lower(): {"id": POINT, "properties": None}, COLLECTION.lower(): {"id": COLLECTION, "properties": None}}
    facts = await gateway.source_point(source)
    assert (facts.region, facts.virtual_machine_id, facts.state, facts.taken_at, facts.captured) == ("", None, None, None, None)
