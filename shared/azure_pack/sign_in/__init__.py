"""Sign-in: WS-Trust with user name and password, and NTLM."""

from shared.azure_pack.sign_in.passwords import AdfsSignIn, MembershipSignIn
from shared.azure_pack.sign_in.windows import WindowsSignIn
from shared.azure_pack.sign_in.ws_trust import ADMIN_SITE, TENANT_SITE

__all__ = ["ADMIN_SITE", "TENANT_SITE", "AdfsSignIn", "MembershipSignIn", "WindowsSignIn"]
