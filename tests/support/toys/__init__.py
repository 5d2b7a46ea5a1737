"""Capability `toys`: a capability of the tests, as docs/adding-a-capability.md describes one. It is copied to functions/toys/."""

from functions.toys import endpoints
from functions.toys.kinds import REQUESTS, TABLE, TOY

from functions.serve import endpoints as declared_in
from shared.capability import Capability, Core, Parts


def _assemble(core: Core) -> Parts:
    from functions.toys.service import assemble

    parts: Parts = assemble(core)
    return parts


CAPABILITY = Capability(
    name="toys",
    assemble=_assemble,
    kinds=(TOY,),
    tables=(TABLE,),
    intake=REQUESTS,
    default_kind=TOY.name,
    endpoints=declared_in(endpoints),
)
