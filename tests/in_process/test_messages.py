"""Messages in and events out (docs/design/queues.md): each becomes an operation, an input of one, or a rejected message with its reason."""

import base64
import json
import uuid
from typing import Any

import pytest

from tests.support.api import Caller
from tests.support.running import REQUESTS, Running

START = "/restore-point-copies"
KIND = "farshore.restorePointCopy"


def new_id() -> str:
    return f"order-{uuid.uuid4()}"


def cloud_event(data: object, operation: str = "create", **attributes: object) -> dict[str, Any]:
    event = {"specversion": "1.0", "id": new_id(), "source": "/billing", "type": f"{KIND}.{operation}", "data": data}
    return {name: value for name, value in {**event, **attributes}.items() if value is not None}


def send(stack: Running, message: object) -> str:
    return stack.send(json.dumps(message))


def copy_of(stack: Running, contoso: Caller, point: str) -> dict[str, Any]:
    """Return the one copy of a restore point."""
    found = [copy for copy in contoso.get(START, top=1000).body["value"] if copy["source"]["restorePointId"] == point]
    assert len(found) == 1, rejected(stack)[:1]
    return dict(found[0])


def rejected(stack: Running) -> list[dict[str, Any]]:
    """Return the rejected messages, the newest first."""
    return list(stack.caller("Admin", tenant="provider").get("/rejected-messages", top=1000).body["value"])


def rejection_of(stack: Running, message_id: str) -> dict[str, Any]:
    """Return the one rejected message with this id, and check that its event was published."""
    (row,) = (row for row in rejected(stack) if row["messageId"] == message_id)
    (event,) = stack.events(subject=f"/rejected-messages/{row['id']}")
    assert (event["specversion"], event["id"], event["source"]) == ("1.0", f"rejected/{row['id']}", stack.api)
    assert (event["type"], event["subject"]) == ("farshore.message.rejected", f"/api/rejected-messages/{row['id']}")
    shown = event["data"]["body"].removesuffix("…")  # of what is long the beginning is shown: a message holds 64 KiB
    assert event["data"] == row | {"replayedAs": None, "body": event["data"]["body"]}
    assert row["body"].startswith(shown) if len(row["body"]) > 32_000 else row["body"] == shown
    return row


def test_a_message_that_two_tenants_have_sent_is_ambiguous_until_it_names_its_tenant(stack: Running, contoso: Caller) -> None:
    key, machine = new_id(), stack.machine()
    theirs = next(
        point["id"]
        for one in stack.control("GET", "estate")["restorePointCollections"]
        for point in one["restorePoints"]
        if "/fabrikam-production/" in one["id"]
    )
    target = {"region": "northeurope", "resourceGroup": "fabrikam-recovery"}
    send(stack, {**machine.copy(), "id": key})
    send(stack, {"source": {"restorePointId": theirs}, "target": target, "id": key})
    row = rejection_of(stack, send(stack, {"operation": "cancel", "target": key}))
    assert (row["reason"]["code"], row["reason"]["target"]) == ("AmbiguousName", "target")
    assert "contoso" not in row["reason"]["message"]
    started = rejection_of(stack, send(stack, {"operation": "cancel", "target": key, "tenant": "contoso"}))
    assert started["reason"]["code"] == "AlreadyStarted"
    assert copy_of(stack, contoso, machine.points[0])["status"] in {"Running", "NotStarted"}


@pytest.mark.parametrize("form", ["plain", "base64", "cloudEvent", "base64 of a cloudEvent"])
def test_each_form_of_a_message_starts_a_copy(stack: Running, contoso: Caller, form: str) -> None:
    machine = stack.machine()
    body = machine.copy(tags={"ordered": "by queue"})
    content = json.dumps(cloud_event(body) if "cloudEvent" in form else {**body, "id": new_id(), "tenant": "contoso"}, indent=1)
    stack.send(base64.b64encode(content.encode()).decode() if "base64" in form else content)
    copy = copy_of(stack, contoso, machine.points[0])
    assert copy["requestedBy"] == {"kind": "queue", "id": f"queue:{REQUESTS}", "name": REQUESTS}
    assert (copy["tenant"], copy["tags"]) == ("contoso", {"ordered": "by queue"})
    assert stack.until_ended(contoso, f"{START}/{copy['id']}").body["usable"]
    assert [event["type"] for event in stack.events(subject=copy["id"])] == [f"{KIND}.succeeded"]


def test_a_message_sent_twice_is_one_copy(stack: Running, contoso: Caller) -> None:
    machine, other = stack.machine(), stack.machine()
    plain, event = {**machine.copy(), "id": new_id()}, cloud_event(other.copy())
    before = len(rejected(stack))
    for _ in range(3):
        send(stack, plain)
        send(stack, event)
    assert copy_of(stack, contoso, machine.points[0])["tenant"] == "contoso"  # found from the ids, for the message names none
    assert copy_of(stack, contoso, other.points[0])
    assert len(rejected(stack)) == before
    reused = rejection_of(stack, send(stack, {**machine.copy(1), "id": plain["id"]}))
    assert reused["reason"]["code"] == "RepeatabilityKeyReused"


