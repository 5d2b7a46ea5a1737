"""Protected items: their members in the estate, and their state at a moment."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from local.simulation.arm.tables import Json
from local.simulation.ids import derived, name
from local.simulation.recovery_services.names import Phase, Provider
from local.simulation.recovery_services.vaults import staged
from local.simulation.recovery_services.vaults.models import Stage
from local.simulation.times import moment, text_or_none


@dataclass(frozen=True, slots=True)
class Item:
    """A replication protected item.

    `target` are the members of Azure's details for the machine that a failover creates (`vmName`, `vmSize`, `network`, `resourceGroup`,
    `storageAccount`, `encryption`); `source` those of the machine (`vmId`, `osType`, `disks`, `location`). `points_from` is the start of
    its recovery points, `points_until` (None: now) their end; `kept` the only one that a commit leaves, `chosen` the one failed over to,
    each `{"name", "time", "type"}`. `job` is the name of the job that works on it. `shuts_down`: whether its machine obeys; `pace` makes
    its jobs longer; `lag` is the age in seconds of what has been replicated, None: by its health. `ahead` is what will become of it.
    """

    id: str
    provider: Provider
    friendly_name: str
    phase: Phase = Phase.PROTECTED
    active_location: str = "Primary"
    test_failover: str = "None"
    health: str = "Normal"
    policy: str | None = None
    protectable: str | None = None
    recovery_container: str | None = None
    unplanned: bool = False
    job: str | None = None
    scenario: str | None = None
    scenario_start: datetime | None = None
    last_test: datetime | None = None
    last_failover: datetime | None = None
    points_from: datetime | None = None
    points_until: datetime | None = None
    kept: Mapping[str, Any] | None = None
    chosen: Mapping[str, Any] | None = None
    target: Mapping[str, Any] = field(default_factory=dict)
    source: Mapping[str, Any] = field(default_factory=dict)
    replication_from: datetime | None = None
    replicated_at: datetime | None = None
    shuts_down: bool = True
    pace: float = 1.0
    lag: int | None = None
    appears_at: datetime | None = None
    deleted_at: datetime | None = None
    ahead: tuple[Stage, ...] = ()

    there = staged.is_there
    at = staged.at
    becoming = staged.becoming
    then = staged.then

    @property
    def container(self) -> str:
        """The id of the protection container that it is in."""
        return self.id.rsplit("/", 2)[0]

    @staticmethod
    def from_json(body: Mapping[str, Any]) -> "Item":
        """Read an item of the estate; most members may be left out. Azure's own names for some are taken as well."""
        body = {**body, **(body.get("properties") or {})}
        details = body.get("providerSpecificDetails") or {}
        active = str(body.get("activeLocation", "Primary"))
        return Item(
            id=str(body["id"]),
            provider=Provider(str(body.get("provider") or body.get("instanceType") or details.get("instanceType") or "HyperVReplicaAzure")),
            friendly_name=str(body.get("friendlyName") or name(str(body["id"]))),
            phase=Phase(str(body.get("phase") or _phase(body, active))),
            active_location=active,
            test_failover=str(body.get("testFailoverState") or "None"),
            health=str(body.get("replicationHealth") or body.get("health") or "Normal"),
            policy=body.get("policy") or body.get("policyId"),
            protectable=body.get("protectableItem") or body.get("protectableItemId"),
            recovery_container=body.get("recoveryContainer") or body.get("recoveryContainerId"),
            unplanned=bool(body.get("unplanned", False)),
            job=body.get("job"),
            scenario=body.get("scenario"),
            scenario_start=moment(body, "scenarioStart"),
            last_test=moment(body, "lastTestFailover") or moment(body, "lastSuccessfulTestFailoverTime"),
            last_failover=moment(body, "lastFailover"),
            points_from=moment(body, "pointsFrom"),
            points_until=moment(body, "pointsUntil"),
            kept=body.get("keptPoint"),
            chosen=body.get("chosenPoint"),
            target=dict(body.get("target") or {}),
            source=dict(body.get("source") or {}),
            replication_from=moment(body, "replicationFrom"),
            replicated_at=moment(body, "replicatedAt"),
            shuts_down=bool(body.get("shutsDown", True)),
            pace=float(body.get("pace", 1.0)),
            lag=body.get("lagSeconds"),
            appears_at=moment(body, "appearsAt"),
            deleted_at=moment(body, "deletedAt"),
            ahead=tuple(Stage.from_json(stage) for stage in body.get("ahead") or []),
        )

    def as_json(self) -> Json:
        """Write it as the estate has it."""
        body: Json = {
            "id": self.id,
            "provider": self.provider.value,
            "friendlyName": self.friendly_name,
            "phase": self.phase.value,
            "activeLocation": self.active_location,
            "testFailoverState": self.test_failover,
            "replicationHealth": self.health,
        }
        optional = {
            "policy": self.policy,
            "protectableItem": self.protectable,
            "recoveryContainer": self.recovery_container,
            "unplanned": self.unplanned or None,
            "job": self.job,
            "scenario": self.scenario,
            "scenarioStart": text_or_none(self.scenario_start),
            "lastTestFailover": text_or_none(self.last_test),
            "lastFailover": text_or_none(self.last_failover),
            "pointsFrom": text_or_none(self.points_from),
            "pointsUntil": text_or_none(self.points_until),
            "keptPoint": None if self.kept is None else dict(self.kept),
            "chosenPoint": None if self.chosen is None else dict(self.chosen),
            "target": dict(self.target) or None,
            "source": dict(self.source) or None,
            "replicationFrom": text_or_none(self.replication_from),
            "replicatedAt": text_or_none(self.replicated_at),
            "shutsDown": None if self.shuts_down else False,
            "pace": None if self.pace == 1.0 else self.pace,
            "lagSeconds": self.lag,
            "appearsAt": text_or_none(self.appears_at),
            "deletedAt": text_or_none(self.deleted_at),
            "ahead": [stage.as_json() for stage in self.ahead] or None,
        }
        return body | {member: value for member, value in optional.items() if value is not None}


def object_id_of(item: Item) -> str:
    """Return the `targetObjectId` of an item's jobs: a GUID for Azure to Azure (recorded), else the item's name."""
    return derived("protection entity", item.id) if item.provider is Provider.A2A else name(item.id)


def _phase(body: Mapping[str, Any], active: str) -> Phase:
    """Return the phase of an item for which the estate gives only Azure's state."""
    state = str(body.get("protectionState", "Protected"))
    if "Commit" in state:
        return Phase.FAILED_OVER if active == "Recovery" else Phase.FAILED_BACK
    if active == "Recovery":
        return Phase.COMMITTED
    return Phase.PROTECTED
