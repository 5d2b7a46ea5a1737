"""The small evaluator of Kusto queries (tests/support/kql.py): what it does not know it refuses, and what it knows it does as Kusto."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.support.kql import run

NOON = datetime(2026, 3, 3, 12, tzinfo=UTC)


def row(minutes: int, value: float, **properties: str) -> dict[str, Any]:
    return {"TimeGenerated": NOON + timedelta(minutes=minutes), "Name": "m", "Sum": value, "Max": value, "Properties": properties}


ROWS = [row(0, 1, a="x"), row(9, 4, a="x"), row(11, 2, a="x"), row(3, 8, a="y")]


@pytest.mark.parametrize(
    "query",
    [
        "Perf | where Name == 1",
        "AppMetrics | join x",
        "AppMetrics | where Name != 'm'",
        "AppMetrics | where Nmae == \"m\"",
        "AppMetrics | extend A = toupper(Name)",
        "AppMetrics | summarize A = avg(Sum)",
        "AppMetrics | summarize A = Sum by Name",
        "AppMetrics | order by Sum asc",
        "AppMetrics where",
    ],
)  # fmt: skip
def test_what_is_not_known_is_refused(query: str) -> None:
    with pytest.raises(ValueError, match=r"known here|no column|begins with|expected"):
        run(query, ROWS)


def test_what_is_known() -> None:
    by = "| extend A = tostring(Properties.a) | summarize"
    assert run(f"AppMetrics {by} S = sum(Sum) by A // a word", ROWS) == [{"A": "x", "S": 7}, {"A": "y", "S": 8}]
    assert run(f"AppMetrics {by} arg_max(TimeGenerated, Max) by A | project A, M = Max", ROWS) == [{"A": "x", "M": 2}, {"A": "y", "M": 8}]
    assert run('AppMetrics | where Name in ("n", "m") and Sum == 8 | project Sum', ROWS) == [{"Sum": 8}]
    assert run("AppMetrics | summarize M = max(Max) / 2 by bin(TimeGenerated, 10m)", ROWS) == [
        {"TimeGenerated": NOON, "M": 4},
        {"TimeGenerated": NOON + timedelta(minutes=10), "M": 1},
    ]
    assert run(f'AppMetrics {by} M = maxif(Max, Name == "other") by A', ROWS) == [{"A": "x", "M": None}, {"A": "y", "M": None}]
    assert run("AppMetrics | project Sum | order by Sum desc", ROWS) == [{"Sum": value} for value in (8, 4, 2, 1)]


def test_nothing_is_null_without_a_group_and_no_row_with_one() -> None:
    assert run("AppMetrics | summarize S = sum(Sum), C = coalesce(sum(Sum), 0.0)", []) == [{"S": None, "C": 0.0}]
    assert run("AppMetrics | summarize S = sum(Sum) by Name", []) == []
