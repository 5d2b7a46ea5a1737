"""What a request about copy policies means: the tenant that it is for, the run that it names, the values by which lists are filtered."""

from typing import TYPE_CHECKING, Any

from shared.operations.model.models import Status
from shared.values.sent import SentBody
from shared.web.calls import Call
from shared.web.requests import QueryParameter

if TYPE_CHECKING:
    from shared.copies.policies.records.store import StoredPolicy
    from shared.copies.policies.runs.items import ItemFilter
    from shared.copies.policies.runs.service import RunFilter, StartRun
    from shared.operations.model.models import Operation

TENANT = QueryParameter(
    "tenant", "The tenant whose policies are meant; another's than the caller's only for the provider's Admin.", max_length=63
)
DRY_RUN = QueryParameter("dryRun", "Only plan: answer 200 with the plan of this document, and store nothing.", values=("true", "false"))
POLICY_ID = QueryParameter("policyId", "The id of the policy, for one that was deleted.", max_length=36)
ENABLED = QueryParameter("enabled", "Only policies that are enabled, or only those that are not.", values=("true", "false"))
RUN_FILTERS = (
    QueryParameter("status", "Runs in this state only.", values=tuple(str(status) for status in Status)),
    QueryParameter("trigger", "Runs that began for this reason only.", values=("schedule", "catchUp", "manual")),
)
MACHINE_FILTERS = (
    QueryParameter("decision", "VMs of this decision only.", values=("copied", "skipped")),
    QueryParameter("code", "VMs that were skipped with this code only.", max_length=80),
)


async def tenant_of(call: Call[Any]) -> str:
    """Return the tenant that a call is about; refuses with `NotFound` another's than the caller's, but for `Admin`."""
    from shared.copies.policies.management.service import Policies

    return await call.of(Policies).tenant_of(call.caller, call.query.get("tenant"))


async def run_of(call: Call[Any]) -> "Operation":
    """Return the run that a path names; refuses with `NotFound`."""
    from shared.copies.policies.runs.service import Runs

    return await call.of(Runs).get(await tenant_of(call), call.path["name"], call.path["id"])


def start_of(call: Call[Any], policy: "StoredPolicy") -> "StartRun":
    """Return the run by hand that a request asks for; refuses with `InvalidRequest`."""
    from shared.copies.policies.runs.request import RunRequest
    from shared.copies.policies.runs.service import StartRun
    from shared.web.documents import parse

    request = parse(RunRequest, call.document)
    return StartRun(policy, request, SentBody(call.document), call.caller.actor, call.key, call.trace, call.first_sent)


def run_filter_of(call: Call[Any]) -> "RunFilter":
    """Return which runs a list shows."""
    from shared.copies.policies.runs.service import RunFilter

    return RunFilter(call.query.get("status"), call.query.get("trigger"))


def item_filter_of(call: Call[Any]) -> "ItemFilter":
    """Return which VMs of a run a list shows."""
    from shared.copies.policies.runs.items import ItemFilter

    return ItemFilter(call.query.get("decision"), call.query.get("code"))
