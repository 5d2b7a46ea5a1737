"""Histories that once ended otherwise than on a quiet Azure, each by its name."""

import random
from pathlib import Path

import pytest

from tests.crash.world import Json
from tests.histories import virtual
from tests.histories.history import ANY_WRITE, History

pytestmark = pytest.mark.process
NOT_FOUND: Json = {"fault": "error", "method": ANY_WRITE, "path": "", "status": 404, "code": "ParentResourceNotFound", "times": 4}
HIDDEN: Json = {"fault": "hide", "method": "GET", "path": "replication", "duration": "PT6M", "lists": True}
NO_ANSWER: Json = {"fault": "error", "path": "replicationProtectionContainer", "status": 504, "rate": 0.5, "duration": "PT40M"}
SEED = {"seed": "5:0.4129836296562218"}


def test_a_failover_whose_start_is_answered_404_four_times_while_the_vault_is_hidden_begins(tmp_path: Path) -> None:
    """Reads without an answer lie between the four: they spread over more than ten minutes, and conclude nothing."""
    log = tmp_path / "simulation.log"
    log.touch()
    chance = random.Random("history 597")  # noqa: S311  # chance that can be repeated, not a secret
    virtual.run(History("h597", log, chance, [NOT_FOUND, HIDDEN, NO_ANSWER | SEED], failovers=("a2a", "named")).run())
