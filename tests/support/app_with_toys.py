"""The app with one more capability: the tree copied, a folder added, and one line changed."""

import shutil
from pathlib import Path

from local.processes import ROOT

_TOYS = Path(__file__).with_name("toys")


def with_toys(folder: Path) -> Path:
    """Make the app of this project plus the capability `toys` in a folder, and return the folder."""
    for name in ("functions", "shared"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("function_app.py", "host.json"):
        shutil.copy(ROOT / name, folder / name)
    shutil.copytree(_TOYS, folder / "functions" / "toys", ignore=shutil.ignore_patterns("__pycache__"))
    names = folder / "functions" / "capabilities.py"
    line = 'NAMES: Final = ("copies", "failovers", "tenants", "virtual_machines", "data_centers")'
    changed = line.replace(")", ', "toys")')
    text = names.read_text(encoding="utf-8")
    assert text.count(line) == 1, "the one line that adds a capability is not where it was"
    names.write_text(text.replace(line, changed), encoding="utf-8")
    return folder
