"""The alerts and the workbook ask for what the app sends, under the names and dimensions of infra/alerts/telemetry.json."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from local.processes import ROOT
from shared.telemetry import Metric
from tests.infra.bicep import INFRA, main, of_type, resources, tool
from tests.support.kql import run as run_query

TELEMETRY = {
    name: entry
    for name, entry in json.loads((INFRA / "alerts" / "telemetry.json").read_text(encoding="utf-8")).items()
    if not name.startswith("$")
}
ALERTS = sorted((INFRA / "alerts").glob("*.kql"))
WORKBOOK = {
    item["name"]: item["content"]["query"]
    for item in json.loads((INFRA / "workbook.json").read_text(encoding="utf-8"))["items"]
    if "query" in item["content"]
}
QUERIES = {**{file.stem: file.read_text(encoding="utf-8") for file in ALERTS}, **WORKBOOK}
#: What a column holds, by the kind of the metric: a sum of a gauge, or the latest of a counter, would be nonsense.
COLUMNS = {"counter": {"Sum", "ItemCount"}, "gauge": {"Max", "Min"}, "histogram": {"Sum", "Max", "Min", "ItemCount"}}


@pytest.mark.parametrize("query", QUERIES)
def test_a_query_asks_for_metrics_and_dimensions_that_are_sent(query: str) -> None:
    names = re.findall(r'"(farshore\.[\w.]+)"', QUERIES[query])
    assert names
    assert set(names) <= TELEMETRY.keys()
    dimensions = set(re.findall(r"Properties\.(\w+)", QUERIES[query]))
    assert all(dimensions <= set(TELEMETRY[name]["dimensions"]) for name in names)
    read = set(re.findall(r"\b(Sum|Max|Min|ItemCount)\b", QUERIES[query]))
    assert read
    assert all(read <= COLUMNS[TELEMETRY[name]["kind"]] for name in names)


def test_every_metric_is_looked_at() -> None:
    asked = {name for query in QUERIES.values() for name in re.findall(r'"(farshore\.[\w.]+)"', query)}
    assert asked == TELEMETRY.keys()


def test_names_are_in_the_one_case_that_the_telemetry_library_keeps() -> None:
    names = set(TELEMETRY)
    assert names == {name.lower() for name in names}


def test_the_code_sends_what_is_documented() -> None:
    assert {str(metric) for metric in Metric} == TELEMETRY.keys()


@pytest.mark.parametrize("file", ALERTS, ids=lambda file: file.stem)
def test_each_alert_is_deployed_with_the_columns_of_its_query(file: Path) -> None:
    tool()
    rules = of_type(list(resources(main(apps="three"))), "Microsoft.Insights/scheduledQueryRules")
    found = [rule for rule in rules if f"/{file.name};" in rule.properties["description"]]
    assert len(found) == (3 if file.stem == "no-heartbeat" else 1)
    for rule in found:
        (criterion,) = rule.properties["criteria"]["allOf"]
        text = file.read_text(encoding="utf-8")
        column = criterion["metricMeasureColumn"]
        assert re.search(rf"\b{column} = ", text)
        grouped = re.findall(r"\bby (.+)$", text, re.MULTILINE)
        by = {name.strip() for line in grouped[-1:] for name in line.split(",")}
        assert {dimension["name"] for dimension in criterion.get("dimensions", [])} == by
        assert rule.properties["enabled"] is True
        assert rule.properties["actions"]["actionGroups"]


def test_each_app_has_a_heartbeat_alert_of_its_own() -> None:
    tool()
    rules = of_type(list(resources(main(apps="three"))), "Microsoft.Insights/scheduledQueryRules")
    queries = [str(rule.properties["criteria"]["allOf"][0]["query"]) for rule in rules if "no-heartbeat" in rule.properties["description"]]
    assert len(set(queries)) == 3
    assert all("AppRoleName ==" in query for query in queries)


def test_the_documentation_states_what_to_do_about_each_alert() -> None:
    text = (INFRA.parent / "docs" / "operate.md").read_text(encoding="utf-8")
    assert [file.stem for file in ALERTS if f"\n## {file.stem}\n" not in text] == []


@pytest.mark.parametrize("code", ["NotTidied", "OutcomeUnknown", "CompensationIncomplete"])
def test_what_asks_for_a_person_fires_the_attention_alert_with_its_code(code: str) -> None:
    properties = {"kind": "virtualMachine", "code": code, "tenant": "contoso"}
    sent = {"TimeGenerated": datetime(2026, 3, 3, tzinfo=UTC), "Name": str(Metric.ATTENTION), "Sum": 1.0, "Properties": properties}
    found = run_query(QUERIES["attention"], [sent])
    assert found == [{"Kind": "virtualMachine", "Code": code, "Tenant": "contoso", "Operations": 1.0}]
    section = (ROOT / "docs" / "operate.md").read_text(encoding="utf-8").partition("\n## attention")[2].partition("\n## ")[0]
    assert f"`{code}`" in section, "the page says what to do"


def test_the_attention_alert_fires_at_the_first_operation() -> None:
    tool()
    rules = of_type(list(resources(main(apps="three"))), "Microsoft.Insights/scheduledQueryRules")
    (rule,) = [rule for rule in rules if "/attention.kql;" in rule.properties["description"]]
    (criterion,) = rule.properties["criteria"]["allOf"]
    assert (criterion["operator"], criterion["threshold"]) == ("GreaterThan", 0)