def test_a_key_is_the_same_over_http_and_queue(stack: Running, contoso: Caller) -> None:
    machine, key = stack.machine(), str(uuid.uuid4())
    send(stack, {**machine.copy(), "id": key})
    copy = copy_of(stack, contoso, machine.points[0])
    again = contoso.post(START, machine.copy(), key=key)
    assert (again.status, again.body["id"]) == (202, copy["id"])


@pytest.mark.parametrize("by", ["operation", "message"])
@pytest.mark.parametrize("form", ["plain", "cloudEvent"])
def test_a_copy_is_canceled_by_message(stack: Running, contoso: Caller, by: str, form: str) -> None:
    machine, created = stack.machine(), new_id()
    send(stack, machine.copy(0))
    send(stack, {**machine.copy(1), "id": created})
    copy = copy_of(stack, contoso, machine.points[1])
    target = created if by == "message" else copy["id"]
    send(stack, cloud_event({"target": target}, "cancel") if form == "cloudEvent" else {"operation": "cancel", "target": target})
    assert contoso.get(f"{START}/{copy['id']}").body["status"] == "Canceled"


def test_a_copy_that_a_cloud_event_created_is_found_by_its_source_and_id(stack: Running, contoso: Caller) -> None:
    machine = stack.machine()
    event = cloud_event(machine.copy(1))
    send(stack, machine.copy(0))
    send(stack, event)
    copy = copy_of(stack, contoso, machine.points[1])
    send(stack, cloud_event({"target": event["id"]}, "cancel", source=event["source"], id=new_id()))
    assert contoso.get(f"{START}/{copy['id']}").body["status"] == "Canceled"


@pytest.mark.parametrize("by", ["operation", "message"])
def test_a_failed_copy_is_redone_by_message(stack: Running, contoso: Caller, by: str) -> None:
    machine, created = stack.machine(), new_id()
    stack.fault("failCopy", method="PUT", path=f"{machine.points[0].split('/')[-3]}.*/restorePoints/")
    send(stack, {**machine.copy(), "id": created})
    failed = stack.until_ended(contoso, f"{START}/{copy_of(stack, contoso, machine.points[0])['id']}").body
    assert failed["status"] == "Failed"
    for _ in range(2):  # the same message twice is one redo
        send(stack, {"operation": "redo", "target": created if by == "message" else failed["id"], "id": f"redo of {created}"})
    listed = [one for one in contoso.get(START, top=1000).body["value"] if one["source"]["restorePointId"] == machine.points[0]]
    (again,) = (one for one in listed if one["id"] != failed["id"])
    assert stack.until_ended(contoso, f"{START}/{again['id']}").body["usable"]


@pytest.mark.parametrize(
    ("content", "code", "target"),
    [
        ("not JSON", "UnreadableMessage", None),
        ("{", "UnreadableMessage", None),
        (base64.b64encode(b"[1, 2]").decode(), "UnreadableMessage", None),
        ('{"source": 1, "source": 2}', "UnreadableMessage", None),
        ("{}", "InvalidRequest", "source"),
        ('{"operation": "paint", "target": "x"}', "InvalidRequest", "operation"),
        ('{"operation": "cancel"}', "InvalidRequest", "target"),
        ('{"operation": "cancel", "target": "nobody knows"}', "NotFound", "target"),
        ('{"id": 7}', "InvalidRequest", "id"),
        ('{"specversion": "0.3"}', "InvalidRequest", "specversion"),
        (json.dumps(cloud_event({}, type="farshore.failover.create")), "InvalidRequest", "type"),
        (json.dumps(cloud_event({}, type="com.example.order")), "InvalidRequest", "type"),
        (json.dumps(cloud_event("text")), "InvalidRequest", "data"),
        (json.dumps(cloud_event({}, id=None)), "InvalidRequest", "id"),
        (json.dumps(cloud_event({}, source=None)), "InvalidRequest", "source"),
    ],
)
def test_a_message_that_cannot_be_read_is_rejected(stack: Running, content: str, code: str, target: str | None) -> None:
    row = rejection_of(stack, stack.send(content))
    assert set(row) == {"id", "queue", "messageId", "receivedAt", "reason", "body", "mayHaveBeenAccepted", "replayedAs"}
    assert (row["queue"], row["body"], row["mayHaveBeenAccepted"], row["replayedAs"]) == (REQUESTS, content, False, None)
    assert row["reason"]["code"] == code, row["reason"]
    assert row["reason"]["message"].endswith((".", ".)"))
    if target is not None:
        assert target in {row["reason"]["target"], *(detail.get("target") for detail in row["reason"].get("details", []))}


