"""Secrets that are shown once: of many calls one gets the value (docs/design/secrets.md, "Shown once")."""

from collections.abc import Awaitable, Callable

from shared.errors import CallFailure, ErrorCode, FailureKind, Refused
from shared.secrets.keeper import Secrets
from shared.values.hidden import Hidden

Mark = Callable[[], Awaitable[bool]]
"""Marks a secret as revealed by one conditional write; False where it was marked before."""


async def reveal_once(secrets: Secrets, reference: str, mark: Mark, *, target: str) -> Hidden:
    """Return a secret to the one call that marks it, and delete it.

    Raises `Refused`: SecretGone where another call got it, or it is no longer in the vault; ServiceUnavailable where the vault does not
    answer, and then nothing is marked. After a crash behind the mark the secret is shown to no call; the vault keeps it until its end.
    """
    try:
        found = await secrets.read(reference)
    except CallFailure as failure:
        if failure.kind is FailureKind.NOT_FOUND:
            raise _gone(target) from None
        message = f"The key vault did not answer ({failure.code}). Try again later; the secret was not shown."
        raise Refused(ErrorCode.SERVICE_UNAVAILABLE, message, target=target) from None
    if not await mark():
        raise _gone(target)
    await secrets.delete([found.id])
    return found.value


def _gone(target: str) -> Refused:
    return Refused(ErrorCode.SECRET_GONE, "The secret was shown before, or is no longer kept. It is shown once.", target=target)
