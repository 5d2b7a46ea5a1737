"""What reading the status of a copy costs: Farshore's call beside the SDK's, sync and async, and beside bare aiohttp and json.

`python -m benchmarks.status_read [--rounds N] [--calls N]`. A server in a process of its own answers with a restore point of
about 3.8 KB, instance view included. The four ways take turns, round after round, so that a busy machine hurts them alike;
figures are medians of rounds, and the targets are ratios within one run: at least 5 times less CPU than the SDK's async client,
at most 1.5 times that of bare aiohttp and json.
"""

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from aiohttp import web

from benchmarks.report import report, verdict
from shared.arm.api_versions import COMPUTE_RESTORE_POINTS
from shared.arm.clients import AzureClients
from shared.settings import Settings

SUBSCRIPTION = "11111111-1111-1111-1111-111111111111"
GROUP, COLLECTION, POINT = "disaster-recovery", "web01-westeurope", "fs-3k9d8s7f6g5h4j3k2l1z"
COLLECTION_PATH = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{GROUP}/providers/Microsoft.Compute/restorePointCollections/{COLLECTION}"
PATH = f"{COLLECTION_PATH}/restorePoints/{POINT}"
IN_FLIGHT = 8


def restore_point() -> dict[str, Any]:
    """A restore point of a VM with three disks, as Azure writes it with its instance view."""
    disks = [f"web01-{name}" for name in ("os", "data-0", "data-1")]
    source = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/apps/providers/Microsoft.Compute"
    metadata = [
        {
            "name": name,
            "diskControllerType": "SCSI",
            "writeAcceleratorEnabled": False,
            "diskSizeGB": 128,
            "caching": "ReadWrite",
            "managedDisk": {"id": f"{source}/disks/{name}", "storageAccountType": "Premium_LRS"},
            "diskRestorePoint": {"id": f"{PATH}/diskRestorePoints/{name}_ab54dd5c"},
        }
        for name in disks
    ]
    return {
        "name": POINT,
        "id": PATH,
        "type": "Microsoft.Compute/restorePointCollections/restorePoints",
        "properties": {
            "consistencyMode": "ApplicationConsistent",
            "provisioningState": "Succeeded",
            "timeCreated": "2026-03-03T10:00:00.1234567+00:00",
            "sourceRestorePoint": {"id": f"{COLLECTION_PATH}-source/restorePoints/{POINT}"},
            "sourceMetadata": {
                "hardwareProfile": {"vmSize": "Standard_D4s_v5"},
                "vmId": "2f3c1a0e-7f2b-4c55-9e0b-0d8c5a3a6e11",
                "location": "northeurope",
                "licenseType": "Windows_Server",
                "storageProfile": {
                    "osDisk": {"osType": "Windows", **metadata[0]},
                    "dataDisks": [{"lun": 0, **disk} for disk in metadata[1:]],
                },
                "diagnosticsProfile": {"bootDiagnostics": {"enabled": True}},
                "osProfile": {"computerName": "web01", "adminUsername": "operator", "requireGuestProvisionSignal": True},
            },
            "instanceView": {
                "statuses": [{"code": "ReplicationState/inProgress", "level": "Info", "displayStatus": "Replicating"}],
                "diskRestorePoints": [
                    {
                        "id": f"{PATH}/diskRestorePoints/{name}_ab54dd5c",
                        "replicationStatus": {
                            "status": {"code": "ReplicationState/inProgress", "level": "Info", "displayStatus": "Replicating"},
                            "completionPercent": 42,
                        },
                    }
                    for name in disks
                ],
            },
        },
    }


def serve() -> None:
    """The server's process: answers each request with the restore point, and prints its port first."""
    body = json.dumps(restore_point(), separators=(",", ":")).encode()
    headers = {
        "Content-Type": "application/json; charset=utf-8",
        "x-ms-ratelimit-remaining-subscription-reads": "11999",
        "x-ms-ratelimit-remaining-resource": "Microsoft.Compute/LowCostGet3Min;3997,Microsoft.Compute/LowCostGet30Min;31997",
        "x-ms-request-id": "11b8f7f0-2a3b-4f0b-8e5f-2a0c5c1f8a55",
        "Strict-Transport-Security": "max-age=31536000; includeSubDomains",
        "Cache-Control": "no-cache",
    }

    async def answer(request: web.BaseRequest) -> web.Response:
        if request.path == "/identity":
            return web.json_response(
                {
                    "access_token": "local",
                    "expires_on": str(int(time.time()) + 7200),
                    "resource": request.query["resource"],
                    "token_type": "Bearer",
                }
            )
        return web.Response(body=body, headers=headers)

    async def run() -> None:
        runner = web.ServerRunner(web.Server(answer))
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        print(runner.addresses[0][1], flush=True)
        await asyncio.to_thread(sys.stdin.read)

    asyncio.run(run())


