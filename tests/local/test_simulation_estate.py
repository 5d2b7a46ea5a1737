"""The estate as JSON, and the tokens that its tenants and principals get."""

from collections.abc import AsyncIterator
from datetime import datetime, timedelta

import aiohttp
import jwt
import pytest

from local.simulation.client import SimulationError
from local.simulation.times import to_text
from tests.local.simulated import Azure, azure_running


@pytest.fixture
async def azure() -> AsyncIterator[Azure]:
    async with azure_running() as running:
        yield running


async def test_the_sample_is_as_in_the_contract(azure: Azure) -> None:
    estate = await azure.control.estate()
    assert next((item["name"], item["kind"]) for item in estate["tenants"]) == ("provider", "provider")
    assert len(estate["tenants"]) == 3
    assert [item["settings"]["twoPersonRule"] for item in estate["tenants"]] == [False, False, True]
    assert len(estate["virtualMachines"]) == 12
    assert {len(item["disks"]) for item in estate["virtualMachines"]} >= {1, 2, 5}
    assert {item["location"] for item in estate["virtualMachines"]} == {"westeurope", "northeurope"}
    sources = {item["source"] for item in estate["restorePointCollections"] if len(item["restorePoints"]) >= 2}
    for tenant in estate["tenants"]:
        own = [item["id"] for item in estate["virtualMachines"] if item["id"].split("/")[2] in tenant["subscriptions"]]
        assert sources >= set(own[:2]), "the first two of each tenant can be copied"
        assert tenant["vaultId"] in [vault["id"] for vault in estate["vaults"]]


async def test_what_is_read_can_be_put_back_while_copies_run(azure: Azure) -> None:
    source = await azure.collection()
    target = await azure.target(source)
    await azure.copy(target, "a", source["restorePoints"][0]["id"])
    await azure.control.advance("PT20M")
    estate = await azure.control.estate()
    estate["vaults"][0]["anything"] = [1, {"a": None}]
    estate["notes"] = "kept"
    before = await azure.progress(f"{target}/restorePoints/a")
    assert await azure.control.put_estate(estate) == estate
    assert await azure.control.estate() == estate
    assert await azure.progress(f"{target}/restorePoints/a") == before
    assert (await azure.copy(target, "b", source["restorePoints"][1]["id"])).code == "OperationNotAllowed"
    copies = next(item for item in estate["restorePointCollections"] if item["id"] == target)["restorePoints"]
    assert [(item["state"], item["finishedAt"]) for item in copies] == [("inProgress", None)]
    await azure.control.advance("PT1H")
    estate = await azure.control.estate()
    copy = next(item for item in estate["restorePointCollections"] if item["id"] == target)["restorePoints"][0]
    assert copy["state"] == "succeeded"
    assert datetime.fromisoformat(copy["finishedAt"]) > datetime.fromisoformat(copy["startedAt"])


async def test_a_small_estate_is_completed(azure: Azure) -> None:
    subscription = "00000000-0000-0000-0000-00000000000a"
    compute = f"/subscriptions/{subscription}/resourceGroups/g/providers/Microsoft.Compute"
    chains = range(60)
    await azure.control.put_estate(
        {
            "tenants": [
                {"name": "one", "displayName": "One", "kind": "provider", "tenantId": subscription, "subscriptions": [subscription]}
            ],
            "subscriptions": [{"id": subscription, "tenantId": subscription, "locations": ["westeurope", "northeurope"]}],
            "virtualMachines": [
                {"id": f"{compute}/virtualMachines/v{n}", "location": "westeurope", "disks": [{"name": f"v{n}-os", "copyMinutes": 15}]}
                for n in chains
            ],
            "restorePointCollections": [
                {
                    "id": f"{compute}/restorePointCollections/c{n}",
                    "location": "westeurope",
                    "source": {"id": f"{compute}/virtualMachines/v{n}"},
                    "restorePoints": [
                        {"id": f"{compute}/restorePointCollections/c{n}/restorePoints/p{day}", "timeCreated": f"2025-01-0{day}T00:00:00Z"}
                        for day in range(1, 6)
                    ],
                }
                for n in chains
            ],
        }
    )
    source = await azure.collection("v59")
    target = await azure.target(source)
    assert (await azure.copy(target, "a", source["restorePoints"][0]["id"])).status == 201
    await azure.control.advance("PT10M")
    assert (await azure.progress(f"{target}/restorePoints/a"))[0] == "inProgress"
    await azure.control.advance("PT10M")
    assert await azure.progress(f"{target}/restorePoints/a") == ("succeeded", [100])


