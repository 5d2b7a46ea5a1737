"""Messages of other systems about copies: what carries out each operation (docs/design/queues.md)."""

from shared.access.roles import Role
from shared.access.sender import message_owner
from shared.capability import Message, MessageCall
from shared.copies.copying.models import CopyRequest
from shared.copies.copying.service import Copies, StartCopy, owned_ids
from shared.copies.deletions.service import Deletions, StartDeletion
from shared.copies.kinds import COPY
from shared.copies.requests import ABANDON, ACCEPT_FULL_COPY, ACCEPT_LAST, DELETION_QUERY, INCLUDE_SOURCE
from shared.values.sent import SentBody
from shared.web.calls import find_by_message
from shared.web.documents import parse, wrong

_MEMBERS = tuple(parameter.name for parameter in DELETION_QUERY)


async def _create(call: MessageCall) -> None:
    """Start a copy."""
    intake, request = call.intake, parse(CopyRequest, call.intake.body)
    owner = await message_owner(call.app.registry, owned_ids(request), intake.tenant)
    await call.app.of(Copies).start(StartCopy(request, SentBody(intake.body), owner, call.actor, intake.key, intake.trace))


async def _cancel(call: MessageCall) -> None:
    """Cancel a copy before it starts."""
    await call.app.of(Copies).cancel(await find_by_message(call.app, COPY, call.intake), call.actor)


async def _redo(call: MessageCall) -> None:
    """Start a failed copy again, as a new operation."""
    failed = await find_by_message(call.app, COPY, call.intake)
    await call.app.of(Copies).redo(failed, call.actor, call.intake.key)


async def _delete(call: MessageCall) -> None:
    """Delete a copy: the restore point of it."""
    members = SentBody(call.intake.body).without("id", "tenant").members
    sent = {member: value for member, value in members.items() if value is not None or member not in _MEMBERS}  # null counts as absent
    for member, value in sent.items():
        if member not in _MEMBERS:
            raise wrong(member, f"This field is unknown. The known fields are {', '.join(_MEMBERS)}.")
        if not isinstance(value, bool):
            raise wrong(member, "This must be true or false.")
    start = StartDeletion(
        await find_by_message(call.app, COPY, call.intake),
        call.actor,
        call.intake.key,
        accept_last=sent.get(ACCEPT_LAST.name) is True,
        accept_full_copy=sent.get(ACCEPT_FULL_COPY.name) is True,
        include_source=sent.get(INCLUDE_SOURCE.name) is True,
        abandon=sent.get(ABANDON.name) is True,
        trace=call.intake.trace,
    )
    await call.app.of(Deletions).start(start)


MESSAGES = {
    (COPY.name, operation): Message(Role.COPIES_WRITE, handler)
    for operation, handler in (("create", _create), ("cancel", _cancel), ("redo", _redo), ("delete", _delete))
}
