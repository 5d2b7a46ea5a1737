"""The state of a machine of VMM, which data centers and tenants' machines read alike. Pure."""

from enum import StrEnum
from typing import Final


class PowerState(StrEnum):
    """The state of a machine, by VMM's StatusString."""

    RUNNING = "running"
    STOPPED = "stopped"
    PAUSED = "paused"
    SAVED = "saved"
    BROKEN = "broken"
    CHANGING = "changing"


_STATES: Final = {
    "running": PowerState.RUNNING,
    "stopped": PowerState.STOPPED,
    "poweroff": PowerState.STOPPED,
    "paused": PowerState.PAUSED,
    "saved": PowerState.SAVED,
    "saved state": PowerState.SAVED,
    "creation failed": PowerState.BROKEN,
    "update failed": PowerState.BROKEN,
    "customization failed": PowerState.BROKEN,
    "missing": PowerState.BROKEN,
    "host not responding": PowerState.BROKEN,
}


def power_state(status: str | None) -> PowerState:
    """Return the state that a StatusString means; an unknown one is that of a machine in transition."""
    return _STATES.get((status or "").strip().lower(), PowerState.CHANGING)
