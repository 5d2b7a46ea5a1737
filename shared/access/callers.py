"""Which tenant a valid access token acts for (docs/design/tenants.md, "Callers").

The first match wins: an app by `callers`, a user's group by `callers`, then the Entra tenant of the token. The client app of a user's token
is never used: one portal may serve all tenants.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shared.access.records.tenant import Tenant
from shared.access.registry import Registry
from shared.errors import ErrorCode, Refused


@dataclass(frozen=True, slots=True)
class Spoken:
    """The tenant that a token acts for; `registered` where its app or group is among the callers: `Admin` has no effect."""

    tenant: Tenant
    registered: bool


async def tenant_of(registry: Registry, claims: Mapping[str, Any]) -> Spoken | None:
    """Return the tenant that the claims of a valid token act for, or None.

    Refuses with `Unauthenticated` a user whose groups are registered for two tenants, and a user whose groups did not fit into the token
    where groups of its Entra tenant are registered: it might count as another tenant's.
    """
    entra = str(claims["tid"])
    registered = await _by_groups(registry, entra, claims) if claims.get("scp") else await _by_app(registry, entra, claims)
    if registered is not None:
        return Spoken(registered, registered=True)
    tenant = await registry.by_entra_tenant(entra)
    return Spoken(tenant, registered=False) if tenant is not None else None


async def _by_app(registry: Registry, entra: str, claims: Mapping[str, Any]) -> Tenant | None:
    app = claims.get("azp") or claims.get("appid")
    return await registry.by_app(entra, app) if isinstance(app, str) else None


async def _by_groups(registry: Registry, entra: str, claims: Mapping[str, Any]) -> Tenant | None:
    if not await registry.has_groups(entra):
        return None
    if _do_not_fit(claims):
        message = (
            "The user is in more groups than the access token can carry. "
            "Configure the app registration to emit only groups assigned to the application."
        )
        raise Refused(ErrorCode.UNAUTHENTICATED, message, target="Authorization")
    groups = claims.get("groups")
    found = await registry.by_groups(entra, [group for group in groups if isinstance(group, str)] if isinstance(groups, list) else [])
    if len(found) > 1:
        message = "The access token matches two tenants: the user is in groups of both. Remove the user from one of them."
        raise Refused(ErrorCode.UNAUTHENTICATED, message, target="Authorization")
    return found[0] if found else None


def _do_not_fit(claims: Mapping[str, Any]) -> bool:
    """Return whether a token marks that it does not carry its groups (claims `hasgroups` and `_claim_names`)."""
    names = claims.get("_claim_names")
    return claims.get("hasgroups") in {True, "true"} or (isinstance(names, Mapping) and "groups" in names)
