"""What each fault of Azure alone does to machines: nothing ends for it, nothing is sent twice, nothing waits for ever.

A fault is there before anything is asked for. A request that meets it is sent again under the same key, as a careful sender does.
Each fault meets one sequence of changes; with `--histories 1` each meets all of them.
"""

import re
import uuid
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from functools import cache
from itertools import cycle, product
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.histories.test_kinds import FAULTS
from tests.virtual_machines.histories import things
from tests.virtual_machines.kit import Json, Machines, run
from tests.virtual_machines.test_creation import LINUX, networks
from tests.virtual_machines.test_power_actions import with_power

VMS = "/virtual-machines"
ANY_WRITE = ("PUT", "POST", "PATCH", "DELETE")
ELSEWHERE = {"2: a job is hidden"}
"""Faults of Site Recovery alone."""
PATHS = {
    "2: what exists is hidden for some minutes": "virtualMachines|network|disks",
    "2: hidden from lists too": "virtualMachines|network",
}
RUNNING, QUERY = f"{VMS}/contoso-web01", "service=contoso-production"
MADE = f"{VMS}/{LINUX['name']}"
PORT = {"name": "ssh", "protocol": "tcp", "port": 50_022, "localPort": 22}
ACCESS = "/disks/contoso-web01-os/access"
CAPTURE: Json = {"imageName": "golden", "prepared": True, "confirm": LINUX["name"]}
ANEW: Json = {"adminUsername": "newuser", "adminPassword": {"value": "anOther-Pwd2"}, "computerName": "again"}
SEQUENCES: dict[str, list[tuple[str, str, Json | None]]] = {
    "power": [
        ("POST", f"{RUNNING}/restart?{QUERY}", {}),
        ("POST", f"{RUNNING}/shut-down?{QUERY}", {"state": "deallocated"}),
        ("POST", f"{RUNNING}/start?{QUERY}", {}),
    ],
    "created and deleted": [("POST", VMS, LINUX), ("DELETE", f"{MADE}?confirm={LINUX['name']}&deleteDisks=all", None)],
    "disks": [
        ("POST", VMS, LINUX),
        ("POST", f"{MADE}/data-disks", {"sizeGB": 8, "lun": 5, "name": "extra"}),
        ("PATCH", f"{MADE}/data-disks/5", {"sizeGB": 16, "caching": "ReadOnly", "acceptInterruption": True}),
        ("DELETE", f"{MADE}/data-disks/5", {"deleteDisk": True, "confirm": "extra"}),
        ("DELETE", f"{MADE}?confirm={LINUX['name']}&deleteDisks=all", None),
    ],
    "ports": [
        ("POST", VMS, LINUX),
        ("POST", f"{MADE}/ports", PORT),
        ("DELETE", f"{MADE}/ports/ssh", None),
        ("DELETE", f"{MADE}?confirm={LINUX['name']}&deleteDisks=all", None),
    ],
    "access": [("POST", ACCESS, {"duration": "PT4H"}), ("DELETE", ACCESS, None), ("POST", f"{RUNNING}/start?{QUERY}", {})],
    "captured and deleted": [
        ("POST", VMS, LINUX),
        ("POST", f"{MADE}/shut-down", {"state": "stopped"}),
        ("POST", f"{MADE}/capture", CAPTURE | {"after": "delete", "deleteDisks": "os"}),
        ("DELETE", "/images/golden", {"confirm": "golden"}),
    ],
    "captured and made anew": [
        ("POST", VMS, LINUX),
        ("POST", f"{MADE}/shut-down", {"state": "stopped"}),
        ("POST", f"{MADE}/capture", CAPTURE | {"after": "reprovision", "reprovision": ANEW, "deleteDisks": "os"}),
        ("DELETE", f"{MADE}?confirm={LINUX['name']}&deleteDisks=all", None),
        ("DELETE", "/images/golden", {"confirm": "golden"}),
    ],
    "resized": [("POST", VMS, LINUX), ("PATCH", MADE, {"size": "Standard_D4s_v3", "acceptInterruption": True, "acceptDeallocation": True})],
}


