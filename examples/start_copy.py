"""Copies a restore point to another region and waits until the copy is usable; a runbook of Azure Automation, or a shell.

    python3 start_copy.py https://<app>.azurewebsites.net api://<client id> <restore point's ARM id> <region> <resource group> [hours]

Standard library only. The token is the managed identity's, which needs the app roles Copies.Write and Copies.Read; FARSHORE_TOKEN, where
it is set, is used instead. `hours` is how long to wait, 2.5 by default, for Automation ends a runbook after three; the copy goes on
without it, and the same call finds it again. FARSHORE_POLL_SECONDS is how often to look (60).
Exit code: 0 usable, 1 refused, failed or canceled, 2 wrongly called, 3 not over yet.
"""

import json
import os
import sys
import time
import urllib.error
import urllib.request
import uuid
from typing import Any
from urllib.parse import urlencode

ENDED = {"Succeeded", "Failed", "Canceled"}
TRIES = 5
POLL_SECONDS = float(os.environ.get("FARSHORE_POLL_SECONDS", "60"))
_ATTEMPT_SECONDS = 60


class Refused(Exception):  # noqa: N818  # an answer, not a defect
    """Farshore refused the request; the message has its code and its message."""


def token(audience: str) -> str:
    """Return an access token for Farshore: FARSHORE_TOKEN, or the managed identity's by the protocol of Automation and App Service."""
    given = os.environ.get("FARSHORE_TOKEN")
    if given:
        return given
    query = {"resource": audience, "api-version": "2019-08-01"}
    if os.environ.get("AZURE_CLIENT_ID"):  # a user-assigned identity
        query["client_id"] = os.environ["AZURE_CLIENT_ID"]
    headers = {"X-IDENTITY-HEADER": os.environ["IDENTITY_HEADER"], "Metadata": "True"}
    url = f"{os.environ['IDENTITY_ENDPOINT']}?{urlencode(query)}"
    request = urllib.request.Request(url, headers=headers)  # noqa: S310  # the platform's own endpoint
    with urllib.request.urlopen(request, timeout=_ATTEMPT_SECONDS) as answer:  # noqa: S310  # the platform's own endpoint
        return str(json.load(answer)["access_token"])


def call(method: str, url: str, audience: str, body: dict[str, Any] | None = None, key: str | None = None) -> Any:  # noqa: ANN401  # JSON
    """Call Farshore, and again where that helps; returns the body. Raises `Refused`.

    A POST is sent again only with a key, under which it is the same request however often it arrives.
    """
    headers = {"Authorization": f"Bearer {token(audience)}", "x-ms-client-request-id": str(uuid.uuid4())}
    if body is not None:
        headers["Content-Type"] = "application/json"
    if key is not None:
        headers["Repeatability-Request-ID"] = key
    data = None if body is None else json.dumps(body).encode()
    for attempt in range(TRIES):
        request = urllib.request.Request(url, data=data, method=method, headers=headers)  # noqa: S310  # the configured address
        try:
            with urllib.request.urlopen(request, timeout=_ATTEMPT_SECONDS) as answer:  # noqa: S310  # the configured address
                return json.load(answer)
        except urllib.error.HTTPError as error:
            wait = float(error.headers.get("Retry-After") or 2**attempt)
            if error.code not in {429, 500, 502, 503, 504} or attempt == TRIES - 1:
                raise Refused(f"{error.code} {_words(error)}") from error
        except (urllib.error.URLError, TimeoutError, ConnectionError):
            wait = float(2**attempt)
            if attempt == TRIES - 1:
                raise
        time.sleep(wait)
    raise AssertionError("the last attempt returns or raises")


def _words(error: urllib.error.HTTPError) -> str:
    try:
        found = json.load(error)["error"]
        return "; ".join([f"{found['code']}: {found['message']}", *(detail["message"] for detail in found.get("details", []))])
    except (ValueError, KeyError, TypeError):
        return str(error.reason)


def main(arguments: list[str]) -> int:
    """Start the copy, or find it, and wait for its end."""
    if len(arguments) not in {5, 6}:
        print(__doc__, file=sys.stderr)
        return 2
    app, audience, restore_point, region, group = arguments[:5]
    deadline = time.monotonic() + 3600 * float(arguments[5] if len(arguments) == 6 else 2.5)
    copies = f"{app.rstrip('/')}/api/restore-point-copies"
    body = {"source": {"restorePointId": restore_point}, "target": {"region": region, "resourceGroup": group}}
    # the same key for the same request: run again, this finds the copy that it started before
    key = str(uuid.uuid5(uuid.NAMESPACE_URL, json.dumps(body, sort_keys=True)))
    try:
        copy = call("POST", copies, audience, body, key)
        while copy["status"] not in ENDED:
            attention = f", needs a person: {copy['attention']['message']}" if copy["attention"] else ""
            print(f"{copy['id']} {copy['step']} {copy['percentComplete']} %{attention}", flush=True)
            if time.monotonic() + POLL_SECONDS > deadline:
                print(f"It is not over yet and goes on: {copies}/{copy['id']}")
                return 3
            time.sleep(POLL_SECONDS)
            copy = call("GET", f"{copies}/{copy['id']}", audience)
    except Refused as refused:
        print(refused, file=sys.stderr)
        return 1
    if copy["usable"]:
        print(f"{copy['id']} is usable: {copy['target']['restorePointId']}")
        return 0
    error = copy["error"] or {"code": copy["status"], "message": "it was canceled"}
    print(f"{copy['id']} {copy['status']}: {error['code']}: {error['message']}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
