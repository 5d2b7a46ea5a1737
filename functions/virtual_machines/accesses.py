"""Read access to disks over HTTP: granted, shown once, revoked."""

from functools import partial
from typing import TYPE_CHECKING, Any

from functions.serve import serve
from shared.access.roles import Role
from shared.values.sent import SentBody
from shared.virtual_machines.kinds import Action
from shared.virtual_machines.listed import RevealedAccess
from shared.virtual_machines.reading.places import PLACE
from shared.virtual_machines.requests.changes import GrantAccess
from shared.web.answers import HttpAnswer
from shared.web.calls import Call
from shared.web.operations import OperationBody
from shared.web.routes import Owner, Route

if TYPE_CHECKING:
    from shared.virtual_machines.accepting.changes import ChangeRequest
    from shared.virtual_machines.access.accepting import DiskAccesses

_ACCESS = "/tenants/{tenant}/disks/{disk}/access"
_write = partial(
    Route, needed=Role.TENANTS_WRITE, owner=Owner.TENANT, query=PLACE,
    response=OperationBody, status=202, refusals=(409,), repeatable=True,
)  # fmt: skip
REVEAL = Route(
    "POST", f"{_ACCESS}/{{operation}}/reveal", "The SAS of an access, once", Role.TENANTS_WRITE,
    owner=Owner.TENANT, query=PLACE, response=RevealedAccess, refusals=(404, 409, 410),
)  # fmt: skip


@serve(_write("POST", _ACCESS, "Open a disk for reading, for a limited time", request=GrantAccess))
async def grant_disk_access(call: Call[GrantAccess]) -> HttpAnswer:
    """Open a disk for reading; the SAS is shown once, to this caller, after the operation's end."""
    operation = await _accesses(call).grant(_request(call, Action.GRANT_ACCESS), call.body, call.query)
    return call.accepted(operation)


@serve(_write("DELETE", _ACCESS, "End the access to a disk"))
async def revoke_disk_access(call: Call[None]) -> HttpAnswer:
    """End the access to a disk: its SAS opens nothing any more."""
    operation = await _accesses(call).revoke(_request(call, Action.REVOKE_ACCESS), call.query)
    return call.accepted(operation)


@serve(REVEAL)
async def reveal_disk_access(call: Call[None]) -> HttpAnswer:
    """Show the SAS of an access, once, to the caller that requested it."""
    from shared.virtual_machines.access.revealing import AccessRevealing, disk_named

    named = disk_named(call.path["disk"], call.query)
    revealed = await call.of(AccessRevealing).reveal(call.tenant, named, call.path["operation"], call.caller.actor)
    return call.ok(revealed.as_json())


def _request(call: Call[Any], action: Action) -> "ChangeRequest":
    from shared.virtual_machines.accepting.changes import ChangeRequest
    from shared.virtual_machines.reading.machines import machine_named

    named = machine_named(call.path["disk"], call.query)
    return ChangeRequest(call.tenant, action, named, SentBody(call.document), call.caller.actor, call.key, call.trace, call.first_sent)


def _accesses(call: Call[Any]) -> "DiskAccesses":
    from shared.virtual_machines.access.accepting import DiskAccesses

    return call.of(DiskAccesses)
