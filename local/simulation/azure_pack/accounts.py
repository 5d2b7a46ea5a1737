"""The accounts hook: the provider's own service, which makes the sign-ins of customers."""

from local.simulation.arm.tables import Json
from local.simulation.azure_pack.request import Listener, PackAnswer, PackCall, Refusal
from local.simulation.azure_pack.routes import Route

_ACCOUNTS = frozenset({Listener.ACCOUNTS})


def _account(call: PackCall) -> Json | None:
    row = call.state.accounts.get(call.names["user"].lower())
    return row if row is not None and row["site"] == "tenant" else None


def _get(call: PackCall) -> PackAnswer:
    row = _account(call)
    if row is None:
        raise Refusal(404, "NotFound", f"There is no account {call.names['user']}.")
    return PackAnswer(body={"userName": row["name"], "email": row.get("email")})


def _put(call: PackCall) -> PackAnswer:
    body, before = call.body, _account(call)
    if not body.get("password") or not body.get("email"):
        raise Refusal(400, "BadRequest", "email and password are required.")
    row = {"name": call.names["user"], "site": "tenant", "email": body["email"], "password": body["password"]}
    shown = {"userName": row["name"], "email": row["email"]}
    return PackAnswer(201 if before is None else 200, shown, changes=(call.state.put("accounts", row),))


def _delete(call: PackCall) -> PackAnswer:
    row = _account(call)
    if row is None:
        raise Refusal(404, "NotFound", f"There is no account {call.names['user']}.")
    return PackAnswer(204, changes=(call.state.remove("accounts", row),))


_PATH = r"/accounts/(?P<user>[^/]+)"
ROUTES = (
    Route(_ACCOUNTS, "GET", _PATH, _get),
    Route(_ACCOUNTS, "PUT", _PATH, _put),
    Route(_ACCOUNTS, "DELETE", _PATH, _delete),
)
