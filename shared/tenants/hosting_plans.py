"""Reads and writes hosting plans for callers (docs/design/tenants.md, "Hosting plans")."""

from contextlib import suppress
from dataclasses import dataclass

from shared.access.plans import HostingPlans, PlanRecord
from shared.access.principal import Principal, not_found
from shared.access.records.fields import is_name
from shared.access.records.plan import HostingPlan
from shared.access.records.tenant import Backend, Tenant
from shared.access.registry import Registry
from shared.access.vaults import cloud_key
from shared.errors import ErrorCode, Problem, Refused
from shared.storage.tables import Conflict
from shared.tenants.answers import PlanMapping, PlanUsage, tag_of_plan
from shared.tenants.requests import HostingPlanRequest
from shared.tenants.rules import check_plan, clouds_left_out, plan_from
from shared.web.conditional import Condition, Write, check_delete, decide_put
from shared.web.documents import invalid, wrong
from shared.web.lists import Page, read_rows

_TRIES = 10
_MOST_TENANTS = 20
_MOST_MAPPINGS = 1000


@dataclass(frozen=True, slots=True)
class HostingPlanDocuments:
    """Hosting plans as documents."""

    plans: HostingPlans
    registry: Registry

    async def get(self, caller: Principal, name: str) -> PlanRecord:
        """Return a plan as it is now; refuses with `NotFound` another than the one that the caller's tenant is on."""
        record = await self.plans.get(name) if is_name(name) and await self._sees(caller, name) else None
        if record is None or record.deleted:
            raise not_found(f"hosting plan '{name}'")
        return record

    async def page(self, caller: Principal, page: Page, backend: Backend | None = None) -> tuple[list[PlanRecord], str | None]:
        """Return a page of the plans that the caller may see, by name, and the name after which the next one begins or None.

        With a `backend`, only plans of it.
        """

        def takes(record: PlanRecord) -> bool:
            return not record.deleted and backend in {None, record.plan.backend}

        if caller.is_admin:
            return await read_rows(self.plans.page, page, takes, lambda record: record.plan.name)
        tenant = await self.registry.by_name(caller.tenant)
        record = await self.plans.get(tenant.plan) if tenant is not None and tenant.plan is not None else None
        return ([record] if record is not None and takes(record) and record.plan.name > (page.after or "") else []), None

    async def usage(self, plan: HostingPlan) -> PlanUsage:
        """Return how many tenants are on a plan, and which cloud of it is whose: at most 1,000 rows."""
        tenants = [record.tenant async for record in self.plans.tenants_on(plan.name)]
        rows: list[tuple[str | None, str | None]] = []
        for cloud in plan.clouds:
            owner = await self.registry.owner_of_cloud(cloud)
            rows.append((cloud, owner.name if owner is not None else None))
        listed = {cloud_key(cloud) for cloud in plan.clouds}
        for tenant in tenants:
            rows += _clouds_beside(tenant, listed)
        mapping = tuple(PlanMapping(cloud=cloud, tenant=tenant) for cloud, tenant in rows[:_MOST_MAPPINGS])
        return PlanUsage(tenants=len(tenants), mapping=mapping)

    async def put(self, caller: Principal, name: str, request: HostingPlanRequest, condition: Condition) -> tuple[PlanRecord, bool]:
        """Write a plan whole, and return it and whether it was created.

        Refuses in this order: 400 with a detail for each field, 412 and 428, then 409: NameTaken for the name of another plan in other
        letters, PlanInUse for another backend, CloudInUse.
        """
        _check(name, request)
        for _ in range(_TRIES):
            found = await self.plans.get(name)
            standing = found if found is not None and not found.deleted else None
            plan = plan_from(request, name, standing.plan if standing is not None else None)
            write = decide_put(condition, tag_of_plan(standing.plan) if standing is not None else None, tag_of_plan(plan))
            if standing is not None and write is Write.NOTHING and not standing.deleting:
                return standing, False
            if standing is not None:
                await self._require_fits(plan, standing.plan)
            else:
                await self._require_name_is_free(name)
            try:
                written = await self.plans.put(plan, found, caller.actor.id)
            except Conflict:
                continue
            if standing is not None:
                await self._confirm(written, standing, caller.actor.id)
            else:
                await self._confirm_name(written, caller.actor.id)
            return written, write is Write.CREATE
        raise _changing()

    async def _require_name_is_free(self, name: str) -> None:
        """Refuse a name that differs from that of another plan by the case of its letters alone."""
        if (other := await self.plans.alike(name)) is not None:
            message = f"The name is that of the hosting plan '{other}': names are compared without regard to case."
            raise Refused(ErrorCode.NAME_TAKEN, message, target="name")

    async def _confirm_name(self, written: PlanRecord, by: str) -> None:
        """Take a new plan back where one whose name differs only in case was made meanwhile; it stays where a tenant is on it already."""
        try:
            await self._require_name_is_free(written.plan.name)
        except Refused as taken:
            try:
                await self._close(written, by)
            except Conflict:  # another writer has looked at the names itself
                pass
            except Refused:
                return
            raise taken

    async def _confirm(self, written: PlanRecord, standing: PlanRecord, by: str) -> None:
        """Take a write back where tenants that came on the plan meanwhile do not fit it."""
        try:
            await self._require_fits(written.plan, standing.plan)
        except Refused:
            with suppress(Conflict):  # another writer has looked at the tenants itself
                await self.plans.put(standing.plan, written, by)
            raise

    async def delete(self, caller: Principal, name: str, confirm: str | None, condition: Condition) -> None:
        """Delete a plan; one that was deleted before is deleted.

        Refuses with 400 a confirmation that is not the name, `NotFound` a name that never was, 412, and 409 PlanInUse.
        """
        if confirm != name:
            raise wrong("confirm", f"Send confirm={name} to delete this hosting plan.")
        for _ in range(_TRIES):
            found = await self.plans.get(name) if is_name(name) else None
            if found is None:
                raise not_found(f"hosting plan '{name}'")
            if found.deleted:
                return
            check_delete(condition, tag_of_plan(found.plan))
            if tenants := await self._some_tenants(name):
                raise _tenants_on(name, tenants)
            try:
                await self._close(found, caller.actor.id)
            except Conflict:
                continue
            return
        raise _changing()

    async def _close(self, standing: PlanRecord, by: str) -> None:
        """Delete a plan on which no tenant is; raises `Conflict` where it has changed, and refuses with PlanInUse."""
        closed = await self.plans.begin_deletion(standing, by)
        if tenants := await self._some_tenants(standing.plan.name):  # put on it before it was closed
            await self.plans.put(standing.plan, closed, by)
            raise _tenants_on(standing.plan.name, tenants)
        await self.plans.delete(closed, by)

    async def _sees(self, caller: Principal, name: str) -> bool:
        if caller.is_admin:
            return True
        tenant = await self.registry.by_name(caller.tenant)
        return tenant is not None and tenant.plan == name

    async def _some_tenants(self, plan: str) -> list[str]:
        found = []
        async for record in self.plans.tenants_on(plan):
            found.append(record.tenant.name)
            if len(found) == _MOST_TENANTS:
                break
        return found

    async def _require_fits(self, plan: HostingPlan, standing: HostingPlan) -> None:
        """Refuse a change that the tenants of the plan do not fit: another backend, or a cloud left out that one of them has."""
        if plan.backend is not standing.backend and (tenants := await self._some_tenants(plan.name)):
            raise _in_use(f"Tenants of the backend {standing.backend} are on the hosting plan '{plan.name}'.", "backend", tenants)
        async for record in self.plans.tenants_on(plan.name):
            if lost := clouds_left_out(plan, record.tenant):
                message = f"The tenant '{record.tenant.name}' has the cloud {lost[0]}, which the plan leaves out."
                raise Refused(ErrorCode.CLOUD_IN_USE, message, target="clouds")


