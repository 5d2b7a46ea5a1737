"""The provisioning state of a restore point, read without regard to case and spelling."""

from enum import StrEnum


class ProvisioningState(StrEnum):
    """Azure's documented states; `OTHER` is any state that is not documented and counts as "not finished yet"."""

    CREATING = "Creating"
    SUCCEEDED = "Succeeded"
    FAILED = "Failed"
    DELETING = "Deleting"
    OTHER = "Other"


_SPELLINGS = {
    "creating": ProvisioningState.CREATING,
    "succeeded": ProvisioningState.SUCCEEDED,
    "successful": ProvisioningState.SUCCEEDED,
    "failed": ProvisioningState.FAILED,
    "canceled": ProvisioningState.FAILED,
    "cancelled": ProvisioningState.FAILED,
    "deleting": ProvisioningState.DELETING,
}


def provisioning_state(value: str | None) -> ProvisioningState | None:
    """Return the state that Azure's text names, None where it names none; a canceled creation counts as failed."""
    if value is None:
        return None
    return _SPELLINGS.get(value.strip().lower(), ProvisioningState.OTHER)
