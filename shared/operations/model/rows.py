"""How an operation is laid out in the table `operations` (docs/design/core.md), and nothing of how the table is reached.

Absent values are written as empty text: a row is merged, so that a column which a newer version added survives an older one's write.
A version that is not to be carried on by an older one raises `v`.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from shared.clock import from_text
from shared.errors import Problem
from shared.operations.model.identity import inverted, partition_of
from shared.operations.model.models import Actor, Attention, Busy, Intent, JsonObject, NewOperation, Operation, PendingCommand, Status
from shared.operations.model.state import State, pack, sentence, unpack
from shared.storage.pieces import compact, from_pieces, pieces

VERSION = 1
Entity = dict[str, object]


@dataclass(frozen=True, slots=True)
class Active:
    """The active row: what scheduling needs. Times are texts as `shared.clock.to_text` writes them; leases are wall time, the rest Azure's.

    `dispatched` is true while a message is on its way, so that `next_at` is only the time to look for a lost one; `due` is the mark of the
    entry by which the tick finds the row (`due.py`). `attention_listed` is true while it has a list row among those that need attention.
    `group` names what a due check is batched by (empty: a step is due). `announce` is set when only the announcement of the end is left.
    `started` is set from the intent of the operation's own effect on. `pending_events` are yet to be sent, `pending_input` is yet to be
    taken by a step, `pending_commands` are yet to be delivered to the workflow (stored as `tell`, `word` and `said`). `throttled_since` is
    when the refusals for a rate began, of which the last result is older. `dropped_locks` are those that steps gave back: the end gives
    them back again, for a process may have died in between. `shown_as` is the digest of what the list rows show, `seen_as` that of what the
    last check saw, `seen_at` when it looked and `ends_at` when it expects the end. `writes` is the key of the budget on which the due step
    draws with a write, empty where it makes none. `stamp` is new with each write, so that a write which storage answered twice is
    recognised; `extra` is what a newer version packed beside it.
    """

    id: str
    kind: str
    tenant: str
    created_at: str
    updated_at: str
    status: Status
    step: str
    next_at: str
    dispatched: bool = True
    group: str = ""
    attempts: int = 0
    lease_until: str = ""
    nonce: str = ""
    intent: Intent | None = None
    started: bool = False
    cancel_requested: bool = False
    attention: Attention | None = None
    attentions: int = 0
    pending_events: tuple[str, ...] = ()
    locks: tuple[str, ...] = ()
    announce: bool = False
    has_detail: bool = False
    percent: int = 0
    data: JsonObject = field(default_factory=dict)
    trace: str = ""
    pending_input: JsonObject | None = None
    pending_commands: tuple[PendingCommand, ...] = ()
    busy: Busy | None = None
    throttled_since: str = ""
    dropped_locks: tuple[str, ...] = ()
    due: str = ""
    attention_listed: bool = False
    shown_as: str = ""
    seen_as: str = ""
    seen_at: str = ""
    ends_at: str = ""
    writes: str = ""
    version: int = VERSION
    stamp: str = ""
    extra: JsonObject = field(default_factory=dict)
    etag: str = ""

    @property
    def partition(self) -> str:
        """The row's partition."""
        return partition_of(self.id)

    @property
    def is_newer(self) -> bool:
        """Whether a version wrote it that this one does not know: it is read as well as may be, and carried on by that version only."""
        return self.version > VERSION

    @property
    def awaits_check(self) -> bool:
        """Whether what is due is a check; else it is a step, if only to handle an input or to send an event."""
        return bool(self.group) and not (
            self.announce or self.pending_events or self.cancel_requested or self.pending_input or self.pending_commands
        )

    def with_attention(self, code: str, message: str, since: str) -> "Active":
        """Return the row with attention, and the event of it; unchanged if it already has attention of that code."""
        message = sentence(message)
        if self.attention is not None and self.attention.code == code:
            return replace(self, attention=replace(self.attention, message=message))
        number = self.attentions + 1
        return replace(
            self, attention=Attention(code, message, since), attentions=number, pending_events=(*self.pending_events, f"attention/{number}")
        )


