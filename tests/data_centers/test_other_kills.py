"""Killed at each crash point, and with lost answers, while a password is renewed and while a subscription is taken over."""

from contextlib import suppress
from datetime import timedelta

import pytest

from local.simulation.azure_pack.sample import SUBSCRIPTION
from tests.data_centers.bench import Bench, KilledError, bench
from tests.data_centers.documents import TENANT, Json
from tests.support.api import Reply

POINTS = (
    "accept.written", "accept.queued", "step.claimed", "step.intended", "step.sent", "finish.written", "announce.released", "announce.sent",
    "announce.removed",
)  # fmt: skip
KILLS = (1, 2)
"""At which of the times that the point is reached the process is killed."""
KEY = {"Repeatability-Request-ID": "4f3c5d2e-8a53-4a7e-9d0c-3f9f1c1f5a13"}
ONE = f"/tenants/{TENANT}/data-centers"


async def again(app: Bench, method: str, path: str, body: object = None) -> Reply:
    """Send a request twice under one key, also when the process of the first is killed."""
    with suppress(KilledError):  # before it answered
        await app.request(method, path, body, headers=KEY)
    return await app.request(method, path, body, headers=KEY)


@pytest.mark.parametrize("point", POINTS)
async def test_killed_at_each_point_a_password_is_renewed_once_and_its_one_link_opens(point: str) -> None:
    async with bench() as app:
        await app.until_ended(await app.place())
        before = app.row("accounts", "ada@northwind.example")["password"]
        for times in KILLS:
            app.kill_at(point, times)
        reply = await again(app, "POST", f"{ONE}/10042/new-secret")
        [ended] = await app.until_ended(reply)
        await app.advance(timedelta(minutes=5))
        assert (ended["status"], ended["action"]) == ("Succeeded", "newSecret"), ended
        after = app.row("accounts", "ada@northwind.example")["password"]
        assert after != before
        links = {_link(one) for one in app.events if one["data"]["action"] == "newSecret" and one["id"].endswith("/terminal")}
        assert len(links) == 1, "a repeated announcement has the same link"
        token = links.pop().partition("#")[2]
        opened = await app.request("POST", "/one-time-secrets", {"token": token}, caller=())
        assert (opened.status, opened.body["password"]) == (200, after)
        assert not [name for name in app.vaults.names() if "-password" in name]
        assert len(app.armed) < len(KILLS), "it was killed"


@pytest.mark.parametrize("point", [*POINTS[:3], *POINTS[5:]])
async def test_killed_at_each_point_a_subscription_is_taken_over_once_and_nothing_is_written_to_azure_pack(point: str) -> None:
    async with bench() as app:
        for times in KILLS:
            app.kill_at(point, times)
        reply = await again(app, "PUT", f"{ONE}/old", {"adopt": {"subscriptionId": SUBSCRIPTION, "addOnId": "northwind"}})
        [ended] = await app.until_ended(reply)
        await app.advance(timedelta(minutes=5))
        assert ended["status"] == "Succeeded", ended
        assert app.effects() == []
        outcomes = {one["id"] for one in app.events if one["id"].endswith("/terminal")}
        assert len(outcomes) == 1
        assert (await app.shown("old"))["subscriptionId"] == SUBSCRIPTION
        assert len(app.armed) < len(KILLS), "it was killed"


@pytest.mark.parametrize("kind", ["lostResponse", "errorAfterEffect", "error"])
async def test_with_answers_of_the_accounts_service_that_are_lost_one_password_is_in_force(kind: str) -> None:
    async with bench() as app:
        await app.until_ended(await app.place())
        more: Json = {} if kind == "lostResponse" else {"status": 500}
        app.fault(kind, method="PUT", service="azurePack.accounts", times=3, **more)
        [ended] = await app.until_ended(await app.act("new-secret"))
        assert ended["status"] == "Succeeded", ended
        token = _link(app.events[-1]).partition("#")[2]
        opened = await app.request("POST", "/one-time-secrets", {"token": token}, caller=())
        assert opened.body["password"] == app.row("accounts", "ada@northwind.example")["password"]


@pytest.mark.parametrize("kind", ["lostResponse", "error"])
async def test_with_reads_that_are_lost_a_subscription_is_taken_over(kind: str) -> None:
    async with bench() as app:
        more: Json = {} if kind == "lostResponse" else {"status": 500}
        app.fault(kind, method="GET", service="azurePack.admin", times=4, **more)
        reply = await app.request("PUT", f"{ONE}/old", {"adopt": {"subscriptionId": SUBSCRIPTION}})
        [ended] = await app.until_ended(reply)
        assert ended["status"] == "Succeeded", ended
        assert app.effects() == []


def _link(event: Json) -> str:
    return str(event["data"]["result"]["welcome"]["secretUrl"])
