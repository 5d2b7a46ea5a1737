"""Who the app is towards Azure: one credential per process, its tokens kept until shortly before they expire."""

import asyncio
import os
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from shared.arm.failures import not_sent

if TYPE_CHECKING:
    from azure.core.credentials import AccessToken, AccessTokenInfo, TokenRequestOptions
    from azure.core.credentials_async import AsyncTokenCredential

_RENEW_BEFORE = 300.0  # azure-core's own window, in seconds
_KEEP_UNTIL = 30.0
_ASK_AGAIN_AFTER = 30.0
_ASK_AGAIN_WITHOUT = 2.0
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
_IN_AZURE = ("IDENTITY_ENDPOINT", "MSI_ENDPOINT", "WEBSITE_INSTANCE_ID")
_PUBLIC_CLOUD = "https://management.azure.com"


class CachedCredential:
    """An async token credential that asks another one, never twice at a time, and keeps its tokens.

    A token is renewed five minutes before it expires, or when its issuer asks for it; while a renewal fails, the old one serves until
    30 seconds before its end. Without any the call raises `CallFailure` THROTTLED: nothing was sent, later it may be.
    `now` gives wall-clock seconds since 1970. `uncached` are the options with which the source passes over a cache of its own: with them it
    is asked for the successor of a token that Azure refused.
    """

    def __init__(
        self, source: "AsyncTokenCredential", *, now: Callable[[], float] = time.time, uncached: "TokenRequestOptions | None" = None
    ) -> None:
        self.source = source
        self._uncached = uncached
        self._discarded: set[tuple[str, ...]] = set()
        self._now = now
        self._lock = asyncio.Lock()
        self._tokens: dict[tuple[str, ...], AccessTokenInfo] = {}
        self._ask_again: dict[tuple[str, ...], float] = {}

    async def get_token(self, *scopes: str, **options: Any) -> "AccessToken":  # noqa: ANN401  # azure-core's protocol
        """Return a token in azure-core's older shape; see `get_token_info`."""
        from azure.core.credentials import AccessToken  # not at a cold start

        info = await self.get_token_info(*scopes, options={"claims": options["claims"]} if options.get("claims") else None)
        return AccessToken(info.token, info.expires_on)

    async def get_token_info(self, *scopes: str, options: "TokenRequestOptions | None" = None) -> "AccessTokenInfo":
        """Return a token for the scopes; `options["claims"]`, the answer to a challenge, always fetches a new one."""
        claims = bool(options and options.get("claims"))
        if not claims and (token := self._fresh(scopes)) is not None:
            return token
        async with self._lock:
            if not claims and (token := self._fresh(scopes)) is not None:
                return token
            if scopes not in self._tokens and self._now() < self._ask_again.get(scopes, 0.0):
                raise not_sent(
                    "the last request for an access token failed; it is repeated after a pause"
                )  # or each waiting call would ask in its turn
            return await self._renew(scopes, options)

    def discard(self, token: str) -> None:
        """Forget a token that Azure refused; the next call asks for a new one. A token that was renewed meanwhile stays."""
        for scopes in [scopes for scopes, kept in self._tokens.items() if kept.token == token]:
            del self._tokens[scopes]
            self._ask_again.pop(scopes, None)
            self._discarded.add(scopes)

    async def close(self) -> None:
        """Close the credential's own connections."""
        await self.source.close()

    async def __aenter__(self) -> "CachedCredential":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def _fresh(self, scopes: tuple[str, ...]) -> "AccessTokenInfo | None":
        token = self._tokens.get(scopes)
        if token is None:
            return None
        now = self._now()
        renew_at = token.refresh_on or token.expires_on - _RENEW_BEFORE
        renewing = now >= max(renew_at, self._ask_again.get(scopes, 0.0))
        return None if renewing or now >= token.expires_on - _KEEP_UNTIL else token

    async def _renew(self, scopes: tuple[str, ...], options: "TokenRequestOptions | None") -> "AccessTokenInfo":
        try:
            token = await self._ask(scopes, self._uncached if scopes in self._discarded and not options else options)
        except Exception as error:
            kept = self._tokens.get(scopes)
            if kept is not None and not options and self._now() < kept.expires_on - _KEEP_UNTIL:
                self._ask_again[scopes] = self._now() + _ASK_AGAIN_AFTER
                return kept
            self._tokens.pop(scopes, None)
            self._ask_again[scopes] = self._now() + _ASK_AGAIN_WITHOUT
            raise not_sent(f"an access token could not be acquired ({type(error).__name__})") from error
        self._tokens[scopes] = token
        self._discarded.discard(scopes)
        self._ask_again[scopes] = self._now() + _ASK_AGAIN_AFTER  # a short-lived token is not asked for with each call
        return token

    async def _ask(self, scopes: tuple[str, ...], options: "TokenRequestOptions | None") -> "AccessTokenInfo":
        from azure.core.credentials import AccessTokenInfo  # not at a cold start

        ask = getattr(self.source, "get_token_info", None)
        if ask is not None:
            info: AccessTokenInfo = await ask(*scopes, options=options or {})
            return info
        token = await self.source.get_token(*scopes, **(options or {}))
        return AccessTokenInfo(token.token, token.expires_on)


def credential_for(client_id: str | None) -> CachedCredential:
    """Return the app's credential: its managed identity where it runs in Azure, else whoever the developer is signed in as.

    `client_id` names a user-assigned identity; None is the system's. Call it once per process. It imports azure-identity, which
    takes a fifth of a second of CPU: from async code, call it in a thread.
    """
    if any(os.environ.get(name) for name in _IN_AZURE):
        from azure.identity.aio import ManagedIdentityCredential  # not at a cold start

        # a managed identity has no claims: they only make azure-identity pass over its cache
        return CachedCredential(ManagedIdentityCredential(client_id=client_id), uncached={"claims": "{}"})
    from azure.identity.aio import DefaultAzureCredential  # not at a cold start

    return CachedCredential(DefaultAzureCredential(managed_identity_client_id=client_id))


def scope_of(resource_manager_url: str) -> str:
    """Return the scope of a token for Resource Manager: its own address, and the public cloud's for a simulated Azure on loopback."""
    return f"{_PUBLIC_CLOUD if is_loopback(resource_manager_url) else resource_manager_url}/.default"


def is_loopback(url: str) -> bool:
    """Return whether a URL leads to this machine only."""
    return urlsplit(url).hostname in _LOOPBACK
