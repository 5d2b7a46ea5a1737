"""The part of the active row that no query asks for, packed into one binary column so that the row stays within 2 KiB.

Source: docs/design/core.md.

Table strings are UTF-16 and ARM ids are long and alike: as compressed JSON they take a third. A member that a newer version put there is
kept in `Active.extra` and written back.
"""

import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass

from shared.errors import Problem
from shared.operations.model.models import Attention, Busy, Intent, JsonObject, PendingCommand

LONGEST_SENTENCE = 300
_LONGEST_TRACE = 128
_MEMBERS = frozenset(
    {
        "nonce",
        "stamp",
        "intent",
        "attention",
        "tell",
        "locks",
        "data",
        "trace",
        "word",
        "said",
        "busy",
        "throttledSince",
        "dropped",
        "dispatchedAt",  # of version 0.1.0: the entry of `due.py` has it now
        "shownAs",
        "seenAs",
        "seenAt",
        "endsAt",
        "writes",
        "createdAt",
        "updatedAt",
    }
)


@dataclass(frozen=True, slots=True)
class State:
    """What is packed; `extra` are the members that this version does not know."""

    nonce: str
    stamp: str
    intent: Intent | None
    attention: Attention | None
    pending_events: tuple[str, ...]
    locks: tuple[str, ...]
    data: JsonObject
    trace: str
    pending_input: JsonObject | None
    pending_commands: tuple[PendingCommand, ...]
    busy: Busy | None
    throttled_since: str
    dropped_locks: tuple[str, ...]
    shown_as: str
    seen_as: str
    seen_at: str
    ends_at: str
    writes: str
    created_at: str
    updated_at: str
    extra: JsonObject


def pack(state: State) -> bytes:
    """Write the state as compressed JSON."""
    body: JsonObject = {
        **state.extra,
        "nonce": state.nonce,
        "stamp": state.stamp,
        "intent": _intent_json(state.intent) if state.intent else None,
        "attention": state.attention.as_json() if state.attention else None,
        "tell": list(state.pending_events),
        "locks": list(state.locks),
        "data": state.data,
        "trace": state.trace if len(state.trace) <= _LONGEST_TRACE else "",
        "word": state.pending_input,
        "said": [one.as_json() for one in state.pending_commands],
        "busy": _busy_json(state.busy) if state.busy else None,
        "throttledSince": state.throttled_since,
        "dropped": list(state.dropped_locks),
        "shownAs": state.shown_as,
        "seenAs": state.seen_as,
        "seenAt": state.seen_at,
        "endsAt": state.ends_at,
        "writes": state.writes,
        "createdAt": state.created_at,
        "updatedAt": state.updated_at,
    }
    # ASCII: a text from outside may hold what UTF-8 cannot
    return zlib.compress(json.dumps({name: value for name, value in body.items() if value}, separators=(",", ":")).encode("ascii"))


def unpack(packed: object) -> State:
    """Read what `pack` wrote; what is missing is read as absent."""
    body = json.loads(zlib.decompress(packed)) if isinstance(packed, bytes) and packed else {}
    attention, intent, data, pending = body.get("attention"), body.get("intent"), body.get("data"), body.get("word")
    busy = body.get("busy")
    return State(
        nonce=str(body.get("nonce", "")),
        stamp=str(body.get("stamp", "")),
        intent=_read_intent(intent) if isinstance(intent, dict) else None,
        attention=Attention(*(str(attention.get(name, "")) for name in ("code", "message", "since"))) if attention else None,
        pending_events=tuple(body.get("tell", ())),
        locks=tuple(body.get("locks", ())),
        data=data if isinstance(data, dict) else {},
        trace=str(body.get("trace", "")),
        pending_input=pending if isinstance(pending, dict) else None,
        pending_commands=tuple(PendingCommand.from_json(one) for one in body.get("said", ())),
        busy=Busy(str(busy["effect"]), str(busy["since"]), int(busy.get("refusals", 1))) if isinstance(busy, dict) else None,
        throttled_since=str(body.get("throttledSince", "")),
        dropped_locks=tuple(body.get("dropped", ())),
        shown_as=str(body.get("shownAs", "")),
        seen_as=str(body.get("seenAs", "")),
        seen_at=str(body.get("seenAt", "")),
        ends_at=str(body.get("endsAt", "")),
        writes=str(body.get("writes", "")),
        created_at=str(body.get("createdAt", "")),
        updated_at=str(body.get("updatedAt", "")),
        extra={name: value for name, value in body.items() if name not in _MEMBERS},
    )


def sentence(text: str) -> str:
    """Return a sentence as a row may hold it: one of Azure's can be pages long."""
    return text if len(text) <= LONGEST_SENTENCE else f"{text[: LONGEST_SENTENCE - 1]}…"


def _busy_json(busy: Busy) -> JsonObject:
    return {"effect": busy.effect, "since": busy.since, "refusals": busy.refusals}


def _intent_json(intent: Intent) -> JsonObject:
    return {
        "effect": intent.effect,
        "clientRequestId": intent.client_request_id,
        "at": intent.at,
        "last": intent.last,
        "own": intent.own,
        "wasStarted": intent.was_started,
        "lost": intent.lost,
        "looks": intent.looks,
        "refusal": _short(intent.refusal).as_json() if intent.refusal else None,
    }


def _read_intent(body: Mapping[str, object]) -> Intent:
    refusal, lost, looks = body.get("refusal"), body.get("lost"), body.get("looks")
    return Intent(
        effect=str(body["effect"]),
        client_request_id=str(body["clientRequestId"]),
        at=str(body["at"]),
        last=str(body["last"]),
        own=bool(body.get("own", True)),
        was_started=bool(body.get("wasStarted")),
        lost=lost if isinstance(lost, int) else 0,
        looks=looks if isinstance(looks, int) else 0,
        refusal=Problem.from_json(refusal) if isinstance(refusal, dict) else None,
    )


def _short(problem: Problem) -> Problem:
    details = tuple(Problem(detail.code, sentence(detail.message), detail.target) for detail in problem.details[:3])
    return Problem(problem.code, sentence(problem.message), problem.target, details)
