"""The OpenAPI description against the running app: nothing that it allows or forbids brings a 5xx, or an answer that it does not describe."""

import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.contract.conftest import ROLES
from tests.support.running import Running

schema = schemathesis.pytest.from_fixture("description")
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
# bounded and the same each time: what it finds on one machine it finds on another
BOUNDED = settings(
    max_examples=20,
    deadline=None,
    derandomize=True,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)


@schema.parametrize()
@BOUNDED
def test_the_provider_gets_what_is_described(case: schemathesis.Case, stack: Running) -> None:
    hold(case, stack.token(*ROLES, tenant="provider"))


@schema.parametrize()
@BOUNDED
def test_a_tenant_gets_what_is_described(case: schemathesis.Case, stack: Running) -> None:
    hold(case, stack.token(*ROLES, tenant="contoso"))


@schema.parametrize()
@settings(BOUNDED, max_examples=3)
def test_without_a_token_only_what_is_open_answers(case: schemathesis.Case, stack: Running) -> None:
    answer = case.call_and_validate(headers={"Authorization": ""}, checks=CHECKS, timeout=30)
    is_open = case.operation.path in {"/health", "/openapi.json", "/docs"}
    assert answer.status_code == (200 if is_open else 401)


def hold(case: schemathesis.Case, token: str) -> None:
    case.call_and_validate(headers={"Authorization": f"Bearer {token}"}, checks=CHECKS, timeout=30)
