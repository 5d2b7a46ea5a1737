"""Reading a request: what is refused, in which order, and with which message."""

import contextlib
import json
from collections.abc import Callable
from enum import StrEnum
from typing import Annotated, Any

import azure.functions as func
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator
from pydantic.alias_generators import to_camel

from shared.errors import ErrorCode, Refused
from shared.settings import Settings
from shared.values.json_objects import MAX_DEPTH
from shared.values.nulls import without_nulls
from shared.web.answers import STATUS
from shared.web.documents import MAX_BYTES, parse, read_object, with_query
from shared.web.requests import QueryParameter, base_url, client_request_id, read_body, read_json, read_query, refuse_body, repeatability
from tests.web.kit import request

JSON = "application/json"
STRICT = ConfigDict(extra="forbid", alias_generator=to_camel, frozen=True, strict=True)


class Mode(StrEnum):
    FAST = "Fast"
    SLOW = "Slow"


class FromPoint(BaseModel):
    model_config = STRICT
    restore_point_id: str


class FromMachine(BaseModel):
    model_config = STRICT
    virtual_machine_id: str
    exclude_disks: tuple[str, ...] = ()
    mode: Mode = Mode.FAST


class Copy(BaseModel):
    model_config = STRICT
    source: FromPoint | FromMachine
    target: Annotated[str, StringConstraints(min_length=1)]
    tags: dict[str, Annotated[str, StringConstraints(max_length=5)]] = Field(default_factory=dict)


GOOD: dict[str, Any] = {"source": {"virtualMachineId": "vm", "excludeDisks": ["a"], "mode": "Slow"}, "target": "r"}


def refused(call: Callable[..., object], *arguments: object) -> Refused:
    with pytest.raises(Refused) as found:
        call(*arguments)
    return found.value


def post(body: bytes, content_type: str | None = JSON) -> func.HttpRequest:
    headers: dict[str, Any] = {"content_type": content_type} if content_type else {}
    return request("POST", body=body, **headers)


def test_a_good_body_comes_as_a_model_and_as_it_was_sent() -> None:
    copy, document = read_body(post(b"\xef\xbb\xbf" + json.dumps(GOOD).encode(), "Application/JSON; charset=UTF-8"), Copy)
    assert copy.source == FromMachine.model_validate({"virtualMachineId": "vm", "excludeDisks": ("a",), "mode": Mode.SLOW})
    assert document == GOOD


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"{}" + b" " * (MAX_BYTES - 2), JSON, None),
        (b"{}" + b" " * (MAX_BYTES - 1), JSON, 413),
        (b"x" * 1_000_000, "text/plain", 413),
        (b"{}", "text/plain", 415),
        (b"{}", None, 415),
        (b"{}", "application/json; charset=utf-16", 415),
        (b"{}", "application/jsonp", 415),
        (b"", JSON, 400),
        (b"", None, 400),
        (b" \n", "application/x-www-form-urlencoded", 400),
        (b"{", JSON, 400),
        (b"\xff\xfe{}", JSON, 400),
        (b"[]", JSON, 400),
        (b"null", JSON, 400),
        (b'"text"', JSON, 400),
        (b'{"a": NaN}', JSON, 400),
        (b'{"a": -Infinity}', JSON, 400),
        (b'{"a": 1e999}', JSON, 400),
        (b'{"a": ' + b"1" * 5000 + b"}", JSON, 400),
        (b'{"a": "\\ud800"}', JSON, 400),
        (b'{"\\udfff": 1}', JSON, 400),
        (b'{"a": 1, "b": {"c": 1, "c": 2}}', JSON, 400),
        (b'{"a": ' * MAX_DEPTH + b"1" + b"}" * MAX_DEPTH, JSON, 400),
        (b"[" * 30_000 + b"]" * 30_000, JSON, 400),
    ],
)
def test_what_is_no_json_object_of_ours(body: bytes, content_type: str | None, status: int | None) -> None:
    if status is None:
        assert read_json(post(body, content_type)) == {}
    else:
        assert STATUS[refused(read_json, post(body, content_type)).code] == status


def test_a_member_that_is_given_twice_is_named() -> None:
    assert refused(read_object, b'{"a": {"region": 1, "region": 2}}').problem.target == "region"


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    with contextlib.suppress(Refused):
        assert isinstance(read_object(body), dict)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(st.dictionaries(st.text(), json_values, max_size=4))
def test_json_comes_back_as_it_was_sent(document: dict[str, Any]) -> None:
    assert read_object(json.dumps(document).encode()) == document


def changed(**changes: Any) -> dict[str, Any]:
    return {**GOOD, **changes}


