"""Reads and writes tenants for callers: who may, under which condition, and what the answer shows (docs/design/tenants.md)."""

import asyncio
from dataclasses import dataclass
from functools import partial

from shared.access.ownership import owner_of
from shared.access.plans import HostingPlans
from shared.access.principal import Principal, not_found
from shared.access.records.azure_pack_subscriptions import AzurePackSubscriptions
from shared.access.records.fields import is_name
from shared.access.records.plan import HostingPlan
from shared.access.records.rows import TenantRecord, TenantRows
from shared.access.records.tenant import Backend, Shape, Tenant, TenantKind
from shared.access.registrar import Registrar, name_used_before
from shared.access.registry import Registry
from shared.errors import ErrorCode, Problem, Refused
from shared.operations.model.store import Store
from shared.quotas.usage import Usage, UsageReader
from shared.storage.tables import Conflict
from shared.tenants.answers import tag_of_tenant
from shared.tenants.locations import Locations
from shared.tenants.requests import TenantRequest
from shared.tenants.rules import TenantContext, check_plan_of, check_tenant, taken_away, tenant_from
from shared.tenants.shapes import VaultShapes
from shared.web.conditional import Condition, Write, check_delete, decide_put
from shared.web.documents import invalid, wrong
from shared.web.lists import Page, read_rows

_TRIES = 10
_MOST_IDS = 20


@dataclass(frozen=True, slots=True)
class TenantFilter:
    """Which tenants a list shows: of a plan, a kind, a backend; None is any."""

    plan: str | None = None
    kind: str | None = None
    backend: str | None = None

    def takes(self, record: TenantRecord) -> bool:
        """Return whether a tenant is shown."""
        tenant = record.tenant
        pairs = ((self.plan, tenant.plan), (self.kind, tenant.kind), (self.backend, tenant.backend))
        return not record.deleted and all(wanted is None or wanted == found for wanted, found in pairs)


