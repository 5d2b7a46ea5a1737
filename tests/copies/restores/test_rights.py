"""Restores and drills work with exactly the rights of their roles, and with none of them less."""

import json
from pathlib import Path

import pytest

from local.processes import ROOT
from tests.copies.policies.kit import Json, World, run_story
from tests.copies.restores.kit import CONTOSO, ISOLATED, RECOVERY, drill, ended, plant_copies, resources
from tests.copies.restores.kit import start as ask

pytestmark = pytest.mark.process
SUBSCRIPTION = f"/subscriptions/{CONTOSO}"
GROUP = f"{RECOVERY}/providers"
SET, ENCRYPTION, SECURITY = (
    f"{GROUP}/Microsoft.Compute/availabilitySets/again",
    f"{GROUP}/Microsoft.Compute/diskEncryptionSets/own",
    f"{GROUP}/Microsoft.Network/networkSecurityGroups/again",
)
ROLES = {
    name: json.loads((ROOT / "infra" / "roles" / f"{name}.json").read_text())["actions"] for name in ("copies", "restores", "restore-sizes")
}
OPTIONAL = ("Microsoft.Compute/virtualMachines/instanceView/read", "Microsoft.Compute/virtualMachines/read", "Microsoft.Compute/disks/read")
"""Azure asks for the first where the instance view is expanded, the simulation does not; the others `copies` gives too."""


def narrow(world: World, without: str | None = None) -> None:
    """Let the app have the roles of a deployment whose restores lie in contoso-recovery, but for one action."""
    estate = world.app.platform.estate()
    for principal in estate["principals"]:
        if principal["name"] == "farshore":
            given = ((SUBSCRIPTION, "copies"), (SUBSCRIPTION, "restore-sizes"), (RECOVERY, "restores"))
            principal["roleAssignments"] = [
                {"scope": scope, "actions": [action for action in ROLES[role] if action != without]} for scope, role in given
            ]
    world.app.platform.replace_estate(estate)


def plant(world: World) -> str:
    """Let the copy be there, and an availability set, an encryption set and a security group."""
    estate = world.app.platform.estate()
    where = {"location": "northeurope"}
    estate.setdefault("availabilitySets", []).append(
        {**where, "id": SET, "sku": {"name": "Aligned"}, "properties": {"platformFaultDomainCount": 2, "platformUpdateDomainCount": 5}}
    )
    estate.setdefault("diskEncryptionSets", []).append({**where, "id": ENCRYPTION, "properties": {}})
    estate.setdefault("networkSecurityGroups", []).append({**where, "id": SECURITY, "properties": {"securityRules": []}})
    world.app.platform.replace_estate(estate)
    return plant_copies(world)[0]


def body_of(point: str) -> Json:
    """Return a drill that uses all rights."""
    one = {"source": {"restorePointId": point}, "availabilitySetId": SET, "disks": {"diskEncryptionSetId": ENCRYPTION}, "name": "again"}
    return drill([], machines=[one], network={"subnetId": ISOLATED, "networkSecurityGroupId": SECURITY})


def test_the_roles_are_enough(tmp_path: Path) -> None:
    async def story(world: World) -> None:
        point = plant(world)
        narrow(world)
        before = resources(world)
        restore = await ended(world, (await ask(world, body_of(point))).body)
        assert (restore["status"], restore["error"], restore["verified"]) == ("Succeeded", None, "agent"), restore
        assert resources(world) == before

    run_story(story, tmp_path)


@pytest.mark.parametrize("action", [one for one in (*ROLES["restores"], *ROLES["restore-sizes"]) if one not in OPTIONAL])
def test_without_one_action_a_drill_is_refused_fails_or_waits(tmp_path: Path, action: str) -> None:
    async def story(world: World) -> None:
        point = plant(world)
        narrow(world, without=action)
        body = body_of(point)
        if action.endswith("disks/delete"):  # a machine takes its disks and its interface with it
            body = drill([], machines=[{"source": {"restorePointId": point}}], kind="disks", network=None)
        if action.endswith("networkInterfaces/delete"):
            world.fault("error", status=409, code="SkuNotAvailable", method="PUT", path="virtualMachines/")
        answer = await ask(world, body)
        if answer.status == 202:
            for _ in range(60):
                await world.advance(minutes=1)
            restore = await world.get(f"/restores/{answer.body['id']}")
            code = (restore["error"] or restore["attention"] or {"code": None})["code"]
            shown = json.dumps([restore["error"], restore["attention"]])
        else:
            code, shown = answer.code, json.dumps(answer.body)
        assert code in {"AuthorizationFailed", "PartiallyRestored", "CleanUpBlocked"}, (answer, code)
        assert action.lower() in shown.lower() or code == "CleanUpBlocked", shown

    run_story(story, tmp_path)