@pytest.mark.parametrize(
    ("document", "target", "words"),
    [
        ({"source": GOOD["source"]}, "target", "required"),
        (changed(target=7), "target", "string"),
        (changed(target=""), "target", "at least 1"),
        (changed(target=None), "target", "string"),
        (changed(colour="red"), "colour", "source, tags, target"),
        (changed(tags={"foo": "too long"}), "tags.foo", "at most 5"),
        (changed(source=[]), "source", ""),
        (changed(source={**GOOD["source"], "excludeDisks": ["a", 2]}), "source.excludeDisks[1]", "string"),
        (changed(source={**GOOD["source"], "mode": "Medium"}), "source.mode", "'Fast' or 'Slow'"),
        (changed(source={**GOOD["source"], "size": 1}), "source.size", "virtualMachineId"),
        (changed(source={**GOOD["source"], "virtual_machine_id": "x"}), "source.virtual_machine_id", "unknown"),
    ],
)
def test_each_wrong_field_is_named_as_it_was_written(document: dict[str, Any], target: str | None, words: str) -> None:
    error = refused(parse, Copy, document)
    assert error.code is ErrorCode.INVALID_REQUEST
    found = {detail.target: detail.message for detail in error.problem.details}
    assert target in found
    assert words in found[target]
    assert error.problem.target in found


def test_no_value_is_ever_repeated() -> None:
    secret = "hunter2-hunter2"
    error = refused(parse, Copy, {"source": secret, "target": [secret], "tags": {"a": secret}, "mode": secret})
    assert secret not in json.dumps(error.problem.as_json())


def test_a_flood_of_errors_is_cut() -> None:
    document = changed(**{f"field{number}": 1 for number in range(500)})
    assert len(refused(parse, Copy, document).problem.details) == 50


@given(st.dictionaries(st.sampled_from(["source", "target", "tags", "other"]), json_values, max_size=4))
def test_any_object_is_a_copy_or_refused_with_a_target_that_leads_into_it(document: dict[str, Any]) -> None:
    try:
        parse(Copy, document)
    except Refused as error:
        for detail in error.problem.details:
            assert detail.target
            assert detail.target.split(".")[0].split("[")[0] in {*document, "source", "target"}


QUERY = (
    QueryParameter("status", "", values=("Running", "Failed")),
    QueryParameter("top", "", minimum=1, maximum=1000),
    QueryParameter("vm", "", max_length=10, check=lambda text: int(text, 16)),
)


@pytest.mark.parametrize(
    ("query", "target"),
    [
        ({"status": "Running", "top": "1000", "vm": "ff"}, None),
        ({"stauts": "Running"}, "stauts"),
        ({"status": "running"}, "status"),
        ({"status": "Running,Failed"}, "status"),
        ({"top": "0"}, "top"),
        ({"top": "1001"}, "top"),
        ({"top": "ten"}, "top"),
        ({"top": "1.0"}, "top"),
        ({"top": "٣"}, "top"),
        ({"vm": "xyz"}, "vm"),
        ({"vm": "1" * 11}, "vm"),
    ],
)
def test_query_parameters(query: dict[str, str], target: str | None) -> None:
    if target is None:
        assert read_query(request(query=query), QUERY) == query
    else:
        error = refused(read_query, request(query=query), QUERY)
        assert (error.code, error.problem.target) == (ErrorCode.INVALID_REQUEST, target)


def test_a_repeatable_request() -> None:
    found = repeatability(
        request(repeatability_request_id="4F3C5D2E-8A53-4A7E-9D0C-3F9F1C1F5A11", repeatability_first_sent="Sun, 06 Nov 1994 08:49:37 GMT")
    )
    assert (found.key, found.first_sent) == ("4f3c5d2e-8a53-4a7e-9d0c-3f9f1c1f5a11", "Sun, 06 Nov 1994 08:49:37 GMT")
    assert repeatability(request()).key is None


@pytest.mark.parametrize("key", ["", "1", "{4f3c5d2e-8a53-4a7e-9d0c-3f9f1c1f5a11}", "4f3c5d2e8a534a7e9d0c3f9f1c1f5a11", "x" * 36])
def test_a_repeatability_key_that_is_no_guid(key: str) -> None:
    assert refused(repeatability, request(repeatability_request_id=key)).problem.target == "Repeatability-Request-ID"


@pytest.mark.parametrize(
    ("sent", "kept"),
    [("Sunday, 06-Nov-94 08:49:37 GMT",) * 2, ("1994-11-06T08:49:37Z",) * 2, ("yesterday",) * 2, ("", None), ("x" * 8000, "x" * 128)],
)
def test_when_it_was_first_sent_is_only_stored(sent: str, kept: str | None) -> None:
    assert repeatability(request(repeatability_first_sent=sent)).first_sent == kept


@pytest.mark.parametrize(
    ("sent", "comes_back"), [("a b~", True), ("x" * 128, True), ("x" * 129, False), ("é", False), ("a\r\nb: c", False), ("", False)]
)
def test_a_client_request_id_comes_back_if_it_is_harmless(sent: str, comes_back: bool) -> None:
    assert (client_request_id(request(x_ms_client_request_id=sent)) == sent) is comes_back


