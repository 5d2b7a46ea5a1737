"""The simulated Azure Pack in the test's own process, and the library's clients of it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from local.simulation.azure_pack.installation import Installation, make_keys
from local.simulation.azure_pack.listeners import Keys
from local.simulation.azure_pack.request import Listener
from local.simulation.azure_pack.sample import sample_installation
from local.simulation.faults.fault import Fault
from local.simulation.platform import Platform
from shared.azure_pack.certificates import ClientCertificate
from shared.azure_pack.connection import TlsOptions
from shared.azure_pack.publish_settings import PublishSettings, read_publish_settings
from shared.azure_pack.transport import Transport

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


@cache
def keys() -> Keys:
    """The installation's keys, made once for all tests."""
    return make_keys()


@dataclass
class Wall:
    """Wall time that a test may move."""

    offset: timedelta = timedelta(0)

    def __call__(self) -> datetime:
        """Return the time."""
        return datetime.now(UTC) + self.offset


@dataclass
class Pack:
    """A running installation. `wall` is the time of tokens and certificates; simulated time moves with `pass_time` alone."""

    platform: Platform
    installation: Installation
    wall: Wall
    transports: list[Transport] = field(default_factory=list)

    def url(self, listener: Listener) -> str:
        """Return the address of a listener."""
        return self.installation.listeners.url(listener)

    def transport(self, certificate: ClientCertificate | None = None, **options: Any) -> Transport:
        """Return a transport that trusts the installation; it is closed with it."""
        tls = options.pop("tls", TlsOptions(ca_bundle=keys().authority.pem))
        made = Transport(tls=tls, certificate=certificate, timeout=10.0, now=self.wall, **options)
        self.transports.append(made)
        return made

    def publish_settings(self, user: str = "admin@northwind.example", **options: Any) -> PublishSettings:
        """Return what a new publishsettings file of a user holds."""
        return read_publish_settings(self.installation.control.publish_settings({"user": user, **options}), now=self.wall())

    def fault(self, kind: str, *, method: str | None = None, path: str = "", service: str = "azurePack", **members: Any) -> None:
        """Plant a fault."""
        match = {"path": path, "service": service} | ({"method": method} if method else {})
        self.platform.add_faults([Fault.read({"fault": kind, "match": match, **members})])

    def pass_time(self, **parts: float) -> None:
        """Let simulated time pass."""
        self.platform.clock.move(timedelta(**parts))
        self.installation.gate.settle()

    def effects(self) -> list[tuple[str, str, str]]:
        """Return service, method and path of each write that took effect."""
        return [(each["service"], each["method"], each["path"]) for each in self.platform.effects.since(0)]


@asynccontextmanager
async def running_pack(data: Path | None = None, **settings: Any) -> AsyncIterator[Pack]:
    """Run the sample installation with some settings changed; its clock does not run."""
    estate = {"azurePack": [sample_installation() | settings]}
    platform = Platform(data, speed=0, estate=estate, now=START)
    wall = Wall()
    installation = Installation(platform, lambda: None, keys=keys(), now=wall)
    await installation.start(0)
    running = Pack(platform, installation, wall)
    try:
        yield running
    finally:
        for each in running.transports:
            await each.close()
        await installation.stop()
        platform.close()
