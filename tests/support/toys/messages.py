"""Messages of other systems about toys."""

from functions.toys.kinds import TOY

from shared.access.roles import Role
from shared.capability import Message, MessageCall


async def _create(call: MessageCall) -> None:
    from functions.toys.service import Toys

    await call.app.of(Toys).make(call.intake.tenant or "provider", call.intake.body, call.actor, call.intake.key)


MESSAGES = {(TOY.name, "create"): Message(Role.TENANTS_WRITE, _create)}