def read_detail(entity: Mapping[str, object]) -> JsonObject:
    """Read the detail of an operation that runs: what its steps learned (`detail`), and over it what its checks saw last (`seen`)."""
    return (from_pieces("detail", entity) or {}) | (from_pieces("seen", entity) or {})


def active_key(operation: str) -> str:
    """The row key of the active row."""
    return f"a|{operation}"


def list_keys(tenant: str, created_at: str, operation: str) -> tuple[str, str]:
    """The row keys of the list rows: the tenant's and the provider's."""
    order = inverted(from_text(created_at))
    return f"t|{tenant}|{order}|{operation}", f"p|{order}|{operation}"


def attention_key(row: Active) -> str:
    """The row key of the list row of an operation that needs attention."""
    return f"q|{inverted(from_text(row.created_at))}|{row.id}"


def active_entity(row: Active) -> Entity:
    """Write the active row, every column of this version; what no query asks for is packed into one (`state`)."""
    state = State(
        nonce=row.nonce,
        stamp=row.stamp,
        intent=row.intent,
        attention=row.attention,
        pending_events=row.pending_events,
        locks=row.locks,
        data=row.data,
        trace=row.trace,
        pending_input=row.pending_input,
        pending_commands=row.pending_commands,
        busy=row.busy,
        throttled_since=row.throttled_since,
        dropped_locks=row.dropped_locks,
        shown_as=row.shown_as,
        seen_as=row.seen_as,
        seen_at=row.seen_at,
        ends_at=row.ends_at,
        writes=row.writes,
        created_at=row.created_at,
        updated_at=row.updated_at,
        extra=row.extra,
    )
    return {
        "PartitionKey": row.partition,
        "RowKey": active_key(row.id),
        "v": row.version,
        "kind": row.kind,
        "tenant": row.tenant,
        "status": str(row.status),
        "step": row.step,
        "nextAt": row.next_at,
        "due": row.due,
        "dispatched": row.dispatched,
        "group": row.group,
        "attempts": row.attempts,
        "leaseUntil": row.lease_until,
        "started": row.started,
        "cancelRequested": row.cancel_requested,
        "attention": row.attention.code if row.attention else "",
        "attentions": row.attentions,
        "attentionListed": row.attention_listed,
        "announce": row.announce,
        "hasDetail": row.has_detail,
        "percent": row.percent,
        "state": pack(state),
    }


def read_active(entity: Mapping[str, object], etag: str) -> Active:
    """Read an active row; a column that an older version did not know is read as absent."""
    text, state = _texts(entity), unpack(entity.get("state"))
    return Active(
        id=text("RowKey").removeprefix("a|"),
        kind=text("kind"),
        tenant=text("tenant"),
        created_at=state.created_at,
        updated_at=state.updated_at,
        status=Status(text("status")),
        step=text("step"),
        next_at=text("nextAt"),
        dispatched=bool(entity.get("dispatched")),
        group=text("group"),
        attempts=_integer(entity.get("attempts")),
        lease_until=text("leaseUntil"),
        nonce=state.nonce,
        intent=state.intent,
        started=bool(entity.get("started")),
        cancel_requested=bool(entity.get("cancelRequested")),
        attention=state.attention,
        attentions=_integer(entity.get("attentions")),
        pending_events=state.pending_events,
        locks=state.locks,
        announce=bool(entity.get("announce")),
        has_detail=bool(entity.get("hasDetail")),
        percent=_integer(entity.get("percent")),
        data=state.data,
        trace=state.trace,
        pending_input=state.pending_input,
        pending_commands=state.pending_commands,
        busy=state.busy,
        throttled_since=state.throttled_since,
        dropped_locks=state.dropped_locks,
        due=text("due"),
        attention_listed=bool(entity.get("attentionListed")),
        shown_as=state.shown_as,
        seen_as=state.seen_as,
        seen_at=state.seen_at,
        ends_at=state.ends_at,
        writes=state.writes,
        version=_integer(entity.get("v")) or VERSION,
        stamp=state.stamp,
        extra=state.extra,
        etag=etag,
    )


