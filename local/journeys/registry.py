"""The journeys of `python3 -m local demo NAME`."""

from collections.abc import Callable, Mapping
from typing import Final

from local.journeys.failover import fail_over_and_back
from local.stack import StackOptions

#: Each journey takes the ports of a running stack and returns an exit code.
JOURNEYS: Final[Mapping[str, Callable[[StackOptions], int]]] = {"failover": fail_over_and_back}
#: Journeys that are named and not built yet.
TO_COME: Final[Mapping[str, str]] = {
    "tenant": "a tenant's virtual machines",
    "datacenter": "a virtual data center on Azure Pack",
}
