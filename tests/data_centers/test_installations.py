"""Installations: documents with conditions, their secrets, checks and plans."""

from datetime import timedelta
from typing import Any, cast
from uuid import UUID

import pytest

from local.simulation.azure_pack.sample import PASSWORD, SUBSCRIPTION
from shared.clock import to_text
from shared.installations import TABLE
from shared.installations.documents import Installations
from shared.installations.reach.connections import Connection, Connections
from shared.storage.pieces import pieces
from shared.web.conditional import tag_of
from tests.data_centers.bench import bench
from tests.data_centers.documents import PROVIDER, TENANT, Json, installation
from tests.data_centers.transport import MemoryTransport
from tests.support.secrets import OWN

PATH = "/azure-packs/pack"
OWNS, OTHERS = {"keyVaultSecretId": f"{OWN}/secrets/own"}, {"keyVaultSecretId": "https://other.vault.azure.net/secrets/x"}


async def test_an_installation_is_a_document_with_conditions_and_shows_no_secret() -> None:
    async with bench() as app:
        got = await app.request("GET", PATH)
        reference = got.body["signIn"]["password"]
        assert set(reference) == {"keyVaultSecretId"}
        assert reference["keyVaultSecretId"].startswith(f"{OWN}/secrets/azure-pack-pack-sign-in-")
        assert PASSWORD not in str(got.body)
        body = {name: value for name, value in got.body.items() if name not in {"name", "createdAt", "lastUpdatedAt"}}
        assert (await app.request("PUT", PATH, body)).status == 200, "an equal document needs no condition"
        changed = body | {"displayName": "Pack one"}
        refused = await app.request("PUT", PATH, changed)
        assert (refused.status, refused.code) == (428, "PreconditionRequired")
        assert (await app.request("PUT", PATH, changed, headers={"If-Match": '"other"'})).status == 412
        put = await app.request("PUT", PATH, changed, headers={"If-Match": got.headers["etag"]})
        assert (put.status, put.body["displayName"]) == (200, "Pack one")
        former = [name for name in app.vaults.names() if "sign-in" in name]
        renewed = changed | {"signIn": body["signIn"] | {"password": {"value": "New-Passw0rd!"}}}
        assert (await app.request("PUT", PATH, renewed, headers={"If-Match": "*"})).status == 200
        assert len([name for name in app.vaults.names() if "sign-in" in name]) == 1
        assert former != [name for name in app.vaults.names() if "sign-in" in name], "the secret before is deleted"
        assert [one["name"] for one in (await app.request("GET", "/azure-packs")).body["value"]] == ["pack"]


@pytest.mark.parametrize(
    ("changes", "status", "target"),
    [
        ({"adminApi": "http://pack.local:30004"}, 400, "adminApi"),
        ({"adminApi": "https://pack.local:30004/"}, 400, "adminApi"),
        ({"adminApi": "https://user@pack.local"}, 400, "adminApi"),
        ({"tls": {"securityLevel": 0}}, 400, "tls.securityLevel"),
        ({"tls": {"caBundle": "no certificate"}}, 400, "tls.caBundle"),
        ({"tls": {"serverName": "https://pack.local"}}, 400, "tls.serverName"),
        ({"tls": {"serverName": " "}}, 400, "tls.serverName"),
        ({"portalUrl": "https://pack.local:99999"}, 400, "portalUrl"),
        ({"portalUrl": "https://pack.local/a b"}, 400, "portalUrl"),
        ({"proxy": {"url": "http://pack.local:99999"}}, 400, "proxy.url"),
        ({"defaults": {"shutdownTimeout": "PT2H"}}, 400, "defaults.shutdownTimeout"),
        ({"calls": {"inFlight": 33}}, 400, "calls.inFlight"),
        ({"accounts": {"mode": "hook"}}, 400, "accounts"),
        ({"machines": {"via": "tenantApi"}}, 400, None),
        ({"proxy": {"url": "http://user:secret@proxy"}}, 400, "proxy.url"),
        ({"unknown": 1}, 400, "unknown"),
        ({"accounts": {"mode": "hook", "url": "https://x", "token": OWNS}}, 404, "accounts.token.keyVaultSecretId"),
        ({"proxy": {"url": "http://p", "credentials": OTHERS}}, 404, "proxy.credentials.keyVaultSecretId"),
    ],
)  # fmt: skip
async def test_a_document_that_is_wrong_is_refused_with_its_field(changes: dict[str, Any], status: int, target: str | None) -> None:
    async with bench() as app:
        names, asked = app.vaults.names(), set(app.vaults.asked)
        refused = await app.request("PUT", "/azure-packs/other", installation(**changes))
        assert (refused.status, refused.target) == (status, target), refused
        assert PASSWORD not in str(refused.body)
        assert app.vaults.names() == names
        assert "https://other.vault.azure.net" not in set(app.vaults.asked) - asked


