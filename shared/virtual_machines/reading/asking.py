"""Reads of Azure for a caller who waits: five seconds at most, and each failure as the caller reads it."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from shared.arm.failures import problem_of_call
from shared.errors import CallFailure, ErrorCode, FailureKind, Refused, refusal_of

READ_SECONDS = 5.0


def silent() -> Refused:
    """Return the refusal of a read that Azure does not answer in time."""
    return Refused(ErrorCode.SERVICE_UNAVAILABLE, "Azure does not answer at present. Send the request again later.", retry_after=5)


@contextmanager
def unless_silent() -> Iterator[None]:
    """Leave to an operation's first step what Azure does not show in time (`ServiceUnavailable`); any other refusal is raised."""
    try:
        yield
    except Refused as refused:
        if refused.code is not ErrorCode.SERVICE_UNAVAILABLE:
            raise


@asynccontextmanager
async def reading_azure(seconds: float = READ_SECONDS) -> AsyncIterator[None]:
    """Read Azure: refuses with `ServiceUnavailable` where it does not answer in time, else with the code for its refusal (409).

    What exists is answered 404 now and then, a list of what Azure always has too (docs/azure/resource-manager.md): it counts as not
    answered. A read for which 404 means absent returns None, and does not raise.
    """
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError:
        raise silent() from None
    except CallFailure as failure:
        if failure.kind is FailureKind.REFUSED:
            raise refusal_of(problem_of_call(failure)) from failure
        raise silent() from failure
