"""What happens by itself as simulated time passes: synchronisations end, deletions go on, jobs end. Pure: returns changes."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from local.simulation.arm.tables import Change, Json
from local.simulation.azure_pack import jobs
from local.simulation.azure_pack.quotas import limits_of
from local.simulation.azure_pack.state import AzurePackState
from local.simulation.faults.fault import Fault
from local.simulation.times import from_text, to_text

IN_SYNC, SYNCING, OUT_OF_SYNC = 0, 1, 2
SYNC_FAULTS = frozenset({"slowSync", "outOfSync"})


def settle(state: AzurePackState, now: datetime) -> tuple[Change, ...]:
    """Return the changes that are due."""
    return (*jobs.settle(state, now), *_subscriptions(state, now), *_add_ons(state, now))


def syncing(state: AzurePackState, row: Json, now: datetime, fault: Fault | None, *, activation: bool = False) -> Json:
    """Return a subscription or an add-on whose synchronisation begins now, with what a fault does to it."""
    lasts = timedelta(seconds=float(state.setting("syncSeconds")))
    if fault is not None and fault.kind == "slowSync":
        lasts = fault.length("delay", "PT10M")
    failed = (
        fault.text("message", "A resource provider did not take the quota.") if fault is not None and fault.kind == "outOfSync" else None
    )
    states = {"QuotaSyncState": SYNCING} | ({"ActivationSyncState": SYNCING} if activation else {})
    return _with_states(row, states) | {"_sync": {"ends": to_text(now + lasts), "error": failed}}


def _with_states(row: Json, states: Json) -> Json:
    """Return a subscription or an add-on with these states, which its services show too."""
    services = [service | states for service in row.get("Services") or []]
    return row | states | ({"Services": services} if services else {})


def _subscriptions(state: AzurePackState, now: datetime) -> Iterator[Change]:
    for row in list(state.subscriptions.values()):
        if "_deleting" in row:
            yield from _deletion(state, row, now)
        elif (ended := _sync_ended(row, now)) is not None:
            yield state.put(
                "subscriptions", ended if ended["QuotaSyncState"] == OUT_OF_SYNC else ended | {"_inForce": limits_of(state, row)}
            )


def _add_ons(state: AzurePackState, now: datetime) -> Iterator[Change]:
    for row in list(state.add_ons.values()):
        if (ended := _sync_ended(row, now)) is not None:
            yield state.put("addOns", ended)


def _sync_ended(row: Json, now: datetime) -> Json | None:
    sync = row.get("_sync")
    if sync is None or from_text(sync["ends"]) > now:
        return None
    ended = {name: value for name, value in row.items() if name != "_sync"}
    if sync["error"] is not None:
        return _with_states(ended, {"QuotaSyncState": OUT_OF_SYNC}) | {"LastErrorMessage": sync["error"]}
    return _with_states(ended, {"QuotaSyncState": IN_SYNC, "ActivationSyncState": IN_SYNC}) | {"LastErrorMessage": None}


def _deletion(state: AzurePackState, row: Json, now: datetime) -> Iterator[Change]:
    deleting = row["_deleting"]
    if deleting["stuck"] or from_text(deleting["earliest"]) > now:
        return
    machines = state.machines_of(row["SubscriptionID"])
    if machines and not deleting["force"]:
        message = f"The resource provider systemcenter still has {len(machines)} virtual machines of the subscription."
        if row.get("LastErrorMessage") != message:
            yield state.put("subscriptions", row | {"LastErrorMessage": message})
        return
    for machine in machines:
        yield state.put_entity("VirtualMachines", machine | {"Owner": None, "_orphanOf": row["SubscriptionID"]})
    yield state.remove("subscriptions", row)
    for certificate in list(state.certificates.values()):
        if certificate["subscription"] == row["SubscriptionID"].lower():
            yield state.remove("certificates", certificate)
