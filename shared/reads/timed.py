"""Reads of Azure for one answer: each until a moment, shared with other answers; one that fails is None, and its code is kept."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from shared.clock import Clock
from shared.errors import CallFailure, ErrorCode, Refused
from shared.reads.cache import ReadCache

T = TypeVar("T")
NOT_IN_TIME = "NotReadInTime"
"""The code of a read that had not ended when its time was over."""


Memo = ReadCache[Any]
"""What has been read so far, by what was read: what several answers need is read once."""


@dataclass(slots=True)
class TimedReads:
    """Reads until a moment of the machine's monotonic clock; `codes` has the code of each read that failed, by its key."""

    memo: Memo
    clock: Clock
    until: float
    codes: dict[str, str] = field(default_factory=dict)
    missing: set[str] = field(default_factory=set)
    """The keys of what Azure reports as not there."""

    async def of(self, key: str, read: Callable[[], Awaitable[T]]) -> T | None:
        """Return what a read returns, from the memo where it was read before; None where it failed."""
        try:
            found: T = await asyncio.wait_for(self.memo.get(key, read), max(self.until - self.clock.monotonic(), 0.001))
        except TimeoutError:
            self.codes[key] = NOT_IN_TIME
        except (CallFailure, Refused) as failure:
            self.codes[key] = str(failure.code)
            if _is_missing(failure):
                self.missing.add(key)
        else:
            return found
        return None

    @property
    def late(self) -> bool:
        """Whether a read had not ended in time."""
        return NOT_IN_TIME in self.codes.values()


def _is_missing(failure: CallFailure | Refused) -> bool:
    return failure.status == 404 if isinstance(failure, CallFailure) else failure.code is ErrorCode.NOT_FOUND
