"""`python3 -m local up | check | test | token | demo`. Only the standard library is imported until all else is installed."""

import argparse
import os
import signal
import sys
from pathlib import Path

from local import bootstrap

_ROOT = Path(__file__).resolve().parents[1]


def main(arguments: list[str]) -> int:
    """Carry out a command; returns the exit code, 1 with a sentence on standard error where something is in the way."""
    given, rest = _parse(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # installers that run end with this process
    try:
        return _carry_out(given, rest, arguments)
    except KeyboardInterrupt:
        return 130
    except bootstrap.CannotInstall as problem:
        print(problem, file=sys.stderr)
        return 1


def _carry_out(given: argparse.Namespace, rest: list[str], arguments: list[str]) -> int:
    if given.command in ("up", "test", "check"):
        requirements = _ROOT / ("local" if given.command == "up" else "tests") / "requirements.txt"
        bootstrap.ensure(requirements, azurite=given.command == "up")
        if given.command == "up" and given.debug:
            bootstrap.ensure_debugger()
        if given.command == "test":
            os.chdir(_ROOT)
            _become(["-m", "pytest", *rest])
        if Path(sys.prefix).resolve() != bootstrap.environment_folder().resolve():
            _become(["-m", "local", *arguments])
    from local import commands  # `up` needs what has been installed only just now

    return commands.carry_out(given)


def _become(arguments: list[str]) -> None:
    path = os.pathsep.join([str(_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    python = str(bootstrap.python())
    # Tests start hundreds of processes: without bytecode on disk each would compile the project again.
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    os.execve(python, [python, *arguments], kept | {"PYTHONPATH": path})  # noqa: S606  # the project's own interpreter


def _parse(arguments: list[str]) -> tuple[argparse.Namespace, list[str]]:
    ports = argparse.ArgumentParser(add_help=False)
    ports.add_argument("--port", type=_port, default=7071, help="the API's port (default %(default)s)")
    ports.add_argument("--azure-port", type=_port, default=7080, help="the simulated Azure's port (default %(default)s)")
    ports.add_argument("--storage-port", type=_port, default=10000, help="Azurite's first of three ports (default %(default)s)")

    parser = argparse.ArgumentParser(prog="python3 -m local", description="Farshore on one machine.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="up | check | test | token | demo")

    up = commands.add_parser("up", parents=[ports], help="start everything, copy a restore point, go on serving")
    up.add_argument("--exit", action="store_true", help="stop after the copy; exit code 0 if it is usable")
    up.add_argument("--no-demo", action="store_true", help="only serve")
    up.add_argument("--workers", type=_count, default=1, help="worker processes of the functions host (default %(default)s)")
    up.add_argument("--data", type=Path, help="folder whose state survives a restart (default: a temporary one)")
    up.add_argument("--speed", type=_speed, default=600, help="how fast Azure's clock runs (default %(default)s times)")
    up.add_argument("--estate", type=Path, help="JSON file of what the simulated Azure holds (default: the sample estate)")
    pack = up.add_mutually_exclusive_group()
    pack.add_argument("--azure-pack-port", type=_port, help="first of the seven ports of a simulated Azure Pack (default: 30004)")
    pack.add_argument("--no-azure-pack", action="store_true", help="leave it out, as an estate of your own does that names no port for it")
    up.add_argument("--debug", type=_port, metavar="PORT", help="run the worker under debugpy, which a debugger attaches to on PORT")

    commands.add_parser("check", help="lint, format, arrows, unused code, types and unit tests, in under a minute")
    commands.add_parser("test", add_help=False, help="run the test suite; takes pytest's arguments")

    token = commands.add_parser("token", parents=[ports], help="print an access token of the simulation's issuer")
    token.add_argument("--role", action="append", default=[], help="an app role, such as Copies.Write; may be repeated")
    token.add_argument("--tenant", help="the caller's tenant, by its name in the registry (default: the provider)")
    caller = token.add_mutually_exclusive_group()
    caller.add_argument("--user", metavar="NAME", help="a person, with a delegated token")
    caller.add_argument("--app", metavar="NAME", help="an application (the default: local)")
    token.add_argument("--lifetime", type=float, metavar="SECONDS", help="default 8 hours")
    token.add_argument("--audience", help="another audience, to be refused")
    token.add_argument("--expired", action="store_true", help="a token that has expired, to be refused")

    demo = commands.add_parser("demo", parents=[ports], help="another journey, shown step by step")
    demo.add_argument("journey", choices=("failover", "tenant", "policies", "datacenter"))

    given, rest = parser.parse_known_args(arguments)
    if given.command == "test":
        return given, arguments[arguments.index("test") + 1 :]
    if rest:
        parser.error(f"not understood: {' '.join(rest)}")
    if given.command == "up" and given.exit and given.no_demo:
        parser.error("--exit stops after the copy, which --no-demo leaves out: give one of them")
    if given.command == "up" and given.debug and given.workers != 1:
        parser.error(f"--debug runs one worker; --workers is {given.workers}")
    return given, []


def _port(text: str) -> int:
    number = int(text)
    if not 1 <= number <= 65533:
        raise argparse.ArgumentTypeError(f"{number} is not a port from 1 to 65533")
    return number


def _count(text: str) -> int:
    number = int(text)
    if not 1 <= number <= 64:
        raise argparse.ArgumentTypeError(f"{number} workers; it can be 1 to 64")
    return number


def _speed(text: str) -> float:
    number = float(text)
    if not 0 < number <= 1_000_000:
        raise argparse.ArgumentTypeError(f"{text} is not a speed above 0")
    return number


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
