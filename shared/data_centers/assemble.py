"""Assembles the capability `data_centers` from the core."""

from shared.access.records.azure_pack_subscriptions import TABLE as SUBSCRIPTIONS
from shared.access.records.azure_pack_subscriptions import AzurePackSubscriptions
from shared.access.records.rows import TenantRows
from shared.access.registrar import Registrar
from shared.capability import Core, Parts
from shared.data_centers.admission import ActingAdmission, Admitting
from shared.data_centers.kinds import DATA_CENTER, TABLE
from shared.data_centers.messages import MESSAGES
from shared.data_centers.observing import Observer
from shared.data_centers.passwords.one_time import OneTimeSecrets
from shared.data_centers.reading import DataCenterReader
from shared.data_centers.records.store import DataCenterStore
from shared.data_centers.rules.suspension import KEPT_AFTER_CLOSING
from shared.data_centers.service import DataCenters
from shared.data_centers.steps.claim import Tools
from shared.data_centers.steps.turns import Turns
from shared.data_centers.steps.workflow import Steps, data_center_workflow
from shared.installations import TABLE as INSTALLATIONS
from shared.installations.assemble import connections_of, reach_of
from shared.installations.documents import Installations
from shared.installations.reading import InstallationReader
from shared.installations.secrets import Vault
from shared.installations.store import InstallationStore
from shared.installations.subscriptions.certificates import CertificateStore
from shared.installations.subscriptions.expiry import ROUND, CertificateRounds
from shared.installations.subscriptions.importing import Imports
from shared.installations.subscriptions.reading import SubscriptionReader
from shared.storage.daily import DailyTurn

_LOCAL_BASE_URL = "http://localhost"


def assemble(core: Core) -> Parts:
    """Return the services, the workflow, the messages and the timer of data centers and installations."""
    vault = Vault(core.secrets, core.secret_references, core.registry)
    store = DataCenterStore(core.storage.table(TABLE), core.clock, core.ids)
    subscriptions = AzurePackSubscriptions(core.storage.table(SUBSCRIPTIONS))
    installations = InstallationStore(core.storage.table(INSTALLATIONS), core.clock, core.ids)
    connections = connections_of(core)

    async def in_use(name: str) -> str | None:
        record = await store.any_of_installation(name)
        if record is not None:
            return f"the data center '{record.id}' of '{record.tenant}'"
        mapped = await subscriptions.any_of_installation(name)
        return f"the subscription {mapped.id} of '{mapped.tenant}'" if mapped is not None else None

    documents = Installations(installations, vault, core.registry, core.ids, in_use, connections.forget)
    tools = Tools(store, core.store, subscriptions, connections, vault, core.locks, core.clock, core.ids)
    turns, admitting = Turns(tools), Admitting(store)
    registrar, tenants = Registrar(core.registry_table, core.clock, core.ids), TenantRows(core.registry_table, core.ids)
    base_url = core.settings.public_base_url or _LOCAL_BASE_URL
    one_time = OneTimeSecrets(store, core.store, connections, vault, core.clock, base_url)
    steps = Steps(tools, turns, core.registry, one_time, core.settings.one_time_secret_lifetime)
    acting = ActingAdmission(connections)
    data_centers = DataCenters(
        core.acceptance,
        store,
        installations,
        connections,
        turns,
        admitting,
        acting,
        core.registry,
        registrar,
        tenants,
        vault,
        core.clock,
    )
    certificates = CertificateStore(vault, core.ids)
    reach = reach_of(core)
    imports = Imports(installations, connections, subscriptions, certificates, reach, core.secret_references, core.clock)
    table = core.storage.table(SUBSCRIPTIONS)
    rounds = CertificateRounds(installations, subscriptions, certificates, core.events, table, DailyTurn(table, ROUND), core.clock)
    reader = DataCenterReader(data_centers, installations, core.store, Observer(connections, core.clock))

    async def forget_suspensions() -> None:
        await store.forget_suspensions(core.clock.now() - KEPT_AFTER_CLOSING)

    return Parts(
        services=(
            documents,
            InstallationReader(documents, connections, core.clock),
            data_centers,
            reader,
            one_time,
            connections,
            imports,
            SubscriptionReader(subscriptions, reach, imports, core.clock),
        ),
        workflows={DATA_CENTER.name: data_center_workflow(steps)},
        messages=MESSAGES,
        timers=(one_time.expire, forget_suspensions, rounds.run),
    )
