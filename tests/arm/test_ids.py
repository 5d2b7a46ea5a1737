"""Resource ids: what is one, what is not, and which two are the same."""

import string
from typing import Annotated

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from shared.arm.ids import MAX_LENGTH, ResourceId, resource_id_of, same, subscription_of

SUBSCRIPTION = "11111111-2222-3333-4444-555555555555"
POINT = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/apps/providers/Microsoft.Compute/restorePointCollections/daily/restorePoints/monday"
VM = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/apps/providers/Microsoft.Compute/virtualMachines/web01"

names = st.text(string.ascii_letters + string.digits + "-_()äß.", min_size=1, max_size=20).filter(
    lambda name: ".." not in name and not name.endswith(".")
)
words = st.text(string.ascii_letters, min_size=1, max_size=12).filter(lambda word: word.lower() != "providers")


@st.composite
def resource_ids(draw: st.DrawFn) -> ResourceId:
    depth = draw(st.integers(1, 4))
    provider = draw(st.sampled_from(["Microsoft.Compute", "Microsoft.RecoveryServices", "Contoso.Own"]))
    return ResourceId(
        str(draw(st.uuids())),
        draw(names),
        provider,
        tuple(f"x{draw(words)}" for _ in range(depth)),
        tuple(draw(names) for _ in range(depth)),
    )


@given(resource_ids())
def test_what_is_written_is_read_again(resource: ResourceId) -> None:
    read = ResourceId.parse(str(resource))
    assert str(read) == str(resource)
    assert read.names == resource.names


@given(resource_ids(), st.randoms(use_true_random=False))
def test_case_and_slashes_make_no_difference(resource: ResourceId, random: "object") -> None:
    text = str(resource)
    mixed = "".join(letter.upper() if letter.isascii() and random.random() < 0.5 else letter for letter in text)  # type: ignore[attr-defined]  # hypothesis gives a Random
    for variant in (mixed, mixed[1:], mixed + "/", text.lower()):
        read = ResourceId.parse(variant)
        assert read == resource
        assert hash(read) == hash(resource)
        assert same(variant, text)


@given(resource_ids(), names)
def test_a_child_leads_back_to_its_parent(resource: ResourceId, name: str) -> None:
    child = resource.child("restorepoints", name)
    assert child.type == f"{resource.type}/restorePoints"
    assert child.name == name
    assert child.parent == resource
    assert child != resource


@given(st.text(max_size=300))
def test_other_text_is_refused_and_nothing_else_happens(text: str) -> None:
    with pytest.raises(ValueError, match=r"it |'|segment"):
        ResourceId.parse(text)


@given(st.text(string.ascii_letters + "/.-%?#\\ \x00\u202e", max_size=40), st.integers(0, len(POINT)))
def test_what_is_pushed_into_an_id_is_refused_or_kept_harmless(noise: str, at: int) -> None:
    try:
        read = ResourceId.parse(POINT[:at] + noise + POINT[at:])
    except ValueError:
        return
    written = str(read)
    assert not set(written) & set("?#%\\ \x00\u202e")
    assert ".." not in written
    assert written.startswith("/subscriptions/")
    assert ResourceId.parse(written) == read


def test_the_parts_of_an_id() -> None:
    point = ResourceId.parse(POINT)
    assert point.subscription_id == SUBSCRIPTION
    assert point.resource_group == "apps"
    assert point.type == "Microsoft.Compute/restorePointCollections/restorePoints"
    assert point.name == "monday"
    assert point.parent is not None
    assert str(point.parent) == POINT.removesuffix("/restorePoints/monday")
    assert point.parent.parent is None
    assert str(point.sibling("virtualMachines", "web01")) == VM


