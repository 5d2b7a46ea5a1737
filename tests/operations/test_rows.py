"""How an operation is laid out: small where it is scanned, whole where it is long, and kind to what a newer version wrote."""

import random
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.arm.ids import ResourceId
from shared.copies.copying.rules.naming import chain_key, restore_point_name
from shared.errors import ErrorCode, Problem, Refused
from shared.operations.model.due import entry_keys
from shared.operations.model.identity import operation_id
from shared.operations.model.models import Actor, Attention, Command, Intent, JsonObject, PendingCommand, Status
from shared.operations.model.rows import Active, active_entity, read_active
from shared.operations.model.state import LONGEST_SENTENCE, pack, unpack
from shared.operations.outside.messages import CheckMessage
from shared.storage.pieces import from_pieces, pieces
from shared.storage.tables import Change
from tests.operations.kit import ALICE, Core

_T = "2026-03-03T10:00:00.123456Z"
_WORDS = ("prod", "contoso", "westeurope", "backup", "erp", "finance", "database", "application", "server", "failover", "01", "x")


def _stored(entity: dict[str, object]) -> int:
    """What a row takes in a storage account, bytes (Microsoft's "Understanding the Table service data model")."""
    total = 4
    for name, value in entity.items():
        if name in {"PartitionKey", "RowKey"}:
            total += 2 * len(str(value))
            continue
        total += 8 + 2 * len(name)
        match value:
            case bool():
                total += 1
            case int():
                total += 4
            case str():
                total += 4 + len(value.encode("utf-16-le"))
            case bytes():
                total += 4 + len(value)
            case _:
                raise AssertionError(f"{name}: {value!r}")
    return total


def _name(chance: random.Random, length: int) -> str:
    text = ""
    while len(text) < length:
        text += f"{chance.choice(_WORDS)}{chance.randrange(1000)}-"
    return text[:length]


def _guid(chance: random.Random) -> str:
    digits = f"{chance.getrandbits(128):032x}"
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))


def _worst_copy(seed: int) -> Active:
    """A copy's row with every name at Azure's limit, another subscription as target, in the worst of its states."""
    chance = random.Random(seed)  # noqa: S311  # names for a test
    subscriptions = [_guid(chance), _guid(chance)]
    collections = [
        f"/subscriptions/{subscription}/resourceGroups/{_name(chance, 90)}/providers/Microsoft.Compute/restorePointCollections/"
        f"{_name(chance, 80)}"
        for subscription in subscriptions
    ]
    operation = operation_id("contoso", "restorePointCopy", str(seed))
    group = f"/subscriptions/{subscriptions[0]}/resourceGroups/{_name(chance, 90)}"
    vm = f"{group}/providers/microsoft.compute/virtualmachines/{_name(chance, 64)}"
    data: JsonObject = {
        "replaces": operation_id("contoso", "restorePointCopy", "the failed one"),
        "point": f"{collections[0]}/restorePoints/{_name(chance, 80)}",
        "target": f"{collections[1]}/restorePoints/{restore_point_name(operation)}",
        "chain": chain_key(ResourceId.parse(collections[0]), ResourceId.parse(collections[1])),
        "takenAt": _T,
        "disks": 64,
        "sizeGb": 2_000_000,
        "startedAt": _T,
        "progressAt": _T,
        "shown": 99,
        "checks": 12_345,
    }
    return Active(
        id=operation,
        kind="restorePointCopy",
        tenant=_name(chance, 63),
        created_at=_T,
        updated_at=_T,
        status=Status.NOT_STARTED,
        step="ensuringTarget",
        next_at=_T,
        group=f"{subscriptions[1]}/read",
        attempts=12,
        lease_until=_T,
        nonce=_guid(chance),
        stamp=_guid(chance),
        intent=Intent("createTargetCollection", _guid(chance), _T, _T, lost=3),
        attention=Attention("NoProgress", " ".join(_name(chance, 20) for _ in range(20))[:LONGEST_SENTENCE], _T),
        attentions=3,
        pending_events=("attention/3",),
        locks=(f"vm|{vm}",),
        data=data,
        trace=f"00-{_guid(chance).replace('-', '')}-{_guid(chance)[:16].replace('-', 'a')}-01",
    )


def test_an_active_row_takes_at_most_two_kib_with_the_longest_names_that_azure_allows() -> None:
    sizes = [_stored(active_entity(_worst_copy(seed))) for seed in range(50)]
    assert max(sizes) <= 2048, f"{max(sizes)} bytes"


def test_a_row_is_read_as_it_was_written() -> None:
    row = _worst_copy(1)
    assert read_active(active_entity(row), "e") == replace(row, etag="e")
    bare = Active("a" * 26, "toy", "contoso", _T, _T, Status.RUNNING, "starting", _T)
    assert read_active(active_entity(bare), "") == bare


def test_a_sentence_of_azures_never_makes_a_row_too_long() -> None:
    row = replace(_worst_copy(1), attention=None).with_attention("NoProgress", "pages " * 10_000, _T)
    assert row.attention is not None
    assert len(row.attention.message) == LONGEST_SENTENCE
    refusal = Problem("Conflict", "pages " * 10_000, None, tuple(Problem("Inner", "pages " * 10_000) for _ in range(50)))
    intent = Intent("startCopy", "id", _T, _T, refusal=refusal)
    entity = active_entity(replace(row, intent=intent))
    assert _stored(entity) <= 2300
    read = read_active(entity, "").intent
    assert read is not None
    assert read.refusal is not None
    assert read.refusal.code == "Conflict"


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters()), inner, max_size=3),
    max_leaves=10,
)
_documents = st.dictionaries(st.text(st.characters()), _json, max_size=6)


