"""The app roles that an access token, or the settings for a queue, can give (docs/design/http.md, "Roles per route")."""

from enum import StrEnum


class Role(StrEnum):
    """What a caller may do. A role that writes does not include reading."""

    COPIES_READ = "Copies.Read"
    COPIES_WRITE = "Copies.Write"
    FAILOVERS_READ = "Failovers.Read"
    FAILOVERS_EXECUTE = "Failovers.Execute"
    FAILOVERS_APPROVE = "Failovers.Approve"
    TENANTS_READ = "Tenants.Read"
    TENANTS_WRITE = "Tenants.Write"
    ADMIN = "Admin"


READ_ROLES = frozenset({Role.COPIES_READ, Role.FAILOVERS_READ, Role.TENANTS_READ})
"""The roles that only read; `Admin` in the provider's tenant includes each of them."""
WRITE_ROLES = frozenset({Role.COPIES_WRITE, Role.FAILOVERS_EXECUTE, Role.TENANTS_WRITE})
"""The roles of which cancelling or retrying an operation needs one: which one depends on its kind."""


def known_roles(names: object) -> frozenset[Role]:
    """Return the roles among `names`, a list of texts as the claim `roles` carries it; what is unknown is left out."""
    if not isinstance(names, list | tuple | set | frozenset):
        return frozenset()
    return frozenset(Role(name) for name in names if isinstance(name, str) and name in _VALUES)


_VALUES = frozenset(str(role) for role in Role)
