"""The library as a whole: its public names are those of its page, it loads what it needs when it needs it, and it keeps secrets."""

import importlib
import inspect
import logging
import re
import subprocess
import sys
from uuid import UUID

import pytest

import shared.azure_pack as library
from local.processes import ROOT
from local.simulation.azure_pack.sample import PASSWORD, SUBSCRIPTION
from shared.azure_pack import AdminClient, NewMachine, TenantClient, Vmm, VmRoles
from shared.values.hidden import Hidden
from tests.azure_pack.clients import administrator, by_certificate, by_token
from tests.azure_pack.pack import Pack
from tests.azure_pack.support import files_left

PAGE = (ROOT / "docs" / "azure-pack.md").read_text(encoding="utf-8")


def section(title: str) -> str:
    """The text of a section of the page."""
    return PAGE.split(f"\n## {title}\n", 1)[1].split("\n## ", 1)[0]


def names(text: str) -> set[str]:
    """The texts in backticks in a table's last column."""
    cells = [line.rstrip(" |").rpartition("|")[2] for line in text.splitlines() if line.startswith("| `")]
    return {name for cell in cells for name in re.findall(r"`(\w+)", cell)}


def test_the_public_names_are_those_of_the_page() -> None:
    assert set(library.__all__) == names(section("The library"))
    assert all(hasattr(library, name) for name in library.__all__)


def test_each_module_has_the_public_names_of_its_row() -> None:
    for row in (line for line in section("The library").splitlines() if line.startswith("| `")):
        name, missing = re.findall(r"`(\w+)`", row)[0], []
        module = importlib.import_module(f"shared.azure_pack.{name}")
        missing += [each for each in names(row) if not hasattr(module, each)]
        assert missing == [], name


@pytest.mark.parametrize("client", [TenantClient, AdminClient, Vmm, VmRoles], ids=lambda each: str(each.__name__))
def test_the_methods_of_a_client_are_those_of_the_page(client: type) -> None:
    found = {name for name, _ in inspect.getmembers(client, inspect.isfunction) if not name.startswith("_")}
    row = next(line for line in section("The clients").splitlines() if line.startswith(f"| `{client.__name__}`"))
    assert found == names(row)


@pytest.mark.parametrize("module", ["shared.azure_pack", "local.simulation.app"])
def test_certificates_and_ntlm_are_loaded_when_first_needed(module: str) -> None:
    unwanted = ["spnego", "cryptography.hazmat.primitives.serialization.pkcs12", "local.simulation.azure_pack.listeners"]
    program = f"import sys, {module}; print([name for name in {unwanted!r} if name in sys.modules])"
    ran = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"


def test_the_app_does_not_load_the_library() -> None:
    unwanted = ("shared.azure_pack", "spnego", "cryptography")
    program = f"import sys, function_app; print(sorted(name for name in sys.modules if name.startswith({unwanted!r})))"
    environment = {"PATH": "", "AUTH_AUDIENCES": "farshore"}
    ran = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True, env=environment)
    assert ran.stdout.strip() == "[]"


async def test_no_log_and_no_file_holds_a_secret(pack: Pack, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    id_ = UUID(SUBSCRIPTION)
    published = pack.publish_settings()
    for client in (by_certificate(pack, published.subscriptions[0]), by_token(pack)):
        await client.subscription(id_)
    vmm = administrator(pack).machines(id_)
    cloud = await anext(vmm.clouds())
    template = await anext(vmm.templates())
    new = NewMachine(name="new", stamp=cloud.stamp, cloud=cloud.id, template=template.id, admin_password=Hidden("Sup3r-secret"))
    await vmm.create_machine(new)
    assert "Sup3r-secret" not in repr(new)
    # pyspnego logs the tokens of NTLM at DEBUG, which are no passwords; nothing else is in the log
    text = "\n".join(record.getMessage() for record in caplog.records)
    for secret in (PASSWORD, "Sup3r-secret", "Bearer ", "PRIVATE KEY"):
        assert secret not in text
    assert files_left() == []