async def test_a_restore_point_of_a_machine_is_made_when_it_is_said_to_be_finished(azure: Azure) -> None:
    estate = await azure.control.estate()
    source = next(item for item in estate["restorePointCollections"] if item["restorePoints"])
    point = f"{source['id']}/restorePoints/another"
    finished = (await azure.control.clock()).now + timedelta(minutes=5)
    given = {"id": point, "startedAt": to_text(finished - timedelta(minutes=6)), "finishedAt": to_text(finished), "disks": []}
    source["restorePoints"].append(given)
    await azure.control.put_estate(estate)
    assert (await azure.call("GET", point)).body["properties"]["provisioningState"] == "Creating"
    await azure.control.advance("PT5M")
    assert (await azure.call("GET", point)).body["properties"]["provisioningState"] == "Succeeded"
    collections = (await azure.control.estate())["restorePointCollections"]
    kept = next(item for each in collections for item in each["restorePoints"] if item["id"] == point)
    assert (kept["startedAt"], kept["finishedAt"]) == (given["startedAt"], given["finishedAt"])


async def test_putting_an_estate_forgets_effects_but_numbers_go_on(azure: Azure) -> None:
    source = await azure.collection()
    await azure.target(source)
    (old,) = await azure.control.effects()
    await azure.control.put_estate(await azure.control.estate())
    assert await azure.control.effects() == []
    await azure.call("PATCH", source["id"], {"tags": {}})
    (new,) = await azure.control.effects()
    assert new["sequence"] == old["sequence"] + 1
    assert await azure.control.effects(since=new["sequence"]) == []


async def test_an_estate_that_cannot_be_read_changes_nothing(azure: Azure) -> None:
    before = await azure.control.estate()
    for broken in (
        {"virtualMachines": [{"id": "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/v"}]},
        {"virtualMachines": "many"},
        {"principals": [{"name": "x"}]},
        {"tenants": "many"},
        {"tenants": [{"displayName": "Nameless"}]},
        {
            "restorePointCollections": [
                {"id": "/a", "location": "b", "source": "/c", "restorePoints": [{"id": "/d", "timeCreated": "then"}]}
            ]
        },
    ):
        with pytest.raises(SimulationError) as refused:
            await azure.control.put_estate(broken)
        assert refused.value.status == 400
    assert await azure.control.estate() == before


async def test_a_tenant_without_an_entra_tenant_gets_no_token(azure: Azure) -> None:
    await azure.control.put_estate({"tenants": [{"name": "bare", "kind": "provider"}]})
    with pytest.raises(SimulationError, match="'bare' of the estate has no tenantId") as refused:
        await azure.control.token("Admin")
    assert refused.value.status == 400


async def read_token(azure: Azure, token: str, audience: str) -> dict[str, object]:
    """Verify a token with the published key and return its claims."""
    async with aiohttp.ClientSession() as session, session.get(f"{azure.url}/common/discovery/v2.0/keys") as answer:
        keys = jwt.PyJWKSet.from_dict(await answer.json())
    key = keys[jwt.get_unverified_header(token)["kid"]]
    return dict(jwt.decode(token, key.key, algorithms=["RS256"], audience=audience))


async def test_callers_get_signed_tokens_of_their_tenant(azure: Azure) -> None:
    tenants = {item["name"]: item["tenantId"] for item in (await azure.control.estate())["tenants"]}
    person = await read_token(azure, await azure.control.token("Failovers.Approve", tenant="contoso", user="ann"), "farshore")
    assert person["iss"] == f"{azure.url}/{tenants['contoso']}/v2.0"
    assert (person["tid"], person["roles"], person["scp"]) == (tenants["contoso"], ["Failovers.Approve"], "user_impersonation")
    again = await read_token(azure, await azure.control.token(tenant="contoso", user="ann"), "farshore")
    assert again["oid"] == person["oid"]
    app = await read_token(azure, await azure.control.token("Admin", audience="api://farshore", lifetime=60), "api://farshore")
    assert app["iss"] == f"{azure.url}/{tenants['provider']}/"
    assert (app["idtyp"], "scp" in app, app["tid"]) == ("app", False, tenants["provider"])
    assert app["exp"] - app["iat"] == 60  # type: ignore[operator]  # numbers, by the assertion itself
    with pytest.raises(jwt.ExpiredSignatureError):
        await read_token(azure, await azure.control.token(expired=True), "farshore")
    with pytest.raises(SimulationError):
        await azure.control.token(tenant="nobody")


async def test_the_managed_identity_is_the_principal_of_the_estate(azure: Azure) -> None:
    principals = {item["name"]: item["id"] for item in (await azure.control.estate())["principals"]}
    for query, name in (({}, "farshore"), ({"principal": "reader"}, "reader"), ({"client_id": principals["operator"]}, "operator")):
        async with (
            aiohttp.ClientSession() as session,
            session.get(
                f"{azure.url}/_simulation/identity",
                params={"resource": "https://management.azure.com", "api-version": "2019-08-01", **query},
                headers={"X-IDENTITY-HEADER": "local"},
            ) as answer,
        ):
            body = await answer.json()
        assert body["token_type"] == "Bearer"
        assert int(body["expires_on"]) > 0
        claims = await read_token(azure, body["access_token"], "https://management.azure.com")
        assert claims["oid"] == principals[name]
