"""Reads data centers for callers: a tenant's own reader sees its own alone."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from shared.access.principal import Principal, not_found
from shared.data_centers.answers import DataCenterBody
from shared.data_centers.observing import Observer
from shared.data_centers.records.record import DataCenter, DataCenterState
from shared.data_centers.service import DataCenters
from shared.data_centers.views import data_center_body
from shared.installations.store import InstallationStore
from shared.operations.model.models import Operation
from shared.operations.model.store import Store
from shared.web.conditional import Condition, check_delete, tag_of
from shared.web.lists import Page


@dataclass(frozen=True, slots=True)
class DataCenterReader:
    """Reads data centers."""

    data_centers: DataCenters
    installations: InstallationStore
    operations: Store
    observer: Observer

    async def require(self, tenant: str, data_center: str, condition: Condition) -> None:
        """Refuse with `PreconditionFailed` a change of a data center that was changed since it was read."""
        check_delete(condition, tag_of_record(await self.data_centers.get(tenant, data_center)))

    async def one(self, caller: Principal, tenant: str, data_center: str, *, usage: bool = False) -> tuple[DataCenterBody, str]:
        """Return a data center with what Azure Pack shows of it, and its tag; refuses with `NotFound` another tenant's."""
        if not caller.reaches(tenant):
            raise not_found(f"data center '{data_center}'", target="id")
        record = await self.data_centers.get(tenant, data_center)
        look = await self.observer.look(record, usage=usage)
        store = self.data_centers.store
        suspension = await store.suspension(record, record.suspension_id) if record.suspension_id is not None else None
        body = data_center_body(
            record,
            await self._pending([record]),
            admin=caller.is_admin,
            portal_url=(await self._portals([record])).get(record.installation),
            look=look,
            suspension=suspension.document if suspension is not None else None,
        )
        return body, tag_of_record(record)

    async def of_record(self, record: DataCenter, *, admin: bool) -> DataCenterBody:
        """Return a data center as its record has it, without a call to Azure Pack."""
        portals = await self._portals([record])
        return data_center_body(record, await self._pending([record]), admin=admin, portal_url=portals.get(record.installation))

    async def page(
        self, caller: Principal, tenant: str | None, query: Mapping[str, str], page: Page
    ) -> tuple[list[DataCenterBody], str | None]:
        """Return a page of records, newest first, without a call to Azure Pack; `tenant` is None for all tenants."""
        if tenant is not None and not caller.reaches(tenant):
            raise not_found(f"tenant '{tenant}'", target="tenant")
        takes, store = _filter(query), self.data_centers.store
        found, last = await (store.of_all(page, takes) if tenant is None else store.of_tenant(tenant, page, takes))
        records = [record for _, record in found]
        pending, portals = await self._pending(records), await self._portals(records)
        bodies = [data_center_body(one, pending, admin=caller.is_admin, portal_url=portals.get(one.installation)) for one in records]
        if query.get("attention") == "true":
            bodies = [body for body in bodies if body.attention is not None]
        return bodies, last

    async def _pending(self, records: Sequence[DataCenter]) -> dict[str, Operation]:
        ids = [one.operation_id for record in records for one in record.pending]
        found = await asyncio.gather(*(self.operations.get(one) for one in ids))
        return {one.id: one for one in found if one is not None}

    async def _portals(self, records: Sequence[DataCenter]) -> dict[str, str | None]:
        names = sorted({record.installation for record in records})
        found = await asyncio.gather(*(self.installations.get(name) for name in names))
        return {one.name: one.installation.settings.portal_url for one in found if one is not None}


def tag_of_record(record: DataCenter) -> str:
    """Return the tag of what a change can change."""
    members = {"name", "plan", "resources", "wanted", "add_ons", "operation_after_suspension", "start_on_resume", "attempt"}
    return tag_of(record.model_dump(mode="json", by_alias=True, include=members))


def _filter(query: Mapping[str, str]) -> Callable[[DataCenter], bool]:
    """Return which data centers a list shows: without a state all but the deleted ones."""
    state, installation = query.get("state"), query.get("installation")
    plan, user = (query[name].lower() if name in query else None for name in ("plan", "userName"))

    def takes(record: DataCenter) -> bool:
        if record.state != state and (state is not None or record.state is DataCenterState.DELETED):
            return False
        if plan is not None and (record.plan is None or plan not in {record.plan.id.lower(), record.plan.display_name.lower()}):
            return False
        if user is not None and (record.user is None or record.user.name.lower() != user):
            return False
        return installation in {None, record.installation} and ("attention" not in query or bool(record.pending))

    return takes
