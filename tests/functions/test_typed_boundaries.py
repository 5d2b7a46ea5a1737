"""What crosses the modules of a capability has a type, but for documents of Azure, Entra and files in the modules named here."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from local.processes import ROOT

ROOMS = ("access", "copies", "data_centers", "failovers", "installations", "secrets", "tenants", "virtual_machines")
OF_OTHERS = {
    "shared/access/callers.py": "reads the claims of Entra's access tokens",
    "shared/access/records/seeding.py": "reads an estate's file",
    "shared/copies/copying/rules/replication.py": "reads instance views",
    "shared/copies/facts.py": "reads virtual machines, disks and restore points",
    "shared/copies/gateway.py": "calls Compute",
    "shared/copies/inventory/facts.py": "reads virtual machines, disks and collections",
    "shared/copies/restores/gateway.py": "calls Compute and Network",
    "shared/copies/restores/reading.py": "reads what a restore names",
    "shared/copies/restores/rules/captured.py": "reads restore points",
    "shared/copies/restores/rules/checks.py": "reads networks, sets, sizes and quotas",
    "shared/copies/restores/rules/documents.py": "writes the bodies of calls",
    "shared/copies/restores/rules/isolation.py": "reads networks",
    "shared/copies/restores/rules/readiness.py": "reads instance views",
    "shared/copies/restores/rules/sizes.py": "reads sizes and quotas",
    "shared/copies/restores/steps/making.py": "reads what a restore made",
    "shared/failovers/failing_over/rules/kept_settings.py": "reads an item's settings, and writes them into the bodies of calls",
    "shared/failovers/failing_over/rules/payloads.py": "writes the bodies of calls",
    "shared/failovers/protection/rules.py": "reads protectable items",
    "shared/failovers/readiness/places.py": "reads groups, networks and storage accounts",
    "shared/failovers/set_up/plan_rules.py": "reads and writes recovery plans",
    "shared/failovers/set_up/policy_rules.py": "reads and writes replication policies",
    "shared/failovers/set_up/reads.py": "reads a vault",
    "shared/failovers/set_up/rules.py": "writes the bodies of calls",
    "shared/failovers/set_up/snapshot.py": "reads a vault",
    "shared/failovers/set_up/state.py": "keeps the bodies of calls",
    "shared/failovers/set_up/tenant_view.py": "reads a vault for a tenant",
    "shared/failovers/vault/facts.py": "reads items, plans, points and providers",
    "shared/failovers/vault/gateway.py": "calls Site Recovery",
    "shared/failovers/vault/inventory.py": "reads lists of a vault",
    "shared/failovers/vault/job_facts.py": "reads jobs",
    "shared/failovers/vault/limits.py": "reads machines",
    "shared/failovers/vault/views.py": "reads fabrics, clouds, policies and mappings",
    "shared/tenants/mappings/estate.py": "lists subscriptions, vaults, storage accounts and containers",
    "shared/tenants/mappings/rules.py": "reads containers",
    "shared/tenants/shapes.py": "reads fabrics",
    "shared/virtual_machines/creation/context.py": "reads disks, availability sets and balancers",
    "shared/virtual_machines/creation/pieces.py": "keeps the bodies of calls",
    "shared/virtual_machines/creation/planning.py": "writes the bodies of calls",
    "shared/virtual_machines/facts.py": "reads machines and their instance views",
    "shared/virtual_machines/listed.py": "reads groups, networks, images and disks",
    "shared/virtual_machines/reading/balancers.py": "reads balancers",
    "shared/virtual_machines/reading/estate.py": "reads images and disks",
    "shared/virtual_machines/reading/ports.py": "reads and writes adapters, security groups and balancers",
    "shared/virtual_machines/reprovisioning/losses.py": "reads the members of a machine and its adapter that a creation does not set",
    "shared/virtual_machines/reprovisioning/planning.py": "reads adapters, writes the body of a machine",
    "shared/virtual_machines/resource_manager/catalogue.py": "reads regions and sizes",
    "shared/virtual_machines/resource_manager/resources.py": "calls Resource Manager",
    "shared/virtual_machines/steps/creating.py": "writes the body of a machine",
    "shared/virtual_machines/steps/updating.py": "writes the body of a machine's change",
}
OPEN_NAMES = {"Body", "Json", "JsonObject"}
OPEN_VALUES = {"Any", "object"}


def is_open(annotation: ast.expr) -> bool:
    """Return whether an annotation has a JSON object without a type: `dict[str, Any]`, `Mapping[str, object]`, `JsonObject`, …"""
    for node in ast.walk(annotation):
        if isinstance(node, ast.Name) and node.id in OPEN_NAMES:
            return True
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            try:
                quoted = ast.parse(node.value, mode="eval").body
            except SyntaxError:
                continue
            if not isinstance(quoted, ast.Constant) and is_open(quoted):
                return True
        if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Tuple):
            of_names = ast.unparse(node.value).endswith(("dict", "Mapping"))
            if of_names and ast.unparse(node.slice.elts[-1]) in OPEN_VALUES:
                return True
    return False


def open_parts(body: list[ast.stmt], within: str = "") -> Iterator[str]:
    """Return the public parameters, results and fields of a module or class that have such an annotation."""
    for node in body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield from open_parts(node.body, f"{within}{node.name}.")
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and not node.target.id.startswith("_"):
            if is_open(node.annotation):
                yield f"{within}{node.target.id}"
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and (node.name == "__init__" or not node.name.startswith("_")):
            given = node.args
            for one in (*given.posonlyargs, *given.args, given.vararg, *given.kwonlyargs, given.kwarg):
                if one is not None and one.annotation is not None and is_open(one.annotation):
                    yield f"{within}{node.name}({one.arg})"
            if node.returns is not None and is_open(node.returns):
                yield f"{within}{node.name} ->"


def found_in(path: Path) -> list[str]:
    return list(open_parts(ast.parse(path.read_text(encoding="utf-8")).body))


@pytest.mark.parametrize("room", ROOMS)
def test_only_documents_of_others_cross_modules_without_a_type(room: str) -> None:
    modules = {str(path.relative_to(ROOT)): path for path in sorted((ROOT / "shared" / room).rglob("*.py"))}
    assert {name: parts for name, path in modules.items() if name not in OF_OTHERS and (parts := found_in(path))} == {}


@pytest.mark.parametrize("module", OF_OTHERS)
def test_a_named_module_still_has_such_documents(module: str) -> None:
    assert found_in(ROOT / module)


@pytest.mark.parametrize(
    ("source", "parts"),
    [
        ("def f(a: dict[str, object], b: int) -> Any: ...", ["f(a)"]),
        ("async def f() -> list[dict[str, Any]] | None: ...", ["f ->"]),
        ("class C:\n    a: Mapping[str, object] = {}\n    _b: JsonObject", ["C.a"]),
        ("class C:\n    def __init__(self, *, a: 'JsonObject') -> None: ...\n    def _g(self, a: Json) -> None: ...", ["C.__init__(a)"]),
        ("def f(**a: dict[str, str]) -> Mapping[str, int]: ...", []),
        ("def _f(a: JsonObject) -> None: ...\nclass _C:\n    a: JsonObject", []),
    ],
)
def test_what_counts_as_without_a_type(source: str, parts: list[str]) -> None:
    assert list(open_parts(ast.parse(source).body)) == parts
