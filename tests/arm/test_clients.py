"""The calls to Azure against a real server: what is repeated, what never is, and what each failure means."""

import asyncio
import gzip
import io
import json
import re

import pytest
from aiohttp import web

from shared.arm import api_versions
from shared.arm.answers import AnswerHook
from shared.arm.budget import BudgetKey, OperationType
from shared.arm.clients import AzureClients
from shared.arm.ids import ResourceId
from shared.arm.operations import last_segment
from shared.errors import CallFailure, FailureKind
from tests.arm.conftest import DATE, SUBSCRIPTION, Handler, LoopbackAzure, answering, losing_the_connection, settings_for

PATH = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/apps/providers/Microsoft.Compute/restorePointCollections/daily/restorePoints/monday"


EXPIRED = {"error": {"code": "ExpiredAuthenticationToken", "message": "The access token expiry is earlier than now."}}


POINT = {"id": PATH, "name": "monday", "properties": {"provisioningState": "Succeeded"}}


async def read(clients: AzureClients) -> object:
    return await clients.read(PATH, api_version="2026-04-01")


class TestRead:
    async def test_returns_the_body_and_what_the_headers_state(self, azure: LoopbackAzure, clients: AzureClients) -> None:
        azure.script = [answering(200, POINT, Date=DATE, Retry_After="30")]
        answer = await clients.read(ResourceId.parse(PATH), api_version="2026-04-01", params={"$expand": "instanceView"})
        assert answer.body == POINT
        assert answer.date is not None
        assert answer.date.isoformat() == "2026-03-03T10:00:00+00:00"
        assert answer.retry_after == 30
        (seen,) = azure.seen
        assert (seen.method, seen.path) == ("GET", PATH)
        assert seen.query == {"$expand": "instanceView", "api-version": "2026-04-01"}
        assert seen.headers["Authorization"] == "Bearer token-1"
        assert re.fullmatch("[0-9a-f-]{36}", seen.headers["x-ms-client-request-id"])

    async def test_understands_a_compressed_answer(self, azure: LoopbackAzure, clients: AzureClients) -> None:
        async def compressed(request: web.Request) -> web.Response:
            assert "gzip" in request.headers["Accept-Encoding"]
            return web.Response(body=gzip.compress(json.dumps(POINT).encode()), headers={"Content-Encoding": "gzip"})

        azure.script = [compressed]
        assert (await clients.read(PATH, api_version="1")).body == POINT

    @pytest.mark.parametrize("trouble", [answering(500), answering(503, None, Retry_After="0"), losing_the_connection])
    async def test_is_repeated_after_a_passing_trouble(self, azure: LoopbackAzure, clients: AzureClients, trouble: Handler) -> None:
        azure.script = [trouble, answering(200, POINT)]
        assert (await clients.read(PATH, api_version="1")).body == POINT

    async def test_is_repeated_twice_and_no_more(self, azure: LoopbackAzure, clients: AzureClients) -> None:
        azure.otherwise = answering(502, {"error": {"code": "BadGateway", "message": "no"}})
        with pytest.raises(CallFailure) as caught:
            await read(clients)
        assert len(azure.seen) == 3
        assert (caught.value.kind, caught.value.status, caught.value.code) == (FailureKind.IN_DOUBT, 502, "BadGateway")
        assert len({seen.headers["x-ms-client-request-id"] for seen in azure.seen}) == 1

    @pytest.mark.parametrize(("status", "kind"), [(429, FailureKind.THROTTLED), (503, FailureKind.THROTTLED)])
    async def test_never_sleeps_long(self, azure: LoopbackAzure, clients: AzureClients, status: int, kind: FailureKind) -> None:
        azure.otherwise = answering(status, {"error": {"code": "Busy", "message": "later"}}, Retry_After="17")
        with pytest.raises(CallFailure) as caught:
            await read(clients)
        assert len(azure.seen) == 1
        assert (caught.value.kind, caught.value.retry_after) == (kind, 17)

    async def test_ends_when_its_time_is_up(self, azure: LoopbackAzure, clients: AzureClients) -> None:
        gone = asyncio.Event()

        async def hanging(_: web.Request) -> web.Response:
            await gone.wait()
            return web.Response()

        azure.otherwise = hanging
        with pytest.raises(CallFailure) as caught:
            await clients.read(PATH, api_version="2026-04-01", timeout=0.2)
        gone.set()
        assert (caught.value.kind, caught.value.code) == (FailureKind.IN_DOUBT, "Timeout")

    async def test_follows_no_redirect(self, azure: LoopbackAzure, elsewhere: LoopbackAzure, clients: AzureClients) -> None:
        azure.otherwise = answering(307, None, Location=f"{elsewhere.url}{PATH}")
        with pytest.raises(CallFailure) as caught:
            await read(clients)
        assert caught.value.kind is FailureKind.REFUSED
        assert elsewhere.seen == []

    @pytest.mark.parametrize("body", ["<html>", "[1]", '"text"', '{"cut": ', "[" * 100_000])
    async def test_doubts_an_answer_that_it_cannot_read(self, azure: LoopbackAzure, clients: AzureClients, body: str) -> None:
        async def odd(_: web.Request) -> web.Response:
            return web.Response(text=body)

        azure.otherwise = odd
        with pytest.raises(CallFailure) as caught:
            await read(clients)
        assert (caught.value.kind, caught.value.code) == (FailureKind.IN_DOUBT, "UnreadableAnswer")

    @pytest.mark.parametrize("body", ["{}", "[1]", '{"value": []}'])
    async def test_doubts_a_list_that_is_no_array_of_objects(self, azure: LoopbackAzure, clients: AzureClients, body: str) -> None:
        async def odd(_: web.Request) -> web.Response:
            return web.Response(text=body)

        azure.otherwise = odd
        with pytest.raises(CallFailure) as caught:
            await clients.read_array(PATH, api_version="2026-04-01")
        assert (caught.value.kind, caught.value.code) == (FailureKind.IN_DOUBT, "UnreadableAnswer")

    @pytest.mark.parametrize(
        ("body", "names"), [('[{"name": "1.0.0"}]', ["1.0.0"]), ('[null, {"name": "1.0.0"}]', ["1.0.0"]), ("[]", []), ("null", [])]
    )
    async def test_reads_a_list_that_is_an_array(self, azure: LoopbackAzure, clients: AzureClients, body: str, names: list[str]) -> None:
        async def versions(_: web.Request) -> web.Response:
            return web.Response(text=body)

        azure.otherwise = versions
        assert [one["name"] for one in await clients.read_array(PATH, api_version="2026-04-01")] == names

    @pytest.mark.parametrize("path", ["", "subscriptions", "//evil.example/x", "/a/../b", "/a?b=c", "/a#b", "/a%2e", "/a\\b", "/a\nb"])
    async def test_takes_no_path_that_could_mean_something_else(self, azure: LoopbackAzure, clients: AzureClients, path: str) -> None:
        with pytest.raises(ValueError, match="path"):
            await clients.read(path, api_version="1")
        assert azure.seen == []


