"""The part of the control surface below `/_simulation/azure-pack/` (docs/azure-pack.md)."""

from base64 import b64encode
from collections.abc import Callable
from datetime import datetime, timedelta
from xml.sax.saxutils import quoteattr

from aiohttp import web

from local.simulation.arm.tables import Json, JsonValue
from local.simulation.azure_pack.certificates import Issued
from local.simulation.azure_pack.gate import PackGate
from local.simulation.azure_pack.listeners import Keys, Listeners
from local.simulation.azure_pack.request import Listener
from local.simulation.azure_pack.state import shown
from local.simulation.times import duration, to_text

_LIFETIME = "P365D"


class PackControl:
    """Answers what Azure Pack itself does not have."""

    def __init__(self, gate: PackGate, keys: Keys, listeners: Listeners, now: Callable[[], datetime]) -> None:
        self._gate = gate
        self._keys = keys
        self._listeners = listeners
        self._now = now

    async def answer(self, request: web.Request) -> web.Response:
        """Answer a request below `/_simulation/azure-pack/`."""
        name = request.path.removeprefix("/_simulation/azure-pack").strip("/")
        try:
            match request.method, name:
                case "GET", "ca":
                    return web.Response(text=self.authority(), content_type="application/x-pem-file")
                case "GET", "state":
                    return web.json_response(self.state())
                case "POST", "publishsettings":
                    return web.Response(text=self.publish_settings(await request.json()), content_type="application/xml")
                case "POST", "host-name":
                    return web.json_response(self.host_name(await request.json()))
        except ValueError as problem:
            return web.json_response({"error": {"code": "BadRequest", "message": str(problem)}}, status=400)
        return web.json_response({"error": {"code": "NotFound", "message": f"there is no {request.method} {request.path}"}}, status=404)

    def authority(self) -> str:
        """Return the certificate of the installation's authority, PEM."""
        return self._keys.authority.pem

    def publish_settings(self, body: JsonValue) -> str:
        """Return a publishsettings file with a new certificate of a user; raises `ValueError` with the member and the reason."""
        if not isinstance(body, dict):
            raise ValueError("expected an object with user")
        known = {"user", "subscriptionIds", "schema", "lifetime", "authority", "register"}
        if unknown := set(body) - known:
            raise ValueError(f"{min(unknown)}: unknown member")
        user, schema = str(body.get("user", "")), str(body.get("schema", "2.0"))
        if schema not in ("1.0", "2.0"):
            raise ValueError(f"schema: '{schema}' is not one of 1.0 and 2.0")
        of_user = [row for row in self._gate.state.subscriptions.values() if row["AccountAdminLiveEmailId"].lower() == user.lower()]
        wanted = {str(each).lower() for each in body.get("subscriptionIds") or [row["SubscriptionID"] for row in of_user]}
        chosen = [row for row in of_user if row["SubscriptionID"].lower() in wanted]
        if not chosen:
            raise ValueError(f"user: '{user}' has no such subscription")
        authority = self._keys.other if body.get("authority", "known") == "other" else self._keys.authority
        issued = authority.client(user, self._now(), lifetime=_signed(str(body.get("lifetime", _LIFETIME))))
        if body.get("register", True):
            self._register(issued, chosen)
        return _file(self._listeners.url(Listener.PUBLIC), issued, chosen, schema)

    def host_name(self, body: JsonValue) -> Json:
        """Serve a certificate for another name from now on; raises `ValueError`."""
        name = body.get("name") if isinstance(body, dict) else None
        if not isinstance(name, str) or not name:
            raise ValueError("name: is missing")
        self._listeners.serve_with(self._keys.authority.server([name], self._now()))
        return {"name": name}

    def state(self) -> Json:
        """Return users, subscriptions, add-ons, machines, orphans and accounts, without passwords."""
        self._gate.settle()
        state = self._gate.state
        machines = list(state.entities("VirtualMachines"))
        return {
            "users": [shown(row) for row in state.users.values()],
            "subscriptions": [shown(row) for row in state.subscriptions.values()],
            "addOns": [shown(row) for row in state.add_ons.values()],
            "plans": [shown(row) for row in state.plans.values()],
            "machines": [shown(row) for row in machines if row.get("Owner")],
            "orphans": [shown(row) for row in machines if not row.get("Owner")],
            "accounts": [{"name": row["name"], "site": row["site"]} for row in state.accounts.values()],
        }

    def _register(self, issued: Issued, subscriptions: list[Json]) -> None:
        state, mark = self._gate.state, issued.thumbprint
        created = to_text(self._now())
        rows = [
            {"id": f"{row['SubscriptionID']}/{mark}", "subscription": row["SubscriptionID"].lower(), "thumbprint": mark, "created": created}
            for row in subscriptions
        ]
        self._gate.apply(tuple(state.put("certificates", row) for row in rows))


def _signed(text: str) -> timedelta:
    return -duration(text[1:]) if text.startswith("-") else duration(text)


def _file(url: str, issued: Issued, subscriptions: list[Json], schema: str) -> str:
    certificate = b64encode(issued.pkcs12()).decode()
    of_all = f'Url="{url}" ManagementCertificate="{certificate}"' if schema == "1.0" else 'SchemaVersion="2.0"'
    own = "" if schema == "1.0" else f' ServiceManagementUrl="{url}" ManagementCertificate="{certificate}"'
    inner = "\n".join(
        f'    <Subscription Id="{row["SubscriptionID"]}" Name={quoteattr(str(row["SubscriptionName"]))}{own} />' for row in subscriptions
    )
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n<PublishData>\n'
        f'  <PublishProfile PublishMethod="AzureServiceManagementAPI" {of_all}>\n{inner}\n  </PublishProfile>\n</PublishData>\n'
    )
