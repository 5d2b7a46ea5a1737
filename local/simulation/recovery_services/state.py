"""Everything that Microsoft.RecoveryServices keeps, with the ways in which it is looked up."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from local.simulation.arm.tables import Json, Table
from local.simulation.ids import key, type_of
from local.simulation.recovery_services.items.item import Item
from local.simulation.recovery_services.jobs.job import Job
from local.simulation.recovery_services.names import FABRIC, POLICY, fabric_of, vault_of
from local.simulation.recovery_services.plans.plan import Plan
from local.simulation.recovery_services.vaults.loading import completed
from local.simulation.recovery_services.vaults.models import Thing, Vault
from local.simulation.recovery_services.vaults.shapes import FABRIC_PARTS


class RecoveryServicesState:
    """Tables by ARM id. `things` are fabrics and everything in them but the protected items, and policies."""

    def __init__(self) -> None:
        self.vaults: Table[Vault] = Table("vaults", Vault.from_json, Vault.as_json)
        self.things: Table[Thing] = Table("siteRecoveryThings", Thing.from_json, Thing.as_json, self._index_thing)
        self.items: Table[Item] = Table("protectedItems", Item.from_json, Item.as_json, self._index_item)
        self.plans: Table[Plan] = Table("recoveryPlans", Plan.from_json, Plan.as_json, self._index_plan)
        self.jobs: Table[Job] = Table("siteRecoveryJobs", Job.from_json, Job.as_json, self._index_job)
        self._things: dict[tuple[str, str], dict[str, Thing]] = {}
        self._items: dict[str, dict[str, Item]] = {}
        self._plans: dict[str, dict[str, Plan]] = {}
        self._jobs: dict[str, dict[str, Job]] = {}

    def tables(self) -> tuple[Table[Any], ...]:
        """Return every table, for the store."""
        return (self.vaults, self.things, self.items, self.plans, self.jobs)

    def vault(self, resource_id: str) -> Vault | None:
        """Return the vault that a resource is in."""
        return self.vaults.get(key(vault_of(resource_id)))

    def thing(self, thing_id: str | None, now: datetime) -> Thing | None:
        """Return a fabric, policy, network … that is there."""
        found = self.things.get(key(thing_id)) if thing_id else None
        return found if found is not None and found.there(now) else None

    def things_of(self, vault_id: str, kind: str, now: datetime) -> list[Thing]:
        """Return a vault's things of a type such as `names.FABRIC`."""
        return [each for each in self._things.get((key(vault_id), kind.lower()), {}).values() if each.there(now)]

    def item(self, item_id: str, now: datetime) -> Item | None:
        """Return a protected item as it is by now."""
        found = self.items.get(key(item_id))
        return _now(found, now)

    def items_of(self, vault_id: str, now: datetime) -> list[Item]:
        """Return a vault's protected items as they are by now."""
        return [found for each in self._items.get(key(vault_id), {}).values() if (found := _now(each, now)) is not None]

    def plan(self, plan_id: str, now: datetime) -> Plan | None:
        """Return a recovery plan as it is by now."""
        found = self.plans.get(key(plan_id))
        settled = found.at(now) if found is not None else None
        return settled if settled is not None and settled.there(now) else None

    def plans_of(self, vault_id: str, now: datetime) -> list[Plan]:
        """Return a vault's recovery plans as they are by now."""
        rows = [each.at(now) for each in self._plans.get(key(vault_id), {}).values()]
        return [each for each in rows if each.there(now)]

    def job(self, job_id: str) -> Job | None:
        """Return a job."""
        return self.jobs.get(key(job_id))

    def jobs_of(self, vault_id: str) -> list[Job]:
        """Return a vault's jobs, the newest first."""
        return sorted(self._jobs.get(key(vault_id), {}).values(), key=lambda job: job.started_at, reverse=True)

    def load(self, estate: Mapping[str, Any], now: datetime, _: int) -> None:
        """Take over the vaults of an estate, and complete what they leave out."""
        for body in estate.get("vaults", []):
            vault = Vault.from_json(body)
            self.vaults.put(key(vault.id), vault)
            full = completed(body, now)
            for thing in full.things:
                self.things.put(key(thing.id), thing)
            for item in full.items:
                self.items.put(key(item.id), item)
            for plan in full.plans:
                self.plans.put(key(plan.id), plan)
            for job in full.jobs:
                self.jobs.put(key(job.id), job)

    def dump(self, now: datetime) -> Json:
        """Write them as the estate has them, as they are by now."""
        return {"vaults": [self._dump(vault, now) for vault in self.vaults.values()]}

    def _dump(self, vault: Vault, now: datetime) -> Json:
        policies = self.things_of(vault.id, POLICY, now)
        fabrics = [self._dump_fabric(fabric, now) for fabric in self._kept(vault.id, FABRIC, now)]
        return {
            **vault.as_json(),
            "policies": [each.as_json() for each in policies],
            "fabrics": fabrics,
            "items": [row.at(now).as_json() for row in self._items.get(key(vault.id), {}).values() if not _over(row.at(now), now)],
            "plans": [row.at(now).as_json() for row in self._plans.get(key(vault.id), {}).values() if not _over(row.at(now), now)],
            "jobs": [row.as_json() for row in self._jobs.get(key(vault.id), {}).values()],
        }

    def _dump_fabric(self, fabric: Thing, now: datetime) -> Json:
        body = fabric.as_json()
        for member, kind in FABRIC_PARTS.items():
            parts = [part for part in self._kept(fabric.id, kind, now) if key(fabric_of(part.id)) == key(fabric.id)]
            if parts:
                body[member] = [part.as_json() for part in parts]
        return body

    def _kept(self, resource_id: str, kind: str, now: datetime) -> Iterator[Thing]:
        for each in self._things.get((key(vault_of(resource_id)), kind.lower()), {}).values():
            if each.deleted_at is None or now < each.deleted_at:
                yield each

    def _index_thing(self, row_key: str, old: Thing | None, new: Thing | None) -> None:
        row = new or old
        if row is not None:
            _note(self._things.setdefault((key(vault_of(row.id)), type_of(row.id).lower()), {}), row_key, new)

    def _index_item(self, row_key: str, _old: Item | None, new: Item | None) -> None:
        _note(self._items.setdefault("/" + "/".join(row_key.split("/")[1:9]), {}), row_key, new)

    def _index_plan(self, row_key: str, _old: Plan | None, new: Plan | None) -> None:
        _note(self._plans.setdefault("/" + "/".join(row_key.split("/")[1:9]), {}), row_key, new)

    def _index_job(self, row_key: str, _old: Job | None, new: Job | None) -> None:
        _note(self._jobs.setdefault("/" + "/".join(row_key.split("/")[1:9]), {}), row_key, new)


def _note(index: dict[str, Any], row_key: str, row: object | None) -> None:
    if row is None:
        index.pop(row_key, None)
    else:
        index[row_key] = row


def _now(row: Item | None, now: datetime) -> Item | None:
    if row is None:
        return None
    settled = row.at(now)
    return settled if settled.there(now) else None


def _over(row: Item | Plan, now: datetime) -> bool:
    return row.deleted_at is not None and row.deleted_at <= now
