"""Capability `failovers`: Site Recovery's vaults, their set-up, drills, and failovers that start once and only once."""

from functions.failovers import endpoints, inventory, policies, set_up
from functions.serve import endpoints as declared_in
from shared.audit import AUDIT
from shared.capability import Capability, Core, Parts
from shared.failovers import kinds


def _assemble(core: Core) -> Parts:
    from shared.failovers.assemble import assemble

    return assemble(core)


CAPABILITY = Capability(
    name="failovers",
    assemble=_assemble,
    kinds=kinds.KINDS,
    tables=(AUDIT, kinds.BLAST_RADIUS, kinds.DRILLS, kinds.PROTECTIONS),
    containers=(AUDIT,),
    intake=kinds.REQUESTS,
    default_kind=kinds.FAILOVER.name,
    endpoints=(*declared_in(endpoints, set_up, policies), *inventory.ENDPOINTS),
)
