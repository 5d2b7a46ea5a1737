"""Messages that cannot be accepted: kept with the reason, published, replayed under their first key; none disappears, no secret stays."""

import base64
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import ErrorCode, Problem, Refused, as_seen_in_azure
from shared.operations.outside.intake import Intake
from shared.operations.outside.receiving import Delivery
from shared.operations.outside.rejected import RejectedMessage, without_secrets
from tests.operations.conftest import Another
from tests.operations.kit import BASE, INTAKE, STEPS, Core, new
from tests.support.clocks import START
from tests.support.storage_proxy import AnswerStatus, DropAnswer, Rule, StorageProxy

KINDS = frozenset({"toy"})
GOOD = json.dumps({"id": "m-7", "tenant": "contoso", "make": "a toy"}).encode()


def _delivery(raw: bytes = GOOD, *, count: int = 1, message: str = "11111111-0000", queue: str = INTAKE) -> Delivery:
    return Delivery(queue, message, raw, START - timedelta(minutes=1), count)


async def _refuse(_intake: Intake) -> None:
    raise Refused(ErrorCode.INVALID_REQUEST, "make: a toy of which kind?", target="make")


async def _break(_intake: Intake) -> None:
    raise ConnectionError("storage is away")


async def _kept(core: Core) -> list[RejectedMessage]:
    return (await core.rejected.page(100, None))[0]


def _accepting(core: Core) -> Any:
    async def accept(intake: Intake) -> None:
        await core.acceptance.accept(new(intake.key, body=intake.body, tenant=intake.tenant or "provider"))

    return accept


async def test_a_refused_message_is_kept_with_the_reason_and_reported(core: Core) -> None:
    await core.receiver.receive(_delivery(), KINDS, _refuse)
    [kept] = await _kept(core)
    assert kept.as_json() == {
        "id": kept.id,
        "queue": INTAKE,
        "messageId": "11111111-0000",
        "receivedAt": "2026-03-03T09:59:00.000000Z",
        "reason": {"code": "InvalidRequest", "message": "make: a toy of which kind?", "target": "make", "details": []},
        "body": GOOD.decode(),
        "mayHaveBeenAccepted": False,
        "replayedAs": None,
    }
    [event] = await core.outcomes()
    assert (event["id"], event["type"]) == (f"rejected/{kept.id}", "farshore.message.rejected")
    assert (event["subject"], event["source"]) == (f"/api/rejected-messages/{kept.id}", f"{BASE}/api")
    assert (event["tenant"], event["data"]) == ("contoso", kept.as_json())


@pytest.mark.parametrize("raw", [b"garbage", b"", b"\xff\xfe\x00", b"[1]", base64.b64encode(b"no"), b"{", b'{"id": 5}'])
async def test_a_message_that_cannot_be_read_is_kept_as_the_providers(core: Core, raw: bytes) -> None:
    await core.receiver.receive(_delivery(raw), KINDS, _break)
    [kept] = await _kept(core)
    assert kept.reason.code in {ErrorCode.UNREADABLE_MESSAGE, ErrorCode.INVALID_REQUEST}
    assert kept.tenant == "provider"
    assert len(await core.outcomes()) == 1


async def test_what_may_pass_is_delivered_again_and_rejected_the_fifth_time(core: Core) -> None:
    for count in range(1, 5):
        with pytest.raises(ConnectionError):
            await core.receiver.receive(_delivery(count=count), KINDS, _break)
    assert await _kept(core) == []
    await core.receiver.receive(_delivery(count=5), KINDS, _break)
    [kept] = await _kept(core)
    assert (kept.reason.code, kept.may_have_been_accepted, kept.key) == (ErrorCode.INTERNAL_ERROR, True, "m-7")


@pytest.mark.parametrize("code", [ErrorCode.TOO_MANY_REQUESTS, ErrorCode.SERVICE_UNAVAILABLE, ErrorCode.SOURCE_NOT_FOUND])
async def test_a_refusal_for_now_is_not_yet_a_rejection(core: Core, code: ErrorCode) -> None:
    async def later(_intake: Intake) -> None:
        raise Refused(code, "later")

    with pytest.raises(Refused):
        await core.receiver.receive(_delivery(count=4), KINDS, later)
    assert await _kept(core) == []
    await core.receiver.receive(_delivery(count=5), KINDS, later)
    assert [kept.reason.code for kept in await _kept(core)] == [code]


