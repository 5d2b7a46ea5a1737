"""`python3 -m local check`: what must hold before a commit, in under a minute, without Azurite, Node or a network."""

import subprocess
import sys
import time
from collections.abc import Sequence
from typing import Final

from local.processes import ROOT

UNIT: Final = "not (stack or storage or process or slow)"
_PARALLEL: Final = ("-n", "auto", "--maxprocesses", "4", "--dist", "worksteal")
# Left to CI: whole stacks, whose collection alone takes as long as many tests, the templates, and the local host and simulation.
_LEFT_TO_CI: Final = ("compatibility", "contract", "crash", "end_to_end", "in_process", "infra", "local")
_ARROWS: Final = "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports())"


def steps() -> dict[str, Sequence[str]]:
    """Return the command of each step, in order of cost."""
    ignored = tuple(f"--ignore=tests/{folder}" for folder in _LEFT_TO_CI)
    return {
        "lint": (sys.executable, "-m", "ruff", "check", "."),
        "format": (sys.executable, "-m", "ruff", "format", "--check", "."),
        "arrows": (sys.executable, "-c", _ARROWS),
        "unused code": (sys.executable, "-m", "local.unused"),
        "types": (sys.executable, "-m", "mypy"),
        "unit tests": (sys.executable, "-m", "pytest", "-q", *_PARALLEL, *ignored, "-m", UNIT),
    }


def check() -> int:
    """Run each step and print its time, with its output where it fails; returns the exit code: 0 if all of them succeed."""
    failed = []
    for name, command in steps().items():
        started = time.monotonic()
        done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        last = done.stdout.rstrip().rpartition("\n")[2]
        print(f"{name}: {'ok' if done.returncode == 0 else 'FAILED'} ({time.monotonic() - started:.1f} s) {last}", flush=True)
        if done.returncode != 0:
            failed.append(name)
            print(done.stdout, flush=True)
    if failed:
        print(f"Failed: {', '.join(failed)}.", file=sys.stderr)
    return 1 if failed else 0
