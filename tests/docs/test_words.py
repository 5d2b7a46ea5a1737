"""The language of docs/style.md, held where it can be: words that are not used, and the stored keys that keep theirs."""

from local.processes import ROOT
from tests.docs.words import KEPT, places, words_of


def test_no_name_comment_docstring_or_message_has_a_word_of_the_left_column() -> None:
    assert list(places()) == []


def test_each_exception_is_still_needed() -> None:
    for path, word in KEPT:
        assert word in words_of((ROOT / path).read_text(encoding="utf-8")), f"{path} has no '{word}'"