@pytest.mark.parametrize(
    ("changes", "target"),
    [
        ({"tls": {"caBundle": None, "serverName": "wap_admin.corp", "securityLevel": 2}}, "tls.serverName"),
        ({"tls": {"caBundle": None, "serverName": "Pack.Local", "securityLevel": 2}}, None),
        ({"portalUrl": "https://pack.local:99999"}, "portalUrl"),
        ({"proxy": {"url": "http://pack.local:0", "credentials": None}}, "proxy.url"),
    ],
)  # fmt: skip
async def test_a_document_that_an_earlier_version_stored_is_read_and_may_be_written_back(changes: Json, target: str | None) -> None:
    async with bench() as app:
        store, table = app.runtime.of(Installations).store, app.storage.table(TABLE)
        known, row = await store.get("pack"), await table.get("installation", "d|pack")
        assert known is not None
        assert row is not None
        settings = known.installation.settings.as_json() | changes
        tag = tag_of(settings)
        columns = {"refusedTag": tag, "refusedAt": to_text(app.platform.clock.now())}
        await table.upsert({**row.entity, **pieces("document", {"name": "pack", "settings": settings}), **columns})
        app.runtime.of(Connections).forget()
        got = await app.request("GET", PATH)
        assert (got.status, got.headers.get("etag")) == (200, tag), got
        assert [one["name"] for one in (await app.request("GET", "/azure-packs")).body["value"]] == ["pack"]
        assert await app.runtime.of(Connections).get("pack") is not None
        assert await store.refused_until("pack", tag) is not None, "credentials that were refused are not tried again"
        body = {name: value for name, value in got.body.items() if name not in {"name", "createdAt", "lastUpdatedAt"}}
        named = await app.request("PUT", PATH, body | {"displayName": "Pack one"}, headers={"If-Match": tag})
        assert named.status == 200, "a value that is there may stay"
        if target is not None:
            refused = await app.request("PUT", "/azure-packs/other", installation(**changes))
            assert (refused.status, refused.target) == (400, target)
        put = await app.request("PUT", PATH, installation(), headers={"If-Match": named.headers["etag"]})
        assert put.status == 200, put


async def test_a_deletion_needs_its_confirmation_and_is_refused_while_there_are_data_centers() -> None:
    async with bench() as app:
        assert (await app.request("DELETE", PATH)).target == "confirm"
        await app.until_ended(await app.place())
        refused = await app.request("DELETE", f"{PATH}?confirm=pack")
        assert (refused.status, refused.code) == (409, "InstallationInUse")
        await app.until_ended(await app.act("delete"))
        assert (await app.request("DELETE", f"{PATH}?confirm=pack")).status == 204
        assert (await app.request("GET", PATH)).status == 404
        assert not [name for name in app.vaults.names() if "sign-in" in name]


async def test_plans_show_which_can_carry_an_order_and_why_not() -> None:
    async with bench() as app:
        plans = {one["displayName"]: one for one in (await app.request("GET", f"{PATH}/plans")).body["value"]}
        assert (plans["Gold"]["suitable"], plans["Retired"]["suitable"]) == (True, False)
        assert (plans["Boundless"]["limits"]["cpuCount"], plans["Boundless"]["suitable"]) == (None, False)
        assert len(plans["Boundless"]["reasons"]) == 1
        assert plans["Silver"]["limits"]["cpuCount"] == 2
        assert {one["displayName"] for one in plans["Gold"]["addOns"]} == {"Backup", "Databases", "northwind"}
        app.fault("error", method="GET", path="^/plans$", status=500, times=5)
        assert (await app.request("GET", f"{PATH}/plans")).status == 503


async def test_a_check_names_another_way_where_the_admin_service_shows_machines_of_others() -> None:
    document = installation(machines={"via": "admin"}, proxy={"url": "http://proxy.pack.local"})
    async with bench(document=document, adminFiltersMachines=False) as app:
        found = []
        for owner in (SUBSCRIPTION, str(UUID(int=9))):
            app.machine("last", "Running", owner)
            checks = (await app.request("POST", f"{PATH}/check")).body["checks"]
            found += [(one["result"], one["action"]) for one in checks if one["name"] == "machines"]
        assert found == [("pass", None), ("failure", "Set machines.via to adminSubscription.")]


async def test_credentials_that_were_refused_are_not_tried_by_any_instance_until_the_document_changes() -> None:
    async with bench() as app:
        app.change("accounts", "farshore", password="changed")
        before = app.calls(30009)
        assert (await app.request("GET", f"{PATH}/plans")).status == 503
        await app.runtime.of(Connections).close()  # another instance: what was in memory only is gone
        assert (await app.request("GET", f"{PATH}/plans")).status == 503
        assert app.calls(30009) == before + 1
        put = await app.request(
            "PUT", PATH, installation(signIn=installation()["signIn"] | {"password": {"value": "changed"}}), headers={"If-Match": "*"}
        )
        assert put.status == 200
        assert (await app.request("GET", f"{PATH}/plans")).status == 200


async def test_several_installations_need_their_name_in_an_order() -> None:
    async with bench() as app:
        assert (await app.request("PUT", "/azure-packs/second", installation())).status == 201
        refused = await app.place()
        assert (refused.status, refused.target) == (400, "installation")
        assert (await app.place(installation="pack")).status == 202
        assert (await app.request("GET", "/azure-packs", caller=(TENANT, "Tenants.Read", "Admin"))).status == 403
        assert (await app.request("GET", "/azure-packs", caller=(PROVIDER, "Admin"))).status == 200


async def test_connections_are_closed_with_the_app_and_some_time_after_their_document_changed() -> None:
    def closed(connection: Connection | None) -> list[bool]:
        return [cast("MemoryTransport", one).is_closed for one in connection.transports] if connection is not None else []

    async with bench() as app:
        connections = app.runtime.of(Connections)
        former = await connections.get("pack")
        put = await app.request("PUT", PATH, installation(displayName="Pack one"), headers={"If-Match": "*"})
        assert put.status == 200, put
        current = await connections.get("pack")
        assert (closed(former), closed(current)) == ([False] * 2, [False] * 2), "a claim may use it still"
        app.platform.clock.move(timedelta(minutes=11))
        await connections.get("pack")
        assert (closed(former), closed(current)) == ([True] * 2, [False] * 2)
        await app.runtime.close()
        assert closed(current) == [True] * 2
