"""No identity has more than the files in infra/roles say, and nothing is assigned that they do not say."""

import json
import re

import pytest

from shared.access.roles import Role
from tests.infra.bicep import INFRA, SUBSCRIPTION, VAULT, main, of_type, resources, tool
from tests.infra.rights import as_simulated, grants, simulated_routes

ROLES = {file.stem: json.loads(file.read_text(encoding="utf-8")) for file in sorted((INFRA / "roles").glob("*.json"))}
#: What the simulated Azure asks for of a resource that another one refers to.
LINKED = frozenset(
    f"microsoft.network/{kind}/join/action"
    for kind in (
        "networkinterfaces",
        "networksecuritygroups",
        "publicipaddresses",
        "loadbalancers/backendaddresspools",
        "virtualnetworks/subnets",
    )
)
TARGETS = [
    {
        "subscriptionId": SUBSCRIPTION,
        "copies": True,
        "machines": True,
        "restores": ["recovery"],
        "vaults": [{"resourceGroup": "recovery", "name": "vault"}],
    }
]
#: Built-in roles, and where each may be assigned: nothing of ours, and nothing at a resource group or above.
BUILT_IN = {
    "b7e6dc6d-f1e8-4753-8033-0f276bb0955b": "account",  # Storage Blob Data Owner
    "974c5e8b-45b9-4653-ba55-5f855dd0fb88": "account",  # Storage Queue Data Contributor
    "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3": "account",  # Storage Table Data Contributor
    "3913510d-42f4-4e42-8a64-420c390055eb": "insights",  # Monitoring Metrics Publisher
    "c6a89b2d-59bc-44d0-9896-0f6e12d7b80a": "senderQueues[index]",  # Storage Queue Data Message Sender
    "8a0f0c08-91a1-4084-bc3d-661d67233fed": "outcomes",  # Storage Queue Data Message Processor
    "b86a8fe4-44ce-4948-aee5-eccb2c155cd7": "vault",  # Key Vault Secrets Officer: the app's own key vault
}
_RESTORES = {"restores": 0, "restore-sizes": 0}
OF_THREE = {"76199698-9eea-4c19-bc75-cec21354c6b6": "registry"}  # Storage Table Data Reader: two of three apps read the registry


@pytest.mark.parametrize("role", ROLES)
def test_a_role_names_each_of_its_actions_in_full(role: str) -> None:
    actions = ROLES[role]["actions"]
    assert ROLES[role].keys() == {"name", "description", "actions"}
    assert actions
    assert sorted(set(actions), key=str.lower) == actions
    assert not [
        action for action in actions if "*" in action or not re.fullmatch(r"Microsoft\.\w+(/\w+)+/(read|write|delete|action)", action)
    ]


@pytest.mark.parametrize(
    ("apps", "owners"),
    [
        ("one", {"copies": 0, "failovers": 0, "failover-networks": 0, "tenants": 0, "tenant-places": 0, "tenant-machines": 0, **_RESTORES}),
        (
            "three",
            {"copies": 0, "failovers": 1, "failover-networks": 1, "tenants": 2, "tenant-places": 2, "tenant-machines": 2, **_RESTORES},
        ),
    ],
)
def test_each_identity_has_its_roles_where_it_needs_them_and_no_other(apps: str, owners: dict[str, int]) -> None:
    tool()
    subscription = f"/subscriptions/{SUBSCRIPTION}"
    scopes = {"failovers": VAULT, "tenants": VAULT, "restores": f"{subscription}/resourceGroups/recovery"}
    wanted = {(owners[name], scopes.get(name, subscription).lower(), tuple(role["actions"])) for name, role in ROLES.items()}
    assert {(grant.app, grant.scope.lower(), grant.actions) for grant in grants(TARGETS, apps=apps)} == wanted


def test_a_subscription_without_machines_gives_no_right_to_change_any() -> None:
    tool()
    for machines in ({}, {"machines": False}):
        targets = [{"subscriptionId": SUBSCRIPTION, "copies": True, "vaults": [], **machines}]
        assert not [grant for grant in grants(targets) if "Microsoft.Compute/virtualMachines/write" in grant.actions]


def test_restores_have_rights_in_the_named_groups_only() -> None:
    tool()
    without = [{"subscriptionId": SUBSCRIPTION, "copies": True, "vaults": []}]
    assert not [grant for grant in grants(without) if "Microsoft.Compute/disks/write" in grant.actions]
    named = [{**without[0], "restores": ["one", "two"]}]
    scopes = {grant.scope.rpartition("/")[2] for grant in grants(named) if "Microsoft.Compute/disks/write" in grant.actions}
    assert scopes == {"one", "two"}


def test_a_subscription_without_copies_or_without_a_vault_gives_no_such_right() -> None:
    tool()
    other = "33333333-3333-4333-8333-333333333333"
    targets = [*TARGETS, {"subscriptionId": other, "copies": False, "vaults": []}]
    assert not [grant for grant in grants(targets) if other in grant.scope]
    only_copies = [*TARGETS, {"subscriptionId": other, "copies": True, "vaults": []}]
    assert [grant.actions for grant in grants(only_copies) if other in grant.scope] == [tuple(ROLES["copies"]["actions"])]


@pytest.mark.parametrize("apps", ["one", "three"])
def test_built_in_roles_are_assigned_at_single_resources_only(apps: str) -> None:
    senders = [{"queue": "failover-requests", "principalId": SUBSCRIPTION}]
    found = list(resources(main(apps=apps, senders=senders, listeners=[SUBSCRIPTION])))
    assignments = of_type(found, "Microsoft.Authorization/roleAssignments")
    expected = BUILT_IN | (OF_THREE if apps == "three" else {})
    seen = set()
    for item in assignments:
        role = re.search(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", str(item.properties["roleDefinitionId"]))
        if role is None:
            assert item.file in {"target-subscription.bicep", "vault-rights.bicep", "group-rights.bicep"}
            continue
        seen.add(role[0])
        assert item.scope == expected[role[0]]
        assert item.properties["principalType"] == "ServicePrincipal"
    assert seen == set(expected)


def test_each_action_is_one_that_the_simulated_azure_asks_for() -> None:
    asked = {route.action.lower() for route in simulated_routes() if route.action} | LINKED
    assert [action for role in ROLES.values() for action in role["actions"] if as_simulated(action).lower() not in asked] == []


def test_the_app_roles_of_the_registration_are_those_of_the_code() -> None:
    roles = json.loads((INFRA / "entra" / "app-roles.json").read_text(encoding="utf-8"))
    assert [role["value"] for role in roles] == [str(role) for role in Role]
    assert len({role["id"] for role in roles}) == len(roles)
    people = [role["value"] for role in roles if role["allowedMemberTypes"] == ["User"]]
    assert people == [Role.FAILOVERS_APPROVE]
