"""Who sends to an intake queue: the right to do so is the provider's trust (docs/design/queues.md, "Intake")."""

from collections.abc import Awaitable, Callable

from shared.access.ownership import owner_of
from shared.access.principal import not_found
from shared.access.registry import Registry
from shared.access.roles import Role
from shared.arm.ids import ResourceId
from shared.errors import ErrorCode, Refused
from shared.operations.model.models import Actor

_NEVER = frozenset({Role.ADMIN, Role.FAILOVERS_APPROVE})


def queue_actor(queue: str) -> Actor:
    """Return who acts for messages of a queue."""
    return Actor("queue", f"queue:{queue}", queue)


def require_queue_role(given: tuple[str, ...], role: Role, queue: str) -> None:
    """Refuse with `MissingRole` unless the settings give senders the role; `Admin` and the approving role they never have."""
    if role in _NEVER or str(role) not in given:
        message = f"Messages on {queue} may not do this: it needs the role '{role}', which the settings do not give to queues."
        raise Refused(ErrorCode.MISSING_ROLE, message, target=str(role))


async def message_owner(
    registry: Registry,
    ids: tuple[ResourceId, ...],
    named: str | None,
    whose: Callable[[ResourceId], Awaitable[str | None]] | None = None,
) -> str:
    """Return the tenant that all ids belong to; a message that names another, or an id that has no owner, is refused with `NotFound`.

    A message without any ids belongs to the tenant that it names or, naming none, to the provider. `whose` finds the owner of
    an id where the registry alone does not know it.
    """
    if named is not None and await registry.by_name(named) is None:
        raise not_found(f"tenant '{named}'", target="tenant")
    owner = named
    for resource_id in ids:
        found = await (whose(resource_id) if whose is not None else owner_of(registry, resource_id))
        if found is None or (owner is not None and found != owner):
            refusal = not_found(f"{resource_id.type} '{resource_id}' of tenant '{owner or 'any'}'")
            # whose a plan of a shared vault is, Azure shows: another look may find it
            refusal.may_pass = whose is not None and await registry.is_shared(str(resource_id))
            raise refusal
        owner = found
    return owner if owner is not None else (await registry.provider()).name
