"""Capability `virtual_machines`: what tenants have in Azure, read and changed."""

from functions.serve import endpoints as declared_in
from functions.virtual_machines import accesses, changes, disks, estate, machines, ports
from shared.capability import Capability, Core, Parts
from shared.quotas.table import TABLE as QUOTAS
from shared.tenant_queues import REQUESTS
from shared.virtual_machines.kinds import DISK_ACCESSES, VIRTUAL_MACHINE


def _assemble(core: Core) -> Parts:
    from shared.virtual_machines.assemble import assemble

    return assemble(core)


CAPABILITY = Capability(
    name="virtual_machines",
    assemble=_assemble,
    kinds=(VIRTUAL_MACHINE,),
    tables=(DISK_ACCESSES, QUOTAS),
    intake=REQUESTS,
    endpoints=declared_in(machines, disks, ports, estate, changes, accesses),
)
