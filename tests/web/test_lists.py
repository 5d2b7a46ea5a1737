"""Lists: pages that join without gap, and continuations that only their own caller and filters can use."""

import base64
from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.access.principal import Principal
from shared.access.roles import Role
from shared.errors import ErrorCode, Refused
from shared.web.lists import Page, page_body, read_page
from tests.access.kit import FABRIKAM, NORTHWIND, principal

CALLER = principal(FABRIKAM, Role.COPIES_READ)
SELF = {"path": "/restore-point-copies", "base_url": "https://farshore.test"}
texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40)


def following(query: dict[str, str], last: str, caller: Principal = CALLER) -> dict[str, str]:
    link = str(page_body([], last, query=query, principal=caller, **SELF)["nextLink"])
    return dict(parse_qsl(urlsplit(link).query, strict_parsing=True))


@given(st.dictionaries(st.sampled_from(["status", "region", "virtualMachineId"]), texts), texts, st.integers(1, 1000))
def test_a_next_link_leads_on_with_the_same_filters(filters: dict[str, str], last: str, top: int) -> None:
    query = {**filters, "top": str(top)}
    after = following(query, last)
    assert read_page(after, CALLER) == Page(top, last)
    assert {name: value for name, value in after.items() if name != "continuation"} == query
    assert read_page(following(after, "z"), CALLER) == Page(top, "z")


def test_the_link_is_absolute_and_the_last_page_has_none() -> None:
    body = page_body([{"id": "a"}], "x", query={"status": "Failed"}, principal=CALLER, **SELF)
    assert body["value"] == [{"id": "a"}]
    assert str(body["nextLink"]).startswith("https://farshore.test/api/restore-point-copies?status=Failed&continuation=")
    assert page_body([{"id": "a"}], None, query={}, principal=CALLER, **SELF) == {"value": [{"id": "a"}]}


def test_a_hundred_unless_asked() -> None:
    assert read_page({}, CALLER) == Page(100, None)


def refused(query: dict[str, str], caller: Principal = CALLER) -> bool:
    with pytest.raises(Refused) as found:
        read_page(query, caller)
    return (found.value.code, found.value.problem.target) == (ErrorCode.INVALID_REQUEST, "continuation")


def test_it_is_bound_to_the_caller_and_the_filters() -> None:
    query = following({"status": "Failed"}, "place")
    assert refused(query, principal(FABRIKAM, Role.COPIES_READ, oid="0b1ec700-0000-4000-8000-00000000000a"))
    assert refused(query, principal(NORTHWIND, Role.COPIES_READ))
    assert refused({**query, "status": "Running"})
    assert refused({"continuation": query["continuation"]})
    assert refused({**query, "region": "westeurope"})
    assert read_page({**query, "top": "3"}, CALLER) == Page(3, "place")


@given(st.data())
def test_a_changed_one_is_refused(data: st.DataObject) -> None:
    query = following({}, "2518|some-id")
    token = query["continuation"]
    place = data.draw(st.integers(0, len(token) - 1))
    letter = data.draw(st.characters(codec="utf-8"))
    if token[place] != letter:
        assert refused({"continuation": token[:place] + letter + token[place + 1 :]})


@given(st.text(max_size=100))
def test_a_made_up_one_is_refused(token: str) -> None:
    assert refused({"continuation": token})


def test_one_of_another_place_under_an_old_digest_is_refused() -> None:
    data = base64.urlsafe_b64decode(following({}, "aaaa")["continuation"])
    assert refused({"continuation": base64.urlsafe_b64encode(data[:16] + b"bbbb").decode()})
