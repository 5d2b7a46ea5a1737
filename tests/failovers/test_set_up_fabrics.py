"""The fabric of a virtual network is found by its region, which Azure does not show at each read."""

import pytest

from shared.errors import CallFailure, FailureKind, Refused
from shared.failovers.set_up.snapshot import fabric_of

NETWORK = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Network/virtualNetworks/spoke"
FABRIC = {"id": "/fabrics/north", "properties": {"customDetails": {"instanceType": "Azure", "location": "North Europe"}}}


def test_a_fabric_has_its_networks_region_in_any_spelling() -> None:
    assert fabric_of([FABRIC], "networkId", NETWORK, {"location": "northeurope"}) == "/fabrics/north"


@pytest.mark.parametrize("body", [{}, {"location": None}, {"location": ""}, {"location": 3}])
def test_a_network_without_a_location_is_read_again_and_refuses_nothing(body: dict[str, object]) -> None:
    with pytest.raises(CallFailure) as caught:
        fabric_of([FABRIC], "networkId", NETWORK, body)
    assert (caught.value.kind, caught.value.code) == (FailureKind.IN_DOUBT, "NoLocation")


@pytest.mark.parametrize("body", [None, {"location": "westeurope"}])
def test_a_network_that_is_not_there_or_has_no_fabric_is_refused(body: dict[str, object] | None) -> None:
    with pytest.raises(Refused) as caught:
        fabric_of([FABRIC], "networkId", NETWORK, body)
    assert caught.value.problem.target == "networkId"
