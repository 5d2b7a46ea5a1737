"""`python3 -m local demo policies`: the journey on a running stack, with a line for each step."""

import subprocess
import sys

import pytest

from local.processes import ROOT
from local.sample_policies import seed_policies
from tests.conftest import StartHost
from tests.support.stacks import RunningHost

_SECONDS = 300
"""It takes less than two minutes where nothing else runs beside it."""


def demo(port: int, azure_port: int) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "local", "demo", "policies", "--port", str(port), "--azure-port", str(azure_port)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=_SECONDS, check=False)


@pytest.mark.slow
async def test_the_journey_runs_to_its_end(host: StartHost) -> None:
    running: RunningHost = host(speed=600)
    seed_policies(running.stack.options)
    done = demo(running.stack.options.port, running.stack.options.azure_port)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("   slot ") == 6
    assert "They made one run: catchUp" in done.stdout
    assert "has been without a copy as young as PT26H since" in done.stdout
    assert "No objective is breached any more." in done.stdout
    assert "5. A drill restores" in done.stdout
    assert "Succeeded, checked to the agent: recovery took" in done.stdout
    assert done.stdout.count("SameRegion") == 2, "each VM goes to the region that it is not in"
    assert "copies are deleted" in done.stdout