@pytest.mark.parametrize("code", [ErrorCode.CHECKS_FAILED, ErrorCode.COPY_NOT_SUPPORTED, ErrorCode.AZURE_REFUSED, ErrorCode.NOT_FOUND])
async def test_a_refusal_that_rests_on_one_look_at_azure_is_delivered_again_and_the_same_one_of_our_own_is_not(
    core: Core, code: ErrorCode
) -> None:
    async def seen(_intake: Intake) -> None:
        with as_seen_in_azure():
            raise Refused(code, "Azure shows it so.")

    async def known(_intake: Intake) -> None:
        raise Refused(code, "It is so.")

    for count in (1, 4):
        with pytest.raises(Refused):
            await core.receiver.receive(_delivery(count=count), KINDS, seen)
    assert (await core.rejected.page(10, None))[0] == []
    await core.receiver.receive(_delivery(count=5), KINDS, seen)
    await core.receiver.receive(_delivery(message="22222222-0000"), KINDS, known)
    assert [row.reason.code for row in (await core.rejected.page(10, None))[0]] == [code, code]


async def test_a_message_delivered_twice_is_one_row_reported_once(core: Core) -> None:
    for _ in range(3):
        await core.receiver.receive(_delivery(), KINDS, _refuse)
    assert len(await _kept(core)) == 1
    assert len(await core.outcomes()) == 1
    await core.receiver.receive(_delivery(queue="another-queue"), KINDS, _refuse)
    await core.receiver.receive(_delivery(message="22222222-0000"), KINDS, _refuse)
    assert len(await _kept(core)) == 3


async def test_a_crash_between_row_and_event_shows_again_under_the_same_id(core: Core, another: Another, proxy: StorageProxy) -> None:
    through = another(proxy.connection_string)
    proxy.add(Rule(AnswerStatus(403), service="queue", path="outcomes"))
    with pytest.raises(Exception, match=r"403|Forbidden|Operation returned|AuthorizationFailure"):
        await through.receiver.receive(_delivery(), KINDS, _refuse)
    [kept] = await _kept(core)
    await through.receiver.receive(_delivery(count=2), KINDS, _refuse)
    assert [event["id"] for event in await core.outcomes()] == [f"rejected/{kept.id}"]
    assert len(await _kept(core)) == 1


async def test_a_row_whose_answer_was_lost_is_not_another_row(core: Core, another: Another, proxy: StorageProxy) -> None:
    through = another(proxy.connection_string)
    proxy.add(Rule(AnswerStatus(500, after_forwarding=True), service="table", method="POST", path="rejected"))
    await through.receiver.receive(_delivery(), KINDS, _refuse)
    proxy.add(Rule(DropAnswer(), service="table", method="POST", path="rejected"))
    second = _delivery(message="22222222-0000")
    with pytest.raises(Exception, match=r"."):
        await through.receiver.receive(second, KINDS, _refuse)
    await through.receiver.receive(second, KINDS, _refuse)
    assert len(await _kept(core)) == 2
    assert len(await core.outcomes()) == 2


@pytest.mark.parametrize(
    "raw",
    [
        b'{"make":"' + b"x" * (64 * 1024 - 11) + b'"}',
        b"\xff" * (64 * 1024),
        bytes(range(256)) * 256,
        ('{"make":"' + "ä\U0001f600\uffff" * 7000 + '"}').encode(),
        b'{"make":"' + b"\\ud800" * 10_000 + b'"}',
        b"\x00\x01\x02\x0b",
    ],
    ids=["long", "no text", "every byte", "astral", "lone surrogates", "control"],
)
async def test_the_largest_and_oddest_bodies_are_kept_and_reported(core: Core, raw: bytes) -> None:
    await core.receiver.receive(_delivery(raw), KINDS, _refuse)
    [kept] = await _kept(core)
    assert kept.body == raw.decode("utf-8", "replace")
    [event] = await core.outcomes()
    assert event["id"] == f"rejected/{kept.id}"
    assert event["data"]["body"][:1000] == kept.body[:1000]


async def test_a_reason_of_any_length_is_kept(core: Core) -> None:
    async def refuse(_intake: Intake) -> None:
        details = [Problem("Unknown", "é" * 40_000, "x" * 40_000)] * 200
        raise Refused(ErrorCode.INVALID_REQUEST, "\ud800" * 40_000, target="y" * 40_000, details=details)

    await core.receiver.receive(_delivery(), KINDS, refuse)
    [kept] = await _kept(core)
    assert kept.reason.message.startswith("\ud800")
    assert kept.reason.details
    assert len(await core.outcomes()) == 1


async def test_rejected_messages_are_listed_newest_first_page_by_page(core: Core) -> None:
    for number in range(7):
        delivery = Delivery(INTAKE, f"message-{number}", GOOD, START + timedelta(seconds=number), 1)
        await core.receiver.receive(delivery, KINDS, _refuse)
    seen: list[str] = []
    after: str | None = None
    while True:
        page, after = await core.rejected.page(3, after)
        seen += [kept.message_id for kept in page]
        if after is None:
            break
    assert seen == [f"message-{number}" for number in reversed(range(7))]


