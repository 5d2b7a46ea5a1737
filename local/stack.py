"""The whole stack on one machine: Azurite, the simulated Azure, and the functions host with its workers."""

import asyncio
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from local import azurite, processes
from local.calls import answers, call

HOST_GRACE: Final = 7.5  # wall-clock seconds: the workers' own grace and a little
_GRACE: Final = 4.0
_START_SECONDS: Final = 60.0
_AZURE_PACK_PORTS: Final = 7
_ISSUERS: Final = ("{tenantId}/v2.0", "{tenantId}/")
_AUDIENCES: Final = "api://farshore,farshore"


@dataclass(frozen=True, slots=True)
class StackOptions:
    """What to start, and where. `data` keeps everything of it, `keep` False keeps Azurite and the timers in memory only.

    `debug_port`: where debugpy waits for a debugger of the one worker.
    `azure_pack_port`: the first of the seven ports of a simulated Azure Pack; None for none.
    `now` is Azure's time at the start, ISO 8601; by default the machine's.
    """

    data: Path
    port: int = 7071
    azure_port: int = 7080
    storage_port: int = 10000
    control_port: int = 0
    workers: int = 1
    speed: float | None = 600
    estate: Path | None = None
    now: str | None = None
    keep: bool = False
    debug_port: int | None = None
    azure_pack_port: int | None = None
    app: Path = processes.ROOT
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def api(self) -> str:
        """The address of the app's API."""
        return f"http://127.0.0.1:{self.port}/api"

    @property
    def azure(self) -> str:
        """The address of the simulated Azure."""
        return f"http://127.0.0.1:{self.azure_port}"


def check_ports(options: StackOptions) -> None:
    """Raise `Trouble`, naming the port and its option, where a port is taken or two are the same."""
    wanted = [
        (options.port, "the functions host", "--port"),
        (options.azure_port, "the simulated Azure", "--azure-port"),
        *([(options.debug_port, "debugpy", "--debug")] if options.debug_port else []),
        *((port, "the simulated Azure Pack", "--azure-pack-port") for port in _azure_pack_ports(options)),
        *((options.storage_port + offset, "Azurite", "--storage-port") for offset in range(3)),
    ]
    seen: dict[int, str] = {}
    for port, what, option in wanted:
        if port in seen:
            raise processes.Trouble(f"port {port} is wanted for {seen[port]} and for {what}: choose another with {option}")
        seen[port] = what
        processes.check_free(port, what, option)


def _azure_pack_ports(options: StackOptions) -> range:
    first = options.azure_pack_port
    return range(0) if first is None else range(first, first + _AZURE_PACK_PORTS)


def app_environment(options: StackOptions, connection_string: str) -> dict[str, str]:
    """Return the environment of the app's workers: where storage, Azure, its clock and its identities are on this machine."""
    azure = options.azure
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("AZURE_", "AzureWebJobs"))}
    return inherited | {
        "AzureWebJobsStorage": connection_string,
        "AZURE_RESOURCE_MANAGER_URL": azure,
        "FARSHORE_CLOCK_URL": f"{azure}/_simulation/clock",
        "AUTH_AUDIENCES": _AUDIENCES,
        "AUTH_ISSUERS": ",".join(f"{azure}/{issuer}" for issuer in _ISSUERS),
        "AUTH_KEYS_URL": f"{azure}/common/discovery/v2.0/keys",
        "PUBLIC_BASE_URL": f"http://127.0.0.1:{options.port}",
        # the managed identity protocol of App Service, which the simulation answers
        "IDENTITY_ENDPOINT": f"{azure}/_simulation/identity",
        "IDENTITY_HEADER": "local",
        "FARSHORE_KEY_VAULT_SUFFIX": f"{azure}/_keyvault/",
        "FARSHORE_KEY_VAULT_URL": f"{azure}/_keyvault/farshore",
        "NO_PROXY": "127.0.0.1,localhost",
        **options.environment,
    }


