"""A wrong setting stops the start, with its name and with what was expected."""

import os
import re
import subprocess
import sys

import pytest

from functions.capabilities import load
from local.processes import ROOT
from shared.settings import read_settings


def start(**settings: str) -> subprocess.CompletedProcess[str]:
    """Start the app as the platform does, by importing it, with these settings beside the environment."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("FARSHORE_")}
    command = [sys.executable, "-c", "import function_app"]
    return subprocess.run(command, cwd=ROOT, env=environment | settings, capture_output=True, text=True, check=False)


def test_without_any_setting_of_its_own_it_starts() -> None:
    assert start().returncode == 0


def test_a_wrong_setting_stops_the_start() -> None:
    stopped = start(FARSHORE_BUDGET_SHARE="2")
    assert stopped.returncode != 0
    assert "FARSHORE_BUDGET_SHARE" in stopped.stderr


@pytest.mark.parametrize("name", ["FARSHORE_CALLS_IN_FLIGHT", "farshore_calls_in_flight"])
def test_the_case_of_a_name_does_not_matter(name: str) -> None:
    assert read_settings({name: "7"}).calls_in_flight == 7


def test_a_list_is_separated_by_commas() -> None:
    assert read_settings({"AUTH_AUDIENCES": "farshore, ,api://farshore,"}).auth_audiences == ("farshore", "api://farshore")


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
def test_a_wrong_setting_is_named_with_what_was_expected(name: str, value: str, expected: str) -> None:
    with pytest.raises(ValueError, match=re.escape(expected)) as refused:
        load(read_settings({name: value}).capabilities)
    assert name in str(refused.value)
