"""What proves who calls: the client certificate of the connection, or a token that is renewed before it ends."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Protocol
from urllib.parse import quote

from shared.azure_pack.errors import AzurePackError, Cause, not_sent
from shared.values.hidden import Hidden

_VERSION: Final = "2014-02-01"


@dataclass(frozen=True, slots=True)
class Token:
    """A token and when it ends; wall time. A value that a sign-in of the caller's own gives as text is hidden."""

    value: Hidden
    expires_at: datetime

    def __post_init__(self) -> None:
        if isinstance(self.value, str):
            object.__setattr__(self, "value", Hidden(self.value))


class SignIn(Protocol):
    """A sign-in site."""

    async def issue(self) -> Token:
        """Sign in; raises `AzurePackError`."""
        ...


@dataclass(frozen=True, slots=True)
class Grant:
    """The headers of one call, and the token in them."""

    headers: Mapping[str, str] = field(repr=False)
    token: Token | None = None


class Authorization(Protocol):
    """How a client proves who it is."""

    @property
    def by_certificate(self) -> bool:
        """Whether the connection's certificate is the proof."""
        ...

    async def grant(self, refused: Grant | None = None) -> Grant | None:
        """Return the headers of a call; with `refused`, others than those, or None where there are no others."""
        ...


class CertificateAuthorization:
    """The client certificate of the connection, as the tenant public API takes it."""

    by_certificate = True

    async def grant(self, refused: Grant | None = None) -> Grant | None:
        """Return the version header that goes with a certificate; there is nothing to renew."""
        return Grant({"x-ms-version": _VERSION}) if refused is None else None


class TokenCache:
    """Keeps the token of one sign-in, in memory only: one `issue` at a time, however many wait for it.

    Credentials that were refused are not tried again for `refused_for`: a directory locks accounts. All who ask meanwhile get the refusal.
    """

    def __init__(
        self,
        sign_in: SignIn,
        now: Callable[[], datetime],
        early: timedelta = timedelta(minutes=5),
        refused_for: timedelta = timedelta(minutes=1),
    ) -> None:
        self._sign_in = sign_in
        self._now = now
        self._early = early
        self._refused_for = refused_for
        self._token: Token | None = None
        self._refusal: AzurePackError | None = None
        self._refused_until: datetime | None = None
        self._issuing: asyncio.Task[Token] | None = None

    async def get(self) -> Token:
        """Return a token that is valid for `early` at least; raises `AzurePackError`, never sent."""
        token = self._token
        if token is not None and self._now() < token.expires_at - self._early:
            return token
        return await self._issued()

    async def renew(self, stale: Token) -> Token:
        """Return another token than one that was refused: the cached one, if another caller renewed it meanwhile."""
        token = self._token
        if token is not None and token is not stale:
            return token
        return await self._issued()

    async def _issued(self) -> Token:
        if self._refusal is not None and self._refused_until is not None and self._now() < self._refused_until:
            raise not_sent(self._refusal)
        if self._issuing is None:
            self._issuing = asyncio.create_task(self._issue())
            self._issuing.add_done_callback(self._ended)
        try:
            return await asyncio.shield(self._issuing)  # one caller that gives up does not end it for the rest
        except AzurePackError as error:
            raise not_sent(error) from None

    async def _issue(self) -> Token:
        try:
            token = await self._sign_in.issue()
        except AzurePackError as error:
            if error.cause is Cause.CREDENTIALS:
                self._refusal, self._refused_until = error, self._now() + self._refused_for
            raise
        self._token, self._refusal = token, None
        return token

    def _ended(self, task: asyncio.Task[Token]) -> None:
        self._issuing = None
        if not task.cancelled():
            task.exception()  # retrieved also where each caller has given up


class BearerAuthorization:
    """A token of a sign-in site, in the name of `principal`: the administrator, or a subscription's account administrator."""

    by_certificate = False

    def __init__(self, cache: TokenCache, principal: str) -> None:
        self._cache = cache
        self._principal = quote(principal, safe="@")

    async def grant(self, refused: Grant | None = None) -> Grant:
        """Return the headers with a token; raises `AzurePackError`."""
        token = await (self._cache.get() if refused is None or refused.token is None else self._cache.renew(refused.token))
        return Grant({"Authorization": f"Bearer {token.value.reveal()}", "x-ms-principal-id": self._principal}, token)
