"""The journeys of `python3 -m local demo NAME`."""

from collections.abc import Callable, Mapping
from typing import Final

from local.journeys.failover import fail_over_and_back
from local.journeys.policies import show_policies
from local.journeys.tenant import tenant_and_machine
from local.stack import StackOptions

#: Each journey takes the ports of a running stack and returns an exit code.
JOURNEYS: Final[Mapping[str, Callable[[StackOptions], int]]] = {
    "failover": fail_over_and_back,
    "tenant": tenant_and_machine,
    "policies": show_policies,
}
#: Journeys that are named and not built yet.
TO_COME: Final[Mapping[str, str]] = {
    "datacenter": "a virtual data center on Azure Pack",
}
