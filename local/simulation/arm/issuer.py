"""The token issuer: signs access tokens as Entra ID does, publishes its key, and reads the tokens that callers bring."""

import base64
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from local.simulation.arm.errors import ArmError
from local.simulation.arm.tables import Json
from local.simulation.ids import derived

_CLIENT_ID = "farshore"
_MOST_GROUPS = 200
_SECONDS_BEFORE = 60
_KEEP = 4096


def _load_key(path: Path | None) -> rsa.RSAPrivateKey:
    if path is not None and path.exists():
        found = serialization.load_pem_private_key(path.read_bytes(), password=None)
        if isinstance(found, rsa.RSAPrivateKey):
            return found
    made = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    if path is not None:
        pem = made.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        path.touch(mode=0o600)
        path.write_bytes(pem)
    return made


class Issuer:
    """One RSA key, and tokens signed with it. Token lifetimes are wall time, whatever Azure's clock does."""

    def __init__(self, key_file: Path | None = None, wall: Callable[[], float] = time.time) -> None:
        self._key = _load_key(key_file)
        self._public = self._key.public_key()
        self._wall = wall
        numbers = self._public.public_numbers()
        self._jwk = {"kty": "RSA", "use": "sig", "alg": "RS256", "n": _base64(numbers.n), "e": _base64(numbers.e)}
        self._key_id = derived("key", json.dumps(self._jwk, sort_keys=True))
        self._read: dict[str, tuple[Json, float]] = {}

    def keys(self) -> Json:
        """Return the JSON Web Key Set."""
        return {"keys": [{**self._jwk, "kid": self._key_id, "x5t": self._key_id}]}

    def metadata(self, base_url: str, tenant_id: str, *, version: int) -> Json:
        """Return the OpenID configuration of a tenant."""
        return {
            "issuer": issuer_of(base_url, tenant_id, version=version),
            "jwks_uri": f"{base_url}/common/discovery/v2.0/keys",
            "token_endpoint": f"{base_url}/_simulation/tokens",
            "id_token_signing_alg_values_supported": ["RS256"],
            "response_types_supported": ["token"],
            "subject_types_supported": ["pairwise"],
        }

    def caller_token(
        self,
        base_url: str,
        tenant_id: str,
        roles: Sequence[str],
        *,
        user: str | None = None,
        app: str = "local",
        groups: Sequence[str] = (),
        object_id: str | None = None,
        audience: str | None = None,
        lifetime: float = 28800,
        expired: bool = False,
    ) -> Json:
        """Return a token of a caller of the app: delegated where `user` is given; an audience `api://…` makes a version 1 token.

        A user's token carries up to 200 `groups`; of more it states only that they do not fit.
        """
        audience = audience or _CLIENT_ID
        version = 1 if audience.startswith("api://") else 2
        name = user or app
        object_id = object_id or derived("user" if user else "app", tenant_id, name)
        claims: Json = {"ver": f"{version}.0", "roles": list(roles), "oid": object_id, "sub": object_id}
        if user:
            claims |= {"scp": "user_impersonation", "name": user, "preferred_username": f"{user}@farshore.local"}
            claims |= _group_claims(groups)
        else:
            claims |= {("appid" if version == 1 else "azp"): derived("client", tenant_id, name), "idtyp": "app"}
        shift = -lifetime - 3600 if expired else 0
        return self._signed(issuer_of(base_url, tenant_id, version=version), audience, tenant_id, claims, lifetime=lifetime, shift=shift)

    def identity_token(self, base_url: str, tenant_id: str, object_id: str, resource: str, lifetime: float = 86400) -> Json:
        """Return a token of a managed identity for Resource Manager or another resource."""
        claims = {"ver": "1.0", "oid": object_id, "sub": object_id, "appid": derived("client", object_id), "idtyp": "app"}
        return self._signed(issuer_of(base_url, tenant_id, version=1), resource, tenant_id, claims, lifetime=lifetime)

    def _signed(self, issuer: str, audience: str, tenant_id: str, claims: Json, *, lifetime: float, shift: float = 0) -> Json:
        now = int(self._wall() + shift)
        full = {
            "iss": issuer,
            "aud": audience,
            "tid": tenant_id,
            "iat": now,
            "nbf": now - _SECONDS_BEFORE,
            "exp": int(now + lifetime),
            "uti": str(uuid4()),
            **claims,
        }
        token = jwt.encode(full, self._key, algorithm="RS256", headers={"kid": self._key_id})
        return {
            "access_token": token,
            "token_type": "Bearer",
            "expires_in": int(lifetime),
            "expires_on": str(full["exp"]),
            "resource": audience,
        }

    def object_id(self, authorization: str, accepted: Callable[[str], bool]) -> str:
        """Return the object id of the caller of Resource Manager; raises `ArmError` 401.

        `accepted` returns whether an audience is Resource Manager's.
        """
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise ArmError(401, "AuthenticationFailed", "Authentication failed. The 'Authorization' header is missing.")
        claims = self._claims(token)
        if not accepted(str(claims.get("aud", ""))):
            raise ArmError(
                401,
                "InvalidAuthenticationTokenAudience",
                f"The access token has been obtained for wrong audience or resource '{claims.get('aud')}'. "
                "It should exactly match with one of the allowed audiences 'https://management.core.windows.net/','https://management.azure.com/'.",
            )
        return str(claims.get("oid", ""))

    def _claims(self, token: str) -> Json:
        known = self._read.get(token)
        if known is None:
            known = self._verified(token)
            if len(self._read) >= _KEEP:
                self._read.clear()
            self._read[token] = known
        claims, expires = known
        if expires <= self._wall():
            raise ArmError(401, "ExpiredAuthenticationToken", "The access token expiry UTC time is earlier than current UTC time.")
        return claims

    def _verified(self, token: str) -> tuple[Json, float]:
        try:
            claims: dict[str, Any] = jwt.decode(
                token, self._public, algorithms=["RS256"], options={"verify_aud": False, "verify_exp": False, "require": ["exp", "aud"]}
            )
        except jwt.PyJWTError:
            raise ArmError(401, "InvalidAuthenticationToken", "The access token is invalid.") from None
        return claims, float(claims["exp"])


def _group_claims(groups: Sequence[str]) -> Json:
    if len(groups) > _MOST_GROUPS:
        return {"_claim_names": {"groups": "src1"}, "_claim_sources": {"src1": {"endpoint": "https://graph.microsoft.com/"}}}
    return {"groups": list(groups)} if groups else {}


def issuer_of(base_url: str, tenant_id: str, *, version: int) -> str:
    """Return the issuer of a tenant's tokens: that of version 1 ends with a slash."""
    return f"{base_url}/{tenant_id}/v2.0" if version == 2 else f"{base_url}/{tenant_id}/"


def _base64(number: int) -> str:
    return base64.urlsafe_b64encode(number.to_bytes((number.bit_length() + 7) // 8, "big")).rstrip(b"=").decode()
