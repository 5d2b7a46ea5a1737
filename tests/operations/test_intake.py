"""What comes in by queue: plain, base64, CloudEvent, or garbage, which is refused with a message."""

import base64
import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shared.errors import ErrorCode, Refused
from shared.operations.outside.intake import MAX_BYTES, Intake, decode, replay_of, understand

KINDS = frozenset({"restorePointCopy", "restore"})
_scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
_json = st.recursive(_scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3), max_leaves=8)
_names = st.sampled_from(["id", "tenant", "operation", "target", "specversion", "type", "source", "data", "farshoreReplay"]) | st.text()
_messages = st.dictionaries(_names, _json | st.sampled_from(["1.0", "farshore.restore.create", "cancel"]), max_size=8)


@given(st.binary(max_size=300) | st.text(max_size=100).map(str.encode) | _json.map(lambda body: json.dumps(body).encode()))
@example(b"[" * 60_000)
@example(b'{"a":' * 10_000)
@example(b'{"a": NaN}')
@example(b'{"a": Infinity}')
@example(b'{"a": ' + b"9" * 6000 + b"}")
@example(base64.b64encode(b"[1]"))
@example(b"\xef\xbb\xbf{}")
def test_any_message_is_read_or_refused_with_a_reason(raw: bytes) -> None:
    try:
        body = decode(raw)
    except Refused as refused:
        code: ErrorCode | None = refused.code
    else:
        code = None
        json.dumps(body, allow_nan=False)
    assert code in {None, ErrorCode.UNREADABLE_MESSAGE}


@given(_messages)
def test_whatever_was_read_is_understood_or_refused_with_the_member_that_is_wrong(message: dict[str, object]) -> None:
    try:
        intake = understand(message, KINDS)
    except Refused as refused:
        if refused.problem.target:
            return
        raise
    assert not {"id", "tenant", "operation"} & set(intake.body)
    assert (intake.target is None) == (intake.operation == "create")
    for text in (intake.key, intake.tenant, intake.target):
        assert text is None or text.encode()


@given(st.dictionaries(st.text(), _json, max_size=5))
def test_plain_and_base64_are_the_same_message(body: dict[str, object]) -> None:
    text = json.dumps(body).encode()
    try:
        plain = decode(text)
    except Refused:
        with pytest.raises(Refused):
            decode(base64.b64encode(text))
        return
    assert decode(base64.b64encode(text)) == plain
    assert decode(b"\r\n " + base64.b64encode(text) + b"\n") == plain
    assert decode(base64.encodebytes(text)) == plain, "tools break base64 into lines"
    assert decode(base64.encodebytes(text).replace(b"\n", b"\r\n")) == plain


def test_a_message_of_64_kib_is_read_and_a_longer_one_refused() -> None:
    text = b'{"a":"' + b"x" * (MAX_BYTES - 8) + b'"}'
    assert len(text) == MAX_BYTES
    assert len(str(decode(text)["a"])) == MAX_BYTES - 8
    with pytest.raises(Refused) as refused:
        decode(text + b" ")
    assert refused.value.code is ErrorCode.PAYLOAD_TOO_LARGE


def test_a_create_is_the_post_with_id_and_tenant() -> None:
    message: dict[str, object] = {"id": "m-1", "tenant": "contoso", "source": {"x": 1}, "target": {"region": "westeurope"}}
    assert understand(message, KINDS) == Intake("create", {"source": {"x": 1}, "target": {"region": "westeurope"}}, "m-1", "contoso")
    assert understand({**message, "operation": "create"}, KINDS) == understand(message, KINDS)


def test_an_input_on_an_existing_thing_names_it() -> None:
    message: dict[str, object] = {"operation": "resume", "target": "m-1", "with": "care"}
    assert understand(message, KINDS) == Intake("resume", {"with": "care"}, None, None, "m-1")
    wrongs: list[dict[str, object]] = [{}, {"target": {"id": "m-1"}}, {"target": ""}]
    for wrong in wrongs:
        with pytest.raises(Refused) as refused:
            understand({"operation": "resume", **wrong}, KINDS)
        assert refused.value.problem.target == "target"


