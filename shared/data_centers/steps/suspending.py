"""The steps of a suspension and of a resume: exactly the machines that ran are started again.

recording ► machines ► suspending ► sweeping            activating ► activation ► starting
"""

from dataclasses import dataclass
from typing import Final

from shared.access.registry import Registry
from shared.azure_pack.subscriptions import SubscriptionState, SyncState
from shared.clock import to_text
from shared.data_centers.gateway import is_unreadable
from shared.data_centers.records.record import DataCenter, DataCenterState, Suspension
from shared.data_centers.records.state import MachineWork, Watch
from shared.data_centers.requests import ResumeRequest, SuspendRequest
from shared.data_centers.rules.power import FIRST, Goal, PowerCall
from shared.data_centers.rules.suspension import SeenMachine, is_complete, to_start, to_stop, with_seen, with_started
from shared.data_centers.steps.claim import DataCenterClaim
from shared.data_centers.steps.machines import LOOK_AGAIN, is_suspended, seen, seen_if_suspended, work_on, works
from shared.data_centers.steps.quotas import watch
from shared.errors import CallFailure, ErrorCode, Problem
from shared.installations.document import AfterSuspension, InstallationRequest
from shared.installations.machine_states import PowerState
from shared.operations.model.models import Intent
from shared.operations.running.outcomes import Next, Outcome, Wait

_MOST_SHOWN: Final = 50


