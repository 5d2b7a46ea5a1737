"""The result of an operation on machines: what became of it (docs/design/virtual-machines.md, "Answers")."""

from shared.operations.model.models import JsonObject
from shared.virtual_machines.state import MachineState


def result_of(state: MachineState) -> JsonObject:
    """Return an operation's `result`: what it changed, kept, left behind, and warns of."""
    resource = str(state.machine) if state.machine is not None else None
    result: JsonObject = {"resourceId": resource, "changed": state.changed, "kept": [], "left": [], "warnings": []}
    if state.power_state is not None:
        result["powerState"] = str(state.power_state)
    if state.image is not None:
        result["imageId"] = str(state.image)
    return result