def test_known_terms_are_written_as_arm_writes_them() -> None:
    shouted = f"SUBSCRIPTIONS/{SUBSCRIPTION}/RESOURCEGROUPS/Apps/PROVIDERS/MICROSOFT.COMPUTE/RESTOREPOINTCOLLECTIONS/Daily"
    assert str(ResourceId.parse(shouted)) == (
        f"/subscriptions/{SUBSCRIPTION}/resourceGroups/Apps/providers/Microsoft.Compute/restorePointCollections/Daily"
    )
    fabric = f"/subscriptions/{SUBSCRIPTION}/resourcegroups/g/providers/microsoft.recoveryservices/vaults/v/replicationfabrics/f"
    assert ResourceId.parse(fabric).type == "Microsoft.RecoveryServices/vaults/replicationFabrics"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "empty"),
        ("/", "segment is empty"),
        ("//" + VM[1:], "segment is empty"),
        (VM + "//", "segment is empty"),
        (VM.replace("/apps", "/"), "segment is empty"),
        (f"/subscriptions/{SUBSCRIPTION}", "too early"),
        (f"/subscriptions/{SUBSCRIPTION}/resourceGroups/apps", "too early"),
        (VM.removesuffix("/web01") + "/", "too early"),
        (VM + "/extensions", "no name"),
        (VM.replace("subscriptions", "tenants"), "'tenants' is not allowed here. Use 'subscriptions'"),
        (VM.replace("resourceGroups", "groups"), "'groups' is not allowed here. Use 'resourceGroups'"),
        (VM.replace(SUBSCRIPTION, "production"), "'production' is no subscription id"),
        (VM.replace("Microsoft.Compute", "Compute"), "no provider namespace"),
        (VM.replace("virtualMachines", "virtual-machines"), "no resource type"),
        (VM + "/providers/Microsoft.Authorization/locks/l", "no resource type|no name"),
        (VM.replace("apps", "a" * 91), "no resource group"),
        (VM + "x" * 300, "no name"),
        (VM + "x" * MAX_LENGTH, f"longer than {MAX_LENGTH}"),
        (VM + "/../../x", r"contains '\.\.'"),
        (VM + "?api-version=1", r"contains '\?'"),
        (VM + "%2e", "contains '%'"),
        (VM + "#x", "contains '#'"),
        (VM + "\n", r"contains '\\n'"),
        (VM + "\u202e", r"contains '\\u202e'"),
        (" " + VM, "contains ' '"),
        ("https://management.azure.com" + VM, "'https:'|segment is empty"),
    ],
)
def test_a_refusal_states_what_is_wrong(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        ResourceId.parse(text)


@pytest.mark.parametrize(
    ("type_", "name"), [("", "x"), ("restorePoints", ""), ("a/b", "x"), ("restorePoints", "x/y"), ("restorePoints", "..")]
)
def test_a_child_is_checked_as_an_id_is(type_: str, name: str) -> None:
    with pytest.raises(ValueError, match=r"it |is no"):
        ResourceId.parse(VM).child(type_, name)


def test_same_is_false_for_what_is_no_id() -> None:
    assert not same(None, None)
    assert not same("x", "x")
    assert not same(VM, POINT)
    assert same(ResourceId.parse(VM), VM.upper())


def test_the_subscription_of_an_id_or_path() -> None:
    assert subscription_of(VM.upper()) == SUBSCRIPTION
    assert subscription_of(f"subscriptions/{SUBSCRIPTION}") == SUBSCRIPTION
    for other in ("/providers/Microsoft.Compute", f"/subscriptions/{SUBSCRIPTION}0", "/subscriptions/x/"):
        with pytest.raises(ValueError, match="GUID"):
            subscription_of(other)


class Request(BaseModel):
    vm: Annotated[str, resource_id_of("Microsoft.Compute/virtualMachines")]
    vault: Annotated[str | None, resource_id_of("Microsoft.RecoveryServices/vaults")] = None


class TestFields:
    def test_keep_the_text_as_arm_writes_it(self) -> None:
        assert Request(vm=VM.lower()[1:]).vm == VM
        assert Request(vm=VM, vault=None).vault is None

    def test_name_the_type_that_came_and_the_one_expected(self) -> None:
        with pytest.raises(ValidationError) as caught:
            Request(vm=POINT)
        (error,) = caught.value.errors()
        assert error["loc"] == ("vm",)
        assert "Microsoft.Compute/restorePointCollections/restorePoints" in error["msg"]
        assert "a Microsoft.Compute/virtualMachines is expected" in error["msg"]

    def test_refuse_what_is_no_text(self) -> None:
        with pytest.raises(ValidationError):
            Request.model_validate({"vm": 5})

    def test_are_described(self) -> None:
        described = Request.model_json_schema()["properties"]["vm"]
        assert described["format"] == "arm-id"
        assert described["x-ms-arm-id-details"] == {"allowedResources": [{"type": "Microsoft.Compute/virtualMachines"}]}

    @given(st.data())
    def test_take_whatever_their_description_allows(self, data: st.DataObject) -> None:
        pattern = Request.model_json_schema()["properties"]["vm"]["pattern"]
        text = data.draw(st.from_regex(pattern, fullmatch=True))
        assert Request(vm=text).vm == ResourceId.parse(text).__str__()