@dataclass(frozen=True, slots=True)
class SuspensionSteps:
    """The steps; `registry` has the tenants' own settings."""

    registry: Registry

    # suspend

    async def recording(self, dc: DataCenterClaim) -> Outcome:
        """Record which machines run, before the first is stopped."""
        if dc.record.state is DataCenterState.FAILED:
            return dc.ended(Problem(ErrorCode.NOT_FOUND, "The data center was not found.", "target"))
        found = await self._seen(dc)
        if self._is_changing(dc, found):
            return Wait(dc.clock.now() + LOOK_AGAIN)
        how = await self.after_suspension(dc)
        record = await self._opened(dc, how)
        await dc.tools.subscriptions.close(dc.record.installation, str(dc.subscription), dc.record.tenant)
        await dc.tools.store.change_suspension(dc.record, record.id, lambda one: with_seen(one, found))
        stopping = [(one.id, one.stamp_id, one.name) for one in to_stop(found)]
        dc.detail.machines = works(stopping, Goal.STOPPED, FIRST[how], dc)
        dc.state.changed = dc.state.changed or bool(stopping) or dc.record.state is not DataCenterState.SUSPENDED
        return Next("machines")

    async def _seen(self, dc: DataCenterClaim) -> tuple[SeenMachine, ...]:
        """Return the machines; none where Azure Pack shows none of a subscription that is suspended already, which `sweeping` notes."""
        try:
            return await seen_if_suspended(dc)
        except CallFailure as failure:
            if not is_unreadable(failure) or not await is_suspended(dc):
                raise
            return ()

    async def machines(self, dc: DataCenterClaim) -> Outcome:
        """Stop the machines that run."""
        return await work_on(dc) or Next("suspending")

    async def suspending(self, dc: DataCenterClaim) -> Outcome:
        """Suspend the subscription."""
        found = await dc.gateway.subscription(dc.subscription)
        if found is not None and found.state is not SubscriptionState.SUSPENDED:

            async def there(_intent: Intent) -> bool:
                now = await dc.gateway.subscription(dc.subscription)
                return now is not None and now.state is SubscriptionState.SUSPENDED

            reason = "a subscription that is suspended is suspended by a second call too"
            await dc.once("suspend", lambda: dc.gateway.suspend(dc.subscription), there, reason)
        return Next("sweeping")

    async def sweeping(self, dc: DataCenterClaim) -> Outcome:
        """Stop what was started meanwhile, and record it as running; then the data center is suspended."""
        record = await self._opened(dc, await self.after_suspension(dc))
        try:
            found = await seen(dc)
        except CallFailure as failure:
            if not is_unreadable(failure):
                raise
            dc.detail.notes = ("The machines could not be listed after the suspension; what was started meanwhile runs on.",)
            found = ()
        known = {one.id for one in dc.detail.machines or ()}
        late = [one for one in to_stop(found) if one.id not in known]
        if late:
            await dc.tools.store.change_suspension(dc.record, record.id, lambda one: with_seen(one, late))
            more = works([(one.id, one.stamp_id, one.name) for one in late], Goal.STOPPED, FIRST[record.operation], dc)
            dc.detail.machines = (*(dc.detail.machines or ()), *more)
        waits = await work_on(dc)
        return waits or await self._suspended(dc, record)

    async def _suspended(self, dc: DataCenterClaim, record: Suspension) -> Outcome:
        at = to_text(dc.clock.now())
        record = await dc.tools.store.change_suspension(
            dc.record, record.id, lambda one: one if one.suspended_at else one.model_copy(update={"suspended_at": at})
        )
        await dc.write(state=DataCenterState.SUSPENDED)
        return _finished(dc, record, ErrorCode.MACHINES_NOT_STOPPED)

    async def _opened(self, dc: DataCenterClaim, how: AfterSuspension) -> Suspension:
        """Return the open record of the data center, which is begun where there is none."""
        if dc.record.suspension_id is not None:
            known = await dc.tools.store.suspension(dc.record, dc.record.suspension_id)
            if known is not None:
                return known.document
        actor, request = dc.claim.operation.actor, dc.request(SuspendRequest)
        begun = Suspension(id=dc.id, begun_at=to_text(dc.clock.now()), by=actor.name or actor.id, reason=request.reason, operation=how)
        stored = await dc.tools.store.begin_suspension(dc.record, begun)
        await dc.write(suspension_id=stored.document.id)
        return stored.document

    def _is_changing(self, dc: DataCenterClaim, found: tuple[SeenMachine, ...]) -> bool:
        """Return whether a machine is in transition, for which a suspension waits so long as one may take."""
        changing = any(one.state is PowerState.CHANGING for one in found)
        since = dc.state.watched_since
        if changing and since is None:
            dc.state.watched_since = since = dc.clock.now()
        return changing and since is not None and dc.clock.now() - since < dc.settings.defaults.machine_timeout

    async def after_suspension(self, dc: DataCenterClaim) -> AfterSuspension:
        """Return what happens to machines: as the call has it, else the data center, the tenant, the installation."""
        asked = dc.request(SuspendRequest).operation_after_suspension
        return asked or (await settings_of(dc.record, dc.settings, self.registry))[0]

    # resume

    async def activating(self, dc: DataCenterClaim) -> Outcome:
        """Make the subscription active."""
        found = await dc.gateway.subscription(dc.subscription)
        if found is None:
            return dc.ended(Problem(ErrorCode.NOT_FOUND, "The subscription was not found at the installation.", "subscriptionId"))
        if found.state is SubscriptionState.ACTIVE and found.activation_sync_state is SyncState.IN_SYNC:
            return Next("starting")
        dc.state.changed = True

        async def there(_intent: Intent) -> bool:
            now = await dc.gateway.subscription(dc.subscription)
            return now is not None and now.state is SubscriptionState.ACTIVE

        if found.state is not SubscriptionState.ACTIVE or dc.claim.intends("activate"):
            reason = "a subscription that is active is made active by a second call too"
            await dc.once("activate", lambda: dc.gateway.activate(dc.subscription), there, reason)
        return watch(dc, Watch.ACTIVATION, "starting")

    async def starting(self, dc: DataCenterClaim) -> Outcome:
        """Start the machines that ran, and no other; then the record is closed."""
        record = await self._record(dc)
        if record is None or not await self._starts(dc):
            return await self._resumed(dc, record, ())
        if dc.detail.machines is None:
            chosen = [(one.id, one.stamp_id, one.name) for one in to_start(record)]
            dc.detail.machines = works(chosen, Goal.STARTED, PowerCall.START, dc)
            dc.state.changed = dc.state.changed or bool(chosen)
        waits = await work_on(dc)
        return waits or await self._resumed(dc, record, dc.detail.machines)

    async def _record(self, dc: DataCenterClaim) -> Suspension | None:
        if dc.record.suspension_id is None:
            return None
        found = await dc.tools.store.suspension(dc.record, dc.record.suspension_id)
        return found.document if found is not None else None

    async def _starts(self, dc: DataCenterClaim) -> bool:
        asked = dc.request(ResumeRequest).start_on_resume
        return (await settings_of(dc.record, dc.settings, self.registry))[1] if asked is None else asked

    async def _resumed(self, dc: DataCenterClaim, record: Suspension | None, machines: tuple[MachineWork, ...]) -> Outcome:
        """Note what was started; the record is closed once nothing is left, or nothing is to be started."""
        if record is None:
            dc.detail.notes = ("There is no record of a suspension: the subscription was made active, and nothing was started.",)
            await self._opened_to_tenant(dc)
            return _finished(dc, None, ErrorCode.MACHINES_NOT_STARTED)
        started, all_of_them = [one.id for one in machines if one.done], await self._starts(dc)
        errors = {one.id: one.error for one in machines if one.error is not None}
        at = to_text(dc.clock.now())

        def close(one: Suspension) -> Suspension:
            noted = with_started(one, started)
            kept = tuple(m.model_copy(update={"error": errors[m.id]}) if m.id in errors else m for m in noted.machines)
            noted = noted.model_copy(update={"machines": kept})
            closed = not all_of_them or is_complete(noted)
            return noted.model_copy(update={"closed_at": noted.closed_at or at}) if closed else noted

        record = await dc.tools.store.change_suspension(dc.record, record.id, close)
        if record.closed_at is not None:
            await dc.tools.store.close_suspension(dc.record, record)
        await self._opened_to_tenant(dc, suspension_id=None if record.closed_at else record.id)
        return _finished(dc, record, ErrorCode.MACHINES_NOT_STARTED)

    async def _opened_to_tenant(self, dc: DataCenterClaim, **changes: object) -> None:
        """Let the tenant change its machines again; the data center is active."""
        await dc.tools.subscriptions.open(dc.record.installation, str(dc.subscription), dc.record.tenant)
        await dc.write(state=DataCenterState.ACTIVE, **changes)


