"""Secrets in requests: one of two forms each, taken out of the document before anything keeps it."""

import json
from typing import Any

import pytest
from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from shared.errors import ErrorCode, Refused
from shared.secrets.places import field_of, name_of, with_references
from shared.secrets.requests import SecretInput, refuse_plain, separate
from shared.values.hidden import Hidden
from shared.values.sent import SentBody
from shared.web.documents import parse

REFERENCE = "https://contoso.vault.azure.net/secrets/admin"


class User(BaseModel):
    """A user with a password."""

    model_config = ConfigDict(extra="forbid", alias_generator=to_camel)

    sign_in_password: SecretInput


class Order(BaseModel):
    """A request with secrets in each kind of place."""

    model_config = ConfigDict(extra="forbid", alias_generator=to_camel)

    name: str
    users: tuple[User, ...] = ()
    token: SecretInput | None = None


def _read(document: dict[str, Any]) -> Order:
    return Order.model_validate_json(json.dumps(document))


def test_plain_secrets_are_taken_out_and_references_stay() -> None:
    document = {"name": "x", "users": [{"signInPassword": {"value": "s3cret!"}}], "token": {"keyVaultSecretId": REFERENCE}}
    separated = separate(_read(document), SentBody(document))
    assert separated.body.members == {"name": "x", "users": [{"signInPassword": {}}], "token": {"keyVaultSecretId": REFERENCE}}
    assert separated.secrets == {("users", 0, "signInPassword"): Hidden("s3cret!")}
    assert separated.references == {("token",): REFERENCE}
    assert document["users"] == [{"signInPassword": {"value": "s3cret!"}}], "the document stays as it is"


def test_references_take_the_places_of_plain_secrets() -> None:
    document = {"name": "x", "users": [{"signInPassword": {"value": "s3cret!"}}]}
    separated = separate(_read(document), SentBody(document))
    places = separated.below("body")
    filled = with_references(SentBody({"action": "create", "body": separated.body.members}), dict.fromkeys(places, REFERENCE)).members
    assert filled["body"] == {"name": "x", "users": [{"signInPassword": {"keyVaultSecretId": REFERENCE}}]}
    assert [(name_of(place), field_of(place)) for place in places] == [("body.users[0].signInPassword", "users[0].signInPassword")]


@pytest.mark.parametrize(
    "secret", [{}, {"value": "a", "keyVaultSecretId": REFERENCE}, {"value": ""}, {"value": 7}, {"vaule": "s3cret!"}, "s3cret!"]
)
def test_a_wrong_secret_is_refused_without_being_shown(secret: object) -> None:
    with pytest.raises(Refused) as refused:
        parse(Order, {"name": "x", "token": secret})
    problem = refused.value.problem
    assert problem.code == ErrorCode.INVALID_REQUEST
    assert problem.target in {"token", "token.value", "token.vaule"}
    assert "s3cret!" not in json.dumps(problem.as_json())


def test_null_counts_as_absent() -> None:
    assert _read({"name": "x", "token": {"value": "a", "keyVaultSecretId": None}}).token == SecretInput(value=Hidden("a"))


def test_a_model_shows_no_secret() -> None:
    order = _read({"name": "x", "token": {"value": "s3cret!"}})
    assert "s3cret!" not in repr(order) + str(order)
    with pytest.raises(Exception, match=r"(?i)serialize|hidden"):
        order.model_dump_json()


def test_a_message_may_not_carry_one() -> None:
    document = {"name": "x", "token": {"value": "s3cret!"}}
    with pytest.raises(Refused) as refused:
        refuse_plain(separate(_read(document), SentBody(document)))
    assert (refused.value.code, refused.value.problem.target) == (ErrorCode.SECRET_IN_MESSAGE, "token")
    refuse_plain(separate(_read({"name": "x"}), SentBody({"name": "x"})))
