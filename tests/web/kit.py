"""An issuer of access tokens with real keys and a real endpoint for them, and requests as the platform hands them over."""

import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import azure.functions as func
import jwt
from aiohttp import web
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from shared.access.keys import SigningKeys
from shared.access.plans import HostingPlans
from shared.access.records.azure_pack_subscriptions import AzurePackSubscriptions
from shared.access.records.rows import TenantRows
from shared.access.records.tenant import Tenant
from shared.access.registrar import Registrar
from shared.access.registry import Registry
from shared.access.tokens import TokenVerifier
from shared.clock import Clock, RandomIds
from shared.operations.model.kinds import Kinds
from shared.settings import Settings
from shared.tenants.documents import TenantDocuments
from shared.tenants.hosting_plans import HostingPlanDocuments
from shared.tenants.locations import Locations
from tests.access.kit import FABRIKAM, TENANTS, MovedClock, Rows, registry_of

AUDIENCES = ("api://farshore", "farshore")
OID = "0b1ec700-0000-4000-8000-000000000009"
# made once: a key takes a good part of a second
KEY, OTHER_KEY = (rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(2))


def public_pem(key: rsa.RSAPrivateKey) -> bytes:
    """A public key as a text: what HS256 is tricked with."""
    return key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


@dataclass
class Issuer:
    """Signs tokens, and publishes its keys at `url`; `asked` counts how often, `down` makes it answer 503."""

    published: dict[str, rsa.RSAPrivateKey] = field(default_factory=lambda: {"one": KEY})
    extra: dict[str, Any] = field(default_factory=dict)
    url: str = ""
    asked: int = 0
    down: bool = False

    def claims(self, tenant: Tenant = FABRIKAM, **changes: Any) -> dict[str, Any]:
        """The claims of a good app token, with changes; None takes a claim out."""
        now = int(time.time())
        base = {
            "iss": f"https://issuer.test/{tenant.tenant_id}/v2.0",
            "aud": "farshore",
            "tid": tenant.tenant_id,
            "oid": OID,
            "azp": "an-app",
            "roles": ["Tenants.Read"],
            "iat": now,
            "nbf": now,
            "exp": now + 600,
        }
        return {name: value for name, value in {**base, **changes}.items() if value is not None}

    def token(self, tenant: Tenant = FABRIKAM, *, key: Any = KEY, kid: str | None = "one", algorithm: str = "RS256", **changes: Any) -> str:
        """A signed token."""
        return jwt.encode(self.claims(tenant, **changes), key, algorithm=algorithm, headers={"kid": kid} if kid else {})

    async def keys(self, _: web.Request) -> web.Response:
        """Answer the key set."""
        self.asked += 1
        if self.down:
            return web.Response(status=503)
        entries = []
        for kid, key in self.published.items():
            entry = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key()))
            entries.append({**entry, "kid": kid, "use": "sig", **self.extra})
        return web.json_response({"keys": [{"kty": "EC", "kid": "odd"}, *entries]})

    @asynccontextmanager
    async def serve(self) -> AsyncIterator["Issuer"]:
        """Publish the keys on a free port of this machine."""
        app = web.Application()
        app.router.add_get("/keys", self.keys)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}/keys"
        try:
            yield self
        finally:
            await runner.cleanup()


def tenant_services(table: Any, registry: Registry, clock: Clock, store: Any = None) -> tuple[Any, ...]:
    """Tenants and hosting plans over a table; no subscription's locations can be read."""

    async def locations(subscription_id: str) -> list[dict[str, object]]:  # noqa: ARG001  # as the protocol names it
        return []

    ids = RandomIds()
    plans = HostingPlans(table, clock, ids)
    rows, registrar, packs = TenantRows(table, ids), Registrar(table, clock, ids), AzurePackSubscriptions(table)
    documents = TenantDocuments(registrar, registry, rows, plans, store, packs, Locations(locations), "vault.azure.net")
    return documents, HostingPlanDocuments(plans, registry)


class App:
    """The composition, as far as the frame and the tenants' routes need it."""

    def __init__(
        self, issuer_url: str, public_base_url: str | None = "https://farshore.test", audiences: tuple[str, ...] = AUDIENCES
    ) -> None:
        self.settings = Settings(
            auth_audiences=audiences,
            auth_issuers=("https://issuer.test/{tenantId}/v2.0", "https://issuer.test/{tenantId}/"),
            auth_keys_url=issuer_url,
            public_base_url=public_base_url,
        )
        self.clock = MovedClock()
        self.ids = RandomIds()
        rows = Rows(*TENANTS)
        self.registry = registry_of(rows, self.clock)
        self.services = tenant_services(rows, self.registry, self.clock)
        self.keys = SigningKeys(issuer_url, self.clock)
        self.tokens = TokenVerifier(self.settings, self.registry, self.keys)
        self.ready = True
        self.kinds = Kinds()
        self.readiness = ()

    def of(self, service: type[Any]) -> Any:
        """Return the service of a type."""
        return next(one for one in self.services if isinstance(one, service))

    async def storage_ready(self) -> bool:
        """Whether storage answers."""
        return self.ready

    async def __call__(self) -> Any:  # in place of the whole app: requests need no more of it here
        return self


def request(
    method: str = "GET",
    path: str = "/tenants",
    *,
    body: bytes = b"",
    route: dict[str, str] | None = None,
    query: dict[str, str] | None = None,
    **headers: str,
) -> func.HttpRequest:
    """A request as the platform hands it over: header names in lower case; `x_y=…` is the header `x-y`."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    url = f"http://localhost:7071/api{path}" + (f"?{urlencode(query)}" if query else "")
    return func.HttpRequest(method, url, headers=named, params=query or {}, route_params=route or {}, body=body)


def bearer(token: str) -> str:
    """An Authorization header."""
    return f"Bearer {token}"


def body_of(response: func.HttpResponse) -> dict[str, Any]:
    """The JSON of a response."""
    body: dict[str, Any] = json.loads(response.get_body())
    return body
