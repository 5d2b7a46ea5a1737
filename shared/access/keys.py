"""The issuer's signing keys (a JSON Web Key Set), fetched without blocking, kept, and refreshed when a token names one that is unknown."""

import asyncio
import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shared.clock import Clock
from shared.errors import ErrorCode, Refused

log = logging.getLogger(__name__)

KEPT_SECONDS = 24 * 3600.0
REFRESH_SECONDS = 60.0
"""At most one fetch in so long: a stream of tokens with made-up key ids must not become one of fetches."""
FIRST_RETRY_SECONDS = 5.0
"""... as long as no key is known, while no token can be verified."""
TIMEOUT_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A public key, and the issuer that it belongs to where the set names it (`{tenantid}` in it matches any)."""

    key: Any
    issuer: str | None

    def may_sign_for(self, tenant_id: str) -> bool:
        """Return whether tokens of an Entra tenant may be signed with it: a key under one tenant's issuer signs for that one only."""
        if self.issuer is None:
            return True
        return tenant_id.lower() in self.issuer.lower().replace("{tenantid}", tenant_id.lower())


class SigningKeys:
    """The keys by id. Fetched when first needed, once a day, and at an unknown id; kept while the issuer's endpoint is down."""

    def __init__(self, url: str, clock: Clock) -> None:
        self._url = url
        self._clock = clock
        self._keys: Mapping[str, SigningKey] = {}
        self._read_at: float | None = None
        self._tried_at: float | None = None
        self._fetching = asyncio.Lock()

    async def find(self, kid: str) -> SigningKey | None:
        """Return the key of that id, or None where the issuer publishes none; refuses with `ServiceUnavailable` while there are no keys."""
        if self._wanted(kid):
            async with self._fetching:
                if self._wanted(kid):  # whoever held the lock may have fetched it
                    await self._refresh()
        if not self._keys:
            message = "The issuer's signing keys cannot be read just now, so no access token can be checked."
            raise Refused(ErrorCode.SERVICE_UNAVAILABLE, message, retry_after=FIRST_RETRY_SECONDS)
        return self._keys.get(kid)

    def _wanted(self, kid: str) -> bool:
        now = self._clock.monotonic()
        stale = self._read_at is None or now - self._read_at >= KEPT_SECONDS
        pause = REFRESH_SECONDS if self._keys else FIRST_RETRY_SECONDS
        return (stale or kid not in self._keys) and (self._tried_at is None or now - self._tried_at >= pause)

    async def _refresh(self) -> None:
        import aiohttp

        try:
            found = _read(await self._fetch())
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            log.warning("the issuer's keys at %s cannot be read: %s", self._url, _reason(error))
        else:
            self._keys, self._read_at = found, self._clock.monotonic()
        finally:
            self._tried_at = self._clock.monotonic()

    async def _fetch(self) -> bytes:
        import aiohttp

        # a session for one call: it is made about once a day; through the proxy that the environment names
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_SECONDS)
        session = aiohttp.ClientSession(timeout=timeout, raise_for_status=True, trust_env=True)
        async with session, session.get(self._url) as answer:
            return await answer.read()


def _reason(error: Exception) -> str:
    """Return the text of an error; of a proxy's answer its status alone, for aiohttp's own text has the proxy's address."""
    import aiohttp

    if isinstance(error, aiohttp.ClientHttpProxyError):
        return f"the proxy answered with status {error.status}"
    return str(error) or type(error).__name__


def _read(body: bytes) -> Mapping[str, SigningKey]:
    """Read a key set; a key that is not for RS256 signatures is left out. Raises `ValueError` for what holds no such key."""
    import jwt

    document = json.loads(body)
    entries = document.get("keys") if isinstance(document, dict) else None
    keys = {}
    for entry in entries if isinstance(entries, list) else []:
        if not isinstance(entry, dict) or entry.get("kty") != "RSA" or entry.get("use", "sig") != "sig":
            continue
        kid, issuer = entry.get("kid"), entry.get("issuer")
        if isinstance(kid, str) and entry.get("alg", "RS256") == "RS256":
            try:
                keys[kid] = SigningKey(jwt.PyJWK(entry, algorithm="RS256").key, issuer if isinstance(issuer, str) else None)
            except jwt.PyJWTError:
                log.warning("the issuer publishes a key that cannot be read: %s", kid)
    if not keys:
        raise ValueError("it holds no RSA key for signatures")
    return keys
