"""`python3 -m local` as a person uses it."""

import json
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from local.calls import answers, call
from local.processes import ROOT, listens
from tests.support.ports import take_ports

pytestmark = pytest.mark.stack


class Ports:
    """Free ports for one stack, and the options that say so."""

    def __init__(self) -> None:
        self.first = take_ports(5)

    @property
    def options(self) -> list[str]:
        return [*self.stack, "--no-azure-pack"]

    @property
    def stack(self) -> list[str]:
        return ["--port", str(self.first), "--azure-port", str(self.first + 1), "--storage-port", str(self.first + 2)]

    def all_quiet(self) -> bool:
        return not any(listens(self.first + offset) for offset in range(5))


def local(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "local", *arguments], cwd=ROOT, capture_output=True, text=True, check=False, timeout=240)


@contextmanager
def serving(ports: Ports, *options: str, end: int = signal.SIGTERM) -> Iterator[subprocess.Popen[str]]:
    """Serve without a demonstration; after the block signal `end` is sent, and nothing may be left."""
    given = ports.stack if "--azure-pack-port" in options else ports.options
    command = [sys.executable, "-m", "local", "up", "--no-demo", *given, *options]
    up = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True)
    try:
        wait(lambda: answers(f"http://127.0.0.1:{ports.first}/api/health") or up.poll() is not None, 60)
        yield up
        up.send_signal(end)
        ended = up.wait(30)
    finally:
        if up.poll() is None:
            up.terminate()
            up.wait(30)
    if end == signal.SIGKILL:
        wait(ports.all_quiet, 20)  # what it had started ends by itself
    else:
        assert ended == 0
        assert ports.all_quiet()


def installations(ports: Ports) -> list[str]:
    """Return the names of the installations of Azure Pack that are registered."""
    token = local("token", "--azure-port", str(ports.first + 1), "--role", "Admin").stdout.strip()
    reply = call("GET", f"http://127.0.0.1:{ports.first}/api/azure-packs", headers={"Authorization": f"Bearer {token}"})
    return [str(one["name"]) for one in reply.body["value"]]


