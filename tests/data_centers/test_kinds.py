"""What each fault of Azure Pack alone does to the life of a data center: each action succeeds, and nothing is written more often."""

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest

from tests.data_centers.bench import Bench, bench
from tests.data_centers.life import ACTIONS, SUCCEEDED, all_taken_in, expected, messages

Json = dict[str, Any]
FAULTS: dict[str, Json] = {
    "2: what exists is answered 404 once in a while": {
        "kind": "error", "method": "GET", "status": 404, "code": "NotFound", "rate": 0.15, "seed": "k",
    },
    "7: a token is refused": {"kind": "tokenRefused", "times": 6},
    "8: 503 for a while": {"kind": "error", "status": 503, "times": 6},
    "8: refused for the rate": {"kind": "throttle", "retryAfter": 45, "times": 6},
}  # fmt: skip


async def ended(app: Bench) -> list[Json]:
    """Let time pass until the five operations of a life have ended, and return the events of their ends."""
    for _ in range(400):
        found = [one for one in app.events if not one["type"].endswith(".attention")]
        if len(found) >= len(ACTIONS):
            return found
        await app.advance(timedelta(seconds=30))
    raise AssertionError(app.events)


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_fault_of_azure_pack_changes_nothing_of_the_end(fault: str) -> None:
    async with bench() as app:
        before = {name: len(rows) for name, rows in app.state().items()}
        definition = {**FAULTS[fault], "service": "azurePack.admin"}
        app.fault(definition.pop("kind"), **definition)
        await all_taken_in(app, *messages(after=True))
        outcomes = await ended(app)
        assert [(one["type"], one["data"]["error"]) for one in outcomes] == [(SUCCEEDED, None)] * 5
        wanted = Counter(expected(outcomes[0]["data"]["result"]["subscriptionId"]))
        assert Counter(app.effects()) == wanted, "nothing is written more often, and nothing is left out"
        assert {name: len(rows) for name, rows in app.state().items()} == before
