"""What a cold start imports: nothing that only some invocations need."""

import subprocess
import sys

from local.processes import ROOT

LATER = ("azure.mgmt", "azure.identity", "azure.data", "azure.storage", "azure.core", "aiohttp", "jwt", "cryptography", "opentelemetry")


def test_the_app_imports_no_client_before_it_needs_one() -> None:
    found = imported("import function_app; function_app.app.get_functions()")
    assert "pydantic" in found, "nothing was imported at all"
    assert [name for name in sorted(found) if name.startswith(tuple(f"{late}." for late in LATER)) or name in LATER] == []


def test_the_test_would_see_it() -> None:
    assert "aiohttp" in imported("import function_app, aiohttp")


def imported(code: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; {code}; print(*sys.modules)"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())
