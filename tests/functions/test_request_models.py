"""The bodies of all routes: a member has one spelling, that of the contract."""

import pytest
from pydantic import BaseModel

from functions.capabilities import NAMES
from functions.system import declared_routes
from shared.errors import Refused
from shared.web.documents import parse

MODELS = {
    route.request.__name__: route.request
    for route in declared_routes(NAMES)
    if isinstance(route.request, type) and issubclass(route.request, BaseModel)
}


@pytest.mark.parametrize("value", [1, None])
@pytest.mark.parametrize("name", MODELS)
def test_a_member_in_the_spelling_of_python_is_refused(name: str, value: object) -> None:
    of_python = [field for field in MODELS[name].model_fields if "_" in field]
    for field in of_python:
        with pytest.raises(Refused) as refused:
            parse(MODELS[name], {field: value})
        assert any(detail.target == field for detail in refused.value.problem.details)
