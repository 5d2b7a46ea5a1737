"""What every service of the simulated Azure has in common: a call, its answer, a route, paging."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from local.simulation.arm.access import Principal
from local.simulation.arm.errors import ArmError
from local.simulation.arm.tables import Change, Json
from local.simulation.arm.world import World
from local.simulation.compute.replication import Fate
from local.simulation.faults.fault import Fault

#: How many things a page of a list holds.
PAGE = 250


@dataclass(frozen=True, slots=True)
class Call:
    """One request to Resource Manager, decoded; `names` are the path's variable parts in order, `now` is Azure's time of receipt.

    `fate` is what happens to the copy that it starts, `fault` to the restore point, the job, the machine or the disk; `job_hidden` is how
    long the job cannot be read. `faults` are all that are on.
    """

    world: World
    now: datetime
    method: str
    path: str
    names: tuple[str, ...]
    query: Mapping[str, str]
    body: Json
    principal: Principal
    base_url: str
    client_request_id: str
    if_match: str = ""
    if_none_match: str = ""
    fate: Fate | None = None
    fault: Fault | None = None
    job_hidden: timedelta | None = None
    faults: Sequence[Fault] = ()

    def may(self, action: str, scope: str) -> bool:
        """Return whether the caller has an action at a scope."""
        return self.principal.may(action, scope)

    @property
    def api_version(self) -> str:
        """The api-version that the caller asked for."""
        return self.query.get("api-version", "")

    def choice(self, name: str, *allowed: str) -> str | None:
        """Return a query parameter that takes one of some values, in their spelling; raises `ArmError` 400 for another value."""
        value = self.query.get(name)
        if value is None:
            return None
        for each in allowed:
            if each.lower() == value.lower():
                return each
        raise ArmError(
            400, "InvalidParameter", f"The value '{value}' of the query parameter {name} is not one of {', '.join(allowed)}.", target=name
        )


@dataclass(frozen=True, slots=True)
class Answer:
    """What the caller gets, and what then changes. `uses_faults`: a restore point or a job begins, which uses up the faults for these."""

    status: int
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    changes: tuple[Change, ...] = ()
    uses_faults: bool = False


Handler = Callable[[Call], Answer]


@dataclass(frozen=True, slots=True)
class Route:
    """One operation: its id in the specification, the action that a role must give (None: no action is needed), and its handler.

    `template` is the path in lower case with `*` for each variable part. A handler only decides: it changes nothing itself.
    `faults_at` is what faults of machines and disks name it by (`at`): the operation then meets them.
    """

    method: str
    template: str
    operation: str
    action: str | None
    handle: Handler
    resource_type: str
    versions: tuple[str, ...]
    faults_at: str | None = None


def page(call: Call, items: Sequence[Any], write: Callable[[Any], Json], *, ends_empty: bool = False) -> Answer:
    """Return one page of a list as `value` and `nextLink`; with `ends_empty` the last link leads to a page without items."""
    skip = call.query.get("$skiptoken", "0")
    if not skip.isdigit():
        raise ArmError(400, "InvalidParameter", f"The skip token '{skip}' is not valid.", target="$skiptoken")
    start = int(skip)
    body: Json = {"value": [write(item) for item in items[start : start + PAGE]]}
    if len(items) > start + PAGE or (ends_empty and len(items) > start):
        query = {**call.query, "$skiptoken": str(start + PAGE)}
        body["nextLink"] = f"{call.base_url}{call.path}?{urlencode(query)}"
    return Answer(200, body)
