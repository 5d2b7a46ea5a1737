"""A deletion as it is stored: its request, its state, and what an answer of the copy shows of it once it is done."""

from typing import Any

from pydantic import ConfigDict, SerializerFunctionWrapHandler, model_serializer

from shared.arm.ids import ResourceId
from shared.copies.copying.models import origin_of, request_of
from shared.copies.copying.rules.waits import Waiting
from shared.copies.copying.state import CopyDetail
from shared.operations.model.models import Operation
from shared.values.absence import AbsenceJson
from shared.values.documents import Document, PartialDocument
from shared.values.stored import StoredView


class Retained(Document):
    """The policy whose retention asks for a deletion: its name, id and revision, the run that accepted it, and the rule that decided.

    `deletions_per_place` is the most that the run deletes of a place.
    """

    model_config = ConfigDict(extra="ignore")

    policy: str
    policy_id: str
    revision: int
    run: str
    rule: str
    deletions_per_place: int


class StoredDeletion(Document):
    """The request of a deletion: the operation that made the copy, the restore point, the VM that it is of, and what the caller accepts.

    `retained` is None where a caller asked for it. `source_point` is true of a restore point of the VM itself: then `copy_id` is the copy
    whose caller asked for the deletion of its source too, or empty. `include_source`: once the copy is deleted, its source is.
    """

    model_config = ConfigDict(extra="ignore")

    copy_id: str = ""
    restore_point_id: str
    virtual_machine_id: str | None = None
    accept_last: bool = False
    accept_full_copy: bool = False
    include_source: bool = False
    abandon: bool = False
    source_point: bool = False
    retained: Retained | None = None

    @model_serializer(mode="wrap")
    def _as_earlier(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out what an earlier version does not write, where that has no meaning."""
        return {name: value for name, value in handler(self).items() if value or name not in _NEWER}


_NEWER = frozenset({"includeSource", "abandon", "sourcePoint"})


class DeletionState(StoredView):
    """What the steps need of a deletion.

    `absence` is the series of looks that did not show the restore point, before a DELETE was sent; `wait` is what is waited for in Azure;
    `operation_url` is the long-running operation of the DELETE. `newest_other` is the newest usable copy of the place, of a restore
    point of the VM the newest one, that Azure showed beside it when it was decided.
    """

    absence: AbsenceJson = None
    wait: Waiting | None = None
    operation_url: str | None = None
    newest_other: str | None = None


def stored_deletion(operation: Operation) -> StoredDeletion:
    """Return the request of a deletion."""
    return StoredDeletion.model_validate({name: value for name, value in operation.body.items() if name not in {"id", "tenant"}})


def point_of(copy: Operation) -> ResourceId | None:
    """Return the restore point that a copy became; None where it has not been started in Azure."""
    target = CopyDetail.of(dict(copy.detail)).target
    return ResourceId.parse(target.restore_point_id) if target is not None and target.restore_point_id else None


def own_source_of(copy: Operation) -> ResourceId | None:
    """Return the restore point of the VM that a copy's operation has made itself; None where a request or a run named it."""
    source, request = CopyDetail.of(dict(copy.detail)).source, request_of(copy)
    if origin_of(copy) is not None or request.source.virtual_machine_id is None or source is None or source.restore_point_id is None:
        return None
    return ResourceId.parse(source.restore_point_id)


def is_deleted(copy: Operation) -> bool:
    """Return whether the deletion of a copy is recorded."""
    return CopyDetail.of(dict(copy.detail)).deletion is not None


def machine_of(copy: Operation) -> str | None:
    """Return the ARM id of the VM that a copy is of, None where it is not known."""
    source = CopyDetail.of(dict(copy.detail)).source
    return (source.virtual_machine_id if source is not None else None) or request_of(copy).source.virtual_machine_id


def vm_id_of(copy: Operation) -> str:
    """Return the VM's own id, empty where no run of a policy made the copy."""
    origin = origin_of(copy)
    return origin.vm_id if origin is not None else ""


class DeletionResult(PartialDocument):
    """What became of a deletion; `source_deletion` is the operation that deletes the source too, `newest_other` what Azure showed beside it
    when it was decided: the newest usable copy of the place, of a restore point of the VM the newest one.
    """

    copy_id: str | None = None
    restore_point_id: str
    deleted_at: str
    source_deletion: str | None = None
    newest_other: str | None = None
