"""Which function answers which path."""

import pytest

from local.host.routes import Entry, RouteTable, compile_route

GUID = "0f8fad5b-d9cb-469f-a165-70867728950e"


def table(*entries: tuple[str, str, tuple[str, ...]]) -> RouteTable:
    return RouteTable(Entry(compile_route(template), frozenset(methods), name) for name, template, methods in entries)


TABLE = table(
    ("list", "copies", ("GET",)),
    ("start", "copies", ("POST",)),
    ("one", "copies/{id}", ("GET",)),
    ("guid", "copies/{id:guid}", ("GET",)),
    ("newest", "copies/newest", ("GET",)),
    ("cancel", "copies/{id}/cancel", ("POST",)),
    ("page", "pages/{number:int?}", ("GET",)),
    ("file", "files/{*path}", ("GET",)),
    ("any", "any", ()),
)


@pytest.mark.parametrize(
    ("method", "path", "found"),
    [
        ("GET", "/copies", ("list", {})),
        ("POST", "/copies", ("start", {})),
        ("GET", "/copies/", ("list", {})),
        ("GET", "/COPIES/Ab%20c", ("one", {"id": "Ab c"})),
        ("GET", "/copies/a%2Fb", ("one", {"id": "a/b"})),
        ("GET", f"/copies/{GUID}", ("guid", {"id": GUID})),
        ("GET", "/copies/newest", ("newest", {})),
        ("POST", "/copies/7/cancel", ("cancel", {"id": "7"})),
        ("GET", "/pages", ("page", {})),
        ("GET", "/pages/-3", ("page", {"number": "-3"})),
        ("GET", "/files/a/b.txt", ("file", {"path": "a/b.txt"})),
        ("PATCH", "/any", ("any", {})),
        ("DELETE", "/copies", None),
        ("GET", "/copies/7/cancel", None),
        ("GET", "/pages/three", None),
        ("GET", "/nothing", None),
        ("GET", "/copies/a/b", None),
    ],
)
def test_find(method: str, path: str, found: object) -> None:
    assert TABLE.find(method, path) == found


@pytest.mark.parametrize("other", ["copies/{name}", "/Copies/{id}/"])
def test_two_functions_must_not_claim_one_route(other: str) -> None:
    with pytest.raises(ValueError, match=r"first and second both claim GET copies/\{\}"):
        table(("first", "copies/{id}", ("GET", "POST")), ("second", other, ("GET",)))


@pytest.mark.parametrize("template", ["copies/{id", "copies/{id:wish}", "copies/x{id}"])
def test_a_template_that_is_not_understood_is_refused(template: str) -> None:
    with pytest.raises(ValueError, match="route"):
        compile_route(template)
