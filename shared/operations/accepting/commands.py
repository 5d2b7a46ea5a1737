"""The commands and inputs that an operation takes while it runs: cancel, retry, and what its workflow asks for."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

from shared.clock import Clock, Ids, to_text
from shared.errors import ErrorCode, Refused
from shared.operations.model.kinds import Kinds
from shared.operations.model.models import Actor, Command, JsonObject, Operation, PendingCommand
from shared.operations.model.rows import Active
from shared.operations.model.store import Store
from shared.operations.outside.messages import send_step
from shared.operations.timings import dispatch_hold
from shared.storage.tables import Conflict, Queues


@dataclass(frozen=True, slots=True)
class Commands:
    """Writes commands and inputs into the active row and sends the message that runs its next step."""

    store: Store
    queues: Queues
    kinds: Kinds
    clock: Clock
    ids: Ids

    async def cancel(self, operation: Operation, by: Actor) -> Operation:
        """Cancel an operation before its own effect; which of the two was first, the row decides.

        The same write keeps who canceled it first, until the command was delivered to its workflow. Raises `Refused` (AlreadyStarted,
        AlreadyEnded). One that was canceled before is answered as it is.
        """
        try:
            return await self._write(operation, partial(_canceled, command=PendingCommand(self.ids.new(), Command.CANCEL, by)))
        except Refused as refused:
            ended = await self.store.get(operation.id) or operation
            if refused.code is ErrorCode.ALREADY_ENDED and ended.status.ended and ended.cancel_requested:
                return ended
            raise

    async def retry(self, operation: Operation, by: Actor) -> Operation:
        """Have an operation looked at now, whatever it waits for; raises `Refused` (AlreadyEnded)."""
        return await self._write(operation, partial(_looked_at, command=PendingCommand(self.ids.new(), Command.RETRY, by)))

    async def submit_input(self, operation: Operation, given: JsonObject, guard: Callable[[Active], None]) -> Operation:
        """Leave an input (approve, resume, resolve, …) for the operation's next step, and run that now.

        `guard` raises `Refused` where the row, as it is at the moment of the write, does not wait for such an input.
        """

        def change(row: Active) -> Active:
            guard(row)
            return replace(row, pending_input=given)

        return await self._write(operation, change)

    async def _write(self, operation: Operation, change: Callable[[Active], Active]) -> Operation:
        while True:
            row = await self.store.active(operation.id)
            if row is None or row.announce:
                ended = await self.store.get(operation.id) or operation
                raise Refused(ErrorCode.ALREADY_ENDED, f"The operation has ended: {ended.status}.", target=operation.id)
            if row.is_newer:
                message = "The operation is run by a newer version of Farshore that is being deployed. Try again in a minute."
                raise Refused(ErrorCode.SERVICE_UNAVAILABLE, message, target=operation.id)
            changed = change(row)
            hold = to_text(self.clock.now() + dispatch_hold(self.clock.speed))
            try:
                await self.store.save(replace(changed, dispatched=True, next_at=hold, updated_at=to_text(self.clock.now())))
            except Conflict:
                continue
            break
        await send_step(self.queues, self.kinds.named(row.kind).step_queue, [row.id])
        return await self.store.get(operation.id) or operation


def _canceled(row: Active, command: PendingCommand) -> Active:
    if row.started:
        raise Refused(ErrorCode.ALREADY_STARTED, "The operation has started and can no longer be canceled.", target=row.id)
    return row if row.cancel_requested else replace(row, cancel_requested=True, pending_commands=(*row.pending_commands, command))


def _looked_at(row: Active, command: PendingCommand) -> Active:
    # a command that is repeated before it was delivered counts once: the row must not grow
    again = any(one.command is command.command and one.by == command.by for one in row.pending_commands)
    return replace(row, attempts=0, pending_commands=row.pending_commands if again else (*row.pending_commands, command))
