"""Access tokens of the simulation's issuer."""

from collections.abc import Mapping

from local.calls import call
from local.processes import Trouble


def get_token(azure_port: int, request: Mapping[str, object]) -> str:
    """Return an access token for `POST /_simulation/tokens`'s request: {"roles", "tenant"?, "user"? | "app"?, …}.

    Raises `Trouble` where nothing responds on the port, or with the simulation's message where it refuses.
    """
    url = f"http://127.0.0.1:{azure_port}/_simulation/tokens"
    try:
        reply = call("POST", url, request)
    except OSError as error:
        raise Trouble(
            f"nothing answers on port {azure_port} ({error}); is `python3 -m local up` running, and is --azure-port the same?"
        ) from error
    if reply.status != 200:
        message = (reply.body or {}).get("error", {}).get("message", f"status {reply.status}")
        raise Trouble(f"the token was refused: {message}")
    return str(reply.body["access_token"])
