"""The texts that users see change on purpose only: they are compared with a stored list, which is read as a whole."""

from tests.docs.messages import STORED, messages


def test_the_texts_are_the_stored_ones() -> None:
    """Where the change is meant, `python3 -m tests.docs.messages` writes the list anew."""
    assert messages() == STORED.read_text(encoding="utf-8")
