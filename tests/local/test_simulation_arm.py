"""What Resource Manager does for every request: versions, callers, roles, buckets, lists, headers."""

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from email.utils import parsedate_to_datetime

import aiohttp
import pytest

from tests.local.simulated import DISKS, START, Azure, azure_running

NETWORK = "2024-05-01"
RESOURCES = "2022-12-01"


@pytest.fixture
async def azure() -> AsyncIterator[Azure]:
    async with azure_running() as running:
        yield running


async def test_the_api_version_is_required_and_must_be_known(azure: Azure) -> None:
    source = await azure.collection()
    missing = await azure.call("GET", source["id"], version=None)
    assert (missing.status, missing.code) == (400, "MissingApiVersionParameter")
    unknown = await azure.call("GET", source["id"], version="2019-12-01")
    assert (unknown.status, unknown.code) == (400, "NoRegisteredProviderFound")
    wrong = await azure.call("GET", "/subscriptions", version="2001-01-01")
    assert (wrong.status, wrong.code) == (400, "InvalidApiVersionParameter")


async def test_paths_do_not_know_upper_from_lower_case(azure: Azure) -> None:
    source = await azure.collection()
    assert (await azure.call("GET", source["id"].upper())).body["id"] == source["id"]


async def test_every_answer_shows_azures_time_and_names_the_request(azure: Azure) -> None:
    source = await azure.collection()
    await azure.control.advance("P400D")
    found = await azure.call("GET", source["id"], request_id="my-request")
    missing = await azure.call("GET", source["id"] + "-no", request_id="my-request")
    for answer in (found, missing):
        assert parsedate_to_datetime(answer.headers["Date"]) == START + timedelta(days=400)
        assert answer.headers["x-ms-client-request-id"] == "my-request"
        assert re.fullmatch("[0-9a-f-]{36}", answer.headers["x-ms-request-id"])
    assert found.headers["x-ms-request-id"] != missing.headers["x-ms-request-id"]


async def test_a_caller_without_a_usable_token_is_refused(azure: Azure) -> None:
    source = await azure.collection()
    url = f"{azure.url}{source['id']}?api-version=2024-07-01"
    tokens = {
        "": "AuthenticationFailed",
        "Bearer nonsense": "InvalidAuthenticationToken",
        "Bearer " + await azure.control.token("Copies.Read"): "InvalidAuthenticationTokenAudience",
        "Bearer " + await azure.control.token(audience="https://management.azure.com/", expired=True): "ExpiredAuthenticationToken",
    }
    async with aiohttp.ClientSession() as session:
        for authorization, code in tokens.items():
            async with session.get(url, headers={"Authorization": authorization}) as answer:
                assert answer.status == 401, authorization
                assert (await answer.json())["error"]["code"] == code


async def test_a_token_for_azure_is_that_of_the_principal_whose_name_is_given(azure: Azure) -> None:
    source = await azure.collection()
    url = f"{azure.url}{source['id']}?api-version=2024-07-01"
    names = {"Reader": 200, "nobody": 403}
    async with aiohttp.ClientSession() as session:
        for name, status in names.items():
            token = await azure.control.token(app=name, audience="https://management.azure.com/")
            async with session.get(url, headers={"Authorization": f"Bearer {token}"}) as answer:
                assert answer.status == status, name


async def test_without_the_action_the_answer_names_client_action_and_scope(azure: Azure) -> None:
    source = await azure.collection()
    estate = await azure.control.estate()
    reader = next(item for item in estate["principals"] if item["name"] == "reader")
    assert (await azure.call("GET", source["id"], principal="reader")).status == 200
    refused = await azure.call("DELETE", source["id"], principal="reader")
    assert (refused.status, refused.code) == (403, "AuthorizationFailed")
    assert refused.body["error"]["message"] == (
        f"The client '{reader['id']}' with object id '{reader['id']}' does not have authorization to perform action "
        f"'Microsoft.Compute/restorePointCollections/delete' over scope '{source['id']}' or the scope is invalid. "
        "If access was recently granted, please refresh your credentials."
    )
    other = await azure.collection("contoso-web01")
    assert (await azure.call("GET", other["id"], principal="reader")).status == 403, "its role ends at the provider's subscription"


