"""The administrator's API."""

from shared.azure_pack.admin.client import AdminClient, Via
from shared.azure_pack.admin.models import NewAddOn, NewSubscription, NewUser, OfferType, ServiceReference, User, UserState

__all__ = ["AdminClient", "NewAddOn", "NewSubscription", "NewUser", "OfferType", "ServiceReference", "User", "UserState", "Via"]
