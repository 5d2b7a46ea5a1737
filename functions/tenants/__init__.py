"""Capability `tenants`: the registry's tenants, and whether each can be protected."""

from functions.serve import endpoints as declared_in
from functions.tenants import endpoints
from shared.access.records.azure_pack_subscriptions import TABLE as AZURE_PACK_SUBSCRIPTIONS
from shared.capability import Capability, Core, Parts
from shared.quotas.table import TABLE as QUOTAS


def _assemble(core: Core) -> Parts:
    from shared.failovers.readiness.assemble import readiness_of
    from shared.tenants.assemble import assemble

    return assemble(core, readiness_of(core))  # an app that serves only tenants checks the same as one that serves failovers too


CAPABILITY = Capability(
    name="tenants",
    assemble=_assemble,
    tables=(AZURE_PACK_SUBSCRIPTIONS, QUOTAS),
    endpoints=declared_in(endpoints),
)
