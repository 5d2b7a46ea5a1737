"""The templates compile, without a warning: by the compiler where there is one, by its stand-in everywhere else."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.infra.bicep import INFRA, ROOT, tool


def test_the_stand_in_for_the_compiler_finds_nothing() -> None:
    done = subprocess.run([*tool(), "--strict", str(INFRA)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


@pytest.mark.parametrize("file", ["main.bicep", "main.bicepparam"])
def test_the_compiler_and_its_linter_find_nothing(file: str, tmp_path: Path) -> None:
    compiler = _compiler()
    build = "build-params" if file.endswith("param") else "build"
    for command in ([build, str(INFRA / file), "--outfile", str(tmp_path / "out.json")], ["lint", str(INFRA / file)]):
        arguments = ["--file", *command[1:]] if compiler[0] == "az" else command[1:]
        done = subprocess.run([*compiler, command[0], *arguments], capture_output=True, text=True, check=False, cwd=ROOT)
        said = [line for line in (done.stdout + done.stderr).splitlines() if ": Warning" in line or ": Error" in line]
        assert (done.returncode, said) == (0, [])


def _compiler() -> list[str]:
    if shutil.which("bicep"):
        return ["bicep"]
    if shutil.which("az") and subprocess.run(["az", "bicep", "version"], capture_output=True, check=False).returncode == 0:
        return ["az", "bicep"]
    pytest.skip("neither bicep nor az with bicep is installed here")
