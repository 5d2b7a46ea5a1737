"""Data centers over real TLS and NTLM: an installation that is checked, an order, and what a wrong authority or name looks like."""

import json
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import pytest

from local.journeys.data_center import order_and_delete
from local.processes import ROOT
from local.simulation.azure_pack.sample import PASSWORD, sample_installation
from local.stack import StackOptions
from tests.support.api import Caller, Reply
from tests.support.in_process import in_process
from tests.support.running import Running
from tests.support.storage import AzuritePool

JSON = {"Content-Type": "application/json"}
ORDER = {"plan": "Gold", "user": {"name": "ada@example.com"}, "resources": {"vmCount": 2, "cpuCount": 4}}
CENTER = "/tenants/northwind/data-centers/10042"


@pytest.fixture(scope="module")
def pack(azurites: AzuritePool) -> Iterator[Running]:
    """An app with a simulated Azure Pack on ports of its own."""

    def change(estate: dict[str, Any], _now: datetime) -> None:
        tenant = {"name": "northwind", "displayName": "Northwind", "kind": "tenant", "backend": "azurePack"}
        estate["azurePack"] = [sample_installation()]
        if not any(one["name"] == "northwind" for one in estate["tenants"]):
            estate["tenants"].append(tenant | {"tenantId": "99999999-0000-4000-8000-000000000001"})

    with azurites.lend() as azurite, in_process(azurite, change=change, azure_pack=True) as running:
        yield running


@pytest.fixture(scope="module")
def provider(pack: Running) -> Caller:
    """The provider's billing system."""
    return pack.caller("Tenants.Read", "Tenants.Write", "Admin", tenant="provider")


def put(caller: Caller, path: str, body: dict[str, Any], **headers: str) -> Reply:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return caller.call("PUT", path, json.dumps(body).encode(), JSON | named)


def document(pack: Running, **changes: Any) -> dict[str, Any]:
    """Return the installation's document: Windows sign-in, and the simulation's own authority."""
    first = (urlsplit(pack.azure).port or 0) + 1
    with urllib.request.urlopen(f"{pack.azure}/_simulation/azure-pack/ca") as answer:  # noqa: S310  # http to this machine
        authority = answer.read().decode()
    sign_in = {"windowsAuthEndpoint": f"https://localhost:{first + 4}", "domain": "PACK", "userName": "farshore"}
    return {
        "adminApi": f"https://localhost:{first}",
        "tenantPublicApis": [f"https://localhost:{first + 2}"],
        "signIn": sign_in | {"password": {"value": PASSWORD}},
        "tls": {"caBundle": authority},
        **changes,
    }


def checks(caller: Caller) -> dict[str, str]:
    """Return what each check found."""
    reply = caller.post("/azure-packs/pack/check")
    assert reply.status == 200, reply
    return {one["name"]: one["result"] for one in reply.body["checks"]}


def test_an_installation_is_checked_and_an_order_is_carried_out_over_real_tls(pack: Running, provider: Caller) -> None:
    created = put(provider, "/azure-packs/pack", document(pack))
    assert created.status == 201, created
    assert set(checks(provider).values()) == {"pass"}
    placed = put(provider, CENTER, ORDER)
    assert placed.status == 202, placed
    ended = pack.until_ended(provider, placed.headers["operation-location"], step="PT1M")
    assert (ended.body["status"], ended.body["action"]) == ("Succeeded", "create"), ended
    shown = pack.caller("Tenants.Read", tenant="northwind").get(CENTER)
    assert (shown.body["state"], shown.body["observed"]["drift"]) == ("Active", []), shown
    deleted = provider.call("DELETE", f"{CENTER}?confirm=10042")
    assert pack.until_ended(provider, deleted.headers["operation-location"], step="PT1M").body["status"] == "Succeeded"


