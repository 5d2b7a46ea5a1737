"""What is refused of an app before it is served."""

from collections.abc import Callable

import azure.functions as func
import pytest

from local.host.index import IndexRefused, TriggerType, index_functions

SETTINGS = {"AzureWebJobsStorage": "UseDevelopmentStorage=true", "QUEUE": "work"}


async def answer(_req: func.HttpRequest) -> str:
    return "ok"


async def take(message: func.QueueMessage) -> None: ...


async def fire(timer: func.TimerRequest) -> None: ...


def same_route(app: func.FunctionApp) -> None:
    app.function_name("first")(app.route("copies/{id}", methods=["GET"])(answer))
    app.function_name("second")(app.route("copies/{name}", methods=["GET"])(answer))


def same_name(app: func.FunctionApp) -> None:
    app.function_name("one")(app.route("a")(answer))
    app.function_name("one")(app.queue_trigger("message", "work", "AzureWebJobsStorage")(take))


def bad_schedule(app: func.FunctionApp) -> None:
    app.timer_trigger("timer", "*/5 * * * *")(fire)


def output_binding(app: func.FunctionApp) -> None:
    app.queue_output("out", "other", "AzureWebJobsStorage")(app.queue_trigger("message", "work", "AzureWebJobsStorage")(take))


def other_trigger(app: func.FunctionApp) -> None:
    app.blob_trigger("blob", "path", "AzureWebJobsStorage")(take)


def no_connection(app: func.FunctionApp) -> None:
    app.queue_trigger("message", "work", "OtherStorage")(take)


def no_setting(app: func.FunctionApp) -> None:
    app.queue_trigger("message", "%MISSING%", "AzureWebJobsStorage")(take)


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (same_route, "first and second both claim GET"),
        (same_name, "one"),
        (bad_schedule, "fire: the schedule .* has 5 fields"),
        (output_binding, "take has a binding queue, which is not served here"),
        (other_trigger, "take has no trigger that is served here"),
        (no_connection, "take: the setting OtherStorage"),
        (no_setting, "take: the setting MISSING is missing"),
    ],
)
def test_refused_with_a_reason(build: Callable[[func.FunctionApp], None], words: str) -> None:
    app = func.FunctionApp()
    build(app)
    with pytest.raises(IndexRefused, match=words):
        index_functions(app, SETTINGS)  # type: ignore[arg-type]  # the SDK types a name as optional


def test_settings_fill_bindings() -> None:
    app = func.FunctionApp()
    app.queue_trigger("message", "%QUEUE%", "AzureWebJobsStorage")(take)
    (function,) = index_functions(app, SETTINGS).of(TriggerType.QUEUE)  # type: ignore[arg-type]  # the SDK types a name as optional
    assert function.binding["queueName"] == "work"
