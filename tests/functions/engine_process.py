"""An app in the engine that Azure runs it with, for tests: `engine.py` in a process of its own, on Python 3.13."""

import glob
import json
import shutil
import subprocess
import sys
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from local.processes import ROOT

NEEDED = "azure_functions_runtime, azure.functions, azure.data.tables, azure.mgmt.compute, jwt, pydantic"


@lru_cache(maxsize=1)
def python() -> str | None:
    """Return a Python that the engine runs on: ours, or one whose environment lies beside ours."""
    environments = [ROOT / ".local" / "venv-3.13", *map(Path, glob.glob(f"{Path(sys.prefix).parent}/*3*13*"))]
    candidates = [sys.executable] if sys.version_info >= (3, 13) else []
    candidates += [str(folder / "bin" / "python") for folder in environments]
    for candidate in candidates:
        if (
            shutil.which(candidate)
            and subprocess.run([candidate, "-c", f"import {NEEDED}"], capture_output=True, check=False).returncode == 0
        ):
            return candidate
    return None


class Engine:
    """The app of a folder in the engine, in a process of its own."""

    def __init__(self, app: Path, environment: Mapping[str, str]) -> None:
        command = [str(python()), str(Path(__file__).with_name("engine.py")), str(app)]
        self._process = subprocess.Popen(
            command, cwd=app, env=dict(environment), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        self.index = self._read()

    def invoke(self, function: str, **trigger: object) -> Any:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"function": function, **trigger}) + "\n")
        self._process.stdin.flush()
        return self._read()

    def http(self, function: str, method: str, path: str, token: str | None = None, body: object = None, **params: str) -> Any:
        headers = {"content-type": "application/json"} | ({"authorization": f"Bearer {token}"} if token else {})
        content = "" if body is None else json.dumps(body)
        answer = self.invoke(
            function, http={"method": method, "url": f"http://localhost/api{path}", "headers": headers, "params": params, "body": content}
        )
        return answer | {"body": json.loads(answer["body"])}

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()

    def _read(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise AssertionError(self._process.communicate()[1][-4000:])
        return json.loads(line)