def wait(ready: Callable[[], bool], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < deadline
        time.sleep(0.05)  # the real time of real processes


def test_a_copy_is_shown_to_its_end_and_kept_state_knows_it_again(tmp_path: Path) -> None:
    ports = Ports()
    # with the simulated Azure Pack, as without options; the second time without it
    first = local("up", "--exit", "--speed", "3000", "--data", str(tmp_path), *ports.stack, "--azure-pack-port", str(take_ports(7)))
    assert first.returncode == 0, first.stdout + first.stderr
    assert "100.0 %  Succeeded" in first.stdout
    (usable,) = re.findall(r"the copy is usable: (\S+)", first.stdout)
    assert ports.all_quiet()
    second = local("up", "--exit", "--speed", "3000", "--data", str(tmp_path), *ports.options)
    assert second.returncode == 0, second.stdout + second.stderr
    assert re.findall(r"the copy is usable: (\S+)", second.stdout) == [usable]
    assert ports.all_quiet()


def test_tokens_open_the_api_the_demo_of_data_centers_runs_and_ctrl_c_ends_every_process() -> None:
    ports, pack = Ports(), take_ports(7)
    with serving(ports, "--workers", "2", "--azure-pack-port", str(pack), "--speed", "3000", end=signal.SIGINT) as up:
        assert up.stdout is not None
        lines = [up.stdout.readline()]
        while "ready" not in lines[-1]:
            assert lines[-1], lines
            lines.append(up.stdout.readline())
        assert installations(ports) == ["pack"]

        def status(*options: str) -> int:
            token = local("token", "--azure-port", str(ports.first + 1), *options)
            assert token.returncode == 0, token.stderr
            headers = {"Authorization": f"Bearer {token.stdout.strip()}"}
            return call("GET", f"http://127.0.0.1:{ports.first}/api/restore-point-copies", headers=headers).status

        assert status("--role", "Copies.Read") == 200
        assert status("--role", "Copies.Read", "--role", "Copies.Write", "--tenant", "contoso", "--user", "ann") == 200
        assert status("--role", "Tenants.Read") == 403
        assert status("--role", "Copies.Read", "--expired") == 401
        assert status("--role", "Copies.Read", "--audience", "api://another") == 401
        unknown = local("token", "--azure-port", str(ports.first + 1), "--tenant", "nobody")
        assert unknown.returncode == 1
        assert "nobody" in unknown.stderr
        demo = local("demo", "datacenter", *ports.stack)
        assert demo.returncode == 0, demo.stdout + demo.stderr
        assert "a second time: 410 SecretGone" in demo.stdout
        assert "nothing is left of" in demo.stdout


def test_an_estate_without_tenants_is_served_a_debugger_can_attach_and_nothing_outlives_a_kill(tmp_path: Path) -> None:
    (tmp_path / "estate.json").write_text("{}")
    ports = Ports()
    port = take_ports()
    with serving(ports, "--estate", str(tmp_path / "estate.json"), "--debug", str(port), end=signal.SIGKILL) as up:
        assert up.poll() is None
        assert listens(port)
        assert call("GET", f"http://127.0.0.1:{ports.first}/api/health").body == {"status": "up"}
    wait(lambda: not listens(port), 20)


@pytest.mark.parametrize(("offset", "option"), [(0, "--port"), (1, "--azure-port"), (4, "--storage-port")])
def test_a_busy_port_is_reported_with_its_option(offset: int, option: str) -> None:
    ports = Ports()
    with socket.create_server(("127.0.0.1", ports.first + offset)):
        ended = local("up", "--no-demo", *ports.options)
    assert ended.returncode == 1
    assert re.search(rf"port {ports.first + offset}, .* is not free .*{option}$", ended.stderr.strip())
    assert ports.all_quiet(), "nothing was started"


def test_a_busy_port_of_the_simulated_azure_pack_is_reported_with_its_option() -> None:
    ports, first = Ports(), take_ports(7)
    with socket.create_server(("127.0.0.1", first + 6)):
        ended = local("up", "--no-demo", *ports.stack, "--azure-pack-port", str(first))
    assert ended.returncode == 1
    assert re.search(rf"port {first + 6}, .* is not free .*--azure-pack-port$", ended.stderr.strip())


def test_ports_that_overlap_are_refused() -> None:
    first = take_ports(5)
    ended = local("up", "--no-demo", "--port", str(first), "--azure-port", str(first + 1), "--storage-port", str(first - 1))
    assert ended.returncode == 1
    assert f"port {first} is wanted for" in ended.stderr


def test_an_estate_of_ones_own_is_served_and_seeds_the_registry(tmp_path: Path) -> None:
    tenant = {"name": "solo", "displayName": "Solo", "kind": "provider", "tenantId": "0f8fad5b-d9cb-469f-a165-70867728950e"}
    empty: dict[str, list[object]] = {
        name: [] for name in ("subscriptions", "resourceGroups", "virtualMachines", "disks", "virtualNetworks", "principals")
    }
    estate: dict[str, object] = {**empty, "restorePointCollections": [], "vaults": []}
    estate["tenants"] = [{**tenant, "subscriptions": [], "vaultId": None, "settings": {}}]
    (tmp_path / "estate.json").write_text(json.dumps(estate))
    ports = Ports()
    with serving(ports, "--estate", str(tmp_path / "estate.json"), "--workers", "2", end=signal.SIGTERM):
        token = local("token", "--azure-port", str(ports.first + 1), "--role", "Tenants.Read", "--role", "Admin").stdout.strip()
        reply = call("GET", f"http://127.0.0.1:{ports.first}/api/tenants", headers={"Authorization": f"Bearer {token}"})
        assert [listed["name"] for listed in reply.body["value"]] == ["solo"]


def test_tenants_that_no_registry_can_hold_are_reported_with_a_reason(tmp_path: Path) -> None:
    (tmp_path / "estate.json").write_text(json.dumps({"tenants": [{"name": "a name", "kind": "tenant"}]}))
    ports = Ports()
    ended = local("up", "--no-demo", "--estate", str(tmp_path / "estate.json"), *ports.options)
    assert ended.returncode == 1
    assert ended.stderr.startswith("the estate cannot be used: a tenant of the registry is malformed"), ended.stderr
    assert ports.all_quiet()


def test_without_a_simulation_a_token_is_refused_with_a_reason() -> None:
    ended = local("token", "--role", "Copies.Read", "--azure-port", str(take_ports()))
    assert ended.returncode == 1
    assert "python3 -m local up" in ended.stderr


@pytest.mark.parametrize("options", [("--exit", "--no-demo"), ("--debug", "5678", "--workers", "2")])
def test_options_that_contradict_each_other_are_refused(options: tuple[str, ...]) -> None:
    ended = local("up", *options)
    assert ended.returncode == 2
    assert options[2 if len(options) > 2 else 1] in ended.stderr
