"""The gateway to Key Vault against the simulated one: over loopback, and over TLS's path with the SDK's own challenge."""

import logging
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

import pytest
from azure.core.credentials import AccessTokenInfo, TokenRequestOptions
from azure.core.pipeline.transport import AioHttpTransport
from azure.core.rest import AsyncHttpResponse, HttpRequest

from shared.arm.credentials import CachedCredential
from shared.errors import CallFailure, FailureKind
from shared.secrets.ids import SecretId
from shared.secrets.key_vault import SCOPE, AzureKeyVaults
from shared.values.hidden import Hidden
from tests.local.simulated import START, Azure, azure_running

if TYPE_CHECKING:
    from azure.core.credentials_async import AsyncTokenCredential


class _Identity:
    """A token source that asks the simulation; `scopes` are those that were asked for."""

    def __init__(self, azure: Azure) -> None:
        self._azure = azure
        self.scopes: list[str] = []

    async def get_token_info(self, *scopes: str, options: TokenRequestOptions | None = None) -> AccessTokenInfo:
        self.scopes += scopes
        assert options is not None
        token = await self._azure.control.identity_token("farshore", scopes[0].removesuffix("/.default"))
        return AccessTokenInfo(token, int(4e9))

    async def close(self) -> None:
        """Do nothing."""


def _credential(identity: _Identity) -> Callable[[], CachedCredential]:
    return lambda: CachedCredential(cast("AsyncTokenCredential", identity))


class _Rewritten(AioHttpTransport):  # type: ignore[misc]  # azure-core imports it when it is asked for
    """Sends what goes to `https://{name}.vault.azure.net` to the simulation's `/_keyvault/{name}`."""

    def __init__(self, url: str, seen: list[HttpRequest]) -> None:
        super().__init__()
        self._url = url
        self._seen = seen

    async def send(self, request: HttpRequest, **options: Any) -> AsyncHttpResponse:
        self._seen.append(request)
        sent = HttpRequest(request.method, request.url, headers=dict(request.headers), content=request.content)
        name, path = sent.url.removeprefix("https://").split(".vault.azure.net", 1)
        sent.url = f"{self._url}/_keyvault/{name}{path}"
        answer: AsyncHttpResponse = await super().send(sent, **options)
        return answer


@pytest.fixture
async def azure() -> AsyncIterator[Azure]:
    async with azure_running() as running:
        yield running


@pytest.fixture(params=["loopback", "https"])
async def vaults(request: pytest.FixtureRequest, azure: Azure) -> AsyncIterator[tuple[AzureKeyVaults, str]]:
    identity = _Identity(azure)
    loopback = request.param == "loopback"
    made = AzureKeyVaults(_credential(identity), None if loopback else lambda: _Rewritten(azure.url, []))
    yield made, f"{azure.url}/_keyvault/farshore" if loopback else "https://farshore.vault.azure.net"
    await made.close()
    assert set(identity.scopes) <= {SCOPE}


async def test_a_secret_is_stored_read_listed_and_deleted(vaults: tuple[AzureKeyVaults, str], caplog: pytest.LogCaptureFixture) -> None:
    gateway, vault = vaults
    caplog.set_level(logging.DEBUG, logger="azure")
    caplog.set_level(logging.DEBUG)
    secret = SecretId(vault, "farshore-x-1")
    written = await gateway.set(secret, Hidden("s3cret!"), {"tenant": "contoso"}, START + timedelta(days=7))
    assert (written.vault, written.name, len(written.version or "")) == (vault, "farshore-x-1", 32)
    for asked in (secret, written):
        found = await gateway.get(asked)
        assert (found.id, found.value.reveal(), found.tags) == (written, "s3cret!", {"tenant": "contoso"})
    pages = 2 if "127.0.0.1" in vault else 1  # the simulation's links lead to its own address
    for number in range(pages * 25 - 5):
        await gateway.set(SecretId(vault, f"more-{number:02}"), Hidden("s3cret!"), {}, None)
    listed = [one async for one in gateway.each(vault)]
    assert len(listed) == pages * 25 - 4
    assert (listed[0].id, listed[0].created_at, listed[0].tags) == (secret, START, {"tenant": "contoso"})
    await gateway.delete(secret)
    with pytest.raises(CallFailure) as gone:
        await gateway.get(secret)
    assert (gone.value.kind, gone.value.code) == (FailureKind.NOT_FOUND, "SecretNotFound")
    with pytest.raises(CallFailure) as again:
        await gateway.set(secret, Hidden("s3cret!"), {}, None)
    assert (again.value.kind, again.value.status) == (FailureKind.REFUSED, 409)
    assert "s3cret!" not in caplog.text


