"""The OpenAPI description and the page that shows it."""

import base64
import hashlib
import json
import re
from collections.abc import Iterator

import pytest
import schemathesis
from jsonschema import Draft202012Validator
from pydantic import BaseModel, ConfigDict, Field
from schemathesis.core.result import Ok

from shared.access.roles import READ_ROLES, Role
from shared.web.docs import docs_page
from shared.web.openapi import build, operation_id
from shared.web.operations import OperationBody
from shared.web.requests import QueryParameter
from shared.web.routes import Route


class Thing(BaseModel):
    """What is asked for."""

    model_config = ConfigDict(extra="forbid")
    name: str = Field(description="Its name.", examples=["one"])
    size: int | None = None


LIST = Route(
    "GET", "/things", "Things", READ_ROLES, response=OperationBody, is_list=True, query=(QueryParameter("status", "Which", values=("On",)),)
)
START = Route(
    "POST",
    "/things",
    "Start a thing",
    Role.COPIES_WRITE,
    request=Thing,
    response=OperationBody,
    status=202,
    refusals=(409, 429),
    repeatable=True,
)
ONE = Route("GET", "/things/{id}", "A thing", Role.COPIES_READ, response=OperationBody)
CANCEL = Route("POST", "/things/{id}/cancel", "Cancel", Role.COPIES_WRITE, response=OperationBody)
PAGE = Route("GET", "/docs", "A page", media_type="text/html")
DOCUMENT = build([LIST, START, ONE, CANCEL, PAGE], "https://farshore.test/api")


def refs(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        yield from [value["$ref"]] if "$ref" in value else []
        for inner in value.values():
            yield from refs(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from refs(inner)


def test_it_is_json_and_every_reference_leads_somewhere() -> None:
    found = list(refs(json.loads(json.dumps(DOCUMENT))))
    assert found
    for ref in found:
        here = DOCUMENT
        for name in ref.removeprefix("#/").split("/"):
            here = here[name]


def test_every_schema_is_one() -> None:
    for schema in DOCUMENT["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


def test_a_tester_of_descriptions_can_read_it() -> None:
    found = {one.ok().label for one in schemathesis.openapi.from_dict(DOCUMENT).get_all_operations() if isinstance(one, Ok)}
    assert found == {"GET /things", "POST /things", "GET /things/{id}", "POST /things/{id}/cancel", "GET /docs"}


def test_an_accepted_request_has_its_headers_and_may_have_ended() -> None:
    responses = DOCUMENT["paths"]["/things"]["post"]["responses"]
    for status in ("200", "202"):
        assert {"Operation-Location", "Location", "Retry-After", "x-ms-request-id"} <= responses[status]["headers"].keys()
    assert {"400", "401", "403", "409", "413", "415", "429", "500", "503"} <= responses.keys()
    assert "Retry-After" in responses["429"]["headers"]


def test_a_list_pages() -> None:
    listed = DOCUMENT["paths"]["/things"]["get"]
    assert {"status", "top", "continuation"} <= {parameter.get("name") for parameter in listed["parameters"]}
    schema = listed["responses"]["200"]["content"]["application/json"]["schema"]
    assert schema["properties"]["value"]["items"] == {"$ref": "#/components/schemas/OperationBody"}
    assert schema["required"] == ["value"]


def test_what_is_open_to_all_needs_no_token() -> None:
    page = DOCUMENT["paths"]["/docs"]["get"]
    assert page["security"] == [{}]
    assert "401" not in page["responses"]
    assert list(page["responses"]["200"]["content"]) == ["text/html"]


def test_roles_are_reported() -> None:
    assert "`Copies.Write`" in DOCUMENT["paths"]["/things"]["post"]["description"]
    assert "Admin" not in DOCUMENT["paths"]["/things"]["post"]["description"]
    assert "Admin" in DOCUMENT["paths"]["/things/{id}"]["get"]["description"]


@pytest.mark.parametrize(("route", "name"), [(LIST, "getThings"), (ONE, "getThingsById"), (CANCEL, "postThingsByIdCancel")])
def test_names_for_generated_clients(route: Route, name: str) -> None:
    assert operation_id(route) == name


def test_the_page_runs_only_what_it_holds_and_loads_nothing_else() -> None:
    page = docs_page()
    html, policy = str(page.body), page.headers["Content-Security-Policy"]
    for tag in ("script", "style"):
        (content,) = re.findall(rf"<{tag}>(.*?)</{tag}>", html, re.DOTALL)
        assert base64.b64encode(hashlib.sha256(content.encode()).digest()).decode() in policy
    assert not re.search(r"(src|href)\s*=\s*[\"']?(https?:)?//", html)
    assert "unsafe" not in policy
    assert " style=" not in html
    assert " onclick" not in html
