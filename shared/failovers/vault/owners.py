"""Whose a vault's things are where their ARM ids do not tell: a recovery plan is its members', a job that of what it works on.

An item's id names its cloud, and so its tenant; plans and jobs lie in the vault, which tenants may share by clouds (contracts/http.md,
"What belongs to whom").
"""

from collections.abc import Iterable, Mapping

from shared.access.ownership import owner_of
from shared.access.registry import Registry
from shared.access.vaults import cloud_key
from shared.arm.ids import ResourceId
from shared.failovers.vault.facts import PlanFacts, ProtectedItemFacts
from shared.failovers.vault.gateway import SiteRecoveryGateway, is_plan
from shared.failovers.vault.job_facts import JobFacts
from shared.values.reading import last_segment

_ITEM, _PLAN = "protectionentity", "recoveryplan"


async def owner_of_plan(registry: Registry, plan: PlanFacts) -> str | None:
    """Return the tenant that all members belong to; a plan of several tenants', or of nobody's, is that of the vault."""
    found = {await owner_of(registry, member) for member, _ in plan.members}
    return found.pop() or await owner_of(registry, plan.id) if len(found) == 1 else await owner_of(registry, plan.id)


async def owner_of_scope(registry: Registry, gateway: SiteRecoveryGateway, scope: ResourceId) -> str | None:
    """Return whose an item or a plan is; a plan is read only where its vault is shared. Raises `CallFailure`."""
    if is_plan(scope) and await registry.sharers_of(str(scope)):
        body = await gateway.find(scope)
        if body is not None:
            return await owner_of_plan(registry, PlanFacts.from_arm(body))
    return await owner_of(registry, scope)


async def owners_of_jobs(
    registry: Registry, vault: ResourceId, jobs: Iterable[JobFacts], items: Iterable[ProtectedItemFacts], plans: Iterable[PlanFacts]
) -> Mapping[str, str | None]:
    """Return whose each of a vault's jobs is, by its name: that of its item or plan, of anything else the vault's.

    A job names its target by its type and the last segment of its id; where that is two tenants', the job is neither's.
    """
    named: dict[tuple[str, str], set[str | None]] = {}
    for item in items:
        named.setdefault((_ITEM, last_segment(item.id).lower()), set()).add(await owner_of(registry, item.id))
    for plan in plans:
        named.setdefault((_PLAN, last_segment(plan.id).lower()), set()).add(await owner_of_plan(registry, plan))
    whole = await owner_of(registry, vault)
    found: dict[str, str | None] = {}
    for job in jobs:
        if cloud_key(job.target_id):
            found[job.name] = await owner_of(registry, job.target_id or "")
        else:
            owners = named.get(((job.target_type or "").lower(), last_segment(job.target_id).lower()), {whole})
            found[job.name] = next(iter(owners)) if len(owners) == 1 else whole
    return found
