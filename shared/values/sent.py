"""The body of a request as it was sent."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SentBody:
    """A request's JSON object as it was sent, kept with its operation: a repeated request is compared with it.

    A capability reads the request from its own model. `members` may hold what belongs to the message, not to the request.
    """

    members: Mapping[str, object]

    def without(self, *names: str) -> "SentBody":
        """Return the body without members of these names."""
        return SentBody({name: value for name, value in self.members.items() if name not in names})
