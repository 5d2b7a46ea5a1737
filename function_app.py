"""Composition only: the function app and the blueprints of its entry points."""

import azure.functions as func

from functions import failovers, health, operations, replication_status, restore_points, tenants

app = func.FunctionApp()

for module in (restore_points, replication_status, failovers, operations, tenants, health):
    app.register_functions(module.blueprint)