def test_a_cloud_event_is_the_same_in_its_data() -> None:
    event: dict[str, object] = {
        "specversion": "1.0",
        "source": "/scheduler",
        "id": "7",
        "type": "farshore.restorePointCopy.create",
        "tenant": "contoso",
        "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "data": {"source": {"x": 1}, "target": {"region": "westeurope"}},
    }
    intake = understand(event, KINDS)
    assert (intake.operation, intake.kind, intake.tenant, intake.key) == ("create", "restorePointCopy", "contoso", "/scheduler 7")
    assert intake.body == event["data"]
    assert intake.trace == event["traceparent"]
    canceled = understand({**event, "type": "farshore.restorePointCopy.cancel", "data": {"target": "abc"}}, KINDS)
    assert (canceled.operation, canceled.target, canceled.body) == ("cancel", "abc", {})


@pytest.mark.parametrize(
    ("change", "target"),
    [
        ({"specversion": "0.3"}, "specversion"),
        ({"type": "farshore.failover.create"}, "type"),
        ({"type": "contoso.restorePointCopy.create"}, "type"),
        ({"type": "farshore.restorePointCopy"}, "type"),
        ({"type": None}, "type"),
        ({"source": None}, "source"),
        ({"id": 7}, "id"),
        ({"id": ""}, "id"),
        ({"id": "x" * 1025}, "id"),
        ({"id": "\ud800"}, "id"),
        ({"data": [1]}, "data"),
        ({"data": None}, "data"),
        ({"data": {"operation": "cancel"}}, "data.operation"),
        ({"tenant": 5}, "tenant"),
    ],
)
def test_a_cloud_event_that_is_wrong_is_refused_with_the_attribute(change: dict[str, object], target: str) -> None:
    event = {"specversion": "1.0", "source": "/s", "id": "7", "type": "farshore.restorePointCopy.create", "data": {}} | change
    with pytest.raises(Refused) as refused:
        understand(event, KINDS)
    assert refused.value.problem.target == target


def test_a_replay_is_distinguished_from_a_message_that_looks_like_one() -> None:
    assert replay_of({"farshoreReplay": "abc"}) == "abc"
    assert replay_of({"farshoreReplay": "abc", "source": {}}) is None
    assert replay_of({"farshoreReplay": 7}) is None


TIDE = '{"id": "tide-7", "source": {"restorePointId": "p"}}'


@pytest.mark.parametrize(
    "raw",
    [
        TIDE.encode(),
        TIDE.encode("utf-8-sig"),
        base64.b64encode(TIDE.encode("utf-8-sig")),
        base64.b64encode(TIDE.encode("utf-16")),
        base64.encodebytes(b"\xfe\xff" + TIDE.encode("utf-16-be")),
        b"\xff\xfe" + TIDE.encode("utf-16-le"),
        TIDE.encode("utf-16-le"),
        b"\0\n" + TIDE.encode("utf-16-be"),
        base64.b64encode(TIDE.encode("utf-16-le")),
        base64.b64encode(TIDE.encode("utf-16-be")),
        b"\n" + TIDE.encode() + b"\n",
    ],
    ids=[
        "plain",
        "mark",
        "mark in base64",
        "UTF-16",
        "big-endian UTF-16 in lines",
        "UTF-16 as it is",
        "UTF-16 without a mark",
        "big-endian UTF-16 without a mark",
        "UTF-16 without a mark in base64",
        "big-endian UTF-16 without a mark in base64",
        "lines",
    ],
)
def test_a_message_is_read_in_each_form_that_writers_use(raw: bytes) -> None:
    """PowerShell and .NET put a byte order mark before JSON, or write UTF-16."""
    assert understand(decode(raw), KINDS).key == "tide-7"


@pytest.mark.parametrize(
    "data",
    [
        {"data": {"source": "s"}},
        {"data": '{"source": "s"}'},
        {"data": '\ufeff{"source": "s"}'},
        {"data_base64": base64.b64encode(b'{"source": "s"}').decode()},
        {"data_base64": base64.encodebytes('{"source": "s"}'.encode("utf-16-le")).decode()},
    ],
    ids=["object", "text", "text with a mark", "base64", "base64 of UTF-16 in lines"],
)
def test_the_data_of_an_event_is_read_in_each_form_of_cloud_events(data: dict[str, object]) -> None:
    kind = sorted(KINDS)[0]
    event = {"specversion": "1.0", "source": "/billing", "id": "7", "type": f"farshore.{kind}.create", **data}
    assert understand(event, KINDS).body == {"source": "s"}


