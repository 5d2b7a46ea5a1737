"""A vault in memory, and the steps of changes of its set-up before it."""

from dataclasses import dataclass
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

from shared.arm.ids import ResourceId
from shared.errors import CallFailure, FailureKind
from shared.failovers.kinds import SetUpKind
from shared.failovers.set_up.planning import Planner
from shared.failovers.set_up.requests import Change
from shared.failovers.set_up.state import SetUpChange
from shared.failovers.set_up.workflow import SetUpSteps
from shared.failovers.vault.gateway import StartedJob
from shared.operations.running.claims import Claim
from shared.operations.running.outcomes import End, Next, Outcome
from shared.operations.timings import Timings
from shared.values.sent import SentBody
from tests.failovers.samples import VAULT
from tests.failovers.scripted import REQUEST, Gateway, registry
from tests.support.clocks import ManualClock

POLICY = f"{VAULT}/replicationPolicies/gold"
FORTNIGHT = {
    "id": POLICY,
    "properties": {
        "providerSpecificDetails": {
            "instanceType": "A2A",
            "recoveryPointHistory": 21600,
            "appConsistentFrequencyInMinutes": 240,
            "crashConsistentFrequencyInMinutes": 5,
            "multiVmSyncStatus": "Enabled",
        }
    },
}


@dataclass
class Vault:
    """A set-up operation on a scripted vault, run step by step."""

    clock: ManualClock
    gateway: Gateway
    steps: SetUpSteps
    claim: Claim

    async def run(self, step: str = "preparing", rounds: int = 1, pause: timedelta = timedelta(minutes=2)) -> Outcome:
        """Run steps until the operation ends or has waited so many times."""
        outcome: Outcome = Next(step)
        for _ in range(rounds):
            while isinstance(outcome, Next):
                step = outcome.step
                outcome = await getattr(self.steps, step)(self.claim)
            if isinstance(outcome, End):
                return outcome
            last, outcome = outcome, Next(step)
            self.clock.advance(pause)
        return last

    @property
    def write(self) -> dict[str, Any]:
        (found,) = cast("list[dict[str, Any]]", self.claim.detail["writes"])
        return found


def vault(change: SetUpChange, *things: dict[str, Any]) -> Vault:
    clock = ManualClock()
    gateway = Gateway(clock, list(things))

    async def perform(effect: Any) -> StartedJob:
        return cast("StartedJob", await effect.send(REQUEST))

    async def take(_names: object, _owner: object) -> None:
        return None

    given: list[Any] = []
    stand_in = SimpleNamespace(
        id="one", data={}, detail={}, percent=0, perform=perform, hold=lambda _name: None,
        operation=SimpleNamespace(body=dict(change.stored().members)),
        given=given, take_input=lambda: given.pop() if given else None,
    )  # fmt: skip
    planner = Planner(gateway, registry())
    locks = SimpleNamespace(take=take)
    steps = SetUpSteps(gateway, planner, locks, clock, Timings(60))  # type: ignore[arg-type]  # stand-ins
    return Vault(clock, gateway, steps, cast("Claim", stand_in))


def put_policy(**body: Any) -> SetUpChange:
    return SetUpChange(SetUpKind.POLICY, Change.PUT, ResourceId.parse(VAULT), "gold", SentBody(body))


def failure(kind: FailureKind, status: int, code: str) -> CallFailure:
    return CallFailure(kind, code=code, message="not now", status=status)
