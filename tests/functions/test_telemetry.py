"""Where telemetry goes, by the settings: Application Insights, as far as that goes without one, the console, or nowhere.

An OTLP endpoint is tried with the whole app: tests/end_to_end/test_telemetry.py.
"""

import os
import subprocess
import sys

from local.processes import ROOT

#: An address without a server, and no key: local authentication is off in Azure.
CONNECTION = (
    "InstrumentationKey=00000000-0000-4000-8000-000000000000;IngestionEndpoint=https://127.0.0.1:1/;LiveEndpoint=https://127.0.0.1:1/"
)
_CODE = """if True:
    import logging
    from opentelemetry import metrics, trace
    from shared import telemetry
    from shared.settings import get_settings
    telemetry.setup(get_settings())
    with telemetry.span("work", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"):
        print("trace", telemetry.current_traceparent("").split("-")[1])
    telemetry.count(telemetry.Metric.TICK)
    telemetry.gauge(telemetry.Metric.COPIES_STUCK, 1, tenant="contoso")
    telemetry.record(telemetry.Metric.COPY_DURATION, 7, tenant="contoso", region="x")
    print("share", trace.get_tracer_provider().sampler.get_description())
    print("logs", [type(handler).__name__ for handler in logging.getLogger("shared").handlers])
    print("metrics", type(metrics.get_meter_provider()).__module__)
    import os, sys
    sys.stdout.flush()
    os._exit(0)  # what is still to be sent has nowhere to go
"""


_WORK = """if True:
    import logging
    logging.getLogger("shared").setLevel(logging.INFO)
    from shared import telemetry
    from shared.settings import get_settings
    telemetry.setup(get_settings())
    with telemetry.span("work", operation="one"):
        logging.getLogger("shared.operations").info("told", extra={"operation": "one", "tenant": "contoso"})
    telemetry.count(telemetry.Metric.TICK)
"""


def run(code: str, **settings: str) -> str:
    """Run code in a process with these settings and no other of ours, and return what it printed."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("FARSHORE_", "OTEL_"))}
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=ROOT, env=environment | settings, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def test_application_insights_gets_the_share_of_traces_and_the_log_that_the_settings_state() -> None:
    printed = run(
        _CODE,
        APPLICATIONINSIGHTS_CONNECTION_STRING=CONNECTION,
        APPLICATIONINSIGHTS_STATSBEAT_DISABLED_ALL="true",
        FARSHORE_TRACE_SHARE="0.25",
    )
    told = dict(line.split(" ", 1) for line in printed.splitlines())
    assert told["trace"] == "0af7651916cd43dd8448eb211c80319c"
    assert "0.25" in told["share"]
    assert told["logs"] == "['LoggingHandler']"
    assert told["metrics"].startswith("opentelemetry.sdk.")


def test_the_console_shows_the_same() -> None:
    printed = run(_WORK, FARSHORE_TELEMETRY="console", FARSHORE_TRACE_SHARE="1")
    for part in ('"name": "work"', '"body": "told"', '"tenant": "contoso"', "farshore.tick"):
        assert part in printed


def test_a_share_of_none_keeps_the_metrics_and_the_log() -> None:
    printed = run(_WORK, FARSHORE_TELEMETRY="console", FARSHORE_TRACE_SHARE="0")
    assert '"name": "work"' not in printed
    assert '"body": "told"' in printed
    assert "farshore.tick" in printed


def test_without_a_destination_nothing_is_loaded_and_nothing_said() -> None:
    assert run(_WORK + "    import sys; print('opentelemetry' in sys.modules)", FARSHORE_TELEMETRY="none").strip() == "False"
