"""How operations on machines end: what became of the machine (docs/design/virtual-machines.md, "Answers")."""

from shared.errors import Problem
from shared.operations.model.models import Status
from shared.operations.running.outcomes import End
from shared.virtual_machines.state import MachineState


def ended(state: MachineState, error: Problem | None = None, status: Status | None = None, **members: object) -> End:
    """Return the end of an operation, failed where there is an error; its result has what it changed, kept, left behind, and warns of.

    `status` is another one than failed or succeeded. `members` are further members of the result, or others in place of those.
    """
    resource = str(state.machine) if state.machine is not None else None
    result: dict[str, object] = {"resourceId": resource, "changed": state.changed, "kept": [], "left": [], "warnings": []}
    if state.power_state is not None:
        result["powerState"] = str(state.power_state)
    if state.image is not None:
        result["imageId"] = str(state.image)
    return End(status or (Status.FAILED if error is not None else Status.SUCCEEDED), error, result | members)
