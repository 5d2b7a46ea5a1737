"""Capability `data_centers`: installations of Azure Pack, and virtual data centers on them, as billing systems order them."""

from functions.data_centers import endpoints, installations, subscriptions
from functions.serve import endpoints as declared_in
from shared.access.records.azure_pack_subscriptions import TABLE as SUBSCRIPTIONS
from shared.capability import Capability, Core, Parts
from shared.data_centers.kinds import DATA_CENTER, TABLE
from shared.installations import TABLE as INSTALLATIONS
from shared.tenant_queues import REQUESTS


def _assemble(core: Core) -> Parts:
    from shared.data_centers.assemble import assemble

    return assemble(core)


CAPABILITY = Capability(
    name="data_centers",
    assemble=_assemble,
    kinds=(DATA_CENTER,),
    tables=(INSTALLATIONS, SUBSCRIPTIONS, TABLE),
    intake=REQUESTS,
    endpoints=declared_in(endpoints, installations, subscriptions),
)
