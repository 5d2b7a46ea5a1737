"""One HTTP request on its way to its handler: what was read of it, and the answers that a handler gives."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

from pydantic import BaseModel

from shared.access.principal import Principal, not_found, require
from shared.access.roles import Role
from shared.errors import ErrorCode, Refused
from shared.operations.model.identity import is_operation_id, operation_id
from shared.operations.model.kinds import Kind, Kinds
from shared.operations.model.models import JsonObject, Operation
from shared.web.answers import HttpAnswer, Shown, accepted, json_of
from shared.web.conditional import Condition
from shared.web.documents import with_query, wrong
from shared.web.lists import Page, page_body, read_page
from shared.web.routes import Route

if TYPE_CHECKING:
    from shared.access.records.tenant import Tenant
    from shared.access.registry import Registry
    from shared.access.tokens import TokenVerifier
    from shared.clock import Clock, Ids
    from shared.operations.accepting.commands import Commands
    from shared.operations.accepting.message_keys import MessageKeys
    from shared.operations.accepting.resolving import Resolver
    from shared.operations.model.lists import Lists
    from shared.operations.model.store import Store
    from shared.operations.outside.intake import Intake
    from shared.operations.outside.rejected import RejectedMessages
    from shared.readiness import ReadinessCheck
    from shared.settings import Settings

B = TypeVar("B")
S = TypeVar("S")


class App(Protocol):
    """The assembled app, as far as requests and messages need it."""

    @property
    def settings(self) -> "Settings":
        """The settings of the process."""
        ...

    @property
    def clock(self) -> "Clock":
        """Azure's time and the machine's."""
        ...

    @property
    def ids(self) -> "Ids":
        """Where request ids come from."""
        ...

    @property
    def tokens(self) -> "TokenVerifier":
        """What checks access tokens."""
        ...

    @property
    def registry(self) -> "Registry":
        """The tenant registry."""
        ...

    @property
    def kinds(self) -> Kinds:
        """The kinds of operations that this app serves."""
        ...

    @property
    def store(self) -> "Store":
        """The operations."""
        ...

    @property
    def lists(self) -> "Lists":
        """Lists of operations."""
        ...

    @property
    def commands(self) -> "Commands":
        """Cancel and retry."""
        ...

    @property
    def resolvers(self) -> "Mapping[str, Resolver]":
        """What resolves an operation of unknown outcome, by the kind's name."""
        ...

    @property
    def message_keys(self) -> "MessageKeys":
        """Which tenants have an operation that a message created."""
        ...

    @property
    def rejected(self) -> "RejectedMessages":
        """Messages that could not be accepted."""
        ...

    @property
    def readiness(self) -> "Sequence[ReadinessCheck]":
        """The readiness checks that the capabilities contribute."""
        ...

    def of(self, service: type[S]) -> S:
        """Return a capability's service by its type; raises `LookupError` where no served capability has one."""
        ...

    async def storage_ready(self) -> bool:
        """Return True where the tables answer; raises what storage raises."""
        ...


@dataclass(frozen=True, slots=True)
class Call(Generic[B]):
    """One request: `body` is the model that the route declares (None where it declares none), `document` the JSON as it was sent.

    `key` and `first_sent` are the request's repeatability headers, `trace` a traceparent, `base_url` scheme and host without a trailing
    slash; `condition` is that of If-Match or If-None-Match. `principal` is None on routes that are open to all.
    """

    app: App
    route: Route
    query: Mapping[str, str]
    path: Mapping[str, str]
    body: B
    document: JsonObject
    base_url: str
    principal: Principal | None = None
    key: str | None = None
    first_sent: str | None = None
    trace: str | None = None
    condition: Condition = field(default_factory=Condition)
    authorization: str | None = field(default=None, repr=False)
    found_operation: Operation | None = None
    found_tenant: "Tenant | None" = None

    @property
    def caller(self) -> Principal:
        """Who calls; raises `LookupError` on a route that is open to all."""
        if self.principal is None:
            raise LookupError(f"{self.route.path} is open to all: it has no caller")
        return self.principal

    @property
    def operation(self) -> Operation:
        """The operation that the path names (`Owner.OPERATION`); raises `LookupError` on other routes."""
        if self.found_operation is None:
            raise LookupError(f"{self.route.path} names no operation")
        return self.found_operation

    @property
    def tenant(self) -> "Tenant":
        """The tenant that the path names (`Owner.TENANT`); raises `LookupError` on other routes."""
        if self.found_tenant is None:
            raise LookupError(f"{self.route.path} names no tenant")
        return self.found_tenant

    def of(self, service: type[S]) -> S:
        """Return a capability's service by its type."""
        return self.app.of(service)

    def given(self, *names: str) -> dict[str, str]:
        """Return those of the named query parameters that the request has."""
        return {name: self.query[name] for name in names if name in self.query}

    def ok(self, body: Shown | JsonObject, tag: str | None = None, status: int = 200) -> HttpAnswer:
        """Return 200, or 201 for what was created, with a body; `tag` is the tag of a document."""
        return HttpAnswer(status, json_of(body), {"ETag": tag} if tag is not None else {})

    def accepted(self, operation: Operation, body: Shown | JsonObject | None = None, suffix: str = "") -> HttpAnswer:
        """Return 202 for an operation that goes on, 200 for one that has ended; the body is by default the operation.

        `suffix` is added to `Location`.
        """
        shown = body if body is not None else self.shown(operation)
        return accepted(operation, self.app.kinds.path_of(operation) + suffix, self.base_url, shown)

    def shown(self, operation: Operation) -> JsonObject:
        """Return an operation as it is answered."""
        from shared.operations.outside.events import as_json

        return as_json(operation, self.app.kinds, self.base_url)

    def document_with(self, *names: str) -> JsonObject:
        """Return the body with those of the named query parameters that the request has; refuses with 400 where the two differ."""
        return with_query(self.document, self.given(*names))

    @property
    def confirmed(self) -> str | None:
        """The confirmation of a deletion: `confirm` in the query or in the body; refuses with 400 other members of the body."""
        for member in self.document:
            if member != "confirm":
                raise wrong(member, "This field is not known here; known are confirm.")
        sent = self.document_with("confirm").get("confirm")
        return sent if isinstance(sent, str) else None

    @property
    def page(self) -> Page:
        """Which page of a list the query asks for; refuses with 400 a continuation of another list."""
        return read_page(self.query, self.caller, self.route.paging)

    def listed(self, values: Sequence[Shown | JsonObject], last: str | None, beside: Shown | JsonObject | None = None) -> HttpAnswer:
        """Return a page of a list; `last` is where the next page begins after, `beside` further members of the answer."""
        where = self.route.path.format_map(self.path)
        body = page_body(
            [json_of(value) for value in values], last, path=where, query=self.query, principal=self.caller, base_url=self.base_url
        )
        return HttpAnswer(200, {**(json_of(beside) if beside is not None else {}), **body})

    async def list_operations(self, kind: Kind, filters: Mapping[str, str], view: Callable[[Operation], Shown | JsonObject]) -> HttpAnswer:
        """Return a page of the operations of a kind that the caller may see; `filters` are values that list rows carry."""
        tenant = None if self.caller.is_admin else self.caller.tenant
        from shared.operations.model.lists import Query

        page = self.page
        found = await self.app.lists.page(Query(tenant, (kind.name,), self.query.get("status"), filters), page.top, page.after)
        return self.listed([view(operation) for operation in found.operations], found.last)