def test_a_message_that_is_wrong_is_rejected_with_the_field(stack: Running) -> None:
    machine = stack.machine()
    wrong: list[tuple[dict[str, Any], str, str | None]] = [
        (machine.copy(colour="red"), "InvalidRequest", "colour"),
        ({"source": {"restorePointId": "nonsense"}, "target": machine.target()}, "InvalidRequest", "source.restorePointId"),
        ({"source": {"restorePointId": machine.id}, "target": machine.target()}, "InvalidRequest", "source.restorePointId"),
        ({"source": {"restorePointId": machine.points[0]}, "target": machine.target(region="westeurope")}, "SameRegion", "target.region"),
        (machine.copy(tenant="fabrikam"), "NotFound", None),
        (machine.copy(tenant="nobody"), "NotFound", "tenant"),
    ]
    for message, code, target in wrong:
        for sent in (
            message,
            cloud_event({name: value for name, value in message.items() if name != "tenant"}, tenant=message.get("tenant")),
        ):
            row = rejection_of(stack, send(stack, sent))
            assert row["reason"]["code"] == code, row["reason"]
            assert target in {None, row["reason"]["target"], *(detail.get("target") for detail in row["reason"].get("details", []))}
            assert json.loads(row["body"]) == sent


def test_an_input_on_another_tenants_copy_is_rejected(stack: Running, contoso: Caller) -> None:
    machine = stack.machine()
    send(stack, machine.copy())
    copy = copy_of(stack, contoso, machine.points[0])["id"]
    row = rejection_of(stack, send(stack, {"operation": "cancel", "target": copy, "tenant": "fabrikam"}))
    assert row["reason"]["code"] == "NotFound"
    started = rejection_of(stack, send(stack, {"operation": "cancel", "target": copy}))
    assert started["reason"]["code"] == "AlreadyStarted"


def test_secrets_are_not_kept(stack: Running) -> None:
    row = rejection_of(stack, send(stack, {"password": "hunter2", "deep": [{"clientSecret": "hunter2"}]}))
    assert "hunter2" not in json.dumps(row)


def test_a_message_that_is_too_large_for_our_limit_cannot_even_be_sent_and_one_at_the_limit_is_read(stack: Running) -> None:
    padded = json.dumps({"padding": ""})
    largest = json.dumps({"padding": "x" * (64 * 1024 - len(padded))})
    assert rejection_of(stack, stack.send(largest))["reason"]["code"] == "InvalidRequest"


def test_a_rejected_message_is_replayed_once_its_cause_is_gone(stack: Running, contoso: Caller) -> None:
    admin = stack.caller("Admin", tenant="provider")
    machine, created = stack.machine(), new_id()
    stack.fault("failCopy", method="PUT", path=f"{machine.points[0].split('/')[-3]}.*/restorePoints/")
    occupied = contoso.post(START, machine.copy())
    row = rejection_of(stack, send(stack, {**machine.copy(1), "source": {"restorePointId": machine.points[0]}, "id": created}))
    assert row["reason"]["code"] == "RestorePointAlreadyCopied"
    # still bad: the replay becomes a new rejected message
    still = admin.post(f"/rejected-messages/{row['id']}/replay")
    assert still.status == 202, still
    assert still.body["replayedAs"]
    stack.advance()
    rows = [one for one in rejected(stack) if one["body"] == row["body"]]
    assert len(rows) == 2
    again = next(one for one in rows if one["id"] != row["id"])
    assert (again["reason"]["code"], again["replayedAs"]) == ("RestorePointAlreadyCopied", None)
    assert len(stack.events(subject=f"/rejected-messages/{again['id']}")) == 1
    twice = admin.post(f"/rejected-messages/{row['id']}/replay")
    assert (twice.status, twice.code) == (409, "AlreadyReplayed")

    # the copy that was in the way fails: then the replay of the replay goes through
    assert stack.until_ended(contoso, occupied.headers["location"]).body["status"] == "Failed"
    assert admin.post(f"/rejected-messages/{again['id']}/replay").status == 202
    stack.advance()
    copies = [one for one in contoso.get(START, top=1000).body["value"] if one["source"]["restorePointId"] == machine.points[0]]
    (replayed,) = (one for one in copies if one["id"] != occupied.body["id"])
    # its first id is its key: the sender can go on speaking of it
    reused = rejection_of(stack, send(stack, {**machine.copy(2), "id": created}))
    assert reused["reason"]["code"] == "RepeatabilityKeyReused"
    assert stack.until_ended(contoso, f"{START}/{replayed['id']}").body["usable"]


def test_rejected_messages_are_listed_newest_first_page_by_page(stack: Running) -> None:
    sent = [stack.send(f"garbage {number}") for number in range(4)]
    admin = stack.caller("Admin", tenant="provider")
    rows = rejected(stack)
    assert sorted(row["messageId"] for row in rows if row["messageId"] in sent) == sorted(sent)
    received = [row["receivedAt"] for row in rows]
    assert received == sorted(received, reverse=True)
    paged: list[dict[str, Any]] = []
    link: str | None = "/rejected-messages?top=2"
    while link is not None:
        page = admin.get(link).body
        assert len(page["value"]) <= 2
        paged += page["value"]
        link = page.get("nextLink")
    known = {row["id"] for row in rows}
    assert [row for row in paged if row["id"] in known] == rows
    assert admin.post("/rejected-messages/nosuch/replay").status == 404
    assert admin.post("/rejected-messages/no-such/replay").status == 404
