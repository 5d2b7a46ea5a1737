"""Azurite, Microsoft's storage emulator: blob, queue and table on three ports in a row (docs/azure/functions-host.md)."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from local import processes
from local.bootstrap import AZURITE, find_node

_ACCOUNT: Final = "devstoreaccount1"
# Azurite's public key, the same on every machine in the world: it protects nothing.
_KEY: Final = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
_START_SECONDS: Final = 60.0
_WITHOUT_TELEMETRY: Final = processes.ROOT / "local" / "azurite" / "without_telemetry.js"


@dataclass(frozen=True, slots=True)
class Azurite:
    """A running Azurite; queue and table answer on the two ports after `port`."""

    part: processes.Part
    port: int

    @property
    def connection_string(self) -> str:
        """The connection string, with explicit endpoints."""
        return connection_string(self.port)

    def stop(self) -> None:
        """End it."""
        self.part.stop()


def connection_string(port: int) -> str:
    """Return the connection string of an Azurite on `port`, `port` + 1 and `port` + 2."""
    endpoints = "".join(
        f"{service}Endpoint=http://127.0.0.1:{port + offset}/{_ACCOUNT};" for offset, service in enumerate(("Blob", "Queue", "Table"))
    )
    return f"DefaultEndpointsProtocol=http;AccountName={_ACCOUNT};AccountKey={_KEY};{endpoints}"


def check_ports(port: int) -> None:
    """Raise `Trouble` where one of the three ports is taken."""
    for offset, service in enumerate(("blobs", "queues", "tables")):
        processes.check_free(port + offset, f"Azurite's {service}", "--storage-port")


def start(port: int, log: Path, location: Path | None = None) -> Azurite:
    """Start Azurite without waiting for it; `location` keeps its state, None keeps it in memory. Raises `Trouble` on a taken port."""
    check_ports(port)
    keeping = ["--inMemoryPersistence"] if location is None else ["--location", str(location)]
    if location is not None:
        location.mkdir(parents=True, exist_ok=True)
    ports = [f"--{service}Port={port + offset}" for offset, service in enumerate(("blob", "queue", "table"))]
    command = [
        str(find_node()[0]),
        *("--require", str(_WITHOUT_TELEMETRY)),
        str(AZURITE / "node_modules" / "azurite" / "dist" / "src" / "azurite.js"),
        *("--silent", "--disableTelemetry", "--skipApiVersionCheck"),  # the newest storage SDKs are ahead of Azurite's list
        *ports,
        *keeping,
    ]
    return Azurite(processes.start("Azurite", command, log), port)


def wait(azurite: Azurite) -> None:
    """Wait until all three services accept connections; raises `Trouble` where they do not."""
    processes.wait_until(azurite.part, lambda: all(processes.listens(azurite.port + offset) for offset in range(3)), _START_SECONDS)