@pytest.mark.parametrize(("body", "good"), [(b"", True), (b" ", True), (b"{}", True), (b'{"a": 1}', False), (b"[]", False), (b"x", False)])
def test_a_call_that_takes_no_body(body: bytes, good: bool) -> None:
    if good:
        refuse_body(post(body))
    else:
        assert refused(refuse_body, post(body)).code is ErrorCode.INVALID_REQUEST


def test_where_the_caller_reaches_us() -> None:
    assert base_url(Settings(public_base_url="https://farshore.example"), request()) == "https://farshore.example"
    assert base_url(Settings(public_base_url=None), request()) == "http://localhost:7071"


DRY_RUN = QueryParameter("dryRun", "Only plan.", values=("true", "false"))


@pytest.mark.parametrize(
    ("query", "target"),
    [
        ("dryRun", "dryRun"),
        ("dryRun=", "dryRun"),
        ("dryRun=true&dryRun=true", "dryRun"),
        ("dryrun=true", "dryrun"),
        ("dry%52un", "dryRun"),
        ("dry%52un=", "dryRun"),
        ("DRYRUN", "DRYRUN"),
        ("vaultId=", "vaultId"),
        ("=true", ""),
    ],
)
def test_what_the_host_drops_or_joins_is_refused_by_name(query: str, target: str) -> None:
    """The Functions host drops parameters without a value: they must never be taken as absent."""
    sent = func.HttpRequest("POST", f"http://localhost/api/failovers?{query}", headers={}, params={}, route_params={}, body=b"")
    found = refused(read_query, sent, (DRY_RUN, QueryParameter("vaultId", "A vault.")))
    assert (found.code, found.problem.target or "") == (ErrorCode.INVALID_REQUEST, target)


def test_a_percent_encoded_name_is_the_same_name() -> None:
    sent = func.HttpRequest("POST", "http://localhost/api/failovers?dry%52un=%74rue", headers={}, params={}, route_params={}, body=b"")
    assert read_query(sent, (DRY_RUN,)) == {"dryRun": "true"}


@pytest.mark.parametrize("read", [read_json, refuse_body])
def test_a_chunked_body_is_refused_with_a_plain_reason(read: Callable[..., object]) -> None:
    """The Functions host passes a body on only with a Content-Length: a chunked one would be read as none."""
    sent = func.HttpRequest(
        "POST", "http://localhost/api/x", headers={"transfer-encoding": "chunked"}, params={}, route_params={}, body=b""
    )
    assert refused(read, sent).code is ErrorCode.LENGTH_REQUIRED


class Options(BaseModel):
    model_config = ConfigDict(extra="forbid", alias_generator=to_camel)
    name: str
    mode: Mode = Mode.FAST
    excluded_disks: tuple[str, ...] = ()
    network: str | None = "default"
    labels: dict[str, str | None] = {}

    @model_validator(mode="before")
    @classmethod
    def _null_is_absent(cls, value: object) -> object:
        return without_nulls(cls, value)


def test_null_for_what_is_optional_is_absent_but_where_it_has_a_meaning() -> None:
    """Serializers of PowerShell, C# and Terraform write null for what is not set."""
    assert parse(Options, {"name": "a", "mode": None, "excludedDisks": None}) == Options(name="a")
    assert parse(Options, {"name": "a", "network": None}).network is None
    assert parse(Options, {"name": "a", "labels": None}) == Options(name="a")
    assert parse(Options, {"name": "a", "labels": {"b": None}}).labels == {"b": None}


@pytest.mark.parametrize(("body", "target"), [({"name": None}, "name"), ({"name": "a", "unknown": None}, "unknown")])
def test_null_does_not_hide_a_field_that_is_missing_or_unknown(body: dict[str, Any], target: str) -> None:
    assert refused(parse, Options, body).problem.target == target


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le-marked", "utf-16-be-marked"])
def test_a_byte_order_mark_is_tolerated(encoding: str) -> None:
    text = '{"name": "Ä"}'
    marks = {"utf-16-le-marked": b"\xff\xfe" + text.encode("utf-16-le"), "utf-16-be-marked": b"\xfe\xff" + text.encode("utf-16-be")}
    assert read_object(marks.get(encoding) or text.encode(encoding)) == {"name": "Ä"}


def test_a_member_that_query_and_body_give_differently_is_refused() -> None:
    assert with_query({"a": True, "b": None}, {"a": True, "b": "x"}) == {"a": True, "b": "x"}
    failure = refused(with_query, {"force": False, "confirm": "one"}, {"force": True, "confirm": "one", "keepUser": True})
    assert (failure.code, failure.problem.target) == (ErrorCode.INVALID_REQUEST, "force")
