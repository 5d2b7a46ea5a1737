"""Replication policies: requests, checked, and the details that Azure shows (docs/azure/site-recovery.md, "Providers")."""

import re
from collections.abc import Mapping
from typing import Any

from local.simulation.arm.errors import ArmError
from local.simulation.arm.tables import Json
from local.simulation.recovery_services.inputs import wrong
from local.simulation.recovery_services.names import Provider

#: 24 is none of the documented values; Azure took it (recorded in 2023).
_FREQUENCIES = (24, 30, 300, 900)
_TIME = re.compile(r"([01]\d|2[0-3]):[0-5]\d(:[0-5]\d)?")


def details(given: Mapping[str, Any]) -> Json:
    """Return the `providerSpecificDetails` of a policy; raises `ArmError` 400 for what Azure does not take."""
    kind = str(given.get("instanceType") or "")
    make = _MAKERS.get(kind.lower())
    if make is None:
        raise wrong("providerSpecificInput.instanceType", f"'{kind}' is not one of {', '.join(_NAMES)}.")
    return make(given)


def _hyper_v_to_azure(given: Mapping[str, Any]) -> Json:
    frequency = _whole(given, "replicationInterval", 300)
    if frequency not in _FREQUENCIES:
        raise _wrong("replicationInterval", "It must be 30, 300 or (an old one) 900 seconds.")
    history = _between(given, "recoveryPointHistoryDuration", 0, 24, 24)
    snapshots = _between(given, "applicationConsistentSnapshotFrequencyInHours", 0, 12, 0)
    if history and snapshots > history:
        raise _wrong(
            "applicationConsistentSnapshotFrequencyInHours", "It must not be more than the hours for which recovery points are kept."
        )
    accounts = given.get("storageAccounts") or []
    if not isinstance(accounts, list) or len(accounts) > 1:
        raise _wrong("storageAccounts", "It must be a list with one storage account at most.")
    return {
        "instanceType": Provider.HYPER_V_TO_AZURE.value,
        "recoveryPointHistoryDurationInHours": history,
        "applicationConsistentSnapshotFrequencyInHours": snapshots,
        "replicationInterval": frequency,
        "onlineReplicationStartTime": _start(given),
        "encryption": "Disabled",
        "activeStorageAccountId": str(accounts[0]) if accounts else None,
    }


def _hyper_v(given: Mapping[str, Any]) -> Json:
    frequency = _whole(given, "replicationFrequencyInSeconds", 300)
    if frequency not in _FREQUENCIES:
        raise _wrong("replicationFrequencyInSeconds", "It must be 30, 300 or 900 seconds.")
    return {
        "instanceType": Provider.HYPER_V.value,
        "replicationFrequencyInSeconds": frequency,
        "recoveryPoints": _between(given, "recoveryPoints", 0, 24, 4),
        "applicationConsistentSnapshotFrequencyInHours": _between(given, "applicationConsistentSnapshotFrequencyInHours", 0, 12, 0),
        "compression": str(given.get("compression") or "Enabled"),
        "initialReplicationMethod": str(given.get("initialReplicationMethod") or "OverNetwork"),
        "onlineReplicationStartTime": _start(given),
        "replicationPort": _whole(given, "replicationPort", 8083),
        "allowedAuthenticationType": _whole(given, "allowedAuthenticationType", 1),
        "replicaDeletionOption": str(given.get("replicaDeletion") or "NotRequired"),
    }


def _a2a(given: Mapping[str, Any]) -> Json:
    return {
        "instanceType": Provider.A2A.value,
        "recoveryPointHistory": _between(given, "recoveryPointHistory", 0, 15 * 1440, 1440),
        "recoveryPointThresholdInMinutes": 60,
        "appConsistentFrequencyInMinutes": _between(given, "appConsistentFrequencyInMinutes", 0, 720, 240),
        "crashConsistentFrequencyInMinutes": _between(given, "crashConsistentFrequencyInMinutes", 5, 60, 5),
        "multiVmSyncStatus": "Enabled" if str(given.get("multiVmSyncStatus")).lower() in ("enable", "enabled") else "Disabled",
    }


def _rcm(given: Mapping[str, Any]) -> Json:
    return {
        "instanceType": Provider.RCM.value,
        "recoveryPointHistoryInMinutes": _between(given, "recoveryPointHistoryInMinutes", 0, 15 * 1440, 1440),
        "appConsistentFrequencyInMinutes": _between(given, "appConsistentFrequencyInMinutes", 0, 720, 240),
        "crashConsistentFrequencyInMinutes": _between(given, "crashConsistentFrequencyInMinutes", 5, 60, 5),
        "enableMultiVmSync": str(given.get("enableMultiVmSync") or "false").lower(),
    }


_MAKERS = {"hypervreplicaazure": _hyper_v_to_azure, "hypervreplica2012r2": _hyper_v, "a2a": _a2a, "inmagercm": _rcm}
_NAMES = (Provider.HYPER_V_TO_AZURE, Provider.HYPER_V, Provider.A2A, Provider.RCM)


def _wrong(member: str, reason: str) -> ArmError:
    return wrong(f"providerSpecificInput.{member}", reason)


def _whole(given: Mapping[str, Any], member: str, default: int) -> int:
    value = given.get(member, default)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, int):
        raise _wrong(member, "It must be a whole number.")
    return value


def _between(given: Mapping[str, Any], member: str, least: int, most: int, default: int) -> int:
    value = _whole(given, member, default)
    if not least <= value <= most:
        raise _wrong(member, f"It must lie between {least} and {most}.")
    return value


def _start(given: Mapping[str, Any]) -> str | None:
    value = given.get("onlineReplicationStartTime")
    if value in (None, "", "Immediate"):
        return None
    if not _TIME.fullmatch(str(value)):
        raise _wrong("onlineReplicationStartTime", "It must be a time of the day such as 22:30, or null for immediately.")
    return str(value)
