"""The packages that a list of requirements brings, and no other, as files of an environment that has more."""

import sys
from collections.abc import Iterator
from importlib.metadata import Distribution, distributions
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


def link_required(requirements: Path, further: tuple[str, ...], environment: Path, folder: Path) -> None:
    """Link into a folder what the requirements, and `further` ones, bring, from an environment in which they are installed.

    Raises `AssertionError` for one that is not installed there in a version that is asked for.
    """
    (packages,) = environment.glob("lib/python*/site-packages")
    for found in _required(requirements, further, packages):
        for file in found.files or ():
            source = Path(str(found.locate_file(file)))
            if ".." not in file.parts and "__pycache__" not in file.parts and source.exists():
                place = folder / file
                place.parent.mkdir(parents=True, exist_ok=True)
                place.symlink_to(source)


def _required(requirements: Path, further: tuple[str, ...], packages: Path) -> Iterator[Distribution]:
    """Yield each distribution that is needed, once."""
    installed = {canonicalize_name(one.name): one for one in distributions(path=[str(packages)])}
    version = packages.parent.name.removeprefix("python")
    python = {"python_version": version, "python_full_version": f"{version}.{sys.version_info.micro}"}
    lines = [line.partition("#")[0].strip() for line in requirements.read_text(encoding="utf-8").splitlines()]
    open_ones = [(Requirement(line), "") for line in (*filter(None, lines), *further)]
    seen: set[tuple[str, str]] = set()
    known: set[str] = set()
    while open_ones:
        wanted, extra = open_ones.pop()
        if wanted.marker and not wanted.marker.evaluate({**python, "extra": extra}):
            continue
        name = canonicalize_name(wanted.name)
        assert name in installed, f"{wanted} is not installed in {packages}"
        one = installed[name]
        assert wanted.specifier.contains(one.version, prereleases=True), f"{wanted} is asked for, and {one.version} is installed"
        if name not in known:
            known.add(name)
            yield one
        for chosen in ("", *wanted.extras):
            if (name, chosen) not in seen:
                seen.add((name, chosen))
                open_ones += [(Requirement(line), chosen) for line in one.requires or ()]