@pytest.mark.parametrize(
    ("changes", "failing"),
    [
        ({"tls": {}}, "tls"),
        ({"tls": {"serverName": "other.local"}}, "tls"),
        ({"adminApi": "https://localhost:1"}, "address"),
        ({"signIn": {"password": {"value": "Wrong-Passw0rd!"}}}, "signIn"),
    ],
)  # fmt: skip
def test_a_check_names_the_first_thing_that_is_wrong(pack: Running, provider: Caller, changes: dict[str, Any], failing: str) -> None:
    good = document(pack)
    body = {**good, **{name: {**good[name], **value} if isinstance(value, dict) and value else value for name, value in changes.items()}}
    assert put(provider, "/azure-packs/pack", body, If_Match="*").status in {200, 201, 412}
    found = checks(provider)
    assert found[failing] == "failure", found
    before = ("address", "tls", "signIn", "adminApi", "plans", "machines")
    assert {found[name] for name in before[before.index(failing) + 1 :]} == {"unknown"}


def test_the_journey_of_a_tenant_on_azure_pack(pack: Running, provider: Caller) -> None:
    """From a publishsettings file with a generated certificate to a machine and back, over real TLS, as the tenant's own caller."""
    customer = pack.caller("Tenants.Read", "Tenants.Write", tenant="northwind")
    assert put(provider, "/azure-packs/pack", document(pack), If_Match="*").status in {200, 201}
    file = urllib.request.Request(  # noqa: S310  # http to this machine
        f"{pack.azure}/_simulation/azure-pack/publishsettings", json.dumps({"user": "admin@northwind.example"}).encode(), JSON
    )
    with urllib.request.urlopen(file) as answer:  # noqa: S310
        settings = answer.read().decode()
    stranger = settings.replace("https://localhost:", "https://127.0.0.1:")
    body = {"publishSettings": {"value": stranger}}
    refused = customer.post("/tenants/northwind/azure-pack-subscriptions/import", body)
    assert (refused.status, refused.code) == (400, "UnknownEndpoint"), refused
    imported = customer.post("/tenants/northwind/azure-pack-subscriptions/import", {"publishSettings": {"value": settings}})
    assert imported.status == 200, imported
    subscription = imported.body["value"][0]["id"]
    assert customer.get(f"/tenants/northwind/azure-pack-subscriptions/{subscription}").body["state"] == "Active"
    assert {one["name"] for one in customer.get("/tenants/northwind/images").body["value"]} >= {"Ubuntu", "centos.vhdx"}
    assert "Office" in {one["name"] for one in customer.get("/tenants/northwind/networks").body["value"]}
    machines = "/tenants/northwind/virtual-machines"

    def ended(reply: Reply) -> Any:
        assert reply.status == 202, reply
        operation = pack.until_ended(customer, reply.headers["operation-location"], step="PT30S").body
        assert operation["status"] == "Succeeded", operation
        return operation

    made = ended(customer.post(machines, {"name": "journey", "image": "Ubuntu", "network": "Office", "subscriptionId": subscription}))
    assert customer.get(f"{machines}/{made['result']['resourceId']}").body["powerState"] == "running"
    ended(customer.post(f"{machines}/journey/stop"))
    assert customer.get(f"{machines}/journey").body["powerState"] == "stopped"
    ended(customer.call("DELETE", f"{machines}/journey?confirm=journey&deleteDisks=all"))
    assert customer.get(f"{machines}/journey").status == 404


def test_the_demo_of_a_data_center_runs_from_order_to_deletion(pack: Running, capsys: pytest.CaptureFixture[str]) -> None:
    storage = dict(part.split("=", 1) for part in pack.storage.rstrip(";").split(";"))["BlobEndpoint"]
    ports = [urlsplit(address).port or 0 for address in (pack.api, pack.azure, storage)]
    options = StackOptions(data=ROOT, port=ports[0], azure_port=ports[1], storage_port=ports[2])
    with ThreadPoolExecutor(1) as pool:
        journey = pool.submit(order_and_delete, options)
        while not journey.done():
            pack.advance("PT1M")
        assert journey.result() == 0
    shown = capsys.readouterr().out
    assert [line[:2] for line in shown.splitlines() if line[:1].isdigit()] == [f"{number}." for number in range(1, 8)]
    assert "1 of 2 machines ran" in shown