@dataclass(frozen=True, slots=True)
class WrittenTenant:
    """A tenant as a PUT left it; `created` where it was not there before."""

    record: TenantRecord
    created: bool
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TenantDocuments:
    """Tenants as documents."""

    registrar: Registrar
    registry: Registry
    rows: TenantRows
    plans: HostingPlans
    store: Store
    azure_pack: AzurePackSubscriptions
    locations: Locations
    key_vaults: str
    own_key_vault: str | None = None
    usages: UsageReader | None = None
    shapes: VaultShapes | None = None

    async def get(self, caller: Principal, name: str) -> TenantRecord:
        """Return a tenant as it is now; refuses with `NotFound` another caller's, and a deleted one but for `Admin`."""
        record = await self.rows.get(name) if caller.reaches(name) and is_name(name) else None
        if record is None or (record.deleted and not caller.is_admin):
            raise not_found(f"tenant '{name}'")
        return record

    async def usage(self, tenant: Tenant) -> tuple[Usage, ...]:
        """Return what a tenant has of each quota, and the limits in force."""
        if self.usages is None:
            return ()
        found = await self.plans.get(tenant.plan) if tenant.plan is not None else None
        own = await self.registry.by_name(tenant.name)
        return await self.usages.of(own if own is not None else tenant, found.plan if found is not None and not found.deleted else None)

    async def page(self, caller: Principal, wanted: TenantFilter, page: Page) -> tuple[list[TenantRecord], str | None]:
        """Return a page of the tenants that the caller may see, by name, and the name after which the next one begins or None."""
        if caller.is_admin:
            return await read_rows(self.rows.page, page, wanted.takes, lambda record: record.tenant.name)
        record = await self.rows.get(caller.tenant)
        return ([record] if record is not None and wanted.takes(record) and caller.tenant > (page.after or "") else []), None

    async def put(self, caller: Principal, name: str, request: TenantRequest, condition: Condition) -> WrittenTenant:
        """Write a tenant whole.

        Refuses in this order: 400 with a detail for each field, 412 and 428, then 409: NameUsedBefore, KindFixed, TenantBusy, and what
        `Registrar.put` refuses.
        """
        _require_founder(caller, request)
        provider = await self._provider_entra(request)
        await self._check(name, request, provider)
        for _ in range(_TRIES):
            found = await self.registrar.get(name)
            standing = found if found is not None and not found.deleted else None
            tenant = tenant_from(request, name, provider, standing.tenant if standing is not None else None)
            wanted = tag_of_tenant(tenant)
            write = decide_put(condition, tag_of_tenant(standing.tenant) if standing is not None else None, wanted)
            if found is not None and found.deleted:
                raise name_used_before(name)
            try:
                record = await self._write(caller, request, tenant, standing, write)
            except Conflict:  # another writer: the condition is judged anew
                continue
            return WrittenTenant(record, write is Write.CREATE, await self._warnings(tenant))
        raise Refused(ErrorCode.SERVICE_UNAVAILABLE, "The tenant is being changed by others. Send the request again.", retry_after=1)

    async def delete(self, caller: Principal, name: str, confirm: str | None, condition: Condition) -> None:
        """Delete a tenant; one that was deleted before is deleted. Its name is never used again.

        Refuses with 400 a confirmation that is not the name, `NotFound` a name that never was, 412, and 409: ProviderCannotBeDeleted,
        TenantBusy.
        """
        if confirm != name:
            raise wrong("confirm", f"Send confirm={name} to delete this tenant.")
        for _ in range(_TRIES):
            found = await self.registrar.get(name) if is_name(name) else None
            if found is None:
                raise not_found(f"tenant '{name}'")
            if found.deleted:
                return
            check_delete(condition, tag_of_tenant(found.tenant))
            if found.tenant.kind is TenantKind.PROVIDER:
                raise Refused(ErrorCode.PROVIDER_CANNOT_BE_DELETED, "The provider runs Farshore and cannot be deleted.", target="tenant")
            await self._require_idle(name, "tenant")
            await self._require_nothing_on_azure_pack(name)
            try:
                await self.registrar.delete(found, caller.actor.id)
            except Conflict:
                continue
            if found.tenant.plan is not None:
                await self.plans.forget_use(found.tenant.plan, name)
            self.registry.forget()
            return
        raise Refused(ErrorCode.SERVICE_UNAVAILABLE, "The tenant is being changed by others. Send the request again.", retry_after=1)

    async def _check(self, name: str, request: TenantRequest, provider_entra: str | None) -> None:
        """Refuse with 400 a document that is wrong, with a detail for each field."""
        if not is_name(name):
            message = "A name has 1 to 63 letters, digits, full stops, hyphens and underscores, and begins with a letter or digit."
            raise wrong("tenant", message)
        if request.name is not None and request.name != name:
            raise wrong("name", f"This differs from the name in the path, '{name}'. A name is permanent.")
        owner = await self._owner_of_vault(name, request.vault_id)
        context = TenantContext(await self._open_plan(request), owner, self.key_vaults, self.own_key_vault, provider_entra)
        problems = check_tenant(request, context)
        if problems:
            raise invalid(problems)
        await self._check_region(request)

    async def _check_region(self, request: TenantRequest) -> None:
        if request.region is None or not request.subscriptions:
            return
        known = (await self.locations.of(request.subscriptions)).locations
        if known and request.region not in known:
            message = f"'{request.region}' is not a location of the tenant's subscriptions."
            raise Refused(
                ErrorCode.UNKNOWN_REGION, message, target="region", details=[Problem(ErrorCode.UNKNOWN_REGION, message, "region")]
            )

    async def _owner_of_vault(self, name: str, vault_id: str | None) -> TenantKind | None:
        """Return the kind of the other tenant that owns the subscription of a vault, or None."""
        if vault_id is None:
            return None
        fresh = self.registry.uncached()
        owner = await fresh.by_name(await owner_of(fresh, vault_id.partition("/providers/")[0]) or "")
        return owner.kind if owner is not None and owner.name != name else None

    async def _provider_entra(self, request: TenantRequest) -> str | None:
        """Return the provider's Entra tenant, for callers that name none."""
        if all(caller.tenant_id is not None for caller in request.callers):
            return None
        if request.kind is TenantKind.PROVIDER:
            return request.tenant_id
        return (await self.registry.uncached().provider()).tenant_id

    async def _open_plan(self, request: TenantRequest) -> HostingPlan | None:
        """Return the plan that a request names, None where there is none, or it is being deleted."""
        found = await self.plans.get(request.plan) if request.plan is not None else None
        return found.plan if found is not None and not found.deleted and not found.deleting else None

    async def _require_plan(self, request: TenantRequest) -> None:
        """Refuse with 400 a document that does not fit its plan, as that is now."""
        if problems := check_plan_of(request, await self._open_plan(request)):
            raise invalid(problems)

    async def _write(
        self, caller: Principal, request: TenantRequest, tenant: Tenant, standing: TenantRecord | None, write: Write
    ) -> TenantRecord:
        if standing is not None and write is Write.NOTHING:
            await self.registrar.claim(standing)
            return standing
        if standing is not None:
            if tenant.kind is not standing.tenant.kind:
                raise Refused(ErrorCode.KIND_FIXED, f"'{tenant.name}' is of the kind {standing.tenant.kind} for good.", target="kind")
            if lost := taken_away(standing.tenant, tenant):
                await self._require_idle(tenant.name, lost[0])
        if tenant.plan is not None:
            await self.plans.note_use(tenant.plan, tenant.name)
        record = await self.registrar.put(tenant, standing, caller.actor.id, partial(self._require_plan, request))
        if standing is not None and standing.tenant.plan not in {None, tenant.plan}:
            await self.plans.forget_use(standing.tenant.plan or "", tenant.name)
        self.registry.forget()
        return record

    async def _require_idle(self, name: str, target: str) -> None:
        """Refuse with `TenantBusy` while operations of a tenant run, with the ids of up to 20 of them."""
        if running := await self.store.running_of(name, _MOST_IDS):
            details = [Problem(ErrorCode.TENANT_BUSY, f"The operation '{one}' has not ended.", one) for one in running]
            message = f"Operations of the tenant '{name}' have not ended. Cancel them, or wait."
            raise Refused(ErrorCode.TENANT_BUSY, message, target=target, details=details)

    async def _require_nothing_on_azure_pack(self, name: str) -> None:
        """Refuse with `TenantBusy` while a tenant has subscriptions of Azure Pack, with up to 20 of them."""
        found = [one async for one in self.azure_pack.of_tenant(name)][:_MOST_IDS]
        if found:
            details = [Problem(ErrorCode.TENANT_BUSY, f"It has the subscription of '{one.installation}'.", one.id) for one in found]
            message = f"The tenant '{name}' has subscriptions of Azure Pack. Delete its data centers, and remove what was imported."
            raise Refused(ErrorCode.TENANT_BUSY, message, target="tenant", details=details)

    async def _warnings(self, tenant: Tenant) -> tuple[str, ...]:
        """Return what was accepted and looks wrong."""
        seen, shape = await asyncio.gather(self.locations.of(tenant.subscriptions), self._shape(tenant))
        found = [f"The subscription {one} cannot be read by this app: assign its roles there." for one in seen.refused]
        plan = await self.plans.get(tenant.plan) if tenant.plan is not None else None
        if plan is not None and plan.plan.shape not in {None, tenant.shape}:
            found.append(f"Tenants of the hosting plan '{tenant.plan}' have the shape {plan.plan.shape}.")
        if shape not in {None, tenant.shape}:
            found.append(f"The vault shows the shape {shape}, this document has {tenant.shape}.")
        if tenant.backend is Backend.AZURE_PACK and (tenant.plan is not None or tenant.quotas.model_fields_set):
            found.append("On Azure Pack a hosting plan and quotas count for nothing: the limits are those of its own plans and add-ons.")
        return tuple(found)

    async def _shape(self, tenant: Tenant) -> Shape | None:
        """Return the shape that the vault of a tenant shows, where its document names one."""
        return await self.shapes.of(tenant) if self.shapes is not None and tenant.shape is not None else None


def _require_founder(caller: Principal, request: TenantRequest) -> None:
    """Refuse a caller without a provider anything but registering its own Entra tenant as the provider."""
    if caller.is_founder and (request.kind is not TenantKind.PROVIDER or request.tenant_id != caller.entra_tenant_id):
        message = "There is no provider yet. Register it first: kind 'provider', with the Entra tenant of this access token as tenantId."
        raise Refused(ErrorCode.UNAUTHENTICATED, message, target="Authorization")
