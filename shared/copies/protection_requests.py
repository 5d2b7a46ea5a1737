"""What a request about protection means: the values by which the list is filtered."""

from typing import TYPE_CHECKING, Any

from shared.copies.copying.models import normal_region
from shared.copies.policy_requests import TENANT
from shared.copies.requests import vm_key
from shared.values.reading import is_guid
from shared.web.calls import Call
from shared.web.lists import PAGING
from shared.web.requests import QueryParameter

if TYPE_CHECKING:
    from shared.copies.protection.pages import ProtectionFilter


def _guid(text: str) -> str:
    if not is_guid(text):
        raise ValueError("This must be the GUID of a subscription.")
    return text.lower()


STATES = ("orphan", "unprotected", "breached", "pending", "protected")
FILTERS = (
    TENANT,
    QueryParameter("state", "VMs in this state only.", values=STATES),
    QueryParameter("region", "VMs with a target in this region only.", check=normal_region),
    QueryParameter("policy", "VMs that the policy of this name covers only.", max_length=63),
    QueryParameter("virtualMachineId", "This VM only.", check=vm_key),
    QueryParameter("subscriptionId", "VMs of this subscription only.", check=_guid),
    QueryParameter("drift", "Only VMs of which the ledger and Azure differ.", values=("true", "false")),
    *PAGING.parameters,
)


def filter_of(call: Call[Any]) -> "ProtectionFilter":
    """Return which VMs a list shows."""
    from shared.copies.protection.pages import ProtectionFilter

    query = call.query
    return ProtectionFilter(
        state=query.get("state"),
        region=normal_region(query["region"]) if "region" in query else None,
        policy=query.get("policy"),
        virtual_machine_id=vm_key(query["virtualMachineId"]) if "virtualMachineId" in query else None,
        subscription_id=query["subscriptionId"].lower() if "subscriptionId" in query else None,
        drift=query.get("drift") == "true",
    )
