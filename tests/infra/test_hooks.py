"""The hooks do what azd needs, once and again; `az` is a stand-in that writes down what it was asked and answers from a small directory."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.infra.bicep import INFRA

CLIENT_ID = "44444444-4444-4444-8444-444444444444"
_AZ = """#!{python}
import json, pathlib, shutil, sys
folder = pathlib.Path(__file__).parent
arguments = sys.argv[1:]
with (folder / "asked").open("a") as asked:
    asked.write(json.dumps(arguments) + "\\n")
known = folder / "registration"
app = {{"id": "object-id", "appId": "{client_id}", "displayName": "farshore-test"}}
if arguments[:3] == ["ad", "app", "list"]:
    print(json.dumps([app] if known.exists() else []))
elif arguments[:3] == ["ad", "app", "create"]:
    known.touch()
    print(json.dumps(app))
elif arguments[:3] == ["ad", "sp", "list"]:
    print(json.dumps([{{}}] if (folder / "principal").exists() else []))
elif arguments[:3] == ["ad", "sp", "create"]:
    (folder / "principal").touch()
    print("{{}}")
elif "config-zip" in arguments:
    shutil.copy(arguments[arguments.index("--src") + 1], folder / "sent.zip")
"""


@pytest.fixture
def az(tmp_path: Path) -> Path:
    """A folder with the stand-in."""
    file = tmp_path / "az"
    file.write_text(_AZ.format(python=sys.executable, client_id=CLIENT_ID), encoding="utf-8")
    file.chmod(0o755)
    return tmp_path


def test_the_registration_is_made_once_and_brought_up_to_date_each_time(az: Path) -> None:
    for _ in range(2):
        assert _hook(az, "entra_app.py", "farshore-test").strip() == CLIENT_ID
    asked = _asked(az)
    assert [command[:3] for command in asked].count(["ad", "app", "create"]) == 1
    assert [command[:3] for command in asked].count(["ad", "sp", "create"]) == 1
    updates = [json.loads(command[command.index("--body") + 1]) for command in asked if command[0] == "rest"]
    assert len(updates) == 2
    assert updates[0] == updates[1]  # the ids of roles and scope are not new ones each time
    assert updates[0]["identifierUris"] == [f"api://{CLIENT_ID}"]
    assert updates[0]["api"]["requestedAccessTokenVersion"] == 2
    assert updates[0]["signInAudience"] == "AzureADMyOrg"
    assert updates[0]["appRoles"] == json.loads((INFRA / "entra" / "app-roles.json").read_text(encoding="utf-8"))
    assert not [command for command in asked if "credential" in command]


def test_one_package_goes_to_each_app(az: Path) -> None:
    _hook(az, "deploy.py", AZURE_RESOURCE_GROUP="group", FARSHORE_APP_NAMES="one,two")
    sent = [command for command in _asked(az) if "config-zip" in command]
    assert [command[command.index("--name") + 1] for command in sent] == ["one", "two"]
    assert all(command[command.index("--build-remote") + 1] == "true" for command in sent)
    with zipfile.ZipFile(az / "sent.zip") as package:
        assert "function_app.py" in package.namelist()


def test_an_older_package_can_be_sent_again(az: Path, tmp_path: Path) -> None:
    older = tmp_path / "older.zip"
    older.write_bytes(b"older")
    _hook(az, "deploy.py", "--group", "group", "--apps", "one", "--package", str(older))
    assert (az / "sent.zip").read_bytes() == b"older"


def test_without_a_group_or_apps_nothing_is_sent(az: Path) -> None:
    with pytest.raises(subprocess.CalledProcessError) as failure:
        _hook(az, "deploy.py")
    assert "AZURE_RESOURCE_GROUP" in failure.value.stderr
    assert not (az / "asked").exists()


def _hook(az: Path, name: str, *arguments: str, **environment: str) -> str:
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("AZURE_", "FARSHORE_"))}
    path = f"{az}{os.pathsep}{kept['PATH']}"
    command = [sys.executable, str(INFRA / "hooks" / name), *arguments]
    return subprocess.run(command, env=kept | {"PATH": path} | environment, capture_output=True, text=True, check=True).stdout


def _asked(az: Path) -> list[Any]:
    return [json.loads(line) for line in (az / "asked").read_text(encoding="utf-8").splitlines()]
