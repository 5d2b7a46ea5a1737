"""`python3 -m local demo failover`: the journey on a running stack, with a line for each step."""

import subprocess
import sys
from typing import Any

from local.processes import ROOT
from local.simulation.client import SimulationClient
from tests.conftest import StartHost
from tests.support.ports import take_ports
from tests.support.stacks import RunningHost

JOURNEY = ("Test failover", "Clean up", "Planned failover", "Commit", "Failback", "Commit", "Reverse replication")
STANDING = ("phase", "activeLocation", "replicationHealth", "testFailoverState", "job")
"""What decides whether an item can be failed over."""


def demo(port: int, azure_port: int) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "local", "demo", "failover", "--port", str(port), "--azure-port", str(azure_port)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=240, check=False)


async def standing(simulation: SimulationClient) -> dict[str, list[Any]]:
    items = [item for vault in (await simulation.estate())["vaults"] for item in vault["items"]]
    return {item["id"]: [item.get(name) for name in STANDING] for item in items}


async def test_the_journey_runs_to_its_end_and_one_that_fails_after_it_returns_1(host: StartHost) -> None:
    running: RunningHost = host(speed=600)
    options, simulation = running.stack.options, running.simulation
    assert simulation is not None
    before = await standing(simulation)
    done = demo(options.port, options.azure_port)
    assert done.returncode == 0, done.stdout + done.stderr
    numbered = [line for line in done.stdout.splitlines() if line[:1].isdigit()]
    assert [line.split(". ", 1)[1].startswith(words) for line, words in zip(numbered, JOURNEY, strict=True)] == [True] * len(JOURNEY)
    assert done.stdout.count("(resume)") == 1, "the job is resumed once"
    assert done.stdout.rstrip().endswith("is home again, and protected as before.")
    posts = [effect["path"].rsplit("/", 1)[-1] for effect in await simulation.effects() if effect["method"] == "POST"]
    out, home = (
        ["testFailover", "testFailoverCleanup", "plannedFailover", "failoverCommit"],
        ["plannedFailover", "resume", "failoverCommit"],
    )
    assert posts == [*out, *home, "reProtect"]
    assert await standing(simulation) == before, "it can be run again"

    await simulation.add_fault("failJob", method="POST", path="/plannedFailover$")
    again = demo(options.port, options.azure_port)
    assert again.returncode == 1, again.stdout + again.stderr
    assert again.stdout.splitlines()[0] == done.stdout.splitlines()[0], "the same machine is chosen"
    assert "Failed: FailoverFailed" in again.stdout


def test_without_a_stack_the_command_to_start_it_is_named() -> None:
    first = take_ports(2)
    done = demo(first, first + 1)
    assert done.returncode == 1
    assert "python3 -m local up" in done.stderr
