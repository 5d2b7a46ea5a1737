"""Answers that mean the same in an unusual form, or hold values that the specification does not have. Pure.

Azure writes ids in several cases, times with seven digits, and adds members and enum values at any time.
"""

import random
import re
from collections.abc import Iterable
from typing import Any

#: Ids in another case; times with seven digits; members that no specification has; enum values in another case; values of tomorrow.
KINDS = frozenset({"idCase", "times", "members", "enumCase", "enumValues"})

_ID = re.compile(r"/subscriptions/[0-9a-f-]{36}(/|$)", re.IGNORECASE)
_TIME = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d+)?(Z|\+00:00)")
#: Members that hold one of a few values on which a client decides.
_ENUMS = frozenset(
    {
        *("provisioningState", "status", "state", "stateDescription", "replicationHealth", "protectionState", "testFailoverState"),
        *(
            "activeLocation",
            "currentScenarioStatus",
            "health",
            "protectionStatus",
            "consistencyMode",
            "pairingStatus",
            "targetInstanceType",
        ),
    }
)
_NEW_VALUE = "Reconciling"
_NEW_MEMBER = "availableFromTomorrow"


def odd(body: Any, kinds: Iterable[str], chance: random.Random) -> Any:  # noqa: ANN401  # whatever JSON can hold
    """Return an answer's body with some of its values in an unusual form; each value is changed with a chance of one in two."""
    chosen = frozenset(kinds)
    return _odd(body, "", chosen, chance)


def _odd(value: Any, member: str, kinds: frozenset[str], chance: random.Random) -> Any:  # noqa: ANN401  # whatever JSON can hold
    if isinstance(value, dict):
        changed = {name: _odd(each, name, kinds, chance) for name, each in value.items()}
        if "members" in kinds and value and chance.random() < 0.5:
            changed[_NEW_MEMBER] = {"instanceType": "Unknown", "values": [1, None, "text"]}
        return changed
    if isinstance(value, list):
        return [_odd(each, member, kinds, chance) for each in value]
    if not isinstance(value, str) or chance.random() < 0.5:
        return value
    return _odd_text(value, member, kinds, chance)


def _odd_text(value: str, member: str, kinds: frozenset[str], chance: random.Random) -> str:
    if "idCase" in kinds and _ID.match(value) and "?" not in value:
        return chance.choice((value.lower(), value.upper(), value.replace("/subscriptions/", "/Subscriptions/", 1)))
    if "times" in kinds and (found := _TIME.fullmatch(value)):
        return f"{found[1]}{(found[2] or '.').ljust(8, '0')}Z"
    if member in _ENUMS and value and value != "None":
        if "enumValues" in kinds and chance.random() < 0.5:
            return _NEW_VALUE
        if "enumCase" in kinds:
            return chance.choice((value.lower(), value.upper()))
    return value
