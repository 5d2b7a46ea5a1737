"""What a cold start costs: importing the app, and its first answer; beside an app that imports its SDKs at the top of its modules.

`python -m benchmarks.cold_start [--imports N] [--starts N]`. Three apps: `bare` (the SDK of Azure Functions alone: what no Python app
there can do without), Farshore, and `naive` (benchmarks/apps/naive). Fresh interpreters and fresh workers, in turns; medians. The target:
importing Farshore takes under 0.6 s of CPU, and none of the clients that it may need later is imported.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field, replace
from pathlib import Path

from benchmarks.report import Cell, report, verdict
from local import processes
from local.calls import call
from local.stack import Stack, StackOptions, app_environment
from tests.support.ports import take_ports

TARGET = 0.6
APPS = {name: processes.ROOT / "benchmarks" / "apps" / name for name in ("bare", "naive")} | {"farshore": processes.ROOT}
LATER = ("azure.core", "azure.mgmt", "azure.identity", "azure.data", "azure.storage", "opentelemetry", "aiohttp", "jwt", "cryptography")
_FRESH = """
import asyncio, json, sys, time
def now(): return time.process_time(), time.perf_counter()
def since(then): return [after - before for before, after in zip(then, now())]
began = now()
import function_app
imported, later, modules = since(began), [name for name in %r if name in sys.modules], len(sys.modules)
import azure.functions as func
health = next(one for one in function_app.app.get_functions() if one.get_function_name() == "health").get_user_function()
async def request_health():
    request = func.HttpRequest(method="GET", url="http://127.0.0.1/api/health", headers={}, params={}, route_params={}, body=b"")
    assert (await health(request)).status_code == 200
async def answer():
    await request_health()
    first, again = since(began), now()
    await request_health()
    return first, since(again)
first, second = asyncio.run(answer())
json.dump({"imported": imported, "first": first, "second": second, "modules": modules, "later": later}, sys.stdout)
"""


@dataclass
class Figures:
    """One app's figures, run by run: pairs of CPU and wall seconds in a fresh interpreter, and a fresh worker's first answer (wall)."""

    imported: list[tuple[float, float]] = field(default_factory=list)
    first: list[tuple[float, float]] = field(default_factory=list)
    second: list[tuple[float, float]] = field(default_factory=list)
    worker: list[float] = field(default_factory=list)
    modules: int = 0
    later: tuple[str, ...] = ()

    def median(self, name: str, *, wall: bool = False) -> float:
        """Return the median CPU or wall seconds of `imported`, `first` (import and answer) or `second`."""
        pairs: list[tuple[float, float]] = getattr(self, name)
        return statistics.median(pair[wall] for pair in pairs)


def with_byte_code(environment: dict[str, str], folder: Path) -> dict[str, str]:
    """Return an environment whose interpreters keep the byte code of every app and package below a folder, whatever the shell has set.

    Without this, a shell with PYTHONDONTWRITEBYTECODE compares an app that is compiled each time with packages that were compiled before.
    """
    kept = {name: value for name, value in environment.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return kept | {"PYTHONPYCACHEPREFIX": str(folder / "byte-code")}


def import_once(folder: Path, environment: dict[str, str], figures: Figures) -> None:
    """Import an app in a fresh interpreter, request its health twice, and add what that took."""
    command = [sys.executable, "-c", _FRESH % (LATER,)]  # finds modules in its working directory
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder, env=environment)
    if done.returncode:
        raise processes.Trouble(f"{folder.name} could not be imported and called:\n{done.stderr}")
    found = json.loads(done.stdout)
    for name in ("imported", "first", "second"):
        getattr(figures, name).append(tuple(found[name]))
    figures.modules, figures.later = found["modules"], tuple(found["later"])


def start_once(stack: Stack, folder: Path, figures: Figures) -> None:
    """Start the local host with one worker for an app, and add how long it took until the app's health was answered."""
    mine = Stack(replace(stack.options, app=folder))
    began = time.perf_counter()
    host = mine.start_host()
    try:
        while not _healthy(stack.options.api):
            if host.ended() or time.perf_counter() - began > 60:
                raise processes.Trouble(f"{folder.name} did not answer:\n{host.last_lines()}")
            time.sleep(0.002)
        figures.worker.append(time.perf_counter() - began)
    finally:
        mine.stop()


def _healthy(api: str) -> bool:
    try:
        return call("GET", f"{api}/health", timeout=10).status == 200
    except OSError:
        return False


def conclude(figures: dict[str, Figures], imports: int, starts: int) -> None:
    """Print and write the figures, and whether the target is met."""
    bare, own, naive = figures["bare"], figures["farshore"], figures["naive"]
    rows: list[dict[str, Cell]] = [
        {
            "app": name,
            "import CPU s": one.median("imported"),
            "import wall s": one.median("imported", wall=True),
            "to bare": one.median("imported") / bare.median("imported"),
            "modules": one.modules,
            "+ first answer CPU s": one.median("first"),
            "wall s": one.median("first", wall=True),
            "second answer s": one.median("second", wall=True),
            "fresh worker s": statistics.median(one.worker),
            "clients imported": ", ".join(one.later) or "none",
        }
        for name, one in figures.items()
    ]
    title = f"Cold start: medians of {imports} fresh interpreters and {starts} fresh workers of the local host"
    report("cold_start", title, rows, imports=imports, starts=starts, target_cpu_seconds=TARGET)
    cpu = own.median("imported")
    verdict(f"import function_app: {cpu:.3f} s of CPU (target: under {TARGET} s)", holds=cpu < TARGET)
    verdict(f"it imports none of {', '.join(LATER)}", holds=not own.later)
    ratio = naive.median("imported") / cpu
    verdict(f"{ratio:.1f} times less CPU than with the SDKs at the top of the modules", holds=ratio > 1)


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--imports", type=int, default=15, help="fresh interpreters for each app")
    parser.add_argument("--starts", type=int, default=5, help="fresh workers for each app")
    options = parser.parse_args()
    figures = {name: Figures() for name in ("bare", "farshore", "naive")}
    with tempfile.TemporaryDirectory(prefix="farshore-cold-start-") as folder:
        first = take_ports(6)
        stack = Stack(
            StackOptions(data=Path(folder), port=first, azure_port=first + 1, control_port=first + 2, storage_port=first + 3, speed=1)
        )
        try:
            stack.start_azure()
            environment = with_byte_code(app_environment(stack.options, stack.connection_string), Path(folder))
            # of each the first time is thrown away: it reads the files, writes the byte code, creates the tables
            for number in range(options.imports + 1):
                for name, one in figures.items():
                    import_once(APPS[name], environment, one if number else Figures())
            for number in range(options.starts + 1):
                for name, one in figures.items():
                    start_once(stack, APPS[name], one if number else Figures())
        finally:
            stack.stop()
    conclude(figures, options.imports, options.starts)


if __name__ == "__main__":
    main()
