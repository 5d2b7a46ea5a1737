"""`python3 -m local demo failover`: the journey on a running stack, with a line for each step."""

import subprocess
import sys

from local.processes import ROOT
from tests.conftest import StartHost
from tests.support.ports import take_ports
from tests.support.stacks import RunningHost

JOURNEY = ("Test failover", "Clean up", "Planned failover", "Commit", "Failback", "Commit", "Reverse replication")


def demo(port: int, azure_port: int) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "local", "demo", "failover", "--port", str(port), "--azure-port", str(azure_port)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=240, check=False)


async def test_the_journey_runs_to_its_end(host: StartHost) -> None:
    running: RunningHost = host(speed=600)
    options = running.stack.options
    done = demo(options.port, options.azure_port)
    assert done.returncode == 0, done.stdout + done.stderr
    numbered = [line for line in done.stdout.splitlines() if line[:1].isdigit()]
    assert [line.split(". ", 1)[1].startswith(words) for line, words in zip(numbered, JOURNEY, strict=True)] == [True] * len(JOURNEY)
    assert done.stdout.count("(resume)") == 1, "the job is resumed once"
    assert done.stdout.rstrip().endswith("is home again, and protected as before.")
    assert running.simulation is not None
    posts = [effect["path"].rsplit("/", 1)[-1] for effect in await running.simulation.effects() if effect["method"] == "POST"]
    out, home = (
        ["testFailover", "testFailoverCleanup", "plannedFailover", "failoverCommit"],
        ["plannedFailover", "resume", "failoverCommit"],
    )
    assert posts == [*out, *home, "reProtect"]
    again = demo(options.port, options.azure_port)
    assert again.returncode == 0, "it can be run again: " + again.stdout + again.stderr


async def test_a_journey_that_fails_returns_1(host: StartHost) -> None:
    running: RunningHost = host(speed=600)
    assert running.simulation is not None
    await running.simulation.add_fault("failJob", method="POST", path="/plannedFailover$")
    done = demo(running.stack.options.port, running.stack.options.azure_port)
    assert done.returncode == 1
    assert "Failed: FailoverFailed" in done.stdout


def test_without_a_stack_the_command_to_start_it_is_named() -> None:
    first = take_ports(2)
    done = demo(first, first + 1)
    assert done.returncode == 1
    assert "python3 -m local up" in done.stderr
