"""Bodies that cannot be meant: the simulated Azure refuses them as Azure does, and never fails at them itself."""

import json
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from local.simulation.arm.gate import Gate
from local.simulation.arm.outcome import Outcome, Received
from local.simulation.arm.routes import Routes
from local.simulation.platform import Platform
from local.simulation.services import SERVICES
from tests.local.machines import GROUP, SUBNET, estate, interface_body, machine_body
from tests.local.simulated import START
from tests.support.draws import drawn

URL = "http://127.0.0.1:7080"
NIC = f"{GROUP}/providers/Microsoft.Network/networkInterfaces/nic"
LB = f"{GROUP}/providers/Microsoft.Network/loadBalancers/lb"
DISK = f"{GROUP}/providers/Microsoft.Compute/disks/d"
FRONT = {"name": "front", "properties": {"subnet": {"id": SUBNET}}}
NAT = {
    "protocol": "Tcp",
    "backendPort": 22,
    "frontendPortRangeStart": 5,
    "frontendPortRangeEnd": 5,
    "backendAddressPool": {"id": f"{LB}/backendAddressPools/p"},
    "frontendIPConfiguration": {"id": f"{LB}/frontendIPConfigurations/front"},
}
RULE = {
    "protocol": "Tcp",
    "sourcePortRange": "*",
    "destinationPortRange": "22",
    "sourceAddressPrefix": "*",
    "destinationAddressPrefix": "*",
    "access": "Allow",
    "priority": 100,
    "direction": "Inbound",
}
STANDARD = {"location": "westeurope", "sku": {"name": "Standard"}, "zones": [], "tags": {"a": "b"}}
GRAPH = {"query": "resources | where type =~ 'microsoft.compute/disks' | project id | order by id asc", "options": {"$top": 5}}
SYSTEM = {"osType": "Linux", "osState": "Generalized", "managedDisk": {"id": DISK}}
COPY = {"creationData": {"createOption": "Copy", "sourceResourceId": DISK}, "diskSizeGB": 99}
MACHINES, NETWORKS = f"{GROUP}/providers/Microsoft.Compute", f"{GROUP}/providers/Microsoft.Network"
ATTACH = {"dataDisksToAttach": [{"diskId": DISK, "lun": 1}], "dataDisksToDetach": [{"diskId": f"{DISK}-data"}]}
PARTS = {"frontendIPConfigurations": [FRONT], "backendAddressPools": [{"name": "p"}], "inboundNatRules": [{"name": "n", "properties": NAT}]}
GROUPS = f"{NETWORKS}/networkSecurityGroups/old"
MACHINE = machine_body(NIC, size="Standard_D4s_v5", disks=[{"lun": 1, "createOption": "Empty", "diskSizeGB": 4, "caching": "None"}])
CHANGE = {
    "tags": {"a": "b"},
    "properties": {
        "hardwareProfile": {"vmSize": "Standard_D4s_v3"},
        "storageProfile": {
            "osDisk": {"caching": "ReadOnly", "diskSizeGB": 64},
            "dataDisks": [{"lun": 0, "name": "d-data", "diskSizeGB": 64}],
        },
    },
}
IMAGE, SET = {"storageProfile": {"osDisk": SYSTEM}}, {"platformFaultDomainCount": 2}
RULES = {"securityRules": [{"name": "r", "properties": RULE}]}
#: Method, path, api-version and body of requests that could be meant.
BODIES: list[tuple[str, str, str, dict[str, Any]]] = [
    ("PUT", f"{MACHINES}/virtualMachines/vm", "2025-04-01", MACHINE),
    ("PATCH", f"{MACHINES}/virtualMachines/old", "2025-04-01", CHANGE),
    ("POST", f"{MACHINES}/virtualMachines/old/attachDetachDataDisks", "2025-04-01", ATTACH),
    ("PUT", f"{DISK}2", "2024-03-02", STANDARD | {"properties": COPY, "sku": {"name": "Premium_LRS"}}),
    ("PATCH", DISK, "2024-03-02", {"properties": {"diskSizeGB": 99}, "sku": {"name": "Premium_LRS"}}),
    ("POST", f"{DISK}/beginGetAccess", "2024-03-02", {"access": "Read", "durationInSeconds": 9}),
    ("PUT", f"{MACHINES}/images/i", "2024-07-01", STANDARD | {"properties": IMAGE}),
    ("PUT", f"{MACHINES}/availabilitySets/s", "2024-07-01", STANDARD | {"properties": SET, "sku": {"name": "Aligned"}}),
    ("PUT", NIC, "2024-05-01", interface_body(privateIPAllocationMethod="Static", privateIPAddress="10.0.0.7", group=GROUPS)),
    ("PUT", LB, "2024-05-01", STANDARD | {"properties": PARTS}),
    ("PUT", f"{LB}/inboundNatRules/n", "2024-05-01", {"properties": NAT}),
    ("PUT", f"{NETWORKS}/publicIPAddresses/a", "2024-05-01", STANDARD | {"properties": {"publicIPAllocationMethod": "Static"}}),
    ("PUT", f"{NETWORKS}/networkSecurityGroups/g", "2024-05-01", STANDARD | {"properties": RULES}),
    ("PUT", f"{GROUP}/providers/Microsoft.Authorization/locks/l", "2020-05-01", {"properties": {"level": "ReadOnly"}}),
    ("PUT", GROUP, "2021-04-01", {"location": "westeurope", "tags": {"a": "b"}}),
    ("POST", "/providers/Microsoft.ResourceGraph/resources", "2022-10-01", GRAPH),
]
WRONG: st.SearchStrategy[Any] = st.sampled_from(
    [None, 0, -1, 10**12, 1.5, True, "", "x", "/", "/subscriptions/x", [], [None], ["x"], {}, {"x": 1}, [{}], [[]]]
)


