"""Ports: which a shared public address can still take, and who has the others (docs/design/virtual-machines.md, "Ports")."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

MOST_PORTS = 25
LAST_PUBLIC_PORT = 65_534
LAST_LOCAL_PORT = 65_535


class Protocol(StrEnum):
    """The protocol of a port."""

    TCP = "tcp"
    UDP = "udp"


@dataclass(frozen=True, slots=True)
class OpenPort:
    """A port of a machine: `port` on the public address leads to `local` on the machine."""

    protocol: Protocol
    port: int
    local: int
    machine: str = ""
    name: str = ""


def port_in_the_way(wanted: OpenPort, existing: Iterable[OpenPort]) -> OpenPort | None:
    """Return the port that keeps a wanted one from being opened, or None.

    A public port is one per protocol and address, a local port one per protocol and machine. `existing` are all ports of the address.
    """
    return next((one for one in existing if _clash(wanted, one)), None)


def repeated_ports(wanted: Sequence[OpenPort]) -> tuple[tuple[int, str], ...]:
    """Return the positions of ports that clash with an earlier one of the same machine, and the member that is the same."""
    found: list[tuple[int, str]] = []
    for place, one in enumerate(wanted):
        before = [other for other in wanted[:place] if other.protocol is one.protocol]
        if any(other.port == one.port for other in before):
            found.append((place, "port"))
        elif any(other.local == one.local for other in before):
            found.append((place, "localPort"))
    return tuple(found)


def _clash(wanted: OpenPort, other: OpenPort) -> bool:
    if wanted.protocol is not other.protocol:
        return False
    return wanted.port == other.port or (wanted.local == other.local and wanted.machine.lower() == other.machine.lower())
