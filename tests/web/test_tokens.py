"""Access tokens: who gets in, and how all others are refused."""

import base64
import hashlib
import hmac
import json
import time
from typing import Any

import jwt
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.access.roles import Role
from shared.access.tokens import challenge
from shared.errors import ErrorCode, Refused
from tests.access.kit import FABRIKAM, NORTHWIND, PROVIDER
from tests.web.kit import KEY, OID, OTHER_KEY, App, Issuer, bearer, public_pem


async def refused(app: App, header: str | None) -> Refused:
    with pytest.raises(Refused) as found:
        await app.tokens.verify(header)
    return found.value


async def test_an_app_of_a_tenant(app: App, issuer: Issuer) -> None:
    caller = await app.tokens.verify(bearer(issuer.token(roles=["Copies.Read", "Unknown.Role"])))
    assert caller.tenant == "fabrikam"
    assert caller.entra_tenant_id == FABRIKAM.tenant_id
    assert caller.roles == {Role.COPIES_READ}
    assert (caller.actor.kind, caller.actor.id, caller.is_person, caller.is_provider) == ("app", OID, False, False)


async def test_a_person_of_the_provider(app: App, issuer: Issuer) -> None:
    token = issuer.token(PROVIDER, scp="user_impersonation", preferred_username="ada@contoso.test", roles=["Admin"])
    caller = await app.tokens.verify(bearer(token))
    assert (caller.actor.kind, caller.actor.id, caller.actor.name) == ("user", OID, "ada@contoso.test")
    assert caller.is_person
    assert caller.is_admin


async def test_both_forms_of_issuer_and_audience(app: App, issuer: Issuer) -> None:
    version_1 = issuer.token(iss=f"https://issuer.test/{FABRIKAM.tenant_id}/", aud="api://farshore", azp=None, appid="an-app")
    assert (await app.tokens.verify(bearer(version_1))).tenant == "fabrikam"
    assert (await app.tokens.verify("bearer   " + issuer.token())).tenant == "fabrikam"


async def test_admin_of_a_tenant_is_no_admin(app: App, issuer: Issuer) -> None:
    caller = await app.tokens.verify(bearer(issuer.token(roles=["Admin", "Copies.Write"])))
    assert not caller.is_admin
    assert not caller.reaches(NORTHWIND.name)


@pytest.mark.parametrize(
    "header", [None, "", "Basic dXNlcjpwYXNz", "Bearer", "Bearer ", "Bearer abc", "Bearer a.b", "Bearer a.b.c d", "x.y.z"]
)
async def test_no_bearer_token(app: App, header: str | None) -> None:
    assert (await refused(app, header)).code is ErrorCode.UNAUTHENTICATED


LONG_AGO, FAR_OFF = 946684800, 4102444800
"""2000 and 2100, so that a run may take as long as it wants."""
GONE = "dddddddd-0000-4000-8000-00000000000d"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"aud": "another-app"}, "another audience; api://farshore or farshore"),
        ({"aud": None}, "lacks the claim 'aud'"),
        ({"iss": "https://evil.test/"}, "issuer"),
        ({"iss": f"https://issuer.test/{NORTHWIND.tenant_id}/v2.0"}, "issuer"),
        ({"iss": "https://issuer.test/{tenantId}/v2.0"}, "issuer"),
        ({"iss": None}, "lacks the claim 'iss'"),
        ({"exp": LONG_AGO}, "expired"),
        ({"exp": None}, "lacks the claim 'exp'"),
        ({"nbf": FAR_OFF}, "not valid yet"),
        ({"tid": None}, "lacks the claim 'tid'"),
        ({"tid": "{tenantId}"}, "lacks the claim 'tid'"),
        ({"tid": f"../{FABRIKAM.tenant_id}"}, "lacks the claim 'tid'"),
        ({"tid": GONE, "iss": f"https://issuer.test/{GONE}/v2.0"}, "not registered"),
        ({"azp": None}, "no access token"),
        ({"azp": None, "oid": None, "scp": "user_impersonation"}, "lacks the claim 'oid'"),
    ],
)
async def test_a_signed_token_that_will_not_do(app: App, issuer: Issuer, changes: dict[str, Any], words: str) -> None:
    error = await refused(app, bearer(issuer.token(**changes)))
    assert error.code is ErrorCode.UNAUTHENTICATED
    assert words in str(error)


async def test_the_leeway_is_of_seconds(app: App, issuer: Issuer) -> None:
    now = int(time.time())
    await app.tokens.verify(bearer(issuer.token(exp=now - 1)))
    await refused(app, bearer(issuer.token(exp=now - 20)))


async def test_a_key_of_somebody_else(app: App, issuer: Issuer) -> None:
    assert "signature" in str(await refused(app, bearer(issuer.token(key=OTHER_KEY))))
    assert "key" in str(await refused(app, bearer(issuer.token(key=OTHER_KEY, kid="two"))))
    assert "key" in str(await refused(app, bearer(issuer.token(kid=None))))