def registry_documents(estate: Mapping[str, Any], azure: str) -> list[dict[str, Any]]:
    """Return the tenants of an estate as the registry has them, with the URLs of their key vaults (`kv-{tenant}`) in the simulation."""
    vaults = {str(vault["id"]).rpartition("/")[2].lower() for vault in estate.get("keyVaults", [])}
    documents: list[dict[str, Any]] = []
    for tenant in estate.get("tenants", []):
        name = f"kv-{tenant.get('name')}".lower()
        documents.append(({"keyVaultUrl": f"{azure}/_keyvault/{name}"} if name in vaults else {}) | dict(tenant))
    return documents


class Stack:
    """Starts and ends the parts. A part that cannot start raises `Trouble` with the end of its log; `stop` ends what there is."""

    def __init__(self, options: StackOptions) -> None:
        self.options = options
        self.parts: list[processes.Part] = []
        self.connection_string = azurite.connection_string(options.storage_port)
        self._logs = options.data / "logs"

    def start_azure(self) -> None:
        """Start Azurite (unless another process serves it) and the simulated Azure, and wait for both."""
        options = self.options
        location = options.data / "azurite" if options.keep else None
        storage = azurite.start(options.storage_port, self._logs / "azurite.log", location)
        self.parts.append(storage.part)
        simulation = self.start_simulation()
        azurite.wait(storage)
        processes.wait_until(simulation, lambda: answers(f"{options.azure}/_simulation/clock"), _START_SECONDS)

    def start_simulation(self) -> processes.Part:
        """Start the simulated Azure without waiting for it."""
        options = self.options
        command = [sys.executable, "-m", "local.simulation", "--port", str(options.azure_port)]
        command += ["--data", str(options.data / "simulation")] if options.keep else []
        command += ["--speed", f"{options.speed:g}"] if options.speed is not None else []
        command += ["--estate", str(options.estate)] if options.estate else []
        command += ["--now", options.now] if options.now else []
        command += ["--azure-pack-port", str(options.azure_pack_port)] if options.azure_pack_port is not None else []
        simulation = processes.start("the simulated Azure", command, self._logs / "simulation.log")
        self.parts.append(simulation)
        return simulation

    def start_host(self) -> processes.Part:
        """Start the functions host without waiting for it."""
        options = self.options
        command = [sys.executable, "-m", "local.host", "--app", str(options.app), "--workers", str(options.workers)]
        command += ["--port", str(options.port), "--control-port", str(options.control_port)]
        command += ["--data", str(options.data / "host")] if options.keep else []
        command += ["--debug-port", str(options.debug_port)] if options.debug_port else []
        environment = app_environment(options, self.connection_string)
        host = processes.start("the functions host", command, self._logs / "host.log", environment)
        self.parts.append(host)
        return host

    def seed(self) -> None:
        """Put the estate's tenants and hosting plans into the app's registry; a kept one that was seeded before stays as it is.

        Raises `Trouble` for tenants that no registry can hold; an estate without tenants seeds none.
        """
        # these need the SDKs, which a first start may only just have installed
        from shared.access.records.rows import RegistryError
        from shared.access.records.seeding import seed

        mark = self.options.data / "seeded"
        if self.options.keep and mark.exists() and self.options.estate is None:
            return
        estate = call("GET", f"{self.options.azure}/_simulation/estate").body
        try:
            documents = registry_documents(estate, self.options.azure)
            asyncio.run(seed(self.connection_string, documents, estate.get("hostingPlans", [])))
        except RegistryError as error:
            raise processes.Trouble(f"the estate cannot be used: {error}") from error
        mark.touch()

    def wait_for_api(self, host: processes.Part) -> None:
        """Wait until the app can accept work."""
        processes.wait_until(host, lambda: answers(f"{self.options.api}/health"), _START_SECONDS)

    def stop(self) -> None:
        """End every part: the host first, while what it works with is still there."""
        for part in reversed(self.parts):
            part.stop(HOST_GRACE if part.name == "the functions host" else _GRACE)
        self.parts.clear()
