"""The rules of virtual machines: names, passwords, disks, sizes, ports, and what a failed creation leaves."""

import string
from itertools import product

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from shared.access.records.plan import PlanSize
from shared.virtual_machines.rules import disks, names, passwords, ports, sizes
from shared.virtual_machines.rules.disks import Caching, Growth
from shared.virtual_machines.rules.leftovers import Part, Piece, after_failure
from shared.virtual_machines.rules.names import OsType
from shared.virtual_machines.rules.ports import OpenPort, Protocol
from shared.virtual_machines.rules.sizes import SizeFacts, SizeUse
from shared.virtual_machines.rules.ssh_keys import ssh_key_problem

WINDOWS, LINUX = OsType.WINDOWS, OsType.LINUX
NAMES = st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9-]{0,62}[A-Za-z0-9])?", fullmatch=True)
TEXT = st.text(max_size=130)
FORBIDDEN = (
    "abc@123",
    "P@$$w0rd",
    "P@ssw0rd",
    "P@ssword123",
    "Pa$$word",
    "pass@word1",
    "Password!",
    "Password1",
    "Password22",
    "iloveyou!",
)

# names


@given(NAMES)
def test_a_machine_name_of_azure_is_taken(name: str) -> None:
    assert names.check_machine_name(name) == name


@pytest.mark.parametrize("name", ["", "-a", "a-", "a_b", "a.b", "a b", "ä", "a" * 65, "a\n"])
def test_another_machine_name_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="name"):
        names.check_machine_name(name)


@given(NAMES)
def test_windows_takes_computer_names_of_fifteen_that_are_not_all_digits(name: str) -> None:
    fits = len(name) <= 15 and not name.isdigit()
    assert (names.computer_name_problem(name, WINDOWS) is None) == fits
    assert names.computer_name_problem(name, LINUX) is None


@given(TEXT, st.sampled_from(OsType))
def test_an_administrator_that_is_taken_is_one_that_azure_takes(name: str, os_type: OsType) -> None:
    if names.admin_name_problem(name, os_type) is not None:
        return
    assert name.lower() not in {"administrator", "admin", "root", "guest"}
    assert 1 <= len(name) <= (20 if os_type is WINDOWS else 32)
    if os_type is LINUX:
        assert set(name) <= set(string.ascii_lowercase + string.digits + "_-")
    else:
        assert not set(name) & set('\\/"[]:|<>+=;,?*@')
        assert not name.endswith(".")


@pytest.mark.parametrize(("name", "windows", "linux"), [
    ("Administrator", False, False), ("root", False, False), ("GUEST", False, False), ("", False, False),
    ("azureuser", True, True), ("Azure User", True, False), ("1user", True, False), ("_user", True, True),
    ("user.", False, False), ("a" * 20, True, True), ("a" * 21, False, True), ("a" * 32, False, True), ("a" * 33, False, False),
    ("me@home", False, False),
])  # fmt: skip
def test_names_of_administrators(name: str, windows: bool, linux: bool) -> None:
    assert (names.admin_name_problem(name, WINDOWS) is None) == windows
    assert (names.admin_name_problem(name, LINUX) is None) == linux


@given(NAMES, st.from_regex(r"[a-z2-7]{26}", fullmatch=True))
def test_a_made_name_ends_in_the_operation_and_is_short_enough(base: str, operation: str) -> None:
    name = names.made_name(base * 2, "nic", operation)
    assert name.endswith(f"-nic-{operation[-6:]}")
    assert len(name) <= 80
    assert names.check_resource_name(name) == name
    assert names.made_name(base, "nic", operation) == names.made_name(base, "nic", operation)


# passwords


@given(TEXT, st.sampled_from(OsType))
def test_a_password_that_is_taken_has_three_kinds_and_its_length(password: str, os_type: OsType) -> None:
    least, most = (8, 123) if os_type is WINDOWS else (6, 72)
    problem = passwords.password_problem(password, os_type)
    allowed = least <= len(password) <= most and passwords.kinds_of(password) >= 3 and password not in FORBIDDEN
    assert (problem is None) == allowed


@given(st.text(alphabet="Zz9!", min_size=8, max_size=72))
def test_the_message_never_has_the_password(password: str) -> None:
    for os_type in OsType:
        assert password not in (passwords.password_problem(password, os_type) or "")


