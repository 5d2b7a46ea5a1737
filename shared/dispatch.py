"""Dispatches the messages of an intake queue: by kind and operation, to the handlers of the capabilities that share the queue."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from shared.access.sender import queue_actor, require_queue_role
from shared.capability import Capability, Message, MessageCall, Parts
from shared.errors import ErrorCode, Refused
from shared.operations.outside.intake import Intake
from shared.web.calls import App


@dataclass(frozen=True, slots=True)
class Dispatch:
    """The messages of a queue by kind and operation; a message without a kind has `default_kind`."""

    queue: str
    messages: Mapping[tuple[str, str], Message]
    default_kind: str | None

    @property
    def kinds(self) -> frozenset[str]:
        """The kinds of operations that messages of the queue are about."""
        return frozenset(kind for kind, _ in self.messages)

    @property
    def is_qualified(self) -> bool:
        """Whether each message names its kind and its tenant."""
        return self.default_kind is None

    async def carry_out(self, app: App, intake: Intake) -> None:
        """Run the handler of a message; refuses with `InvalidRequest` (unknown operation) and `MissingRole` (not given to queues)."""
        message = self._message(intake.kind or self.default_kind or "", intake.operation)
        require_queue_role(app.settings.queue_roles, message.role, self.queue)
        if self.is_qualified:
            intake = _with_target(intake, message)
        await message.handler(MessageCall(app, intake, queue_actor(self.queue)))

    def _message(self, kind: str, operation: str) -> Message:
        found = self.messages.get((kind, operation))
        if found is None:
            known = ", ".join(sorted(name for of, name in self.messages if of == kind))
            message = f"'{operation}' is not an operation of {kind or 'a message without a kind'}. Use one of {known}."
            raise Refused(ErrorCode.INVALID_REQUEST, message, target="operation")
        return found


def _with_target(intake: Intake, message: Message) -> Intake:
    """Return a message with its target taken out of its body; of one that creates something all is body."""
    if message.creates:
        return replace(intake, target=None)
    if intake.target is None:
        raise Refused(ErrorCode.INVALID_REQUEST, f"{intake.operation} needs the name or id of what it is about.", target="target")
    return replace(intake, body={name: value for name, value in intake.body.items() if name != "target"})


def dispatches(capabilities: Sequence[Capability], parts: Sequence[Parts]) -> Mapping[str, Dispatch]:
    """Return how the messages of each intake queue are dispatched; `parts` are those of the capabilities, in their order."""
    found: dict[str, Dispatch] = {}
    for capability, part in zip(capabilities, parts, strict=True):
        if capability.intake is not None:
            known = found.get(capability.intake, Dispatch(capability.intake, {}, None))
            default = known.default_kind or capability.default_kind
            found[capability.intake] = Dispatch(capability.intake, {**known.messages, **part.messages}, default)
    return found
