"""What one tenant has in the sample estate, and the bodies of requests that name it: for tests of what another may not see."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from shared.access.roles import Role
from tests.support.sites import Json, Sites, of_item, start

EVERYTHING = tuple(str(role) for role in Role if role is not Role.ADMIN)
NEVER = "never-was"
OWN_SERVICE = "contoso-production"


@dataclass(frozen=True, slots=True)
class Things:
    """What a tenant has in the estate, by the names that bodies and paths give it."""

    vault: str
    item: str
    machine: str
    point: str
    networks: tuple[str, str]
    cloud: str
    failover: str
    copy: str
    tenant: str

    @property
    def disk(self) -> str:
        """The OS disk of its machine."""
        return f"{self.machine.replace('virtualMachines', 'disks')}-os"

    @property
    def subscription(self) -> str:
        """Its subscription; of what never was one that Azure does not have."""
        return self.machine.split("/")[2] if self.tenant != NEVER else "99999999-0000-4000-8000-000000000000"

    def resource(self, kind: str, name: str) -> str:
        """Return the id of something in its group."""
        end = "" if self.tenant != NEVER else f"-{NEVER}"
        return f"{self.machine.partition('/providers/')[0]}/providers/{kind}/{name}{end}"

    def never(self) -> "Things":
        """Return ids of the same shape of things that never were."""
        networks = (f"{self.networks[0]}-{NEVER}", f"{self.networks[1]}-{NEVER}")
        return Things(
            f"{self.vault}-{NEVER}", f"{self.item}-{NEVER}", f"{self.machine}-{NEVER}", f"{self.point}-{NEVER}", networks,
            f"{self.cloud}-{NEVER}", "a" * 26, "b" * 26, NEVER,
        )  # fmt: skip

    def blanked(self, text: str, *more: str) -> str:
        """Return a text in lower case, without the ids and names that the caller itself has sent."""
        text = text.lower()
        own = [self.item, self.machine, self.point, *self.networks, self.cloud, self.vault, self.failover, self.copy, self.tenant]
        own += [self.disk, self.subscription, *more]
        for known in sorted((part for one in own for part in (one, one.rpartition("/")[2])), key=len, reverse=True):
            text = text.replace(known.lower(), "?")
        return text


def group(machine: str) -> str:
    return machine.partition("/providers/")[0].replace("production", "recovery")


BODIES: dict[str, Callable[[Things], Json]] = {
    "CopyRequest": lambda its: {"source": {"restorePointId": its.point}, "target": {"region": "northeurope", "resourceGroup": "a-group"}},
    "PolicyDocument": lambda its: {
        "selector": {"virtualMachineIds": [its.machine]},
        "schedule": {"every": "PT6H"},
        "targets": [{"region": "northeurope", "resourceGroup": "a-group"}],
        "retention": {"keepLast": 3},
    },
    "RestoreRequest": lambda its: {
        "kind": "disks", "machines": [{"source": {"restorePointId": its.point}}], "resourceGroup": "a-group", "reason": "mine"
    },
    "FailoverRequest": lambda its: of_item(its.item, "Commit"),
    "ApproveRequest": lambda _: {"planHash": "0" * 64},
    "RejectRequest": lambda _: {"reason": "mine"},
    "ResolveRequest": lambda _: {"outcome": "notStarted"},
    "PolicyRequest": lambda its: {
        "provider": "A2A", "recoveryPointHours": 24, "clouds": [{"cloud": its.cloud, "target": its.cloud}]
    },
    "NetworkMappingRequest": lambda its: {"primaryNetwork": its.networks[0], "recoveryNetwork": its.networks[1]},
    "ProtectManyRequest": lambda its: {
        "virtualMachineId": its.machine,
        "policy": "a2a-day",
        "resourceGroupId": group(its.machine),
        "storageAccountId": f"{group(its.machine)}/providers/Microsoft.Storage/storageAccounts/cache",
    },
    "UpdateItemRequest": lambda _: {"targetVmName": "stolen"},
    "RecoveryPlanRequest": lambda its: {"groups": [{"members": [its.item]}]},
    "DrillPolicyRequest": lambda its: {
        "protectedItemIds": [its.item],
        "every": "P7D",
        "network": its.networks[1],
        "firstAt": (datetime.now(UTC) + timedelta(days=1)).isoformat(),
    },
    "CreateMachine": lambda _: {"name": "a", "service": "s", "size": "x", "osDisk": {"existing": "d"}},
    "DataDisk": lambda _: {"sizeGB": 1},
    "ModifyDataDisk": lambda _: {"sizeGB": 1},
    "Port": lambda _: {"name": "ssh", "protocol": "tcp", "port": 50_000, "localPort": 22},
    "UpdateMachine": lambda _: {"tags": {}},
    "CreateService": lambda _: {"name": "a-service"},
    "CreateImage": lambda its: {
        "name": "i", "osType": "Windows", "service": "s", "source": {"id": its.machine.replace("virtualMachines", "disks")}
    },
    "Capture": lambda _: {"imageName": "i", "after": "delete", "prepared": True, "confirm": "a"},
    "GrantAccess": lambda _: {"duration": "PT1H"},
    "ShutDown": lambda _: {"state": "stopped"},
    "CreateCheckpoint": lambda _: {"name": "a-name"},
    "ImportRequest": lambda _: {"publishSettings": {"value": "<PublishData/>"}},
    "ProtectionPolicyRequest": lambda its: {
        "cloud": its.cloud,
        "include": ["*"],
        "protection": {"policy": "every-5-minutes", "network": its.networks[1], "targetVmSize": "Standard_D4s_v3"},
    },
}  # fmt: skip
"""The body of each model, with the ids of a tenant's things."""


