"""The example of the classic sample, as it is in `examples/`, against the app over HTTP: Azure afterwards is Azure before."""

import importlib.util
import time
from pathlib import Path
from types import ModuleType

import pytest

from tests.support.running import Running

EXAMPLE = Path(__file__).parents[2] / "examples" / "classic_sample.py"
KINDS = (
    "virtualMachines", "disks", "images", "availabilitySets", "networkInterfaces", "networkSecurityGroups", "publicIPAddresses",
    "loadBalancers",
)  # fmt: skip


@pytest.fixture
def example() -> ModuleType:
    spec = importlib.util.spec_from_file_location("classic_sample", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def estate(stack: Running) -> dict[str, list[str]]:
    """Return the ids of everything that machines have."""
    found = stack.control("GET", "estate")
    return {kind: sorted(one["id"] for one in found.get(kind, [])) for kind in KINDS}


def test_the_example_of_the_classic_sample(
    stack: Running, example: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each wait of the example is a minute of Azure's time here."""
    waits: list[float] = []

    def wait(seconds: float) -> None:
        waits.append(seconds)
        stack.advance("PT1M")

    stack.advance("PT1H")  # machines that other tests have begun are made by then
    before = estate(stack)
    monkeypatch.setattr(time, "sleep", wait)
    monkeypatch.setenv("FARSHORE_TOKEN", stack.token("Tenants.Read", "Tenants.Write", tenant="contoso"))
    monkeypatch.setenv("FARSHORE_ADMIN_PASSWORD", "myAdminPwd1")
    assert example.main([stack.api.removesuffix("/api"), "contoso"]) == 0, capsys.readouterr()
    shown = capsys.readouterr().out
    actions = ("createService", "create", "shutDown", "capture", "deleteImage", "deleteDisk")
    assert [line for line in shown.splitlines() if line.endswith(": done")] == [f"{action}: done" for action in actions]
    assert "sampleDeployment is Running: sampleRole at " in shown
    assert waits
    assert all(1 <= seconds <= 60 for seconds in waits), "each is an answer's Retry-After"
    assert estate(stack) == before
    groups = [one["id"] for one in stack.control("GET", "estate")["resourceGroups"] if one["id"].endswith("/sampleService2")]
    assert len(groups) == 1, "the empty group stays"


def test_the_example_ends_where_an_operation_takes_too_long(
    stack: Running, example: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FARSHORE_TOKEN", stack.token("Tenants.Read", "Tenants.Write", tenant="contoso"))
    monkeypatch.setenv("FARSHORE_ADMIN_PASSWORD", "myAdminPwd1")
    monkeypatch.setenv("FARSHORE_MINUTES", "0")
    monkeypatch.setattr(example, "SERVICE", "tooSlow")
    assert example.main([stack.api.removesuffix("/api"), "contoso"]) == 3
    assert "goes on: http" in capsys.readouterr().err
    stack.advance("PT5M")
    monkeypatch.setattr(example, "SERVICE", "a service")
    assert example.main([stack.api.removesuffix("/api"), "contoso"]) == 1
    assert "InvalidRequest (name)" in capsys.readouterr().err
    assert example.main([]) == 2
