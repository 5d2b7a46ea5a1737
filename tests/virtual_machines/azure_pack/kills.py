"""Each change of a machine on Azure Pack beside a model of its writes: killed at each point, answers lost or late, messages doubled.

`python3 -m tests.virtual_machines.azure_pack.kills` runs the whole matrix; CI draws from it (`test_kills.py`).
"""

import asyncio
import logging
from collections import Counter
from contextlib import suppress
from typing import Any
from uuid import NAMESPACE_OID, uuid5

from tests.data_centers.bench import Bench, KilledError
from tests.data_centers.documents import Json
from tests.support.api import Reply
from tests.virtual_machines.azure_pack.kit import CUSTOMER, MACHINES, TEMPLATE, customer, named
from tests.virtual_machines.azure_pack.test_once import PUBLIC, SOMEBODY

PORT = {"name": "ssh", "protocol": "tcp", "port": 2222, "localPort": 22}
MACHINE, CHECKPOINT, RULE = "VirtualMachines", "VMCheckPoints", "NATRules"
LIFE: tuple[tuple[str, str, object, Counter[tuple[str, str]]], ...] = (
    ("POST", "", TEMPLATE, Counter({("POST", MACHINE): 1, ("PUT", MACHINE): 1})),
    ("POST", "/app-1/ports", PORT, Counter({("POST", RULE): 1})),
    ("POST", "/app-1/checkpoints", {"name": "one"}, Counter({("POST", CHECKPOINT): 1})),
    ("POST", "/app-1/checkpoints/one/restore", None, Counter({("PUT", CHECKPOINT): 1})),
    ("DELETE", "/app-1/checkpoints/one", None, Counter({("DELETE", CHECKPOINT): 1})),
    ("DELETE", "/app-1/ports/ssh", None, Counter({("DELETE", RULE): 1})),
    ("POST", "/app-1/start", None, Counter({("PUT", MACHINE): 1})),
    ("POST", "/app-1/restart", None, Counter({("PUT", MACHINE): 1})),
    ("DELETE", "/app-1?confirm=app-1&deleteDisks=all", None, Counter({("PUT", MACHINE): 1, ("DELETE", MACHINE): 1})),
)
"""Requests in their order, each with the writes that it comes to: a creation starts its machine, a deletion stops it first."""
POINTS = (
    "accept.locked", "accept.written", "accept.queued", "step.claimed", "step.intended", "step.sent", "step.ended", "check.read",
    "check.written", "check.queued", "finish.written", "announce.released", "announce.sent", "announce.removed",
)  # fmt: skip
FAULTS: dict[str, Json] = {
    "lostResponse": {},
    "errorAfterEffect": {"status": 500},
    "lateEffect": {"delay": "PT20S"},
    "error": {"status": 500},
}


def writes(app: Bench) -> Counter[tuple[str, str]]:
    """Return how often each set was written, by method."""
    return Counter((method, path.rpartition("/")[2].partition("(")[0]) for method, path in app.effects())


async def ask(app: Bench, number: int) -> Reply:
    """Send a request of the life, again under its key where its process is killed; it is answered as the same operation."""
    method, path, body, _ = LIFE[number]
    options: dict[str, Any] = {"caller": CUSTOMER, "headers": {"Repeatability-Request-ID": str(uuid5(NAMESPACE_OID, f"{number}"))}}
    for _ in range(3):
        with suppress(KilledError):
            return await app.request(method, f"{MACHINES}{path}", body, **options)
    raise AssertionError("each process was killed")


async def lived(app: Bench, number: int, *, again: Counter[tuple[str, str]] | None = None) -> None:
    """Carry out a request of the life, and compare what was written with the model; `again` may be written once more."""
    before = writes(app)
    reply = await ask(app, number)
    assert reply.status in {200, 202}, (LIFE[number], reply)
    ended = await until_ended(app, reply)
    assert (ended["status"], ended["error"]) == ("Succeeded", None), (LIFE[number], ended)
    written = writes(app) - before
    assert written in (LIFE[number][3], LIFE[number][3] + (again or Counter())), LIFE[number]


async def until_ended(app: Bench, reply: Reply) -> Json:
    """Let time pass until an operation has ended; a creation that nothing shows is sent once more by a person's `resolve`."""
    for _ in range(400):
        await app.advance(30)
        found = await app.operation(reply)
        if found["status"] not in {"NotStarted", "Running"}:
            return found
        if (found["attention"] or {}).get("code") == "OutcomeUnknown":
            assert named(app, "app-1") == [], "nothing was made"
            resolved = await app.request("POST", f"/operations/{reply.operation}/resolve", {"outcome": "notStarted"}, caller=SOMEBODY)
            assert resolved.status in {200, 202}, resolved
    raise AssertionError(found)


async def killed(rotation: int) -> None:
    """Live a life in which each change meets another crash point, at its first and its second passage; rotations have all pairs."""
    async with customer() as app:
        for number in range(len(LIFE)):
            point = POINTS[(number + rotation) % len(POINTS)]
            app.kill_at(point)
            app.kill_at(point, 2)
            await lived(app, number)
            app.armed.clear()
        assert len(app.killed) >= len(LIFE) // 2, "it was killed"
        assert named(app, "app-1") == []


async def faulted(rotation: int) -> None:
    """Live a life in which the writes of each change meet another fault; rotations have all pairs."""
    async with customer() as app:
        for number in range(len(LIFE)):
            fault = tuple(FAULTS)[(number + rotation) % len(FAULTS)]
            for method in ("POST", "PUT", "DELETE"):
                app.fault(fault, method=method, path=f"/({MACHINE}|{CHECKPOINT}|{RULE})", service=PUBLIC, times=1, **FAULTS[fault])
            # a checkpoint's deletion that began late shows only once it has ended: the same deletion again does no harm
            late = Counter({("DELETE", CHECKPOINT): 1}) if fault == "lateEffect" and ("DELETE", CHECKPOINT) in LIFE[number][3] else None
            await lived(app, number, again=late)
            app.platform.clear_faults()
        assert named(app, "app-1") == []


async def doubled() -> None:
    """Live a life in which each message is delivered twice, to two workers."""
    async with customer(workers=2) as app:
        app.doubled = True
        for number in range(len(LIFE)):
            await lived(app, number)
        assert named(app, "app-1") == []


async def _all() -> None:
    for rotation in range(len(POINTS)):
        await killed(rotation)
    for rotation in range(len(FAULTS)):
        await faulted(rotation)
    await doubled()


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)  # each planted fault would be a line
    asyncio.run(_all())
    print(f"{len(LIFE)} changes: killed at {len(POINTS)} points, with {len(FAULTS)} faults and doubled messages, each was made once")
