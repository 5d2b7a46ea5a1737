"""What a machine or a disk as it is now keeps from being done to it: for the acceptance, and for an operation's first step alike. Pure."""

from typing import Final

from shared.errors import ErrorCode, Problem
from shared.virtual_machines.creation.context import DiskFacts
from shared.virtual_machines.facts import MachineFacts
from shared.virtual_machines.rules.power import PowerState

_NOT_CAPTURED: Final = frozenset({"trustedlaunch", "confidentialvm"})
_OPEN: Final = frozenset({"activesas", "activesasfrozen", "activeupload"})


def managed_problem(facts: MachineFacts) -> Problem | None:
    """Return why Farshore changes no more of a machine than its power, or None."""
    if not facts.is_managed_elsewhere:
        return None
    by = facts.scale_set or facts.managed_by or "an unmanaged disk"
    message = f"The machine is managed elsewhere ({by}). Farshore only starts, shuts down and restarts it."
    return Problem(ErrorCode.MANAGED_ELSEWHERE, message, facts.name)


def capture_problem(facts: MachineFacts) -> Problem | None:
    """Return why no image can be made of a machine, or None."""
    managed = managed_problem(facts)
    if managed is not None:
        return managed
    if facts.power_state not in {PowerState.STOPPED, PowerState.DEALLOCATED}:
        message = f"The machine is {facts.power_state}. Prepare it (sysprep, waagent -deprovision), shut it down, then capture it."
        return Problem(ErrorCode.NOT_STOPPED, message, "powerState")
    if facts.security_type.lower() in _NOT_CAPTURED or facts.ephemeral:
        what = "an ephemeral OS disk" if facts.ephemeral else f"the security type {facts.security_type}"
        message = f"Azure makes no managed image of a machine with {what}; it needs a compute gallery."
        return Problem(ErrorCode.CAPTURE_NOT_SUPPORTED, message, facts.name)
    return None


def disk_problem(facts: DiskFacts) -> Problem | None:
    """Return why a disk cannot be deleted, or None."""
    if facts.state.lower() in _OPEN:
        return Problem(ErrorCode.DISK_ACCESS_ACTIVE, "The disk can be read by a SAS at present. Revoke the access first.", "disk")
    if facts.attached_to is not None or facts.state.lower() not in {"unattached", ""}:
        return Problem(ErrorCode.DISK_IN_USE, f"The disk is in use: its state is {facts.state}.", "disk")
    return None
