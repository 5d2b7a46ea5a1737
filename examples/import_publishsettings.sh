#!/usr/bin/env bash
# Import the subscriptions of a publishsettings file, as a tenant on Azure Pack.
#
#   FARSHORE_URL=https://<app>.azurewebsites.net FARSHORE_TOKEN=... import_publishsettings.sh TENANT FILE [SUBSCRIPTION_ID...]
#
# The file holds a private key: it goes to the app in the body of this one request, and nowhere else. Needs curl and python3, and
# FARSHORE_TOKEN, or FARSHORE_AUDIENCE and a login of the Azure CLI.
set -euo pipefail

if [ $# -lt 2 ]; then
  sed -n '2,7p' "$0" >&2
  exit 2
fi
tenant=$1 file=$2
shift 2
: "${FARSHORE_URL:?the address of the app}"
token=${FARSHORE_TOKEN:-$(az account get-access-token --resource "${FARSHORE_AUDIENCE:?or FARSHORE_TOKEN}" --query accessToken --output tsv)}

# the JSON is made and sent without being written to a file; the token comes by a file descriptor, so that no process list shows it
python3 -c '
import json, sys
body = {"publishSettings": {"value": open(sys.argv[1], encoding="utf-8-sig").read()}}
if sys.argv[2:]:
    body["subscriptionIds"] = sys.argv[2:]
json.dump(body, sys.stdout)
' "$file" "$@" | curl --silent --show-error --fail-with-body --max-time 60 \
  --config <(printf 'header = "Authorization: Bearer %s"\n' "$token") \
  --header 'Content-Type: application/json' --data-binary @- \
  "${FARSHORE_URL%/}/api/tenants/$tenant/azure-pack-subscriptions/import" | python3 -c '
import json, sys
for one in json.load(sys.stdin)["value"]:
    certificate = one["certificate"] or {}
    print(one["id"], one["name"], one["installation"], "certificate ends in", certificate.get("expiresInDays"), "days")
'
