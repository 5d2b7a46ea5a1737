"""A tenant's own subscriptions on Azure Pack: imported with proof, never from an address of no installation, never another tenant's."""

import json
import re
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
import pytest_asyncio

from local.simulation.azure_pack.sample import OWNER, SUBSCRIPTION
from shared.azure_pack.errors import Cause, unreachable
from shared.errors import ErrorCode
from shared.installations.reach.failures import as_failure
from tests.data_centers.bench import Bench, bench
from tests.data_centers.documents import OTHER, TENANT, WRITER, Json
from tests.data_centers.transport import HOST
from tests.support.api import Reply
from tests.support.secrets import OWN

CUSTOMER = (TENANT, "Tenants.Write", "Tenants.Read")
ALL = f"/tenants/{TENANT}/azure-pack-subscriptions"
ONE = f"{ALL}/{SUBSCRIPTION}"


@pytest_asyncio.fixture
async def app() -> AsyncIterator[Bench]:
    async with bench() as running:
        yield running


async def imported(app: Bench, file: str, tenant: str = TENANT, **members: object) -> Reply:
    """Import a file as the tenant's own caller."""
    body = {"publishSettings": {"value": file}, **members}
    path = f"/tenants/{tenant}/azure-pack-subscriptions/import"
    return await app.request("POST", path, body, caller=(tenant, "Tenants.Write", "Tenants.Read"))


def certificates(app: Bench) -> list[str]:
    """Return the names of the certificates in the app's vault."""
    return [name for name in app.vaults.names() if re.fullmatch(r"azure-pack-pack-[0-9A-F]{40}-.{8}", name)]


async def test_a_tenants_own_caller_imports_lists_reads_and_forgets_its_subscription(app: Bench) -> None:
    reply = await imported(app, app.publish_settings())
    assert reply.status == 200, reply
    assert [(one["id"], one["access"], one["dataCenter"]) for one in reply.body["value"]] == [(SUBSCRIPTION, "certificate", None)]
    listed = await app.request("GET", ALL, caller=CUSTOMER)
    assert listed.body["value"][0]["certificate"]["expiresInDays"] in {364, 365}
    assert listed.body["value"][0]["state"] is None, "a list asks Azure Pack nothing"
    shown = (await app.request("GET", ONE, caller=CUSTOMER)).body
    assert (shown["state"], shown["plan"], shown["quotaSync"], shown["services"]) == ("Active", "gold-plan", "InSync", ["systemcenter"])
    assert {one["resource"]: one["limit"] for one in shown["usage"]}["Cores"] == 16
    assert app.calls(30004) == 0, "only the tenant public API is called, with the certificate"
    assert (await app.request("DELETE", ONE, caller=CUSTOMER)).status == 204
    assert (await app.request("GET", ONE, caller=CUSTOMER)).status == 404
    assert certificates(app) == []


@pytest.mark.parametrize("schema", ["1.0", "2.0"])
async def test_the_same_file_again_changes_nothing_and_a_newer_certificate_replaces_the_older(app: Bench, schema: str) -> None:
    file = app.publish_settings(schema=schema)
    assert (await imported(app, file)).status == 200
    before = certificates(app)
    assert (await imported(app, file)).status == 200
    assert certificates(app) == before
    newer = await imported(app, app.publish_settings(schema=schema, lifetime="P700D"))
    assert newer.body["value"][0]["certificate"]["expiresInDays"] > 690
    assert len(certificates(app)) == 1
    assert certificates(app) != before
    assert (await app.request("GET", ONE, caller=CUSTOMER)).status == 200


@pytest.mark.parametrize("address", ["https://evil.example:30006", "https://pack.local:30004", "https://pack.local:30006/elsewhere"])
async def test_an_address_of_no_installation_is_never_connected_to(app: Bench, address: str) -> None:
    file = app.publish_settings().replace(f"{HOST}:30006", address)
    reply = await imported(app, file)
    assert (reply.status, reply.code) == (400, "UnknownEndpoint"), reply
    assert reply.body["error"]["target"] == "PublishProfile/Subscription[1]/@ServiceManagementUrl"
    assert app.sent == []
    assert certificates(app) == []


