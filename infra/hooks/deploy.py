"""Makes the package and sends it to each app, which then builds it and starts anew. Queues keep their messages meanwhile.

    python3 infra/hooks/deploy.py --group RESOURCE_GROUP --apps NAME[,NAME…]

Without options it reads what the deployment gave azd: AZURE_RESOURCE_GROUP and FARSHORE_APP_NAMES. Needs the Azure CLI, signed in.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import package


def send(archive: Path, group: str, app: str) -> None:
    """Send a package to an app; raises `subprocess.CalledProcessError` where that fails."""
    command = ["az", "functionapp", "deployment", "source", "config-zip", "--resource-group", group, "--name", app]
    subprocess.run([*command, "--src", str(archive), "--build-remote", "true"], check=True)  # noqa: S603  # az


def main() -> int:
    """Send one package to every app."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--group", default=os.environ.get("AZURE_RESOURCE_GROUP"), help="resource group of the apps")
    parser.add_argument("--apps", default=os.environ.get("FARSHORE_APP_NAMES"), help="names of the apps, comma-separated")
    parser.add_argument("--package", type=Path, help="a package made before, to roll back to; without it, one is made of this tree")
    options = parser.parse_args()
    if not options.group or not options.apps:
        parser.error("--group and --apps must be given, or AZURE_RESOURCE_GROUP and FARSHORE_APP_NAMES set")
    with tempfile.TemporaryDirectory() as folder:
        archive = options.package or Path(folder) / "farshore.zip"
        if options.package is None:
            print(f"{len(package.build(archive))} files, {archive.stat().st_size / 1024:.0f} KiB")
        for app in filter(None, options.apps.split(",")):
            print(f"sending the package to {app}", flush=True)
            send(archive, options.group, app)
    return 0


if __name__ == "__main__":
    sys.exit(main())
