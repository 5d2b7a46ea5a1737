"""Rejected messages: what came in by an intake queue and could not be accepted, kept with the reason until it is replayed.

One row per queue and message id, written here before the platform would move the message away under another id. The id holds the
time at which the message was put on its queue, so that the newest are read first.
"""

import asyncio
import base64
import json
import re
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any

from shared.clock import Clock, from_text, to_text
from shared.errors import ErrorCode, Problem, Refused
from shared.operations.crash_points import crash_point
from shared.operations.model.identity import inverted, short_hash
from shared.operations.model.models import JsonObject
from shared.operations.outside.events import Events

if TYPE_CHECKING:
    from shared.storage.tables import Found, Queues, Table


TABLE = "rejected"
_PARTITION = "rejected"
_PIECE = 60 * 1024
_SECRET = re.compile(r"password|secret|publishsettings|(?<!public)key$|token|credential|connectionstring|sas$", re.IGNORECASE)
_SECRET_TEXT = re.compile(
    r'("(?:value|[^"\n]{0,99}(?:password|secret|publishsettings|[a-z]key|token|credential|connectionstring|sas)[^"\n]{0,99})"\s*:\s*)'
    r'"(?:[^"\\]|\\.)*"?',
    re.IGNORECASE,
)
_REFERENCE = "keyVaultSecretId"


@dataclass(frozen=True, slots=True)
class RejectedMessage:
    """A message that could not be accepted: `body` is its text, without secrets; `key` is what identifies it when it is replayed.

    `is_altered`: a secret was removed, so that `body` is not what was sent.
    """

    id: str
    queue: str
    message_id: str
    received_at: datetime
    reason: Problem
    body: str
    may_have_been_accepted: bool
    key: str
    tenant: str
    replayed_as: str | None = None
    is_altered: bool = False

    def as_json(self) -> JsonObject:
        """Return it as `GET /rejected-messages` answers it."""
        return {
            "id": self.id,
            "queue": self.queue,
            "messageId": self.message_id,
            "receivedAt": to_text(self.received_at),
            "reason": self.reason.as_json(),
            "body": self.body,
            "mayHaveBeenAccepted": self.may_have_been_accepted,
            "replayedAs": self.replayed_as,
        }


@dataclass(frozen=True, slots=True)
class RejectedMessages:
    """Keeps, lists and replays rejected messages."""

    table: "Table"
    queues: "Queues"
    events: Events
    clock: Clock

    async def reject(
        self,
        queue: str,
        message_id: str,
        received_at: datetime,
        raw: bytes,
        reason: Problem,
        *,
        tenant: str,
        key: str,
        may_have_been_accepted: bool = False,
    ) -> str:
        """Keep a message with the reason and send its event; harmless to repeat. Returns the row's id."""
        rejected = f"{inverted(received_at)}{short_hash(queue, message_id)}"
        body, altered = without_secrets(raw)
        entity: dict[str, Any] = {
            "PartitionKey": _PARTITION,
            "RowKey": rejected,
            "v": 1,
            "queue": queue,
            "messageId": message_id,
            "receivedAt": to_text(received_at),
            "reason": json.dumps(_short(reason).as_json()).encode(),
            "mayHaveBeenAccepted": may_have_been_accepted,
            "key": key,
            "tenant": tenant,
            "replayedAs": "",
            "told": False,  # the stored name for: its event was sent
            "altered": altered,
            **_body_pieces(body),
        }
        from shared.storage.tables import Conflict

        try:
            await self.table.insert(entity)
        except Conflict:
            found = await self.table.get(_PARTITION, rejected)
            if found is None or found.entity.get("told"):
                return rejected
        crash_point("reject.written")
        kept = await self.get(rejected)
        if kept is not None:
            await self.events.publish_rejected(rejected, tenant, kept.as_json())
        crash_point("reject.sent")
        await self.table.upsert({"PartitionKey": _PARTITION, "RowKey": rejected, "told": True})
        return rejected

    async def get(self, rejected: str) -> RejectedMessage | None:
        """Return one rejected message, or None."""
        found = await self.table.get(_PARTITION, rejected) if rejected.isalnum() else None
        return _read(found) if found else None

    async def page(self, top: int, after: str | None) -> tuple[list[RejectedMessage], str | None]:
        """Return up to `top` rejected messages after an id, newest first, and where the next page begins after."""
        filters = "PartitionKey eq @partition and RowKey gt @after"
        found = self.table.range(filters, parameters={"partition": _PARTITION, "after": after or "0"}, limit=top + 1)
        kept = [_read(item) async for item in found]
        return kept[:top], kept[top - 1].id if len(kept) > top else None

    async def replay(self, rejected: str) -> RejectedMessage:
        """Queue a rejected message again; its first id stays its key. Raises `Refused` (NotFound, AlreadyReplayed, NotReplayable)."""
        found = await self.table.get(_PARTITION, rejected) if rejected.isalnum() else None
        if found is None:
            raise Refused(ErrorCode.NOT_FOUND, "The rejected message was not found.", target=rejected)
        from shared.storage.tables import Change, Conflict

        kept = _read(found)
        if kept.replayed_as is not None:
            raise Refused(ErrorCode.ALREADY_REPLAYED, f"It was replayed already, as {kept.replayed_as}.", target=rejected)
        if kept.is_altered:
            message = "A secret was removed from this message: it is not what was sent. Send it again with a reference to the secret."
            raise Refused(ErrorCode.NOT_REPLAYABLE, message, target=rejected)
        await self.queues.send(kept.queue, json.dumps({"farshoreReplay": rejected}))
        try:
            mark = {"PartitionKey": _PARTITION, "RowKey": rejected, "replayedAs": kept.key}
            await self.table.transact([Change("merge", mark, found.etag)])
        except Conflict:
            await asyncio.sleep(0)  # two replays at once: both messages have one key, the second finds the first's operation
        return await self.get(rejected) or kept