async def test_another_tenants_subscription_is_never_mapped_whatever_its_certificate_proves(app: Bench) -> None:
    assert (await imported(app, app.publish_settings())).status == 200
    kept = certificates(app)
    reply = await imported(app, app.publish_settings(), OTHER)
    assert (reply.status, reply.code) == (409, "SubscriptionNotAvailable"), reply
    assert certificates(app) == kept, "the certificate of what was not mapped is deleted"
    other = await app.request("GET", f"/tenants/{OTHER}/azure-pack-subscriptions", caller=(OTHER, "Tenants.Read"))
    assert other.body["value"] == []
    assert TENANT not in json.dumps(reply.body)


async def test_a_certificate_that_the_subscription_does_not_take_maps_nothing(app: Bench) -> None:
    reply = await imported(app, app.publish_settings(register=False))
    assert (reply.status, reply.code) == (409, "SubscriptionNotAvailable"), reply
    assert certificates(app) == []
    assert (await app.request("GET", ALL, caller=CUSTOMER)).body["value"] == []


@pytest.mark.parametrize("fault", ["lostResponse", "throttle", "error"])
async def test_without_an_answer_nothing_is_mapped_and_no_secret_is_left(app: Bench, fault: str) -> None:
    app.fault(fault, service="azurePack.public", times=1)
    reply = await imported(app, app.publish_settings())
    assert (reply.status, reply.code) == (503, "ServiceUnavailable"), reply
    assert certificates(app) == []
    assert (await app.request("GET", ALL, caller=CUSTOMER)).body["value"] == []
    assert (await imported(app, app.publish_settings())).status == 200


@pytest.mark.parametrize(
    ("change", "code", "target"),
    [
        (lambda _: "no xml", "NotXml", ""),
        (lambda text: text.replace("<PublishData>", "<!DOCTYPE a><PublishData>"), "ForbiddenXml", ""),
        (lambda text: re.sub(r'(ManagementCertificate)="[^"]*"', r'\1="AAAA"', text), "CertificateUnreadable", "Certificate"),
    ],
)  # fmt: skip
async def test_a_file_that_cannot_be_read_is_refused_with_its_place(app: Bench, change: object, code: str, target: str) -> None:
    assert callable(change)
    reply = await imported(app, change(app.publish_settings()))
    assert reply.status == 400, reply
    assert reply.body["error"]["message"].startswith(code)
    assert target in (reply.body["error"]["target"] or "")
    assert app.sent == []


async def test_of_a_file_those_are_mapped_that_are_named_and_an_unknown_one_is_refused(app: Bench) -> None:
    file = app.publish_settings()
    unknown = "11111111-2222-4333-8444-555555555555"
    reply = await imported(app, file, subscriptionIds=[SUBSCRIPTION, unknown])
    assert (reply.status, reply.body["error"]["details"][0]["target"]) == (400, "subscriptionIds[1]")
    assert app.sent == []
    assert (await imported(app, file, subscriptionIds=[SUBSCRIPTION.upper()])).status == 200


async def test_a_file_of_200_kib_is_read_and_a_larger_one_is_refused(app: Bench) -> None:
    file = app.publish_settings()
    padded = file.replace("</PublishData>", f"<!-- {'x' * (200 * 1024)} --></PublishData>")
    assert (await imported(app, padded)).status == 200
    reply = await imported(app, "x" * (257 * 1024))
    assert reply.status == 413


async def test_by_message_a_file_comes_by_reference_only(app: Bench) -> None:
    file = app.publish_settings()
    app.vaults.add(f"{OWN}/secrets/incoming-settings", file, {"tenant": TENANT})
    message = {"id": "m-1", "tenant": TENANT, "operation": "azurePackSubscription.import"}
    app.send(message | {"publishSettings": {"keyVaultSecretId": f"{OWN}/secrets/incoming-settings"}})
    await app.advance()
    assert (await app.request("GET", ONE, caller=CUSTOMER)).body["state"] == "Active"
    app.send(message | {"id": "m-2", "publishSettings": {"value": file}})
    await app.advance()
    rejected = (await app.request("GET", "/rejected-messages")).body["value"]
    assert [one["reason"]["code"] for one in rejected] == ["SecretInMessage"]
    key = re.findall(r'ManagementCertificate="([^"]+)"', file)[0]
    assert key not in json.dumps(rejected)