class TestWrite:
    async def test_sends_its_body_and_request_id(self, azure: LoopbackAzure, clients: AzureClients) -> None:
        azure.script = [answering(201, POINT, Date=DATE)]
        answer = await clients.write("PUT", PATH, api_version="1", body={"properties": {}}, request_id="my-request")
        assert (answer.status, answer.body) == (201, POINT)
        (seen,) = azure.seen
        assert json.loads(seen.body) == {"properties": {}}
        assert seen.headers["x-ms-client-request-id"] == "my-request"
        assert seen.headers["Content-Type"] == "application/json"

    async def test_takes_an_empty_answer(self, azure: LoopbackAzure, clients: AzureClients) -> None:
        azure.script = [answering(202, None, Location=f"{azure.url}{PATH}/operationresults/job-7?api-version=1")]
        answer = await clients.write("POST", f"{PATH}/plannedFailover", api_version="1", body={})
        assert answer.body == {}
        assert last_segment(answer.headers["location"]) == "job-7"

    @pytest.mark.parametrize("method", ["PUT", "POST", "PATCH", "DELETE"])
    @pytest.mark.parametrize("trouble", [answering(500), answering(503), losing_the_connection])
    async def test_is_never_sent_again(self, azure: LoopbackAzure, clients: AzureClients, method: str, trouble: Handler) -> None:
        await read(clients)  # leaves a connection open, on which aiohttp would repeat a PUT by itself
        await clients.write("PUT", PATH, api_version="1", body={})
        azure.seen.clear()
        azure.otherwise = trouble
        with pytest.raises(CallFailure) as caught:
            await clients.write(method, PATH, api_version="1", body={})
        assert len(azure.seen) == 1
        assert caught.value.kind is FailureKind.IN_DOUBT
        assert not caught.value.definite

    async def test_to_a_closed_port_was_never_sent(self, azure: LoopbackAzure, clients: AzureClients) -> None:
        await read(clients)
        closed = AzureClients(settings_for(azure).model_copy(update={"resource_manager_url": "http://127.0.0.1:9"}))
        with pytest.raises(CallFailure) as caught:
            await closed.write("PUT", PATH, api_version="1", body={})
        await closed.aclose()
        assert (caught.value.kind, caught.value.code) == (FailureKind.THROTTLED, "NotSent")
        assert caught.value.definite

    @pytest.mark.usefixtures("clients")  # and the identity that they set up
    async def test_that_found_no_free_slot_in_time_was_never_sent(self, azure: LoopbackAzure) -> None:
        arrived, release = asyncio.Event(), asyncio.Event()

        async def waiting(_: web.Request) -> web.Response:
            arrived.set()
            await release.wait()
            return web.json_response({})

        azure.otherwise = waiting
        narrow = AzureClients(settings_for(azure, calls_in_flight=1))
        first = asyncio.create_task(narrow.read(PATH, api_version="1"))
        await arrived.wait()
        with pytest.raises(CallFailure) as caught:
            await narrow.write("PUT", PATH, api_version="1", body={}, timeout=0.1)
        release.set()
        await first
        await narrow.aclose()
        assert (caught.value.kind, caught.value.code) == (FailureKind.THROTTLED, "NotSent")
        assert [seen.method for seen in azure.seen] == ["GET"]


