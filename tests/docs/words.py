"""Words that names, comments, docstrings and messages do not have (docs/style.md, "Words")."""

import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

from local.processes import ROOT

ROOMS = ("functions", "shared", "local")
PLAIN = frozenset(
    {
        *("say", "says", "saying", "said", "tell", "tells", "telling", "told", "hear", "hears", "heard", "word", "words"),
        *("nobody", "everybody", "somebody", "speak", "speaks", "stands", "our", "ours"),
    }
)
"""Personification, and words with a plain equivalent."""
NAMES = frozenset(
    {
        *("take_word", "keep_word", "forget_said", "spoken_to", "_hear", "_carry_on", "_broke", "_unanswered", "_leave_to_checks"),
        *("Said", "Wanted", "Sought", "Seen", "Moved", "Asked", "Surroundings", "VaultNow", "Confined", "where_back_to"),
    }
)
"""Names of the earlier vocabulary."""
PHRASES = ("could not be seen to", "of our own", "in words", "never got to its end", "can tell whether", "in doubt")
KEPT = {
    ("shared/operations/model/state.py", "word"): "the stored key of pending input",
    ("shared/operations/model/state.py", "said"): "the stored key of pending commands",
    ("shared/operations/model/state.py", "tell"): "the stored key of pending events",
    ("shared/operations/model/rows.py", "word"): "names the stored keys",
    ("shared/operations/model/rows.py", "said"): "names the stored keys",
    ("shared/operations/model/rows.py", "tell"): "names the stored keys",
    ("shared/failovers/drills/models.py", "stands"): "the stored name of `keepFor`, and its former name in requests",
    ("shared/copies/policies/plans/answers.py", "our"): "the member `secondsAtOurShare` of the contract",
    ("shared/failovers/failing_over/state.py", "word"): "the stored key of a person's decision",
    ("shared/failovers/set_up/state.py", "word"): "the stored key of a person's resolution",
    ("shared/copies/retention/facts.py", "ours"): "the API's code NotOurs",
    ("shared/copies/retention/copies.py", "ours"): "the API's code NotOurs",
    ("shared/copies/retention/source_points.py", "ours"): "the API's code NotOurs",
    ("shared/virtual_machines/answers.py", "ours"): "a member of the API",
    ("shared/virtual_machines/reading/ports.py", "ours"): "a member of the API",
    ("shared/virtual_machines/steps/ports.py", "ours"): "the API's code NotOurs",
    ("shared/virtual_machines/accepting/ports.py", "ours"): "the API's code NotOurs",
    ("shared/virtual_machines/creation/checks.py", "ours"): "the API's code NotOurs",
    ("shared/virtual_machines/steps/making.py", "ours"): "the API's code NotOurs",
    ("shared/errors.py", "ours"): "the API's code NotOurs",
    ("shared/web/answers.py", "ours"): "the API's code NotOurs",
    ("shared/virtual_machines/rules/passwords.py", "word"): "passwords that Azure refuses",
    ("local/simulation/compute/virtual_machines/names.py", "word"): "passwords that Azure refuses",
    ("shared/operations/outside/rejected.py", "told"): "the stored key of whether the event of a rejected message was sent",
}
"""What stored rows have, which no change of names may touch."""


def places() -> Iterator[str]:
    """Return where the words are: path, line and word."""
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*.py")):
            yield from _places_in(path)


def _places_in(path: Path) -> Iterator[str]:
    name, source = path.relative_to(ROOT).as_posix(), path.read_text(encoding="utf-8")
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type in {tokenize.NAME, tokenize.STRING, tokenize.COMMENT} or tokenize.tok_name[token.type] == "FSTRING_MIDDLE":
            found = [word for word in words_of(token.string) if word in PLAIN and (name, word) not in KEPT]
            found += [token.string] if token.type == tokenize.NAME and token.string in NAMES else []
            found += [phrase for phrase in PHRASES if token.type != tokenize.NAME and phrase in token.string.lower()]
            yield from (f"{name}:{token.start[0]}: {word}" for word in found)


def words_of(text: str) -> list[str]:
    """Return the words of a text or a name in snake_case or CamelCase, in lower case."""
    return [word.lower() for word in re.findall(r"[A-Za-z]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text))]
