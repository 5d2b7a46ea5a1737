"""Tokens: asked for once, kept while they serve, and never sent where they could be read."""

import asyncio
import logging
import subprocess
import sys

import pytest
from aiohttp import web
from azure.core.credentials import AccessTokenInfo
from azure.core.pipeline.policies import AsyncBearerTokenCredentialPolicy

from shared.arm.clients import AzureClients
from shared.arm.credentials import CachedCredential, credential_for, scope_of
from shared.arm.sending.pipeline import authentication_policy
from shared.arm.sending.policies import LoopbackBearerPolicy
from shared.errors import CallFailure, FailureKind
from tests.arm.conftest import LoopbackAzure, settings_for

SCOPE = "https://management.azure.com/.default"


class Source:
    """A credential whose tokens live an hour of a clock that the test moves."""

    def __init__(self) -> None:
        self.now = 1_000_000.0
        self.asked = 0
        self.broken = False

    async def get_token_info(self, *_: str, **_options: object) -> AccessTokenInfo:
        self.asked += 1
        await asyncio.sleep(0)
        if self.broken:
            raise OSError("no identity endpoint")
        return AccessTokenInfo(f"token-{self.asked}", int(self.now) + 3600)

    async def close(self) -> None:
        """Nothing is open."""


@pytest.fixture
def source() -> Source:
    return Source()


@pytest.fixture
def cached(source: Source) -> CachedCredential:
    return CachedCredential(source, now=lambda: source.now)  # type: ignore[arg-type]  # the part of the protocol that is used


class TestCache:
    async def test_asks_once_for_many_at_a_time(self, source: Source, cached: CachedCredential) -> None:
        tokens = await asyncio.gather(*(cached.get_token(SCOPE) for _ in range(50)))
        assert source.asked == 1
        assert {token.token for token in tokens} == {"token-1"}

    async def test_renews_before_the_end(self, source: Source, cached: CachedCredential) -> None:
        await cached.get_token(SCOPE)
        source.now += 3600 - 301
        assert (await cached.get_token(SCOPE)).token == "token-1"
        source.now += 2
        assert (await cached.get_token(SCOPE)).token == "token-2"

    async def test_keeps_scopes_apart(self, cached: CachedCredential) -> None:
        assert (await cached.get_token(SCOPE)).token != (await cached.get_token("https://storage.azure.com/.default")).token

    async def test_serves_the_old_one_while_a_renewal_fails(self, source: Source, cached: CachedCredential) -> None:
        await cached.get_token(SCOPE)
        source.broken = True
        source.now += 3400
        for _ in range(5):
            assert (await cached.get_token(SCOPE)).token == "token-1"
        assert source.asked == 2
        source.now += 190
        with pytest.raises(CallFailure):
            await cached.get_token(SCOPE)

    async def test_without_any_nothing_was_sent_and_not_everyone_asks(self, source: Source, cached: CachedCredential) -> None:
        source.broken = True
        failures = await asyncio.gather(*(cached.get_token(SCOPE) for _ in range(20)), return_exceptions=True)
        assert source.asked == 1
        assert all(isinstance(failure, CallFailure) and failure.kind is FailureKind.THROTTLED for failure in failures)
        source.broken = False
        source.now += 3
        assert (await cached.get_token(SCOPE)).token == "token-2"

    async def test_a_challenge_gets_a_new_one(self, cached: CachedCredential) -> None:
        await cached.get_token(SCOPE)
        assert (await cached.get_token(SCOPE, claims="{}")).token == "token-2"
        assert (await cached.get_token(SCOPE)).token == "token-2"


