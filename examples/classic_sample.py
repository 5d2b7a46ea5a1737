"""The sample of the classic service management guide, through Farshore: a service and a machine, made, captured and removed again.

    FARSHORE_TOKEN=… FARSHORE_ADMIN_PASSWORD=… python3 classic_sample.py https://<app>.azurewebsites.net <tenant>

Standard library only. The token needs the app roles Tenants.Read and Tenants.Write. Each change is followed at its `Operation-Location`, as
often as its `Retry-After` says, for at most FARSHORE_MINUTES minutes (90). What remains at the end is the service, an empty resource group:
Farshore does not delete services. Exit code: 0 done, 1 refused or failed, 2 wrongly called, 3 not over in time.
docs/service-management.md shows each classic operation beside its call.
"""

import json
import os
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

TRIES = 5
ENDED = {"Succeeded", "Failed", "Canceled"}
SERVICE, MACHINE, DEPLOYMENT, IMAGE = "sampleService2", "sampleRole", "sampleDeployment", "sampleImage"


class Refused(Exception):  # noqa: N818  # an answer, not a defect
    """Farshore refused a request, or an operation failed; the message has its code, field and message."""


class NotOver(Exception):  # noqa: N818  # the operation goes on
    """An operation did not end in time; it goes on without this program."""


@dataclass
class Farshore:
    """The API as one tenant sees it; `run` makes the keys of its requests, so that a request sent again is the same request."""

    api: str
    tenant: str
    token: str
    seconds: float
    run: str = field(default_factory=lambda: str(uuid.uuid4()))

    def get(self, path: str) -> Any:  # noqa: ANN401  # JSON
        """Read something of the tenant's."""
        return self._send("GET", self._url(path), None)[1]

    def change(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Change something, follow the operation to its end and return its result; raises `Refused` and `NotOver`."""
        headers, operation = self._send(method, self._url(path), body)
        location, wait = headers["operation-location"], float(headers.get("retry-after", 5))
        deadline = time.monotonic() + self.seconds
        while operation["status"] not in ENDED:
            if time.monotonic() + wait > deadline:
                raise NotOver(f"{operation['action']} goes on: {location}")
            time.sleep(wait)
            headers, operation = self._send("GET", location, None)
            wait = float(headers.get("retry-after", wait))
        if operation["status"] != "Succeeded":
            error = operation["error"] or {"code": operation["status"], "message": "It was canceled."}
            raise Refused(f"{operation['action']}: {error['code']} ({error.get('target')}): {error['message']}")
        result: dict[str, Any] = operation["result"] or {}
        print(f"{operation['action']}: done", flush=True)
        return result

    def _url(self, path: str) -> str:
        return f"{self.api}/tenants/{self.tenant}{path}"

    def _send(self, method: str, url: str, body: Mapping[str, Any] | None) -> tuple[dict[str, str], Any]:
        """Send a request, and again where that helps; returns the headers, their names in lower case, and the JSON."""
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        if method != "GET":
            headers["Repeatability-Request-ID"] = str(uuid.uuid5(uuid.UUID(self.run), f"{method} {url}"))
        data = None if body is None else json.dumps(body).encode()
        for attempt in range(TRIES):
            request = urllib.request.Request(url, data=data, method=method, headers=headers)  # noqa: S310  # the configured address
            try:
                with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310  # the configured address
                    return {name.lower(): value for name, value in answer.headers.items()}, json.load(answer)
            except urllib.error.HTTPError as error:
                wait = float(error.headers.get("Retry-After") or 2**attempt)
                if error.code not in {429, 500, 502, 503, 504} or attempt == TRIES - 1:
                    raise Refused(_words(error)) from error
            except (urllib.error.URLError, TimeoutError, ConnectionError):
                wait = float(2**attempt)
                if attempt == TRIES - 1:
                    raise
            time.sleep(wait)
        raise AssertionError("the last attempt returns or raises")


def _words(error: urllib.error.HTTPError) -> str:
    try:
        found = json.load(error)["error"]
        return f"{error.code} {found['code']} ({found['target']}): {found['message']}"
    except (ValueError, KeyError, TypeError):
        return f"{error.code} {error.reason}"


def sample(farshore: Farshore, password: str) -> None:
    """Carry out the sample; each call is beside the classic one."""
    machine = f"/virtual-machines/{MACHINE}"
    # CreateHostedService
    farshore.change("POST", "/services", {"name": SERVICE, "label": SERVICE, "description": "Service host"})
    # CreateDeployment
    farshore.change("POST", "/virtual-machines", {
        "name": MACHINE, "service": SERVICE, "size": "Small", "image": "windows-2022",
        "deployment": {"name": DEPLOYMENT, "slot": "Staging"},
        "computerName": "sampleMach1", "adminUsername": "azureuser", "adminPassword": {"value": password},
        "dataDisks": [{"lun": 0, "sizeGB": 10}],
        "ports": [{"name": "web", "protocol": "tcp", "port": 59919, "localPort": 3395}],
    })  # fmt: skip
    # GetDeploymentBySlot
    (deployment,) = farshore.get(f"/services/{SERVICE}/deployments?slot=Staging")["value"]
    for port in deployment["inputPorts"]:
        print(f"{deployment['name']} is {deployment['status']}: {port['virtualMachine']} at {port['publicIp']}:{port['port']}", flush=True)
    data = farshore.get(machine)["dataDisks"][0]["name"]
    # ShutdownRoleInstance
    farshore.change("POST", f"{machine}/shut-down", {"state": "deallocated"})
    # CaptureRoleInstance; `prepared`: sysprep has run in the machine
    farshore.change("POST", f"{machine}/capture", {
        "imageName": IMAGE, "after": "delete", "prepared": True, "confirm": MACHINE, "deleteDisks": "os",
    })  # fmt: skip
    # ListOSImages
    page = farshore.get("/images?kind=own")
    print(f"Images: {', '.join(image['name'] for image in page['value'])}", flush=True)
    farshore.change("DELETE", f"/images/{IMAGE}?service={SERVICE}", {"confirm": IMAGE})
    farshore.change("DELETE", f"/disks/{data}?service={SERVICE}", {"confirm": data})


def main(arguments: list[str]) -> int:
    """Carry out the sample for a tenant."""
    if len(arguments) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    app, tenant = arguments
    minutes = float(os.environ.get("FARSHORE_MINUTES", "90"))
    farshore = Farshore(f"{app.rstrip('/')}/api", tenant, os.environ["FARSHORE_TOKEN"], minutes * 60)
    try:
        sample(farshore, os.environ["FARSHORE_ADMIN_PASSWORD"])
    except Refused as refused:
        print(refused, file=sys.stderr)
        return 1
    except NotOver as open_one:
        print(open_one, file=sys.stderr)
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
