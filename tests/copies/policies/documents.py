"""Documents of copy policies for the tests of their rules."""

from collections.abc import Mapping
from typing import Any

from shared.arm.ids import ResourceId
from shared.copies.policies.coverage import Machine
from shared.operations.model.models import JsonObject

SUBSCRIPTION = "11111111-2222-3333-4444-555555555555"
OTHER_SUBSCRIPTION = "99999999-2222-3333-4444-555555555555"


def vm_id(name: str, group: str = "web", subscription: str = SUBSCRIPTION) -> str:
    """Return the id of a VM."""
    return f"/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.Compute/virtualMachines/{name}"


def machine(name: str = "web-1", tags: Mapping[str, str] | None = None, *, uniform: bool = False) -> Machine:
    """Return a VM of an inventory."""
    return Machine(ResourceId.parse(vm_id(name)), "westeurope", tags or {}, uniform)


def document(**changes: Any) -> JsonObject:
    """Return the smallest document, with members replaced; None takes one out."""
    body: JsonObject = {
        "selector": {"everything": True},
        "schedule": {"cron": "0 0 2 * * *", "timeZone": "Europe/Berlin"},
        "targets": [{"region": "northeurope", "resourceGroup": "copies"}],
        "retention": {"keepLast": 3},
    }
    return {name: value for name, value in (body | changes).items() if value is not None}