@contextmanager
def things_of_fabrikam(sites: Sites) -> Iterator[Things]:
    """Give what fabrikam has; its failover waits for approval, its copy is running."""
    estate, item = sites.stack.control("GET", "estate"), sites.a2a("fabrikam")
    owner = sites.caller("fabrikam", *EVERYTHING, user="owner")
    failover = start(owner, of_item(item, "UnplannedFailover"))
    sites.until_step(owner, failover, "awaitingApproval", by="PT1M")
    points = [point["id"] for one in estate["restorePointCollections"] for point in one["restorePoints"] if "/fabrikam-" in one["id"]]
    subscription = next(one["subscriptions"][0] for one in estate["tenants"] if one["name"] == "fabrikam")
    points = [point for point in points if subscription in point]
    target = {"region": "northeurope", "resourceGroup": "fabrikam-recovery"}
    copies = [owner.post("/restore-point-copies", {"source": {"restorePointId": point}, "target": target}) for point in points[:2]]
    assert [reply.status for reply in copies] == [202, 202], copies
    known = {one["id"].rpartition("/")[2]: one["id"] for one in estate["virtualNetworks"]}
    things = Things(
        vault=item.partition("/replicationFabrics/")[0],
        item=item,
        machine=next(one["id"] for one in estate["virtualMachines"] if one["id"].endswith("/fabrikam-web01")),
        point=points[0],
        networks=(known["fabrikam-westeurope"], known["fabrikam-northeurope"]),
        cloud=item.partition("/replicationProtectedItems/")[0],
        failover=failover,
        copy=copies[0].body["id"],
        tenant="fabrikam",
    )
    drill = json.dumps(BODIES["DrillPolicyRequest"](things)).encode()
    assert owner.call("PUT", "/drill-policies/fabrikam-drill", drill, {"Content-Type": "application/json"}).status == 200
    policy = {**BODIES["PolicyDocument"](things), "targets": [target], "enabled": False}
    headers = {"Content-Type": "application/json", "If-None-Match": "*"}
    assert owner.call("PUT", "/copy-policies/fabrikam", json.dumps(policy).encode(), headers).status == 201
    provider = sites.stack.caller("Tenants.Write", "Admin", tenant="provider")
    assert provider.call("PUT", "/hosting-plans/fabrikam", b"{}", {"Content-Type": "application/json"}).status in {200, 201}
    yield things
    provider.call("DELETE", "/hosting-plans/fabrikam?confirm=fabrikam")
    owner.call("DELETE", "/drill-policies/fabrikam-drill")
    owner.call("DELETE", "/copy-policies/fabrikam", None, {"If-Match": "*"})
    owner.post(f"/failovers/{failover}/cancel")
    sites.stack.advance()


def long_texts(body: Json) -> list[str]:
    """Return the texts of a body that name something: short ones are too common to be blanked."""
    return [text for text in _texts(body) if len(text) > 8]


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    for one in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _texts(one)
