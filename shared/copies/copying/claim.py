"""A claim of a copy: its request, and typed views of its state and detail."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from shared.arm.ids import ResourceId
from shared.copies.copying.models import CopyOrigin, CopyRequest, origin_of, request_of
from shared.copies.copying.state import CopyDetail, CopyState
from shared.operations.running.claims import Claim
from shared.operations.running.effects import Effect
from shared.operations.running.outcomes import Outcome
from shared.operations.running.workflow import Step, typed_step

T = TypeVar("T")
SUPERSEDED_BY = "supersededBy"
"""The member of an input that names the newer copy."""
ABANDONED_BY = "abandonedBy"
"""The member of an input that names the deletion."""


class CopyClaim:
    """What a step of a copy works with. Changes of `state` and `detail` change the claim."""

    def __init__(self, claim: Claim) -> None:
        self._claim = claim
        self.request: CopyRequest = request_of(claim.operation)
        self.origin: CopyOrigin | None = origin_of(claim.operation)
        self.state = CopyState.of(claim.data)
        self.detail = CopyDetail.of(claim.detail)

    @property
    def id(self) -> str:
        """The operation's id."""
        return self._claim.id

    @property
    def tenant(self) -> str:
        """The tenant that owns the operation."""
        return self._claim.row.tenant

    @property
    def attempts(self) -> int:
        """How often the step has been run without progress."""
        return self._claim.row.attempts

    @property
    def point(self) -> ResourceId:
        """The source restore point, once it is known."""
        return _known(self.state.point, "point")

    @property
    def target(self) -> ResourceId:
        """The restore point that the copy becomes, once it is known."""
        return _known(self.state.target, "target")

    @property
    def chain(self) -> str:
        """The key of the copy's chain, once it is known."""
        return _known(self.state.chain, "chain")

    async def perform(self, effect: Effect[T]) -> T:
        """Start an effect once, or find its earlier start, and return its evidence; see `Claim.perform` for what is raised."""
        return await self._claim.perform(effect)

    def intends(self, effect: str) -> bool:
        """Return whether an earlier claim wrote the intent of this effect, so that its start may exist already."""
        return self._claim.intends(effect)

    def hold(self, lock: str) -> None:
        """Add a lock that was taken to the row, with its next write."""
        self._claim.hold(lock)

    def drop(self, lock: str) -> None:
        """Remove a lock from the row, with its next write, after which it is released; a lock that is not held is ignored."""
        self._claim.drop(lock)

    def take_superseding(self) -> str | None:
        """Return the newer copy that takes the place of this one, once, None where there is none; the next write removes it."""
        return self._take(SUPERSEDED_BY)

    def take_abandonment(self) -> str | None:
        """Return the deletion that ends this copy while Azure makes it, once, None where there is none; the next write removes it."""
        return self._take(ABANDONED_BY)

    def _take(self, member: str) -> str | None:
        given = self._claim.take_input()
        other = given.get(member) if given is not None else None
        return other if isinstance(other, str) else None

    def filter_by(self, name: str, value: str) -> None:
        """Set the value by which lists filter."""
        self._claim.filters[name] = value

    def remember_operation(self, effect: str, url: str | None) -> None:
        """Store the URL of the long-running operation that an effect started; None removes that of an earlier start."""
        urls = {name: known for name, known in (self.detail.operations or {}).items() if name != effect}
        if url is not None:
            urls[effect] = url
        if urls or self.detail.operations is not None:
            self.detail.operations = urls

    def operation_url(self, effect: str) -> str | None:
        """Return the URL of the long-running operation that an effect started, or None."""
        return (self.detail.operations or {}).get(effect)


def step(run: Callable[[CopyClaim], Awaitable[Outcome]]) -> Step:
    """Return a step of the core that runs a step of a copy."""
    return typed_step(CopyClaim, run)


def _known(value: T | None, name: str) -> T:
    if value is None:
        raise ValueError(f"The copy's state has no '{name}' yet.")
    return value
