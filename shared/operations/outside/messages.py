"""The messages between the functions of the app: hints that name operations to look at. Losing one costs time, doubling one nothing."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from shared.operations.model.identity import is_operation_id
from shared.storage.tables import Queues

OUTCOME_QUEUE = "outcomes"
MAX_IDS = 100
VERSION = 1


@dataclass(frozen=True, slots=True)
class StepMessage:
    """Look at these operations: a step of each is due."""

    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CheckMessage:
    """Check these operations of one kind and of these groups: one, or several subscriptions.

    `held` is the entry that holds them until they are checked: partition and row key; None where none does.
    """

    kind: str
    groups: tuple[str, ...]
    ids: tuple[str, ...]
    held: tuple[str, str] | None = None


async def send_step(queues: Queues, queue: str, ids: Sequence[str]) -> None:
    """Put a step message of up to 100 ids on a capability's step queue."""
    await queues.send(queue, json.dumps({"v": VERSION, "ids": list(ids)}))


async def send_check(queues: Queues, queue: str, message: CheckMessage) -> None:
    """Put a check message of up to 100 ids on a capability's check queue."""
    more = {"held": list(message.held)} if message.held else {}
    if len(message.groups) > 1:
        more["groups"] = list(message.groups)
    body = {"v": VERSION, "kind": message.kind, "group": message.groups[0], "ids": list(message.ids), **more}
    await queues.send(queue, json.dumps(body))


def read_step(text: str) -> StepMessage | None:
    """Read a step message; None for what is none: it is counted and dropped, the tick finds what it meant."""
    body = _read(text)
    return StepMessage(ids) if body is not None and (ids := _ids(body)) else None


def read_check(text: str) -> CheckMessage | None:
    """Read a check message; None for what is none."""
    body = _read(text)
    if body is None or not (ids := _ids(body)):
        return None
    groups = body.get("groups")
    several = tuple(str(one) for one in groups) if isinstance(groups, list) else ()
    return CheckMessage(str(body.get("kind", "")), several or (str(body.get("group", "")),), ids, _entry(body.get("held")))


def _read(text: str) -> dict[str, object] | None:
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return body if isinstance(body, dict) else None


def _entry(held: object) -> tuple[str, str] | None:
    """Read the key of an entry among the due; anything else must not be deleted."""
    if not isinstance(held, list) or len(held) != 2 or not all(isinstance(part, str) for part in held):
        return None
    partition, key = held
    return (partition, key) if key.startswith("n|") else None


def _ids(body: dict[str, object]) -> tuple[str, ...]:
    ids = body.get("ids")
    return tuple(item for item in ids[:MAX_IDS] if isinstance(item, str) and is_operation_id(item)) if isinstance(ids, list) else ()
