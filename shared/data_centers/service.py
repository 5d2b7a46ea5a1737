"""Accepts what is asked of data centers, for HTTP and queue alike (docs/design/data-centers.md, "Requests")."""

import asyncio
import hashlib
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final

from pydantic import BaseModel

from shared.access.principal import not_found
from shared.access.records.rows import TenantRows
from shared.access.records.tenant import Backend, Tenant
from shared.access.registrar import Registrar, name_used_before
from shared.access.registry import Registry
from shared.clock import Clock, from_text, to_text
from shared.data_centers.admission import READS_SECONDS, ActingAdmission, Admission, Admitting
from shared.data_centers.gateway import Gateway
from shared.data_centers.kinds import DATA_CENTER, Action
from shared.data_centers.records.record import DataCenter, DataCenterState, Pending, SecretOf, UserReference
from shared.data_centers.records.store import DataCenterStore
from shared.data_centers.requests import OrderRequest, is_order_number
from shared.data_centers.steps.turns import Turns, gone
from shared.errors import CallFailure, ErrorCode, Problem, Refused, refusal_of
from shared.installations.reach.connections import Connection, Connections
from shared.installations.secrets import Vault
from shared.installations.store import InstallationStore
from shared.operations.accepting.acceptance import Acceptance
from shared.operations.model.models import Accepted, Actor, JsonObject, NewOperation, Operation
from shared.operations.timings import FREE_LOCK_AFTER
from shared.secrets.requests import Separated, separate
from shared.storage.tables import Conflict
from shared.values.canonical import canonical
from shared.values.sent import SentBody
from shared.web.documents import invalid, wrong

_TRIES: Final = 10
FIRST_STEP: Final = "waitingForTurn"


@dataclass(frozen=True, slots=True)
class Requested:
    """Who asks, for which data center, under which key; `sent` is the body as it was sent."""

    tenant: str
    data_center: str
    sent: SentBody
    actor: Actor
    key: str | None
    trace: str | None = None
    first_sent: str | None = None


class AlreadyOrderedError(Exception):
    """The same order became another operation."""

    def __init__(self, operation: str) -> None:
        super().__init__(operation)
        self.operation = operation


