"""Whether a disk can be opened for access, and what its SAS shows (Microsoft.Compute, `Disks_GrantAccess`). Pure."""

from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

from shared.errors import ErrorCode, Problem
from shared.virtual_machines.creation.context import DiskFacts

_OPEN = frozenset({"activesas", "activesasfrozen", "activeupload"})
_ACCESSIBLE = frozenset({"unattached", "reserved"})
_ENTRA = "azureactivedirectory"
NEEDS_SIGN_IN = "The disk wants its readers to sign in to Entra ID (dataAccessAuthMode): the SAS alone does not open it."


def is_open(disk: DiskFacts) -> bool:
    """Whether a SAS of the disk is active."""
    return disk.state.lower() in _OPEN


def access_problem(disk: DiskFacts) -> Problem | None:
    """Return why a disk cannot be opened for access, or None: `DiskAccessActive`, `DiskNotExportable`, `DiskInUse`."""
    if is_open(disk):
        return Problem(ErrorCode.DISK_ACCESS_ACTIVE, "The disk can be read by a SAS already. Revoke that access first.", "disk")
    if disk.network_access.lower() != "allowall":
        message = f"The network access policy of the disk is {disk.network_access}: it cannot be read by a SAS."
        return Problem(ErrorCode.DISK_NOT_EXPORTABLE, message, "disk")
    if disk.state.lower() not in _ACCESSIBLE:
        message = f"The state of the disk is {disk.state}. Detach it, or deallocate its machine."
        return Problem(ErrorCode.DISK_IN_USE, message, "disk")
    return None


def warnings_of(disk: DiskFacts) -> list[str]:
    """Return what a result warns of."""
    return [NEEDS_SIGN_IN] if disk.auth_mode is not None and disk.auth_mode.lower() == _ENTRA else []


def end_of(sas: str) -> datetime | None:
    """Return when a SAS ends, as its member `se` has it, or None."""
    try:
        (text,) = parse_qs(urlsplit(sas).query)["se"]
        found = datetime.fromisoformat(text)
    except (ValueError, KeyError):
        return None
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)
