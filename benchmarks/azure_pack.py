"""What the library for Azure Pack costs: CPU of a call beside bare aiohttp and json with the same certificate; and what orders cost.

`python -m benchmarks.azure_pack [--rounds N] [--calls N]`. The simulated Azure Pack runs in a process of its own; both ways read the same
virtual machine over kept connections and take turns, so that a busy machine hurts them alike. Target: at most 1.5 times bare aiohttp.
"""

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

import aiohttp

from benchmarks.azure_pack_orders import figures
from benchmarks.report import Cell, report, verdict
from local import processes
from local.calls import answers
from shared.azure_pack import CertificateAuthorization, TenantClient, TlsOptions, Transport, read_publish_settings, ssl_context

OWNER = "admin@northwind.example"
IN_FLIGHT = 8
TARGET = 1.5
Read = Callable[[], Awaitable[object]]


def now() -> datetime:
    """Wall time."""
    return datetime.now(UTC)


async def cpu_of(read: Read, calls: int) -> float:
    """Return the CPU of one call in milliseconds, of this process alone."""
    left = calls

    async def worker() -> None:
        nonlocal left
        while left > 0:
            left -= 1
            await read()

    began = time.process_time()
    await asyncio.gather(*(worker() for _ in range(IN_FLIGHT)))
    return (time.process_time() - began) / calls * 1000


async def measure(azure: str, rounds: int, calls: int) -> dict[str, list[float]]:
    """Return the CPU of a call, per way and round."""
    async with aiohttp.ClientSession() as control:
        authority = await (await control.get(f"{azure}/_simulation/azure-pack/ca")).text()
        content = await (await control.post(f"{azure}/_simulation/azure-pack/publishsettings", json={"user": OWNER})).read()
    one = read_publish_settings(content, now=now()).subscriptions[0]
    tls = TlsOptions(authority)
    transport = Transport(tls=tls, certificate=one.certificate, in_flight=IN_FLIGHT, now=now)
    vmm = TenantClient(one.service_url, transport, CertificateAuthorization()).machines(one.id)
    key = next(iter([each.key async for each in vmm.machines()]))
    url = f"{one.service_url}/{one.id}/services/systemcenter/vmm/VirtualMachines{key}"
    connector = aiohttp.TCPConnector(ssl=ssl_context(tls, one.certificate), limit=IN_FLIGHT)
    async with aiohttp.ClientSession(connector=connector) as session:

        async def bare() -> UUID:
            headers = {"Accept": "application/json", "x-ms-version": "2014-02-01", "x-ms-client-request-id": str(uuid4())}
            async with session.get(url, headers=headers) as answer:
                return UUID(json.loads(await answer.read())["ID"])

        async def library() -> UUID:
            return (await vmm.machine(key)).id

        ways: dict[str, Read] = {"bare aiohttp and json": bare, "library": library}
        found: dict[str, list[float]] = {name: [] for name in ways}
        for number in range(rounds + 1):
            for name, read in ways.items():
                cpu = await cpu_of(read, calls)
                if number:  # the first round warms up
                    found[name].append(cpu)
    await transport.close()
    return found


def main() -> int:
    """Measure; returns the exit code, 0."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.azure_pack")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--calls", type=int, default=300)
    parser.add_argument("--port", type=int, default=17080, help="first of eight free ports (default: %(default)s)")
    given = parser.parse_args()
    counts: list[dict[str, Cell]] = [
        {"": one.what, "calls to Azure Pack": one.calls, "storage calls": one.storage, "calls of a script": one.script_calls}
        for one in asyncio.run(figures())
    ]
    report("azure_pack_orders", "What data centers cost, counted in memory", counts)
    azure = f"http://127.0.0.1:{given.port}"
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "local.simulation", "--port", str(given.port), "--azure-pack-port", str(given.port + 1)]
        part = processes.start("the simulated Azure", command, Path(folder) / "log")
        try:
            processes.wait_until(part, lambda: answers(f"{azure}/_simulation/clock"), 30)
            found = asyncio.run(measure(azure, given.rounds, given.calls))
        finally:
            part.stop(5)
    medians = {name: statistics.median(values) for name, values in found.items()}
    least = medians["bare aiohttp and json"]
    rows: list[dict[str, Cell]] = [
        {"way": name, "CPU per call, ms": round(value, 3), "ratio": round(value / least, 2)} for name, value in medians.items()
    ]
    report("azure_pack", "Reading a virtual machine with a client certificate", rows, rounds=given.rounds, calls=given.calls)
    ratio = medians["library"] / least
    verdict(f"the library takes at most {TARGET} times the CPU of bare aiohttp ({ratio:.2f})", holds=ratio <= TARGET)
    return 0


if __name__ == "__main__":
    sys.exit(main())