Handler = Callable[[Call[Any]], Awaitable[HttpAnswer]]


@dataclass(frozen=True, slots=True)
class Variant:
    """How a route is served for tenants of another backend. Its handler reads the body; `request` and `response` describe the bodies."""

    handler: Handler
    request: type[BaseModel] | None = None
    response: type[BaseModel] | None = None


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A handler and the route that it serves; `name` is the name of its function in Azure.

    `variants` are the handlers for tenants of other backends, by the backend's name; only routes whose path names a tenant have any.
    """

    route: Route
    handler: Handler
    name: str
    summary: str
    variants: Mapping[str, Variant] = field(default_factory=dict)

    def variant_for(self, tenant: "Tenant | None") -> Variant | None:
        """Return how the route is served for a tenant, None where it is as for every other."""
        return self.variants.get(str(tenant.backend)) if tenant is not None else None

    async def __call__(self, call: Call[Any]) -> HttpAnswer:
        """Run the handler of the tenant's backend."""
        variant = self.variant_for(call.found_tenant)
        return await (variant.handler if variant is not None else self.handler)(call)


async def find_operation(app: App, caller: Principal, kind: Kind | None, name: str) -> Operation:
    """Return the operation of an id; refuses with `NotFound` where it is not there, of another kind, or another tenant's."""
    noun = kind.noun if kind is not None else "operation"
    found = await app.store.get(name) if is_operation_id(name) else None
    if found is None or not app.kinds.serves(found.kind) or not caller.reaches(found.tenant):
        raise not_found(f"{noun} '{name}'")
    if kind is not None and found.kind != kind.name:
        raise not_found(f"{noun} '{name}'")
    return found


async def find_tenant(app: App, caller: Principal, name: str) -> "Tenant":
    """Return the tenant of a name; refuses with `NotFound` where it is not there or not the caller's to see."""
    tenant = await app.registry.by_name(name) if caller.reaches(name) else None
    if tenant is None:
        raise not_found(f"tenant '{name}'")
    return tenant


def require_kind_role(app: App, caller: Principal, operation: Operation, *, writes: bool) -> None:
    """Refuse with `MissingRole` unless the caller has the role that reading or changing operations of this kind needs."""
    kind = app.kinds.named(operation.kind)
    require(caller, Role(kind.write if writes else kind.read))
    if writes and kind.needs_admin:
        require(caller, Role.ADMIN)


async def find_by_message(app: App, kind: Kind, intake: "Intake") -> Operation:
    """Return the operation that a message is about: by its id, or by the id of the message that created it.

    Refuses with `NotFound`, and with `AmbiguousName` where messages of that id created operations of several tenants and it names none.
    """
    target = intake.target or ""
    ids = [target] if is_operation_id(target) else []
    for name in intake.names():
        tenants = (intake.tenant,) if intake.tenant else await app.message_keys.tenants(kind.name, name)
        ids += [operation_id(tenant, kind.name, name) for tenant in tenants]
    found = {
        one.id: one
        for id_ in dict.fromkeys(ids)
        if (one := await app.store.get(id_)) is not None and one.kind == kind.name and intake.tenant in {None, one.tenant}
    }
    if len(found) > 1:
        message = f"Messages with the id '{target}' created operations of several tenants. Add 'tenant', or send the id of the operation."
        raise Refused(ErrorCode.AMBIGUOUS_NAME, message, target="target")
    for one in found.values():
        return one
    raise not_found(f"{kind.noun} '{target}'", target="target")