class TestCallsInFlight:
    @pytest.mark.usefixtures("clients")  # and the identity that they set up
    async def test_never_exceed_their_number(self, azure: LoopbackAzure) -> None:
        at_once = most = 0

        async def counting(_: web.Request) -> web.Response:
            nonlocal at_once, most
            at_once += 1
            most = max(most, at_once)
            await asyncio.sleep(0.005)
            at_once -= 1
            return web.json_response({})

        azure.otherwise = counting
        four = AzureClients(settings_for(azure, calls_in_flight=4))
        compute = await four.compute(SUBSCRIPTION)
        await asyncio.gather(
            *(four.read(PATH, api_version="1") for _ in range(20)),
            *(four.call(compute.restore_points.get("apps", "daily", "monday")) for _ in range(20)),
        )
        await four.aclose()
        assert most == 4


class TestSdkClients:
    async def test_are_made_once_for_each_subscription(self, clients: AzureClients) -> None:
        first, again = await asyncio.gather(clients.compute(SUBSCRIPTION), clients.compute(SUBSCRIPTION.upper()))
        other = await clients.compute(SUBSCRIPTION.replace("1", "2"))
        assert first is again
        assert other is not first
        assert await clients.site_recovery(SUBSCRIPTION) is await clients.site_recovery(SUBSCRIPTION)

    async def test_send_the_api_versions_that_our_own_reads_send(self, azure: LoopbackAzure, clients: AzureClients) -> None:
        compute = await clients.compute(SUBSCRIPTION)
        recovery = await clients.site_recovery(SUBSCRIPTION)
        await compute.restore_points.get("apps", "daily", "monday", expand="instanceView")
        await compute.virtual_machines.get("apps", "web01")
        await compute.disks.get("apps", "disk")
        await recovery.replication_jobs.get("apps", "vault", "job")
        versions = [seen.query["api-version"] for seen in azure.seen]
        assert versions == [api_versions.COMPUTE_RESTORE_POINTS, api_versions.COMPUTE, api_versions.DISKS, api_versions.SITE_RECOVERY]

    async def test_start_a_copy_with_one_put(self, azure: LoopbackAzure, clients: AzureClients) -> None:
        azure.script = [answering(201, POINT, Date=DATE, Azure_AsyncOperation=f"{azure.url}/operations/1", Location=f"{azure.url}/x")]
        compute = await clients.compute(SUBSCRIPTION)
        hook = AnswerHook()
        body = io.BytesIO(json.dumps({"properties": {"sourceRestorePoint": {"id": PATH}}}).encode())
        await clients.call(
            compute.restore_points.begin_create(
                "apps", "daily", "monday", body, polling=False, retry_total=0, request_id="mine", raw_response_hook=hook
            )
        )
        assert [seen.method for seen in azure.seen] == ["PUT"]
        assert azure.seen[0].headers["x-ms-client-request-id"] == "mine"
        assert hook.status == 201
        assert hook.date is not None
        assert hook.date.isoformat() == "2026-03-03T10:00:00+00:00"
        assert hook.operation_url == f"{azure.url}/operations/1"

    async def test_start_a_failover_whose_answer_is_empty(self, azure: LoopbackAzure, clients: AzureClients) -> None:
        azure.script = [answering(202, None, Date=DATE, Location=f"{azure.url}/item/operationresults/job-1?api-version=1")]
        recovery = await clients.site_recovery(SUBSCRIPTION)
        hook = AnswerHook()
        await clients.call(
            recovery.replication_protected_items.begin_planned_failover(
                "apps", "vault", "fabric", "container", "item", {"properties": {}}, polling=False, retry_total=0, raw_response_hook=hook
            )
        )
        assert last_segment(hook.headers["Location"]) == "job-1"
        assert len(azure.seen) == 1

    @pytest.mark.parametrize("trouble", [answering(500), answering(503), losing_the_connection])
    async def test_send_no_write_again(self, azure: LoopbackAzure, clients: AzureClients, trouble: Handler) -> None:
        compute = await clients.compute(SUBSCRIPTION)
        await clients.call(compute.restore_point_collections.create_or_update("apps", "daily", io.BytesIO(b'{"location": "x"}')))
        azure.seen.clear()
        azure.otherwise = trouble
        for write in (
            compute.restore_point_collections.create_or_update("apps", "daily", io.BytesIO(b'{"location": "x"}')),
            compute.restore_points.begin_delete("apps", "daily", "monday", polling=False),
        ):
            with pytest.raises(CallFailure) as caught:
                await clients.call(write)
            assert caught.value.kind is FailureKind.IN_DOUBT
        assert [seen.method for seen in azure.seen] == ["PUT", "DELETE"]

    async def test_register_no_provider_by_themselves(self, azure: LoopbackAzure, clients: AzureClients) -> None:
        azure.otherwise = answering(409, {"error": {"code": "MissingSubscriptionRegistration", "message": "register it"}})
        compute = await clients.compute(SUBSCRIPTION)
        with pytest.raises(CallFailure) as caught:
            await clients.call(compute.restore_points.get("apps", "daily", "monday"))
        assert (caught.value.kind, caught.value.code) == (FailureKind.REFUSED, "MissingSubscriptionRegistration")
        assert len(azure.seen) == 1

    async def test_follow_no_link_to_another_host(self, azure: LoopbackAzure, elsewhere: LoopbackAzure, clients: AzureClients) -> None:
        azure.otherwise = answering(200, {"value": [{"id": PATH}], "nextLink": f"{elsewhere.url}/more"})
        compute = await clients.compute(SUBSCRIPTION)
        with pytest.raises(CallFailure) as caught:
            async for _ in compute.restore_point_collections.list_all():
                pass
        assert caught.value.code == "ForeignHost"
        assert elsewhere.seen == []

    async def test_wait_for_an_operation_to_its_end(self, azure: LoopbackAzure, clients: AzureClients) -> None:
        azure.script = [
            answering(202, None, Azure_AsyncOperation=f"{azure.url}/subscriptions/{SUBSCRIPTION}/operations/1", Retry_After="0"),
            answering(200, {"status": "InProgress"}, Retry_After="0"),
            answering(200, {"status": "Succeeded"}),
        ]
        compute = await clients.compute(SUBSCRIPTION)
        poller = await compute.restore_points.begin_delete("apps", "daily", "monday", polling_interval=0)
        await poller.result()
        assert [seen.method for seen in azure.seen][:3] == ["DELETE", "GET", "GET"]


