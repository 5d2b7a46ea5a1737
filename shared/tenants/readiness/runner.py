"""Runs the readiness checks that capabilities contribute for a tenant."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass

from shared.access.records.rows import TenantRows
from shared.access.records.tenant import Tenant
from shared.access.registry import Registry
from shared.capability import Memo, ReadinessCheck
from shared.clock import Clock, to_text
from shared.tenants.readiness.answers import Readiness, ReadinessFinding
from shared.values.checks import CheckResult, worst
from shared.web.lists import Page

PAGE_SECONDS = 20.0
MOST_TENANTS = 100
_KEPT_SECONDS = 600.0
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ReadinessRunner:
    """Checks whether tenants can be protected."""

    registry: Registry
    rows: TenantRows
    clock: Clock

    async def page(self, page: Page, checks: Sequence[ReadinessCheck]) -> tuple[list[Readiness], str | None]:
        """Return the readiness of a page of tenants, by name, and the name after which the next page begins or None.

        A page ends after 20 seconds, so that it may be short. A vault that several tenants share is read once. A tenant that cannot be
        judged is answered as unknown and does not end the page.
        """
        memo, began = Memo(self.clock, _KEPT_SECONDS), self.clock.monotonic()
        records, last = await self.rows.page(min(page.top, MOST_TENANTS), page.after)
        found: list[Readiness] = []
        for record in records:
            if found and self.clock.monotonic() - began >= PAGE_SECONDS:
                return found, found[-1].tenant
            if not record.deleted:
                found.append(await self._judge(record.tenant, checks, memo))
        return found, last

    async def of(self, tenant: Tenant, checks: Sequence[ReadinessCheck], memo: Memo | None = None) -> Readiness:
        """Run these checks for a tenant; the findings are in the order of the checks, and by number."""
        memo = memo or Memo(self.clock, _KEPT_SECONDS)
        reports = await asyncio.gather(*(check.run(tenant, memo) for check in checks))
        findings = sorted((one for report in reports for one in report.findings), key=lambda one: one.number)
        vault = tenant.default_vault or (await self.registry.provider()).vault_id
        return Readiness(
            tenant=tenant.name,
            shape=next((report.shape for report in reports if report.shape is not None), None),
            vault_id=vault,
            result=worst(one.result for one in findings),
            checked_at=to_text(self.clock.now()),
            checks=tuple(ReadinessFinding.model_validate(one.as_json()) for one in findings),
        )

    async def _judge(self, tenant: Tenant, checks: Sequence[ReadinessCheck], memo: Memo) -> Readiness:
        try:
            return await self.of(tenant, checks, memo)
        except Exception:
            _log.exception("the readiness of the tenant %s could not be judged", tenant.name, extra={"tenant": tenant.name})
            return Readiness(tenant=tenant.name, result=CheckResult.UNKNOWN, checked_at=to_text(self.clock.now()))
