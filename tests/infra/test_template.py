"""What the templates deploy is safe: no key, nothing public, encrypted on its way, and all of it is logged."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from functions.capabilities import NAMES, load
from tests.infra.bicep import INFRA, Resource, deployed_modules, dump, main, of_type, resources, tool

LAYOUTS = {
    "one app": {},
    "three apps": {"apps": "three"},
    "private": {"network": "private"},
    "three apps, private, with a vault of their own": {"apps": "three", "network": "private", "existingVaultId": ""},
}
#: Types with diagnostic settings; Application Insights has them too, but what it holds lies in the workspace already.
LOGGED = {
    "Microsoft.KeyVault/vaults",
    "Microsoft.Network/networkSecurityGroups",
    "Microsoft.Network/virtualNetworks",
    "Microsoft.OperationalInsights/workspaces",
    "Microsoft.RecoveryServices/vaults",
    "Microsoft.Storage/storageAccounts",
    "Microsoft.Storage/storageAccounts/blobServices",
    "Microsoft.Storage/storageAccounts/queueServices",
    "Microsoft.Storage/storageAccounts/tableServices",
    "Microsoft.Web/serverfarms",
    "Microsoft.Web/sites",
}
_KEY = re.compile(r"listKeys|listAccountSas|listServiceSas|AccountKey|SharedAccess|sharedKey\b|InstrumentationKey", re.IGNORECASE)


@pytest.fixture(params=LAYOUTS, ids=str)
def deployed(request: pytest.FixtureRequest) -> list[Resource]:
    """Every resource of a layout."""
    tool()
    return list(resources(main(**LAYOUTS[request.param])))


def test_there_is_no_key_anywhere(deployed: list[Resource]) -> None:
    for resource in deployed:
        assert not _KEY.search(json.dumps(resource.body)), resource
    for account in of_type(deployed, "Microsoft.Storage/storageAccounts"):
        assert account.properties["allowSharedKeyAccess"] is False
        assert account.properties["defaultToOAuthAuthentication"] is True
        assert account.properties["isLocalUserEnabled"] is False
    for settings in _app_settings(deployed):
        assert "AzureWebJobsStorage" not in settings
        assert settings["AzureWebJobsStorage__credential"] == "managedidentity"
        assert "Authorization=AAD" in settings["APPLICATIONINSIGHTS_AUTHENTICATION_STRING"]
    assert all(item.properties["DisableLocalAuth"] is True for item in of_type(deployed, "Microsoft.Insights/components"))
    workspaces = of_type(deployed, "Microsoft.OperationalInsights/workspaces")
    assert all(item.properties["features"]["disableLocalAuth"] is True for item in workspaces)
    for policy in of_type(deployed, "Microsoft.Web/sites/basicPublishingCredentialsPolicies"):
        assert policy.properties["allow"] is False


def test_no_template_asks_for_a_key_or_holds_a_secret() -> None:
    for file in INFRA.rglob("*.bicep*"):
        text = file.read_text(encoding="utf-8")
        assert not _KEY.search(text), file
        assert "@secure()" not in text, file


@pytest.mark.parametrize("file", sorted(INFRA.rglob("*.bicep")), ids=lambda file: file.stem)
def test_each_parameter_is_described_and_constrained_and_nothing_comes_from_elsewhere(file: Path) -> None:
    text = file.read_text(encoding="utf-8")
    declared = re.findall(r"((?:^(?:@|[ \])]).*\n)*)^param (\w+) (.*)$", text, re.MULTILINE)
    assert len(declared) == len(re.findall(r"^param ", text, re.MULTILINE))
    assert [name for decorators, name, _ in declared if "@description(" not in decorators] == []
    simple = [(decorators, name) for decorators, name, kind in declared if re.match(r"(string|int)\b", kind)]
    assert [name for decorators, name in simple if not re.search(r"@(allowed|min|max)", decorators)] == []
    assert not re.search(r"'(br|ts)[:/]|^extension ", text, re.MULTILINE), "a registry or an extension: it would not build offline"


def test_no_blob_is_public(deployed: list[Resource]) -> None:
    for account in of_type(deployed, "Microsoft.Storage/storageAccounts"):
        assert account.properties["allowBlobPublicAccess"] is False
    for container in of_type(deployed, "Microsoft.Storage/storageAccounts/blobServices/containers"):
        assert container.properties["publicAccess"] == "None"


@pytest.mark.parametrize("network", ["private-state", "private"])
def test_private_networking_leaves_nothing_open(network: str) -> None:
    found = list(resources(main(network=network, apps="three")))
    for kind in ("Microsoft.Storage/storageAccounts", "Microsoft.KeyVault/vaults"):
        for item in of_type(found, kind):
            assert item.properties["publicNetworkAccess"] == "Disabled"
            assert item.properties["networkAcls"]["defaultAction"] == "Deny"
    sites = of_type(found, "Microsoft.Web/sites")
    assert {site.properties["publicNetworkAccess"] for site in sites} == {"Disabled" if network == "private" else "Enabled"}
    assert all(site.properties["virtualNetworkSubnetId"] for site in sites)
    endpoints = of_type(found, "Microsoft.Network/privateEndpoints")
    services = [item.properties["privateLinkServiceConnections"][0]["properties"]["groupIds"][0] for item in endpoints]
    wanted = {"blob": 3, "queue": 3, "table": 3, "vault": 1, "sites": 3 if network == "private" else 0}
    assert {service: services.count(service) for service in wanted} == wanted


def test_azure_pack_is_reached_by_a_rule_and_name_servers_only_where_they_are_given() -> None:
    tool()
    for given in ({}, {"azurePackPrefixes": ["10.9.0.0/24"], "dnsServers": ["10.9.0.4"]}):
        found = list(resources(main(network="private", **given)))
        groups = of_type(found, "Microsoft.Network/networkSecurityGroups")
        rules = {rule["name"]: rule["properties"] for group in groups for rule in group.properties["securityRules"]}
        assert rules["nothing-else-goes-out"]["access"] == "Deny"
        assert ("to-azure-pack" in rules) is bool(given)
        (network,) = of_type(found, "Microsoft.Network/virtualNetworks")
        assert network.properties["dhcpOptions"]["dnsServers"] == given.get("dnsServers", [])
    rule = rules["to-azure-pack"]
    assert (rule["direction"], rule["access"], rule["destinationAddressPrefixes"]) == ("Outbound", "Allow", ["10.9.0.0/24"])
    assert rule["destinationPortRanges"] == ["443", "30004-30006", "30072"]
    assert rule["priority"] < rules["nothing-else-goes-out"]["priority"]


def test_each_subnet_has_addresses_of_its_own() -> None:
    tool()
    subnets = of_type(list(resources(main(network="private", apps="three"))), "Microsoft.Network/virtualNetworks/subnets")
    ranges = [str(subnet.properties["addressPrefix"]) for subnet in subnets]
    assert len(set(ranges)) == len(ranges) == 4


def test_everything_is_encrypted_on_its_way(deployed: list[Resource]) -> None:
    for account in of_type(deployed, "Microsoft.Storage/storageAccounts"):
        assert account.properties["supportsHttpsTrafficOnly"] is True
        assert account.properties["minimumTlsVersion"] in {"TLS1_2", "TLS1_3"}
    sites = of_type(deployed, "Microsoft.Web/sites")
    assert sites
    for site in sites:
        assert site.properties["httpsOnly"] is True
        config = site.properties["siteConfig"]
        assert {config["minTlsVersion"], config["scmMinTlsVersion"]} <= {"1.2", "1.3"}
        assert config["ftpsState"] == "Disabled"
        assert config["cors"]["allowedOrigins"] == []


def test_each_app_runs_as_an_identity_of_its_own(deployed: list[Resource]) -> None:
    sites = of_type(deployed, "Microsoft.Web/sites")
    identities = [list(site.body["identity"]["userAssignedIdentities"]) for site in sites]
    assert all(site.body["identity"]["type"] == "UserAssigned" for site in sites)
    assert len({str(item) for item in identities}) == len(sites)
    for site in sites:
        storage = site.properties["functionAppConfig"]["deployment"]["storage"]
        assert storage["authentication"]["type"] == "UserAssignedIdentity"
    assert len({settings["FARSHORE_CAPABILITIES"] for settings in _app_settings(deployed)}) == len(sites)
    loaded = [name for settings in _app_settings(deployed) for name in settings["FARSHORE_CAPABILITIES"].split(",")]
    assert sorted(loaded) == sorted(NAMES)


def test_each_app_has_a_storage_account_of_its_own() -> None:
    tool()
    found = list(resources(main(apps="three")))
    names = {account.body["name"] for account in of_type(found, "Microsoft.Storage/storageAccounts")}
    assert len(names) == len(of_type(found, "Microsoft.Web/sites")) == 3
    assert len({settings["AzureWebJobsStorage__queueServiceUri"] for settings in _app_settings(found)}) == 3


def test_flex_consumption_with_the_python_that_the_project_names(deployed: list[Resource]) -> None:
    assert {plan.body["sku"]["tier"] for plan in of_type(deployed, "Microsoft.Web/serverfarms")} == {"FlexConsumption"}
    for site in of_type(deployed, "Microsoft.Web/sites"):
        config = site.properties["functionAppConfig"]
        assert config["runtime"] == {"name": "python", "version": "3.13"}
        assert config["scaleAndConcurrency"]["maximumInstanceCount"] == 40
        assert config["scaleAndConcurrency"]["triggers"]["http"]["perInstanceConcurrency"] == 32


def test_callers_sign_in_before_they_reach_the_app(deployed: list[Resource]) -> None:
    found = [item for item in of_type(deployed, "Microsoft.Web/sites/config") if item.body["name"] == "authsettingsV2"]
    assert len(found) == len(of_type(deployed, "Microsoft.Web/sites"))
    for settings in found:
        asked = settings.properties["globalValidation"]
        assert asked["requireAuthentication"] is True
        assert asked["unauthenticatedClientAction"] == "Return401"
        assert asked["excludedPaths"] == _open_paths()
        entra = settings.properties["identityProviders"]["azureActiveDirectory"]
        assert entra["registration"].keys() == {"clientId", "openIdIssuer"}  # no secret: it checks tokens and asks for none
        audiences = entra["validation"]["allowedAudiences"]
        assert all(settings["AUTH_AUDIENCES"].split(",") == audiences for settings in _app_settings(deployed))


def test_everything_that_can_be_logged_is(deployed: list[Resource]) -> None:
    settings = of_type(deployed, "Microsoft.Insights/diagnosticSettings")
    logged = {(item.file, item.scope) for item in settings}
    missing = [(item.type, item.symbol) for item in deployed if item.type in LOGGED and (item.file, item.symbol) not in logged]
    assert missing == []
    assert all(item.properties["workspaceId"] for item in settings)
    assert all(entry["enabled"] for item in settings for entry in (*item.properties.get("logs", []), *item.properties.get("metrics", [])))


def test_the_audit_container_is_immutable_and_the_state_is_kept_twice(deployed: list[Resource]) -> None:
    from shared.audit import AUDIT

    containers = of_type(deployed, "Microsoft.Storage/storageAccounts/blobServices/containers")
    audits = [item for item in containers if item.body["name"] == AUDIT]
    accounts = of_type(deployed, "Microsoft.Storage/storageAccounts")
    assert len(audits) == len(accounts)
    assert all(item.properties["immutableStorageWithVersioning"] == {"enabled": True} for item in audits)
    policies = of_type(deployed, "Microsoft.Storage/storageAccounts/blobServices/containers/immutabilityPolicies")
    assert [(item.parent, item.properties["immutabilityPeriodSinceCreationInDays"]) for item in policies] == [("audit", 365)] * len(
        accounts
    )
    assert {account.body["sku"]["name"] for account in accounts} <= {"Standard_RAGRS", "Standard_RAGZRS"}
    services = of_type(deployed, "Microsoft.Storage/storageAccounts/blobServices")
    assert all(item.properties["isVersioningEnabled"] is True for item in services)


def test_each_queue_and_table_that_the_code_uses_is_made(deployed: list[Resource]) -> None:
    from shared.composition import queues_needed, tables_needed

    needed = queues_needed(load(NAMES))
    triggers = [queue for queue in needed if queue != "outcomes"]
    queues = {item.body["name"] for item in of_type(deployed, "Microsoft.Storage/storageAccounts/queueServices/queues")}
    tables = {item.body["name"] for item in of_type(deployed, "Microsoft.Storage/storageAccounts/tableServices/tables")}
    assert queues == {*needed, *(f"{queue}-poison" for queue in triggers)}
    assert tables == set(tables_needed(load(NAMES)))


@pytest.mark.parametrize("layout", ["one", "three"])
def test_each_capability_is_served_by_one_app(layout: str) -> None:
    served = [name for each in deployed_modules(main(apps=layout)) if each["symbol"] == "app" for name in each["params"]["capabilities"]]
    assert sorted(served) == sorted(NAMES)


def test_a_vault_of_our_own_keeps_what_is_deleted() -> None:
    tool()
    found = list(resources(main(existingVaultId="")))
    (vault,) = of_type(found, "Microsoft.RecoveryServices/vaults")
    security = vault.properties["securitySettings"]
    assert security["immutabilitySettings"]["state"] == "Unlocked"
    assert security["softDeleteSettings"]["softDeleteState"] == "AlwaysON"
    assert set(vault.properties["monitoringSettings"]["azureMonitorAlertSettings"].values()) == {"Enabled"}
    assert not of_type(list(resources(main())), "Microsoft.RecoveryServices/vaults")


def test_the_key_vault_cannot_be_purged_and_knows_roles_only(deployed: list[Resource]) -> None:
    (vault,) = of_type(deployed, "Microsoft.KeyVault/vaults")
    assert vault.properties["enableRbacAuthorization"] is True
    assert vault.properties["enablePurgeProtection"] is True
    assert vault.properties["enableSoftDelete"] is True


@pytest.mark.parametrize(("layout", "app"), [("one", 0), ("three", 2)])
def test_the_app_that_serves_tenants_may_use_secrets_and_no_other(layout: str, app: int) -> None:
    (module,) = [each for each in deployed_modules(main(apps=layout)) if each["symbol"] == "keyVault"]
    assert module["params"]["principalId"] == f"identity[{app}].outputs.principalId"
    dumped = dump(INFRA / "modules" / "key-vault.bicep", module["params"])
    (assignment,) = [each["body"]["properties"] for each in dumped["resources"] if each["type"].endswith("roleAssignments")]
    assert "b86a8fe4-44ce-4948-aee5-eccb2c155cd7" in str(assignment["roleDefinitionId"])  # Key Vault Secrets Officer
    urls = {each["params"]["keyVaultUrl"] for each in deployed_modules(main(apps=layout)) if each["symbol"] == "app"}
    assert urls == {"contains(part.capabilities, 'tenants') ? keyVault.outputs.url : ''"}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_names_fit(layout: str) -> None:
    tool()
    found = list(resources(main(environmentName="a" * 20, **LAYOUTS[layout])))
    for kind, most in (("Microsoft.Storage/storageAccounts", 24), ("Microsoft.KeyVault/vaults", 24), ("Microsoft.Web/sites", 60)):
        for item in of_type(found, kind):
            assert _length(item.body["name"]) <= most, (kind, item.body["name"])


def _app_settings(found: list[Resource]) -> list[Any]:
    return [item.properties for item in of_type(found, "Microsoft.Web/sites/config") if item.body["name"] == "appsettings"]


def _open_paths() -> list[str]:
    from functions.system import declared_routes

    return list(dict.fromkeys(f"/api{route.path}" for route in declared_routes(()) if route.needed is None))


def _length(name: str) -> int:
    """The length of a name of which some is computed: `uniqueString` gives 13 letters, `take` as many as its number."""
    text = name.strip("'")
    text = re.sub(r"\$\{take\('([^']*)', (\d+)\)\}", lambda found: found[1][: int(found[2])], text)
    text = re.sub(r"\$\{take\(uniqueString\([^}]*?\), (\d+)\)\}", lambda found: "x" * int(found[1]), text)
    text = re.sub(r"\$\{uniqueString\([^}]*\)\}", "x" * 13, text)
    text = re.sub(r"\$\{'([^']*)'\}", r"\1", text)
    assert "${" not in text, text
    return len(text)
