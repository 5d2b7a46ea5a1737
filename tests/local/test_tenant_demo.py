"""`python3 -m local demo tenant`: the journey on a running stack, with a line for each step, and nothing left at its end."""

import subprocess
import sys

from local.processes import ROOT
from tests.conftest import StartHost
from tests.support.stacks import RunningHost


def demo(port: int, azure_port: int) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "local", "demo", "tenant", "--port", str(port), "--azure-port", str(azure_port)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=240, check=False)


async def test_the_journey_runs_to_its_end(host: StartHost) -> None:
    running: RunningHost = host(speed=600)
    options = running.stack.options
    done = demo(options.port, options.azure_port)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.rstrip().endswith("Nothing that the journey made is left.")
    assert running.simulation is not None
    paths = [(effect["method"], effect["path"].split("/providers/", 1)[-1]) for effect in await running.simulation.effects()]
    machine = "Microsoft.Compute/virtualMachines/sampleRole"
    assert [method for method, path in paths if path == machine] == ["PUT", "DELETE"] * 2
    actions = [path.rsplit("/", 1)[-1] for _, path in paths if path.startswith(f"{machine}/")]
    assert actions == ["deallocate", "start", "deallocate", "generalize"]
    assert [method for method, path in paths if path == "Microsoft.Compute/images/sampleImage"] == ["PUT", "DELETE"]
    assert "adminPassword" not in done.stdout + done.stderr
