"""The caller, and what the caller may see and touch (docs/design/http.md, "Roles per route")."""

from collections.abc import Iterable
from dataclasses import dataclass

from shared.access.roles import READ_ROLES, Role
from shared.errors import ErrorCode, Refused
from shared.operations.model.models import Actor


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks, for which tenant, with which roles.

    `tenant` is the name in the registry, `entra_tenant_id` the token's `tid`, `is_provider` whether that tenant is the provider,
    `is_person` whether the token is a user's (delegated), not an app's. `is_founder`: there is no provider yet, and the caller may
    only register it.
    """

    actor: Actor
    tenant: str
    entra_tenant_id: str
    roles: frozenset[Role]
    is_provider: bool
    is_person: bool
    is_founder: bool = False

    @property
    def is_admin(self) -> bool:
        """Whether `Admin` counts: only in the provider's tenant, whatever another tenant's token claims."""
        return self.is_provider and Role.ADMIN in self.roles

    def has(self, role: Role) -> bool:
        """Return whether the caller has a role; `Admin` includes every role that reads, and no other."""
        if role is Role.ADMIN or role in READ_ROLES:
            return self.is_admin or (role is not Role.ADMIN and role in self.roles)
        return role in self.roles

    def reaches(self, owner: str | None) -> bool:
        """Return whether the caller's roles count for that tenant's things; what has no owner is out of reach for all."""
        return owner is not None and (self.is_admin or owner == self.tenant)


def require(principal: Principal, role: Role) -> None:
    """Refuse with `MissingRole`, naming the role, unless the caller has it."""
    if not principal.has(role):
        raise Refused(ErrorCode.MISSING_ROLE, _missing(principal, role), target=str(role))


def require_any(principal: Principal, roles: Iterable[Role]) -> None:
    """Refuse with `MissingRole`, naming the roles, unless the caller has at least one of them."""
    wanted = sorted(roles)
    if not any(principal.has(role) for role in wanted):
        names = ", ".join(f"'{role}'" for role in wanted)
        raise Refused(ErrorCode.MISSING_ROLE, f"This needs one of the app roles {names}, and the access token carries none of them.")


def require_person(principal: Principal) -> None:
    """Refuse with `MissingRole` unless the token is a user's: an app cannot approve."""
    if not principal.is_person:
        raise Refused(ErrorCode.MISSING_ROLE, "This needs a person: the access token must be a user's (delegated), not an app's.")


def require_reach(principal: Principal, owner: str | None, thing: str, *, target: str | None = None) -> str:
    """Return the owner, or refuse with `NotFound` where the thing is another tenant's or has no owner.

    `thing` is how the caller named it ("the virtual machine '/subscriptions/…'"): the answer shows no more than the caller knew, and is
    the same whether the thing is another tenant's or not there at all.
    """
    if owner is None or not principal.reaches(owner):
        raise not_found(thing, target=target)
    return owner


def not_found(thing: str, *, target: str | None = None, in_azure: bool = False) -> Refused:
    """Return the one refusal for a thing that does not exist, and for one that the caller must not know of.

    `in_azure`: it rests on what one read of Azure shows, so that a message is delivered again before it is rejected.
    """
    return Refused(ErrorCode.NOT_FOUND, f"{thing[:1].upper()}{thing[1:]} was not found.", target=target, may_pass=in_azure)


def _missing(principal: Principal, role: Role) -> str:
    if role is Role.ADMIN and Role.ADMIN in principal.roles:
        return "This needs the app role 'Admin' in the provider's own tenant; in another tenant's token it counts for nothing."
    return f"This needs the app role '{role}', which the access token does not carry."
