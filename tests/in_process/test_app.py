"""The in-process app as a test uses it directly: its time moves only by `advance`, and nothing is done in between."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest_asyncio

from local.azurite import Azurite
from shared.clock import from_text
from tests.support.app import InProcessApp
from tests.support.clocks import START, SequenceIds

ROLES = ("Copies.Read", "Copies.Write")


@pytest_asyncio.fixture
async def app(empty_azurite: Azurite) -> AsyncIterator[InProcessApp]:
    """An app with the sample estate at a moment of its own, whose identifiers count."""
    async with InProcessApp.start(empty_azurite.connection_string, now=START, ids=SequenceIds(7)) as one:
        yield one


async def start_copy(app: InProcessApp, token: str) -> str:
    """Ask for a copy of contoso's newest restore point, and return the path of the copy."""
    collections = (await app.azure.estate())["restorePointCollections"]
    point = next(each for each in collections if "/contoso-production/" in each["id"])["restorePoints"][-1]["id"]
    body = {"source": {"restorePointId": point}, "target": {"region": "northeurope", "resourceGroup": "contoso-recovery"}}
    reply = await app.request("POST", "/restore-point-copies", body, token=token)
    assert reply.status == 202, reply
    return f"/restore-point-copies/{reply.body['id']}"


async def test_a_copy_ends_when_the_test_moves_the_time(app: InProcessApp) -> None:
    token = await app.azure.token(*ROLES, tenant="contoso")
    copy = await start_copy(app, token)

    async def read() -> Any:
        return (await app.request("GET", copy, token=token)).body

    assert (await read())["status"] == "NotStarted", "nothing is done before the test says so"
    await app.run_until_idle()
    assert (await read())["status"] == "Running"
    assert app.clock.now() == START
    await app.restart()
    await app.advance(timedelta(hours=12))
    ended = await read()
    assert (ended["status"], ended["usable"]) == ("Succeeded", True)
    assert app.clock.now() == START + timedelta(hours=12)
    assert len([effect for effect in await app.azure.effects() if "/restorePoints/" in effect["path"]]) == 1


async def test_identifiers_and_wall_time_are_the_tests(app: InProcessApp) -> None:
    admin = await app.azure.token("Admin", tenant="provider")
    before = (await app.request("GET", "/health", token=admin)).body["details"]["clock"]
    app.clock.advance_wall(timedelta(hours=3))
    reply = await app.request("GET", "/health", token=admin)
    assert reply.headers["x-ms-request-id"].startswith("00000007-0000-4000-8000-")
    assert reply.body["details"]["clock"]["now"] == before["now"]
    assert from_text(reply.body["details"]["clock"]["wall"]) - from_text(before["wall"]) >= timedelta(hours=3)
