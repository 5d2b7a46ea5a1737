"""`python -m local.host`: serves a functions app on this machine. What it needs of Azure comes in the environment."""

import argparse
import asyncio
import logging
import os
import signal
import sys
from pathlib import Path

from local.host.supervisor import HostOptions, PortBusy, serve
from local.host.workers import AppRefused
from local.lifeline import die_with_parent


def main() -> int:
    """Serve until a signal; exit code 1 with a sentence where a port is busy or the app is refused."""
    parser = argparse.ArgumentParser(prog="python -m local.host", description="Serve an Azure Functions app (Python, v2 model).")
    parser.add_argument("--app", type=Path, default=Path.cwd(), help="folder of function_app.py and host.json")
    parser.add_argument("--port", type=int, default=7071, help="HTTP port")
    parser.add_argument("--control-port", type=int, default=0, help="port of /settle and /workers; 0 takes any")
    parser.add_argument("--workers", type=int, default=1, help="worker processes")
    parser.add_argument("--data", type=Path, help="folder of the timers' schedule status")
    parser.add_argument("--debug-port", type=int, help="port on which debugpy waits for a debugger of the worker; needs --workers 1")
    given = parser.parse_args()
    die_with_parent(signal.SIGTERM)
    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s host %(levelname)s %(name)s: %(message)s")
    clock_url = os.environ.get("FARSHORE_CLOCK_URL") or None
    options = HostOptions(given.app.resolve(), given.port, given.control_port, given.workers, clock_url, given.data, given.debug_port)
    try:
        asyncio.run(serve(options))
    except (PortBusy, AppRefused) as error:
        print(f"the functions host ends: {error}", file=sys.stderr, flush=True)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
