"""What only machines on Azure Pack have, over HTTP: a hard stop, pause, resume, save, repair, and checkpoints."""

from functools import partial
from typing import Any, NoReturn

from functions.serve import serve
from shared.access.roles import Role
from shared.virtual_machines.azure_pack.answers import PackCheckpoint
from shared.virtual_machines.azure_pack.requests import CreateCheckpoint, not_supported
from shared.virtual_machines.reading.places import PLACE
from shared.web.answers import HttpAnswer
from shared.web.calls import Call
from shared.web.operations import OperationBody
from shared.web.routes import Owner, Route

_MACHINE = "/tenants/{tenant}/virtual-machines/{vm}"
_CHECKPOINTS = f"{_MACHINE}/checkpoints"
_POWER = "On Resource Manager a machine is started, shut down (stopped or deallocated) and restarted."
_POINTS = "On Resource Manager restore points keep the state of a machine's disks, and copy policies make them."
_write = partial(
    Route, needed=Role.TENANTS_WRITE, owner=Owner.TENANT, query=PLACE, response=OperationBody, status=202, refusals=(409,), repeatable=True
)
LIST = Route(
    "GET", _CHECKPOINTS, "A machine's checkpoints (Azure Pack)", Role.TENANTS_READ,
    owner=Owner.TENANT, response=PackCheckpoint, is_list=True, query=PLACE, refusals=(409,),
)  # fmt: skip


@serve(_write("POST", f"{_MACHINE}/stop", "Stop a machine hard (Azure Pack)"))
async def stop_virtual_machine(_call: Call[Any]) -> HttpAnswer:
    """Stop a machine hard, as its power switch does."""
    _refuse(_POWER)


@serve(_write("POST", f"{_MACHINE}/pause", "Pause a machine (Azure Pack)"))
async def pause_virtual_machine(_call: Call[Any]) -> HttpAnswer:
    """Pause a machine."""
    _refuse(_POWER)


@serve(_write("POST", f"{_MACHINE}/resume", "Resume a paused machine (Azure Pack)"))
async def resume_virtual_machine(_call: Call[Any]) -> HttpAnswer:
    """Resume a paused machine."""
    _refuse(_POWER)


@serve(_write("POST", f"{_MACHINE}/save", "Save a machine's state (Azure Pack)"))
async def save_virtual_machine(_call: Call[Any]) -> HttpAnswer:
    """Save a machine's state."""
    _refuse(_POWER)


@serve(_write("POST", f"{_MACHINE}/repair", "Repair a machine that failed (Azure Pack)"))
async def repair_virtual_machine(_call: Call[Any]) -> HttpAnswer:
    """Repair a machine that failed."""
    _refuse(_POWER)


@serve(LIST)
async def list_checkpoints(_call: Call[None]) -> HttpAnswer:
    """List a machine's checkpoints, by name."""
    _refuse(_POINTS)


@serve(_write("POST", _CHECKPOINTS, "Make a checkpoint of a machine (Azure Pack)", request=CreateCheckpoint))
async def create_checkpoint(_call: Call[CreateCheckpoint]) -> HttpAnswer:
    """Make a checkpoint of a machine."""
    _refuse(_POINTS)


@serve(_write("POST", f"{_CHECKPOINTS}/{{checkpoint}}/restore", "Restore a checkpoint (Azure Pack)"))
async def restore_checkpoint(_call: Call[None]) -> HttpAnswer:
    """Bring a machine back to a checkpoint."""
    _refuse(_POINTS)


@serve(_write("DELETE", f"{_CHECKPOINTS}/{{checkpoint}}", "Delete a checkpoint (Azure Pack)"))
async def delete_checkpoint(_call: Call[None]) -> HttpAnswer:
    """Delete a checkpoint."""
    _refuse(_POINTS)


def _refuse(message: str) -> NoReturn:
    raise not_supported(f"This is offered for tenants on Azure Pack. {message}", "tenant")
