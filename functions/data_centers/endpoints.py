"""Data centers and one-time secrets over HTTP."""

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from functions.serve import serve
from shared.access.roles import Role
from shared.data_centers.answers import DataCenterBody, OneTimeSecret, OrderChecks
from shared.data_centers.kinds import Action
from shared.data_centers.requests import ChangeRequest, OrderRequest
from shared.values.documents import Request
from shared.values.sent import SentBody
from shared.web.answers import HttpAnswer
from shared.web.calls import Call
from shared.web.requests import QueryParameter
from shared.web.routes import Owner, Route

if TYPE_CHECKING:
    from pydantic import BaseModel

    from shared.operations.model.models import Accepted

_ONE = "/tenants/{tenant}/data-centers/{id}"
_STATES = ("Provisioning", "Active", "Suspended", "Failed", "Deleted")
_FLAG = ("true", "false")
_FILTERS = (
    QueryParameter("state", "Data centers in this state only; without it all but the deleted ones.", values=_STATES),
    QueryParameter("installation", "Data centers on this installation only.", max_length=31),
    QueryParameter("plan", "Data centers on this plan only, by id or display name.", max_length=128),
    QueryParameter("userName", "Data centers of this user only.", max_length=254),
    QueryParameter("attention", "Data centers whose operation has attention.", values=("true",)),
)
_DELETION = (
    QueryParameter("confirm", "The id, once more; may also be a member of the body.", max_length=63),
    QueryParameter("deleteMachines", "Delete the machines too; else they are in the way.", values=_FLAG),
    QueryParameter("keepUser", "Keep the user.", values=_FLAG),
    QueryParameter("force", "Delete the subscription whatever its resource providers have; its machines are left behind.", values=_FLAG),
)


class OneTimeToken(Request):
    """What follows the `#` of a one-time link."""

    token: str


_write = partial(
    Route, needed=Role.TENANTS_WRITE, owner=Owner.PROVIDER, response=DataCenterBody, status=202, refusals=(404, 409), repeatable=True
)
ORDER = _write(
    "PUT", _ONE, "Order a data center; a late repetition changes nothing",
    request=OrderRequest, dry=OrderChecks, query=(QueryParameter("dryRun", "Only check, without effect.", values=("true",)),),
)  # fmt: skip
CHANGE = _write("PATCH", _ONE, "Change a data center (JSON merge patch)", request=ChangeRequest, conditional=True)
SUSPEND = _write("POST", f"{_ONE}/suspend", "Suspend a data center: its machines are stopped, then the subscription", optional_body=True)
RESUME = _write("POST", f"{_ONE}/resume", "Resume a data center: exactly the machines that ran are started", optional_body=True)
DELETE = _write("DELETE", _ONE, "Delete a data center; its id is never used again", optional_body=True, query=_DELETION)
NEW_SECRET = _write("POST", f"{_ONE}/new-secret", "Make a new password and a new one-time link")
GET = Route(
    "GET", _ONE, "One data center, with what Azure Pack shows of it", Role.TENANTS_READ, owner=Owner.SERVICE, response=DataCenterBody,
    query=(QueryParameter("include", "usage: what is used of each limit.", values=("usage",)),),
)  # fmt: skip
LIST = Route(
    "GET", "/tenants/{tenant}/data-centers", "A tenant's data centers, newest first", Role.TENANTS_READ,
    owner=Owner.TENANT, response=DataCenterBody, is_list=True, query=_FILTERS,
)  # fmt: skip
LIST_ALL = Route(
    "GET", "/data-centers", "The data centers of all tenants, newest first", Role.ADMIN,
    owner=Owner.PROVIDER, response=DataCenterBody, is_list=True, query=_FILTERS,
)  # fmt: skip
SECRET_PAGE = Route("GET", "/one-time-secrets", "The page of one-time links", owner=Owner.OPEN, media_type="text/html")
OPEN_SECRET = Route(
    "POST", "/one-time-secrets", "Show what a one-time link opens, once",
    owner=Owner.OPEN, request=OneTimeToken, response=OneTimeSecret, refusals=(404, 410),
)  # fmt: skip


@serve(ORDER)
async def order_data_center(call: Call[OrderRequest]) -> HttpAnswer:
    """Order a data center; a late repetition changes nothing."""
    from shared.data_centers.service import DataCenters

    if "dryRun" in call.query:
        found = await call.of(DataCenters).dry_run(call.path["tenant"], call.path["id"], call.body)
        return call.ok(found.shown)
    accepted = await call.of(DataCenters).order(_asked(call), call.body)
    answer = await _accepted(call, accepted)
    return answer if accepted.created or call.key is not None else replace(answer, status=200)


