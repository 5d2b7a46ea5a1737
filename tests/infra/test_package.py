"""The package that is deployed: nothing but the app is in it, and it runs with what requirements.txt names and nothing else."""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from infra import package
from local import bootstrap
from tests.infra.bicep import ROOT
from tests.infra.closure import link_required

_RUNTIME = "azure-functions-runtime>=1.3,<2"
_SETTINGS = {"AUTH_AUDIENCES": "farshore", "FUNCTIONS_WORKER_RUNTIME": "python"}
#: Indexes the app as Azure does, and prints the names of its functions with the kinds of their triggers.
_INDEX = (Path(__file__).parent / "index_package.py").resolve()


@dataclass(frozen=True, slots=True)
class Unpacked:
    """The package, unpacked, and a Python with a folder of what requirements.txt brings; `python` is at least 3.11."""

    folder: Path
    archive: Path
    python: Path
    packages: Path
    newest: bool


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Unpacked]:
    """The package with what requirements.txt brings: for Python 3.13, which Azure runs, where the tests' environment of it is.

    That its packages can be installed is seen where the tests are: their own list includes it.
    """
    folder = tmp_path_factory.mktemp("package")
    archive = folder / "farshore.zip"
    package.build(archive, untracked=True)
    with zipfile.ZipFile(archive) as opened:
        opened.extractall(folder / "app")  # made a moment ago
    environment = bootstrap.HOME / "venv-3.13"
    newest = (environment / ".installed-tests").exists()
    environment = environment if newest else Path(sys.prefix)
    link_required(folder / "app" / "requirements.txt", (_RUNTIME,) if newest else (), environment, folder / "packages")
    yield Unpacked(folder / "app", archive, environment / "bin" / "python", folder / "packages", newest)
    shutil.rmtree(folder, ignore_errors=True)


def test_the_package_holds_the_app_and_nothing_else() -> None:
    names = package.files(untracked=True)
    tops = {name.split("/")[0] for name in names}
    assert {"function_app.py", "functions", "shared", "host.json", "requirements.txt"} <= tops
    assert tops <= {"function_app.py", "functions", "shared", "host.json", "requirements.txt", "LICENSE"}
    assert not [name for name in names if name.endswith((".pyc", ".zip")) or "local.settings" in name]


def test_the_same_files_give_the_same_bytes(tmp_path: Path) -> None:
    first, second = tmp_path / "first.zip", tmp_path / "second.zip"
    package.build(first)
    package.build(second)
    assert first.read_bytes() == second.read_bytes()


def test_a_file_that_git_does_not_track_stays_out(tmp_path: Path) -> None:
    (tmp_path / ".funcignore").write_text("tests\n", encoding="utf-8")
    (tmp_path / "tests").mkdir()
    for name in ("app.py", "notes.txt", "tests/test_app.py"):
        (tmp_path / name).write_text("", encoding="utf-8")
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    subprocess.run(["git", "-C", str(tmp_path), "add", "app.py", "tests"], check=True)
    assert package.files(tmp_path) == ["app.py"]


@pytest.mark.slow
def test_the_package_is_indexed_to_exactly_the_functions_of_the_app(unpacked: Unpacked) -> None:
    indexed = _run(unpacked, str(_INDEX), "runtime" if unpacked.newest else "sdk")
    here = subprocess.run([sys.executable, str(_INDEX), "sdk"], cwd=ROOT, env=_environment(), capture_output=True, text=True, check=True)
    found, expected = json.loads(indexed), json.loads(here.stdout)
    assert found == expected
    assert {name for name, kind in found.items() if kind == "timerTrigger"} == {"tick", "poison", "schedule"}
    assert {"start_restore_point_copy", "replication_checks", "health"} <= found.keys()


@pytest.mark.slow
def test_the_package_is_small(unpacked: Unpacked) -> None:
    assert unpacked.archive.stat().st_size < 2 * 1024 * 1024, "an instance fetches it before its first answer"


def _run(unpacked: Unpacked, *arguments: str) -> str:
    command = [str(unpacked.python), "-S", *arguments]  # without the packages of its environment
    found = _environment() | {"PYTHONPATH": os.pathsep.join((".", str(unpacked.packages)))}
    done = subprocess.run(command, cwd=unpacked.folder, env=found, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def _environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AZURE_", "FARSHORE_", "PYTHON", "AzureWebJobs"))}
    return kept | _SETTINGS | {"PYTHONPATH": "."}
