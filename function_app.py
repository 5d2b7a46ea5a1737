"""Composition only: the function app and the blueprints of the capabilities that it serves."""

from importlib import import_module

import azure.functions as func

from shared.settings import get_settings

_ALWAYS = ("replication_status.blueprint", "schedules.blueprint", "operations.blueprint", "health.blueprint")
_OF_CAPABILITY = {
    "copies": ("restore_points.blueprint", "replication_status.checks"),
    "failovers": (
        "failovers.blueprint",
        "vaults.blueprint",
        "set_up.blueprint",
        "drills.blueprint",
        "protection_policies.blueprint",
    ),
    "tenants": ("tenants.blueprint", "readiness.blueprint"),
}

app = func.FunctionApp()

_served = (name for capability in get_settings().capabilities for name in _OF_CAPABILITY[capability])
for name in (*_ALWAYS, *_served):
    module, _, blueprint = name.partition(".")
    app.register_functions(getattr(import_module(f"functions.{module}"), blueprint))
