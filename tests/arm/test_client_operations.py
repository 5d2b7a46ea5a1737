"""Operations of Azure and lists against a real server: their states, their errors, their pages."""

from typing import Any

import pytest

from shared.arm.answers import ArmResponse
from shared.arm.clients import AzureClients
from shared.arm.operations import OperationState, error_of_operation, read_operation
from shared.errors import CallFailure, FailureKind, Problem
from tests.arm.conftest import SUBSCRIPTION, LoopbackAzure, answering

PATH = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/apps/providers/Microsoft.Compute/restorePointCollections/daily/restorePoints/monday"


class TestTheErrorOfAnOperation:
    """The reason of a failure that came after the 201, read by the URL that the start gave."""

    async def read(self, azure: LoopbackAzure, clients: AzureClients) -> Problem | None:
        return await error_of_operation(clients, f"{azure.url}/subscriptions/{SUBSCRIPTION}/operations/1")

    async def test_is_azures_own(self, azure: LoopbackAzure, clients: AzureClients) -> None:
        error = {"code": "VMAgentStatusCommunicationError", "message": "no agent", "details": None}
        azure.otherwise = answering(200, {"status": "FAILED", "error": error})
        assert await self.read(azure, clients) == Problem("VMAgentStatusCommunicationError", "no agent")

    async def test_may_be_the_answer_of_a_location(self, azure: LoopbackAzure, clients: AzureClients) -> None:
        azure.otherwise = answering(409, {"error": {"code": "DiskInUse", "message": "no"}})
        assert await self.read(azure, clients) == Problem("DiskInUse", "no")

    @pytest.mark.parametrize("body", [{}, {"status": "Succeeded"}, {"status": "InProgress", "error": None}])
    async def test_is_none_where_azure_has_none(self, azure: LoopbackAzure, clients: AzureClients, body: object) -> None:
        azure.otherwise = answering(200, body)
        assert await self.read(azure, clients) is None

    async def test_is_read_in_any_case(self, azure: LoopbackAzure, clients: AzureClients) -> None:
        azure.otherwise = answering(200, {"Status": " failed ", "Properties": {"Error": {"Code": "DiskInUse", "Message": "no"}}})
        assert await self.read(azure, clients) == Problem("DiskInUse", "no")

    async def test_is_read_at_our_own_host_where_the_link_names_a_region(self, azure: LoopbackAzure, clients: AzureClients) -> None:
        azure.otherwise = answering(200, {"status": "Failed", "error": {"code": "Regional", "message": "no"}})
        url = f"{azure.url.replace('://', '://westeurope.')}/subscriptions/{SUBSCRIPTION}/operations/1"
        assert await error_of_operation(clients, url) == Problem("Regional", "no")

    async def test_is_none_for_a_forgotten_operation(self, azure: LoopbackAzure, clients: AzureClients) -> None:
        azure.otherwise = answering(404)
        assert await self.read(azure, clients) is None
        assert await error_of_operation(clients, None) is None

    async def test_is_read_again_where_the_read_was_lost(self, azure: LoopbackAzure, clients: AzureClients) -> None:
        azure.otherwise = answering(502)
        with pytest.raises(CallFailure) as caught:
            await self.read(azure, clients)
        assert caught.value.kind is FailureKind.IN_DOUBT

    def test_has_a_url_in_either_header(self) -> None:
        response = ArmResponse(202, {}, {"Azure-AsyncOperation": "https://a/1", "Location": "https://a/2"})
        assert response.operation_url == "https://a/1"
        assert ArmResponse(202, {}, {"Location": "https://a/2"}).operation_url == "https://a/2"
        assert ArmResponse(202, {}, {"Location": f"https://a/{'x' * 5000}"}).operation_url is None


