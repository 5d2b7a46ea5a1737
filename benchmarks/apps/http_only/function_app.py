"""The app's HTTP functions alone, as Azure scales them: one group of instances for HTTP, others for each queue and the timers."""

import json

import azure.functions as func

from functions import system
from functions.capabilities import load
from functions.serve import register

_whole = func.FunctionApp()
register(_whole, load(("copies",)), system.ENDPOINTS, ())


class _HttpOnly:
    """A `FunctionApp` as far as a host asks of it."""

    def get_functions(self) -> list[func.Function]:
        """Return the functions that answer HTTP."""
        return [function for function in _whole.get_functions() if _is_http(function)]


def _is_http(function: func.Function) -> bool:
    return any(json.loads(binding)["type"] == "httpTrigger" for binding in function.get_raw_bindings())


app = _HttpOnly()