async def test_a_replayed_message_is_carried_out_under_its_first_key(core: Core) -> None:
    await core.receiver.receive(_delivery(), KINDS, _refuse)
    [kept] = await _kept(core)
    replayed = await core.rejected.replay(kept.id)
    assert replayed.replayed_as == "m-7"
    [text] = await core.take(INTAKE)
    await core.receiver.receive(_delivery(text.encode(), message="33333333-0000"), KINDS, _accepting(core))
    assert len(await core.take(STEPS)) == 1
    known = await core.acceptance.known(new("m-7", body={"make": "a toy"}))
    assert known is not None, "the sender finds it under the id that it gave"


async def test_a_message_without_an_id_is_replayed_as_the_message_that_it_was(core: Core) -> None:
    raw = b'{"make": "a toy"}'
    accept = _accepting(core)
    await accept(Intake("create", {"make": "a toy"}, "message 11111111-0000"))
    await core.receiver.receive(_delivery(raw, count=5), KINDS, _break)
    [kept] = await _kept(core)
    assert kept.may_have_been_accepted
    await core.rejected.replay(kept.id)
    [text] = await core.take(INTAKE)
    await core.receiver.receive(_delivery(text.encode(), message="33333333-0000"), KINDS, accept)
    assert len(await core.take(STEPS)) == 1, "it had been accepted, and is not accepted twice"


async def test_a_message_under_the_id_of_another_is_reported_that_its_id_is_wrong(core: Core) -> None:
    await core.receiver.receive(_delivery(), KINDS, _accepting(core))
    await core.receiver.receive(_delivery(GOOD.replace(b"a toy", b"a boat"), message="2"), KINDS, _accepting(core))
    [kept] = await _kept(core)
    assert (kept.reason.code, kept.reason.target) == (ErrorCode.REPEATABILITY_KEY_REUSED, "id")


@pytest.mark.parametrize("how", ["refused", "poisoned", "broken"])
async def test_a_replay_that_is_still_bad_is_a_new_rejected_message_with_the_first_body_and_key(core: Core, how: str) -> None:
    raw = b'{"make": "a toy"}'
    await core.receiver.receive(_delivery(raw, count=5), KINDS, _break)
    [first] = await _kept(core)
    await core.rejected.replay(first.id)
    [text] = await core.take(INTAKE)
    again = Delivery(INTAKE, "33333333-0000", text.encode(), START, 5)
    if how == "poisoned":
        await core.receiver.reject_poisoned(again)
    else:
        await core.receiver.receive(again, KINDS, _refuse if how == "refused" else _break)
    [second, kept] = await _kept(core)
    assert kept.id == first.id
    assert second.id != first.id
    assert (second.body, second.key, second.replayed_as) == (raw.decode(), "message 11111111-0000", None)
    assert second.may_have_been_accepted, "its first delivery may have been"


async def test_a_message_is_replayed_once(core: Core) -> None:
    await core.receiver.receive(_delivery(), KINDS, _refuse)
    [kept] = await _kept(core)
    await core.rejected.replay(kept.id)
    with pytest.raises(Refused) as refused:
        await core.rejected.replay(kept.id)
    assert refused.value.code is ErrorCode.ALREADY_REPLAYED
    for unknown in ("abc", "../x", "", "ä'b"):
        with pytest.raises(Refused) as refused:
            await core.rejected.replay(unknown)
        assert refused.value.code is ErrorCode.NOT_FOUND
    assert len(await core.take(INTAKE)) == 1


async def test_a_replay_of_what_is_not_kept_for_this_queue_is_rejected(core: Core) -> None:
    await core.receiver.receive(_delivery(), KINDS, _refuse)
    [kept] = await _kept(core)
    stray = json.dumps({"farshoreReplay": kept.id}).encode()
    await core.receiver.receive(_delivery(stray, message="4", queue="another-queue"), KINDS, _accepting(core))
    await core.receiver.receive(_delivery(b'{"farshoreReplay": "nothing"}', message="5"), KINDS, _accepting(core))
    assert [item.reason.code for item in await _kept(core)].count(ErrorCode.NOT_FOUND) == 2
    assert await core.take(STEPS) == []


SECRET = "Hunter2-abc"


async def test_a_message_from_which_a_secret_was_removed_cannot_be_replayed(core: Core) -> None:
    raw = json.dumps({"id": "m-8", "make": "a toy", "adminPassword": {"value": SECRET}}).encode()
    await core.receiver.receive(_delivery(raw, message="22222222-0000"), KINDS, _refuse)
    [kept] = await _kept(core)
    assert SECRET not in json.dumps([kept.as_json(), await core.outcomes()])
    with pytest.raises(Refused) as refused:
        await core.rejected.replay(kept.id)
    assert (refused.value.code, refused.value.problem.target) == (ErrorCode.NOT_REPLAYABLE, kept.id)
    assert await core.take(INTAKE) == []