@serve(CHANGE)
async def change_data_center(call: Call[ChangeRequest]) -> HttpAnswer:
    """Change a data center."""
    from shared.data_centers.reading import DataCenterReader

    await call.of(DataCenterReader).require(call.path["tenant"], call.path["id"], call.condition)
    return await _act(call, Action.CHANGE, call.body)


@serve(SUSPEND)
async def suspend_data_center(call: Call[None]) -> HttpAnswer:
    """Suspend a data center: its machines are stopped, then the subscription."""
    from shared.data_centers.requests import SuspendRequest
    from shared.web.documents import parse

    return await _act(call, Action.SUSPEND, parse(SuspendRequest, call.document))


@serve(RESUME)
async def resume_data_center(call: Call[None]) -> HttpAnswer:
    """Resume a data center: exactly the machines that ran are started."""
    from shared.data_centers.requests import ResumeRequest
    from shared.web.documents import parse

    return await _act(call, Action.RESUME, parse(ResumeRequest, call.document))


@serve(DELETE)
async def delete_data_center(call: Call[None]) -> HttpAnswer:
    """Delete a data center; its id is never used again."""
    from shared.data_centers.deletion_requests import read_deletion

    request, sent = read_deletion(call.query, SentBody(call.document), call.path["id"])
    return await _act(call, Action.DELETE, request, sent)


@serve(NEW_SECRET)
async def renew_data_center_secret(call: Call[None]) -> HttpAnswer:
    """Make a new password and a new one-time link."""
    return await _act(call, Action.NEW_SECRET, Request())


@serve(GET)
async def get_data_center(call: Call[None]) -> HttpAnswer:
    """Return one data center, with what Azure Pack shows of it."""
    from shared.data_centers.reading import DataCenterReader

    usage = call.query.get("include") == "usage"
    body, tag = await call.of(DataCenterReader).one(call.caller, call.path["tenant"], call.path["id"], usage=usage)
    return call.ok(body, tag)


@serve(LIST)
async def list_tenant_data_centers(call: Call[None]) -> HttpAnswer:
    """List a tenant's data centers, newest first."""
    from shared.data_centers.reading import DataCenterReader

    return call.listed(*await call.of(DataCenterReader).page(call.caller, call.tenant.name, call.query, call.page))


@serve(LIST_ALL)
async def list_data_centers(call: Call[None]) -> HttpAnswer:
    """List the data centers of all tenants, newest first."""
    from shared.data_centers.reading import DataCenterReader

    return call.listed(*await call.of(DataCenterReader).page(call.caller, None, call.query, call.page))


@serve(SECRET_PAGE)
async def one_time_secret_page(_call: Call[None]) -> HttpAnswer:
    """Return the page of one-time links, which shows nothing before its button is pressed."""
    from shared.data_centers.passwords.page import secret_page

    return secret_page()


@serve(OPEN_SECRET)
async def open_one_time_secret(call: Call[OneTimeToken]) -> HttpAnswer:
    """Show what a one-time link opens, once."""
    from shared.data_centers.passwords.one_time import OneTimeSecrets

    return call.ok(await call.of(OneTimeSecrets).open(call.body.token))


def _asked(call: Call[Any], sent: SentBody | None = None) -> Any:  # noqa: ANN401  # imported when first needed
    from shared.data_centers.service import Requested

    body = SentBody(call.document) if sent is None else sent
    return Requested(call.path["tenant"], call.path["id"], body, call.caller.actor, call.key, call.trace, call.first_sent)


async def _act(call: Call[Any], action: Action, request: "BaseModel", sent: SentBody | None = None) -> HttpAnswer:
    from shared.data_centers.service import DataCenters

    return await _accepted(call, await call.of(DataCenters).act(_asked(call, sent), action, request))


async def _accepted(call: Call[Any], accepted: "Accepted") -> HttpAnswer:
    from shared.data_centers.reading import DataCenterReader
    from shared.data_centers.service import DataCenters

    record = await call.of(DataCenters).get(call.path["tenant"], call.path["id"])
    return call.accepted(accepted.operation, await call.of(DataCenterReader).of_record(record, admin=call.caller.is_admin))
