"""Drill policies: the former name of keepFor, in requests and in storage."""

from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from shared.failovers.drills.models import DrillPolicyRequest, KeptPolicy
from tests.failovers.samples import ITEM, NOW, VAULT

BODY: dict[str, Any] = {"protectedItemIds": [ITEM], "every": "P30D", "network": None}


@pytest.mark.parametrize("name", ["keepFor", "stands"])
def test_both_names_are_read(name: str) -> None:
    assert DrillPolicyRequest.model_validate({**BODY, name: "PT30M"}).keep_for == timedelta(minutes=30)


def test_both_names_at_once_are_refused() -> None:
    with pytest.raises(ValidationError, match="stands"):
        DrillPolicyRequest.model_validate({**BODY, "keepFor": "PT30M", "stands": "PT30M"})


def test_a_test_machine_is_kept_for_less_than_a_period() -> None:
    with pytest.raises(ValidationError, match="keepFor"):
        DrillPolicyRequest.model_validate({**BODY, "keepFor": "P30D"})


def test_the_stored_form_keeps_the_former_name() -> None:
    request = DrillPolicyRequest.model_validate({**BODY, "keepFor": "PT30M"})
    policy = KeptPolicy(name="monthly", tenant="provider", vault_id=VAULT, request=request, first_at=NOW)
    stored = policy.as_json()
    assert stored["request"]["stands"] == "PT30M"
    assert "keepFor" not in stored["request"]
    assert KeptPolicy.model_validate(stored) == policy