class TestARefusedToken:
    """401: nothing began. The call is sent once more with a new token, a write as well."""

    async def test_is_replaced_at_once(self, azure: LoopbackAzure, clients: AzureClients) -> None:
        azure.script = [answering(401, EXPIRED), answering(201, POINT)]
        answer = await clients.write("PUT", PATH, api_version="1", body={"a": 1})
        assert answer.status == 201
        assert [seen.headers["Authorization"] for seen in azure.seen] == ["Bearer token-1", "Bearer token-2"]
        assert [json.loads(seen.body) for seen in azure.seen] == [{"a": 1}] * 2

    async def test_is_replaced_for_the_sdk_too(self, azure: LoopbackAzure, clients: AzureClients) -> None:
        azure.script = [answering(401, EXPIRED, WWW_Authenticate='Bearer error="invalid_token"'), answering(201, POINT)]
        compute = await clients.compute(SUBSCRIPTION)
        await clients.call(compute.restore_points.begin_create("apps", "daily", "monday", io.BytesIO(b"{}"), polling=False))
        assert [seen.headers["Authorization"] for seen in azure.seen] == ["Bearer token-1", "Bearer token-2"]

    async def test_is_replaced_once_for_many_calls(self, azure: LoopbackAzure, clients: AzureClients) -> None:
        async def by_token(request: web.Request) -> web.StreamResponse:
            refused = request.headers["Authorization"] == "Bearer token-1"
            return await (answering(401, EXPIRED) if refused else answering(200, POINT))(request)

        azure.otherwise = by_token
        await asyncio.gather(*(clients.read(PATH, api_version="1") for _ in range(20)))
        assert len(azure.token_requests) == 2

    async def test_that_stays_refused_is_a_failed_attempt(self, azure: LoopbackAzure, clients: AzureClients) -> None:
        azure.otherwise = answering(401, EXPIRED)
        with pytest.raises(CallFailure) as caught:
            await clients.write("PUT", PATH, api_version="1", body={})
        assert len(azure.seen) == 2
        assert (caught.value.code, caught.value.definite, caught.value.asks_to_wait) == ("ExpiredAuthenticationToken", True, False)


class TestBudgets:
    async def test_are_learned_from_every_answer(self, azure: LoopbackAzure, clients: AzureClients) -> None:
        azure.script = [
            answering(200, {}, x_ms_ratelimit_remaining_subscription_reads="249", Date=DATE),
            answering(200, {}, x_ms_ratelimit_remaining_subscription_reads="248", Date=DATE),
            answering(201, {}, x_ms_ratelimit_remaining_subscription_writes="199"),
            answering(429, {}, Retry_After="12"),
        ]
        compute = await clients.compute(SUBSCRIPTION)
        await read(clients)
        await compute.restore_points.get("apps", "daily", "monday")
        await clients.write("PUT", PATH, api_version="1", body={})
        with pytest.raises(CallFailure):
            await clients.write("DELETE", PATH, api_version="1")
        found = {observation.key: observation for observation in clients.take_observations()}
        reads, writes, deletes = (found[BudgetKey("system", SUBSCRIPTION, kind)] for kind in OperationType)
        assert (reads.remaining, reads.retry_after) == (248, None)
        assert writes.remaining == 199
        assert (deletes.remaining, deletes.retry_after) == (0, 12)
        assert clients.take_observations() == []
