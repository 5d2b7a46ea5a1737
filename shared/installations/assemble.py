"""What the capabilities of one process share of installations: one sign-in and one limit of calls for each."""

from shared.capability import Core
from shared.installations import TABLE
from shared.installations.reach.connections import Connections
from shared.installations.secrets import Vault
from shared.installations.store import InstallationStore
from shared.installations.subscriptions.certificates import CertificateStore
from shared.installations.subscriptions.reach import SubscriptionReach


def connections_of(core: Core) -> Connections:
    """Return the connections of this process."""

    def make() -> Connections:
        vault = Vault(core.secrets, core.secret_references, core.registry)
        return Connections(InstallationStore(core.storage.table(TABLE), core.clock, core.ids), vault, core.clock, core.budgets)

    return core.shared.get(Connections, make)


def reach_of(core: Core) -> SubscriptionReach:
    """Return what opens the tenants' subscriptions, with the connections of their certificates."""

    def make() -> SubscriptionReach:
        vault = Vault(core.secrets, core.secret_references, core.registry)
        return SubscriptionReach(connections_of(core), CertificateStore(vault, core.ids))

    return core.shared.get(SubscriptionReach, make)
