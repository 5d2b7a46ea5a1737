"""`python3 -m local demo policies`: the journey on a running stack, with a line for each step."""

import subprocess
import sys

import pytest

from local.processes import ROOT
from tests.conftest import StartHost
from tests.support.stacks import RunningHost


def demo(port: int, azure_port: int) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "local", "demo", "policies", "--port", str(port), "--azure-port", str(azure_port)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=240, check=False)


@pytest.mark.slow
async def test_the_journey_runs_to_its_end(host: StartHost) -> None:
    running: RunningHost = host(speed=600)
    done = demo(running.stack.options.port, running.stack.options.azure_port)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("   slot ") == 3
    assert "made one run: catchUp" in done.stdout
    assert "4. A drill restores" in done.stdout
    assert "Succeeded, checked to the agent: recovery took" in done.stdout
    assert done.stdout.count("SameRegion") == 2, "each VM goes to the region that it is not in"
