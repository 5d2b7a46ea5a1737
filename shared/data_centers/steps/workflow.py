"""The workflow of data centers: the steps of its six actions, each behind the turn of its data center."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from shared.access.registry import Registry
from shared.data_centers.admission import Admitting
from shared.data_centers.passwords.one_time import OneTimeSecrets
from shared.data_centers.records.state import Watch
from shared.data_centers.steps import changing, deleting
from shared.data_centers.steps.claim import DataCenterClaim, Run, Tools, step
from shared.data_centers.steps.following import Following
from shared.data_centers.steps.ordering import UNDOING, OrderSteps, make_account, welcome
from shared.data_centers.steps.quotas import following, watch
from shared.data_centers.steps.suspending import SuspensionSteps
from shared.data_centers.steps.turns import Turns
from shared.data_centers.steps.undoing import undoing
from shared.operations.model.models import Intent
from shared.operations.running.outcomes import Outcome
from shared.operations.running.workflow import Step, Workflow

WAITING = "waitingForTurn"


@dataclass(frozen=True, slots=True)
class Steps:
    """The steps of all actions."""

    tools: Tools
    turns: Turns
    registry: Registry
    one_time: OneTimeSecrets
    secret_lifetime: timedelta

    async def resyncing(self, dc: DataCenterClaim) -> Outcome:
        """Synchronise a quota that is out of sync anew, and wait on."""
        number = dc.state.sync.resyncs if dc.state.sync is not None else 0

        async def never(_intent: Intent) -> bool:
            return False

        reason = "synchronising again brings about the same"
        await dc.once(f"synchronize/{number}", lambda: dc.gateway.synchronize(dc.subscription), never, reason)
        return watch(dc, Watch.SYNC, dc.state.then or "registering")

    async def renewing_secret(self, dc: DataCenterClaim) -> Outcome:
        """Make a new password and a new one-time link; the former one is gone."""
        former = dc.record.secret.reference
        await make_account(dc, self.secret_lifetime, preparation=False)
        if former is not None and former != dc.record.secret.reference:
            await dc.tools.secrets.delete(former)
        dc.state.changed = True
        return dc.ended(welcome=welcome(dc))

    def all(self) -> Mapping[str, Step]:
        """Return the steps by name; a refusal of Azure Pack goes on with the step that undoes, where its action has one."""
        order = OrderSteps(Admitting(self.tools.store), self.secret_lifetime)
        suspension = SuspensionSteps(self.registry)
        ordering: dict[str, Run] = {
            "checking": order.checking, "user": order.user, "account": order.account, "subscription": order.subscription,
            "addOn": order.add_on, "service": order.service, "quota": order.quota, "link": order.link, "subscribe": order.subscribe,
            "registering": order.registering,
        }  # fmt: skip
        change: dict[str, Run] = {
            "migrating": changing.migrating, "changingQuota": changing.quota, "makingAddOn": changing.making_add_on,
            "changingAddOns": changing.add_ons, "changed": changing.changed,
        }  # fmt: skip
        others: dict[str, Run] = {
            WAITING: self.turns.waiting, "activation": following, "syncing": following, "deletion": following,
            "resyncing": self.resyncing, UNDOING: undoing,
            "checkingChange": changing.checking, changing.RESTORING: changing.restoring, "restored": changing.restored,
            "recording": suspension.recording, "machines": suspension.machines, "suspending": suspension.suspending,
            "sweeping": suspension.sweeping, "activating": suspension.activating, "starting": suspension.starting,
            "checkingDeletion": deleting.checking, "deletingMachines": deleting.machines, "deletingSubscription": deleting.subscription,
            "cleaning": deleting.cleaning, "renewingSecret": self.renewing_secret,
        }  # fmt: skip
        typed = partial(step, self.tools)
        return (
            {WAITING: typed(others.pop(WAITING))}
            | {name: typed(run, refused=UNDOING) for name, run in ordering.items()}
            | {name: typed(run, refused=changing.RESTORING) for name, run in change.items()}
            | {name: typed(run) for name, run in others.items()}
        )


def data_center_workflow(steps: Steps) -> Workflow:
    """Return the workflow of data centers."""
    return Workflow(
        steps=steps.all(),
        check=Following(steps.tools.connections, steps.tools.clock).check,
        on_finished=steps.turns.on_finished,
        tidying=UNDOING,
        announced=steps.one_time.announced,
    )
