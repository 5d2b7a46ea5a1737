"""Some cells of the matrix of mishaps; the whole of it by `python3 -m tests.virtual_machines.crash_matrix`."""

import pytest

from tests.virtual_machines.crash_matrix import ACTIONS, MISHAPS, meet

DRAWN = (
    ("create", "pause step.intended", 6), ("create", "kill accept.stored", 0), ("delete", "pause step.intended", 0),
    ("delete", "two workers", 0), ("capture", "cancel", 1), ("reprovision", "kill step.sent", 4), ("addDataDisk", "late", 0),
    ("removeDataDisk", "doubled", 0), ("addPort", "pause step.intended", 3), ("removePort", "errorAfterEffect", 1),
    ("grantAccess", "kill access.stored", 0), ("restart", "lost", 0),
)  # fmt: skip


@pytest.mark.parametrize(("action", "mishap", "number"), DRAWN)
def test_a_mishap_leaves_what_the_end_of_its_action_allows(action: str, mishap: str, number: int) -> None:
    assert meet(action, mishap, number), "the mishap met nothing"


def test_every_action_and_every_sort_of_mishap_is_drawn() -> None:
    assert {action for action, _, _ in DRAWN} == set(ACTIONS)
    assert {mishap for _, mishap, _ in DRAWN} <= set(MISHAPS)
    assert {mishap.split()[0] for _, mishap, _ in DRAWN} == {mishap.split()[0] for mishap in MISHAPS}
