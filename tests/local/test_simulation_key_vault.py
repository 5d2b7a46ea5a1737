"""What the simulated Key Vault answers: its challenge, rights, versions, soft deletion, pages and faults (docs/azure/key-vault.md)."""

from collections.abc import AsyncIterator
from typing import Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict

from local.simulation.sample_estate import key_vault_id
from tests.local.simulated import START, Azure, Reply, azure_running, no_resending

VAULT = "/_keyvault/farshore"
RESOURCE = "https://vault.azure.net"


@pytest.fixture
async def azure() -> AsyncIterator[Azure]:
    async with azure_running() as running:
        running.tokens["farshore"] = await running.control.identity_token("farshore", RESOURCE)
        yield running


async def _call(azure: Azure, method: str, path: str, body: Any = None, *, version: str | None = "7.5", **query: Any) -> Reply:
    return await azure.call(method, path if path.startswith(("http", "/_")) else VAULT + path, body, version=version, **query)


async def _set(azure: Azure, name: str = "admin", value: str = "s3cret!", **more: Any) -> Reply:
    return await _call(azure, "PUT", f"/secrets/{name}", {"value": value, **more})


async def test_a_request_without_a_token_is_challenged(azure: Azure) -> None:
    async with no_resending() as session, session.get(f"{azure.url}{VAULT}/secrets/admin?api-version=7.5") as answer:
        challenge = answer.headers["WWW-Authenticate"]
        assert answer.status == 401
        assert (await answer.json())["error"]["code"] == "Unauthorized"
    assert challenge.startswith(f'Bearer authorization="{azure.url}/')
    assert challenge.endswith(f'resource="{RESOURCE}"')


async def test_a_token_of_resource_manager_is_none_of_a_vault(azure: Azure) -> None:
    azure.tokens["farshore"] = await azure.control.identity_token("farshore")
    assert (await _call(azure, "GET", "/secrets/admin")).status == 401


async def test_a_secret_is_set_read_at_each_version_and_listed_without_its_value(azure: Azure) -> None:
    first = await _set(azure, tags={"tenant": "contoso"}, attributes={"exp": 1_900_000_000}, contentType="text/plain")
    second = await _set(azure, value="another")
    assert (first.status, first.body["value"], first.body["tags"]) == (200, "s3cret!", {"tenant": "contoso"})
    attributes = first.body["attributes"]
    assert (attributes["exp"], attributes["created"], attributes["enabled"]) == (1_900_000_000, int(START.timestamp()), True)
    assert first.body["id"].startswith(f"{azure.url}{VAULT}/secrets/admin/")
    assert (await _call(azure, "GET", "/secrets/ADMIN")).body == second.body
    assert (await _call(azure, "GET", first.body["id"])).status == 400, "an id has no api-version"
    path = first.body["id"].removeprefix(azure.url)
    assert (await _call(azure, "GET", path)).body == first.body
    listed = (await _call(azure, "GET", "/secrets")).body
    assert [item["id"] for item in listed["value"]] == [f"{azure.url}{VAULT}/secrets/admin"]
    versions = (await _call(azure, "GET", "/secrets/admin/versions")).body["value"]
    assert [item["id"] for item in versions] == [first.body["id"], second.body["id"]]
    assert "s3cret!" not in str(listed) + str(versions)


async def test_a_deleted_name_cannot_be_used_until_it_is_recovered(azure: Azure) -> None:
    await _set(azure)
    deleted = await _call(azure, "DELETE", "/secrets/admin")
    assert (deleted.status, deleted.body["recoveryId"]) == (200, f"{azure.url}{VAULT}/deletedsecrets/admin")
    assert "value" not in deleted.body
    assert ((await _call(azure, "GET", "/secrets/admin")).status, (await _call(azure, "DELETE", "/secrets/admin")).status) == (404, 404)
    again = await _set(azure)
    assert (again.status, again.code) == (409, "Conflict")
    assert again.body["error"]["innererror"] == {"code": "ObjectIsDeletedButRecoverable"}
    assert [item["id"] for item in (await _call(azure, "GET", "/deletedsecrets")).body["value"]] == [f"{azure.url}{VAULT}/secrets/admin"]
    purged = await _call(azure, "DELETE", "/deletedsecrets/admin")
    assert (purged.status, purged.body["error"]["innererror"]["code"]) == (403, "ForbiddenByPolicy")
    assert (await _call(azure, "POST", "/deletedsecrets/admin/recover")).status == 200
    assert (await _call(azure, "GET", "/secrets/admin")).body["value"] == "s3cret!"


