"""Runs the readiness checks that capabilities contribute for a tenant."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from shared.access.records.rows import TenantRows
from shared.access.records.tenant import Tenant
from shared.access.registry import Registry
from shared.capability import ReadinessCheck
from shared.tenants.readiness.answers import Readiness, ReadinessFinding
from shared.values.checks import worst
from shared.web.lists import Page, read_rows


@dataclass(frozen=True, slots=True)
class ReadinessRunner:
    """Checks whether tenants can be protected."""

    registry: Registry
    rows: TenantRows

    async def page(self, page: Page, checks: Sequence[ReadinessCheck]) -> tuple[list[Readiness], str | None]:
        """Return the readiness of a page of tenants, by name, and the name after which the next page begins or None."""
        found, last = await read_rows(self.rows.page, page, lambda record: not record.deleted, lambda record: record.tenant.name)
        return [await self.of(record.tenant, checks) for record in found], last

    async def of(self, tenant: Tenant, checks: Sequence[ReadinessCheck]) -> Readiness:
        """Run these checks for a tenant; the findings are in the order of the checks, and by number."""
        found = await asyncio.gather(*(check.run(tenant) for check in checks))
        findings = sorted((one for findings in found for one in findings), key=lambda one: one.number)
        vault = tenant.default_vault or (await self.registry.provider()).vault_id
        bodies = tuple(ReadinessFinding.model_validate(one.as_json()) for one in findings)
        return Readiness(tenant=tenant.name, vault_id=vault, result=worst(one.result for one in findings), checks=bodies)
