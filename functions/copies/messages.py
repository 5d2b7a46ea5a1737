"""Messages of other systems about copies: create, cancel, redo (docs/design/queues.md)."""

from shared.access.roles import Role
from shared.access.sender import message_owner
from shared.capability import Message, MessageCall
from shared.copies.copying.models import CopyRequest
from shared.copies.kinds import COPY
from shared.web.calls import find_by_message
from shared.web.documents import parse


async def create(call: MessageCall) -> None:
    """Start a copy."""
    from shared.copies.copying.service import Copies, StartCopy, owned_ids

    intake, request = call.intake, parse(CopyRequest, call.intake.body)
    owner = await message_owner(call.app.registry, owned_ids(request), intake.tenant)
    await call.app.of(Copies).start(StartCopy(request, intake.body, owner, call.actor, intake.key, intake.trace))


async def cancel(call: MessageCall) -> None:
    """Cancel a copy before it starts."""
    from shared.copies.copying.service import Copies

    await call.app.of(Copies).cancel(await find_by_message(call.app, COPY, call.intake), call.actor)


async def redo(call: MessageCall) -> None:
    """Copy again what failed."""
    from shared.copies.copying.service import Copies

    failed = await find_by_message(call.app, COPY, call.intake)
    await call.app.of(Copies).redo(failed, call.actor, call.intake.key)


MESSAGES = {(COPY.name, handler.__name__): Message(Role.COPIES_WRITE, handler) for handler in (create, cancel, redo)}
