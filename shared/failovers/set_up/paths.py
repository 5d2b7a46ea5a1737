"""Where the thing that a set-up operation changes is found below `/api`."""

from collections.abc import Iterable
from urllib.parse import quote

from shared.failovers.set_up.planning import SetUpChange
from shared.failovers.set_up.requests import Change
from shared.operations.model.kinds import Kind
from shared.operations.model.models import Operation


def path_of(operation: Operation, kinds: Iterable[Kind]) -> str:
    """Return the path of what an operation sets up: of several items, the path of their list."""
    change = SetUpChange.from_json(operation.body)
    kind = next(one for one in kinds if one.name == change.kind)
    name = change.name.rpartition("/")[2]
    if change.change is Change.CREATE:
        scopes = change.known_scopes()
        name = scopes[0].rpartition("/")[2] if len(scopes) == 1 else ""
    return f"/{kind.resource}/{quote(name)}" if name else f"/{kind.resource}"
