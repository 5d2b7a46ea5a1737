"""Makes the app's registration in Entra ID, or brings it up to date: its roles, its scope, its audience. No secret, no certificate.

    python3 infra/hooks/entra_app.py NAME [--any-tenant]

Prints the registration's client id. Needs the Azure CLI, signed in as somebody who may register applications. Run twice, it changes
nothing the second time.
"""

import argparse
import json
import subprocess
import sys
import uuid
from pathlib import Path
from typing import Any, Final

ROLES: Final = Path(__file__).resolve().parents[1] / "entra" / "app-roles.json"
_SCOPE: Final = "user_impersonation"


def az(*arguments: str) -> Any:  # noqa: ANN401  # whatever JSON the command prints
    """Run the Azure CLI and return what it printed, as JSON; None where it printed nothing."""
    done = subprocess.run(["az", *arguments, "--output", "json"], check=True, stdout=subprocess.PIPE, text=True)  # noqa: S603, S607  # az
    return json.loads(done.stdout) if done.stdout.strip() else None


def wanted(client_id: str) -> dict[str, Any]:
    """Return what a registration must say: v2 tokens, our roles, and one scope for people."""
    scope = {
        "id": str(uuid.uuid5(uuid.UUID(client_id), _SCOPE)),
        "value": _SCOPE,
        "type": "User",
        "isEnabled": True,
        "adminConsentDisplayName": "Use Farshore",
        "adminConsentDescription": "Use Farshore as the person who is signed in, with that person's roles.",
        "userConsentDisplayName": "Use Farshore",
        "userConsentDescription": "Use Farshore in your name, with your roles.",
    }
    return {
        "identifierUris": [f"api://{client_id}"],
        "api": {"requestedAccessTokenVersion": 2, "oauth2PermissionScopes": [scope]},
        "appRoles": json.loads(ROLES.read_text(encoding="utf-8")),
    }


def ensure(name: str, *, any_tenant: bool) -> str:
    """Have the registration of this name and return its client id."""
    found = az("ad", "app", "list", "--display-name", name)
    exact = [app for app in found if app["displayName"] == name]
    if len(exact) > 1:
        raise SystemExit(f"{len(exact)} registrations are named '{name}': set FARSHORE_ENTRA_CLIENT_ID to the client id of the right one")
    audience = "AzureADMultipleOrgs" if any_tenant else "AzureADMyOrg"
    app = exact[0] if exact else az("ad", "app", "create", "--display-name", name, "--sign-in-audience", audience)
    client_id = str(app["appId"])
    body = {"signInAudience": audience, **wanted(client_id)}
    url = f"https://graph.microsoft.com/v1.0/applications/{app['id']}"
    az("rest", "--method", "PATCH", "--url", url, "--headers", "Content-Type=application/json", "--body", json.dumps(body))
    if not az("ad", "sp", "list", "--filter", f"appId eq '{client_id}'"):
        az("ad", "sp", "create", "--id", client_id)
    return client_id


def main() -> int:
    """Have the registration and print its client id."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("name", help="display name of the registration")
    parser.add_argument("--any-tenant", action="store_true", help="let people and apps of other Entra tenants have its roles")
    options = parser.parse_args()
    print(ensure(options.name, any_tenant=options.any_tenant))
    return 0


if __name__ == "__main__":
    sys.exit(main())
