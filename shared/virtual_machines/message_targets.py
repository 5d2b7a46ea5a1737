"""The `target` of a message about something that an earlier operation made: that operation's id, or the id of its message."""

from collections.abc import Awaitable, Callable
from dataclasses import replace

from shared.capability import MessageCall
from shared.errors import ErrorCode, Refused
from shared.operations.model.models import Operation
from shared.virtual_machines.kinds import VIRTUAL_MACHINE, Action
from shared.web.calls import find_by_message

Handler = Callable[[MessageCall], Awaitable[None]]
_MADE = {Action.DELETE_IMAGE: "imageId", Action.DELETE_DISK: "diskId", Action.REVOKE_ACCESS: "diskId"}
"""The member of a result that names what an action is about; of others it is the machine, `resourceId`."""
_NOT_BY_NAME = frozenset({ErrorCode.NOT_FOUND, ErrorCode.REPEATABILITY_KEY_REUSED})
"""Refusals of a target that is no name. With the second, the message was carried out before, by what the target names."""


def or_made_by_target(action: Action, handler: Handler) -> Handler:
    """Return a handler whose `target` may also be the id of the operation or message that made the resource; a name comes first."""

    async def carry_out(call: MessageCall) -> None:
        try:
            await handler(call)
        except Refused as refused:
            made = await _made(call, action) if refused.code in _NOT_BY_NAME else None
            if made is None:
                raise
            await handler(replace(call, intake=replace(call.intake, target=made)))

    return carry_out


async def _made(call: MessageCall, action: Action) -> str | None:
    """Return the ARM id of what the operation made that a message's `target` names; None where there is none, or it has not ended."""
    try:
        operation = await find_by_message(call.app, VIRTUAL_MACHINE, call.intake)
    except Refused:
        return None
    return made_by(operation, action)


def made_by(operation: Operation, action: Action) -> str | None:
    """Return the ARM id of what an operation made and an action is about."""
    found = (operation.result or {}).get(_MADE.get(action, "resourceId"))
    return found if isinstance(found, str) else None
