"""Capability `copies`: restore points copied to another region, followed until they are usable."""

from functions.copies import endpoints
from functions.serve import endpoints as declared_in
from shared.capability import Capability, Core, Parts
from shared.copies.kinds import CHAINS, COPY, LEDGER, REQUESTS


def _assemble(core: Core) -> Parts:
    from shared.copies.assemble import assemble

    return assemble(core)


CAPABILITY = Capability(
    name="copies",
    assemble=_assemble,
    kinds=(COPY,),
    tables=(CHAINS, LEDGER),
    intake=REQUESTS,
    default_kind=COPY.name,
    endpoints=declared_in(endpoints),
)
