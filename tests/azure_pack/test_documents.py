"""What Azure Pack writes, in each form that it has: lists, entities, keys, times, numbers, enumerations, errors."""

import json
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.azure_pack.errors import AzurePackError, ErrorKind
from shared.azure_pack.odata.documents import read_document
from shared.azure_pack.odata.literals import Key, all_of, eq, literal
from shared.azure_pack.subscriptions import Subscription, SubscriptionState, SyncState
from shared.azure_pack.wire.error_bodies import ErrorBody, read_error
from shared.azure_pack.wire.model import Model, Moment

ONE, STAMP = UUID(int=0xA1), UUID(int=0xB2)
ENTITY = {"Name": "web", "Memory": "2048"}
ATOM = """<?xml version="1.0" encoding="utf-8"?>
<feed xmlns="http://www.w3.org/2005/Atom" xmlns:m="http://schemas.microsoft.com/ado/2007/08/dataservices/metadata"
      xmlns:d="http://schemas.microsoft.com/ado/2007/08/dataservices">
  <entry>
    <link rel="edit" title="VirtualMachine" href="VirtualMachines(ID=guid'1')"/>
    <link rel="related" title="VirtualDiskDrives" href="x"><m:inline><feed><entry><content><m:properties>
      <d:Name>disk</d:Name></m:properties></content></entry></feed></m:inline></link>
    <content type="application/xml"><m:properties>
      <d:Name>web</d:Name><d:Memory m:type="Edm.Int64">2048</d:Memory><d:Description m:null="true"/>
      <d:Owner m:type="VMM.UserAndRole"><d:UserName>me</d:UserName></d:Owner>
      <d:Tags m:type="Collection(Edm.String)"><d:element>a</d:element><d:element>b</d:element></d:Tags>
    </m:properties></content>
  </entry>
  <link rel="next" href="https://inner.pack.local:8090/VMM/VirtualMachines?$skiptoken=guid'1'"/>
</feed>"""


@pytest.mark.parametrize(
    ("document", "is_list"),
    [
        ({"odata.metadata": "https://inner/$metadata#VirtualMachines", "value": [ENTITY]}, True),
        ({"d": {"results": [ENTITY]}}, True),
        ({"d": [ENTITY]}, True),
        ([ENTITY], True),
        ({"items": [ENTITY], "filteredTotalCount": 1, "totalCount": 1}, True),
        (ENTITY, False),
        ({"d": ENTITY}, False),
    ],
    ids=["value", "d results", "d array", "array", "items", "entity", "d entity"],
)
def test_each_form_of_a_document_is_read(document: object, is_list: bool) -> None:
    read = read_document(json.dumps(document).encode())
    assert (read.is_list, [dict(each) for each in read.entities]) == (is_list, [ENTITY])


def test_atom_is_read() -> None:
    read = read_document(ATOM.encode())
    assert read.is_list
    assert read.next_query == "$skiptoken=guid'1'"
    assert read.entities == (
        {
            "Name": "web",
            "Memory": "2048",
            "Description": None,
            "Owner": {"UserName": "me"},
            "Tags": ["a", "b"],
            "VirtualDiskDrives": [{"Name": "disk"}],
        },
    )


@pytest.mark.parametrize("name", ["odata.nextLink", "@odata.nextLink", "__next"])
def test_of_a_next_link_only_the_query_is_kept(name: str) -> None:
    link = "http://inner.pack.local:8090/VMM/VirtualMachines?$skip=50&$filter=Name eq 'a b'\r\nX: y"
    assert read_document(json.dumps({"value": [], name: link}).encode()).next_query == "$skip=50&$filter=Name%20eq%20'a%20b'X:%20y"


@pytest.mark.parametrize("body", [b"{", b"<a", b"\xff\xff", b"<html/>", b"[" * 100_000])
def test_what_is_no_document_is_unreadable(body: bytes) -> None:
    with pytest.raises(AzurePackError) as raised:
        read_document(body)
    assert raised.value.kind is ErrorKind.UNREADABLE


@given(st.binary())
def test_no_body_raises_anything_else(body: bytes) -> None:
    with suppress(AzurePackError):
        read_document(body)
    read_error(body)


# keys and literals


