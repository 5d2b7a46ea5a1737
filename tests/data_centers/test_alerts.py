"""The alerts of data centers fire: each query of infra/alerts over what the app measured in the situation that it is for."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio

from local.processes import ROOT
from shared import telemetry
from shared.telemetry import Metric
from tests.data_centers.bench import Bench, bench
from tests.data_centers.documents import TENANT
from tests.support.kql import run

ALERTS = ("quota-out-of-sync", "compensation-incomplete", "deletion-stuck", "sign-in-failed", "certificates-ending")


@pytest_asyncio.fixture
async def app() -> AsyncIterator[Bench]:
    async with bench() as running:
        yield running


@pytest.fixture(autouse=True)
def measured(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int, dict[str, str]]]:
    """What the app counts, as Application Insights keeps it."""
    rows: list[tuple[str, int, dict[str, str]]] = []

    def count(metric: Metric, number: int = 1, **dimensions: str) -> None:
        rows.append((str(metric), number, dimensions))

    monkeypatch.setattr(telemetry, "count", count)
    return rows


def firing(app: Bench, measured: list[tuple[str, int, dict[str, str]]]) -> dict[str, list[dict[str, Any]]]:
    """Return the rows of each alert that has any."""
    now = app.platform.clock.now()
    rows = [{"TimeGenerated": now, "Name": name, "Sum": number, "Properties": properties} for name, number, properties in measured]
    found = {name: run((ROOT / "infra" / "alerts" / f"{name}.kql").read_text(encoding="utf-8"), rows) for name in ALERTS}
    return {name: lines for name, lines in found.items() if lines}


async def test_a_quota_that_does_not_come_into_force(app: Bench, measured: list[Any]) -> None:
    app.fault("outOfSync", method="POST", path="/addons", message="No storage.", times=1)
    app.fault("outOfSync", method="PUT", path="/subscriptions/", message="No storage.", times=9)
    await app.place()
    await app.advance(timedelta(hours=2), every=timedelta(minutes=5))
    assert firing(app, measured) == {"quota-out-of-sync": [{"Kind": "dataCenter", "Tenant": TENANT, "Operations": 1}]}


async def test_an_order_that_leaves_something_behind(app: Bench, measured: list[Any]) -> None:
    app.fault("error", method="POST", path="/plans/gold-plan/addons", status=400, code="Odd", times=1)
    app.fault("error", method="DELETE", path="/addons/", status=400, code="Stuck", times=9)
    await app.place()
    await app.advance(timedelta(minutes=6))
    assert firing(app, measured) == {"compensation-incomplete": [{"Kind": "dataCenter", "Tenant": TENANT, "Operations": 1}]}


async def test_a_deletion_that_is_stuck(app: Bench, measured: list[Any]) -> None:
    await app.until_ended(await app.place())
    app.fault("stuckDeletion", method="DELETE", path="^/subscriptions/", times=1)
    await app.act("delete")
    await app.advance(timedelta(hours=2), every=timedelta(minutes=5))
    assert firing(app, measured) == {"deletion-stuck": [{"Kind": "dataCenter", "Tenant": TENANT, "Operations": 1}]}


async def test_a_sign_in_that_fails(app: Bench, measured: list[Any]) -> None:
    app.change("accounts", "farshore", password="changed")
    await app.place()
    await app.advance(timedelta(minutes=6))
    assert firing(app, measured) == {"sign-in-failed": [{"Kind": "dataCenter", "Tenant": TENANT, "Operations": 1}]}


async def test_a_certificate_that_ends_soon(app: Bench, measured: list[Any]) -> None:
    body = {"publishSettings": {"value": app.publish_settings(lifetime="P20D")}}
    imported = await app.request("POST", f"/tenants/{TENANT}/azure-pack-subscriptions/import", body)
    assert imported.status == 200, imported
    assert firing(app, measured) == {}
    await app.runtime.run_each(app.runtime.timers)
    assert firing(app, measured) == {"certificates-ending": [{"Installation": "pack", "Tenant": TENANT, "Certificates": 1}]}