@contextmanager
def server() -> Iterator[str]:
    """Run the server in a process of its own, and yield its URL."""
    with subprocess.Popen(
        [sys.executable, "-m", "benchmarks.status_read", "--serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        url = f"http://127.0.0.1:{process.stdout.readline().strip()}"
        os.environ.update(IDENTITY_ENDPOINT=f"{url}/identity", IDENTITY_HEADER="local")
        try:
            yield url
        finally:
            process.terminate()


@dataclass
class Way:
    """One way of reading a status, and what its rounds took in milliseconds for each call."""

    name: str
    read: Callable[[], Awaitable[object]]
    cpu: list[float] = field(default_factory=list)
    wall: list[float] = field(default_factory=list)


def median_cpu(way: Way) -> float:
    """Return the milliseconds of CPU of a call, the median of the rounds."""
    return statistics.median(way.cpu)


async def one_after_another(way: Way, calls: int) -> None:
    """Run one round of a way whose calls each wait for the one before."""
    wall, cpu = time.perf_counter(), time.process_time()
    for _ in range(calls):
        await way.read()
    way.cpu.append((time.process_time() - cpu) * 1000 / calls)
    way.wall.append((time.perf_counter() - wall) * 1000 / calls)


async def side_by_side(way: Way, calls: int) -> None:
    """Run one round of a way with a few calls in flight at a time, as a check of many copies does."""

    async def some() -> None:
        for _ in range(calls // IN_FLIGHT):
            await way.read()

    wall, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(some() for _ in range(IN_FLIGHT)))
    done = calls // IN_FLIGHT * IN_FLIGHT
    way.cpu.append((time.process_time() - cpu) * 1000 / done)
    way.wall.append((time.perf_counter() - wall) * 1000 / done)


async def measure(url: str, rounds: int, calls: int) -> list[tuple[str, list[Way]]]:
    """Return, for calls one after another and side by side, the ways with their rounds."""
    from azure.core.pipeline.policies import HeadersPolicy  # after the server's start, which needs none of these
    from azure.mgmt.compute import ComputeManagementClient as SyncClient
    from azure.mgmt.compute.aio import ComputeManagementClient as AsyncClient

    from shared.arm.credentials import credential_for
    from shared.arm.sending.pipeline import authentication_policy

    credential = credential_for(None)
    clients = AzureClients(Settings(resource_manager_url=url, calls_in_flight=64))
    sdk = AsyncClient(credential, SUBSCRIPTION, base_url=url, authentication_policy=authentication_policy(credential, url))
    plain = SyncClient(NoToken(), SUBSCRIPTION, base_url=url, authentication_policy=HeadersPolicy({"Authorization": "Bearer local"}))
    names = (GROUP, COLLECTION, POINT)
    params = {"$expand": "instanceView", "api-version": COMPUTE_RESTORE_POINTS}

    async with aiohttp.ClientSession(headers={"Authorization": "Bearer local"}) as session:

        async def bare() -> object:
            async with session.get(f"{url}{PATH}", params=params) as answer:
                return json.loads(await answer.read())

        async def ours() -> object:
            return await clients.read(PATH, api_version=COMPUTE_RESTORE_POINTS, params={"$expand": "instanceView"})

        async def sdk_async() -> object:
            return await sdk.restore_points.get(*names, expand="instanceView")

        async def sdk_sync() -> object:
            return plain.restore_points.get(*names, expand="instanceView")  # blocks: it is measured alone

        kinds: list[tuple[str, Callable[[Way, int], Awaitable[None]], list[Way]]] = [
            (
                "one after another",
                one_after_another,
                [Way("aiohttp + json", bare), Way("farshore", ours), Way("SDK async", sdk_async), Way("SDK sync", sdk_sync)],
            ),
            (f"{IN_FLIGHT} in flight", side_by_side, [Way("aiohttp + json", bare), Way("farshore", ours), Way("SDK async", sdk_async)]),
        ]
        for _, run, ways in kinds:
            for way in ways:
                await run(way, 50)
                way.cpu.clear()
                way.wall.clear()
        for _ in range(rounds):
            for _, run, ways in kinds:
                for way in ways:
                    await run(way, calls)
    await clients.aclose()
    await sdk.close()
    plain.close()
    await credential.close()
    return [(kind, ways) for kind, _, ways in kinds]


def conclude(kinds: list[tuple[str, list[Way]]], rounds: int, calls: int) -> None:
    """Print and write the figures, and whether the targets are met."""
    rows: list[dict[str, str | int | float | None]] = []
    ratios: dict[str, dict[str, float]] = {}
    for kind, ways in kinds:
        cpu = {way.name: median_cpu(way) for way in ways}
        rows.extend(
            {
                "calls": kind,
                "way": way.name,
                "CPU ms": cpu[way.name],
                "wall ms": statistics.median(way.wall),
                "CPU to bare": cpu[way.name] / cpu["aiohttp + json"],
                "CPU to ours": cpu[way.name] / cpu["farshore"],
            }
            for way in ways
        )
        ratios[kind] = {"to_bare": cpu["farshore"] / cpu["aiohttp + json"], "sdk_async_to_ours": cpu["SDK async"] / cpu["farshore"]}
    size = len(json.dumps(restore_point(), separators=(",", ":")))
    report(
        "status_read",
        f"A status read of {size} bytes: medians of {rounds} rounds of {calls} calls",
        rows,
        rounds=rounds,
        calls=calls,
        body_bytes=size,
        ratios=ratios,
    )
    for kind, ratio in ratios.items():
        less = ratio["sdk_async_to_ours"]
        verdict(f"{kind}: {less:.1f} times less CPU than the SDK's async client (target: at least 5)", holds=less >= 5)
        verdict(f"{kind}: {ratio['to_bare']:.2f} times the CPU of aiohttp + json (target: at most 1.5)", holds=ratio["to_bare"] <= 1.5)


class NoToken:
    """A credential that the sync client requires and does not use: its policy signs."""

    def get_token(self, *_: str, **__: object) -> Any:
        """Fail: no token is requested."""
        raise AssertionError("the client requested a token beside its policy")


def main() -> None:
    """Start the server, measure, report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--calls", type=int, default=200, help="calls in each round")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve()
        return
    with server() as url:
        conclude(asyncio.run(measure(url, options.rounds, options.calls)), options.rounds, options.calls)


if __name__ == "__main__":
    main()
