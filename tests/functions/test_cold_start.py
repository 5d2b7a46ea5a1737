"""What a cold start imports: nothing that only some invocations need."""

import subprocess
import sys

from local.processes import ROOT

LATER = (
    "azure.mgmt",
    "azure.keyvault",
    "azure.identity",
    "azure.data",
    "azure.storage",
    "azure.core",
    "aiohttp",
    "jwt",
    "cryptography",
    "opentelemetry",
)

OF_INVOCATIONS = (
    "shared.access.plans", "shared.access.records.claim_rows", "shared.access.records.claims", "shared.access.records.rows",
    "shared.access.registrar", "shared.access.registry", "shared.access.tokens", "shared.arm.clients", "shared.composition",
    "shared.copies.facts", "shared.copies.inventory.facts", "shared.dispatch", "shared.operations.accepting.acceptance",
    "shared.operations.accepting.locks", "shared.operations.model.lists", "shared.operations.model.store",
    "shared.operations.outside.receiving", "shared.operations.outside.rejected", "shared.operations.running", "shared.quotas.usage",
    "shared.secrets.keeper", "shared.secrets.vaults", "shared.tenants.documents", "shared.tenants.hosting_plans", "shared.tenants.rules",
    "shared.virtual_machines.creation", "shared.virtual_machines.resource_manager", "spnego",
)  # fmt: skip
"""What requests, messages and timers run on: assembled at the first invocation."""


def test_the_app_imports_no_client_before_it_needs_one() -> None:
    found = imported("import function_app; function_app.app.get_functions()")
    assert "pydantic" in found, "nothing was imported at all"
    assert within(LATER, found) == []


def test_the_app_imports_none_of_its_services_before_an_invocation() -> None:
    found = imported("import function_app; function_app.app.get_functions()")
    assert "functions.virtual_machines.machines" in found, "no capability was imported"
    assert within(OF_INVOCATIONS, found) == []


def test_each_of_these_modules_exists_and_would_be_seen() -> None:
    found = imported(f"import function_app, {', '.join(OF_INVOCATIONS)}")
    assert {name for name in OF_INVOCATIONS if within((name,), found)} == set(OF_INVOCATIONS)


def test_collection_is_on_again_once_the_app_is_imported() -> None:
    code = "import gc, function_app; assert gc.isenabled(), 'off'; assert gc.get_freeze_count(), 'not frozen'"
    assert "function_app" in imported(code)


def test_the_test_would_see_it() -> None:
    assert "aiohttp" in imported("import function_app, aiohttp")


def within(packages: tuple[str, ...], found: set[str]) -> list[str]:
    return [name for name in sorted(found) if name.startswith(tuple(f"{one}." for one in packages)) or name in packages]


def imported(code: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", f"import sys; {code}; print(*sys.modules)"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())
