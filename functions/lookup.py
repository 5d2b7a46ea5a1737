"""What entry points of every capability share: finding an operation, and carrying out our own queues' hints."""

import azure.functions as func

from shared.access.principal import Principal, not_found
from shared.composition import Runtime, runtime
from shared.operations.model.identity import is_operation_id, operation_id
from shared.operations.model.models import Operation
from shared.operations.outside.intake import Intake
from shared.operations.outside.messages import read_check, read_step


async def find(app: Runtime, caller: Principal, kind: str, name: str, word: str) -> Operation:
    """Return the operation of a kind with the id `name`, or refuse with `NotFound`; `word` is what to call it ("copy")."""
    found = await app.store.get(name) if is_operation_id(name) else None
    if found is None or found.kind != kind or not caller.reaches(found.tenant):
        raise not_found(f"{word} '{name}'")
    return found


async def find_by_message(app: Runtime, kind: str, intake: Intake, word: str) -> Operation:
    """Return the operation that a message is about: by its id, or by the id of the message that created it."""
    target = intake.target or ""
    tenants = [intake.tenant] if intake.tenant else [tenant.name for tenant in await app.registry.all()]
    ids = [target] if is_operation_id(target) else []
    for candidate in (*ids, *(operation_id(tenant, kind, name) for name in intake.names() for tenant in tenants)):
        found = await app.store.get(candidate)
        if found is not None and found.kind == kind and (intake.tenant in {None, found.tenant}):
            return found
    raise not_found(f"{word} '{target}'", target="target")


async def run_steps(msg: func.QueueMessage) -> None:
    """Run the step that is due of each operation that a message names."""
    app = await runtime()
    message = read_step(msg.get_body().decode("utf-8", "replace"))
    for operation in message.ids if message else ():
        await app.runner.run(operation)
    await app.feed_budgets()


async def run_checks(msg: func.QueueMessage) -> None:
    """Check the operations that a message names, side by side."""
    app = await runtime()
    message = read_check(msg.get_body().decode("utf-8", "replace"))
    if message is not None:
        await app.checks.run(message)
        await app.feed_budgets()
