"""The OpenAPI description against the running app: nothing brings a 5xx, or an answer that is not described.

A larger draw, which differs each time, over the routes whose paths have a word:

CONTRACT_EXAMPLES=100 python3 -m pytest tests/contract -k "tenants or hosting-plans"
"""

import os
from collections.abc import Callable
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, assume, settings
from requests import Request, Session
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.pytest.lazy import get_all_tests
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from functions.capabilities import NAMES
from functions.system import declared_routes
from shared.web.openapi import build
from tests.contract.conftest import ROLES
from tests.support.running import Running

# the document that the app serves, but for its address (tests/functions/test_index.py): here it decides which tests there are
DOCUMENT = build(declared_routes(NAMES), "http://localhost/api")
OPERATIONS = [(method.upper(), path) for path, methods in DOCUMENT["paths"].items() for method in methods if method != "parameters"]
# (a method that no route has never reaches the app: the host answers 404 itself)
WHOLE = schemathesis.openapi.from_dict(DOCUMENT, config=schemathesis.Config.from_dict({"phases": {"coverage": {"unexpected-methods": []}}}))
Send = Callable[[schemathesis.Case[Any], Running], None]


class OneByOne:
    """The description, with the requests of an operation made where its test runs.

    To make those of all operations while tests are collected takes each worker longer than to collect all other tests.
    """

    def parametrize(self) -> Callable[[Send], Callable[[tuple[str, str], Running], None]]:
        """Make a test of what sends one request: a test for each operation."""

        def decorate(send: Send) -> Callable[[tuple[str, str], Running], None]:
            @pytest.mark.parametrize("operation", OPERATIONS, ids=" ".join)
            def test(operation: tuple[str, str], stack: Running) -> None:
                method, path = operation
                (made,) = get_all_tests(schema=WHOLE.include(method=method, path=path), test_func=send, settings=None, given_kwargs=None)
                assert isinstance(made, Ok), made
                _, send_all = made.ok()
                send_all(stack=stack)

            return test

        return decorate


schema = OneByOne()
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
MORE = os.environ.get("CONTRACT_EXAMPLES")
# one connection for all requests
CONNECTED = Session()
CONNECTED.trust_env = False
# bounded and the same each time: what it finds on one machine it finds on another
BOUNDED = settings(
    max_examples=int(MORE or 5),
    deadline=None,
    derandomize=MORE is None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)


@schema.parametrize()
@BOUNDED
def test_the_provider_gets_what_is_described(case: schemathesis.Case[Any], stack: Running) -> None:
    hold(case, stack, stack.token(*ROLES, tenant="provider"))


# what each member and parameter can be, one after another, does not depend on the caller: the provider tries it
@schema.parametrize()
@settings(BOUNDED, phases=(Phase.generate,))
def test_a_tenant_gets_what_is_described(case: schemathesis.Case[Any], stack: Running) -> None:
    hold(case, stack, stack.token(*ROLES, tenant="contoso"))


@schema.parametrize()
@settings(BOUNDED, max_examples=3, phases=(Phase.generate,))
def test_without_a_token_only_what_is_open_answers(case: schemathesis.Case[Any], stack: Running) -> None:
    if case.operation.path == "/one-time-secrets":  # the page is open, and what it shows is found by the token in the body
        assert hold(case, stack, None) in ({200} if case.method == "GET" else {400, 404, 410, 413, 415})
        return
    is_open = case.operation.path in {"/health", "/openapi.json", "/docs"}
    assert hold(case, stack, None) == (200 if is_open else 401)


def hold(case: schemathesis.Case[Any], stack: Running, token: str | None) -> int:
    """Send the request and check the answer. Returns the status.

    What a server refuses before any function sees it is left out: an address of more than 8 KiB, a framing that HTTP does not know.
    """
    for name in [name for name in case.headers if name.lower() in {"authorization", "transfer-encoding"}]:
        del case.headers[name]
    if token:
        case.headers["Authorization"] = f"Bearer {token}"
    assume(len(str(Request(**case.as_transport_kwargs(base_url=stack.api)).prepare().url)) < 8000)
    return case.call_and_validate(base_url=stack.api, session=CONNECTED, checks=CHECKS, timeout=30).status_code
