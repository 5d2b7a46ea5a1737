"""The stored state of a copy, typed: what scheduling needs (`CopyState`) and what an answer shows (`CopyDetail`).

Both are views of the stored documents, which keep the members that a newer version wrote.
"""

from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer, SerializerFunctionWrapHandler, model_serializer
from pydantic.alias_generators import to_camel

from shared.arm.ids import ResourceId
from shared.copies.copying.models import ConsistencyMode, DiskState
from shared.copies.copying.rules.waits import Waiting
from shared.copies.facts import MachineBeside
from shared.errors import ProblemJson
from shared.moments import StoredMoment
from shared.operations.model.models import Actor
from shared.values.absence import AbsenceJson
from shared.values.documents import without_null
from shared.values.stored import StoredView


def _id_from(value: object) -> object:
    return ResourceId.parse(value) if isinstance(value, str) else value


Id = Annotated[ResourceId, BeforeValidator(_id_from), PlainSerializer(str, return_type=str)]
"""An ARM resource id, stored as text."""


class CopyState(StoredView):
    """What scheduling and the checks need of a copy, a few hundred bytes.

    `point` is the source restore point, `target` the copy, `disks` the number of disks that the source captured. `shown` is the percent of
    the latest read, `progress_at` when it last rose. `not_now` counts refusals that may pass. `replaces` is the copy that this one redoes;
    `failed_before` is true where a failed copy of the same restore point may still be in the target region. `absence` is the series of
    looks that did not show the resource in question; `wait` is what is waited for in Azure. `falls_back` is true once a crash-consistent
    restore point takes the place of one that failed because of the guest. `abandoned_by` is the deletion that ends it. `earlier_minutes`
    are the durations of earlier copies of its chain and sort, the newest first, None before they were read. `created_at` is what Azure
    shows as the moment of the usable copy itself.
    """

    chain: str | None = None
    replaces: str | None = None
    failed_before: bool = False
    point: Id | None = None
    target: Id | None = None
    taken_at: StoredMoment | None = None
    disks: int | None = None
    size_gb: int | None = None
    started_at: StoredMoment | None = None
    progress_at: StoredMoment | None = None
    shown: int = 0
    checks: int = 0
    not_now: int = 0
    failure: ProblemJson | None = None
    absence: AbsenceJson = None
    wait: Waiting | None = None
    falls_back: bool = False
    abandoned_by: str | None = None
    earlier_minutes: tuple[int, ...] | None = None
    created_at: StoredMoment | None = None


class _Part(BaseModel):
    """An object within a stored document; it keeps the members of a newer version, and is assigned whole."""

    model_config = ConfigDict(extra="allow", frozen=True, alias_generator=to_camel, populate_by_name=True, defer_build=True)


class DetailOfSource(_Part):
    """The source as an answer shows it; `taken_at` is None until the restore point is finished."""

    virtual_machine_id: str | None = None
    restore_point_id: str | None = None
    region: str | None = None
    taken_at: StoredMoment | None = None
    consistency_mode: ConsistencyMode | None = None

    @model_serializer(mode="wrap")
    def _without_absent_mode(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        return without_null(handler(self), "consistencyMode")  # a row of an earlier version is written as it was


class DetailOfTarget(_Part):
    """The target as an answer shows it; `restore_point_id` is None until the copy has started."""

    restore_point_id: str | None = None
    region: str | None = None


class DetailOfDisk(_Part):
    """One disk of a copy."""

    id: str = ""
    state: DiskState = DiskState.REPLICATING
    percent_complete: int = 0


class DetailOfDeletion(_Part):
    """The deletion of a copy, once it is recorded; `rule`, `policy` and `revision` are those of the retention that asked for it."""

    operation_id: str
    deleted_at: StoredMoment
    deleted_by: Actor
    rule: str | None = None
    policy: str | None = None
    revision: int | None = None


class DetailOfInterface(_Part):
    """A network interface of the VM."""

    id: str


class DetailOfMachine(_Part):
    """The machine as it was, beside what its restore point holds; a restore reads it once the source is gone."""

    zones: tuple[str, ...] = ()
    tags: dict[str, str] = {}
    availability_set_id: str | None = None
    plan: dict[str, str] = {}
    network_interfaces: tuple[DetailOfInterface, ...] = ()

    @classmethod
    def of(cls, beside: MachineBeside) -> Self:
        """Return what is kept of a VM that was read."""
        return cls(
            zones=beside.zones,
            tags=dict(beside.tags),
            availability_set_id=beside.availability_set_id,
            plan=dict(beside.plan),
            network_interfaces=tuple(DetailOfInterface(id=one) for one in beside.interfaces),
        )


class CopyDetail(StoredView):
    """What an answer shows of a copy, and the URLs of Azure's long-running operations by the name of their effect."""

    source: DetailOfSource | None = None
    target: DetailOfTarget | None = None
    started_at: StoredMoment | None = None
    waiting_for: str | None = None
    disks: tuple[DetailOfDisk, ...] | None = None
    checks: int | None = None
    usable: bool | None = None
    superseded_by: str | None = None
    operations: dict[str, str] | None = None
    deletion: DetailOfDeletion | None = None
    was: DetailOfMachine | None = None
    gone_at: StoredMoment | None = None