@dataclass(frozen=True, slots=True)
class DataCenters:
    """Orders, changes, suspends, resumes and deletes data centers."""

    acceptance: Acceptance
    store: DataCenterStore
    installations: InstallationStore
    connections: Connections
    turns: Turns
    admitting: Admitting
    acting: ActingAdmission
    registry: Registry
    registrar: Registrar
    tenants: TenantRows
    secrets: Vault
    clock: Clock

    # orders

    async def order(self, asked: Requested, request: OrderRequest) -> Accepted:
        """Accept an order, or find the operation that it became; a late repetition changes nothing.

        Refuses with 400, 404 and the codes of what can be known now; what Azure Pack does not answer in 5 s is left to the first step.
        """
        require_order_number(asked.data_center)
        separated = separate(request, asked.sent)
        new = self._new(asked, Action.CREATE, separated)
        await self._require_tenant(asked.tenant, request, asked.actor)
        known = await self.acceptance.known(new) if asked.key is not None else None
        if known is not None:
            return Accepted(known, created=False)
        standing = await self.store.get(asked.tenant, asked.data_center)
        digest = order_hash(separated.body)
        if standing is not None and standing.document.state is not DataCenterState.FAILED:
            found = await self._standing(standing.document, asked.data_center, digest)
            if found is not None:
                return Accepted(found, created=False)
        connection = await self._connection(request)
        await self._admit(separated, asked.tenant)
        await self._look(request, asked.tenant, connection)
        attempt = _attempt(standing.document if standing is not None else None)
        key = asked.key or f"order {asked.data_center.lower()} {attempt}"
        place: JsonObject = {"target": asked.data_center, "installation": connection.name, "attempt": attempt}
        new = replace(new, key=key, data={"action": str(Action.CREATE), **place})

        async def claim(operation: str) -> None:
            await self._claim_order(asked, request, connection.name, digest, operation)

        async def unclaim(operation: str) -> None:
            await self._unclaim_order(asked, operation)

        try:
            return await self.acceptance.accept(new, claim=claim, unclaim=unclaim)
        except AlreadyOrderedError as ordered:
            found = await self.acceptance.store.get(ordered.operation)
            if found is None:
                message = "The same order is being accepted. Send the request again."
                raise Refused(ErrorCode.SERVICE_UNAVAILABLE, message, retry_after=1) from None
            return Accepted(found, created=False)

    async def dry_run(self, tenant: str, data_center: str, request: OrderRequest) -> Admission:
        """Return what an order would meet, without effect; refuses with 404 and 409 as an order does before it looks."""
        require_order_number(data_center)
        await self._require_tenant(
            tenant, request.model_copy(update={"create_tenant": None}) if request.create_tenant is None else request, None
        )
        connection = await self._connection(request)
        try:
            async with asyncio.timeout(READS_SECONDS * 4):
                return await self.admitting.look(request, tenant, Gateway(connection))
        except (CallFailure, TimeoutError) as error:
            message = error.message if isinstance(error, CallFailure) else "The installation did not answer in time."
            found = Admission()
            found.problems["installation"] = [Problem(ErrorCode.AZURE_PACK_UNREACHABLE, message, "installation")]
            return found

    async def _standing(self, record: DataCenter, data_center: str, digest: str) -> Operation | None:
        """Return the operation of the order that is there, None where it was never accepted; refuses another order, and a deleted id."""
        if record.state is DataCenterState.DELETED:
            message = f"The data center '{record.id}' was deleted, and its id is never used again."
            raise Refused(ErrorCode.DATA_CENTER_DELETED, message, target="id")
        if record.order_hash != digest or record.id != data_center:
            message = f"The data center '{record.id}' exists and was ordered otherwise. Change it with PATCH."
            raise Refused(ErrorCode.DATA_CENTER_EXISTS, message, target="id")
        return await self.acceptance.store.get(record.order_operation)

    async def _claim_order(self, asked: Requested, request: OrderRequest, installation: str, digest: str, operation: str) -> None:
        """Write the row of an order, or a new attempt over a failed one: whichever request writes it first counts."""
        for _ in range(_TRIES):
            standing = await self.store.get(asked.tenant, asked.data_center)
            record = self._fresh(asked, request, installation, digest, operation, standing.document if standing is not None else None)
            try:
                if standing is None:
                    await self.store.insert(record)
                    return
                there = standing.document
                if there.state is not DataCenterState.FAILED:
                    ordered = await self._standing(there, asked.data_center, digest)
                    if ordered is not None and ordered.id == operation:
                        return
                    if ordered is not None or not self._is_abandoned(there, operation):
                        raise AlreadyOrderedError(there.order_operation)
                await self.store.replace(standing, record)
                await self.store.note_installation(record)
            except Conflict:
                continue
            return
        raise Refused(ErrorCode.SERVICE_UNAVAILABLE, "The data center is being changed by others. Send the request again.", retry_after=1)

    def _fresh(
        self, asked: Requested, request: OrderRequest, installation: str, digest: str, operation: str, before: DataCenter | None
    ) -> DataCenter:
        now, user = to_text(self.clock.now()), request.user
        pending = Pending(operation_id=operation, action=Action.CREATE, joined_at=to_text(self.clock.wall()))
        return DataCenter(
            id=before.id if before is not None else asked.data_center,
            tenant=asked.tenant,
            name=request.name or asked.data_center,
            installation=installation,
            state=DataCenterState.PROVISIONING,
            attempt=_attempt(before),
            order_hash=digest,
            order_operation=operation,
            user=UserReference(name=user.name, email=user.address) if user is not None else None,
            wanted={str(name): number for name, number in request.resources.named.items()} if request.resources is not None else None,
            operation_after_suspension=request.operation_after_suspension,
            start_on_resume=request.start_on_resume,
            secret=SecretOf(),
            pending=(pending,),
            created_at=before.created_at if before is not None else now,
            last_updated_at=now,
            tags=dict(request.tags),
        )

    def _is_abandoned(self, record: DataCenter, operation: str) -> bool:
        """Return whether an order whose operation is not there was left by a process that ended before it was accepted."""
        if record.order_operation == operation:
            return True
        joined = next((one.joined_at for one in record.pending if one.operation_id == record.order_operation), record.created_at)
        return self.clock.wall() - from_text(joined) >= FREE_LOCK_AFTER

    async def _unclaim_order(self, asked: Requested, operation: str) -> None:
        """Fail the row of an order that was not accepted."""

        def change(record: DataCenter) -> DataCenter:
            if record.order_operation != operation or record.state is not DataCenterState.PROVISIONING:
                return record
            return record.model_copy(update={"state": DataCenterState.FAILED, "pending": (), "wanted": None})

        if await self.store.get(asked.tenant, asked.data_center) is not None:
            await self.store.change(asked.tenant, asked.data_center, change)

    # what is asked of a data center that is there

    async def act(self, asked: Requested, action: Action, request: BaseModel) -> Accepted:
        """Accept an action on a data center; refuses with `NotFound`, `DataCenterGone`, `TooManyPending` and `RepeatabilityKeyReused`."""
        separated = separate(request, asked.sent)
        new = self._new(asked, action, separated)
        known = await self.acceptance.known(new) if asked.key is not None else None
        if known is not None:
            return Accepted(known, created=False)
        record = await self.get(asked.tenant, asked.data_center)
        if record.state.gone:
            raise gone(record)
        if not record.pending:  # what waits before it may change what is there: its first step looks
            await self.acting.require(record, action, request)
        place: JsonObject = {"target": record.id, "installation": record.installation, "attempt": record.attempt}
        new = replace(new, data={"action": str(action), **place})

        async def claim(operation: str) -> None:
            await self.turns.join(asked.tenant, record.id, operation, action)

        async def unclaim(operation: str) -> None:
            await self.turns.leave(asked.tenant, record.id, operation)

        return await self.acceptance.accept(new, claim=claim, unclaim=unclaim)

    async def get(self, tenant: str, data_center: str) -> DataCenter:
        """Return a data center of exactly that order number; refuses with `NotFound`."""
        found = await self.store.get(tenant, data_center) if is_order_number(data_center) else None
        if found is None or found.document.id != data_center:
            raise not_found(f"data center '{data_center}'", target="id")
        return found.document

    def _new(self, asked: Requested, action: Action, separated: Separated) -> NewOperation:
        body: JsonObject = {"action": str(action), "target": asked.data_center, "body": dict(separated.body.members)}
        return NewOperation(
            kind=DATA_CENTER.name,
            tenant=asked.tenant,
            key=asked.key,
            body=body,
            actor=asked.actor,
            first_step=FIRST_STEP,
            data={"action": str(action), "target": asked.data_center, "installation": ""},
            filters={DATA_CENTER.name: asked.data_center},
            trace=asked.trace,
            first_sent=asked.first_sent,
            action=str(action),
            secrets=separated.below("body"),
        )

    async def _require_tenant(self, tenant: str, request: OrderRequest, actor: Actor | None) -> None:
        """Refuse with `NotFound` a tenant that is not there; with `createTenant` it is made, with a claim of its name and nothing else."""
        if await self.registry.by_name(tenant) is not None:
            return
        if request.create_tenant is None:
            raise not_found(f"tenant '{tenant}'", target="tenant")
        if not is_order_number(tenant):
            raise wrong("tenant", "A name has 1 to 63 letters, digits, full stops, hyphens and underscores.")
        standing = await self.tenants.get(tenant)
        if standing is not None and standing.deleted:
            raise name_used_before(tenant)
        if standing is None and actor is not None:
            made = Tenant(name=tenant, display_name=request.create_tenant.display_name, backend=Backend.AZURE_PACK)
            with suppress(Conflict):  # another order of the same tenant came first
                await self.registrar.put(made, None, actor.id)
            self.registry.forget()

    async def _connection(self, request: OrderRequest) -> Connection:
        """Return the installation that an order is for: the named one, else the only one."""
        name = request.installation
        if name is None:
            known = await self.installations.all()
            if len(known) != 1:
                raise wrong("installation", f"This is required: there are {len(known)} installations.")
            name = known[0].name
        connection = await self.connections.get(name)
        if connection is None:
            raise not_found(f"installation '{name}'", target="installation")
        user = request.user
        if user is not None and user.password is not None and connection.hook is None:
            raise wrong("user.password", f"The installation '{name}' has no accounts service: Farshore makes no sign-ins there.")
        return connection

    async def _admit(self, separated: Separated, tenant: str) -> None:
        """Refuse with `NotFound` references that may not be made."""
        for place, reference in separated.references.items():
            await self.secrets.admit(reference, tenant=tenant, target=".".join(str(part) for part in place))

    async def _look(self, request: OrderRequest, tenant: str, connection: Connection) -> None:
        """Refuse what Azure Pack shows to be impossible; what it does not answer in time is left to the first step."""
        if request.adopt is not None:
            return
        try:
            async with asyncio.timeout(READS_SECONDS):
                refusal = (await self.admitting.look(request, tenant, Gateway(connection))).refusal
        except (TimeoutError, CallFailure):
            return
        if refusal is not None:
            raise invalid([refusal]) if refusal.code == ErrorCode.INVALID_REQUEST else refusal_of(refusal)


def require_order_number(data_center: str) -> None:
    """Refuse with 400 what cannot be an order number."""
    if not is_order_number(data_center):
        raise wrong(
            "id", "An order number has 1 to 63 letters, digits, full stops, hyphens and underscores, and begins with a letter or digit."
        )


def _attempt(before: DataCenter | None) -> int:
    """Return the number of an order's attempt: one more after an order that failed."""
    if before is None:
        return 1
    return before.attempt + 1 if before.state is DataCenterState.FAILED else before.attempt


def order_hash(sent: SentBody) -> str:
    """Return the hash of an order as it was sent, without its secrets."""
    return hashlib.sha256(canonical(dict(sent.members))).hexdigest()
