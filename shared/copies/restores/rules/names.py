"""The names and tags of what a restore makes: they end in its id, so that a late or second PUT meets only what it made itself."""

from collections.abc import Mapping

RESTORE_TAG = "farshore-restore"
MACHINE_TAG = "farshore-machine"
DRILL_TAG = "farshore-drill"
SHOWN = "00000000"
"""The suffix in the plan of a dry run, which has no operation."""
_SUFFIX = 8
_SOURCE, _DISK = 40, 60


def suffix_of(operation: str) -> str:
    """Return the end of an operation's id by which its resources are named."""
    return operation[-_SUFFIX:]


def base_of(source_name: str) -> str:
    """Return what the names of a machine's disks and interface begin with, where it has no name of its own."""
    return _without_stops(source_name[:_SOURCE])


def machine_name(given: str | None, source_name: str, suffix: str) -> str:
    """Return the name of a machine, or of the base of its disks."""
    return given or f"{source_name[:_SOURCE]}-{suffix}"


def disk_name(base: str, suffix: str, lun: int | None) -> str:
    """Return the name of a disk; `lun` None is the OS disk."""
    return f"{_without_stops(base)}-{suffix}-{'os' if lun is None else f'lun{lun}'}"


def interface_name(base: str, suffix: str) -> str:
    """Return the name of a network interface."""
    return f"{_without_stops(base)}-{suffix}-nic"


def _without_stops(base: str) -> str:
    return base.replace(".", "")[:_DISK]


def tags_of(operation: str, index: int, *, drill: bool, given: Mapping[str, str]) -> dict[str, str]:
    """Return the tags of a resource."""
    return {**given, RESTORE_TAG: operation, MACHINE_TAG: str(index), **({DRILL_TAG: "true"} if drill else {})}
