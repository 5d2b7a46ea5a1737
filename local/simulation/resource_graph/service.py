"""The one operation of Microsoft.ResourceGraph, and its registration."""

import base64
import binascii
import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from local.simulation.arm.call import Answer, Call, Route
from local.simulation.arm.errors import ArmError
from local.simulation.arm.service import Service
from local.simulation.arm.tables import Json, Table
from local.simulation.resource_graph.query import invalid, parse
from local.simulation.resource_graph.rows import rows_at
from local.simulation.resources.models import ResourcesState

RESOURCES = "Microsoft.ResourceGraph/resources"
_LARGEST_PAGE = 1000
_MOST_SUBSCRIPTIONS = 1000


def resources(call: Call) -> Answer:
    """`Resources`: a page of rows; no effect of a write, though it is a POST."""
    options = call.body.get("options") or {}
    text, given = call.body.get("query"), call.body.get("subscriptions")
    if not isinstance(text, str) or not isinstance(options, dict):
        raise invalid("'query' must be a text and 'options' an object")
    if options.get("resultFormat", "objectArray") != "objectArray":
        raise invalid("only the result format objectArray is simulated")
    query = parse(text)
    rows = query.select(rows_at(call, query.types, _subscriptions(call, given), _moment(call)))
    top = options.get("$top", _LARGEST_PAGE)
    if not isinstance(top, int) or not 1 <= top <= _LARGEST_PAGE:
        raise invalid(f"$top must be a number from 1 to {_LARGEST_PAGE}")
    start = _start(options, text)
    shown = [query.project(row) for row in rows[start : start + top]]
    partial = call.fault is not None and call.fault.kind == "graphPartial"
    body: Json = {
        "totalRecords": len(rows),
        "count": len(shown),
        "data": shown,
        "facets": [],
        "resultTruncated": "true" if partial else "false",
    }
    if start + top < len(rows) and not partial:
        body["$skipToken"] = _token(text, start + top)
    return Answer(200, body, uses_faults=True)


def _subscriptions(call: Call, given: object) -> set[str]:
    """Return the subscriptions that a query asks for, without those that the caller does not see; none given: all that it sees."""
    if given is not None and (not isinstance(given, list) or len(given) > _MOST_SUBSCRIPTIONS):
        raise invalid(f"'subscriptions' must be a list of at most {_MOST_SUBSCRIPTIONS} ids")
    known = {row.id.lower() for row in call.world.of(ResourcesState).subscriptions.values() if call.principal.sees(row.id)}
    return known if given is None else known & {str(each).lower() for each in given}


def _moment(call: Call) -> datetime:
    """Return the moment whose state the graph knows: now, or the seconds of the fault `graphLag` ago."""
    if call.fault is None or call.fault.kind != "graphLag":
        return call.now
    return call.now - timedelta(seconds=call.fault.number("seconds", 120))


def _token(text: str, start: int) -> str:
    return base64.b64encode(json.dumps({"query": text, "start": start}).encode()).decode()


def _start(options: Mapping[str, Any], text: str) -> int:
    given = options.get("$skipToken")
    if given is None:
        return int(options.get("$skip", 0))
    try:
        token = json.loads(base64.b64decode(str(given)))
        if token["query"] == text:
            return int(token["start"])
    except (binascii.Error, ValueError, KeyError, TypeError):
        pass
    raise ArmError(400, "InvalidSkipToken", "The skip token is not valid for this query.", target="$skipToken")


class ResourceGraphState:
    """It keeps nothing of its own: rows are what the other services hold."""

    def tables(self) -> tuple[Table[Any], ...]:
        """Return no table."""
        return ()

    def load(self, _: Mapping[str, Any], __: datetime, ___: int) -> None:
        """Take over nothing."""

    def dump(self, _: datetime) -> Json:
        """Write nothing."""
        return {}


ROUTES = (
    Route(
        "POST",
        "/providers/microsoft.resourcegraph/resources",
        "ResourceGraph_Resources",
        None,
        resources,
        RESOURCES,
        ("2021-03-01", "2022-10-01", "2024-04-01"),
        faults_at="graph",
    ),
)

SERVICE = Service("Microsoft.ResourceGraph", ROUTES, ResourceGraphState, lists=())