def test_a_key_is_written_in_one_order() -> None:
    assert str(Key(ONE, STAMP)) == f"(ID=guid'{ONE}',StampId=guid'{STAMP}')"


@pytest.mark.parametrize(
    "text",
    [
        f"(ID=guid'{ONE}',StampId=guid'{STAMP}')",
        f"(StampId=guid'{STAMP}',ID=guid'{ONE}')",
        f"StampId=Guid'{{{STAMP}}}' , ID=Guid'{{{ONE}}}'",
        f"(ID=guid%27{ONE}%27,StampId=guid%27{STAMP}%27)",
    ],
)
def test_a_key_is_read_in_both_orders(text: str) -> None:
    assert Key.parse(text) == Key(ONE, STAMP)


@settings(max_examples=50)
@given(st.one_of(st.text(max_size=50), st.text(alphabet="()ID=guidStamp',0a-{}", max_size=120)))
def test_what_is_no_key_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match="is not a key"):
        Key.parse(text)


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("it's", "'it''s'"),
        (ONE, f"guid'{ONE}'"),
        (True, "true"),
        (3, "3"),
        (datetime(2026, 1, 2, 5, 4, 5, tzinfo=timezone(timedelta(hours=2))), "datetime'2026-01-02T03:04:05.000000'"),
    ],
)
def test_literals(value: str | bool | int | UUID | datetime, written: str) -> None:
    assert literal(value) == written


def test_filters_are_joined() -> None:
    both = all_of(eq("Owner/RoleID", ONE), eq("Name", "a"))
    assert both == f"(Owner/RoleID eq guid'{ONE}') and (Name eq 'a')"
    assert all_of("x eq 1 or y eq 2") == "x eq 1 or y eq 2"


@given(st.text())
def test_a_text_cannot_leave_its_literal(value: str) -> None:
    written = literal(value)
    assert written[0] == written[-1] == "'"
    assert "'" not in written[1:-1].replace("''", "")


# models


class Example(Model):
    """An object with a member of each sort."""

    name: str | None = None
    memory: int | None = None
    ratio: float | None = None
    at: Moment | None = None


def test_members_come_in_any_order_and_case_and_unknown_ones_are_kept() -> None:
    read = Example.read({"Future": {"a": 1}, "memory": "2048", "NAME": "web", "Ratio": "0.5", "At": None})
    assert (read.name, read.memory, read.ratio, read.at) == ("web", 2048, 0.5, None)
    assert read.model_extra == {"Future": {"a": 1}}


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("2026-01-02T03:04:05", datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)),
        ("2026-01-02T03:04:05.1234567Z", datetime(2026, 1, 2, 3, 4, 5, 123456, tzinfo=UTC)),
        ("2026-01-02T03:04:05+02:00", datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone(timedelta(hours=2)))),
        ("/Date(1000)/", datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)),
        ("/Date(1000-0530)/", datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC).astimezone(timezone(-timedelta(hours=5, minutes=30)))),
    ],
)
def test_times_keep_their_offset_and_one_without_is_utc(written: str, read: datetime) -> None:
    at = Example.read({"At": written}).at
    assert at == read
    assert at is not None
    assert at.utcoffset() == read.utcoffset()


@pytest.mark.parametrize("value", ["yesterday", "/Date(x)/", "/Date(999999999999999)/", "/Date(1+9999)/", {}])
def test_a_time_that_is_none_is_unreadable_and_the_value_is_not_shown(value: object) -> None:
    with pytest.raises(AzurePackError) as raised:
        Example.read({"At": value})
    assert raised.value.kind is ErrorKind.UNREADABLE
    assert "At" in raised.value.message
    assert "yesterday" not in raised.value.message


NAMES = st.sampled_from(["SubscriptionID", "State", "Services", "CoAdminNames", "Created", "PlanId", "AddOnReferences", "Other"])
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4), max_leaves=8)


@settings(max_examples=50, deadline=None)
@given(VALUES)
def test_no_value_raises_anything_else(value: object) -> None:
    with suppress(AzurePackError):
        Subscription.read(value)