async def test_without_purge_protection_what_was_deleted_can_be_purged() -> None:
    vault = {
        "id": key_vault_id("farshore"),
        "location": "westeurope",
        "purgeProtection": False,
        "secrets": [{"name": "admin", "value": "a"}],
    }
    principal = {
        "id": "00000000-0000-0000-0000-0000000000aa",
        "name": "farshore",
        "roleAssignments": [{"scope": "/", "actions": [], "dataActions": ["Microsoft.KeyVault/vaults/secrets/*"]}],
    }
    async with azure_running(estate={"keyVaults": [vault], "principals": [principal]}) as azure:
        azure.tokens["farshore"] = await azure.control.identity_token("farshore", RESOURCE)
        await _call(azure, "DELETE", "/secrets/admin")
        assert (await _call(azure, "DELETE", "/deletedsecrets/admin")).status == 204
        assert (await _set(azure)).status == 200


@pytest.mark.parametrize(
    ("vault", "method", "path", "status"),
    [
        ("kv-contoso", "PUT", "/secrets/admin", 403),
        ("kv-contoso", "DELETE", "/secrets/admin", 403),
        ("kv-contoso", "GET", "/secrets/admin", 404),
        ("kv-contoso", "GET", "/secrets", 200),
        ("never-was", "GET", "/secrets", 404),
    ],
)
async def test_a_principal_may_what_its_assignments_state(azure: Azure, vault: str, method: str, path: str, status: int) -> None:
    answer = await _call(azure, method, f"/_keyvault/{vault}{path}", {"value": "a"} if method == "PUT" else None)
    assert answer.status == status
    if status == 403:
        assert answer.body["error"]["innererror"]["code"] == "ForbiddenByRbac"


async def test_actions_are_no_data_actions(azure: Azure) -> None:
    azure.tokens["operator"] = await azure.control.identity_token("operator", RESOURCE)
    answer = await azure.call("GET", f"{VAULT}/secrets", version="7.5", principal="operator")
    assert answer.status == 403


async def test_a_disabled_secret_is_refused_and_one_past_its_end_is_answered(azure: Azure) -> None:
    await _set(azure, "off", attributes={"enabled": False})
    await _set(azure, "old", attributes={"exp": 1, "nbf": 1})
    refused = await _call(azure, "GET", "/secrets/off")
    assert (refused.status, refused.body["error"]["innererror"]) == (403, {"code": "SecretDisabled"})
    assert (await _call(azure, "GET", "/secrets/old")).status == 200


@pytest.mark.parametrize(
    ("path", "body"),
    [("/secrets/a_b", {"value": "a"}), ("/secrets/a", {"value": 7}), ("/secrets/a", {}), ("/secrets/a", {"value": "a" * 25_601})],
)
async def test_what_is_wrong_is_refused(azure: Azure, path: str, body: dict[str, Any]) -> None:
    assert ((await _call(azure, "PUT", path, body)).status, (await _call(azure, "GET", "/secrets")).body["value"]) == (400, [])


async def test_the_api_version_and_the_path_must_be_known(azure: Azure) -> None:
    assert (
        (await _call(azure, "GET", "/secrets", version=None)).status,
        (await _call(azure, "GET", "/secrets", version="1.0")).status,
    ) == (400, 400)
    assert ((await _call(azure, "GET", "/keys")).status, (await _call(azure, "POST", "/secrets/a", {})).status) == (404, 405)


async def test_a_list_comes_in_pages(azure: Azure) -> None:
    for number in range(7):
        await _set(azure, f"s{number}")
    page = (await _call(azure, "GET", "/secrets", maxresults="3")).body
    names = [item["id"].rpartition("/")[2] for item in page["value"]]
    while "nextLink" in page:
        page = (await azure.call("GET", page["nextLink"])).body
        names += [item["id"].rpartition("/")[2] for item in page["value"]]
    assert names == [f"s{number}" for number in range(7)]
    assert (await _call(azure, "GET", "/secrets", maxresults="26")).status == 400


