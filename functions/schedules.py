"""The one timer of everything that is done on a schedule; what is due, the policies say."""

import logging

import azure.functions as func

from shared.composition import runtime

blueprint = func.Blueprint()  # type: ignore[no-untyped-call]  # the SDK leaves it without types
_log = logging.getLogger(__name__)


@blueprint.timer_trigger(arg_name="timer", schedule="0 * * * * *", run_on_startup=False, use_monitor=True)
async def schedule(timer: func.TimerRequest) -> None:
    """Begin what is due of the app's schedules; a slot is begun once, however often this fires, and one that fails stops no other."""
    app = await runtime()
    for work in app.schedules:
        try:
            await work()
        except Exception:
            _log.exception("a schedule could not be seen to; the next round tries again")
