"""Each command of README.md, run as written against the stack that its first command starts; only the ports are others."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from local import processes
from local.__main__ import main
from local.calls import call
from local.processes import ROOT
from tests.support.ports import take_ports

README = (ROOT / "README.md").read_text("utf-8")
BLOCKS = re.findall(r"^```bash\n(.*?)^```", README, re.DOTALL | re.MULTILINE)
UP = "python3 -m local up"
MOST_SECONDS = 300


@pytest.fixture(scope="module")
def ports() -> tuple[int, int, int]:
    """The ports of the API, of the simulated Azure, and the first of storage's three."""
    first = take_ports(5)
    return first, first + 1, first + 2


def elsewhere(command: str, ports: tuple[int, int, int]) -> str:
    """Return a command with its default ports replaced."""
    api, azure, storage = ports
    command = command.replace(UP, f"{UP} --port {api} --azure-port {azure} --storage-port {storage}")
    command = command.replace("python3 -m local token", f"python3 -m local token --azure-port {azure}")
    command = command.replace("python3 -m local demo failover", f"python3 -m local demo failover --port {api} --azure-port {azure}")
    return command.replace(":7071", f":{api}").replace(":7080", f":{azure}").replace("(10000)", f"({storage})")


def environment() -> dict[str, str]:
    # the Python of these tests is `python3`, and what it has installed is what the page says is installed
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return os.environ | {"PATH": path, "NO_PROXY": "127.0.0.1", "PYTHONUNBUFFERED": "1"}


@pytest.fixture(scope="module")
def started(ports: tuple[int, int, int], tmp_path_factory: pytest.TempPathFactory) -> Iterator[processes.Part]:
    assert BLOCKS[0].strip() == UP
    log = tmp_path_factory.mktemp("readme") / "up.log"
    command = ["bash", "-c", f"exec {elsewhere(BLOCKS[0].strip(), ports)}"]
    part = processes.start("README's first command", command, log, environment())
    try:
        processes.wait_until(part, lambda: "Ctrl-C ends it" in log.read_text("utf-8"), MOST_SECONDS)
        yield part
    finally:
        part.stop(30)


def test_the_first_command_shows_a_copy_that_is_usable(started: processes.Part) -> None:
    assert "the copy is usable" in started.log.read_text("utf-8")


def test_every_other_command_works_as_written(started: processes.Part, ports: tuple[int, int, int]) -> None:
    script = "\n".join(["set -euo pipefail", *(elsewhere(block, ports) for block in BLOCKS[1:])])
    done = subprocess.run(
        ["timeout", str(MOST_SECONDS), "bash", "-c", script], cwd=ROOT, env=environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}\n{started.last_lines()}"
    for shown in (
        "202 Accepted",
        '"usable": true',
        "sent ",
        "farshore.restorePointCopy.succeeded contoso",
        '"replayedAs": "',
        '"remaining": 3',
        '"verified": true',
        "is home again",
    ):
        assert shown in done.stdout, f"{shown} is missing in:\n{done.stdout}"
    azure = f"http://127.0.0.1:{ports[1]}"
    admin = call("POST", f"{azure}/_simulation/tokens", {"roles": ["Admin"]}).body["access_token"]
    rejected = call("GET", f"http://127.0.0.1:{ports[0]}/api/rejected-messages", headers={"Authorization": f"Bearer {admin}"}).body["value"]
    assert {row["body"].strip() for row in rejected} == {"not a message"}, "one of the page's own messages was rejected"


def test_every_option_that_the_page_names_is_there(capsys: pytest.CaptureFixture[str]) -> None:
    for command in ("up", "token"):
        with pytest.raises(SystemExit):
            main([command, "--help"])
    known = capsys.readouterr().out
    for option in set(re.findall(r"`(--[a-z-]+)", README)):
        assert option in known, option


def test_every_folder_and_link_that_the_page_names_is_there() -> None:
    for path in re.findall(r"\]\((docs/[\w./]+)\)", README):
        assert (ROOT / path).exists(), path
    for path in re.findall(r"`((?:shared|functions|local|infra|tests|benchmarks)/[\w/]*)`", README):
        assert (ROOT / path).exists(), path
    headings = {re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-") for heading in re.findall(r"^#+ (.*)$", README, re.MULTILINE)}
    for anchor in re.findall(r"\]\(#([^)]+)\)", README):
        assert anchor in headings, anchor
