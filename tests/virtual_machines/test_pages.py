"""Pages of lists that are read whole: cut at `top`, and continued without a gap or a row twice."""

from pathlib import Path
from urllib.parse import urlsplit

from hypothesis import given
from hypothesis import strategies as st

from shared.virtual_machines.reading.pages import page_of_rows
from shared.web.lists import Page
from tests.virtual_machines.kit import Machines, run
from tests.virtual_machines.test_creation import GROUP, LINUX, networks

VMS = "/virtual-machines"
LISTS = (f"/services/{GROUP}/deployments", "/sizes?region=westeurope", "/networks", f"{VMS}/lin01/data-disks", f"{VMS}/lin01/ports")
PORTS = [{"name": f"p{port}", "protocol": "tcp", "port": port, "localPort": port} for port in (8080, 8443, 9090)]
MACHINE = {**LINUX, "deployment": {"name": "front"}, "dataDisks": [{"sizeGB": 4, "lun": lun} for lun in (11, 2, 3)], "ports": PORTS}


async def walked(azure: Machines, path: str, top: int) -> list[str]:
    """Return the rows of all pages of a list; no page but the last has fewer than `top`."""
    found, link = list[str](), f"{path}{'&' if '?' in path else '?'}top={top}"
    while True:
        page = (await azure.of(link)).body
        found += [str(row) for row in page["value"]]
        if "nextLink" not in page:
            assert len(page["value"]) <= top
            return found
        assert len(page["value"]) == top
        parts = urlsplit(page["nextLink"])
        link = f"{parts.path.partition('/tenants/contoso')[2]}?{parts.query}"


def test_each_list_is_cut_at_top_and_goes_on_behind_it(tmp_path: Path) -> None:
    async def test(azure: Machines) -> None:
        others = [{**LINUX, "name": f"other{slot}", "deployment": {"name": slot, "slot": slot}} for slot in ("Staging",)]
        for body in (MACHINE, *others):
            assert (await azure.done("POST", VMS, body))["status"] == "Succeeded"
        for path in LISTS:
            whole = [str(row) for row in (await azure.of(path)).body["value"]]
            assert len(whole) > 1, path
            assert await walked(azure, path, 1) == await walked(azure, path, 2) == whole, path
            for wrong in ("top=0", "top=1001", "continuation=AAAA", "more=1"):
                reply = await azure.of(f"{path}{'&' if '?' in path else '?'}{wrong}")
                assert (reply.status, reply.code, reply.target) == (400, "InvalidRequest", wrong.partition("=")[0]), reply
        assert [disk["lun"] for disk in (await azure.of(LISTS[3])).body["value"]] == [2, 3, 11]

    run(test, tmp_path / "log", networks)


NAMES = st.text("ab|", max_size=3)


@given(st.lists(st.tuples(NAMES, st.text("ab", min_size=1, max_size=2))), st.integers(1, 4))
def test_pages_hold_each_row_once_in_order_also_those_of_one_name_and_key(rows: list[tuple[str, str]], top: int) -> None:
    found, after = list[tuple[str, str]](), None
    while True:
        shown, after = page_of_rows(rows, lambda row: row, Page(top, after))
        found += shown
        if after is None:
            break
        assert len(shown) == top
    assert found == sorted(rows)


def test_a_list_without_rows_has_one_page() -> None:
    assert page_of_rows([], lambda row: row, Page(3, None)) == ([], None)
