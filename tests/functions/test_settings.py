"""A wrong setting stops the start, with its name and with what was expected."""

import os
import subprocess
import sys

import pytest

from local.processes import ROOT


def start(**settings: str) -> subprocess.CompletedProcess[str]:
    """Start the app as the platform does, by importing it, with these settings beside the environment."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("FARSHORE_")}
    command = [sys.executable, "-c", "import function_app"]
    return subprocess.run(command, cwd=ROOT, env=environment | settings, capture_output=True, text=True, check=False)


def test_without_any_setting_of_its_own_it_starts() -> None:
    assert start().returncode == 0


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("FARSHORE_BUDGET_SHARE", "2", "less than or equal to 1"),
        ("FARSHORE_BUDGET_SHARE", "0", "greater than 0"),
        ("FARSHORE_CALLS_IN_FLIGHT", "many", "valid integer"),
        ("FARSHORE_CAPABILITIES", "copies,cooking", "'copies', 'failovers', 'tenants'"),
        ("FARSHORE_LEASE_SECONDS", "0", "greater than 0"),
        ("FARSHORE_QUEUE_ROLES", "Copies.Write,Admin", "'Copies.Read', 'Copies.Write'"),
        ("FARSHORE_QUEUE_ROLES", "Failovers.Approve", "'Failovers.Read', 'Failovers.Execute'"),
        ("FARSHORE_TELEMETRY", "email", "'none', 'console' or 'otlp'"),
        ("FARSHORE_TRACE_SHARE", "10 %", "valid number"),
        ("FARSHORE_CLOCK_URL", "soon", "https?://"),
        ("AUTH_KEYS_URL", "keys", "https?://"),
        ("AZURE_RESOURCE_MANAGER_URL", "https://management.azure.com/", "https?://"),
        ("PUBLIC_BASE_URL", "farshore.example", "https?://"),
    ],
)
def test_a_wrong_setting_stops_the_start(name: str, value: str, expected: str) -> None:
    stopped = start(**{name: value})
    assert stopped.returncode != 0
    assert name in stopped.stderr
    assert expected in stopped.stderr