async def test_a_refusal_that_may_pass_is_delivered_again(core: Core) -> None:
    async def unknown(_intake: Intake) -> None:
        raise Refused(ErrorCode.NOT_FOUND, "Data center '10042' was not found.", target="target", may_pass=True)

    with pytest.raises(Refused):
        await core.receiver.receive(_delivery(count=4), KINDS, unknown)
    assert await _kept(core) == []
    await core.receiver.receive(_delivery(count=5), KINDS, unknown)
    [kept] = await _kept(core)
    assert kept.reason.code == ErrorCode.NOT_FOUND


_SECRETS: list[dict[str, object]] = [
    {"adminPassword": SECRET},
    {"anything": {"value": SECRET}},
    {"publishSettings": f"<PublishData>{SECRET}</PublishData>"},
    {"storage": {"connectionString": f"AccountKey={SECRET}", "sas": SECRET}},
    {"deep": [{"clientSecret": SECRET}, {"sharedAccessKey": f'quoted "{SECRET}"'}]},
    {"password": {"value": SECRET}},
    {"passwords": [SECRET, {"more": [SECRET, 1234]}]},
    {"data": {"access_token": SECRET, "credentials": {"user": SECRET}}},
]


@pytest.mark.parametrize("body", _SECRETS)
@pytest.mark.parametrize("form", [bytes, base64.b64encode, base64.encodebytes], ids=["plain", "base64", "base64 in lines"])
def test_no_secret_stays_whatever_form_it_came_in(body: dict[str, object], form: Callable[[bytes], bytes]) -> None:
    kept, altered = without_secrets(form(json.dumps({"make": "a toy", **body}).encode()))
    assert altered
    assert SECRET not in kept
    assert json.loads(kept)["make"] == "a toy"


@pytest.mark.parametrize("body", _SECRETS[:5])
@pytest.mark.parametrize("form", [bytes, base64.b64encode], ids=["plain", "base64"])
def test_in_text_that_is_no_json_no_secret_stays_beside_its_name(body: dict[str, object], form: Callable[[bytes], bytes]) -> None:
    kept, altered = without_secrets(form(f"{json.dumps({'make': 'a toy', **body})[:-1]},".encode()))
    assert altered
    assert SECRET not in kept
    assert "a toy" in kept


def test_a_reference_to_a_vault_is_no_secret_and_a_text_without_secrets_stays_as_it_is() -> None:
    reference = '{ "adminPassword": {"keyVaultSecretId": "https://v/secrets/x", "version": 1}, "id": "m", "key": "k" }'
    assert json.loads(without_secrets(reference.encode())[0])["adminPassword"]["keyVaultSecretId"] == "https://v/secrets/x"
    text = '{ "make":  "a toy",\n "publicKey": "ssh-rsa x", "id": "m", "key": "k", "n": 1.50, "token": null }'
    assert without_secrets(text.encode()) == (text, False)
    encoded = base64.b64encode(text.encode())
    assert without_secrets(encoded) == (encoded.decode(), False)


@given(st.binary(max_size=400))
def test_removing_secrets_never_fails(raw: bytes) -> None:
    assert isinstance(without_secrets(raw)[0], str)


async def test_poison_queues_are_drained_what_others_sent_is_kept_and_our_own_hints_are_dropped(core: Core) -> None:
    poison = core.account.queues
    for number in range(40):
        await poison.send(f"{INTAKE}-poison", json.dumps({"id": f"p-{number}", "password": SECRET}))
    await poison.send(f"{INTAKE}-poison", "garbage")
    await poison.send(f"{STEPS}-poison", '{"ids": []}')
    assert await core.poisoned.drain() == 42
    kept = await _kept(core)
    assert len(kept) == 41
    assert all(item.may_have_been_accepted and item.reason.code == ErrorCode.INTERNAL_ERROR for item in kept)
    assert {item.queue for item in kept} == {INTAKE}, "it is replayed to the queue that it was sent to"
    assert not any(SECRET in item.body for item in kept)
    assert len(await core.outcomes()) == 41
    assert await core.poisoned.drain() == 0
    await core.rejected.replay(next(item.id for item in kept if item.body == "garbage"))
    assert len(await core.take(INTAKE)) == 1


async def test_a_poison_queue_that_was_never_made_is_empty(core: Core) -> None:
    from dataclasses import replace

    assert await replace(core.poisoned, intake=("never-made",)).drain() == 0


async def test_a_page_of_rejected_messages_is_one_range_read(core: Core, another: Another, proxy: StorageProxy) -> None:
    for number in range(12):
        await core.receiver.receive(_delivery(message=f"message-{number}"), KINDS, _refuse)
    process = another(proxy.connection_string)
    proxy.clear()
    kept, last = await process.rejected.page(10, None)
    assert (len(kept), last) == (10, kept[-1].id)
    assert len(proxy.requests) == 1
