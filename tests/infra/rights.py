"""Who may do what where, as `infra/main.bicep` assigns it: the roles' actions, at the scopes of the assignments, by app."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from local.simulation.arm.call import Route
from local.simulation.services import SERVICES
from tests.infra.bicep import INFRA, deployed_modules, dump, is_there, known, main
from tests.support.running import Running

_APP = re.compile(r"identity\[(\d+)\]\.outputs\.principalId")


@dataclass(frozen=True, slots=True)
class Grant:
    """One role assignment: the number of the app whose identity has it, its scope, the role's name, and its actions."""

    app: int
    scope: str
    role: str
    actions: tuple[str, ...]


def grants(targets: Sequence[Mapping[str, Any]], **parameters: Any) -> list[Grant]:
    """Return the assignments of custom roles that a deployment with these `targets` makes."""
    found = []
    for module in deployed_modules(main(targets=list(targets), **parameters)):
        if module["symbol"] == "rights":
            found += _in_subscription(module["params"])
    return found


def _in_subscription(params: Mapping[str, Any]) -> list[Grant]:
    dumped = dump(INFRA / "modules" / "target-subscription.bicep", params)
    subscription = f"/subscriptions/{params['target']['subscriptionId']}"
    deployed = [item for item in dumped["resources"] if item.get("deployed") is not False]
    roles = {item["symbol"]: item["body"]["properties"] for item in deployed if item["type"].endswith("roleDefinitions")}
    found = [
        _grant(known(item["body"])["properties"], subscription, roles) for item in deployed if item["type"].endswith("roleAssignments")
    ]
    for module in deployed_modules(dumped):
        if module["symbol"] == "mayRestore":
            inner = dump(INFRA / "modules" / "group-rights.bicep", module["params"])
            (item,) = inner["resources"]
            found.append(_grant(known(item["body"])["properties"], f"{subscription}/resourceGroups/{module['item']}", roles))
            continue
        vault = module["item"]
        scope = f"{subscription}/resourceGroups/{vault['resourceGroup']}/providers/Microsoft.RecoveryServices/vaults/{vault['name']}"
        inner = dump(INFRA / "modules" / "vault-rights.bicep", module["params"])
        for item in inner["resources"]:
            if item["type"].endswith("roleAssignments"):
                assert item["scope"] == "vault", item
                found.append(_grant(known(item["body"])["properties"], scope, roles))
    return found


def _grant(assignment: Mapping[str, Any], scope: str, roles: Mapping[str, Any]) -> Grant:
    app = _APP.fullmatch(assignment["principalId"])
    assert app is not None, assignment
    role = roles[assignment["roleDefinitionId"].removesuffix(".id")]
    (permission,) = role["permissions"]
    assert permission["notActions"] == permission["dataActions"] == permission["notDataActions"] == []
    return Grant(int(app[1]), scope, str(known(role["roleName"])), tuple(permission["actions"]))


def simulated_routes() -> list[Route]:
    """Return every operation of Azure that is simulated."""
    return [route for service in SERVICES for route in service.routes]


def as_simulated(action: str) -> str:
    """Return what the simulated Azure calls an action.

    Azure has an action of its own for each list over a whole vault (`vaults/replicationNetworks/read`); the simulation may ask there for
    the one of the things below their fabrics.
    """
    return _OVER_A_VAULT.get(action.lower(), action)


_LIST = re.compile(r"/microsoft\.recoveryservices/vaults/\*/(\w+)$")
_OVER_A_VAULT = {
    f"microsoft.recoveryservices/vaults/{found[1]}/read": str(route.action)
    for route in simulated_routes()
    if route.method == "GET" and (found := _LIST.search(route.template))
}


APPS = ("copies", "failovers", "tenants")
"""The apps by their numbers, where there are three."""


SECRETS_OFFICER = "Microsoft.KeyVault/vaults/secrets/*"
"""What Key Vault Secrets Officer may do with what is in a vault."""


def role_assignments(estate: Mapping[str, Any], app: str) -> list[dict[str, Any]]:
    """Return the role assignments of one of three apps in an estate whose subscriptions and vaults are all protected."""
    vaults = [vault["id"].split("/") for vault in estate["vaults"]]
    targets = [
        {
            "subscriptionId": subscription["id"],
            "copies": True,
            "machines": True,
            "restores": [group["id"].rpartition("/")[2] for group in estate["resourceGroups"] if f"/{subscription['id']}/" in group["id"]],
            "vaults": [{"resourceGroup": vault[4], "name": vault[8]} for vault in vaults if vault[2] == subscription["id"]],
        }
        for subscription in estate["subscriptions"]
    ]
    given = grants(targets, existingVaultId=estate["vaults"][0]["id"], apps="three")
    own = [grant for grant in given if grant.app == APPS.index(app)]
    vault = next(str(each["id"]) for each in estate["keyVaults"] if str(each["id"]).endswith("/farshore"))
    secrets = {"scope": vault, "actions": [], "dataActions": [SECRETS_OFFICER]}  # a built-in role: tests/infra/test_template.py
    return [*({"scope": grant.scope, "actions": [*grant.actions, *map(as_simulated, grant.actions)]} for grant in own), secrets]


def narrow(estate: dict[str, Any]) -> None:
    """Give the app in an estate the rights of a deployment as one app, and no other; without the stand-in it keeps what the estate says."""
    if not is_there():
        return
    for principal in estate["principals"]:
        if principal["name"] == "farshore":
            principal["roleAssignments"] = [given for app in APPS for given in role_assignments(estate, app)]


def refused(stack: Running) -> list[dict[str, Any]]:
    """Return the operations that Azure has refused, for whatever reason but that a thing is not there."""
    return [row for row in stack.control("GET", "requests")["value"] if row["refused"]]
