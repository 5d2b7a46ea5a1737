"""The rules of virtual machines: what each write begins, and why VMM lets its job fail. Pure."""

from dataclasses import dataclass, field

from local.simulation.arm.tables import Json
from local.simulation.azure_pack.jobs import Work, error
from local.simulation.azure_pack.quotas import DIMENSIONS
from local.simulation.azure_pack.request import PackCall, Refusal
from local.simulation.azure_pack.usage import used_by
from local.simulation.ids import derived
from local.simulation.times import to_text

RUNNING, STOPPED, PAUSED, SAVED = "Running", "Stopped", "Paused", "Saved"
CREATION_FAILED = "Creation Failed"
#: From which states an operation leads where, and what the machine reports meanwhile.
_OPERATIONS: dict[str, tuple[frozenset[str], str, str]] = {
    "Start": (frozenset({STOPPED, SAVED}), RUNNING, "Starting..."),
    "Stop": (frozenset({RUNNING, PAUSED}), STOPPED, "Stopping..."),
    "Shutdown": (frozenset({RUNNING}), STOPPED, "Shutting Down..."),
    "Reset": (frozenset({RUNNING}), RUNNING, "Resetting..."),
    "Suspend": (frozenset({RUNNING}), PAUSED, "Pausing..."),
    "Resume": (frozenset({PAUSED}), RUNNING, "Resuming..."),
    "SaveState": (frozenset({RUNNING}), SAVED, "Saving..."),
    "Repair": (frozenset({CREATION_FAILED, "Update Failed"}), STOPPED, "Repairing..."),
}
_ALWAYS = ("Name", "Description", "Tag", "CostCenter")
_STOPPED_ONLY = ("CPUCount", "Memory")


@dataclass(frozen=True, slots=True)
class Begun:
    """A job to begin: its work, and what its target reports meanwhile."""

    work: Work
    now: Json = field(default_factory=dict)


def parts(machine: Json) -> dict[str, list[Json]]:
    """Return the entities within a machine or a template."""
    stamp = machine["StampId"]
    names = machine.get("_networks") or [None] * int(machine.get("_adapters", 1))
    adapters = [
        {
            "ID": derived("adapter", machine["ID"], str(number)),
            "StampId": stamp,
            "Name": f"Adapter {number}",
            "VMNetworkName": name,
            "IPv4Addresses": [_address(machine, number)],
        }
        for number, name in enumerate(names, 1)
    ]
    disk = {"ID": derived("disk drive", machine["ID"]), "StampId": stamp, "Name": "Disk 1", "LUN": 0}
    return {"VirtualNetworkAdapters": adapters, "VirtualDiskDrives": [disk]}


def _address(machine: Json, adapter: int) -> str:
    """Return the address of an adapter, the same each time."""
    number = int(machine["ID"].replace("-", ""), 16)
    return f"10.{adapter}.{number % 251}.{number // 251 % 250 + 2}"


def create(call: PackCall, subscription: Json | None) -> Begun:
    """Return the creation of a machine; raises `Refusal` 400 for a body that VMM does not take."""
    body, state = call.body, call.state
    cloud = state.entity("Clouds", str(body.get("CloudId", "")))
    if not body.get("Name") or cloud is None or str(body.get("StampId", "")).lower() != cloud["StampId"].lower():
        raise Refusal(400, "BadRequest", "StampId, Name and CloudId of one stamp are required.", vmm=True)
    base = _base(call, body)
    machine: Json = {
        "ID": derived("machine", str(body["Name"]), str(len(state.objects)), to_text(call.now)),
        "StampId": cloud["StampId"],
        "Name": body["Name"],
        "StatusString": "Creating...",
        "VirtualMachineState": "UnderCreation",
        "CloudId": cloud["ID"],
        "CPUCount": int(body.get("CPUCount") or base["CPUCount"]),
        "Memory": str(body.get("Memory") or base["Memory"]),
        "TotalSize": str(base["TotalSize"]),
        "ComputerName": body.get("ComputerName") or body["Name"],
        "OperatingSystem": base["OperatingSystem"],
        "Description": body.get("Description") or "",
        "Tag": body.get("Tag") or "(none)",
        "CostCenter": body.get("CostCenter") or "",
        "Owner": _owner(call, body, subscription),
        "AddedTime": to_text(call.now),
        "_integration": True,
        "_networks": [each.get("VMNetworkName") for each in body.get("NewVirtualNetworkAdapterInput") or []],
    }
    ready = {
        "StatusString": RUNNING if body.get("StartVM") else STOPPED,
        "VirtualMachineState": RUNNING if body.get("StartVM") else "PowerOff",
    }
    undone = {"StatusString": CREATION_FAILED, "VirtualMachineState": "CreationFailed"}
    return Begun(Work("Create virtual machine", "VirtualMachines", machine, ready, undone, _over_quota(call, subscription, machine)))


def _base(call: PackCall, body: Json) -> Json:
    """Return the size and the operating system of a template, or of a disk with a hardware profile; raises `Refusal`."""
    template = call.state.entity("VMTemplates", str(body.get("VMTemplateId", "")))
    if template is not None:
        return template
    disk = call.state.entity("VirtualHardDisks", str(body.get("VirtualHardDiskId", "")))
    profile = call.state.entity("HardwareProfiles", str(body.get("HardwareProfileId", "")))
    if disk is None or profile is None:
        raise Refusal(400, "BadRequest", "VMTemplateId, or VirtualHardDiskId with HardwareProfileId, is required.", vmm=True)
    return profile | {"TotalSize": disk["MaximumSize"], "OperatingSystem": disk["OperatingSystem"]}


