"""The function app: the system's own functions, and those of the capabilities that FARSHORE_CAPABILITIES names."""

import gc
import os

gc.disable()  # imports create objects that stay: searching them for garbage took a fifth of a cold start

import azure.functions as func

from functions import system
from functions.capabilities import load
from functions.serve import register
from shared.proxies import use_only_proxy
from shared.settings import get_settings

use_only_proxy(os.environ)
app = func.FunctionApp()
register(app, load(get_settings().capabilities), system.ENDPOINTS, system.TIMERS)

gc.freeze()  # what was imported stays as long as the process: no later collection looks at it
gc.enable()
