"""Which tenant a token speaks for: by app, by group, by Entra tenant, in this order (docs/design/tenants.md, "Callers")."""

from typing import Any

import pytest

from shared.access.records.tenant import Tenant
from shared.access.tokens import TokenVerifier
from shared.errors import ErrorCode, Refused
from shared.settings import Settings
from tests.access.kit import FABRIKAM, NORTHWIND, PROVIDER, Rows, registry_of
from tests.web.kit import Issuer, bearer

APP, OTHER_APP, GROUP, OTHER_GROUP = (f"{number:08d}-1111-4000-8000-000000000001" for number in range(1, 5))
HOME = str(PROVIDER.tenant_id)


def with_callers(tenant: Tenant, *callers: dict[str, str]) -> Tenant:
    return Tenant.model_validate({**tenant.model_dump(by_alias=True), "callers": list(callers)})


FABRIKAMS = with_callers(FABRIKAM, {"tenantId": HOME, "appId": APP}, {"tenantId": HOME, "groupId": GROUP})
NORTHWINDS = with_callers(NORTHWIND, {"tenantId": HOME, "groupId": OTHER_GROUP})
TENANTS = (PROVIDER, FABRIKAMS, NORTHWINDS)
USER = {"scp": "user_impersonation", "azp": APP}


@pytest.fixture
async def issuer() -> Any:
    async with Issuer().serve() as found:
        yield found


def verifier(issuer: Issuer, rows: Rows, provider: str | None = None) -> TokenVerifier:
    from shared.access.keys import SigningKeys
    from tests.access.kit import MovedClock

    settings = Settings(
        auth_audiences=("farshore",),
        auth_issuers=("https://issuer.test/{tenantId}/v2.0",),
        auth_keys_url=issuer.url,
        provider_tenant_id=provider,
    )
    return TokenVerifier(settings, registry_of(rows), SigningKeys(issuer.url, MovedClock()))


@pytest.mark.parametrize(
    ("claims", "speaks_for", "admin"),
    [
        ({"azp": APP}, "fabrikam", False),
        ({"azp": None, "appid": APP.upper()}, "fabrikam", False),
        ({"azp": OTHER_APP}, "contoso", True),
        ({**USER}, "contoso", True),
        ({**USER, "groups": [GROUP]}, "fabrikam", False),
        ({**USER, "groups": [OTHER_APP, OTHER_GROUP]}, "northwind", False),
        ({**USER, "groups": [OTHER_APP]}, "contoso", True),
        ({"azp": OTHER_APP, "groups": [GROUP]}, "contoso", True),
    ],
)
async def test_the_first_match_decides(issuer: Issuer, claims: dict[str, Any], speaks_for: str, admin: bool) -> None:
    token = issuer.token(PROVIDER, roles=["Admin"], **claims)
    found = await verifier(issuer, Rows(*TENANTS)).verify(bearer(token))
    assert (found.tenant, found.is_admin) == (speaks_for, admin)


@pytest.mark.parametrize(
    "claims",
    [
        {"groups": [GROUP, OTHER_GROUP]},
        {"hasgroups": True},
        {"hasgroups": "true"},
        {"_claim_names": {"groups": "src1"}},
    ],
)
async def test_a_user_whose_groups_do_not_decide_is_refused(issuer: Issuer, claims: dict[str, Any]) -> None:
    token = issuer.token(PROVIDER, roles=["Admin"], **USER, **claims)
    with pytest.raises(Refused) as found:
        await verifier(issuer, Rows(*TENANTS)).verify(bearer(token))
    assert found.value.code is ErrorCode.UNAUTHENTICATED


async def test_overage_does_not_matter_where_no_groups_are_registered(issuer: Issuer) -> None:
    token = issuer.token(FABRIKAM, roles=["Admin"], **USER, hasgroups=True)
    assert (await verifier(issuer, Rows(*TENANTS)).verify(bearer(token))).tenant == "fabrikam"


async def test_the_same_app_of_another_entra_tenant_is_not_the_caller(issuer: Issuer) -> None:
    token = issuer.token(NORTHWIND, azp=APP)
    assert (await verifier(issuer, Rows(*TENANTS)).verify(bearer(token))).tenant == "northwind"


async def test_a_token_is_two_point_reads_at_first_and_then_none(issuer: Issuer) -> None:
    rows = Rows(PROVIDER, FABRIKAM, NORTHWIND)
    tokens, token = verifier(issuer, rows), bearer(issuer.token(FABRIKAM, azp=APP))
    for _ in range(3):
        assert (await tokens.verify(token)).tenant == "fabrikam"
    assert len(rows.reads) == 2


@pytest.mark.parametrize(
    ("roles", "entra", "rows", "accepted"),
    [
        (["Tenants.Write", "Admin"], HOME, (), True),
        (["Tenants.Write", "Admin"], HOME, (FABRIKAM,), True),
        (["Tenants.Write"], HOME, (), False),
        (["Admin"], HOME, (), False),
        (["Tenants.Write", "Admin"], FABRIKAM.tenant_id, (), False),
        (["Tenants.Write", "Admin"], HOME, (with_callers(PROVIDER).model_copy(update={"tenant_id": NORTHWIND.tenant_id}),), False),
    ],
)
async def test_who_may_register_the_provider(
    issuer: Issuer, roles: list[str], entra: str, rows: tuple[Tenant, ...], accepted: bool
) -> None:
    tokens, token = (
        verifier(issuer, Rows(*rows), HOME.upper()),
        bearer(issuer.token(PROVIDER, roles=roles, tid=entra, iss=f"https://issuer.test/{entra}/v2.0")),
    )
    with pytest.raises(Refused) as found:
        await tokens.verify(token)
    assert found.value.code is ErrorCode.UNAUTHENTICATED, "every other call"
    if accepted:
        founder = await tokens.verify(token, founding=True)
        assert (founder.is_founder, founder.tenant, founder.is_admin) == (True, "", True)
    else:
        with pytest.raises(Refused) as found:
            await tokens.verify(token, founding=True)
        assert found.value.code is ErrorCode.UNAUTHENTICATED
