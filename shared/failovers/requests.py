"""What a request about a vault's things means: the vault, the name in the path, the page of a list, and the change of a set-up."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from shared.errors import sentence
from shared.failovers.kinds import SetUpKind
from shared.failovers.set_up.requests import Change, thing_name
from shared.failovers.vault.listing import Entry, ItemFilter, JobFilter, Vault, moment, page, vault_id
from shared.failovers.vault.names import Action, Health, JobState, Provider
from shared.operations.model.models import Status
from shared.values.sent import SentBody
from shared.web.answers import HttpAnswer
from shared.web.calls import Call
from shared.web.documents import wrong
from shared.web.requests import QueryParameter

if TYPE_CHECKING:
    from shared.failovers.vault.inventory import Inventory

VAULT = QueryParameter("vaultId", "The ARM id of the vault; by default that of the caller's tenant.", check=vault_id)
DRY_RUN = QueryParameter("dryRun", "Only plan: answer 200 with the plan and every check.", values=("true", "false"))
FAILOVER_FILTERS = (
    QueryParameter("status", "Failovers in this state only.", values=tuple(str(status) for status in Status)),
    QueryParameter("action", "Failovers of this action only.", values=tuple(str(action) for action in Action)),
)
ITEM_FILTERS = (
    QueryParameter("tenant", "Items of this tenant only; another's for the provider's Admin.", max_length=63),
    QueryParameter("provider", "Items that are replicated in this way only.", values=tuple(Provider)),
    QueryParameter("health", "Items of this replication health only.", values=tuple(Health)),
    QueryParameter("state", "Items in this protection state only.", max_length=120),
    QueryParameter("neverTested", "Items without a successful test failover (true), or with one (false).", values=("true", "false")),
)
JOB_FILTERS = (
    QueryParameter("state", "Jobs in this state only.", values=tuple(JobState)),
    QueryParameter("target", "Jobs on this item or plan only: its name or ARM id."),
    QueryParameter("since", "Jobs that began at this time or later.", check=moment),
)


def inventory_of(call: Call[Any]) -> "Inventory":
    """Return the inventory, which a cold start does not import."""
    from shared.failovers.vault.inventory import Inventory

    return call.of(Inventory)


async def vault_of(call: Call[Any]) -> Vault:
    """Return the vault that a request is about; refuses with `NotFound` one that the caller cannot reach."""
    return await inventory_of(call).vault(call.caller, call.query.get("vaultId"), call.query.get("tenant"))


def name_of(call: Call[Any]) -> str:
    """Return the name of a thing that the path has, empty where it has none; refuses with 400 what cannot be a name."""
    parameter = next(iter(call.route.path_parameters), None)
    try:
        return thing_name(call.path[parameter]) if parameter is not None else ""
    except ValueError as error:
        raise wrong(parameter or "", sentence(str(error))) from error


def page_of(call: Call[Any], entries: Sequence[Entry]) -> HttpAnswer:
    """Return the requested page of entries in their order."""
    wanted = call.page
    shown, last = page(entries, wanted.top, wanted.after)
    return call.listed([entry.answer for entry in shown], last)


def item_filter(query: Mapping[str, str]) -> ItemFilter:
    """Return the filter of protected items that a query (`ITEM_FILTERS`) asks for."""
    tested = query.get("neverTested")
    never_tested = None if tested is None else tested == "true"
    return ItemFilter(query.get("tenant"), query.get("provider"), query.get("health"), query.get("state"), never_tested)


def job_filter(query: Mapping[str, str]) -> JobFilter:
    """Return the filter of jobs that a query (`JOB_FILTERS`) asks for."""
    state, since = query.get("state"), query.get("since")
    return JobFilter(JobState(state) if state else None, query.get("target"), moment(since) if since else None)


async def start_change(call: Call[Any], kind: SetUpKind, change: Change, sent: SentBody | None) -> HttpAnswer:
    """Accept a change of a vault's set-up; `Location` names the vault where the request does."""
    from shared.failovers.set_up.service import SetUp, StartSetUp
    from shared.failovers.set_up.state import SetUpChange

    vault = await vault_of(call)
    wanted = SetUpChange(kind, change, vault.id, name_of(call), sent)
    start = StartSetUp(wanted, vault.owner, call.caller.actor, call.key, call.trace, vault.everything, first_sent=call.first_sent)
    operation = (await call.of(SetUp).start(start)).operation
    suffix = f"?vaultId={quote(str(vault.id), safe='/')}" if "vaultId" in call.query else ""
    return call.accepted(operation, suffix=suffix)
