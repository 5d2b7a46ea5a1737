"""Reads the messages of intake queues: a POST's body, a command for an operation, or a CloudEvent (docs/design/queues.md). Pure."""

import base64
import binascii
from dataclasses import dataclass, replace

from shared.errors import ErrorCode, Refused
from shared.operations.model.models import JsonObject
from shared.values.json_objects import InvalidJsonError, begins_an_object, read_object

MAX_BYTES = 64 * 1024
RESERVED = ("id", "tenant", "operation")


@dataclass(frozen=True, slots=True)
class Intake:
    """A message as it was understood.

    `key` identifies it among its kind (the message's `id`, or a CloudEvent's source and id; None: only the queue's own id is left).
    `body` is without the reserved members. `target` is the thing that an operation other than create is about. `trace` is a traceparent.
    """

    operation: str
    body: JsonObject
    key: str | None = None
    tenant: str | None = None
    target: str | None = None
    kind: str | None = None
    trace: str | None = None
    source: str | None = None

    def names(self) -> tuple[str, ...]:
        """Return the keys that `target` can name: the `id` of a message or, in a CloudEvent, that of an event of its source."""
        target = self.target or ""
        return (target, f"{self.source} {target}") if self.source else (target,)


def decode(raw: bytes) -> JsonObject:
    """Read a message: a JSON object in UTF-8 or UTF-16, with or without a byte order mark, or base64 of one, in one line or several.

    Raises `Refused` (UnreadableMessage, PayloadTooLarge).
    """
    if len(raw) > MAX_BYTES:
        raise Refused(ErrorCode.PAYLOAD_TOO_LARGE, f"The message has {len(raw)} bytes. A message may have at most {MAX_BYTES}.")
    text = raw
    if not begins_an_object(raw):
        try:
            text = base64.b64decode(b"".join(raw.split()), validate=True)
        except (binascii.Error, ValueError):
            raise _unreadable("It is neither a JSON object nor base64 of one.") from None
    try:
        return read_object(text)
    except InvalidJsonError as error:
        raise _unreadable(str(error)) from None


def understand(message: JsonObject, kinds: frozenset[str], *, qualified: bool = False) -> Intake:
    """Find out what a message asks for; raises `Refused` naming the member that is wrong. `kinds` are those that the queue carries.

    With `qualified` each message names its kind in `operation` ("virtualMachine.start"), and its tenant; `target` stays in the body,
    because only its operation shows whether it is about something that exists.
    """
    if "specversion" in message:
        return _cloud_event(message, kinds, qualified=qualified)
    if "eventType" in message and ("topic" in message or "dataVersion" in message or "eventTime" in message):
        reason = "This is Event Grid's own schema. Deliver the events in the CloudEvents 1.0 schema: CloudEventSchemaV1_0."
        raise Refused(ErrorCode.INVALID_REQUEST, reason, target="specversion")
    key, tenant = _text(message, "id"), _text(message, "tenant")
    if qualified:
        kind, operation = _kind_and_operation(message, kinds)
        return _qualified(Intake(operation, _body(message), key, tenant, kind=kind))
    return _plain(message, key=key, tenant=tenant)


def replay_of(message: JsonObject) -> str | None:
    """Return the id of the rejected message that this one replays, or None."""
    rejected = message.get("farshoreReplay")
    return rejected if isinstance(rejected, str) and set(message) == {"farshoreReplay"} else None


def _plain(message: JsonObject, *, key: str | None, tenant: str | None) -> Intake:
    operation = _text(message, "operation") or "create"
    body = _body(message)
    if operation == "create":
        return Intake(operation, body, key, tenant)
    target = _text(body, "target")
    body.pop("target", None)
    if target is None:
        raise Refused(ErrorCode.INVALID_REQUEST, f"{operation} needs the id of the thing that it is about.", target="target")
    return Intake(operation, body, key, tenant, target)


def _body(message: JsonObject) -> JsonObject:
    return {name: value for name, value in message.items() if name not in RESERVED}


