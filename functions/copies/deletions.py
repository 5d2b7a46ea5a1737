"""Deletions of copies over HTTP."""

from functions.serve import serve
from shared.access.roles import Role
from shared.copies.kinds import COPY
from shared.copies.requests import DELETION_QUERY, deletion_of
from shared.web.answers import HttpAnswer
from shared.web.calls import Call
from shared.web.operations import OperationBody
from shared.web.routes import Owner, Route

DELETE = Route(
    "DELETE", "/restore-point-copies/{id}", "Delete a copy: its restore point in Azure", Role.COPIES_WRITE,
    owner=Owner.OPERATION, kind=COPY, response=OperationBody, status=202, query=DELETION_QUERY,
    refusals=(400, 409), repeatable=True,
    nothing_left="It is deleted already, or never was in Azure.",
)  # fmt: skip


@serve(DELETE)
async def delete_restore_point_copy(call: Call[None]) -> HttpAnswer:
    """Delete a copy: its restore point in Azure."""
    from shared.copies.deletions.service import Deletions

    accepted = await call.of(Deletions).start(deletion_of(call))
    if accepted is None:
        return HttpAnswer(204)
    return call.accepted(accepted.operation)
