"""Conditional requests: which PUT creates, replaces, changes nothing or is refused, and which headers are read."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import ErrorCode, Refused
from shared.web.answers import STATUS
from shared.web.conditional import Condition, Write, check_delete, decide_put, read_condition, tag_of
from tests.web.kit import request

OLD, NEW = '"old"', '"new"'
ANY, ABSENT, NONE = Condition("*"), Condition(must_be_absent=True), Condition()


@pytest.mark.parametrize(
    ("condition", "standing", "expected"),
    [
        (NONE, None, Write.CREATE),
        (ABSENT, None, Write.CREATE),
        (NONE, NEW, Write.NOTHING),
        (Condition(OLD), OLD, Write.REPLACE),
        (Condition(NEW), NEW, Write.NOTHING),
        (ANY, OLD, Write.REPLACE),
        (ANY, NEW, Write.NOTHING),
    ],
)
def test_what_a_put_does(condition: Condition, standing: str | None, expected: Write) -> None:
    assert decide_put(condition, standing, NEW) is expected


@pytest.mark.parametrize(
    ("condition", "standing", "status"),
    [
        (NONE, OLD, 428),
        (Condition(OLD), None, 412),
        (ANY, None, 412),
        (Condition('"other"'), OLD, 412),
        (ABSENT, OLD, 412),
        (ABSENT, NEW, 412),
    ],
)
def test_which_puts_are_refused_and_with_which_tag(condition: Condition, standing: str | None, status: int) -> None:
    with pytest.raises(Refused) as refused:
        decide_put(condition, standing, NEW)
    assert STATUS[refused.value.code] == status
    assert refused.value.beside.get("etag") == standing


def test_a_delete_under_another_tag_is_refused() -> None:
    for condition in (NONE, ANY, Condition(OLD)):
        check_delete(condition, OLD)
    for condition in (Condition(NEW), ABSENT):
        with pytest.raises(Refused) as refused:
            check_delete(condition, OLD)
        assert refused.value.code is ErrorCode.PRECONDITION_FAILED


@pytest.mark.parametrize(
    ("headers", "expected"),
    [({}, NONE), ({"if_match": OLD}, Condition(OLD)), ({"if_match": " * "}, ANY), ({"if_none_match": "*"}, ABSENT)],
)
def test_which_conditions_are_read(headers: dict[str, Any], expected: Condition) -> None:
    assert read_condition(request(**headers)) == expected


@pytest.mark.parametrize(
    ("headers", "target"),
    [
        ({"if_match": OLD, "if_none_match": "*"}, "If-None-Match"),
        ({"if_none_match": OLD}, "If-None-Match"),
        ({"if_match": 'W/"old"'}, "If-Match"),
        ({"if_match": '"a", "b"'}, "If-Match"),
        ({"if_match": "old"}, "If-Match"),
        ({"if_match": ""}, "If-Match"),
    ],
)
def test_which_conditions_are_refused(headers: dict[str, Any], target: str) -> None:
    with pytest.raises(Refused) as refused:
        read_condition(request(**headers))
    assert (refused.value.code, refused.value.problem.target) == (ErrorCode.INVALID_REQUEST, target)


json_objects: st.SearchStrategy[dict[str, Any]] = st.dictionaries(st.text(), st.none() | st.booleans() | st.integers() | st.text())


@given(json_objects)
def test_equal_documents_have_equal_tags(document: dict[str, Any]) -> None:
    assert tag_of(document) == tag_of(dict(reversed(document.items())))
    assert tag_of(document) != tag_of(document | {"another member": 1} if "another member" not in document else {})