def request_entity(row: Active, new: NewOperation, digest: str, nonce: str) -> Entity:
    """Write the request row: the body as sent, its hash, who asked, and the nonce of this acceptance."""
    return {
        "PartitionKey": row.partition,
        "RowKey": f"o|{row.id}",
        "v": VERSION,
        "kind": row.kind,
        "tenant": row.tenant,
        "createdAt": row.created_at,
        "hash": digest,
        "nonce": nonce,
        "actor": compact(new.actor.as_json()),
        **({"firstSent": new.first_sent} if new.first_sent else {}),
        **({"action": new.action} if new.action else {}),
        **pieces("body", new.body),
    }


def list_entities(row: Active, filters: Mapping[str, str]) -> tuple[Entity, Entity]:
    """Write the two list rows: what lists filter and order by."""
    tenant_key, provider_key = list_keys(row.tenant, row.created_at, row.id)
    columns: Entity = {
        "v": VERSION,
        "id": row.id,
        "kind": row.kind,
        "tenant": row.tenant,
        **filter_columns(filters),
        **list_state(row),
    }
    return (
        {"PartitionKey": row.partition, "RowKey": tenant_key, **columns},
        {"PartitionKey": row.partition, "RowKey": provider_key, **columns},
    )


def filter_columns(filters: Mapping[str, str]) -> Entity:
    """The columns that a capability's lists filter by."""
    return {f"f_{name}": value for name, value in filters.items()}


def list_state(row: Active) -> Entity:
    """The columns of the list rows that change."""
    return {"status": str(row.status), "attention": row.attention.code if row.attention else ""}


def read_operation(active: Active | None, request: Mapping[str, object], detail: JsonObject | None) -> Operation:
    """Put an operation together from its rows; the final answer, once written, counts more than an active row read before it."""
    text = _texts(request)
    final = from_pieces("final", request)
    body = from_pieces("body", request) or {}
    actor = Actor.from_json(json.loads(text("actor") or "{}"))
    common = {
        "id": text("RowKey").removeprefix("o|"),
        "kind": text("kind"),
        "tenant": text("tenant"),
        "created_at": from_text(text("createdAt")),
        "actor": actor,
        "body": body,
        "action": text("action") or None,
    }
    if final is not None:
        return _ended(common, final)
    if active is None:
        raise LookupError("neither an active row nor a final answer")
    return Operation(
        **common,  # type: ignore[arg-type]  # the fields that both readings share
        status=active.status,
        step=active.step,
        percent_complete=active.percent,
        attention=active.attention,
        cancel_requested=active.cancel_requested,
        last_updated_at=from_text(active.updated_at),
        completed_at=None,
        detail=detail or {},
        data=active.data,
        error=None,
    )


def final_document(row: Active, detail: JsonObject, error: Problem | None, result: JsonObject | None = None) -> JsonObject:
    """Write the final answer of an operation that has ended."""
    shown = {} if result is None else {"result": result}
    return shown | {
        "status": str(row.status),
        "step": row.step,
        "percent": row.percent,
        "cancelRequested": row.cancel_requested,
        "completedAt": row.updated_at,
        "detail": detail,
        "error": error.as_json() if error else None,
    }


def _ended(common: Mapping[str, object], final: JsonObject) -> Operation:
    error, detail, completed = final.get("error"), final.get("detail"), from_text(str(final["completedAt"]))
    result = final.get("result")
    return Operation(
        **common,  # type: ignore[arg-type]  # the fields that both readings share
        status=Status(str(final["status"])),
        step=str(final["step"]),
        percent_complete=_integer(final.get("percent")),
        attention=None,
        cancel_requested=bool(final.get("cancelRequested")),
        last_updated_at=completed,
        completed_at=completed,
        detail=detail if isinstance(detail, dict) else {},
        data={},
        error=Problem.from_json(error) if isinstance(error, dict) else None,
        result=result if isinstance(result, dict) else None,
    )


def failed_before(request: Mapping[str, object]) -> bool:
    """Whether the final answer is Failed or Canceled."""
    final = from_pieces("final", request)
    return final is not None and final.get("status") in {str(Status.FAILED), str(Status.CANCELED)}


def _texts(entity: Mapping[str, object]) -> Callable[[str], str]:
    def text(name: str) -> str:
        value = entity.get(name)
        return value if isinstance(value, str) else ""

    return text


def _integer(value: object) -> int:
    return int(value) if isinstance(value, int | float) else 0
