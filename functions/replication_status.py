"""Replication-status polling: the one timer that finds what is due, and the queue of batched checks."""

import azure.functions as func

from functions.lookup import run_checks
from shared.composition import runtime

# the tick is every app's own; the checks of copies are that app's which serves copies
blueprint = func.Blueprint()  # type: ignore[no-untyped-call]  # the SDK leaves it without types
checks = func.Blueprint()  # type: ignore[no-untyped-call]  # the SDK leaves it without types

CHECKS = "replication-checks"


@blueprint.timer_trigger(arg_name="timer", schedule="*/30 * * * * *", run_on_startup=False, use_monitor=True)
async def tick(timer: func.TimerRequest) -> None:
    """Find what is due and queue it; a late or doubled tick does no harm."""
    app = await runtime()
    await app.tick.run()
    await app.tell_gauges()


@checks.queue_trigger(arg_name="msg", queue_name=CHECKS, connection="AzureWebJobsStorage")
async def check_replication(msg: func.QueueMessage) -> None:
    """Check the operations that the message names, side by side."""
    await run_checks(msg)
