"""What holds for the answer of each route that reads Azure, or that destroys something."""

import json

import pytest

from functions.capabilities import NAMES
from functions.system import declared_routes
from shared.web.routes import Owner, Route
from tests.in_process.things import EVERYTHING
from tests.support.sites import Sites

ROUTES = declared_routes(NAMES)
CONFIRMED = [route for route in ROUTES if any(query.name == "confirm" for query in route.query)]
_OF_THE_SAMPLE = {"tenant": "contoso", "vm": "contoso-web01", "disk": "contoso-web01-os", "service": "contoso-production", "lun": "0"}


def _path(route: Route) -> str:
    return route.path.format_map({name: _OF_THE_SAMPLE.get(name, "a" * 26) for name in route.path_parameters})


@pytest.mark.parametrize("route", CONFIRMED, ids=lambda route: f"{route.method} {route.path}")
def test_two_confirmations_that_differ_confirm_nothing(sites: Sites, route: Route) -> None:
    tenant = "provider" if route.owner is Owner.PROVIDER else "contoso"
    caller = sites.caller(tenant, *EVERYTHING, "Admin", user="root")
    before = len(sites.stack.control("GET", "effects")["value"])
    name = _path(route).rpartition("/")[2]
    for query, body in ((name, "another"), ("another", name)):
        sent = json.dumps({"confirm": body}).encode()
        reply = caller.call(route.method, f"{_path(route)}?confirm={query}", sent, {"Content-Type": "application/json", "If-Match": "*"})
        assert (reply.status, reply.code, reply.targets) == (400, "InvalidRequest", {"confirm"})
    assert len(sites.stack.control("GET", "effects")["value"]) == before


def test_an_expired_token_is_no_refusal_of_azures(sites: Sites) -> None:
    """Every list and every thing that is read in Azure: nothing is wrong with the request, a later one gets its answer (503)."""
    caller = sites.caller("contoso", *EVERYTHING, user="reader")
    reading = [route for route in ROUTES if route.method == "GET" and route.owner in {Owner.VAULT, Owner.TENANT}]
    sites.stack.control("POST", "faults", {"match": {"path": "."}, "fault": "error", "status": 401, "times": 10_000})
    answers = {route.path: caller.get(_path(route)) for route in reading}
    sites.stack.control("DELETE", "faults")
    assert {reply.status for reply in answers.values()} <= {200, 404, 409, 503}
    assert not [reply for reply in answers.values() if reply.status == 409 and reply.code != "NotSupportedByBackend"]
    unread = [path for path, reply in answers.items() if reply.status == 503]
    assert {"/jobs", "/protected-items", "/recovery-plans", "/tenants/{tenant}/virtual-machines", "/tenants/{tenant}/disks"} <= set(unread)
    assert all(int(answers[path].headers["retry-after"]) > 0 for path in unread)
