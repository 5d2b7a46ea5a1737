"""The commands of `python3 -m local`, once everything that they need is installed."""

import argparse
import sys
from pathlib import Path

from local.processes import Trouble

_AZURE_PACK_PORT = 30004


def carry_out(given: argparse.Namespace) -> int:
    """Carry out `up`, `check`, `token` or `demo`; returns the exit code: 1, with the reason on standard error, where it fails."""
    try:
        match given.command:
            case "up":
                return _up(given)
            case "check":
                from local.check import check

                return check()
            case "token":
                return _token(given)
            case _:
                return _demo(given)
    except Trouble as trouble:
        print(trouble, file=sys.stderr)
        return 1


def _up(given: argparse.Namespace) -> int:
    from local.stack import StackOptions  # what `token` need not load
    from local.up import up

    if given.estate is not None and not given.estate.is_file():
        raise Trouble(f"{given.estate}, given with --estate, is not a file")
    options = StackOptions(
        data=(given.data or Path()).resolve(),
        port=given.port,
        azure_port=given.azure_port,
        storage_port=given.storage_port,
        workers=given.workers,
        debug_port=given.debug,
        azure_pack_port=_azure_pack_port(given),
        speed=given.speed,
        estate=given.estate.resolve() if given.estate else None,
        keep=given.data is not None,
    )
    return up(options, demo=not given.no_demo, leave=given.exit)


def _azure_pack_port(given: argparse.Namespace) -> int | None:
    """Return the first port of the simulated Azure Pack; None where it is left out, as with an estate from a file that names no port."""
    if given.no_azure_pack or (given.azure_pack_port is None and given.estate is not None):
        return None
    return _AZURE_PACK_PORT if given.azure_pack_port is None else int(given.azure_pack_port)


def _token(given: argparse.Namespace) -> int:
    from local.tokens import get_token

    named = {name: getattr(given, name) for name in ("tenant", "user", "app", "lifetime", "audience")}
    request: dict[str, object] = {"roles": given.role} | {name: value for name, value in named.items() if value is not None}
    print(get_token(given.azure_port, request | ({"expired": True} if given.expired else {})))
    return 0


def _demo(given: argparse.Namespace) -> int:
    from local.journeys.registry import JOURNEYS
    from local.stack import StackOptions

    ports = StackOptions(data=Path(), port=given.port, azure_port=given.azure_port, storage_port=given.storage_port)
    return JOURNEYS[given.journey](ports)
