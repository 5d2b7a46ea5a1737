"""Faults on demand: what the caller sees, and what took effect."""

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from local.simulation.client import SimulationError
from tests.local.simulated import Azure, azure_running

LOST = (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError)


@pytest.fixture
async def azure() -> AsyncIterator[Azure]:
    async with azure_running() as running:
        yield running


async def copies(azure: Azure) -> list[str]:
    """Return the names of the restore points whose PUT took effect."""
    return [effect["path"].rsplit("/", 1)[1] for effect in await azure.control.effects() if "/restorePoints/" in effect["path"]]


async def test_throttle_answers_429_without_an_effect_as_often_as_asked(azure: Azure) -> None:
    source = await azure.collection()
    target = await azure.target(source)
    await azure.control.add_fault("throttle", method="PUT", path="restorePoints/", retryAfter=123, times=2)
    for _ in range(2):
        refused = await azure.copy(target, "a", source["restorePoints"][0]["id"])
        assert (refused.status, refused.headers["Retry-After"]) == (429, "123")
    assert await copies(azure) == []
    assert (await azure.copy(target, "a", source["restorePoints"][0]["id"])).status == 201


async def test_an_error_comes_without_and_after_the_effect(azure: Azure) -> None:
    source = await azure.collection()
    target = await azure.target(source)
    await azure.control.add_fault("error", path="restorePoints/a$", status=503)
    await azure.control.add_fault("errorAfterEffect", path="restorePoints/a$", status=500)
    assert (await azure.copy(target, "a", source["restorePoints"][0]["id"])).status == 503
    assert await copies(azure) == []
    assert (await azure.copy(target, "a", source["restorePoints"][0]["id"])).status == 500
    assert await copies(azure) == ["a"]
    assert (await azure.control.effects())[-1]["status"] == 201, "the effect holds what Azure did, not what the caller saw"
    assert (await azure.call("GET", f"{target}/restorePoints/a")).status == 200


async def test_a_lost_response_closes_the_connection_after_the_effect(azure: Azure) -> None:
    source = await azure.collection()
    target = await azure.target(source)
    await azure.control.add_fault("lostResponse", method="PUT", path="restorePoints/")
    with pytest.raises(LOST):
        await azure.copy(target, "a", source["restorePoints"][0]["id"], request_id="lost-one")
    assert await copies(azure) == ["a"]
    assert (await azure.control.effects())[-1]["clientRequestId"] == "lost-one"


async def test_a_timeout_holds_the_connection_without_an_effect(azure: Azure) -> None:
    source = await azure.collection()
    target = await azure.target(source)
    await azure.control.add_fault("timeout", method="PUT", path="restorePoints/")
    token = await azure.control.identity_token()
    began = time.monotonic()
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=0.4)) as session:
        with pytest.raises(asyncio.TimeoutError):
            await session.put(
                f"{azure.url}{target}/restorePoints/a?api-version=2024-07-01",
                json={"properties": {"sourceRestorePoint": {"id": source["restorePoints"][0]["id"]}}},
                headers={"Authorization": f"Bearer {token}"},
            )
    assert time.monotonic() - began >= 0.4
    assert await copies(azure) == []


async def test_a_late_effect_lands_at_its_time(azure: Azure) -> None:
    source = await azure.collection()
    target = await azure.target(source)
    began = (await azure.control.clock()).now
    await azure.control.add_fault("lateEffect", method="PUT", path="restorePoints/", delay="PT5M")
    with pytest.raises(LOST):
        await azure.copy(target, "a", source["restorePoints"][0]["id"])
    await azure.control.advance("PT4M59S")
    assert await copies(azure) == []
    await azure.control.advance("PT1H")
    assert await copies(azure) == ["a"]
    assert (await azure.control.effects())[-1]["time"] == began.strftime("%Y-%m-%dT%H:05:00.000000Z")
    assert await azure.progress(f"{target}/restorePoints/a") == ("succeeded", [100, 100]), "it has run since it landed"


async def test_a_late_effect_that_is_not_allowed_any_more_is_dropped(azure: Azure) -> None:
    source = await azure.collection()
    target = await azure.target(source)
    first, second, _ = [point["id"] for point in source["restorePoints"]]
    await azure.control.add_fault("lateEffect", method="PUT", path="restorePoints/late", delay="PT2H")
    with pytest.raises(LOST):
        await azure.copy(target, "late", first)
    assert (await azure.copy(target, "newer", second)).status == 201
    await azure.control.advance("PT3H")
    assert await copies(azure) == ["newer"], "the chain has moved on, so Azure refuses the older one"
    assert (await azure.call("GET", f"{target}/restorePoints/late")).status == 404


async def test_faults_are_asked_in_order_and_only_for_what_they_match(azure: Azure) -> None:
    source = await azure.collection()
    await azure.control.add_fault("error", method="GET", path="restorePointCollections/[^/]+$", status=502, principal="operator")
    await azure.control.add_fault("error", method="GET", path="restorePointCollections/[^/]+$", status=503)
    assert (await azure.call("GET", source["id"], principal="farshore")).status == 503
    assert (await azure.call("GET", source["id"], principal="operator")).status == 502
    assert (await azure.call("GET", source["id"], principal="operator")).status == 200
    assert [fault["remaining"] for fault in await azure.control.faults()] == [0, 0]
    await azure.control.clear_faults()
    assert await azure.control.faults() == []


async def test_a_rate_comes_out_the_same_for_the_same_seed(azure: Azure) -> None:
    source = await azure.collection()
    runs = []
    for seed in (7, 7, 8):
        await azure.control.clear_faults()
        await azure.control.add_fault("error", path="restorePointCollections", rate=0.3, seed=seed)
        runs.append([(await azure.call("GET", source["id"])).status for _ in range(60)])
    assert runs[0] == runs[1]
    assert runs[0] != runs[2]
    assert 5 <= runs[0].count(500) <= 32


async def test_the_path_is_matched_without_its_query(azure: Azure) -> None:
    source = await azure.collection()
    await azure.control.add_fault("error", path="instanceView")
    await azure.control.add_fault("error", path=r"restorePoints/[^/?]+$", status=504)
    point = source["restorePoints"][0]["id"]
    assert (await azure.call("GET", point, _expand="instanceView")).status == 504


async def test_a_fault_that_nothing_can_be_made_of_is_refused(azure: Azure) -> None:
    for fault, options in (("explode", {}), ("error", {"rate": 2}), ("error", {"path": "("}), ("lateEffect", {"delay": "soon"})):
        with pytest.raises(SimulationError) as refused:
            await azure.control.add_fault(fault, **options)
        assert refused.value.status == 400
    assert await azure.control.faults() == []


@pytest.mark.parametrize(
    ("fault", "options"),
    [
        ("error", {"status": 9999}),
        ("errorAfterEffect", {"status": "503"}),
        ("throttle", {"retryAfter": "soon"}),
        ("throttle", {"retryAfter": -1}),
        ("failCopy", {"diskIndex": "first"}),
    ],
)
async def test_a_number_that_is_none_is_refused_with_its_member(azure: Azure, fault: str, options: dict[str, Any]) -> None:
    with pytest.raises(SimulationError, match=f"{next(iter(options))}: must be a number") as refused:
        await azure.control.add_fault(fault, **options)
    assert refused.value.status == 400
    assert await azure.control.faults() == []
