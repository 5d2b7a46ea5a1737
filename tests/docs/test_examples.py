"""The examples: run against the app where that can be done here, and at least read by their own language elsewhere."""

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import tree_sitter_powershell
from tree_sitter import Language, Parser

from local.calls import call
from local.processes import ROOT
from tests.conftest import StartHost
from tests.support.stacks import RunningHost

EXAMPLES = ROOT / "examples"
POWERSHELL = sorted(EXAMPLES.glob("*.ps1"))
MOST_SECONDS = 120


def point(app: RunningHost, name: str) -> str:
    """Return the ARM id of a restore point of the sample estate."""
    estate = call("GET", f"{app.azure}/_simulation/estate").body
    found = [point["id"] for collection in estate["restorePointCollections"] for point in collection["restorePoints"]]
    return str(next(one for one in found if one.endswith(f"/{name}")))


def token(app: RunningHost) -> str:
    request = {"roles": ["Copies.Read", "Copies.Write"], "tenant": "contoso"}
    return str(call("POST", f"{app.azure}/_simulation/tokens", request).body["access_token"])


def run(command: list[str], environment: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("FARSHORE", "IDENTITY", "AZURE"))}
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])  # `python3` is the Python of these tests
    given = kept | {"PATH": path, "NO_PROXY": "127.0.0.1", "FARSHORE_POLL_SECONDS": "0.5"} | environment
    return subprocess.run(command, env=given, capture_output=True, text=True, timeout=MOST_SECONDS, check=False)


@contextmanager
def identity_endpoint(given: str) -> Iterator[str]:
    """Serve the managed identity protocol of Automation: the token to whoever sends the right header and asks for the right audience."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            query = parse_qs(urlsplit(self.path).query)
            good = query.get("resource") == ["api://farshore"] and self.headers["X-IDENTITY-HEADER"] == "ours"
            self.send_response(200 if good else 400)
            self.end_headers()
            self.wfile.write(f'{{"access_token": "{given}"}}'.encode() if good else b"{}")

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/token"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


async def test_the_examples_copy_a_restore_point_and_find_it_again(host: StartHost) -> None:
    app = host(speed=3000)
    base = app.api.removesuffix("/api")
    given = token(app)
    first = point(app, "contoso-web01-001")
    python = [sys.executable, str(EXAMPLES / "start_copy.py"), base, "api://farshore", first, "northeurope", "contoso-recovery"]
    with identity_endpoint(given) as endpoint:
        signed_in = {"IDENTITY_ENDPOINT": endpoint, "IDENTITY_HEADER": "ours"}
        done = run(python, signed_in)
        assert done.returncode == 0, done
        assert "is usable" in done.stdout
        again = run(python, signed_in)
    assert again.returncode == 0, again
    assert again.stdout.splitlines()[-1] == done.stdout.splitlines()[-1], "run again, it found the same copy"

    shell = [str(EXAMPLES / "start_copy.sh"), point(app, "contoso-app01-001"), "westeurope", "contoso-recovery"]
    environment = {"FARSHORE_URL": base, "FARSHORE_TOKEN": given}
    done = run(shell, environment)
    assert done.returncode == 0, done
    assert " Succeeded " in done.stdout
    copies = call("GET", f"{app.api}/restore-point-copies", headers={"Authorization": f"Bearer {given}"}).body["value"]
    assert [copy["usable"] for copy in copies] == [True, True]

    refused = run([*python[:5], "nowhere", "contoso-recovery"], environment)
    assert (refused.returncode, "UnknownRegion" in refused.stderr) == (1, True), refused
    refused = run([*shell[:2], "nowhere", "contoso-recovery"], environment)
    assert (refused.returncode, "UnknownRegion" in refused.stderr) == (1, True), refused


@pytest.mark.parametrize("script", sorted(EXAMPLES.glob("*.sh")), ids=lambda script: script.name)
def test_a_shell_script_can_be_read(script: Path) -> None:
    assert os.access(script, os.X_OK)
    assert subprocess.run(["bash", "-n", str(script)], capture_output=True, text=True, check=False).stderr == ""


def powershell_errors(script: bytes) -> list[str]:
    """What the grammar of PowerShell cannot read; it does not know the ternary operator and lists of bare words."""
    left, found = [Parser(Language(tree_sitter_powershell.language())).parse(script).root_node], []
    while left:
        node = left.pop()
        if node.type == "ERROR" or node.is_missing:
            found.append(f"line {node.start_point.row + 1}: {node.type}")
        left.extend(node.children)
    return found


@pytest.mark.parametrize("script", POWERSHELL, ids=lambda script: script.name)
def test_a_powershell_script_has_no_syntax_error(script: Path) -> None:
    text = script.read_bytes()
    assert powershell_errors(text) == []
    assert powershell_errors(text[: text.rindex(b"}")]) != [], "a script that is cut off is one"


@pytest.mark.parametrize("script", POWERSHELL, ids=lambda script: script.name)
def test_a_powershell_script_can_be_read(script: Path) -> None:
    pwsh = shutil.which("pwsh")
    if pwsh is None:
        pytest.skip("PowerShell (pwsh) is not installed here")
    read = "$e = $null; $null = [Management.Automation.Language.Parser]::ParseFile($args[0], [ref] $null, [ref] $e); $e; exit $e.Count"
    done = subprocess.run(
        [pwsh, "-NoProfile", "-Command", f"& {{ {read} }} '{script}'"], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout
