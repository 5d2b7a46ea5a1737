"""Power: what start, shut-down and restart do in each state of a machine (docs/design/virtual-machines.md, "Power")."""

from dataclasses import dataclass
from enum import StrEnum

from shared.errors import ErrorCode


class PowerState(StrEnum):
    """The power state of a machine as answers show it: the suffix of Azure's `PowerState/…`, and three of Farshore's."""

    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"
    STOPPED = "stopped"
    DEALLOCATING = "deallocating"
    DEALLOCATED = "deallocated"
    HIBERNATED = "hibernated"
    CREATING = "creating"
    UNKNOWN = "unknown"


class PowerAction(StrEnum):
    """What can be requested of a machine's power; a shut-down has two ends, because a stopped machine is still billed."""

    START = "start"
    STOP = "stop"
    DEALLOCATE = "deallocate"
    RESTART = "restart"


class Provisioning(StrEnum):
    """Whether an operation of Azure works on a machine."""

    SETTLED = "settled"
    FAILED = "failed"
    BUSY = "busy"


@dataclass(frozen=True, slots=True)
class PowerFacts:
    """What Azure shows of a machine's power: `open_access` is the name of a disk that can be read by a SAS, or None."""

    state: PowerState
    provisioning: Provisioning = Provisioning.SETTLED
    generalized: bool = False
    open_access: str | None = None


class Decision(StrEnum):
    """What a power action does."""

    SEND = "send"
    NOTHING = "nothing"
    """The machine is in the wanted state: the operation succeeds without an effect."""
    WAIT = "wait"
    """Another operation of Azure works on the machine."""


@dataclass(frozen=True, slots=True)
class PowerRefusal:
    """Why a power action is refused."""

    code: ErrorCode
    message: str


_MOVING = frozenset({PowerState.STARTING, PowerState.STOPPING, PowerState.DEALLOCATING, PowerState.CREATING})
_OFF = frozenset({PowerState.DEALLOCATED, PowerState.HIBERNATED})
_WANTED = {
    PowerAction.START: frozenset({PowerState.RUNNING}),
    PowerAction.STOP: frozenset({PowerState.STOPPED, *_OFF}),
    PowerAction.DEALLOCATE: _OFF,
    PowerAction.RESTART: frozenset(),
}


def decide_power(action: PowerAction, facts: PowerFacts) -> Decision | PowerRefusal:
    """Decide what an action does: send it, nothing because the state is as wanted, wait for Azure, or refuse."""
    if action is PowerAction.START and facts.generalized:
        return PowerRefusal(ErrorCode.GENERALIZED, "The machine was generalized and can never start again. Make a new one from its image.")
    if facts.provisioning is Provisioning.BUSY or facts.state in _MOVING:
        return Decision.WAIT
    if is_reached(action, facts.state):
        return Decision.NOTHING
    if action is PowerAction.RESTART and facts.state is not PowerState.RUNNING:
        return PowerRefusal(ErrorCode.NOT_RUNNING, f"Only a running machine can be restarted; this one is {facts.state}. Start it.")
    if action is PowerAction.START and facts.open_access is not None:
        message = f"The disk '{facts.open_access}' can be read by a SAS at present. Revoke the access to it, then start the machine."
        return PowerRefusal(ErrorCode.DISK_ACCESS_ACTIVE, message)
    return Decision.SEND


def is_reached(action: PowerAction, state: PowerState) -> bool:
    """Whether a machine is in the state that an action leads to; a restart leads to none that it was not in."""
    return state in _WANTED[action]