@pytest.mark.parametrize("password", FORBIDDEN)
@pytest.mark.parametrize("os_type", OsType)
def test_ten_passwords_are_refused(password: str, os_type: OsType) -> None:
    assert passwords.password_problem(password, os_type) is not None


def test_the_sample_password_of_the_classic_guide_is_taken() -> None:
    assert passwords.password_problem("myAdminPwd1", WINDOWS) is None
    assert passwords.password_problem("Pwd1aB2", WINDOWS) is not None  # seven characters
    assert passwords.password_problem("Pwd1aB2", LINUX) is None


# SSH keys


def _line(key: rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey) -> str:
    return key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()


def test_ssh_keys() -> None:
    good = _line(ed25519.Ed25519PrivateKey.generate())
    assert ssh_key_problem(good) is None
    assert ssh_key_problem(f"{good} me@home") is None
    assert ssh_key_problem(_line(rsa.generate_private_key(65537, 2048))) is None
    assert ssh_key_problem(_line(rsa.generate_private_key(65537, 1024))) is not None  # noqa: S505  # the one that is refused
    assert ssh_key_problem(_line(ec.generate_private_key(ec.SECP256R1()))) is not None
    for bad in ("", "ssh-rsa", "ssh-rsa AAAA", good.replace("ssh-ed25519", "ssh-rsa"), f"{good}\n{good}", good[:-4]):
        assert ssh_key_problem(bad) is not None


# disks

LUNS = st.lists(st.one_of(st.none(), st.integers(0, 63)), max_size=64)


@given(LUNS, st.sets(st.integers(0, 63), max_size=64))
def test_luns_are_free_differ_and_are_kept_where_wanted(wanted: list[int | None], taken: set[int]) -> None:
    explicit = [lun for lun in wanted if lun is not None]
    if disks.repeated_luns(wanted) or taken & set(explicit):
        return
    found = disks.assign_luns(wanted, taken)
    if found is None:
        assert len(wanted) + len(taken) > 64
        return
    assert len(set(found)) == len(found)
    assert not set(found) & taken
    assert all(0 <= lun <= 63 for lun in found)
    assert all(lun is None or lun == chosen for lun, chosen in zip(wanted, found, strict=True))


@given(st.sets(st.integers(0, 63)))
def test_the_lowest_free_lun(taken: set[int]) -> None:
    found = disks.lowest_free_lun(taken)
    free = sorted(set(range(64)) - taken)
    assert found == (free[0] if free else None)


@given(st.integers(1, 32_767), st.integers(1, 32_767))
def test_growth(now: int, wanted: int) -> None:
    expected = (
        Growth.SAME if now == wanted
        else Growth.SMALLER if wanted < now
        else Growth.DETACHED if now <= 4_095 < wanted
        else Growth.LARGER
    )  # fmt: skip
    assert disks.growth(now, wanted) is expected


@given(st.sampled_from(Caching), st.one_of(st.none(), st.integers(1, 32_767)))
def test_only_disks_up_to_4095_gb_are_cached(caching: Caching, size: int | None) -> None:
    refused = caching is not Caching.NONE and size is not None and size > 4_095
    assert (disks.caching_problem(caching, size) is not None) == refused


# sizes

SMALL = SizeFacts("Standard_D2s_v5", 2, 8, 4, zones=("1", "2"), restricted_zones=("2",))
OLD = SizeFacts("Standard_A2", 2, 3.5, 4, premium=False, generations=("V1",), trusted_launch=False)
GONE = SizeFacts("Standard_D4s_v5", 4, 16, 8, restriction="NotAvailableForSubscription")


def test_a_plan_names_the_sizes_that_it_offers() -> None:
    plan = (PlanSize(name="Small", size="standard_d2S_v5"), PlanSize(name="Gone", size="Standard_X"))
    assert [(one.label, one.facts.name) for one in sizes.offered_sizes(plan, [SMALL, OLD])] == [("Small", "Standard_D2s_v5")]
    assert [one.label for one in sizes.offered_sizes((), [SMALL, OLD])] == ["Standard_A2", "Standard_D2s_v5"]
    assert sizes.azure_size(plan, "SMALL") == "standard_d2S_v5"
    assert sizes.azure_size(plan, "Standard_D2s_v5") is None
    assert sizes.azure_size((), "Standard_D2s_v5") == "Standard_D2s_v5"
    assert sizes.label_of(plan, "STANDARD_D2S_V5") == "Small"