async def test_nothing_but_an_answer_has_a_value(azure: Azure) -> None:
    await _set(azure, tags={"tenant": "contoso"})
    await _call(azure, "DELETE", "/secrets/admin")
    shown = [await azure.control.effects(), await azure.control.requests()]
    async with no_resending() as session, session.get(f"{azure.url}/_simulation/secrets") as answer:
        secrets = (await answer.json())["value"]
    assert secrets == [{"vault": "farshore", "name": "admin", "tags": {"tenant": "contoso"}, "deleted": True}]
    assert "s3cret!" not in str(shown)
    assert [(effect["method"], effect["service"]) for effect in shown[0]] == [("PUT", "keyVault"), ("DELETE", "keyVault")]


@pytest.mark.parametrize(("fault", "status"), [("secretsDown", 503), ("throttle", 429), ("error", 500), ("errorAfterEffect", 500)])
async def test_a_fault_meets_its_requests(azure: Azure, fault: str, status: int) -> None:
    await azure.control.add_fault(fault, path="/secrets/", times=1)
    assert (await _set(azure)).status == status
    assert (await _call(azure, "GET", "/secrets/admin")).status == (200 if fault == "errorAfterEffect" else 404)


async def test_vaults_and_secrets_survive_a_restart_and_a_round_trip(azure: Azure) -> None:
    await _set(azure)
    await _set(azure, "gone")
    await _call(azure, "DELETE", "/secrets/gone")
    estate = await azure.control.estate()
    await azure.control.put_estate(estate)
    assert (await azure.control.estate())["keyVaults"] == estate["keyVaults"]
    assert ((await _call(azure, "GET", "/secrets/admin")).body["value"], (await _set(azure, "gone")).status) == ("s3cret!", 409)


class _Answer(BaseModel):
    """Members of an answer, as the REST reference of api-version 7.5 has them (docs/azure/key-vault.md), and no others."""

    model_config = ConfigDict(extra="forbid", strict=True)


class _Attributes(_Answer):
    enabled: bool
    created: int
    updated: int
    exp: int | None = None
    nbf: int | None = None
    recoverableDays: int  # noqa: N815  # Key Vault's name
    recoveryLevel: Literal["Recoverable", "Recoverable+Purgeable", "CustomizedRecoverable", "CustomizedRecoverable+Purgeable"]  # noqa: N815


class _Item(_Answer):
    id: str
    attributes: _Attributes
    tags: dict[str, str] = {}
    contentType: str = ""  # noqa: N815  # Key Vault's name


class _Bundle(_Item):
    value: str = ""


class _Deleted(_Bundle):
    recoveryId: str  # noqa: N815  # Key Vault's name
    deletedDate: int  # noqa: N815  # Key Vault's name
    scheduledPurgeDate: int  # noqa: N815  # Key Vault's name


class _List(_Answer):
    value: list[_Item] | list[_Deleted]
    nextLink: str = ""  # noqa: N815  # Key Vault's name


class _Inner(_Answer):
    code: str


class _Error(_Answer):
    code: str
    message: str
    innererror: _Inner | None = None


class _Failure(_Answer):
    error: _Error


async def test_answers_have_the_members_of_the_reference(azure: Azure) -> None:
    await _set(azure, tags={"tenant": "contoso"}, attributes={"exp": 1_900_000_000, "nbf": 1}, contentType="text/plain")
    await _set(azure, "other")
    calls: list[tuple[str, str, type[_Answer]]] = [
        ("GET", "/secrets/admin", _Bundle),
        ("GET", "/secrets", _List),
        ("GET", "/secrets?maxresults=1", _List),
        ("GET", "/secrets/admin/versions", _List),
        ("DELETE", "/secrets/admin", _Deleted),
        ("GET", "/deletedsecrets", _List),
        ("GET", "/deletedsecrets/admin", _Deleted),
        ("DELETE", "/deletedsecrets/admin", _Failure),
        ("GET", "/secrets/admin", _Failure),
        ("POST", "/deletedsecrets/admin/recover", _Bundle),
    ]
    for method, path, model in calls:
        at, _, query = path.partition("?")
        answer = await _call(azure, method, at, **({"maxresults": "1"} if query else {}))
        model.model_validate(answer.body)
