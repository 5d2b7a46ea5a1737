"""What can be done with a machine on Azure Pack, by its state: what to send, and what shows that it was done. Pure."""

from enum import StrEnum
from typing import Final

from shared.errors import ErrorCode
from shared.installations.machine_states import PowerState, power_state
from shared.virtual_machines.kinds import Action


class Shown(StrEnum):
    """The power state of a machine as answers show it."""

    RUNNING = "running"
    STOPPED = "stopped"
    PAUSED = "paused"
    SAVED = "saved"
    CREATING = "creating"
    UNKNOWN = "unknown"


class MachineCall(StrEnum):
    """A call that changes a machine; the value is its name in effects."""

    START = "start"
    STOP = "stop"
    SHUTDOWN = "shutdown"
    RESET = "reset"
    SUSPEND = "suspend"
    RESUME = "resume"
    SAVE = "save"
    REPAIR = "repair"
    UPDATE = "update"
    DELETE = "delete"
    CREATE_CHECKPOINT = "createCheckpoint"
    RESTORE_CHECKPOINT = "restoreCheckpoint"
    DELETE_CHECKPOINT = "deleteCheckpoint"


class Decision(StrEnum):
    """What to do with a call."""

    SEND = "send"
    NOTHING = "nothing"
    WAIT = "wait"
    REFUSE = "refuse"


_SHOWN: Final = {
    PowerState.RUNNING: Shown.RUNNING,
    PowerState.STOPPED: Shown.STOPPED,
    PowerState.PAUSED: Shown.PAUSED,
    PowerState.SAVED: Shown.SAVED,
}
CALLS: Final = {
    Action.START: MachineCall.START,
    Action.SHUT_DOWN: MachineCall.SHUTDOWN,
    Action.RESTART: MachineCall.RESET,
    Action.STOP: MachineCall.STOP,
    Action.PAUSE: MachineCall.SUSPEND,
    Action.RESUME: MachineCall.RESUME,
    Action.SAVE: MachineCall.SAVE,
    Action.REPAIR: MachineCall.REPAIR,
    Action.UPDATE: MachineCall.UPDATE,
    Action.DELETE: MachineCall.DELETE,
    Action.CREATE_CHECKPOINT: MachineCall.CREATE_CHECKPOINT,
    Action.RESTORE_CHECKPOINT: MachineCall.RESTORE_CHECKPOINT,
    Action.DELETE_CHECKPOINT: MachineCall.DELETE_CHECKPOINT,
}
"""The call of each action on a machine."""
OPERATIONS: Final = {
    MachineCall.START: "Start",
    MachineCall.STOP: "Stop",
    MachineCall.SHUTDOWN: "Shutdown",
    MachineCall.RESET: "Reset",
    MachineCall.SUSPEND: "Suspend",
    MachineCall.RESUME: "Resume",
    MachineCall.REPAIR: "Repair",
}
"""The operation of VMM for each call on a machine's power; the installation's document has that for saving."""
GOALS: Final = {
    MachineCall.START: PowerState.RUNNING,
    MachineCall.STOP: PowerState.STOPPED,
    MachineCall.SHUTDOWN: PowerState.STOPPED,
    MachineCall.SUSPEND: PowerState.PAUSED,
    MachineCall.RESUME: PowerState.RUNNING,
    MachineCall.SAVE: PowerState.SAVED,
}
"""The state that a call on a machine's power brings about; a reset brings about none that shows."""
HARMLESS: Final = {
    MachineCall.RESET: "sent once more only after ten minutes in which no newer job of the machine showed",
    MachineCall.CREATE_CHECKPOINT: "a checkpoint of its name on its machine is looked for before each send",
    MachineCall.RESTORE_CHECKPOINT: "restoring the same checkpoint again brings about the same",
    MachineCall.UPDATE: "the same values again change nothing",
}
_IN_ITS_STATE: Final = "a machine in the wanted state refuses the call, and a look at its state and most recent job precedes each send"


def harmless(call: MachineCall) -> str:
    """Return why a late or second send of a call does no harm."""
    return HARMLESS.get(call, _IN_ITS_STATE)


def shown_state(status: str | None) -> Shown:
    """Return the power state that answers show for VMM's StatusString."""
    if "creating" in (status or "").lower():
        return Shown.CREATING
    return _SHOWN.get(power_state(status), Shown.UNKNOWN)


def decide(call: MachineCall, status: str | None) -> Decision:
    """Return what to do with a call on a machine that reports `status`; a machine in transition is waited for."""
    state = power_state(status)
    if state is PowerState.CHANGING:
        return Decision.WAIT
    if call is MachineCall.RESET and state is not PowerState.RUNNING:
        return Decision.REFUSE
    if call is MachineCall.RESUME and state is PowerState.RUNNING:
        return Decision.NOTHING
    return Decision.NOTHING if GOALS.get(call) is state else Decision.SEND


def refusal_code(call: MachineCall) -> ErrorCode:
    """Return the code of a call that the machine's state does not allow."""
    return ErrorCode.NOT_RUNNING if call is MachineCall.RESET else ErrorCode.ACTION_NOT_ALLOWED


def is_reached(call: MachineCall, status: str | None) -> bool:
    """Return whether a machine's status shows that a call was done; of a call without a goal nothing does."""
    goal = GOALS.get(call)
    return goal is not None and power_state(status) is goal