def without_secrets(raw: bytes) -> tuple[str, bool]:
    """Return a message's text, read from base64 where it hides a secret there, with every secret removed, and whether one was.

    Removed are the values whose name is that of a secret, and of an object with nothing but a `value`; in text that is no JSON they are
    found by their look. A reference to Key Vault is no secret; a text without secrets stays as it is.
    """
    text = raw.decode("utf-8", "replace")
    for candidate in (text, _from_base64(raw)):
        clean = _without_secrets(candidate)
        if clean != candidate:
            return clean, True
    return text, False


def _without_secrets(text: str) -> str:
    try:
        body = json.loads(text)
        clean = _redacted(body)
        return text if clean == body else json.dumps(clean, ensure_ascii=False)
    except (ValueError, RecursionError):
        return _SECRET_TEXT.sub(lambda found: found[0] if _REFERENCE in found[1] else f'{found[1]}"(removed)"', text)


def _from_base64(raw: bytes) -> str:
    try:
        return base64.b64decode(b"".join(raw.split()), validate=True).decode("utf-8", "replace")
    except ValueError:
        return ""


def _short(reason: Problem) -> Problem:
    """Return a reason as a row may hold it: its message may quote what was sent."""
    details = tuple(_shortened(detail, 300) for detail in reason.details[:10])
    return replace(_shortened(reason, 1000), details=details)


def _shortened(problem: Problem, length: int) -> Problem:
    return Problem(problem.code, problem.message[:length], problem.target[:100] if problem.target else None)


def _redacted(value: object, secret: bool = False) -> object:
    if isinstance(value, dict):
        secret = secret or set(value) == {"value"}
        return {name: _redacted(item, name != _REFERENCE and (secret or _names_secret(name))) for name, item in value.items()}
    if isinstance(value, list):
        return [_redacted(item, secret) for item in value]
    return "(removed)" if secret and value is not None and not isinstance(value, bool) else value


def _names_secret(name: str) -> bool:
    return name != "key" and _SECRET.search(name) is not None


def _body_pieces(body: str) -> dict[str, Any]:
    data = body.encode("utf-8", "surrogatepass")
    parts = [data[start : start + _PIECE] for start in range(0, len(data), _PIECE)]
    return {f"body{index}": part for index, part in enumerate(parts)} | {"body": len(parts)}


def _read(found: "Found") -> RejectedMessage:
    entity = found.entity
    body = b"".join(entity[f"body{index}"] for index in range(entity["body"]))
    return RejectedMessage(
        id=entity["RowKey"],
        queue=entity["queue"],
        message_id=entity["messageId"],
        received_at=from_text(entity["receivedAt"]),
        reason=Problem.from_json(json.loads(entity["reason"])),
        body=body.decode("utf-8", "replace"),
        may_have_been_accepted=bool(entity["mayHaveBeenAccepted"]),
        key=entity["key"],
        tenant=entity["tenant"],
        replayed_as=entity["replayedAs"] or None,
        is_altered=bool(entity.get("altered")),
    )
