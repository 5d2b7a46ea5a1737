"""The tokens of the sign-in sites: JWT, RS256, with the realm as audience. Lifetimes are wall time."""

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

TENANT_SITE = "http://azureservices/TenantSite"
ADMIN_SITE = "http://azureservices/AdminSite"


def token_key(file: Path | None) -> rsa.RSAPrivateKey:
    """Return the key that a file keeps; make one, and keep it, where there is none. Raises `ValueError` for another kind of key."""
    if file is not None and file.exists():
        kept = load_pem_private_key(file.read_bytes(), None)
        if not isinstance(kept, rsa.RSAPrivateKey):
            raise ValueError(f"{file} holds no RSA key")
        return kept
    made = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    if file is not None:
        file.touch(mode=0o600)
        file.write_bytes(made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return made


class Tokens:
    """Issues and checks tokens."""

    def __init__(self, key: rsa.RSAPrivateKey, now: Callable[[], datetime]) -> None:
        self._key = key
        self._now = now

    def issue(self, name: str, realm: str, hours: float) -> str:
        """Return a token of a user for a realm."""
        now = self._now()
        claims = {"iss": "http://azureservices/AuthSite", "aud": realm, "upn": name, "nbf": now, "exp": now + timedelta(hours=hours)}
        return jwt.encode(claims, self._key, algorithm="RS256")

    def user(self, authorization: str, realm: str) -> str | None:
        """Return the user of an `Authorization` header with a good token of this realm; None for any other."""
        kind, _, text = authorization.partition(" ")
        if kind.lower() != "bearer":
            return None
        try:
            # the times are compared here: the clock may be a test's
            claims = jwt.decode(
                text, self._key.public_key(), algorithms=["RS256"], audience=realm, options={"verify_exp": False, "verify_nbf": False}
            )
        except jwt.PyJWTError:
            return None
        return str(claims["upn"]) if self._now().timestamp() < float(claims["exp"]) else None