class TestLists:
    async def test_are_read_to_their_end(self, azure: LoopbackAzure, clients: AzureClients) -> None:
        azure.script = [
            answering(200, {"value": [{"name": "a"}, {"name": "b"}], "nextLink": f"{azure.url}/next?page=2"}),
            answering(200, {"value": [{"name": "c"}]}),
        ]
        found = await clients.read_all(f"/subscriptions/{SUBSCRIPTION}/locations", api_version="1")
        assert [entry["name"] for entry in found] == ["a", "b", "c"]
        assert azure.seen[1].query == {"page": "2"}

    async def test_a_page_whose_value_is_null_is_empty(self, azure: LoopbackAzure, clients: AzureClients) -> None:
        azure.script = [
            answering(200, {"value": None, "nextLink": f"{azure.url}/next"}),
            answering(200, {"value": [{"name": "a"}], "nextLink": None}),
        ]
        assert [entry["name"] for entry in await clients.read_all("/subscriptions", api_version="1")] == ["a"]
        azure.script = [answering(200, {"value": None})]
        assert await clients.read_all("/subscriptions", api_version="1") == []

    async def test_members_are_read_in_any_case_and_entries_that_are_null_are_left_out(
        self, azure: LoopbackAzure, clients: AzureClients
    ) -> None:
        azure.script = [
            answering(200, {"Value": [None, {"name": "a"}], "NextLink": f"{azure.url}/next"}),
            answering(200, {"value": [{"name": "b"}, "text"], "nextLink": ""}),
        ]
        assert [entry["name"] for entry in await clients.read_all("/subscriptions", api_version="1")] == ["a", "b"]

    @pytest.mark.parametrize("body", [{}, {"value": {}}, {"value": "none"}])
    async def test_a_page_without_a_list_has_no_answer(self, azure: LoopbackAzure, clients: AzureClients, body: dict[str, Any]) -> None:
        azure.otherwise = answering(200, body)
        with pytest.raises(CallFailure) as caught:
            await clients.read_all("/subscriptions", api_version="1")
        assert caught.value.kind is FailureKind.IN_DOUBT

    @pytest.mark.parametrize(
        "link",
        [
            "http://127.0.0.1:1/next",
            "https://management.azure.com.evil.example/",
            "file:///etc/passwd",
            "next",
            "http://[",
            "{url}@evil.example/",
        ],
    )
    async def test_follow_no_link_to_another_host(self, azure: LoopbackAzure, clients: AzureClients, link: str) -> None:
        azure.otherwise = answering(200, {"value": [], "nextLink": link.format(url=azure.url)})
        with pytest.raises(CallFailure) as caught:
            await clients.read_all("/subscriptions", api_version="1")
        assert (caught.value.kind, caught.value.code) == (FailureKind.REFUSED, "ForeignHost")
        assert len(azure.seen) == 1

    async def test_without_an_end_are_refused(self, azure: LoopbackAzure, clients: AzureClients) -> None:
        azure.otherwise = answering(200, {"value": [{}], "nextLink": f"{azure.url}/again"})
        with pytest.raises(CallFailure) as caught:
            await clients.read_all("/subscriptions", api_version="1", limit=5)
        assert caught.value.code == "ListTooLong"
        assert len(azure.seen) == 6


class TestOperations:
    @pytest.mark.parametrize(
        ("status", "body", "state"),
        [
            (200, {"status": "Succeeded"}, OperationState.SUCCEEDED),
            (200, {"status": "Running"}, OperationState.IN_PROGRESS),
            (200, {"status": "Cancelled"}, OperationState.CANCELED),
            (200, {"properties": {"provisioningState": "Creating"}}, OperationState.IN_PROGRESS),
            (202, None, OperationState.IN_PROGRESS),
            (204, None, OperationState.SUCCEEDED),
            (200, {"STATUS": " SUCCEEDED "}, OperationState.SUCCEEDED),
            (200, {"status": None}, OperationState.IN_PROGRESS),
            (200, {"status": {}, "properties": None}, OperationState.IN_PROGRESS),
            (200, {"status": "Preparing"}, OperationState.IN_PROGRESS),
            (200, {"id": "of the resource", "properties": None}, OperationState.SUCCEEDED),
        ],
    )
    async def test_states(self, azure: LoopbackAzure, clients: AzureClients, status: int, body: object, state: OperationState) -> None:
        azure.otherwise = answering(status, body, Retry_After="15")
        found = await read_operation(clients, f"{azure.url}/operations/1")
        assert (found.state, found.retry_after) == (state, 15)

    async def test_a_failure_has_its_reason(self, azure: LoopbackAzure, clients: AzureClients) -> None:
        azure.otherwise = answering(200, {"status": "Failed", "error": {"code": "DiskInUse", "message": "revoke the access first"}})
        found = await read_operation(clients, f"{azure.url}/operations/1")
        assert found.error is not None
        assert (found.error.code, found.error.message) == ("DiskInUse", "revoke the access first")

    async def test_are_asked_of_azure_only(self, azure: LoopbackAzure, elsewhere: LoopbackAzure, clients: AzureClients) -> None:
        with pytest.raises(CallFailure) as caught:
            await read_operation(clients, f"{elsewhere.url}/operations/1")
        assert caught.value.kind is FailureKind.REFUSED
        assert azure.seen == elsewhere.seen == []
