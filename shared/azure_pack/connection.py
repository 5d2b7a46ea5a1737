"""How an endpoint is reached: TLS, proxy, and secrets that are fetched when they are needed."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal

from shared.values.hidden import Hidden

Secret = Callable[[], Awaitable[str]]
"""Fetches a secret. It is called each time the secret is needed; the library keeps none."""


class CallLimit:
    """How many calls may be in flight at once, over all transports that share it.

    `made` is how many calls were begun, `in_flight` how many have not ended.
    """

    def __init__(self, in_flight: int) -> None:
        self.made = 0
        self.in_flight = 0
        self._slots = asyncio.Semaphore(in_flight)

    async def __aenter__(self) -> None:
        """Wait until a call may begin."""
        await self._slots.acquire()
        self.made += 1
        self.in_flight += 1

    async def __aexit__(self, *_: object) -> None:
        """Let the next call begin."""
        self.in_flight -= 1
        self._slots.release()


@dataclass(frozen=True, slots=True)
class TlsOptions:
    """How the server's certificate is verified. Verification cannot be switched off.

    `ca_bundle`: PEM text that replaces the system's authorities. `server_name`: the name to verify and to send, where the address is not
    the certificate's. `security_level`: OpenSSL's; 1 admits the short keys and old ciphers of a Windows Server 2012.
    """

    ca_bundle: str | None = None
    server_name: str | None = None
    security_level: Literal[1, 2] = 2


@dataclass(frozen=True, slots=True)
class Proxy:
    """An HTTP proxy; `url` without credentials, such as `http://proxy.local:3128`."""

    url: str
    user: str | None = None
    password: Secret | None = None

    async def credentials(self) -> tuple[str, Hidden] | None:
        """Return user and password, or None where the proxy needs none."""
        if self.user is None:
            return None
        return self.user, Hidden("" if self.password is None else await self.password())