@pytest.mark.parametrize(
    ("state", "sync"), [(2, 1), ("2", "1"), ("Suspended", "Syncing"), ("suspended", "syncing")], ids=["numbers", "texts", "names", "case"]
)
def test_enumerations_are_numbers_or_names(state: object, sync: object) -> None:
    read = Subscription.read({"QuotaSyncState": sync, "SubscriptionID": str(ONE), "State": state, "Services": [{"Type": "systemcenter"}]})
    assert (read.state, read.quota_sync_state) == (SubscriptionState.SUSPENDED, SyncState.SYNCING)
    assert read.services[0].type == "systemcenter"


@pytest.mark.parametrize("value", [9, -1, "Evicted", None])
def test_a_value_of_tomorrow_is_unknown(value: object) -> None:
    assert Subscription.read({"SubscriptionID": str(ONE), "State": value}).state is SubscriptionState.UNKNOWN


# errors

SERVICE = "http://schemas.microsoft.com/windowsazure"
META = "http://schemas.microsoft.com/ado/2007/08/dataservices/metadata"


@pytest.mark.parametrize(
    ("body", "code", "message", "action"),
    [
        (f'<Error xmlns="{SERVICE}"><Code>Conflict</Code><Message>Taken.</Message></Error>', "Conflict", "Taken.", None),
        ("<Error><Message>Taken.</Message><Code>Conflict</Code></Error>", "Conflict", "Taken.", None),
        ('{"Message": "Taken.", "Code": "Conflict"}', "Conflict", "Taken.", None),
        ('{"odata.error": {"code": "1", "message": {"lang": "en", "value": "Bad."}}}', "1", "Bad.", None),
        ('{"error": {"code": "", "message": {"lang": "en", "value": "Bad."}}}', None, "Bad.", None),
        ('{"error": {"code": 23, "message": "Bad."}}', "23", "Bad.", None),
        (f'<m:error xmlns:m="{META}"><m:code>5</m:code><m:message xml:lang="en">Bad.</m:message></m:error>', "5", "Bad.", None),
        (
            '{"DeploymentErrorInfo": {"Code": "609", "DetailedErrorCode": 2, "Problem": "No host.", "RecommendedAction": "Add one."}}',
            "609",
            "No host.",
            "Add one.",
        ),
        ("<html><head><style>b {}</style></head><body><h1>Oops</h1> &amp; more</body></html>", None, "Oops & more", None),
        ("Service Unavailable", None, "Service Unavailable", None),
        ("", None, None, None),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_each_form_of_an_error_is_read(body: str, code: str | None, message: str | None, action: str | None, encoding: str) -> None:
    read = read_error(body.encode(encoding))
    assert (read.code, read.message, read.recommended_action, read.is_soap_fault) == (code, message, action, False)


def test_details_are_read() -> None:
    text = json.dumps({"Code": "Invalid", "Message": "No.", "Details": [{"Code": "Name", "Message": "Too long."}, {}]})
    detail = "<Detail><Code>Name</Code><Message>Too long.</Message></Detail>"
    xml = f"<Error xmlns='{SERVICE}'><Code>Invalid</Code><Message>No.</Message><Details>{detail}</Details></Error>"
    for body in (text, xml):
        assert [(each.code, each.message) for each in read_error(body.encode()).details] == [("Name", "Too long.")]


@pytest.mark.parametrize(
    "fault",
    [
        '<s:Fault><s:Code><s:Value>s:Sender</s:Value><s:Subcode><s:Value xmlns:a="x">a:FailedAuthentication</s:Value></s:Subcode></s:Code>'
        '<s:Reason><s:Text xml:lang="en">Wrong.</s:Text></s:Reason></s:Fault>',
        "<s:Fault><faultcode>a:FailedAuthentication</faultcode><faultstring>Wrong.</faultstring></s:Fault>",
    ],
    ids=["1.2", "1.1"],
)
def test_a_soap_fault_is_read(fault: str) -> None:
    body = f'<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Body>{fault}</s:Body></s:Envelope>'
    assert read_error(body.encode()) == ErrorBody("FailedAuthentication", "Wrong.", is_soap_fault=True)


@pytest.mark.parametrize("part", [b"<head>", b"<", b"<script ", b"&lt;"])
def test_a_hostile_page_is_read_in_time(part: bytes) -> None:
    began = time.process_time()
    read_error(part * 500_000)
    assert time.process_time() - began < 2


def test_a_long_page_is_cut() -> None:
    message = read_error(b"<p>" + b"word " * 1000).message
    assert message is not None
    assert len(message) <= 200