class TestPolicy:
    @pytest.mark.parametrize("url", ["https://management.azure.com", "https://management.usgovcloudapi.net", "https://127.0.0.1:8443"])
    def test_is_azures_own_for_https(self, cached: CachedCredential, url: str) -> None:
        assert isinstance(authentication_policy(cached, url), AsyncBearerTokenCredentialPolicy)

    @pytest.mark.parametrize("url", ["http://127.0.0.1:7080", "http://localhost:7080", "http://[::1]:7080"])
    def test_is_ours_on_loopback(self, cached: CachedCredential, url: str) -> None:
        assert isinstance(authentication_policy(cached, url), LoopbackBearerPolicy)

    @pytest.mark.parametrize(
        "url", ["http://management.azure.com", "http://127.0.0.1.evil.example", "http://10.0.0.4:7080", "http://localhost@evil.example"]
    )
    def test_sends_no_token_in_the_clear(self, cached: CachedCredential, url: str) -> None:
        with pytest.raises(ValueError, match="AZURE_RESOURCE_MANAGER_URL"):
            authentication_policy(cached, url)

    @pytest.mark.parametrize(
        ("url", "scope"),
        [
            ("https://management.azure.com", SCOPE),
            ("https://management.usgovcloudapi.net", "https://management.usgovcloudapi.net/.default"),
            ("http://127.0.0.1:7080", SCOPE),
        ],
    )
    def test_asks_for_the_right_scope(self, url: str, scope: str) -> None:
        assert scope_of(url) == scope


class TestManagedIdentity:
    async def test_is_asked_once_by_all_clients_of_a_process(self, azure: LoopbackAzure, clients: AzureClients) -> None:
        await asyncio.gather(*(clients.read("/subscriptions", api_version="1") for _ in range(10)))
        compute = await clients.compute("11111111-1111-1111-1111-111111111111")
        await compute.disks.get("g", "d")
        assert azure.token_requests == [{"api-version": "2019-08-01", "resource": "https://management.azure.com"}]
        assert {seen.headers["Authorization"] for seen in azure.seen} == {"Bearer token-1"}

    @pytest.mark.usefixtures("clients")  # and the identity that they set up
    async def test_may_be_one_that_the_user_assigned(self, azure: LoopbackAzure) -> None:
        named = AzureClients(settings_for(azure, identity_client_id="my-client-id"))
        await named.read("/subscriptions", api_version="1")
        await named.aclose()
        assert azure.token_requests[0]["client_id"] == "my-client-id"

    async def test_that_gives_no_token_means_that_nothing_was_sent(self, azure: LoopbackAzure, clients: AzureClients) -> None:
        async def refusing(_: web.Request) -> web.Response:
            return web.json_response({"error": "no such identity"}, status=400)

        azure.token = refusing
        with pytest.raises(CallFailure) as caught:
            await clients.write("POST", "/subscriptions", api_version="1")
        assert (caught.value.kind, caught.value.code) == (FailureKind.THROTTLED, "NotSent")
        assert azure.seen == []

    async def test_is_taken_where_the_app_runs_in_azure(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("IDENTITY_ENDPOINT", "http://127.0.0.1:1/x")
        monkeypatch.setenv("IDENTITY_HEADER", "x")
        in_azure = credential_for(None)
        for name in ("IDENTITY_ENDPOINT", "IDENTITY_HEADER"):
            monkeypatch.delenv(name)
        elsewhere = credential_for(None)
        assert [type(credential.source).__name__ for credential in (in_azure, elsewhere)] == [
            "ManagedIdentityCredential",
            "DefaultAzureCredential",
        ]
        await in_azure.close()
        await elsewhere.close()

    async def test_tokens_are_in_no_log(self, clients: AzureClients, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.DEBUG)
        await clients.read("/subscriptions", api_version="1")
        compute = await clients.compute("11111111-1111-1111-1111-111111111111")
        await compute.disks.get("g", "d")
        assert "token-1" not in caplog.text


def test_a_cold_start_imports_nothing_of_azure() -> None:
    modules = "ids, failures, budget, answers, credentials, clients, operations, api_versions"
    program = f"""
from shared.arm import {modules}
from shared.settings import Settings
import sys
clients.AzureClients(Settings())
print([name for name in sys.modules if name.split(".")[0] in ("azure", "aiohttp", "msal")])
"""
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