async def test_what_the_principal_may_not_is_refused(vaults: tuple[AzureKeyVaults, str]) -> None:
    gateway, vault = vaults
    with pytest.raises(CallFailure) as refused:
        await gateway.set(SecretId(vault.replace("farshore", "kv-contoso"), "admin"), Hidden("s3cret!"), {}, None)
    assert (refused.value.kind, refused.value.code) == (FailureKind.REFUSED, "Forbidden")
    assert "s3cret!" not in str(refused.value) + repr(refused.value.__cause__)


async def test_a_vault_that_is_down_for_a_moment_is_asked_again(azure: Azure, vaults: tuple[AzureKeyVaults, str]) -> None:
    gateway, vault = vaults
    await azure.control.add_fault("secretsDown", method="PUT", times=1)
    await gateway.set(SecretId(vault, "admin"), Hidden("s3cret!"), {}, None)
    await azure.control.add_fault("secretsDown", path="/secrets/", times=100)
    with pytest.raises(CallFailure) as down:
        await gateway.get(SecretId(vault, "admin"))
    assert down.value.kind is FailureKind.IN_DOUBT


async def test_a_vault_that_is_not_there_is_an_answer(vaults: tuple[AzureKeyVaults, str]) -> None:
    gateway, vault = vaults
    with pytest.raises(CallFailure):
        await gateway.get(SecretId(vault.replace("farshore", "never-was"), "admin"))


async def test_what_a_vault_leaves_out_is_not_made_up(azure: Azure) -> None:
    """A value of null is not the text "None", and a secret whose age is not shown is not among those that are swept by their age."""
    made = AzureKeyVaults(_credential(_Identity(azure)), None)
    vault = f"{azure.url}/_keyvault/farshore"
    secret = await made.set(SecretId(vault, "farshore-x-1"), Hidden("s3cret!"), {"tenant": "contoso"}, None)
    for body in ({"value": None}, {"id": None}):
        await azure.control.add_fault("reshape", method="GET", path="/secrets/", body=body, times=1)
        with pytest.raises(CallFailure) as unread:
            await made.get(secret)
        assert unread.value.kind is FailureKind.IN_DOUBT
    assert (await made.get(secret)).value.reveal() == "s3cret!"
    await made.close()


async def test_before_the_challenge_no_value_is_sent() -> None:
    vault = {"id": "/subscriptions/s/resourceGroups/g/providers/Microsoft.KeyVault/vaults/challenged", "location": "westeurope"}
    principal = {
        "id": "00000000-0000-0000-0000-0000000000aa",
        "name": "farshore",
        "roleAssignments": [{"scope": "/", "dataActions": ["*"]}],
    }
    seen: list[HttpRequest] = []
    async with azure_running(estate={"keyVaults": [vault], "principals": [principal]}) as azure:
        gateway = AzureKeyVaults(
            lambda: CachedCredential(cast("AsyncTokenCredential", _Identity(azure))), lambda: _Rewritten(azure.url, seen)
        )
        await gateway.set(SecretId("https://challenged.vault.azure.net", "admin"), Hidden("s3cret!"), {}, None)
        await gateway.close()
    assert [("Authorization" in request.headers, "s3cret!" in str(request.content)) for request in seen] == [(False, False), (True, True)]
