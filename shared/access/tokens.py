"""Entra ID access tokens: signature, issuer, audience and lifetime checked in code, then the caller looked up in the tenant registry.

Sources: "Access tokens in the Microsoft identity platform" (claims, validation, both forms of issuer and audience) and "Signing key
rollover" (refresh the keys at an unknown key id) at learn.microsoft.com/entra/identity-platform; RFC 6750 for the challenge.
"""

import re
from collections.abc import Mapping
from typing import Any

from shared.access.callers import tenant_of
from shared.access.keys import SigningKey, SigningKeys
from shared.access.principal import Principal
from shared.access.records.tenant import TenantKind
from shared.access.registry import Registry
from shared.access.roles import Role, known_roles
from shared.errors import ErrorCode, Refused
from shared.operations.model.models import Actor
from shared.settings import Settings

LEEWAY_SECONDS = 5
"""How far the issuer's clock may be off; Entra itself puts `nbf` minutes into the past."""

_GUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_BEARER = re.compile(r"bearer +([A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*)", re.IGNORECASE)


class TokenVerifier:
    """Turns an `Authorization` header into the caller. Made once per process; lifetimes go by wall time."""

    def __init__(self, settings: Settings, registry: Registry, keys: SigningKeys) -> None:
        self._settings = settings
        self._audiences = settings.auth_audiences
        self._issuers = settings.auth_issuers
        self._registry = registry
        self._keys = keys

    async def verify(self, authorization: str | None, *, founding: bool = False) -> Principal:
        """Return the caller; `founding` accepts the one that may register the provider while there is none.

        Refuses with `Unauthenticated` a header that is missing or no bearer token, a token that is not whole, not signed by the
        issuer with RS256, of another issuer or audience, expired or not yet valid, no access token, or of an Entra tenant that the
        registry does not know; with `ServiceUnavailable` while the issuer's keys cannot be read at all.
        """
        if not authorization:
            raise _refused("An access token is needed: send the header 'Authorization: Bearer <token>'.")
        found = _BEARER.fullmatch(authorization.strip())
        if found is None:
            raise _refused("The Authorization header holds no bearer token: 'Bearer', a space and a JSON Web Token are expected.")
        claims = await self._claims(found[1])
        return await self._principal(claims, founding=founding)

    async def _claims(self, token: str) -> Mapping[str, Any]:
        import jwt

        try:
            header = jwt.get_unverified_header(token)
        except jwt.PyJWTError as error:
            raise _refused("The access token is not a whole JSON Web Token.") from error
        if header.get("alg") != "RS256":
            raise _refused("The access token is not signed with RS256, the one algorithm that is accepted.")
        key = await self._key(header.get("kid"))
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                key=key.key,
                algorithms=["RS256"],
                audience=list(self._audiences),
                leeway=LEEWAY_SECONDS,
                options={"require": ["exp", "iss", "aud"], "verify_iss": False},
            )
        except jwt.PyJWTError as error:
            raise _refused(_message(error, self._audiences)) from error
        self._check_issuer(claims, key)
        return claims

    async def _key(self, kid: object) -> SigningKey:
        key = await self._keys.find(kid) if isinstance(kid, str) and kid else None
        if key is None:
            raise _refused("The access token is signed with a key that the issuer does not publish.")
        return key

    def _check_issuer(self, claims: Mapping[str, Any], key: SigningKey) -> None:
        tid = claims.get("tid")
        if not isinstance(tid, str) or not _GUID.fullmatch(tid):
            raise _refused("The access token lacks the claim 'tid', its Entra tenant.")
        if claims["iss"] not in {template.replace("{tenantId}", tid) for template in self._issuers}:
            raise _refused("The access token is of an issuer that is not accepted here.")
        if not key.may_sign_for(tid):
            raise _refused("The access token is signed with a key of another Entra tenant.")

    async def _principal(self, claims: Mapping[str, Any], *, founding: bool) -> Principal:
        found = await tenant_of(self._registry, claims)
        actor, roles = _actor(claims), known_roles(claims.get("roles"))
        if found is None and not (founding and await self._may_found(claims, roles)):
            raise _refused("The access token is of an Entra tenant that is not registered here; the provider registers tenants.")
        return Principal(
            actor=actor,
            tenant=found.tenant.name if found is not None else "",
            entra_tenant_id=str(claims["tid"]).lower(),
            roles=roles,
            is_provider=found is None or (found.tenant.kind is TenantKind.PROVIDER and not found.registered),
            is_person=actor.kind == "user",
            is_founder=found is None,
        )

    async def _may_found(self, claims: Mapping[str, Any], roles: frozenset[Role]) -> bool:
        """Return whether the token may register the provider: there is none, and the settings name its Entra tenant."""
        named = self._settings.provider_tenant_id
        if named is None or str(claims["tid"]).lower() != named or not {Role.TENANTS_WRITE, Role.ADMIN} <= roles:
            return False
        return not await self._registry.uncached().has_provider()


def challenge(authorization: str | None, message: str) -> str:
    """Return the `WWW-Authenticate` of a 401; the error is named only where a token was sent (RFC 6750, section 3)."""
    if not authorization:
        return 'Bearer realm="farshore"'
    text = message.replace("\\", "").replace('"', "'")
    return f'Bearer realm="farshore", error="invalid_token", error_description="{text}"'


def _actor(claims: Mapping[str, Any]) -> Actor:
    oid = _text(claims, "oid")
    if _text(claims, "scp"):
        if oid is None:
            raise _refused("The access token is a user's, but lacks the claim 'oid', its user.")
        return Actor("user", oid, _text(claims, "preferred_username", "upn", "unique_name", "name") or oid)
    client = _text(claims, "azp", "appid")
    if client is None:
        raise _refused(
            "The token is no access token: it names neither a scope (a user's) nor a client (an app's). An ID token will not do."
        )
    return Actor("app", oid or client, _text(claims, "app_displayname", "name") or client)


def _text(claims: Mapping[str, Any], *names: str) -> str | None:
    return next((value for name in names if isinstance(value := claims.get(name), str) and value), None)


def _message(error: Exception, audiences: tuple[str, ...]) -> str:
    import jwt

    match error:
        case jwt.ExpiredSignatureError():
            return "The access token has expired; get a new one."
        case jwt.ImmatureSignatureError():
            return "The access token is not valid yet (claim 'nbf' or 'iat')."
        case jwt.InvalidAudienceError():
            return f"The access token is for another audience; {' or '.join(audiences)} is expected."
        case jwt.InvalidSignatureError():
            return "The signature of the access token is not the issuer's."
        case jwt.MissingRequiredClaimError():
            return f"The access token lacks the claim '{error.claim}'."
        case _:
            return "The access token cannot be read."


def _refused(message: str) -> Refused:
    return Refused(ErrorCode.UNAUTHENTICATED, message, target="Authorization")
