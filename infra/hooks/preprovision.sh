#!/usr/bin/env sh
# azd runs this before it provisions: the app's registration in Entra ID, unless FARSHORE_ENTRA_CLIENT_ID names one already.
set -eu
cd "$(dirname "$0")/../.."
if [ -z "${FARSHORE_ENTRA_CLIENT_ID:-}" ]; then
  client_id="$(python3 infra/hooks/entra_app.py "farshore-${AZURE_ENV_NAME}")"
  azd env set FARSHORE_ENTRA_CLIENT_ID "$client_id"
fi
