"""The least that an app can be: what every Python app on Azure Functions imports anyway."""

import azure.functions as func

app = func.FunctionApp()


@app.route(route="health", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
async def health(req: func.HttpRequest) -> func.HttpResponse:  # noqa: ARG001  # the binding needs it
    """Answer."""
    return func.HttpResponse("up")
