"""`python -m local.simulation`: serve the simulated Azure until it is stopped."""

import argparse
import asyncio
import json
import logging
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path

from aiohttp import web

from local.simulation.app import AzurePackOptions, create_app
from local.simulation.arm.gate import REQUEST_LOG
from local.simulation.platform import Platform
from local.simulation.sample_estate import sample_estate
from local.simulation.times import from_text


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m local.simulation", description="A simulated Azure Resource Manager on one machine.")
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=7080, help="port to listen on; 0 takes a free one (default: %(default)s)")
    parser.add_argument("--data", type=Path, help="folder in which the state survives (default: none, in memory only)")
    parser.add_argument("--speed", type=float, help="seconds of Azure's time in a second (default: as it was, else 1)")
    parser.add_argument("--estate", type=Path, help="JSON file to start from; not read where --data holds a state (default: the sample)")
    parser.add_argument("--now", type=from_text, help="Azure's time at the first start, ISO 8601 (default: the machine's)")
    parser.add_argument("--azure-pack-port", type=int, help="first of seven TLS ports of a simulated Azure Pack (default: none)")
    parser.add_argument("--log-requests", action="store_true", help="write each request to standard error, as JSON")
    return parser.parse_args()


async def _serve(arguments: argparse.Namespace, platform: Platform) -> None:
    pack = AzurePackOptions(arguments.azure_pack_port, arguments.data) if arguments.azure_pack_port is not None else None
    runner = web.AppRunner(create_app(platform, azure_pack=pack), access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    try:
        await web.TCPSite(runner, arguments.host, arguments.port, backlog=1024).start()
        port = runner.addresses[0][1]
        print(f"simulated Azure: http://{arguments.host}:{port}", flush=True)
        await stop.wait()
    finally:
        await runner.cleanup()


def main() -> int:
    """Serve; returns the exit code: 0 when stopped, 1 where it cannot start, with the reason on standard error."""
    arguments = _arguments()
    if arguments.log_requests:
        logging.basicConfig(stream=sys.stderr, format="%(message)s")
        logging.getLogger(REQUEST_LOG).setLevel(logging.INFO)
    try:
        estate = json.loads(arguments.estate.read_text()) if arguments.estate else None
        if estate is None and arguments.azure_pack_port is not None:
            from local.simulation.azure_pack.sample import with_azure_pack

            estate = with_azure_pack(sample_estate(arguments.now or datetime.now(UTC)))
        platform = Platform(arguments.data, speed=arguments.speed, estate=estate, now=arguments.now)
    except (OSError, ValueError) as problem:
        print(f"simulated Azure: cannot start: {problem}", file=sys.stderr)
        return 1
    try:
        asyncio.run(_serve(arguments, platform))
    except OSError as problem:
        taken = getattr(problem, "port", None)  # of the simulated Azure Pack, whose modules may not be loaded
        if taken is not None:
            print(f"simulated Azure: port {taken} cannot be used ({problem}); choose others with --azure-pack-port", file=sys.stderr)
            return 1
        print(f"simulated Azure: port {arguments.port} cannot be used ({problem.strerror}); choose another with --port", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
