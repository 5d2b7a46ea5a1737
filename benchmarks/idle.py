"""What a stack that waits costs: the CPU of `python3 -m local up --no-demo` in all its processes, as a share of one core.

`python -m benchmarks.idle [--seconds N] [--settle N] [--speed S …]`, on Linux: CPU is read from /proc, of the command and all that it has
started, those that have ended included. The targets: at most 5 % of a core at speed 1, and 15 % at speed 600.
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from benchmarks.report import Cell, report, verdict
from local import processes
from local.calls import call
from tests.support.ports import take_ports

TARGETS = {1.0: 5.0, 600.0: 15.0}
_PARTS = {"local.simulation": "simulated Azure", "local.host": "host and worker", "azurite": "Azurite", "local up": "command"}
_TICK = os.sysconf("SC_CLK_TCK")


def cpu_of_tree(root: int) -> Mapping[str, float]:
    """Return the CPU seconds of a process and its descendants so far, by part; children that have ended count for their parent."""
    found: defaultdict[str, float] = defaultdict(float)
    for pid in _tree(root):
        try:
            fields = _stat(pid)
            command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue  # it has just ended
        found[_part(command)] += sum(int(one) for one in fields[11:15]) / _TICK  # utime, stime, cutime, cstime
    return found


def _tree(root: int) -> set[int]:
    parents: dict[int, int] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                parents[int(folder.name)] = int(_stat(int(folder.name))[1])
            except OSError:
                continue
    tree = {root}
    while more := {pid for pid, parent in parents.items() if parent in tree} - tree:
        tree |= more
    return tree


def _stat(pid: int) -> list[str]:
    """Return the fields of /proc/{pid}/stat after the name, which may have spaces: state, parent, …"""
    return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()


def _part(command: str) -> str:
    return next((part for known, part in _PARTS.items() if known in command), "others")


@contextmanager
def stack_up(speed: float) -> Iterator[int]:
    """Run the command with ports of its own until its API answers; gives its process id."""
    first = take_ports(6)
    ports = ["--port", str(first), "--azure-port", str(first + 1), "--storage-port", str(first + 3)]
    with tempfile.TemporaryDirectory(prefix="farshore-idle-") as folder:
        command = [sys.executable, "-m", "local", "up", "--no-demo", "--speed", str(speed), "--data", folder, *ports]
        running = subprocess.Popen(command, cwd=processes.ROOT, stdout=subprocess.DEVNULL)
        try:
            _wait_for(f"http://127.0.0.1:{first}/api", running)
            yield running.pid
        finally:
            running.send_signal(signal.SIGINT)
            running.wait(timeout=60)


def _wait_for(api: str, running: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + 300
    while time.monotonic() < end and running.poll() is None:
        try:
            if call("GET", f"{api}/health", timeout=10).status == 200:
                return
        except OSError:
            pass
        time.sleep(0.5)
    raise processes.Trouble("`local up` did not answer within five minutes")


def measure(speed: float, settle: float, seconds: float) -> dict[str, Cell]:
    """Return the row of one speed: the share of a core in percent, of all processes and of each part."""
    with stack_up(speed) as root:
        time.sleep(settle)
        before, began = cpu_of_tree(root), time.monotonic()
        time.sleep(seconds)
        after, took = cpu_of_tree(root), time.monotonic() - began
    shares = {part: 100 * (after[part] - before[part]) / took for part in (*_PARTS.values(), "others")}
    return {"speed": speed, "% of a core": sum(shares.values()), **shares}


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60, help="how long each stack is measured")
    parser.add_argument("--settle", type=float, default=20, help="how long it runs before that")
    parser.add_argument("--speed", type=float, nargs="+", default=list(TARGETS), help="speeds of the simulated Azure's clock")
    options = parser.parse_args()
    rows = [measure(speed, options.settle, options.seconds) for speed in options.speed]
    report("idle", f"A stack that waits, {options.seconds:.0f} s each", rows, settle=options.settle, seconds=options.seconds)
    for row in rows:
        share, target = row["% of a core"], TARGETS.get(float(row["speed"] or 0))
        if target is not None and isinstance(share, float):
            verdict(f"speed {row['speed']:g}: {share:.1f} % of a core (target: at most {target:g} %)", holds=share <= target)


if __name__ == "__main__":
    main()