def _clouds_beside(tenant: Tenant, listed: set[str | None]) -> list[tuple[str | None, str | None]]:
    """Return the clouds of a tenant that its plan does not list; a row without a cloud where it has none at all."""
    beside: list[tuple[str | None, str | None]] = [(cloud, tenant.name) for cloud in tenant.clouds if cloud_key(cloud) not in listed]
    return beside if tenant.clouds else [(None, tenant.name)]


def _check(name: str, request: HostingPlanRequest) -> None:
    if not is_name(name):
        message = "A name has 1 to 63 letters, digits, full stops, hyphens and underscores, and begins with a letter or digit."
        raise wrong("plan", message)
    if request.name is not None and request.name != name:
        raise wrong("name", f"This differs from the name in the path, '{name}'. A name is permanent.")
    if problems := check_plan(request):
        raise invalid(problems)


def _tenants_on(plan: str, tenants: list[str]) -> Refused:
    return _in_use(f"Tenants are on the hosting plan '{plan}'. Move them first.", "plan", tenants)


def _in_use(message: str, target: str, tenants: list[str]) -> Refused:
    details = [Problem(ErrorCode.PLAN_IN_USE, f"The tenant '{tenant}' is on the plan.", tenant) for tenant in tenants]
    return Refused(ErrorCode.PLAN_IN_USE, message, target=target, details=details)


def _changing() -> Refused:
    return Refused(ErrorCode.SERVICE_UNAVAILABLE, "The hosting plan is being changed by others. Send the request again.", retry_after=1)
