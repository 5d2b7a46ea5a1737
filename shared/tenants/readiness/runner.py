"""Runs the readiness checks that capabilities contribute for a tenant."""

import asyncio
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from shared.access.records.rows import TenantRows
from shared.access.records.tenant import Tenant
from shared.access.registry import Registry
from shared.clock import Clock, to_text
from shared.readiness import ReadinessCheck
from shared.readiness import ReadinessFinding as Finding
from shared.reads.timed import Memo
from shared.tenants.readiness.answers import Readiness, ReadinessFinding
from shared.values.checks import CheckResult, worst
from shared.web.lists import Page

PAGE_SECONDS = 20.0
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

        A page ends after 20 seconds, so that it may be short: a tenant that is not judged by then begins the next page, but for the first
        of a page. A vault that several tenants share is read once. A tenant that cannot be judged is answered as unknown.
        """
        memo, until = Memo(self.clock, _KEPT_SECONDS), self.clock.monotonic() + PAGE_SECONDS
        records, last = await self.rows.page(page.top, page.after)
        found: list[Readiness] = []
        for record in records:
            if record.deleted:
                continue
            judged = await self._judge(record.tenant, checks, memo, until if found else None)
            if judged is None:
                return found, found[-1].tenant
            found.append(judged)
        return found, last

    async def one(self, tenant: Tenant, checks: Sequence[ReadinessCheck]) -> Readiness:
        """Run these checks for a tenant as its document has it, with what it lists and does not own."""
        record = await self.rows.get(tenant.name)
        return await self.of(record.tenant if record is not None and not record.deleted else tenant, checks)

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
            checks=_answered(findings),
        )

    async def _judge(self, tenant: Tenant, checks: Sequence[ReadinessCheck], memo: Memo, until: float | None) -> Readiness | None:
        """Judge a tenant, until a moment where one is given; None where that was not enough."""
        left = None if until is None else max(until - self.clock.monotonic(), 0)
        try:
            return await asyncio.wait_for(self.of(tenant, checks, memo), left)
        except TimeoutError:
            return None
        except Exception:
            _log.exception("the readiness of the tenant %s could not be judged", tenant.name, extra={"tenant": tenant.name})
            findings = [one for check in checks for one in check.unjudged(tenant.name)]
            return Readiness(
                tenant=tenant.name, result=CheckResult.UNKNOWN, checked_at=to_text(self.clock.now()), checks=_answered(findings)
            )


def _answered(findings: Iterable[Finding]) -> tuple[ReadinessFinding, ...]:
    return tuple(ReadinessFinding.model_validate(one.as_json()) for one in findings)