async def test_the_buckets_hold_250_reads_and_fill_on_azures_time(azure: Azure) -> None:
    source = await azure.collection()
    remaining = []
    for _ in range(250):
        answer = await azure.call("GET", source["id"])
        remaining.append(int(answer.headers["x-ms-ratelimit-remaining-subscription-reads"]))
    assert (remaining[0], remaining[-1]) == (249, 0)
    empty = await azure.call("GET", source["id"])
    assert (empty.status, empty.headers["Retry-After"]) == (429, "1")
    assert (await azure.call("GET", source["id"], principal="operator")).status == 200, "each principal has its own"
    other = await azure.collection("contoso-web01")
    assert (await azure.call("GET", other["id"])).status == 200, "each subscription too"
    assert (await azure.call("PATCH", source["id"], {})).status == 200, "and each type of operation"
    await azure.control.advance("PT1S")
    again = await azure.call("GET", source["id"])
    assert again.headers["x-ms-ratelimit-remaining-subscription-reads"] == "24", "25 a second come back"
    counted = {(row["method"], row["operation"], row["subscriptionId"]): row for row in await azure.control.requests()}
    row = counted["GET", "RestorePointCollections_Get", source["id"].split("/")[2]]
    assert (row["count"], row["throttled"], row["refused"]) == (253, 1, 0)


async def test_compute_shows_its_own_buckets(azure: Azure) -> None:
    source = await azure.collection()
    header = (await azure.call("GET", source["id"])).headers["x-ms-ratelimit-remaining-resource"]
    assert header == "Microsoft.Compute/LowCostGet3Min;3999,Microsoft.Compute/LowCostGet30Min;31999"


async def test_what_is_not_there_is_not_found_in_arms_text(azure: Azure) -> None:
    source = await azure.collection()
    subscription, group = source["id"].split("/")[2], source["id"].split("/")[4]
    cases = {
        f"/subscriptions/{subscription[:-4]}0000/resourceGroups/{group}": "SubscriptionNotFound",
        source["id"].replace(group, "nowhere"): "ResourceGroupNotFound",
        source["id"] + "x": "ResourceNotFound",
        source["id"] + "/restorePoints/x": "ResourceNotFound",
        f"/subscriptions/{subscription}/providers/Microsoft.Nothing/things": "InvalidResourceNamespace",
        f"/subscriptions/{subscription}/providers/Microsoft.Compute/things": "InvalidResourceType",
    }
    for path, code in cases.items():
        answer = await azure.call("GET", path, version=RESOURCES if "providers" not in path else "2024-07-01")
        assert (answer.status, answer.code) == (404, code), path
    assert (await azure.call("POST", source["id"], {})).status == 405


async def test_a_body_that_is_no_json_object_is_refused(azure: Azure) -> None:
    source = await azure.collection()
    token = await azure.control.identity_token()
    url = f"{azure.url}{source['id']}-copies?api-version=2024-07-01"
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"}) as session:
        for body, code in ((b"{", "InvalidRequestContent"), (b"[]", "InvalidRequestContent"), (b"", "MissingRequestBody")):
            async with session.put(url, data=body) as answer:
                assert (answer.status, (await answer.json())["error"]["code"]) == (400, code)


