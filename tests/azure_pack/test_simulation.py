"""The simulated installation in the process of the simulated Azure: its ports, its control surface, its accounts hook."""

import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import aiohttp
import pytest

from local import processes
from local.calls import answers, call
from local.processes import ROOT
from local.simulation.azure_pack.request import Listener
from local.simulation.azure_pack.sample import OWNER, SUBSCRIPTION
from shared.azure_pack import CertificateAuthorization, TenantClient, TlsOptions, Transport, read_publish_settings
from tests.azure_pack.clients import membership, refused
from tests.azure_pack.pack import Pack, keys, running_pack
from tests.azure_pack.support import now
from tests.support.ports import take_ports

ID = UUID(SUBSCRIPTION)
HOOK = "sample-hook-token"


@contextmanager
def simulation(data: Path, *options: str) -> Iterator[tuple[str, int]]:
    """The simulated Azure as a process, with an Azure Pack: its address, and the first port of the Azure Pack."""
    port = take_ports(8)
    command = [sys.executable, "-m", "local.simulation", "--port", str(port), "--azure-pack-port", str(port + 1), "--speed", "0"]
    part = processes.start("the simulated Azure", [*command, "--data", str(data), *options], data / "log")
    try:
        processes.wait_until(part, lambda: answers(f"http://127.0.0.1:{port}/_simulation/clock"), 30)
        yield f"http://127.0.0.1:{port}", port + 1
    finally:
        part.stop(5)


async def test_a_process_serves_an_installation_that_survives_a_restart(tmp_path: Path) -> None:
    with simulation(tmp_path) as (url, _):
        async with aiohttp.ClientSession() as session:
            authority = await (await session.get(f"{url}/_simulation/azure-pack/ca")).text()
            asked = await session.post(f"{url}/_simulation/azure-pack/publishsettings", json={"user": OWNER})
            one = read_publish_settings(await asked.read(), now=now()).subscriptions[0]
    with simulation(tmp_path) as (url, first):
        transport = Transport(tls=TlsOptions(authority), certificate=one.certificate, now=now)
        tenant = TenantClient(f"https://localhost:{first + 2}", transport, CertificateAuthorization())
        assert (await tenant.subscription(ID)).name == "Northwind"
        await tenant.subscribe(ID, "backup")
        await transport.close()
        effects = call("GET", f"{url}/_simulation/effects").body["value"]
        assert [(each["service"], each["principal"]) for each in effects] == [("azurePack.public", one.certificate.thumbprint)]
        state = call("GET", f"{url}/_simulation/azure-pack/state").body
        assert sorted(each["StatusString"] for each in state["machines"]) == ["Paused", "Running", "Running", "Stopped"]
        assert "assword" not in str(state)


def test_a_busy_port_is_reported_with_its_option(tmp_path: Path) -> None:
    with simulation(tmp_path) as (_, first):
        command = [sys.executable, "-m", "local.simulation", "--port", "0", "--azure-pack-port", str(first)]
        ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 1
    assert f"port {first} " in ended.stderr
    assert "--azure-pack-port" in ended.stderr


def test_the_servers_certificate_is_kept_while_it_is_valid_and_of_the_authority(tmp_path: Path) -> None:
    file, authority, at = tmp_path / "server.pem", keys().authority, now()
    first = authority.kept_server(file, ["localhost"], at)
    assert authority.kept_server(file, ["localhost"], at).thumbprint == first.thumbprint
    of_another = keys().other.kept_server(file, ["localhost"], at)
    assert of_another.thumbprint != first.thumbprint
    later = at + timedelta(days=900)
    assert keys().other.kept_server(file, ["localhost"], later).thumbprint != of_another.thumbprint
    assert file.stat().st_mode & 0o777 == 0o600


async def ask(pack: Pack, method: str, path: str, token: str = HOOK, body: object = None) -> int:
    context = ssl.create_default_context(cadata=keys().authority.pem)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context)) as session:
        url, headers = pack.url(Listener.ACCOUNTS) + path, {"Authorization": f"Bearer {token}"}
        async with session.request(method, url, headers=headers, json=body) as answer:
            return answer.status


async def test_the_accounts_hook_makes_sign_ins(pack: Pack) -> None:
    path, user = "/accounts/new%40example.com", "new@example.com"
    body = {"email": user, "password": "First-Passw0rd", "displayName": "New"}
    assert await ask(pack, "GET", path) == 404
    assert await ask(pack, "PUT", path, token="another", body=body) == 401
    assert await ask(pack, "PUT", path, body=body) == 201
    await membership(pack, user, "First-Passw0rd").issue()
    assert await ask(pack, "PUT", path, body=body | {"password": "Second-Passw0rd"}) == 200
    assert (await refused(membership(pack, user, "First-Passw0rd").issue())).code == "Credentials"
    assert (await ask(pack, "GET", path), await ask(pack, "DELETE", path), await ask(pack, "DELETE", path)) == (200, 204, 404)
    assert "assw0rd" not in str(pack.effects())
    assert [service for service, _, _ in pack.effects()] == ["azurePack.accounts"] * 3


async def test_the_estate_is_written_as_it_is_read(pack: Pack) -> None:
    pack.pass_time(seconds=1)
    estate = pack.platform.estate()
    pack.platform.replace_estate(estate)
    assert pack.platform.estate() == estate


async def test_a_second_installation_is_refused() -> None:
    with pytest.raises(ValueError, match="one installation"):
        async with running_pack() as pack:
            pack.platform.replace_estate({"azurePack": [{}, {}]})


async def test_a_fault_of_another_service_is_not_met(pack: Pack) -> None:
    pack.fault("error", service="azurePack.admin")
    pack.fault("error", service="resourceManager")
    await membership(pack).issue()
    assert [fault.remaining for fault in pack.platform.faults.all] == [1, 1]