def _kind_and_operation(message: JsonObject, kinds: frozenset[str]) -> tuple[str, str]:
    """Return the kind and the operation that a message of a queue with several kinds names together."""
    kind, dot, operation = (_text(message, "operation") or "").partition(".")
    if not dot or not operation or kind not in kinds:
        known = ", ".join(f"{name}.<operation>" for name in sorted(kinds)) or "none in this app"
        reason = f"'operation' must name the kind and the operation; known on this queue: {known}."
        raise Refused(ErrorCode.INVALID_REQUEST, reason, target="operation")
    return kind, operation


def _qualified(intake: Intake) -> Intake:
    if intake.tenant is None:
        raise Refused(ErrorCode.INVALID_REQUEST, "A message of this queue needs the name of its tenant.", target="tenant")
    return replace(intake, target=_text(intake.body, "target"))


def _cloud_event(event: JsonObject, kinds: frozenset[str], *, qualified: bool) -> Intake:
    if event.get("specversion") != "1.0":
        raise Refused(ErrorCode.INVALID_REQUEST, "Only CloudEvents 1.0 are understood.", target="specversion")
    source, event_id, kind = (_needed(event, name) for name in ("source", "id", "type"))
    parts = kind.split(".")
    if len(parts) != 3 or parts[0] != "farshore" or parts[1] not in kinds:
        known = ", ".join(f"farshore.{name}.<operation>" for name in sorted(kinds)) or "none in this app"
        raise Refused(ErrorCode.INVALID_REQUEST, f"The type {kind!r} is none of this queue's: {known}.", target="type")
    data = _event_data(event)
    tenant = _text(event, "tenant") or _text(data, "tenant")
    operation = parts[2]
    if _text(data, "operation") not in {None, operation, *([f"{parts[1]}.{operation}"] if qualified else [])}:
        raise Refused(
            ErrorCode.INVALID_REQUEST,
            f"'operation' in the event's data differs from {operation} in its type. Leave it out, or send the same.",
            target="data.operation",
        )
    key, trace = f"{source} {event_id}", _text(event, "traceparent")
    if qualified:
        return _qualified(Intake(operation, _body(data), key, tenant, kind=parts[1], trace=trace, source=source))
    intake = _plain({**data, "operation": operation}, key=key, tenant=tenant)
    return Intake(intake.operation, intake.body, intake.key, intake.tenant, intake.target, parts[1], trace, source)


def _event_data(event: JsonObject) -> JsonObject:
    """Return an event's data: an object, the JSON text of one, or `data_base64` (CloudEvents 1.0, JSON format, section 3.1)."""
    data, encoded = event.get("data"), event.get("data_base64")
    target = "data" if encoded is None else "data_base64"
    if isinstance(data, dict) and encoded is None:
        return data
    try:
        if isinstance(encoded, str) and data is None:
            return read_object(base64.b64decode("".join(encoded.split()), validate=True))
        if isinstance(data, str) and encoded is None:
            return read_object(data.encode("utf-8", "replace"))
    except (InvalidJsonError, binascii.Error, ValueError) as error:
        message = f"The event's {target} is not a JSON object: {error}"
        raise Refused(ErrorCode.INVALID_REQUEST, message, target=target) from None
    message = "The event needs data, a JSON object, or data_base64, base64 of one, and not both."
    raise Refused(ErrorCode.INVALID_REQUEST, message, target=target)


def _text(body: JsonObject, name: str) -> str | None:
    value = body.get(name)
    if value is None:
        return None
    if not isinstance(value, str) or not 0 < len(value) <= 1024 or not value.isprintable():
        raise Refused(ErrorCode.INVALID_REQUEST, f"{name} must be a text of 1 to 1,024 printable characters.", target=name)
    return value


def _needed(body: JsonObject, name: str) -> str:
    value = _text(body, name)
    if value is None:
        raise Refused(ErrorCode.INVALID_REQUEST, f"A CloudEvent needs {name}.", target=name)
    return value


def _unreadable(why: str) -> Refused:
    return Refused(ErrorCode.UNREADABLE_MESSAGE, f"The message cannot be read. {why}")