@pytest.mark.parametrize(
    ("data", "target"),
    [
        ({}, "data"),
        ({"data": "no json"}, "data"),
        ({"data": [1]}, "data"),
        ({"data_base64": "%%"}, "data_base64"),
        ({"data_base64": base64.b64encode(b"[1]").decode()}, "data_base64"),
        ({"data": {}, "data_base64": "e30="}, "data_base64"),
    ],
)
def test_data_that_is_not_one_object_is_named(data: dict[str, object], target: str) -> None:
    kind = sorted(KINDS)[0]
    event = {"specversion": "1.0", "source": "/billing", "id": "7", "type": f"farshore.{kind}.create", **data}
    with pytest.raises(Refused) as refused:
        understand(event, KINDS)
    assert refused.value.problem.target == target


def test_event_grids_own_schema_is_refused_with_the_one_to_use() -> None:
    grid = {"topic": "t", "subject": "s", "eventType": "x", "eventTime": "2026-01-01T00:00:00Z", "dataVersion": "1"}
    event: dict[str, object] = {"id": "7", "data": {}, **grid}
    with pytest.raises(Refused) as refused:
        understand(event, KINDS)
    assert (refused.value.code, refused.value.problem.target) == (ErrorCode.INVALID_REQUEST, "specversion")
    assert "CloudEvent" in str(refused.value)


TENANTS = frozenset({"virtualMachine", "dataCenter"})


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (
            {"id": "m-1", "tenant": "contoso", "operation": "virtualMachine.start", "target": "web-01", "service": "shop"},
            Intake("start", {"target": "web-01", "service": "shop"}, "m-1", "contoso", "web-01", "virtualMachine"),
        ),
        (
            {"tenant": "contoso", "operation": "dataCenter.create", "dataCenter": "10042"},
            Intake("create", {"dataCenter": "10042"}, None, "contoso", None, "dataCenter"),
        ),
        (
            {
                "specversion": "1.0",
                "id": "1",
                "source": "/billing",
                "type": "farshore.virtualMachine.start",
                "tenant": "contoso",
                "data": {"target": "web-01", "operation": "virtualMachine.start"},
            },
            Intake("start", {"target": "web-01"}, "/billing 1", "contoso", "web-01", "virtualMachine", source="/billing"),
        ),
    ],
)
def test_on_a_queue_of_several_kinds_a_message_names_kind_operation_and_tenant(message: dict[str, object], expected: Intake) -> None:
    assert understand(message, TENANTS, qualified=True) == expected


@pytest.mark.parametrize(
    ("message", "target"),
    [
        ({"tenant": "contoso", "target": "web-01"}, "operation"),
        ({"tenant": "contoso", "operation": "start", "target": "web-01"}, "operation"),
        ({"tenant": "contoso", "operation": "virtualMachine.", "target": "web-01"}, "operation"),
        ({"tenant": "contoso", "operation": "tenant.create"}, "operation"),
        ({"tenant": "contoso", "operation": 7}, "operation"),
        ({"operation": "virtualMachine.start", "target": "web-01"}, "tenant"),
        ({"tenant": "contoso", "operation": "virtualMachine.start", "target": {"id": "x"}}, "target"),
        ({"specversion": "1.0", "id": "1", "source": "/b", "type": "farshore.tenant.create", "tenant": "contoso", "data": {}}, "type"),
        ({"specversion": "1.0", "id": "1", "source": "/b", "type": "farshore.virtualMachine.start", "data": {"target": "x"}}, "tenant"),
    ],
)
def test_a_message_of_such_a_queue_without_them_is_refused(message: dict[str, object], target: str) -> None:
    with pytest.raises(Refused) as refused:
        understand(message, TENANTS, qualified=True)
    assert (refused.value.code, refused.value.problem.target) == (ErrorCode.INVALID_REQUEST, target)


def test_where_no_kind_is_served_each_message_is_refused() -> None:
    with pytest.raises(Refused) as refused:
        understand({"tenant": "contoso", "operation": "virtualMachine.start", "target": "x"}, frozenset(), qualified=True)
    assert refused.value.problem.target == "operation"
