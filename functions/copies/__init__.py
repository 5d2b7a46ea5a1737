"""Capability `copies`: restore points copied to another region, followed until they are usable; policies that do so for many VMs."""

from functions.copies import deletions, endpoints, policies, protection, restores
from functions.serve import endpoints as declared_in
from shared.audit import AUDIT
from shared.capability import Capability, Core, Parts
from shared.copies.kinds import CHAINS, COPY, DELETION, LEDGER, POLICIES, PROTECTION, REQUESTS, RESTORE, RUN, RUNS


def _assemble(core: Core) -> Parts:
    from shared.copies.assemble import assemble

    return assemble(core)


CAPABILITY = Capability(
    name="copies",
    assemble=_assemble,
    kinds=(COPY, RUN, DELETION, RESTORE),
    tables=(CHAINS, LEDGER, POLICIES, RUNS, PROTECTION, AUDIT),
    containers=(AUDIT,),
    intake=REQUESTS,
    default_kind=COPY.name,
    endpoints=declared_in(endpoints, deletions, policies, protection, restores),
)
