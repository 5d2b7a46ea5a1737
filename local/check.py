"""`python3 -m local check`: what must hold before a commit, in under a minute, without Azurite, Node or a network.

Lint, format, arrows, unused code and types run beside the unit tests. Property tests try fewer examples than in CI. The folders of tests
that take longest (`_COSTLY`: those that run whole apps in memory, and the slots of every time zone) run only where something that they test
has changed since the last commit: what a change of the core breaks in them is found by `.ci/run`, as is what `_LEFT_TO_CI` finds.
"""

import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from local.processes import ROOT

UNIT: Final = "not (process or slow)"
_PARALLEL: Final = ("-n", "auto", "--maxprocesses", "4", "--dist", "worksteal")
_FEWER_EXAMPLES: Final = "--hypothesis-profile=check"  # tests/conftest.py
# Left to CI: templates, and the local host and simulation; and what must hold of each release more than of each commit.
_LEFT_TO_CI: Final = ("histories", "in_memory", "infra", "local")
# Two thirds of the time of all unit tests, by what they test.
_COSTLY: Final = {
    "azure_pack": ("azure_pack",),
    "copies": ("copies", "schedules"),
    "data_centers": ("data_centers", "installations"),
    "functions": ("functions", "function_app.py", "capability.py", "composition.py"),
    "schedules": ("schedules",),
    "virtual_machines": ("virtual_machines",),
}
_ARROWS: Final = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports())"


def changed_files() -> list[str] | None:
    """Return the paths that differ from the last commit, None where git does not answer."""
    try:
        done = subprocess.run(("git", "status", "--porcelain"), cwd=ROOT, capture_output=True, text=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        return None
    return [line[3:].rpartition(" -> ")[2] for line in done.stdout.splitlines()]


def left_out(changed: Iterable[str] | None) -> list[str]:
    """Return the folders of tests that a check leaves out, after changes to these paths."""
    if changed is None:
        return list(_LEFT_TO_CI)
    parts = {part for path in changed for part in path.split("/")}
    return [*_LEFT_TO_CI, *(folder for folder, tested in _COSTLY.items() if not parts.intersection(tested))]


def steps(changed: Iterable[str] | None) -> tuple[dict[str, Sequence[str]], dict[str, Sequence[str]]]:
    """Return the command of each step, by its name: two rows of steps that run side by side."""
    ignored = tuple(f"--ignore=tests/{folder}" for folder in left_out(changed))
    static: dict[str, Sequence[str]] = {
        "lint": (sys.executable, "-m", "ruff", "check", "."),
        "format": (sys.executable, "-m", "ruff", "format", "--check", "."),
        "arrows": (sys.executable, "-c", _ARROWS),
        "unused code": (sys.executable, "-m", "local.unused"),
        "types": (sys.executable, "-m", "mypy"),
    }
    unit = (sys.executable, "-m", "pytest", "-q", *_PARALLEL, "--level", "unit", "-m", UNIT, _FEWER_EXAMPLES, *ignored)
    return static, {"unit tests": unit}


def check() -> int:
    """Run each step and print its time, with its output where it fails; returns the exit code: 0 if all of them succeed."""
    started = time.monotonic()
    with ThreadPoolExecutor() as rows:
        failed = [name for names in rows.map(_run, steps(changed_files())) for name in names]
    print(f"checked in {time.monotonic() - started:.1f} s")
    if failed:
        print(f"Failed: {', '.join(failed)}.", file=sys.stderr)
    return 1 if failed else 0


def _run(row: dict[str, Sequence[str]]) -> list[str]:
    """Run steps one after another; returns the names of those that failed."""
    failed = []
    for name, command in row.items():
        started = time.monotonic()
        done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        last = done.stdout.rstrip().rpartition("\n")[2]
        print(f"{name}: {'ok' if done.returncode == 0 else 'FAILED'} ({time.monotonic() - started:.1f} s) {last}", flush=True)
        if done.returncode != 0:
            failed.append(name)
            print(done.stdout, flush=True)
    return failed
