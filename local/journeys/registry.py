"""The journeys of `python3 -m local demo NAME`."""

from collections.abc import Callable, Mapping
from typing import Final

from local.journeys.data_center import order_and_delete
from local.journeys.failover import fail_over_and_back
from local.journeys.policies import show_policies
from local.journeys.tenant import tenant_and_machine
from local.stack import StackOptions

#: Each journey takes the ports of a running stack and returns an exit code.
JOURNEYS: Final[Mapping[str, Callable[[StackOptions], int]]] = {
    "failover": fail_over_and_back,
    "tenant": tenant_and_machine,
    "policies": show_policies,
    "datacenter": order_and_delete,
}
