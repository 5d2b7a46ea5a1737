"""Twenty histories of machines, drawn from seeds; more by `python3 -m tests.virtual_machines.histories 500`."""

from pathlib import Path

import pytest

from tests.virtual_machines.histories import history

HIDDEN_IMAGE = 255
"""A capture whose image every read hides after its PUT: it is not sent again into Azure's own operation."""


@pytest.mark.parametrize("seed", [*range(20), HIDDEN_IMAGE])
def test_a_history_leaves_nothing_behind(tmp_path: Path, seed: int) -> None:
    history(seed, tmp_path / "log")


def test_a_seed_repeats_its_history(tmp_path: Path) -> None:
    assert history(3, tmp_path / "log") == history(3, tmp_path / "log")
