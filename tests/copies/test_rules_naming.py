"""Names are the same each time, fit Azure's rules, and never make two chains share a collection."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.arm.ids import ResourceId
from shared.copies.copying.rules.naming import (
    SOURCE_TAG,
    VM_TAG,
    chain_key,
    collection_tags,
    copy_key,
    id_in_tags,
    restore_point_name,
    source_collection_id,
    target_collection_id,
)

ONE, TWO = "00000000-0000-0000-0000-000000000001", "00000000-0000-0000-0000-000000000002"
FITS = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,79}")
NAME = st.from_regex(r"\A[a-z0-9]([a-z0-9_-]|\.[a-z0-9]){0,39}\Z").filter(lambda name: len(name) <= 80)
LONG = st.integers(1, 80).map(lambda length: "x" * length)
REGIONS = st.sampled_from(["westeurope", "northeurope", "germanywestcentral"])


def collection(name: str, group: str = "shop", subscription: str = ONE) -> ResourceId:
    return ResourceId.parse(
        f"/subscriptions/{subscription}/resourceGroups/{group}/providers/Microsoft.Compute/restorePointCollections/{name}"
    )


def machine(name: str, group: str = "shop") -> ResourceId:
    return ResourceId.parse(f"/subscriptions/{ONE}/resourceGroups/{group}/providers/Microsoft.Compute/virtualMachines/{name}")


SOURCES = st.builds(collection, NAME | LONG, st.sampled_from(["shop", "office"]), st.sampled_from([ONE, TWO]))


@given(a=SOURCES, b=SOURCES, to_a=REGIONS, to_b=REGIONS)
def test_two_sources_or_regions_never_share_a_target(a: ResourceId, b: ResourceId, to_a: str, to_b: str) -> None:
    one = target_collection_id(a, to_a, "away", subscription_id=ONE)
    other = target_collection_id(b, to_b, "away", subscription_id=ONE)
    assert FITS.fullmatch(one.name)
    assert (one == other) is (a == b and to_a == to_b)


def test_a_target_is_named_after_its_source_and_region_in_whatever_case_the_source_came() -> None:
    target = target_collection_id(collection("daily"), "westeurope", "away")
    assert target.name.startswith("daily-westeurope-")
    assert (target.resource_group, target.subscription_id) == ("away", ONE)
    assert target == target_collection_id(collection("DAILY", "SHOP"), "westeurope", "Away")


def test_a_target_that_was_asked_for_is_taken_as_it_is() -> None:
    target = target_collection_id(collection("daily"), "westeurope", "away", subscription_id=TWO.upper(), collection="mine")
    assert (target.name, target.subscription_id) == ("mine", TWO)


@given(a=NAME | LONG, b=NAME | LONG)
def test_each_vm_has_a_collection_of_its_own_beside_it(a: str, b: str) -> None:
    one, other = source_collection_id(machine(a)), source_collection_id(machine(b))
    assert FITS.fullmatch(one.name)
    assert one.type == "Microsoft.Compute/restorePointCollections"
    assert one.resource_group == "shop"
    assert (one == other) is (a == b)


def test_names_of_unicode_vms_fit_azures_rules() -> None:
    assert FITS.fullmatch(source_collection_id(machine("Büro_1")).name)


def test_a_restore_point_is_named_by_its_operation() -> None:
    assert restore_point_name("abcd2345") == "abcd2345"


def test_keys_are_the_same_in_any_case_and_differ_by_region_and_target() -> None:
    a, b = collection("a"), collection("b", "away")
    assert chain_key(a, b) == chain_key(collection("A", "SHOP"), b) != chain_key(b, a)
    point = ResourceId.parse(f"{a}/restorePoints/p")
    assert copy_key(point, "x") == copy_key(ResourceId.parse(str(point).upper()), "x") != copy_key(point, "y")
    assert chain_key(a, b).isalnum(), "no character that a table key refuses"


@pytest.mark.parametrize("length", [3, 64, 80])
def test_tags_show_whose_copies_they_are_however_long_the_ids(length: int) -> None:
    vm, source = machine("v" * length, "g" * 90), collection("c" * length, "g" * 90)
    tags = collection_tags({"cost": "42"}, vm, source)
    assert tags["cost"] == "42"
    assert all(len(value) <= 256 for value in tags.values())
    shown = {name.upper() if name == VM_TAG else name: value for name, value in tags.items()}
    assert id_in_tags(shown, VM_TAG) == str(vm), "Azure keeps no case of tag names"
    assert id_in_tags(tags, SOURCE_TAG) == str(source)


def test_an_unknown_vm_leaves_no_tag() -> None:
    tags = collection_tags({}, None, collection("daily"))
    assert id_in_tags(tags, VM_TAG) is None
    assert id_in_tags(tags, SOURCE_TAG) is not None
