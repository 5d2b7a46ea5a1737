"""Kinds of operations: what is known of each before any SDK is imported."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from shared.operations.model.models import Operation


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of operation, static: known when functions are indexed.

    `name` identifies it in answers and events, `noun` in messages ("copy"); `resource` is the collection's path segment
    (`/{resource}/{id}`). `step_queue` carries its steps, `check_queue` its checks (None: it has none). `read` and `write` are the app
    roles that reading and changing its operations need, `Admin` too for changes with `needs_admin`. `path` gives the resource's path below
    `/api` where it does not end in the operation's id.
    """

    name: str
    resource: str
    noun: str
    step_queue: str
    check_queue: str | None
    read: str
    write: str
    path: Callable[[Operation], str] | None = None
    needs_admin: bool = False

    @property
    def queues(self) -> tuple[str, ...]:
        """The queues that carry its steps and checks."""
        return (self.step_queue,) if self.check_queue is None else (self.step_queue, self.check_queue)


@dataclass(frozen=True, slots=True)
class Kinds:
    """The kinds that an app serves, by name."""

    by_name: Mapping[str, Kind] = field(default_factory=dict)

    @staticmethod
    def of(kinds: Iterable[Kind]) -> "Kinds":
        """Collect kinds under their names."""
        return Kinds({kind.name: kind for kind in kinds})

    def serves(self, name: str) -> bool:
        """Whether the app runs operations of this kind."""
        return name in self.by_name

    def named(self, name: str) -> Kind:
        """Return a kind; raises `KeyError` for one that the app does not serve."""
        return self.by_name[name]

    def path_of(self, operation: Operation) -> str:
        """Return the path of an operation's resource below `/api`."""
        kind = self.by_name[operation.kind]
        return kind.path(operation) if kind.path is not None else f"/{kind.resource}/{operation.id}"
