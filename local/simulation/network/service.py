"""The routes of Microsoft.Network, and its registration."""

from local.simulation.arm.call import Route
from local.simulation.arm.service import Service
from local.simulation.network import responses
from local.simulation.network.models import NetworkState

_VERSIONS = (
    *("2021-02-01", "2021-05-01", "2021-08-01", "2022-01-01", "2022-05-01", "2022-07-01", "2022-09-01", "2022-11-01", "2023-02-01"),
    *("2023-04-01", "2023-05-01", "2023-06-01", "2023-09-01", "2023-11-01", "2024-01-01", "2024-03-01", "2024-05-01", "2024-07-01"),
    *("2024-10-01", "2025-01-01", "2025-03-01", "2025-05-01"),
)
_ACTION = f"{responses.NETWORK}/read"
_TYPE = "providers/microsoft.network/virtualnetworks"

ROUTES = tuple(
    Route("GET", template, operation, _ACTION, handle, responses.NETWORK, _VERSIONS)
    for template, operation, handle in (
        (f"/subscriptions/*/resourcegroups/*/{_TYPE}/*", "VirtualNetworks_Get", responses.get_network),
        (f"/subscriptions/*/resourcegroups/*/{_TYPE}", "VirtualNetworks_List", responses.list_networks),
        (f"/subscriptions/*/{_TYPE}", "VirtualNetworks_ListAll", responses.list_networks),
    )
)

SERVICE = Service("Microsoft.Network", ROUTES, NetworkState, lists=("virtualNetworks",))
