"""The simulated installation as a whole: keys, tokens, gate, listeners, and its part of the control surface."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from local.simulation.azure_pack.certificates import Authority
from local.simulation.azure_pack.control import PackControl
from local.simulation.azure_pack.gate import PackGate
from local.simulation.azure_pack.listeners import SERVER_NAMES, Keys, Listeners
from local.simulation.azure_pack.tokens import Tokens, token_key
from local.simulation.platform import Platform

Now = Callable[[], datetime]


def utc_now() -> datetime:
    """Wall time: certificates and tokens do not follow the simulated clock."""
    return datetime.now(UTC)


def make_keys(data: Path | None = None, now: Now = utc_now) -> Keys:
    """Return the installation's keys; with a data folder they are kept there."""
    at = now()
    authority = Authority.kept(None if data is None else data / "azure-pack-authority.pem", "Farshore simulated authority", at)
    server = authority.kept_server(None if data is None else data / "azure-pack-server.pem", SERVER_NAMES, at)
    return Keys(authority, server, token_key(None if data is None else data / "azure-pack-key.pem"), at)


class Installation:
    """Serves Azure Pack's APIs over a platform's clock, store, faults and log."""

    def __init__(
        self, platform: Platform, land: Callable[[], None], *, keys: Keys | None = None, data: Path | None = None, now: Now = utc_now
    ) -> None:
        keys = keys or make_keys(data, now)
        self.tokens = Tokens(keys.token, now)
        self.gate = PackGate(platform, self.tokens, land, now)
        self.listeners = Listeners(self.gate, keys)
        self.control = PackControl(self.gate, keys, self.listeners, now)

    async def start(self, first_port: int) -> None:
        """Listen on seven ports from here on, or on free ones with 0; raises `PortError` where one is taken."""
        await self.listeners.start(first_port)

    async def stop(self) -> None:
        """Close the listeners."""
        await self.listeners.stop()
