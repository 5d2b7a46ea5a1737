"""The contract over HTTP changes on purpose only: the description is compared with a stored copy, its prose left out."""

import json

from tests.functions.description import STORED, contract


def test_the_description_is_the_stored_one() -> None:
    """Where the change is meant, `python3 -m tests.functions.description` stores it anew; CHANGELOG.md lists what changed."""
    assert contract() == json.loads(STORED.read_text(encoding="utf-8"))