@given(_documents, st.integers(0, 3))
def test_documents_of_any_length_and_any_text_are_read_as_they_were_written(body: dict[str, object], long: int) -> None:
    body = {**body, "long": "ä\ud800😀" * (long * 9000)}
    entity: dict[str, Any] = pieces("body", body)
    assert all(len(part) <= 60 * 1024 for part in entity.values() if isinstance(part, bytes))
    assert from_pieces("body", entity) == body


def test_a_document_that_became_shorter_leaves_nothing_of_the_longer_one() -> None:
    entity = pieces("detail", {"text": "x" * 200_000}) | pieces("detail", {"text": "short"})
    assert from_pieces("detail", entity) == {"text": "short"}


@given(_documents)
def test_what_scheduling_needs_is_packed_and_unpacked_whatever_it_is(data: dict[str, object]) -> None:
    said = (
        PendingCommand("one", Command.CANCEL, Actor("user", "alice", str(data))),
        PendingCommand("two", Command.RETRY, Actor("queue", "queue:a")),
    )
    row = replace(_worst_copy(1), data=data, pending_input={"said": data}, pending_commands=said)
    state = read_active(active_entity(row), "")
    assert (state.data, state.pending_input, state.pending_commands) == (data, {"said": data}, said)


def test_a_row_without_state_is_read_as_one_of_which_nothing_is_known() -> None:
    state = unpack(None)
    assert (state.data, state.intent, state.locks, state.extra) == ({}, None, (), {})


async def test_what_a_newer_version_wrote_survives_an_older_ones_write(core: Core) -> None:
    operation = await core.accept()
    row = await core.row(operation)
    found = await core.table.get(row.partition, f"a|{row.id}")
    assert found is not None
    newer = replace(unpack(found.entity["state"]), extra={"rocket": {"fuel": 7}})
    entity = {"PartitionKey": row.partition, "RowKey": f"a|{row.id}", "v": 2, "wings": 4, "state": pack(newer)}
    await core.table.transact([Change("merge", entity, row.etag)])
    await core.write(await core.row(operation), percent=10)
    written = await core.table.get(row.partition, f"a|{row.id}")
    assert written is not None
    assert (written.entity["v"], written.entity["wings"], written.entity["percent"]) == (2, 4, 10)
    assert unpack(written.entity["state"]).extra == {"rocket": {"fuel": 7}}


async def test_an_operation_with_columns_of_a_newer_version_is_carried_to_its_end(core: Core) -> None:
    operation = await core.accept()
    row = await core.row(operation)
    for key in (f"a|{row.id}", f"o|{row.id}"):
        await core.table.upsert({"PartitionKey": row.partition, "RowKey": key, "wings": 4})
    await core.table.upsert({"PartitionKey": row.partition, "RowKey": f"o|{row.id}", "v": 2})
    await core.work()
    assert (await core.get(operation)).status is Status.SUCCEEDED
    kept = await core.table.get(row.partition, f"o|{row.id}")
    assert kept is not None
    assert (kept.entity["v"], kept.entity["wings"]) == (2, 4)


@pytest.mark.parametrize("where", ["a step", "a check", "its end"])
async def test_an_active_row_of_a_newer_version_is_left_alone(core: Core, where: str) -> None:
    operation = await core.accept()
    row = await core.row(operation)
    changes: dict[str, dict[str, Any]] = {"a step": {}, "a check": {"group": "one", "dispatched": False}, "its end": {"announce": True}}
    await core.table.upsert({"PartitionKey": row.partition, "RowKey": f"a|{row.id}", "v": 2, **changes[where]})
    (entry,) = entry_keys(row)
    await core.table.upsert({**entry, "v": 2})
    before = await core.table.get(row.partition, f"a|{row.id}")
    core.clock.advance(timedelta(hours=1))
    assert (await core.tick.run()).due == 0
    await core.runner.run(row.id)
    await core.checks.run(CheckMessage(row.kind, ("one",), (row.id,)))
    assert await core.table.get(row.partition, f"a|{row.id}") == before
    assert core.toys.checked == []
    assert core.toys.world.sends == []


async def test_a_persons_input_on_a_row_of_a_newer_version_is_for_that_version(core: Core) -> None:
    operation = await core.accept()
    row = await core.row(operation)
    await core.table.upsert({"PartitionKey": row.partition, "RowKey": f"a|{row.id}", "v": 2})
    for say in (core.commands.cancel, core.commands.retry):
        with pytest.raises(Refused) as refused:
            await say(await core.get(operation), ALICE)
        assert refused.value.code is ErrorCode.SERVICE_UNAVAILABLE


async def test_keys_hold_no_arm_id_and_no_raw_key(core: Core) -> None:
    secret = "/subscriptions/x/resourceGroups/y"
    operation = await core.accept(secret, locks=(secret,), body={"id": secret})
    await core.budgets.release(secret, 1)
    tables = [core.table, *(core.account.table(name + core.suffix) for name in ("locks", "budgets"))]
    keys = [f"{found.entity['PartitionKey']}{found.entity['RowKey']}" for table in tables async for found in table.range("RowKey ne ''")]
    assert len(keys) == 7
    assert not any("subscriptions" in key for key in keys)
    assert sorted(key[2:4] for key in keys if operation.id in key) == ["a|", "n|", "o|", "p|", "t|"]


@pytest.mark.parametrize("size", [1, 59 * 1024, 61 * 1024, 130 * 1024])
async def test_bodies_and_details_of_any_size_are_kept_in_storage(core: Core, size: int) -> None:
    operation = await core.accept(body={"text": "x" * size})
    await core.store.save(await core.row(operation), detail={"text": "ä" * size})
    shown = await core.get(operation)
    assert (shown.body, shown.detail) == ({"text": "x" * size}, {"text": "ä" * size})
