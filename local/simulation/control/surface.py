"""The control surface below `/_simulation`, and the issuer's public pages."""

import json
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any

from aiohttp import web

from local.simulation.arm.tables import Json, JsonValue
from local.simulation.control.lockstep import Lockstep
from local.simulation.faults.fault import Fault
from local.simulation.ids import derived
from local.simulation.key_vault.models import KeyVaultState
from local.simulation.platform import Platform
from local.simulation.times import duration, http_date, to_text


class BadRequest(Exception):  # noqa: N818  # an answer, not a defect
    """A request to the control surface that cannot be used; the message gives the reason."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


class Control:
    """Answers everything that Azure itself does not have."""

    def __init__(self, platform: Platform, base_url: str | None) -> None:
        self._platform = platform
        self._base_url = base_url
        self._lockstep = Lockstep(platform)
        self._calls: dict[tuple[str, str], Callable[[web.Request], Awaitable[Any]]] = {
            ("GET", "effects"): self._effects,
            ("GET", "requests"): self._requests,
            ("GET", "clock"): self._clock,
            ("POST", "clock"): self._set_clock,
            ("GET", "secrets"): self._secrets,
            ("GET", "faults"): self._faults,
            ("POST", "faults"): self._add_faults,
            ("DELETE", "faults"): self._clear_faults,
            ("GET", "estate"): self._estate,
            ("PUT", "estate"): self._put_estate,
            ("POST", "tokens"): self._tokens,
            ("GET", "identity"): self._identity,
            ("GET", "host"): self._host,
            ("PUT", "host"): self._put_host,
            ("DELETE", "host"): self._delete_host,
        }

    async def close(self) -> None:
        """Close the connection to the local host."""
        await self._lockstep.close()

    async def answer(self, request: web.Request) -> web.Response:
        """Answer a request below `/_simulation`."""
        name = request.path.removeprefix("/_simulation").strip("/")
        call = self._calls.get((request.method, name))
        status, body = 200, None
        if call is None:
            known = any(path == name for _, path in self._calls)
            status, body = (405, _error("MethodNotAllowed")) if known else (404, _error("NotFound", f"there is no /_simulation/{name}"))
        else:
            try:
                body = await call(request)
            except BadRequest as problem:
                status, body = problem.status, _error(HTTPStatus(problem.status).phrase.replace(" ", ""), str(problem))
        return self.json(body, status)

    def json(self, body: JsonValue, status: int = 200) -> web.Response:
        """Return a JSON answer with Azure's time as its `Date`."""
        return web.json_response(body, status=status, headers={"Date": http_date(self._platform.clock.now())})

    def public(self, request: web.Request) -> web.Response | None:
        """Answer for the issuer's public pages; None where the path is not one of them."""
        path = request.path.strip("/").lower()
        if path.endswith("discovery/v2.0/keys") or path.endswith("discovery/keys"):
            return self.json(self._platform.issuer.keys())
        tenant, _, rest = path.partition("/")
        if rest in ("v2.0/.well-known/openid-configuration", ".well-known/openid-configuration"):
            version = 2 if rest.startswith("v2.0") else 1
            return self.json(self._platform.issuer.metadata(self.base_url(request), tenant, version=version))
        return None

    def base_url(self, request: web.Request) -> str:
        """Return the address under which this process issues tokens and continues lists."""
        return self._base_url or f"http://{request.host}"

    # what happened

    async def _effects(self, request: web.Request) -> Json:
        since = request.query.get("since", "0")
        if not since.isdigit():
            raise BadRequest("since: must be a sequence number")
        return {"value": self._platform.effects.since(int(since))}

    async def _requests(self, _: web.Request) -> Json:
        return {"value": self._platform.requests.as_json()}

    async def _secrets(self, _: web.Request) -> Json:
        found = self._platform.world.of(KeyVaultState).secrets.values()
        shown = [
            {"vault": each.vault, "name": each.name, "tags": dict(each.newest.tags), "deleted": each.deleted is not None} for each in found
        ]
        return {"value": shown}

    # the clock

    async def _clock(self, _: web.Request) -> Json:
        return self._time()

    async def _set_clock(self, request: web.Request) -> Json:
        body = await _body(request)
        if not isinstance(body, dict) or not body or set(body) - {"advance", "speed"}:
            raise BadRequest("expected {'advance': ISO 8601 duration} or {'speed': number}")
        if "speed" in body:
            speed = body["speed"]
            if isinstance(speed, bool) or not isinstance(speed, int | float) or not 0 <= speed <= 1_000_000:
                raise BadRequest("speed: must be a number from 0 to 1,000,000")
            self._platform.clock.set_speed(float(speed))
            self._platform.save_clock()
        if "advance" not in body:
            return self._time()
        try:
            advanced = await self._lockstep.advance(duration(str(body["advance"])))
        except ValueError as problem:
            raise BadRequest(f"advance: {problem}") from None
        return {**self._time(), "settled": advanced.settled}

    def _time(self) -> Json:
        clock = self._platform.clock
        speed = clock.speed
        return {"now": to_text(clock.now()), "speed": int(speed) if speed == int(speed) else speed}

    # faults

    async def _faults(self, _: web.Request) -> Json:
        return {"value": [fault.as_json() for fault in self._platform.faults.all]}

    async def _add_faults(self, request: web.Request) -> Json:
        body = await _body(request)
        if isinstance(body, dict):
            body = body.get("value", body.get("faults", [body]))
        if not isinstance(body, list) or not all(isinstance(item, dict) for item in body):
            raise BadRequest("expected a list of faults")
        try:
            faults = [Fault.read(item) for item in body]
        except (TypeError, ValueError) as problem:
            raise BadRequest(str(problem)) from None
        self._platform.add_faults(faults)
        return await self._faults(request)

    async def _clear_faults(self, request: web.Request) -> Json:
        self._platform.clear_faults()
        return await self._faults(request)

    # the estate

    async def _estate(self, _: web.Request) -> Json:
        return self._platform.estate()

    async def _put_estate(self, request: web.Request) -> Json:
        try:
            self._platform.replace_estate(await _body(request))
        except ValueError as problem:
            raise BadRequest(str(problem)) from None
        return self._platform.estate()

    # tokens

    async def _tokens(self, request: web.Request) -> Json:
        body = await _body(request)
        if not isinstance(body, dict):
            raise BadRequest("expected an object with roles, tenant, user or app")
        unknown = set(body) - {"roles", "tenant", "user", "app", "groups", "lifetime", "audience", "expired"}
        if unknown:
            raise BadRequest(f"{sorted(unknown)[0]}: unknown member")
        roles, lifetime = body.get("roles", []), body.get("lifetime", 28800)
        if not isinstance(roles, list) or not all(isinstance(role, str) for role in roles):
            raise BadRequest("roles: must be a list of texts")
        groups = body.get("groups", [])
        if not isinstance(groups, list) or not all(isinstance(group, str) for group in groups):
            raise BadRequest("groups: must be a list of texts")
        if isinstance(lifetime, bool) or not isinstance(lifetime, int | float):
            raise BadRequest("lifetime: must be a number of seconds")
        app, audience = str(body.get("app") or "local"), body.get("audience")
        # to Resource Manager a principal of the estate calls in its own name
        of_azure = not body.get("user") and str(audience).startswith(("https://management.", self.base_url(request)))
        principal = self._platform.world.principal(app) if of_azure else None
        token = self._platform.issuer.caller_token(
            self.base_url(request),
            self._tenant_id(str(body.get("tenant") or self._provider())),
            roles,
            user=body.get("user"),
            app=app,
            groups=groups,
            object_id=principal.id if principal is not None else None,
            audience=audience,
            lifetime=float(lifetime),
            expired=bool(body.get("expired", False)),
        )
        return {name: token[name] for name in ("access_token", "token_type", "expires_in")}

    async def _identity(self, request: web.Request) -> Json:
        if "X-IDENTITY-HEADER" not in request.headers:
            raise BadRequest("the header X-IDENTITY-HEADER is missing", 401)
        resource = request.query.get("resource")
        if not resource:
            raise BadRequest("resource: is missing")
        wanted = request.query.get("client_id") or request.query.get("principal") or request.query.get("object_id") or "farshore"
        world = self._platform.world
        principal = world.principal(wanted) or next(
            (each for each in world.principals.values() if derived("client", each.id) == wanted.lower()), None
        )
        if principal is None:
            raise BadRequest(f"the estate has no principal '{wanted}'")
        token = self._platform.issuer.identity_token(self.base_url(request), self._tenant_id(self._provider()), principal.id, resource)
        return {"access_token": token["access_token"], "expires_on": token["expires_on"], "resource": resource, "token_type": "Bearer"}

    def _provider(self) -> str:
        tenants = self._platform.world.tenants
        return str(
            next((each["name"] for each in tenants if each.get("kind") == "provider"), tenants[0]["name"] if tenants else "provider")
        )

    def _tenant_id(self, name: str) -> str:
        for tenant in self._platform.world.tenants:
            if name.lower() in (str(tenant["name"]).lower(), str(tenant.get("tenantId", "")).lower()):
                if "tenantId" not in tenant:
                    raise BadRequest(f"the tenant '{name}' of the estate has no tenantId")
                return str(tenant["tenantId"])
        if not self._platform.world.tenants:
            return derived("sample tenant", name)
        raise BadRequest(f"the estate has no tenant '{name}'")

    # the local host

    async def _host(self, _: web.Request) -> Json:
        return {"url": self._platform.host_url}

    async def _put_host(self, request: web.Request) -> Json:
        body = await _body(request)
        url = body.get("url") if isinstance(body, dict) else None
        if not isinstance(url, str) or not url.startswith("http://"):
            raise BadRequest("url: must be the http address of the local host's control port")
        self._platform.register_host(url)
        return {"registered": True}

    async def _delete_host(self, _: web.Request) -> Json:
        self._platform.register_host(None)
        return {"registered": False}


async def _body(request: web.Request) -> JsonValue:
    try:
        return json.loads(await request.read())
    except ValueError:
        raise BadRequest("the body is not JSON") from None


def _error(code: str, message: str = "") -> Json:
    return {"error": {"code": code, "message": message or code}}