@pytest.mark.parametrize(("size", "use", "targets"), [
    (SMALL, SizeUse(4), []),
    (SMALL, SizeUse(5), ["dataDisks"]),
    (SMALL, SizeUse(0, zone="1"), []),
    (SMALL, SizeUse(0, zone="2"), ["zone"]),
    (SMALL, SizeUse(0, zone="3"), ["zone"]),
    (GONE, SizeUse(0), ["size"]),
    (OLD, SizeUse(0, skus=("StandardSSD_LRS", "Premium_LRS")), ["osDisk.sku"]),
    (OLD, SizeUse(0, generation="V2"), ["image"]),
    (OLD, SizeUse(0, generation="V1", trusted_launch=True), ["securityType"]),
])  # fmt: skip
def test_what_a_size_allows(size: SizeFacts, use: SizeUse, targets: list[str]) -> None:
    assert [problem.target for problem in sizes.size_problems(size, use)] == targets


@given(st.text(max_size=20), st.lists(NAMES, max_size=40))
def test_similar_names_are_at_most_ten_known_ones(wanted: str, known: list[str]) -> None:
    found = sizes.similar_names(wanted, known)
    assert len(found) <= 10
    assert set(found) <= set(known)


def test_a_slip_finds_its_size() -> None:
    assert sizes.similar_names("Standard_D2_v5", ["Standard_A2", "Standard_D2s_v5"])[0] == "Standard_D2s_v5"


# ports

PORTS = st.builds(OpenPort, st.sampled_from(Protocol), st.integers(1, 6), st.integers(1, 6), st.sampled_from(["a", "b", "A"]), st.just("p"))


@given(PORTS, st.lists(PORTS, max_size=8))
def test_a_port_is_free_unless_its_public_or_local_number_is_taken(wanted: OpenPort, existing: list[OpenPort]) -> None:
    same = [one for one in existing if one.protocol is wanted.protocol]
    taken = any(one.port == wanted.port for one in same) or any(
        one.local == wanted.local and one.machine.lower() == wanted.machine.lower() for one in same
    )
    found = ports.port_in_the_way(wanted, existing)
    assert (found is not None) == taken
    assert found is None or found in existing


@given(st.lists(st.builds(OpenPort, st.sampled_from(Protocol), st.integers(1, 5), st.integers(1, 5)), max_size=6))
def test_a_body_without_repeated_ports_can_be_opened_one_after_another(wanted: list[OpenPort]) -> None:
    repeated = {place for place, _ in ports.repeated_ports(wanted)}
    for place, one in enumerate(wanted):
        assert (ports.port_in_the_way(one, wanted[:place]) is not None) == (place in repeated)


# what a failed creation leaves

PIECES = st.lists(st.builds(Piece, st.sampled_from(Part), st.text("abc", min_size=1, max_size=3), st.booleans()), max_size=12)


@given(PIECES, st.booleans(), st.booleans(), st.booleans())
def test_a_failed_creation_deletes_only_what_it_made_in_order(pieces: list[Piece], keep: bool, empty: bool, known: bool) -> None:
    after = after_failure(pieces, keep=keep, set_is_empty=empty, outcome_known=known)
    made = [piece for piece in pieces if not piece.existing]
    assert sorted([*after.delete, *after.kept], key=repr) == sorted(made, key=repr)
    places = [list(Part).index(piece.part) for piece in after.delete]
    assert places == sorted(places)
    if keep or not known:
        assert after.delete == ()
    elif not empty:
        assert {piece.part for piece in after.kept} <= {Part.SET, Part.BALANCER, Part.ADDRESS}
        assert not {piece.part for piece in after.delete} & {Part.SET, Part.BALANCER, Part.ADDRESS}
    else:
        assert after.kept == ()


def test_the_machine_goes_first_and_the_address_last() -> None:
    pieces = [Piece(part, part) for part, _ in product(reversed(Part), range(1))]
    after = after_failure(pieces, keep=False, set_is_empty=True, outcome_known=True)
    assert [piece.part for piece in after.delete] == list(Part)