def estate_for(sequence: str) -> Callable[[Json], None]:
    """Return the change of the sample estate: networks to make machines in; access needs a machine that does not run."""

    def change(estate: Json) -> None:
        networks(estate)
        if sequence == "access":
            with_power(powerState="deallocated")(estate)

    return change


def planted(azure: Machines, fault: str, sequence: str) -> None:
    definition = {**FAULTS[fault]}
    kind, method = definition.pop("fault"), definition.pop("method", None)
    definition["path"] = PATHS.get(fault, definition.get("path", "."))
    if definition["path"] == "replication":
        definition["path"] = "."
    if sequence == "access" and fault.startswith("6:"):
        definition |= {"rate": None, "times": 2}  # the answer to a grant alone names the operation that has the SAS
    if sequence == "captured and made anew" and fault.startswith("9,"):
        definition["kinds"] = ["idCase", "times", "enumCase"]  # a machine with a member that is not known is not made anew
    for each in ANY_WRITE if method == "(any write)" else (method,):
        azure.fault(kind, method=each, **definition)


async def asked(azure: Machines, method: str, path: str, body: Json | None, key: str) -> str:
    """Send a request until it is accepted."""
    for _ in range(90):
        answer = await azure.call(method, f"/tenants/contoso{path}", body, key=key)
        if answer.status in {200, 202}:
            return answer.operation
        await azure.pass_time(timedelta(minutes=1))
    raise AssertionError(answer)


async def helped(azure: Machines, operation: str) -> Json:
    """Move Azure's time until an operation has ended; where it asks for attention, a person has it looked at again."""
    for _ in range(600):
        shown: Json = (await azure.call("GET", f"/operations/{operation}")).body
        if shown["status"] in {"Succeeded", "Failed", "Canceled"}:
            return shown
        if shown["attention"] is not None:
            assert shown["attention"]["code"] in {"NoProgress", "NotTidied"}, shown
            await azure.call("POST", f"/operations/{operation}/retry")
        await azure.pass_time(timedelta(seconds=30))
    raise AssertionError(shown)


async def carry_out(azure: Machines, sequence: str) -> Counter[tuple[str, str]]:
    """Ask for each change of a sequence after the end of the one before; return how often each write took effect."""
    before = things(azure)
    for number, (method, path, body) in enumerate(SEQUENCES[sequence]):
        ended = await helped(azure, await asked(azure, method, path, body, str(uuid.UUID(int=number + 1))))
        assert ended["status"] == "Succeeded", (path, ended["error"])
    if SEQUENCES[sequence][-1][0] == "DELETE":
        assert things(azure) == before
    return Counter((one["method"], re.sub(r"-[a-z0-9]{6}(?=/|$)", "", one["path"].lower())) for one in azure.effects())


@cache
def in_a_quiet_azure(sequence: str) -> Counter[tuple[str, str]]:
    """Return how often each write takes effect where nothing goes wrong."""
    found: list[Counter[tuple[str, str]]] = []

    async def test(azure: Machines) -> None:
        found.append(await carry_out(azure, sequence))

    with TemporaryDirectory() as folder:
        run(test, Path(folder) / "log", estate_for(sequence))
    return found[0]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Meet each fault with one sequence, in turn; with all of them where `--histories` asks for more."""
    pairs = list(product(sorted(set(FAULTS) - ELSEWHERE), SEQUENCES))
    if metafunc.config.getoption("--histories") is None:
        pairs = [(fault, sequence) for fault, sequence in zip(sorted(set(FAULTS) - ELSEWHERE), cycle(SEQUENCES))]
    if "fault" in metafunc.fixturenames:
        metafunc.parametrize(("fault", "sequence"), pairs)


def test_a_fault_of_azure_changes_nothing_of_the_end(fault: str, sequence: str, tmp_path: Path) -> None:
    quiet = in_a_quiet_azure(sequence)

    async def test(azure: Machines) -> None:
        planted(azure, fault, sequence)
        more = await carry_out(azure, sequence) - quiet
        assert not more, "nothing takes effect more often"

    run(test, tmp_path / "log", estate_for(sequence))
