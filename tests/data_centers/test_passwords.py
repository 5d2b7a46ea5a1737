"""The password of a data center's user: shown once, to the holder of its link, and written nowhere."""

import base64
import json
from datetime import timedelta
from urllib.parse import quote

from tests.data_centers.bench import Bench, bench
from tests.data_centers.documents import TENANT, order
from tests.support.api import Reply
from tests.support.secrets import OWN


def link_of(app: Bench) -> str:
    """Return what follows the # of the newest event's link."""
    shown = [event["data"]["result"]["welcome"]["secretUrl"] for event in app.events if "welcome" in (event["data"]["result"] or {})]
    address, _, token = shown[-1].partition("#")
    assert address == "https://farshore.example/api/one-time-secrets"
    return str(token)


async def opened(app: Bench, token: str) -> Reply:
    """Press the button of the page."""
    return await app.request("POST", "/one-time-secrets", {"token": token}, caller=())


async def test_a_link_shows_the_password_once_and_its_page_shows_nothing() -> None:
    async with bench() as app:
        await app.until_ended(await app.place())
        token = link_of(app)
        page = await app.request("GET", "/one-time-secrets", caller=())
        assert (page.status, page.headers["cache-control"]) == (200, "no-store")
        assert "http" not in page.body.replace("http-equiv", ""), "the page has no outside parts"
        assert (await app.shown())["secret"]["state"] == "waiting"
        first = await opened(app, token)
        assert (first.status, set(first.body)) == (200, {"userName", "password", "portalUrl"})
        assert first.body["password"] == app.row("accounts", "ada@northwind.example")["password"]
        again = await opened(app, token)
        assert (again.status, again.code) == (410, "SecretGone")
        assert (await app.shown())["secret"]["state"] == "revealed"
        assert not [name for name in app.vaults.names() if "-password" in name]


async def test_a_wrong_link_is_not_known() -> None:
    async with bench() as app:
        await app.until_ended(await app.place())
        token = link_of(app)
        operation, _, proof = token.partition(".")
        for wrong in (operation, f"{operation}.", f"{operation}.{proof[:-1]}", f"{'a' * 26}.{proof}", "", "x" * 500):
            reply = await opened(app, wrong)
            assert (reply.status, reply.code) == (404, "NotFound"), wrong
        assert (await opened(app, token)).status == 200


async def test_a_link_ends_with_its_time_and_with_a_new_secret() -> None:
    async with bench() as app:
        await app.until_ended(await app.place())
        first = link_of(app)
        (operation,) = await app.until_ended(await app.act("new-secret"))
        assert (operation["status"], operation["action"]) == ("Succeeded", "newSecret")
        assert (await opened(app, first)).code == "SecretGone"
        second = link_of(app)
        assert second != first
        app.platform.clock.move(timedelta(days=8))
        assert (await opened(app, second)).code == "SecretGone"
        for job in app.runtime.timers:
            await job()
        assert (await app.shown())["secret"]["state"] == "expired"
        assert not [name for name in app.vaults.names() if "-password" in name]


async def test_a_repeated_announcement_has_the_same_link() -> None:
    async with bench() as app:
        app.kill_at("announce.sent")
        await app.until_ended(await app.place())
        await app.advance(timedelta(minutes=10))
        links = {event["data"]["result"]["welcome"]["secretUrl"] for event in app.events}
        assert (len(app.events), len(links)) == (2, 1)


async def test_a_given_password_is_copied_and_the_incoming_one_is_left() -> None:
    async with bench() as app:
        app.vaults.add(f"{OWN}/secrets/incoming-10042", "Given-Passw0rd!", {"tenant": TENANT})
        app.vaults.add(f"{OWN}/secrets/incoming-theirs", "Other-Passw0rd!", {"tenant": "contoso"})
        refused = await app.place(user={"name": "ada@example.com", "password": {"keyVaultSecretId": f"{OWN}/secrets/incoming-theirs"}})
        assert (refused.status, refused.code) == (404, "NotFound")
        await app.until_ended(
            await app.place(user={"name": "ada@example.com", "password": {"keyVaultSecretId": f"{OWN}/secrets/incoming-10042"}})
        )
        assert app.row("accounts", "ada@example.com")["password"] == "Given-Passw0rd!"
        assert "incoming-10042" in app.vaults.names()


async def test_no_password_is_written_anywhere() -> None:
    async with bench() as app:
        plain = "Marked-Secret-31!"
        placed = await app.place(user={"name": "ada@example.com", "password": {"value": plain}})
        assert placed.status == 202, placed
        await app.until_ended(placed)
        token = link_of(app)
        made = [plain, app.vaults.value("one-time-link-key")]
        written = json.dumps(
            [list(map(str, table.rows.values())) for table in app.storage.tables.values()]
            + [app.effects(), (await app.operation(placed)), (await app.shown())]
        )
        events = json.dumps(app.events)
        for secret in made:
            for form in (secret, base64.b64encode(secret.encode()).decode(), quote(secret)):
                assert form not in written
                assert form not in events
        assert token.partition(".")[2] not in written, "nothing that is stored opens the link"
        assert (await opened(app, token)).body["password"] == plain


async def test_without_an_accounts_service_there_is_no_link_and_no_password_is_taken() -> None:
    from tests.data_centers.documents import installation

    async with bench(document=installation(accounts={"mode": "none"})) as app:
        refused = await app.place(user={"name": "ada@example.com", "password": {"value": "Marked-Secret-31!"}})
        assert (refused.status, refused.target) == (400, "user.password")
        await app.until_ended(await app.place())
        (event,) = app.events
        assert event["data"]["result"]["welcome"]["secretUrl"] is None
        renewing = await app.act("new-secret")
        assert (renewing.status, renewing.code) == (409, "NotOffered")
        assert (await app.shown())["secret"] == {"state": "none", "expiresAt": None}
        assert order()["plan"] == "Gold"
