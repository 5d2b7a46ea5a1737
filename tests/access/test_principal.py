"""What a caller may see and touch (docs/design/http.md, "Roles per route")."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.access.principal import require, require_any, require_person, require_reach
from shared.access.records.tenant import Tenant
from shared.access.roles import READ_ROLES, Role, known_roles
from shared.errors import ErrorCode, Refused
from tests.access.kit import FABRIKAM, NORTHWIND, PROVIDER, TENANTS, principal

roles = st.frozensets(st.sampled_from(list(Role)))
tenants = st.sampled_from(TENANTS)


@given(tenants, roles, tenants, st.sampled_from(sorted(READ_ROLES)))
def test_who_may_see_what(caller: Tenant, held: frozenset[Role], owner: Any, read_role: Role) -> None:
    admin = caller is PROVIDER and Role.ADMIN in held
    own = caller is owner and read_role in held
    who = principal(caller, *held)
    assert (who.reaches(owner.name) and who.has(read_role)) == (admin or own)


@given(tenants, roles, st.sampled_from(sorted(set(Role) - READ_ROLES - {Role.ADMIN})))
def test_a_role_that_changes_things_is_never_stood_in_for(caller: Tenant, held: frozenset[Role], role: Role) -> None:
    asked = principal(caller, *held)
    if role in held:
        require(asked, role)
    else:
        with pytest.raises(Refused) as refused:
            require(asked, role)
        assert refused.value.code is ErrorCode.MISSING_ROLE
        assert str(role) in str(refused.value)


def test_writing_does_not_include_reading() -> None:
    with pytest.raises(Refused, match=r"Copies\.Read"):
        require(principal(FABRIKAM, Role.COPIES_WRITE), Role.COPIES_READ)


def test_admin_lets_the_other_roles_reach_every_tenant() -> None:
    admin = principal(PROVIDER, Role.ADMIN, Role.COPIES_WRITE)
    require(admin, Role.COPIES_WRITE)
    assert require_reach(admin, NORTHWIND.name, "virtual machine 'x'") == NORTHWIND.name


def test_the_provider_without_admin_has_its_own_things_only() -> None:
    with pytest.raises(Refused) as refused:
        require_reach(principal(PROVIDER, Role.COPIES_WRITE), NORTHWIND.name, "virtual machine 'x'")
    assert refused.value.code is ErrorCode.NOT_FOUND


def test_admin_in_a_tenants_token_counts_for_nothing_and_is_reported_so() -> None:
    caller = principal(FABRIKAM, Role.ADMIN)
    for role in (*READ_ROLES, Role.ADMIN):
        with pytest.raises(Refused):
            require(caller, role)
    with pytest.raises(Refused, match="provider's own tenant"):
        require(caller, Role.ADMIN)


@pytest.mark.parametrize("owner", [NORTHWIND.name, "no-such-tenant", None])
def test_anothers_and_unowned_are_refused_alike(owner: Any) -> None:
    with pytest.raises(Refused) as refused:
        require_reach(principal(FABRIKAM, *Role), owner, "copy 'abc'", target="id")
    assert refused.value.code is ErrorCode.NOT_FOUND
    assert "abc" in str(refused.value)


def test_what_is_unowned_is_out_of_the_admins_reach_too() -> None:
    with pytest.raises(Refused):
        require_reach(principal(PROVIDER, *Role), None, "copy 'abc'")


def test_one_of_several_roles_will_do() -> None:
    require_any(principal(FABRIKAM, Role.TENANTS_READ), READ_ROLES)
    require_any(principal(PROVIDER, Role.ADMIN), READ_ROLES)
    with pytest.raises(Refused, match=r"'Copies\.Read', 'Failovers\.Read', 'Tenants\.Read'"):
        require_any(principal(FABRIKAM, Role.COPIES_WRITE), READ_ROLES)


def test_an_app_is_no_person() -> None:
    require_person(principal(FABRIKAM, person=True))
    with pytest.raises(Refused) as refused:
        require_person(principal(FABRIKAM))
    assert refused.value.code is ErrorCode.MISSING_ROLE


@pytest.mark.parametrize(
    ("claim", "expected"),
    [
        (["Copies.Read", "Something.Else", 7, None], {Role.COPIES_READ}),
        ("Admin", set()),
        (None, set()),
        ({"Admin": True}, set()),
    ],
)
def test_only_a_list_of_known_roles_counts(claim: object, expected: set[Role]) -> None:
    assert known_roles(claim) == expected
