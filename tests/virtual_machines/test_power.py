"""Every pair of a machine's state and a power action (docs/design/virtual-machines.md, "Power")."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.errors import ErrorCode
from shared.virtual_machines.rules.power import (
    Decision,
    PowerAction,
    PowerFacts,
    PowerRefusal,
    PowerState,
    Provisioning,
    decide_power,
    is_reached,
)

SEND, NOTHING, WAIT = Decision.SEND, Decision.NOTHING, Decision.WAIT
NOT_RUNNING, GENERALIZED = ErrorCode.NOT_RUNNING, ErrorCode.GENERALIZED
ACTIONS = (PowerAction.START, PowerAction.STOP, PowerAction.DEALLOCATE, PowerAction.RESTART)
P = PowerFacts

MATRIX = {
    "running": (P(PowerState.RUNNING), (NOTHING, SEND, SEND, SEND)),
    "stopped": (P(PowerState.STOPPED), (SEND, NOTHING, SEND, NOT_RUNNING)),
    "deallocated": (P(PowerState.DEALLOCATED), (SEND, NOTHING, NOTHING, NOT_RUNNING)),
    "hibernated": (P(PowerState.HIBERNATED), (SEND, NOTHING, NOTHING, NOT_RUNNING)),
    "generalized, stopped": (P(PowerState.STOPPED, generalized=True), (GENERALIZED, NOTHING, SEND, NOT_RUNNING)),
    "generalized, deallocated": (P(PowerState.DEALLOCATED, generalized=True), (GENERALIZED, NOTHING, NOTHING, NOT_RUNNING)),
    "failed, running": (P(PowerState.RUNNING, Provisioning.FAILED), (NOTHING, SEND, SEND, SEND)),
    "failed, no power state": (P(PowerState.UNKNOWN, Provisioning.FAILED), (SEND, SEND, SEND, NOT_RUNNING)),
    "creating": (P(PowerState.CREATING, Provisioning.BUSY), (WAIT, WAIT, WAIT, WAIT)),
    "deleting": (P(PowerState.RUNNING, Provisioning.BUSY), (WAIT, WAIT, WAIT, WAIT)),
    "starting": (P(PowerState.STARTING), (WAIT, WAIT, WAIT, WAIT)),
    "stopping": (P(PowerState.STOPPING), (WAIT, WAIT, WAIT, WAIT)),
    "deallocating": (P(PowerState.DEALLOCATING), (WAIT, WAIT, WAIT, WAIT)),
    "read by a SAS": (P(PowerState.DEALLOCATED, open_access="a-disk"), (ErrorCode.DISK_ACCESS_ACTIVE, NOTHING, NOTHING, NOT_RUNNING)),
}


@pytest.mark.parametrize("state", MATRIX)
@pytest.mark.parametrize("action", ACTIONS)
def test_every_pair_of_state_and_action(state: str, action: PowerAction) -> None:
    facts, expected = MATRIX[state]
    decision = decide_power(action, facts)
    assert (decision.code if isinstance(decision, PowerRefusal) else decision) == expected[ACTIONS.index(action)]


def test_the_matrix_has_every_state() -> None:
    assert {facts.state for facts, _ in MATRIX.values()} == set(PowerState)


@given(
    st.sampled_from(PowerAction),
    st.builds(P, st.sampled_from(PowerState), st.sampled_from(Provisioning), st.booleans(), st.one_of(st.none(), st.just("d"))),
)
def test_nothing_is_sent_while_azure_works_or_where_nothing_is_to_do(action: PowerAction, facts: PowerFacts) -> None:
    decision = decide_power(action, facts)
    if decision is SEND:
        assert facts.provisioning is not Provisioning.BUSY
        assert not is_reached(action, facts.state)
        assert not (action is PowerAction.START and (facts.generalized or facts.open_access))
    if decision is NOTHING:
        assert is_reached(action, facts.state)
