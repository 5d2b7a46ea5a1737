"""Runs each command of README.md and docs/quickstart.md as written, against the stack that their first command starts.

Only the ports differ. A block may use what earlier blocks of its page have set, so that a block that is run alone runs those first.
"""

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from local import processes
from local.__main__ import main
from local.calls import call
from local.processes import ROOT
from tests.support.ports import take_ports

UP = "python3 -m local up"
MOST_SECONDS = 300


@dataclass(frozen=True, slots=True)
class Block:
    """A block of commands of a page: the heading that it is under, and its number there."""

    heading: str
    number: int
    commands: str


def blocks(page: str) -> tuple[Block, ...]:
    """Return the bash blocks of a page, in order."""
    found: list[Block] = []
    parts = re.split(r"^#+ (.*)$", (ROOT / page).read_text("utf-8"), flags=re.MULTILINE)
    for heading, text in zip(parts[1::2], parts[2::2], strict=True):
        commands = re.findall(r"^```bash\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
        found += [Block(heading, number, one) for number, one in enumerate(commands, 1)]
    return tuple(found)


README, QUICKSTART = blocks("README.md"), blocks("docs/quickstart.md")
SHOWN: Mapping[tuple[str, int], tuple[str, ...]] = {
    ("Start a copy", 1): ("202 Accepted",),
    ("Start a copy", 2): ('"usable": false', "contoso-web01"),
    ("Follow it", 1): ('"usable": true',),
    ("By queue message", 2): ("sent ",),
    ("By queue message", 3): ("sent ",),
    ("By queue message", 4): ("sent ",),
    ("Read the outcomes", 1): ("farshore.restorePointCopy.succeeded contoso",),
    ("Rejected messages", 1): ('"replayedAs": "',),
    ("Fail over", 1): ('"result": "pass"', '"verified": true'),
    ("Plant a fault", 1): ('"remaining": 3',),
}
"""What a block prints, where it prints something that a reader looks for."""


@pytest.fixture(scope="module")
def ports() -> tuple[int, int, int]:
    """The ports of the API, of the simulated Azure, and the first of storage's three."""
    first = take_ports(5)
    return first, first + 1, first + 2


def elsewhere(command: str, ports: tuple[int, int, int]) -> str:
    """Return a command with its default ports replaced."""
    api, azure, storage = ports
    command = command.replace(UP, f"{UP} --port {api} --azure-port {azure} --storage-port {storage} --no-azure-pack")
    command = command.replace("python3 -m local token", f"python3 -m local token --azure-port {azure}")
    command = command.replace("python3 -m local demo failover", f"python3 -m local demo failover --port {api} --azure-port {azure}")
    return command.replace(":7071", f":{api}").replace(":7080", f":{azure}").replace("(10000)", f"({storage})")


def environment() -> dict[str, str]:
    """Return the environment of a reader: `python3` is the Python of these tests, with what it has installed."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    return os.environ | {"PATH": path, "NO_PROXY": "127.0.0.1", "PYTHONUNBUFFERED": "1"}


@dataclass(slots=True)
class Terminal:
    """A reader's second terminal: runs blocks in order, each once, and keeps variables and functions between them."""

    state: Path
    ports: tuple[int, int, int]
    done: list["subprocess.CompletedProcess[str]"] = field(default_factory=list)

    def result(self, commands: tuple[Block, ...], index: int) -> "subprocess.CompletedProcess[str]":
        """Run the blocks up to an index that have not run yet, and return the result of that one."""
        while len(self.done) <= index:
            self.done.append(self._run(commands, len(self.done)))
        return self.done[index]

    def _run(self, commands: tuple[Block, ...], index: int) -> "subprocess.CompletedProcess[str]":
        names = sorted({name for one in commands[: index + 1] for name in re.findall(r"^(?:export )?(\w+)=", one.commands, re.MULTILINE)})
        keep = "".join(f"declare -p {name} 2>/dev/null >> '{self.state}' || true\n" for name in names)
        script = f"set -euo pipefail\n[ ! -e '{self.state}' ] || . '{self.state}'\n{elsewhere(commands[index].commands, self.ports)}\n"
        script += f"declare -f > '{self.state}'\n{keep}"
        return subprocess.run(
            ["timeout", str(MOST_SECONDS), "bash", "-c", script],
            cwd=ROOT,
            env=environment(),
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture(scope="module")
def started(ports: tuple[int, int, int], tmp_path_factory: pytest.TempPathFactory) -> Iterator[processes.Part]:
    """The stack that the first command of the page starts, once it serves and its copy has ended."""
    log = tmp_path_factory.mktemp("quickstart") / "up.log"
    command = ["bash", "-c", f"exec {elsewhere(QUICKSTART[0].commands.strip(), ports)}"]
    part = processes.start("the first command", command, log, environment())
    try:
        processes.wait_until(part, lambda: "Ctrl-C" in log.read_text("utf-8"), MOST_SECONDS)
        yield part
    finally:
        part.stop(30)


@pytest.fixture(scope="module")
def terminal(started: processes.Part, ports: tuple[int, int, int], tmp_path_factory: pytest.TempPathFactory) -> Terminal:
    """The terminal in which the other commands of docs/quickstart.md are run."""
    assert not started.ended()
    return Terminal(tmp_path_factory.mktemp("terminal") / "state", ports)


def admin(ports: tuple[int, int, int], path: str) -> list[dict[str, object]]:
    """Return a list of the API, read as the provider's administrator."""
    token = call("POST", f"http://127.0.0.1:{ports[1]}/_simulation/tokens", {"roles": ["Admin"]}).body["access_token"]
    value = call("GET", f"http://127.0.0.1:{ports[0]}/api{path}", headers={"Authorization": f"Bearer {token}"}).body["value"]
    return list(value)


def test_both_pages_start_with_the_same_command() -> None:
    assert README[0].commands.strip() == QUICKSTART[0].commands.strip() == UP


def test_readme_has_at_most_130_lines() -> None:
    assert len((ROOT / "README.md").read_text("utf-8").splitlines()) <= 130


def test_every_text_that_is_looked_for_belongs_to_a_block() -> None:
    assert SHOWN.keys() <= {(block.heading, block.number) for block in QUICKSTART}


def test_the_first_command_copies_a_restore_point(started: processes.Part, ports: tuple[int, int, int]) -> None:
    assert not started.ended()
    assert [copy["usable"] for copy in admin(ports, "/restore-point-copies")][-1] is True


def test_the_quick_start_of_the_readme_works_as_written(started: processes.Part, ports: tuple[int, int, int], tmp_path: Path) -> None:
    terminal, of_policies = Terminal(tmp_path / "state", ports), ('"generatedAt"', '"nextSlot"', '"trigger": "manual"', '"value"')
    for number, texts in enumerate((("202 Accepted",), of_policies)):
        done = terminal.result(README[1:], number)
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}\n{started.last_lines()}"
        assert [text for text in texts if text not in done.stdout] == []
    assert len(README) == 3, "each block of the page is run"


@pytest.mark.parametrize(
    "index", range(len(QUICKSTART) - 1), ids=[f"{block.heading} {block.number}".replace(" ", "-") for block in QUICKSTART[1:]]
)
def test_a_block_works_as_written(started: processes.Part, terminal: Terminal, index: int) -> None:
    block = QUICKSTART[1 + index]
    done = terminal.result(QUICKSTART[1:], index)
    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}\n{started.last_lines()}"
    for text in SHOWN.get((block.heading, block.number), ()):
        assert text in done.stdout, f"{text} is missing in:\n{done.stdout}"


def test_only_the_wrong_message_was_rejected(terminal: Terminal, ports: tuple[int, int, int]) -> None:
    last = next(number for number, block in enumerate(QUICKSTART[1:]) if block.heading == "Rejected messages")
    assert terminal.result(QUICKSTART[1:], last).returncode == 0
    assert {str(row["body"]).strip() for row in admin(ports, "/rejected-messages")} == {"not a message"}


def test_every_option_that_the_page_names_is_there(capsys: pytest.CaptureFixture[str]) -> None:
    for command in ("up", "token"):
        with pytest.raises(SystemExit):
            main([command, "--help"])
    known = capsys.readouterr().out
    for option in set(re.findall(r"`(--[a-z-]+)", (ROOT / "docs" / "quickstart.md").read_text("utf-8"))):
        assert option in known, option
