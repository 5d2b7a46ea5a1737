"""A claim of an operation on a data center: typed state and detail, the record, the installation, and effects in their short form."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Final, TypeVar
from uuid import UUID

from pydantic import BaseModel

from shared.access.records.azure_pack_subscriptions import AzurePackSubscriptions
from shared.clock import Clock, Ids
from shared.data_centers.gateway import Gateway
from shared.data_centers.kinds import DATA_CENTER
from shared.data_centers.records.record import DataCenter
from shared.data_centers.records.state import OperationDetail, OperationState
from shared.data_centers.records.store import DataCenterStore
from shared.data_centers.requests import OrderRequest
from shared.data_centers.rules.naming import add_on_id, subscription_id
from shared.data_centers.rules.quotas import Rules
from shared.errors import CallFailure, ErrorCode, FailureKind, Problem
from shared.installations.document import InstallationRequest
from shared.installations.reach.connections import Connections
from shared.installations.reach.failures import ATTENTION, refusal_problem
from shared.installations.secrets import Vault
from shared.operations.accepting.locks import Locks
from shared.operations.model.models import Intent, Status
from shared.operations.model.store import Store
from shared.operations.running.claims import Claim
from shared.operations.running.effects import Absent, Effect, Started
from shared.operations.running.outcomes import End, Next, Outcome, Wait
from shared.operations.running.workflow import Step

M = TypeVar("M", bound=BaseModel)
_LOOK_AGAIN: Final = timedelta(minutes=5)
"""When to look again while a person has to correct the sign-in or the rights."""


@dataclass(frozen=True, slots=True)
class Tools:
    """What the steps work with."""

    store: DataCenterStore
    operations: Store
    subscriptions: AzurePackSubscriptions
    connections: Connections
    secrets: Vault
    locks: Locks
    clock: Clock
    ids: Ids


class DataCenterClaim:
    """What a step works with. Changes of `state` and `detail` change the claim; `record` is the data center as it was read."""

    def __init__(self, claim: Claim, tools: Tools, record: DataCenter, gateway: Gateway) -> None:
        self.claim = claim
        self.tools = tools
        self.record = record
        self.gateway = gateway
        self.state = OperationState.of(claim.data)
        self.detail = OperationDetail.of(claim.detail)

    @property
    def id(self) -> str:
        """The operation's id."""
        return self.claim.id

    @property
    def clock(self) -> Clock:
        """The clock."""
        return self.tools.clock

    @property
    def settings(self) -> InstallationRequest:
        """The installation's document."""
        return self.gateway.connection.settings

    @property
    def rules(self) -> Rules:
        """What the installation decides of quotas."""
        return Rules(self.settings.add_on_quota, self.settings.network_limits)

    def request(self, model: type[M]) -> M:
        """Return the request as its model."""
        return model.model_validate(self.claim.operation.body.get("body") or {})

    @property
    def order(self) -> OrderRequest:
        """The order."""
        return self.request(OrderRequest)

    @property
    def subscription(self) -> UUID:
        """The subscription: that of the record, else the one that this attempt makes."""
        known = self.record.subscription_id
        return UUID(known) if known else subscription_id(self.record.installation, self.record.tenant, self.record.id, self.record.attempt)

    @property
    def add_on(self) -> str:
        """The personal add-on: that of the record, else the one that this attempt makes."""
        known = self.record.personal_add_on
        return known.id if known else add_on_id(self.record.installation, self.record.tenant, self.record.id, self.record.attempt)

    @property
    def user(self) -> str:
        """The name of the subscription's user; raises `ValueError` where it is not known yet."""
        if self.record.user is None:
            raise ValueError("The user of the data center is not known yet.")
        return self.record.user.name

    async def write(self, **changes: object) -> None:
        """Change members of the record, whatever others write into it meanwhile."""

        def change(record: DataCenter) -> DataCenter:
            return record.model_copy(update=changes)

        self.record = await self.tools.store.change(self.record.tenant, self.record.id, change)

    async def once(
        self,
        name: str,
        send: Callable[[], Awaitable[object]],
        there: Callable[[Intent], Awaitable[bool]],
        harmless: str,
        *,
        preparation: bool = False,
    ) -> None:
        """Start an effect once, or find its earlier start: `there` looks for what the effect is to bring about."""

        async def sending(_request_id: str) -> None:
            await send()

        async def look(intent: Intent) -> Started[None] | Absent:
            return Started(None) if await there(intent) else Absent()

        await self.claim.perform(Effect(name, sending, look, harmless, preparation=preparation))

    def use_admin_service(self) -> None:
        """Reach the machines by the administrator's VMM service, in this claim and those after it."""
        self.state.by_admin_service = True
        self.gateway = self.gateway.of_admin_service

    def mark(self, thing: str) -> None:
        """Note that this attempt makes a thing; written with the intent of the effect that makes it."""
        if thing not in self.state.made:
            self.state.made = (*self.state.made, thing)

    def unmark(self, thing: str) -> None:
        """Note that a thing was not made."""
        self.state.made = tuple(one for one in self.state.made if one != thing)

    def ended(self, error: Problem | None = None, **result: object) -> End:
        """Return the end of the operation: succeeded, or failed with an error."""
        body = {DATA_CENTER.name: self.record.id, "state": str(self.record.state), "changed": self.state.changed} | result
        return End(Status.FAILED if error is not None else Status.SUCCEEDED, error, body)

    def percent(self, done: int, of: int) -> None:
        """Note how many steps are done."""
        self.claim.percent = max(self.claim.percent, min(99, done * 100 // of))


Run = Callable[[DataCenterClaim], Awaitable[Outcome]]


def step(tools: Tools, run: Run, *, refused: str | None = None) -> Step:
    """Return a step of the core. A definite refusal of Azure Pack goes on with the step `refused`, None: ends the operation.

    A refused sign-in, and a right that the administrator lacks, are a person's to correct: the operation waits, it never fails by them.
    """

    async def run_typed(claim: Claim) -> Outcome:
        state = OperationState.of(claim.data)
        stored = await tools.store.get(claim.row.tenant, state.target)
        if stored is None:
            return End(Status.FAILED, Problem(ErrorCode.NOT_FOUND, f"The data center '{state.target}' was not found.", "target"))
        try:
            connection = await tools.connections.get(state.installation)
            if connection is None:
                message = f"The installation '{state.installation}' was not found. Write it again: its data centers need it."
                return Wait(tools.clock.now() + _LOOK_AGAIN, attention=(ErrorCode.NOT_FOUND, message))
            dc = DataCenterClaim(claim, tools, stored.document, Gateway(connection, state.by_admin_service))
            return await _running(dc, run, refused)
        except CallFailure as failure:
            if failure.code in ATTENTION:
                return Wait(tools.clock.now() + _LOOK_AGAIN, attention=(failure.code, failure.message))
            raise

    return run_typed


async def _running(dc: DataCenterClaim, run: Run, refused: str | None) -> Outcome:
    try:
        return await run(dc)
    except CallFailure as failure:
        if failure.kind not in {FailureKind.REFUSED, FailureKind.NOT_FOUND}:
            raise
        return stop(dc, refusal_problem(failure), refused)


def stop(dc: DataCenterClaim, cause: Problem, refused: str | None) -> Outcome:
    """Return what follows a refusal: the step that undoes, with the first cause kept, or the end."""
    if refused is None:
        return dc.ended(cause)
    dc.state.cause = dc.state.cause or replace(cause, details=cause.details[:5])
    return Next(refused)
