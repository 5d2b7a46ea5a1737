"""A client library for Windows Azure Pack: certificate and token sign-in, service API, administrator's API, VMM, VM roles.

A library of its own: of the project it imports `shared.values` alone, and no Azure SDK. It never sleeps, logs no body and no header,
keeps tokens in memory only, and repeats nothing but a call whose token was refused, once. `cryptography` and `spnego` are imported when
the first certificate is read and the first NTLM sign-in is made. How Azure Pack behaves, with sources: docs/azure/azure-pack.md.
"""

from shared.azure_pack.admin.client import AdminClient, Via
from shared.azure_pack.admin.models import NewAddOn, NewSubscription, NewUser, OfferType, ServiceReference, User, UserState
from shared.azure_pack.authorization import Authorization, BearerAuthorization, CertificateAuthorization, SignIn, Token, TokenCache
from shared.azure_pack.certificates import ClientCertificate, ssl_context
from shared.azure_pack.connection import Proxy, Secret, TlsOptions
from shared.azure_pack.errors import AzurePackError, Cause, ErrorDetail, ErrorKind, PublishSettingsError
from shared.azure_pack.odata.literals import Key, all_of, eq, literal
from shared.azure_pack.odata.paging import pages
from shared.azure_pack.publish_settings import PublishedSubscription, PublishSettings, read_publish_settings
from shared.azure_pack.quotas import CloudQuota, NetworkQuota
from shared.azure_pack.sign_in.passwords import AdfsSignIn, MembershipSignIn
from shared.azure_pack.sign_in.windows import WindowsSignIn
from shared.azure_pack.sign_in.ws_trust import ADMIN_SITE, TENANT_SITE
from shared.azure_pack.subscriptions import (
    AddOn,
    AddOnReference,
    ConfigState,
    ManagementCertificate,
    OfferState,
    Plan,
    ServiceQuota,
    ServiceSetting,
    Subscription,
    SubscriptionState,
    SyncState,
    Usage,
)
from shared.azure_pack.tenant import TenantClient
from shared.azure_pack.transport import Reply, Transport
from shared.azure_pack.vm_roles import CloudService, GalleryItem, RoleDefinition, RoleVm, VmRole, VmRoles
from shared.azure_pack.vmm.client import Vmm
from shared.azure_pack.vmm.jobs import ErrorInfo, Job
from shared.azure_pack.vmm.machines import DiskDrive, Machine, MachineChange, MachineOwner, NetworkAdapter, NewMachine, Owner, Started
from shared.azure_pack.vmm.models import (
    Checkpoint,
    Cloud,
    Disk,
    Gateway,
    HardwareProfile,
    LogicalNetwork,
    NatConnection,
    NatRule,
    Network,
    NewNatRule,
    NewNetwork,
    NewPool,
    NewSubnet,
    Pool,
    Subnet,
    Template,
    TemplateAdapter,
    UsageComponent,
)

__all__ = [
    "ADMIN_SITE",
    "TENANT_SITE",
    "AddOn",
    "AddOnReference",
    "AdfsSignIn",
    "AdminClient",
    "Authorization",
    "AzurePackError",
    "BearerAuthorization",
    "Cause",
    "CertificateAuthorization",
    "Checkpoint",
    "ClientCertificate",
    "Cloud",
    "CloudQuota",
    "CloudService",
    "ConfigState",
    "Disk",
    "DiskDrive",
    "ErrorDetail",
    "ErrorInfo",
    "ErrorKind",
    "GalleryItem",
    "Gateway",
    "HardwareProfile",
    "Job",
    "Key",
    "LogicalNetwork",
    "Machine",
    "MachineChange",
    "MachineOwner",
    "ManagementCertificate",
    "MembershipSignIn",
    "NatConnection",
    "NatRule",
    "Network",
    "NetworkAdapter",
    "NetworkQuota",
    "NewAddOn",
    "NewMachine",
    "NewNatRule",
    "NewNetwork",
    "NewPool",
    "NewSubnet",
    "NewSubscription",
    "NewUser",
    "OfferState",
    "OfferType",
    "Owner",
    "Plan",
    "Pool",
    "Proxy",
    "PublishSettings",
    "PublishSettingsError",
    "PublishedSubscription",
    "Reply",
    "RoleDefinition",
    "RoleVm",
    "Secret",
    "ServiceQuota",
    "ServiceReference",
    "ServiceSetting",
    "SignIn",
    "Started",
    "Subnet",
    "Subscription",
    "SubscriptionState",
    "SyncState",
    "Template",
    "TemplateAdapter",
    "TenantClient",
    "TlsOptions",
    "Token",
    "TokenCache",
    "Transport",
    "Usage",
    "UsageComponent",
    "User",
    "UserState",
    "Via",
    "VmRole",
    "VmRoles",
    "Vmm",
    "WindowsSignIn",
    "all_of",
    "eq",
    "literal",
    "pages",
    "read_publish_settings",
    "ssl_context",
]