async def test_the_lists_show_what_there_is(azure: Azure) -> None:
    estate = await azure.control.estate()
    subscriptions = (await azure.call("GET", "/subscriptions", version=RESOURCES)).body["value"]
    assert {item["subscriptionId"] for item in subscriptions} == {item["id"] for item in estate["subscriptions"]}
    machines = []
    for item in (each for each in subscriptions if each["displayName"] != "Spare"):
        locations = (await azure.call("GET", f"{item['id']}/locations", version=RESOURCES)).body["value"]
        assert {each["name"] for each in locations} == {"westeurope", "northeurope"}
        groups = (await azure.call("GET", f"{item['id']}/resourceGroups", version=RESOURCES)).body["value"]
        assert len(groups) == 2
        machines += (await azure.call("GET", f"{item['id']}/providers/Microsoft.Compute/virtualMachines")).body["value"]
        disks = (await azure.call("GET", f"{item['id']}/providers/Microsoft.Compute/disks", version=DISKS)).body["value"]
        assert all(disk["managedBy"] for disk in disks)
        collections = (await azure.call("GET", f"{item['id']}/providers/Microsoft.Compute/restorePointCollections")).body["value"]
        assert len(collections) == 2
        networks = (await azure.call("GET", f"{item['id']}/providers/Microsoft.Network/virtualNetworks", version=NETWORK)).body["value"]
        drills = {network["location"] for network in networks if network["name"].startswith("drill-")}
        assert drills == {"westeurope", "northeurope"}
        typed = await azure.call(
            "GET", f"{item['id']}/resources", version=RESOURCES, _filter="resourceType eq 'Microsoft.Compute/virtualMachines'"
        )
        assert len(typed.body["value"]) == 4
    assert len(machines) == 12
    assert {machine["location"] for machine in machines} == {"westeurope", "northeurope"}


async def test_only_subscriptions_in_which_one_has_a_role_are_listed(azure: Azure) -> None:
    assert len((await azure.call("GET", "/subscriptions", version=RESOURCES, principal="reader")).body["value"]) == 1
    assert (await azure.call("GET", "/subscriptions", version=RESOURCES, principal="stranger")).body["value"] == []


async def test_long_lists_come_in_pages(azure: Azure) -> None:
    estate = await azure.control.estate()
    source = estate["restorePointCollections"][0]
    estate["restorePointCollections"] += [{**source, "id": f"{source['id']}-{n}", "restorePoints": []} for n in range(600)]
    await azure.control.put_estate(estate)
    url = f"/subscriptions/{source['id'].split('/')[2]}/providers/Microsoft.Compute/restorePointCollections"
    seen: list[str] = []
    page = await azure.call("GET", url)
    while True:
        seen += [item["id"] for item in page.body["value"]]
        if "nextLink" not in page.body:
            break
        page = await azure.call("GET", page.body["nextLink"])
    assert len(seen) == len(set(seen)) == 602


async def test_a_resource_group_is_created_once_and_stays_where_it_is(azure: Azure) -> None:
    subscription = (await azure.control.estate())["subscriptions"][0]["id"]
    path = f"/subscriptions/{subscription}/resourceGroups/fresh"
    assert (await azure.call("PUT", path, {"location": "westeurope"}, version=RESOURCES)).status == 201
    assert (await azure.call("PUT", path, {"location": "westeurope", "tags": {"a": "b"}}, version=RESOURCES)).status == 200
    moved = await azure.call("PUT", path, {"location": "northeurope"}, version=RESOURCES)
    assert (moved.status, moved.code) == (409, "InvalidResourceGroupLocation")
    assert (await azure.call("GET", path, version=RESOURCES)).body["tags"] == {"a": "b"}


async def test_a_region_that_the_subscription_does_not_have_is_refused(azure: Azure) -> None:
    source = await azure.collection()
    body = {"location": "atlantis", "properties": {"source": {"id": source["id"]}}}
    answer = await azure.call("PUT", source["id"] + "-copies", body)
    assert (answer.status, answer.code) == (400, "LocationNotAvailableForResourceType")


async def test_a_machine_shows_its_power_state_when_asked(azure: Azure) -> None:
    machine = (await azure.control.estate())["virtualMachines"][0]["id"]
    assert "instanceView" not in (await azure.call("GET", machine)).body["properties"]
    expanded = (await azure.call("GET", machine, _expand="instanceView")).body["properties"]["instanceView"]
    assert "PowerState/running" in [status["code"] for status in expanded["statuses"]]
    assert (await azure.call("GET", machine + "/instanceView")).body == expanded
    assert (await azure.call("GET", machine, _expand="nothing")).status == 400
