"""Composition only: the function app and the blueprints of the capabilities that it serves."""

from importlib import import_module

import azure.functions as func

from functions.capabilities import blueprints
from shared.settings import get_settings

app = func.FunctionApp()

for name in blueprints(get_settings().capabilities):
    module, _, blueprint = name.partition(".")
    app.register_functions(getattr(import_module(f"functions.{module}"), blueprint))
