"""Every reference from a page or from code leads to a page, a heading or a file of the project."""

import re
import subprocess
from functools import cache
from pathlib import Path

import pytest

from local.processes import ROOT

_TEXT = {".md", ".py", ".bicep", ".bicepparam", ".json", ".toml", ".yaml", ".yml", ".kql", ".sh", ".ps1", ".html", ".txt", ""}
_GENERATED = {"package-lock.json"}
_LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
_PAGE = re.compile(r"(?<![\w/.*-])((?:[\w.-]+/)*[\w-]+\.md)(#[\w-]+)?")
_SECTION = re.compile(r'(docs/[\w/-]+\.md),\s+(?:#\s*|//\s*)?"([^"]+)"')
_SPECIFICATION = re.compile(r"\bspec(?:ification)?/\w+\.json")


@cache
def files() -> tuple[Path, ...]:
    """Return the text files of the project that git tracks."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout.decode().split("\0")
    paths = [ROOT / name for name in listed if name]
    return tuple(path for path in paths if path.is_file() and path.suffix in _TEXT and path.name not in _GENERATED)


@cache
def headings(page: Path) -> tuple[str, ...]:
    """Return the headings of a page, without those in its code blocks."""
    text = re.sub(r"^```.*?^```", "", page.read_text("utf-8"), flags=re.MULTILINE | re.DOTALL)
    return tuple(re.findall(r"^#+ (.+?)\s*$", text, re.MULTILINE))


def anchors(page: Path) -> set[str]:
    """Return the anchors that GitHub gives a page's headings."""
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings(page)}


def found(start: Path, reference: str) -> Path | None:
    """Return the page that a reference names, relative to its own folder, to the project, or to docs/."""
    for base in (start.parent, ROOT, ROOT / "docs"):
        target = (base / reference).resolve()
        if target.is_file() and target.is_relative_to(ROOT):
            return target
    return None


def name(path: Path) -> str:
    """Return a file's path in the project."""
    return str(path.relative_to(ROOT))


def test_there_are_files_of_each_sort() -> None:
    assert {".md", ".py", ".bicep"} <= {path.suffix for path in files()}


@pytest.mark.parametrize("page", [path for path in files() if path.suffix == ".md"], ids=name)
def test_the_links_of_a_page_lead_somewhere(page: Path) -> None:
    dead = []
    for link in _LINK.findall(page.read_text("utf-8")):
        if re.match(r"https?://|mailto:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or not target.is_relative_to(ROOT) or (anchor and (target.suffix != ".md" or anchor not in anchors(target))):
            dead.append(link)
    assert dead == []


def test_a_page_that_is_named_is_in_the_project() -> None:
    dead = []
    for path in files():
        for reference, anchor in _PAGE.findall(_without_links(path.read_text("utf-8"))):
            target = found(path, reference)
            if target is None or (anchor and anchor[1:] not in anchors(target)):
                dead.append(f"{name(path)}: {reference}{anchor}")
    assert dead == []


def test_a_section_that_is_named_is_a_heading_of_its_page() -> None:
    named, dead = 0, []
    for path in files():
        for reference, heading in _SECTION.findall(path.read_text("utf-8")):
            named += 1
            target = found(path, reference)
            wanted = " ".join(re.sub(r"\n\s*(?:#|//)?\s*", " ", heading).split())
            if target is None or wanted not in headings(target):
                dead.append(f"{name(path)}: {reference}, {wanted!r}")
    assert dead == []
    assert named > 0


def test_no_docstring_refers_to_a_file_of_the_specification_by_its_path() -> None:
    app = [path for path in files() if path.suffix == ".py" and path.relative_to(ROOT).parts[0] in {"functions", "shared", "local"}]
    assert [name(path) for path in app if _SPECIFICATION.search(path.read_text("utf-8"))] == []


def test_every_page_of_the_documentation_is_linked_from_another() -> None:
    linked = set()
    for page in (path for path in files() if path.suffix == ".md"):
        for link in _LINK.findall(page.read_text("utf-8")):
            target = (page.parent / link.partition("#")[0]).resolve()
            if target != page:
                linked.add(target)
    pages = [path for path in files() if path.suffix == ".md" and path.is_relative_to(ROOT / "docs")]
    assert [name(page) for page in pages if page not in linked] == []


def _without_links(text: str) -> str:
    """Return a text without its links and addresses."""
    return re.sub(r"https?://\S+", "", _LINK.sub("", text))
