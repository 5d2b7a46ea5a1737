"""Readiness: which checks an app runs, and what becomes of their findings."""

import asyncio

import pytest

from shared.access.records.tenant import Tenant
from shared.failovers.readiness.rules import unjudged
from shared.readiness import ReadinessCheck, ReadinessFinding, ReadinessReport
from shared.reads.timed import Memo
from shared.tenants.readiness.runner import PAGE_SECONDS, ReadinessRunner
from shared.values.checks import CheckResult
from shared.web.lists import Page
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


def taking(clock: MovedClock, seconds: float, judged: list[str]) -> ReadinessCheck:
    """A check that lets time pass for each tenant."""

    async def run(tenant: Tenant, _memo: Memo) -> ReadinessReport:
        clock.seconds += seconds
        judged.append(tenant.name)
        return ReadinessReport((ReadinessFinding(1, "slow", tenant.name, PASS, "found"),))

    return ReadinessCheck("slow", run)


async def pages(runner: ReadinessRunner, *checks: ReadinessCheck, top: int = 20) -> list[list[str]]:
    """Read all pages and return the tenants of each."""
    found: list[list[str]] = []
    after: str | None = None
    while True:
        values, after = await runner.page(Page(top, after), checks)
        found.append([one.tenant for one in values])
        if after is None:
            return found


async def test_a_page_ends_after_20_seconds_and_the_next_goes_on() -> None:
    rows, clock, judged = Rows(*TENANTS), MovedClock(), list[str]()
    runner = ReadinessRunner(registry_of(rows), rows_of(rows), clock)
    assert await pages(runner, taking(clock, PAGE_SECONDS / 2, judged)) == [["contoso", "fabrikam"], ["northwind"]]
    assert judged == ["contoso", "fabrikam", "northwind"]
    assert await pages(runner, taking(clock, PAGE_SECONDS * 2, judged)) == [["contoso"], ["fabrikam"], ["northwind"]]


async def test_a_tenant_that_is_not_judged_when_the_page_ends_begins_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.tenants.readiness.runner.PAGE_SECONDS", 0.05)
    rows, begun = Rows(*TENANTS), list[str]()

    async def run(tenant: Tenant, _memo: Memo) -> ReadinessReport:
        begun.append(tenant.name)
        if begun.count(tenant.name) == 1 and tenant.name == "fabrikam":
            await asyncio.Event().wait()
        return ReadinessReport((ReadinessFinding(1, "a", tenant.name, PASS, "found"),))

    found = await pages(ReadinessRunner(registry_of(rows), rows_of(rows), MovedClock()), ReadinessCheck("a", run))
    assert found == [["contoso"], ["fabrikam", "northwind"]]


async def test_a_tenant_that_cannot_be_judged_does_not_end_the_page() -> None:
    rows = Rows(*TENANTS)

    async def run(tenant: Tenant, _memo: Memo) -> ReadinessReport:
        if tenant.name == "fabrikam":
            raise RuntimeError("planted")
        return ReadinessReport((ReadinessFinding(1, "a", tenant.name, PASS, "found"),))

    check = ReadinessCheck("a", run, unjudged)
    values, _ = await ReadinessRunner(registry_of(rows), rows_of(rows), MovedClock()).page(Page(20, None), [check])
    assert [(one.tenant, one.result) for one in values] == [("contoso", PASS), ("fabrikam", UNKNOWN), ("northwind", PASS)]
    found = values[1].checks
    assert [one.number for one in found] == list(range(1, 10)), "all nine are always there"
    assert {(one.result, one.target, bool(one.action)) for one in found} == {(UNKNOWN, "fabrikam", True)}
