"""Makes toys: a service, a workflow of one step, and a timer that counts its runs in the table."""

from dataclasses import dataclass

from functions.toys.kinds import TABLE, TOY
from functions.toys.messages import MESSAGES

from shared.capability import Core, Parts
from shared.operations.accepting.acceptance import Acceptance
from shared.operations.model.models import Actor, JsonObject, NewOperation, Operation, Status
from shared.operations.running.claims import Claim
from shared.operations.running.outcomes import End, Outcome
from shared.operations.running.workflow import Workflow
from shared.storage.tables import Change


@dataclass(frozen=True, slots=True)
class Toys:
    """Makes toys."""

    acceptance: Acceptance

    async def make(self, tenant: str, body: JsonObject, actor: Actor, key: str | None) -> Operation:
        """Accept a request for a toy."""
        new = NewOperation(kind=TOY.name, tenant=tenant, key=key, body=body, actor=actor, first_step="making")
        return (await self.acceptance.accept(new)).operation


def assemble(core: Core) -> Parts:
    """Return the service, the workflow and the timer."""
    table = core.storage.table(TABLE)

    async def making(_claim: Claim) -> Outcome:
        return End(Status.SUCCEEDED)

    async def count() -> None:
        await table.transact([Change("upsert", {"PartitionKey": "timer", "RowKey": "ran"})])

    return Parts(services=(Toys(core.acceptance),), workflows={TOY.name: Workflow({"making": making})}, timers=(count,), messages=MESSAGES)
