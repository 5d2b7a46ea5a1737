"""What a cold start does not need is not imported: an answer to `/health` pays for no client and no cryptography."""

import subprocess
import sys

MODULES = "shared.web.entry, shared.web.openapi, shared.web.operations, shared.web.docs, shared.web.calls, shared.access.ownership"
LATER = "aiohttp, jwt, cryptography, azure"


def test_modules_of_http_and_access_import_no_client() -> None:
    code = f"import sys, {MODULES}; print(*[name for name in '{LATER}'.split(', ') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