def _owner(call: PackCall, body: Json, subscription: Json | None) -> Json:
    """Return the owner: the one that is given, the tenant's subscription, or the administrator."""
    given = body.get("Owner")
    if isinstance(given, dict):
        return given
    if subscription is None or call.caller.administrator:
        return {"UserName": call.caller.name, "RoleName": "Administrator", "RoleID": derived("role", "Administrator")}
    user, id_ = subscription["AccountAdminLiveEmailId"], subscription["SubscriptionID"]
    return {"UserName": user, "RoleName": f"{user}_{id_}", "RoleID": id_}


def _over_quota(call: PackCall, subscription: Json | None, *more: Json) -> Json | None:
    """Return the error where a subscription's machines, with these more, are above the quota that is in force."""
    limits = (subscription or {}).get("_inForce")
    if subscription is None or limits is None:
        return None
    used = used_by([*call.state.machines_of(subscription["SubscriptionID"]), *more])
    over = [each for each in DIMENSIONS if limits.get(each) is not None and used[each] > limits[each]]
    if not over:
        return None
    return error("1717", f"The quota of the user role is exceeded: {', '.join(over)}.", "Delete a machine, or order a higher quota.")


def change(call: PackCall, machine: Json) -> Begun:
    """Return an operation on a machine, or a change of its members; raises `Refusal`."""
    _check_free(machine)
    body = call.body
    if body.get("Operation"):
        return _operate(call, machine, str(body["Operation"]))
    changed = {name: body[name] for name in (*_ALWAYS, *_STOPPED_ONLY) if name in body}
    if not changed:
        raise Refusal(400, "BadRequest", "There is nothing to change.", vmm=True)
    fails = None
    if any(name in changed for name in _STOPPED_ONLY) and machine["StatusString"] != STOPPED:
        fails = error("2606", "The virtual machine must be stopped to change its hardware.", "Stop the virtual machine, and try again.")
    return Begun(Work("Change properties of virtual machine", "VirtualMachines", machine, changed, {}, fails))


def _operate(call: PackCall, machine: Json, operation: str) -> Begun:
    known = _OPERATIONS.get(operation)
    if known is None or (operation == "SaveState" and not call.state.setting("knowsSaveState")):
        raise Refusal(400, "BadRequest", f"The operation '{operation}' is not one of VirtualMachine.", vmm=True)
    allowed, becomes, meanwhile = known
    before, fails = machine["StatusString"], None
    if before not in allowed:
        fails = error(
            "2604", f"{operation} cannot be done while the virtual machine is {before}.", "Wait for another state, and try again."
        )
    elif operation == "Shutdown" and not machine.get("_integration"):
        fails = error("2625", "The guest operating system cannot be shut down: no integration services.", "Stop the virtual machine.")
    elif operation == "Start":
        fails = _over_quota(call, call.state.subscriptions.get(str((machine.get("Owner") or {}).get("RoleID", "")).lower()))
    work = Work(f"{operation} virtual machine", "VirtualMachines", machine, {"StatusString": becomes}, {"StatusString": before}, fails)
    return Begun(work, {} if fails else {"StatusString": meanwhile})


def delete(_call: PackCall, machine: Json) -> Begun:
    """Return the deletion of a machine, whose job fails while it runs; raises `Refusal`."""
    _check_free(machine)
    before, fails = machine["StatusString"], None
    if before in (RUNNING, PAUSED):
        fails = error("2604", f"The virtual machine cannot be deleted while it is {before}.", "Stop the virtual machine, and try again.")
    work = Work("Remove virtual machine", "VirtualMachines", machine, None, {"StatusString": before}, fails)
    return Begun(work, {} if fails else {"StatusString": "Deleting..."})


def create_checkpoint(call: PackCall, machine: Json) -> Begun:
    """Return the creation of a checkpoint of a machine."""
    body = call.body
    checkpoint = {
        "ID": derived("checkpoint", machine["ID"], str(body.get("Name")), str(len(call.state.objects)), to_text(call.now)),
        "StampId": machine["StampId"],
        "VMId": machine["ID"],
        "Name": body.get("Name") or "Checkpoint",
        "Description": body.get("Description") or "",
        "AddedTime": to_text(call.now),
    }
    return Begun(Work("Create virtual machine checkpoint", "VMCheckPoints", checkpoint, {}, {}))


def restore(_call: PackCall, machine: Json) -> Begun:
    """Return the restoration of a checkpoint: the machine is stopped after it; raises `Refusal`."""
    _check_free(machine)
    before = machine["StatusString"]
    work = Work("Restore virtual machine checkpoint", "VirtualMachines", machine, {"StatusString": STOPPED}, {"StatusString": before})
    return Begun(work, {"StatusString": "Recovering..."})


def _check_free(machine: Json) -> None:
    if machine.get("_busy"):
        raise Refusal(409, "ObjectLocked", f"The virtual machine is {machine['StatusString']}; another job works on it.", vmm=True)
