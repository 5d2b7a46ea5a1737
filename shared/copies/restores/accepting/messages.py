"""Messages of other systems about restores, as CloudEvents: what carries out each operation (docs/design/queues.md)."""

from shared.access.principal import not_found
from shared.access.roles import Role
from shared.capability import Message, MessageCall
from shared.copies.kinds import RESTORE
from shared.copies.restores.accepting.service import Restores, StartRestore
from shared.copies.restores.request import RestoreRequest
from shared.values.sent import SentBody
from shared.web.calls import find_by_message
from shared.web.documents import parse, wrong


async def _create(call: MessageCall) -> None:
    """Start a restore."""
    intake = call.intake
    request, restores, named = parse(RestoreRequest, intake.body), call.app.of(Restores), intake.tenant
    if named is not None and await call.app.registry.by_name(named) is None:
        raise not_found(f"tenant '{named}'", target="tenant")
    owner = await restores.owner(request, lambda tenant: named in {None, tenant})
    await restores.start(StartRestore(request, SentBody(intake.body), owner, call.actor, intake.key, intake.trace))


async def _clean_up(call: MessageCall) -> None:
    """Clean up a drill now."""
    for member in SentBody(call.intake.body).without("id", "tenant").members:
        raise wrong(member, "This field is unknown: a clean-up has none.")
    restore = await find_by_message(call.app, RESTORE, call.intake)
    await call.app.of(Restores).clean_up(restore, call.actor)


RESTORE_MESSAGES = {
    (RESTORE.name, operation): Message(Role.COPIES_WRITE, handler) for operation, handler in (("create", _create), ("cleanUp", _clean_up))
}
