"""Readiness: which checks an app runs, and what becomes of their findings."""

import pytest

from shared.access.records.tenant import Tenant
from shared.capability import Memo, ReadinessCheck, ReadinessFinding, ReadinessReport
from shared.tenants.readiness.runner import ReadinessRunner
from shared.values.checks import CheckResult
from tests.access.kit import TENANTS, MovedClock, Rows, registry_of, rows_of
from tests.support.assembled import assembled

FAILURE, UNKNOWN, WARNING, PASS = CheckResult.FAILURE, CheckResult.UNKNOWN, CheckResult.WARNING, CheckResult.PASS


@pytest.mark.parametrize("capabilities", [("tenants",), ("failovers",), ("tenants", "failovers"), ()])
def test_an_app_has_the_check_of_site_recovery_once(capabilities: tuple[str, ...]) -> None:
    """An app that serves only tenants checks the same as one that serves failovers too."""
    assert [check.name for check in assembled(*capabilities).readiness] == ["siteRecovery"]


def test_an_app_of_copies_has_none() -> None:
    assert assembled("copies").readiness == ()


def check(name: str, *findings: tuple[int, CheckResult]) -> ReadinessCheck:
    async def run(tenant: Tenant, _memo: Memo) -> ReadinessReport:
        return ReadinessReport(tuple(ReadinessFinding(number, name, tenant.name, result, "found") for number, result in findings))

    return ReadinessCheck(name, run)


async def readiness(*checks: ReadinessCheck) -> dict[str, object]:
    rows = Rows(*TENANTS)
    registry = registry_of(rows)
    tenant = await registry.by_name("fabrikam")
    assert tenant is not None
    return (await ReadinessRunner(registry, rows_of(rows), MovedClock()).of(tenant, checks)).as_json()


async def test_the_findings_of_every_check_are_in_the_order_of_their_numbers() -> None:
    body = await readiness(check("b", (3, PASS), (1, PASS)), check("a", (2, WARNING)))
    assert isinstance(body["checks"], list)
    assert [(one["number"], one["name"], one["target"]) for one in body["checks"]] == [
        (1, "b", "fabrikam"),
        (2, "a", "fabrikam"),
        (3, "b", "fabrikam"),
    ]


@pytest.mark.parametrize(
    ("results", "worst"),
    [((PASS, WARNING), WARNING), ((WARNING, UNKNOWN, PASS), UNKNOWN), ((UNKNOWN, FAILURE), FAILURE), ((PASS,), PASS), ((), UNKNOWN)],
)
async def test_the_result_is_the_worst_finding(results: tuple[CheckResult, ...], worst: CheckResult) -> None:
    assert (await readiness(check("a", *enumerate(results))))["result"] == worst
