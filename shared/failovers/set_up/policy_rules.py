"""The write that makes a replication policy as requested: what a request leaves out of an existing policy keeps its value.

Azure resets members that an update leaves out, so an update sends the values that the policy has, with those of the request over them.
"""

from collections.abc import Mapping
from typing import Any

from shared.arm.reading import id_key
from shared.failovers.set_up.requests import IMMEDIATELY, PolicyRequest
from shared.failovers.set_up.rules import Write
from shared.failovers.vault.limits import MAX_RECOVERY_POINT_HOURS
from shared.failovers.vault.names import Provider
from shared.values.reading import Json, an_object, text, texts, whole

Body = dict[str, Any]

_DEFAULTS: Mapping[Provider, Body] = {
    Provider.HYPER_V_REPLICA_AZURE: {
        "replicationInterval": 300,
        "recoveryPointHistoryDuration": 24,
        "applicationConsistentSnapshotFrequencyInHours": 0,
        "onlineReplicationStartTime": None,
    },
    Provider.A2A: {
        "recoveryPointHistory": 24 * 60,
        "appConsistentFrequencyInMinutes": 0,
        "crashConsistentFrequencyInMinutes": 5,
        "multiVmSyncStatus": "Enable",
    },
}
_SWITCHES = {"enabled": "Enable", "disabled": "Disable"}
"""Azure answers `Enabled` where its input is `Enable`."""


def provider_of(request: PolicyRequest, existing: Json | None) -> Provider | None:
    """Return the provider of a policy: the requested one, else that of the existing policy, else Hyper-V.

    None is an existing policy of a provider that cannot be set up here.
    """
    if request.provider is not None:
        return Provider(request.provider)
    found = text(_details(existing), "instanceType")
    if found is None:
        return Provider.HYPER_V_REPLICA_AZURE
    return next((one for one in MAX_RECOVERY_POINT_HOURS if one.lower() == found.lower()), None)


def spacing_fault(request: PolicyRequest, settings: Body) -> tuple[str, str] | None:
    """Return the field and the reason where application-consistent points would be farther apart than they are kept, else None.

    `settings` is what would be sent: one of the two values may be that of the existing policy.
    """
    between, (kept, every) = request.application_consistent_snapshot_hours, _minutes(settings)
    if kept is None or every is None or every <= kept or (between is None and request.recovery_point_hours is None):
        return None
    field = "recoveryPointHours" if between is None else "applicationConsistentSnapshotHours"
    message = f"Application-consistent recovery points every {every} minutes are farther apart than the {kept} minutes that they are kept."
    return field, message


def settings_of(request: PolicyRequest, provider: Provider, existing: Json | None) -> Body:
    """Return the provider-specific input of a policy, of its creation and of its update alike."""
    known = dict(_DEFAULTS[provider]) if existing is None else _known(provider, _details(existing))
    return {"instanceType": provider.value, **known, **_requested(request, provider)}


def put_policy(policy_id: str, request: PolicyRequest, provider: Provider, existing: Json | None) -> Write | None:
    """Return the write that makes a policy as requested, or None where it is so; `existing` is the policy as Azure has it."""
    settings = settings_of(request, provider, existing)
    if existing is None:
        return Write("PUT", policy_id, policy_id, "replication policy", {"properties": {"providerSpecificInput": settings}})
    known = _known(provider, _details(existing))
    if all(_same(member, value, known.get(member)) for member, value in _requested(request, provider).items()):
        return None
    return Write("PATCH", policy_id, policy_id, "replication policy", {"properties": {"replicationProviderSettings": settings}})


def _requested(request: PolicyRequest, provider: Provider) -> Body:
    """Return the members of the provider-specific input that a request names."""
    kept, between = request.recovery_point_hours, request.application_consistent_snapshot_hours
    if provider is Provider.A2A:
        return _given(
            recoveryPointHistory=None if kept is None else kept * 60,
            appConsistentFrequencyInMinutes=None if between is None else between * 60,
        )
    found = _given(
        replicationInterval=request.copy_frequency_seconds,
        recoveryPointHistoryDuration=kept,
        applicationConsistentSnapshotFrequencyInHours=between,
        storageAccounts=[request.storage_account_id] if request.storage_account_id else None,
    )
    if request.start_at is not None:
        found["onlineReplicationStartTime"] = None if request.start_at == IMMEDIATELY else request.start_at
    return found


def _known(provider: Provider, details: Json) -> Body:
    """Return the input that would leave a policy as it is; what Azure does not report is left out."""
    if provider is Provider.A2A:
        switch = (text(details, "multiVmSyncStatus") or "").lower()
        return _given(
            recoveryPointHistory=whole(details, "recoveryPointHistory"),
            appConsistentFrequencyInMinutes=whole(details, "appConsistentFrequencyInMinutes"),
            crashConsistentFrequencyInMinutes=whole(details, "crashConsistentFrequencyInMinutes"),
            # the specification requires this member
            multiVmSyncStatus=_SWITCHES.get(switch, "Disable" if switch == "disable" else "Enable"),
        )
    account = text(details, "activeStorageAccountId")
    return {
        **_given(
            replicationInterval=whole(details, "replicationInterval"),
            recoveryPointHistoryDuration=whole(details, "recoveryPointHistoryDurationInHours"),
            applicationConsistentSnapshotFrequencyInHours=whole(details, "applicationConsistentSnapshotFrequencyInHours"),
            storageAccounts=[account] if account else None,
        ),
        "onlineReplicationStartTime": text(details, "onlineReplicationStartTime"),
    }


def _same(member: str, requested: object, known: object) -> bool:
    if member == "storageAccounts":
        left, right = ([id_key(one) for one in texts({"ids": value}, "ids") or ()] for value in (requested, known))
        return left == right
    return requested == known


def _minutes(settings: Body) -> tuple[int | None, int | None]:
    """Return how long recovery points are kept and how far apart application-consistent ones are, in minutes."""
    if settings["instanceType"] == Provider.A2A:
        return settings.get("recoveryPointHistory"), settings.get("appConsistentFrequencyInMinutes")
    kept, between = settings.get("recoveryPointHistoryDuration"), settings.get("applicationConsistentSnapshotFrequencyInHours")
    return None if kept is None else kept * 60, None if between is None else between * 60


def _details(policy: Json | None) -> Json:
    return an_object(an_object(policy or {}, "properties"), "providerSpecificDetails")


def _given(**members: object) -> Body:
    return {name: value for name, value in members.items() if value is not None}
