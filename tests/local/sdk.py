"""Microsoft's own SDK against the simulated Azure, unchanged but for the plain http of a local endpoint."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from azure.core.pipeline import PipelineRequest
from azure.core.pipeline.policies import SansIOHTTPPolicy
from azure.mgmt.compute.aio import ComputeManagementClient

from tests.local.simulated import Azure


class Bearer(SansIOHTTPPolicy[Any, Any]):
    def __init__(self, token: str) -> None:
        self._token = token

    def on_request(self, request: PipelineRequest[Any]) -> None:
        request.http_request.headers["Authorization"] = f"Bearer {self._token}"


class NoCredential:
    async def get_token(self, *_: str, **__: Any) -> Any:
        raise AssertionError("the policy brings the token")

    async def close(self) -> None:
        pass


@asynccontextmanager
async def compute_client(azure: Azure, subscription: str) -> AsyncIterator[Any]:  # members of its models are optional
    """Return a client of azure-mgmt-compute with the app's own identity."""
    token = await azure.control.identity_token()
    async with ComputeManagementClient(
        NoCredential(),  # type: ignore[arg-type]  # never asked: the policy replaces it
        subscription,
        base_url=azure.url,
        authentication_policy=Bearer(token),
        polling_interval=0,
        retry_total=0,
    ) as client:
        yield client