async def test_a_reference_to_any_other_secret_is_404_and_its_vault_is_not_asked(app: Bench) -> None:
    app.vaults.asked.clear()
    body = {"publishSettings": {"keyVaultSecretId": "https://other.vault.azure.net/secrets/x"}}
    reply = await app.request("POST", f"{ALL}/import", body, caller=CUSTOMER)
    assert (reply.status, reply.body["error"]["target"]) == (404, "publishSettings.keyVaultSecretId")
    assert app.vaults.asked == []


async def test_a_data_centers_subscription_is_listed_and_cannot_be_forgotten(app: Bench) -> None:
    [ended] = await app.until_ended(await app.place())
    assert ended["status"] == "Succeeded"
    listed: list[Json] = (await app.request("GET", ALL, caller=CUSTOMER)).body["value"]
    assert [(one["access"], one["dataCenter"]) for one in listed] == [("provider", "10042")]
    shown = (await app.request("GET", f"{ALL}/{listed[0]['id']}", caller=CUSTOMER)).body
    assert (shown["state"], shown["plan"]) == ("Active", "gold-plan")
    refused = await app.request("DELETE", f"{ALL}/{listed[0]['id']}", caller=CUSTOMER)
    assert (refused.status, refused.code) == (409, "TenantBusy")


async def test_a_certificate_that_ends_within_30_days_is_announced_once(app: Bench) -> None:
    assert (await imported(app, app.publish_settings(lifetime="P40D"))).status == 200
    for _ in range(12):
        app.platform.clock.move(timedelta(days=1))
        await app.runtime.run_each(app.runtime.timers)
    await app.work()
    told = [one for one in app.events if one["type"] == "farshore.azurePackSubscription.attention"]
    assert [one["data"]["id"] for one in told] == [SUBSCRIPTION]
    assert told[0]["id"].startswith(f"azurePackSubscription/pack/{SUBSCRIPTION}/")


async def test_the_daily_round_deletes_certificates_that_no_row_names_and_no_other(app: Bench) -> None:
    assert (await imported(app, app.publish_settings())).status == 200
    used = certificates(app)
    thumbprint = "A" * 40
    app.vaults.add(f"{OWN}/secrets/azure-pack-pack-{thumbprint}-deadbeef", "{}", {"tenant": TENANT, "thumbprint": thumbprint})
    app.vaults.age(timedelta(days=4000))
    app.platform.clock.move(timedelta(days=1))
    await app.runtime.run_each(app.runtime.timers)
    assert certificates(app) == used
    assert [name for name in app.vaults.names() if "sign-in" in name], "the sign-in of the installation stays"


async def test_an_installation_with_imported_subscriptions_cannot_be_deleted(app: Bench) -> None:
    assert (await imported(app, app.publish_settings())).status == 200
    reply = await app.request("DELETE", "/azure-packs/pack?confirm=pack", headers={"If-Match": "*"})
    assert (reply.status, reply.code) == (409, "InstallationInUse"), reply
    assert (await app.request("GET", ONE, caller=WRITER)).status == 200
    assert OWNER not in json.dumps((await app.request("GET", ALL, caller=CUSTOMER)).body)


def test_a_certificate_that_has_ended_is_a_sign_in_that_a_person_mends() -> None:
    error = unreachable(Cause.CLIENT_CERTIFICATE_EXPIRED, "The certificate has ended.")
    assert as_failure(error).code == ErrorCode.SIGN_IN_FAILED
    assert as_failure(unreachable(Cause.TLS_EXPIRED, "The server's certificate has ended.")).code == ErrorCode.AZURE_PACK_UNREACHABLE