async def test_other_algorithms(app: App, issuer: Issuer) -> None:
    def part(content: dict[str, object]) -> str:
        return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()

    unsigned = f"{part({'alg': 'none', 'kid': 'one'})}.{part(issuer.claims())}."
    symmetric = f"{part({'alg': 'HS256', 'kid': 'one'})}.{part(issuer.claims())}"
    mac = hmac.new(public_pem(KEY), symmetric.encode(), hashlib.sha256).digest()
    symmetric += "." + base64.urlsafe_b64encode(mac).rstrip(b"=").decode()
    assert jwt.get_unverified_header(symmetric)["alg"] == "HS256"
    for token in (unsigned, symmetric, issuer.token(algorithm="RS512"), issuer.token(algorithm="PS256")):
        error = await refused(app, bearer(token))
        assert error.code is ErrorCode.UNAUTHENTICATED
        assert "RS256" in str(error)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40, deadline=None)
@given(data=st.data())
async def test_no_changed_token_gets_in(app: App, issuer: Issuer, data: st.DataObject) -> None:
    token = issuer.token()
    place = data.draw(st.integers(0, token.rindex(".") - 1))
    letter = data.draw(st.sampled_from("ABCabc019-_."))
    changed = token[:place] + letter + token[place + 1 :]
    if changed != token:
        assert (await refused(app, bearer(changed))).code is ErrorCode.UNAUTHENTICATED


async def test_a_key_of_one_tenant_signs_for_that_one_only(issuer: Issuer) -> None:
    issuer.extra = {"issuer": f"https://issuer.test/{FABRIKAM.tenant_id}/v2.0"}
    app = App(issuer.url)
    await app.tokens.verify(bearer(issuer.token(FABRIKAM)))
    assert "another Entra tenant" in str(await refused(app, bearer(issuer.token(NORTHWIND))))
    issuer.extra = {"issuer": "https://issuer.test/{tenantid}/v2.0"}
    await App(issuer.url).tokens.verify(bearer(issuer.token(NORTHWIND)))


async def test_without_audiences_each_token_is_refused(issuer: Issuer) -> None:
    assert (await refused(App(issuer.url, audiences=()), bearer(issuer.token()))).code is ErrorCode.UNAUTHENTICATED


async def test_keys_are_fetched_once_and_again_when_a_new_one_signs(app: App, issuer: Issuer) -> None:
    for _ in range(3):
        await app.tokens.verify(bearer(issuer.token()))
    assert issuer.asked == 1
    app.clock.seconds += 61
    issuer.published = {"one": KEY, "two": OTHER_KEY}
    await app.tokens.verify(bearer(issuer.token(key=OTHER_KEY, kid="two")))
    assert issuer.asked == 2


async def test_made_up_key_ids_make_no_stream_of_fetches(app: App, issuer: Issuer) -> None:
    for number in range(20):
        await refused(app, bearer(issuer.token(kid=f"made-up-{number}")))
    assert issuer.asked == 1
    app.clock.seconds += 61
    for number in range(20):
        await refused(app, bearer(issuer.token(kid=f"made-up-{number}")))
    assert issuer.asked == 2


async def test_keys_outlive_their_endpoint(app: App, issuer: Issuer) -> None:
    await app.tokens.verify(bearer(issuer.token()))
    issuer.down = True
    app.clock.seconds += 25 * 3600
    await app.tokens.verify(bearer(issuer.token()))
    assert issuer.asked == 2


async def test_a_key_that_was_withdrawn_is_forgotten_within_a_day(app: App, issuer: Issuer) -> None:
    await app.tokens.verify(bearer(issuer.token()))
    issuer.published = {"two": OTHER_KEY}
    app.clock.seconds += 25 * 3600
    await refused(app, bearer(issuer.token()))


async def test_without_any_keys_it_is_our_fault_not_the_callers(app: App, issuer: Issuer) -> None:
    issuer.down = True
    error = await refused(app, bearer(issuer.token()))
    assert error.code is ErrorCode.SERVICE_UNAVAILABLE
    assert error.retry_after
    issuer.down = False
    app.clock.seconds += 6
    await app.tokens.verify(bearer(issuer.token()))


async def test_an_endpoint_that_is_not_there(issuer: Issuer) -> None:
    app = App("http://127.0.0.1:1/keys")
    assert (await refused(app, bearer(issuer.token()))).code is ErrorCode.SERVICE_UNAVAILABLE


def test_the_challenge_names_the_error_only_where_a_token_was_sent() -> None:
    assert challenge(None, "words") == 'Bearer realm="farshore"'
    assert challenge("Bearer x", 'say "this"') == 'Bearer realm="farshore", error="invalid_token", error_description="say \'this\'"'