VMS = f"{GROUP}/providers/Microsoft.Compute/virtualMachines"
BALANCER = {"frontendIPConfigurations": [FRONT], "backendAddressPools": [{"name": "p", "properties": {}}]}
ESTATE = estate(
    virtualMachines=[{"id": f"{VMS}/old", "location": "westeurope", "disks": ["old-os", "d-data"]}],
    disks=[{"id": DISK, "location": "westeurope"}],
    networkInterfaces=[{"id": NIC, **interface_body()}],
    networkSecurityGroups=[{"id": GROUPS, "location": "westeurope"}],
    loadBalancers=[{"id": LB, "location": "westeurope", "sku": {"name": "Standard"}, "properties": BALANCER}],
)


@pytest.fixture(scope="module")
def platform() -> Platform:
    return Platform(estate=ESTATE, now=START)


def places(node: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Return the path of every value in a body."""
    for key, value in node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ():
        yield (*path, key)
        yield from places(value, (*path, key))


def send(platform: Platform, method: str, path: str, version: str, body: dict[str, Any]) -> Outcome:
    platform.replace_estate(ESTATE)
    token = platform.issuer.identity_token(URL, "t", "p", "https://management.azure.com/")
    request = Received(method, path, {"api-version": version}, json.dumps(body).encode(), f"Bearer {token['access_token']}", "", URL)
    return Gate(platform, Routes(SERVICES)).receive(request)


@pytest.mark.parametrize("chosen", BODIES, ids=[f"{each[0]}-{each[1].rsplit('/', 2)[1]}" for each in BODIES])
def test_what_could_be_meant_is_taken(platform: Platform, chosen: tuple[str, str, str, dict[str, Any]]) -> None:
    assert send(platform, *chosen).status < 300


@settings(max_examples=drawn(300), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(chosen=st.sampled_from(BODIES), where=st.integers(0, 10**6), wrong=WRONG)
def test_one_wrong_value(platform: Platform, chosen: tuple[str, str, str, dict[str, Any]], where: int, wrong: Any) -> None:
    method, path, version, body = chosen
    changed, found = deepcopy(body), list(places(body))
    *way, last = found[where % len(found)]
    node: Any = changed
    for step in way:
        node = node[step]
    node[last] = wrong
    outcome = send(platform, method, path, version, changed)
    assert outcome.status in (200, 201, 202, 400, 403, 404, 409, 429), (changed, outcome)
    if outcome.status >= 400:
        assert set(outcome.body["error"]) >= {"code", "message"}
