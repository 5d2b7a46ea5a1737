"""The owners of the plans and jobs of a vault, which their ARM ids do not show: that of the members, and that of the target.

The id of an item names its cloud, and so its tenant. Plans and jobs lie in the vault, which tenants may share by clouds
(docs/design/http.md).
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


async def owner_of_plan(registry: Registry, plan: PlanFacts) -> str | None:
    """Return the tenant that owns all members of a plan; for members of several tenants or of none, the owner of the vault."""
    found = {await owner_of(registry, member) for member, _ in plan.members}
    return found.pop() or await owner_of(registry, plan.id) if len(found) == 1 else await owner_of(registry, plan.id)


async def owner_of_scope(registry: Registry, gateway: SiteRecoveryGateway, scope: ResourceId) -> str | None:
    """Return whose an item or a plan is; a plan is read only where its vault is shared. Raises `CallFailure`."""
    if is_plan(scope) and await registry.is_shared(str(scope)):
        body = await gateway.find(scope)
        if body is not None:
            return await owner_of_plan(registry, PlanFacts.from_arm(body))
    return await owner_of(registry, scope)


async def owners_of_jobs(
    registry: Registry, vault: ResourceId, jobs: Iterable[JobFacts], items: Iterable[ProtectedItemFacts], plans: Iterable[PlanFacts]
) -> Mapping[str, str | None]:
    """Return the owner of each job of a vault by the job's name: that of its item or plan, else that of the vault.

    A job names its target by the last segment of its id, or by a GUID of Azure's own and the name that is shown; where items or plans of
    two tenants fit, the job belongs to the owner of the vault.
    """
    targets = _Targets()
    for item in items:
        targets.add(item.name, item.friendly_name, await owner_of(registry, item.id), is_plan=False)
    for plan in plans:
        targets.add(plan.name, plan.friendly_name, await owner_of_plan(registry, plan), is_plan=True)
    whole = await owner_of(registry, vault)
    found: dict[str, str | None] = {}
    for job in jobs:
        if cloud_key(job.target_id):
            found[job.name] = await owner_of(registry, job.target_id or "")
        else:
            owners = targets.owners_of(job)
            found[job.name] = next(iter(owners)) if len(owners) == 1 else whole
    return found


class _Targets:
    """The items and plans of a vault with their owners, indexed by each name under which a job can name them."""

    def __init__(self) -> None:
        self._by_name: dict[str, list[tuple[str, str, bool, str | None]]] = {}

    def add(self, name: str, shown: str, owner: str | None, *, is_plan: bool) -> None:
        for known in {name.lower(), shown.lower()} - {""}:
            self._by_name.setdefault(known, []).append((name, shown, is_plan, owner))

    def owners_of(self, job: JobFacts) -> set[str | None]:
        """Return the owners of all that a job may work on; those that its id names go before those that its name names."""
        found: set[str | None] = set()
        for known in (last_segment(job.target_id).lower(), (job.target_name or "").lower()):
            fitting = self._by_name.get(known, ())
            found = {owner for name, shown, is_plan, owner in fitting if job.works_on(name, shown, is_plan=is_plan)}
            if found:
                break
        return found
