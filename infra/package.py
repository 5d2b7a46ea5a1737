"""Makes the package that is deployed: the files that git tracks, without those that .funcignore names.

    python3 infra/package.py dist/farshore.zip

The same files give the same bytes. What the app needs of others is installed from requirements.txt by the platform's remote build.
"""

import argparse
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[1]
_DATE: Final = (1980, 1, 1, 0, 0, 0)  # the zip format's beginning of time
_MODE: Final = 0o644 << 16
_NEVER: Final = (".funcignore",)


def files(root: Path = ROOT, *, untracked: bool = False) -> list[str]:
    """Return the paths of the package's files, relative to `root`, in order; `untracked` adds what git does not ignore either.

    Raises `subprocess.CalledProcessError` where `root` is no git work tree.
    """
    listed = _git(root, "--cached", *(["--others", "--exclude-standard"] if untracked else []))
    ignored = _git(root, "--cached", "--ignored", "--exclude-from=.funcignore")
    if untracked:
        ignored |= _git(root, "--others", "--ignored", "--exclude-from=.funcignore")
    return sorted(name for name in listed - ignored - set(_NEVER) if (root / name).is_file())


def build(target: Path, root: Path = ROOT, *, untracked: bool = False) -> list[str]:
    """Write the package to `target` and return the paths in it."""
    names = files(root, untracked=untracked)
    target.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(target, "w") as package:
        for name in names:
            entry = zipfile.ZipInfo(name, _DATE)
            entry.external_attr = _MODE
            entry.compress_type = zipfile.ZIP_DEFLATED
            package.writestr(entry, (root / name).read_bytes(), compresslevel=9)
    return names


def _git(root: Path, *arguments: str) -> set[str]:
    command = ["git", "-C", str(root), "ls-files", "-z", *arguments]
    return set(filter(None, subprocess.run(command, check=True, capture_output=True, text=True).stdout.split("\0")))  # noqa: S603  # git


def main() -> int:
    """Make the package and say what is in it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("target", type=Path, help="the zip file to write")
    options = parser.parse_args()
    try:
        names = build(options.target)
    except subprocess.CalledProcessError as error:
        print(f"the package is made of what git tracks: {error.stderr.strip()}", file=sys.stderr)
        return 1
    print(f"{options.target}: {len(names)} files, {options.target.stat().st_size / 1024:.0f} KiB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