async def settings_of(record: DataCenter, settings: InstallationRequest, registry: Registry) -> tuple[AfterSuspension, bool]:
    """Return what happens to a data center's machines after a suspension, and whether a resume starts them."""
    tenant = await registry.by_name(record.tenant)
    own = tenant.settings.data_centers if tenant is not None else None
    how = record.operation_after_suspension or (AfterSuspension(own.operation_after_suspension) if own else None)
    starts = record.start_on_resume if record.start_on_resume is not None else (own.start_on_resume if own else None)
    defaults = settings.defaults
    return how or defaults.operation_after_suspension, defaults.start_on_resume if starts is None else starts


def _finished(dc: DataCenterClaim, record: Suspension | None, code: ErrorCode) -> Outcome:
    """Return the end: one that left machines undone fails, and names each; the data center is suspended, or active, all the same."""
    machines = dc.detail.machines or ()
    failed = [one for one in machines if one.error is not None]
    ran = sum(one.ran for one in record.machines) if record is not None else 0
    total = len(record.machines) if record is not None else 0
    result: dict[str, object] = {
        "machines": {"total": total, "ran": ran, "done": sum(one.done for one in machines), "left": len(failed)},
        "failed": [_shown(one) for one in failed[:_MOST_SHOWN]],
        "suspension": record.id if record is not None else None,
        "how": {one.name: str(one.last) for one in machines[:_MOST_SHOWN] if one.done and one.last is not None and one.last is not one.how},
        "notes": list(dc.detail.notes or ()),
    }
    if not failed:
        return dc.ended(None, **result)
    names = ", ".join(one.name for one in failed[:10])
    done = "stopped" if code is ErrorCode.MACHINES_NOT_STOPPED else "started"
    details = tuple(one.error for one in failed[:_MOST_SHOWN] if one.error is not None)
    return dc.ended(Problem(code, f"{len(failed)} machines could not be {done}: {names}.", None, details), **result)


def _shown(one: MachineWork) -> dict[str, object]:
    return {"id": one.id, "name": one.name, "error": one.error.as_json() if one.error is not None else None}
