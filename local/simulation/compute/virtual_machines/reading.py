"""Machines read: one, its instance view, the sizes that it can have, lists."""

from local.simulation.arm.call import Answer, Call, page
from local.simulation.arm.errors import ArmError
from local.simulation.common.listing import within
from local.simulation.compute.machines import VirtualMachine
from local.simulation.compute.sizes.catalogue import availability_set_sku, find, sizes_in, sku, vm_size
from local.simulation.compute.sizes.usages import usages
from local.simulation.compute.state import ComputeState
from local.simulation.compute.virtual_machines.bodies import machine, machine_view, state_only
from local.simulation.compute.virtual_machines.changing import existing
from local.simulation.ids import parent
from local.simulation.resources.models import ResourcesState


def get_machine(call: Call) -> Answer:
    """`VirtualMachines_Get`."""
    view = call.choice("$expand", "instanceView", "userData") == "instanceView"
    row = existing(call, call.path)
    return Answer(200, machine(row, call.world.of(ComputeState), call.now, instance_view=view), {"ETag": row.etag})


def get_view(call: Call) -> Answer:
    """`VirtualMachines_InstanceView`."""
    return Answer(200, machine_view(existing(call, parent(f"{call.path}/-")), call.now))


def list_machines(call: Call) -> Answer:
    """`VirtualMachines_List` and `VirtualMachines_ListAll`; with `statusOnly` the state of each, and nothing of its model."""
    status, view = call.choice("statusOnly", "true", "false") == "true", call.choice("$expand", "instanceView") is not None
    state = call.world.of(ComputeState)
    rows = [row for row in within(call, state.machines.of_subscription(call.names[0])) if not row.gone(call.now)]
    return page(call, rows, lambda row: state_only(row, call.now) if status else machine(row, state, call.now, instance_view=view))


def list_sizes_of(call: Call) -> Answer:
    """`VirtualMachines_ListAvailableSizes`: of a deallocated machine all, else those of its family; those that its disks allow."""
    row, state = existing(call, parent(f"{call.path}/-")), call.world.of(ComputeState)
    family = getattr(find(state, row.size, row.location), "family", None)
    anything = row.power(call.now) == "deallocated"
    fitting = [
        size
        for size in sizes_in(state, row.location)
        if not size.restricted and (anything or size.family == family) and _fits(row, size.data_disks, size.generations)
    ]
    return Answer(200, {"value": [vm_size(size) for size in fitting]})


def _fits(row: VirtualMachine, data_disks: int, generations: tuple[str, ...]) -> bool:
    return len(row.disks) - 1 <= data_disks and row.generation in generations


def list_sizes(call: Call) -> Answer:
    """`VirtualMachineSizes_List`."""
    return Answer(200, {"value": [vm_size(size) for size in sizes_in(call.world.of(ComputeState), call.names[1].lower())]})


def list_skus(call: Call) -> Answer:
    """`ResourceSkus_List`, with a filter on the location."""
    given, state = call.query.get("$filter"), call.world.of(ComputeState)
    row = call.world.of(ResourcesState).subscriptions.get(call.names[0].lower())
    locations = row.locations if row is not None else ()
    if given is not None:
        member, _, value = given.partition(" eq ")
        if member.strip().lower() != "location":
            raise ArmError(400, "InvalidParameter", f"The filter '{given}' is not supported: location eq '…' is.", target="$filter")
        wanted = value.strip().strip("'").lower()
        locations = tuple(each for each in locations if each == wanted)
    found = [body for each in locations for body in (availability_set_sku(each), *(sku(size, each) for size in sizes_in(state, each)))]
    return page(call, found, lambda body: body)


def list_usages(call: Call) -> Answer:
    """`Usage_List`."""
    found = usages(call.world.of(ComputeState), call.names[0], call.names[1].lower(), call.now)
    return page(call, found, lambda body: body)
