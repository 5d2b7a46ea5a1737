"""The state of a set-up operation as it is stored: the change in its body, the writes in its detail, what scheduling needs in its data.

Members that a newer version has written are kept.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, SerializerFunctionWrapHandler, model_serializer
from pydantic.alias_generators import to_camel

from shared.arm.ids import ResourceId
from shared.errors import Problem, ProblemJson
from shared.failovers.set_up.requests import Change, Kind, ProtectManyRequest
from shared.moments import StoredMoment
from shared.operations.accepting.resolving import Resolution, ResolvedAs
from shared.operations.model.models import Actor, JsonObject, Operation
from shared.values.absence import AbsenceJson
from shared.values.sent import SentBody
from shared.values.stored import StoredView

M = TypeVar("M", bound=BaseModel)
DONE, FAILED = "done", "failed"


@dataclass(frozen=True, slots=True)
class SetUpChange:
    """A change of a vault's set-up. `name` is the last segment of a resource's id, and empty for machines to protect.

    `request` is the body as sent. `only` is the tenant to whose resources the change is confined; None where the provider's Admin changes
    resources of several tenants in a vault that they share.
    """

    kind: Kind
    change: Change
    vault: ResourceId
    name: str = ""
    request: SentBody | None = None
    only: str | None = None

    def stored(self) -> SentBody:
        """Return the stored form, the body of the operation."""
        request = dict(self.request.members) if self.request is not None else None
        named = {"kind": str(self.kind), "change": str(self.change), "vaultId": str(self.vault), "name": self.name}
        return SentBody({**named, "request": request, "only": self.only})

    def read(self, model: type[M]) -> M:
        """Return the request as its model; raises `pydantic.ValidationError` for one that does not fit it."""
        return model.model_validate(self.request.members if self.request is not None else None)

    @property
    def is_single(self) -> bool:
        """Whether the request protects one machine, without a list."""
        return self.request is not None and "items" not in self.request.members

    def known_scopes(self) -> tuple[str, ...]:
        """Return the ARM ids of the resources that it changes, as far as they are known without reading Azure."""
        match self.kind:
            case Kind.POLICY:
                return (f"{self.vault}/replicationPolicies/{self.name}",)
            case Kind.PLAN:
                return (f"{self.vault}/replicationRecoveryPlans/{self.name}",)
            case Kind.ITEM if self.change is Change.CREATE:
                machines = self.read(ProtectManyRequest).items
                return tuple(hyper_v_item(one.protectable_item_id) for one in machines if one.protectable_item_id)
            case _:
                return ()

    def named_resources(self) -> Iterator[str]:
        """Return the ARM ids of the machines that are to be protected and, of a change that is confined to a tenant, of their targets."""
        if self.kind is not Kind.ITEM or self.change is not Change.CREATE:
            return
        for machine in self.read(ProtectManyRequest).items:
            named = (machine.protectable_item_id, machine.virtual_machine_id, machine.cloud)
            targets = machine.targets.values() if self.only is not None else ()
            yield from (id_ for id_ in (*named, *targets) if id_ is not None)


def change_of(operation: Operation) -> SetUpChange:
    """Return the change that an operation carries out."""
    body = operation.body
    request = body.get("request")
    return SetUpChange(
        Kind(str(body["kind"])),
        Change(str(body["change"])),
        ResourceId.parse(str(body["vaultId"])),
        str(body.get("name") or ""),
        SentBody(request) if isinstance(request, dict) else None,
        str(body["only"]) if body.get("only") else None,
    )


class WriteState(BaseModel):
    """A write and its outcome; stored are the members that were set.

    `job` is the name of the job that carries it out. `request` is the client request id of a write that Azure accepted without naming a
    job. `absent` holds the looks that did not find the job, or the 404 answers to the write. `code` is the code of the operation where
    this write decides it.
    """

    model_config = ConfigDict(extra="allow", validate_assignment=True)

    method: str
    path: str
    scope: str
    what: str
    body: JsonObject | None = None
    segment: str = ""
    stage: int = 0
    job: str | None = None
    request: str | None = None
    state: str | None = None
    error: ProblemJson | None = None
    code: str | None = None
    absent: AbsenceJson = None

    @model_serializer(mode="wrap")
    def _members_set(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return {name: value for name, value in handler(self).items() if name in self.model_fields_set}

    @property
    def is_over(self) -> bool:
        """Whether it has succeeded or failed."""
        return self.state in {DONE, FAILED}

    @property
    def is_started(self) -> bool:
        """Whether Azure has accepted it."""
        return bool(self.job or self.request)

    @property
    def removes(self) -> bool:
        """Whether it removes a resource."""
        return self.method == "DELETE" or self.segment == "remove"

    def is_lost(self, now: datetime) -> bool:
        """Return whether its job has been absent long enough to ask for attention."""
        return self.is_started and not self.is_over and self.absent is not None and self.absent.lasts_long_enough(now)

    def fail(self, problem: Problem, code: str | None = None) -> None:
        """Note that it failed; `problem` is Azure's, `code` the operation's where it is not the usual one."""
        self.state, self.error = FAILED, problem
        if code is not None:
            self.code = code


class SetUpInput(BaseModel):
    """A person's resolution on its way to the step that follows the jobs; `word` is the stored name of the input."""

    model_config = ConfigDict(frozen=True, extra="allow", alias_generator=to_camel, populate_by_name=True)

    word: Literal["resolve"] = "resolve"
    outcome: ResolvedAs
    job_id: str | None = None
    by: Actor

    @classmethod
    def of(cls, resolution: Resolution, by: Actor) -> Self:
        """Return the input of a resolution."""
        return cls(outcome=resolution.outcome, job_id=resolution.job, by=by)

    def stored(self) -> JsonObject:
        """Return the stored form."""
        return self.model_dump(mode="json", by_alias=True)


class SetUpState(StoredView):
    """What scheduling needs: when the writes of the current stage were started, and since when planning does not find what it needs."""

    started_at: StoredMoment | None = None
    absent: AbsenceJson = None


class SetUpDetail(StoredView):
    """What the record of an operation keeps: its writes, None before they are decided on."""

    writes: tuple[WriteState, ...] | None = None


def lost_writes(writes: Sequence[WriteState], now: datetime) -> list[WriteState]:
    """Return the writes that Azure accepted and whose jobs it has not shown for long enough."""
    return [write for write in writes if write.is_lost(now)]


def hyper_v_item(protectable: str | None) -> str:
    """Return the ARM id under which a machine of a Hyper-V host is protected; it depends on the machine alone."""
    found = ResourceId.parse(protectable or "")
    return f"{found.parent}/replicationProtectedItems/{found.name}"
