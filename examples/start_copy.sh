#!/usr/bin/env bash
# Copies a restore point to another region and waits until the copy is usable. Needs curl, python3, and the Azure CLI for the token.
#
#   FARSHORE_URL=https://<app>.azurewebsites.net FARSHORE_AUDIENCE=api://<client id> \
#     ./start_copy.sh <restore point's ARM id> <region> <resource group>
#
# FARSHORE_TOKEN, where it is set, is the access token; else `az` gets one, in a pipeline after `az login --identity`.
# Roles: Copies.Write to start, Copies.Read to follow.
# Exit code: 0 usable, 1 refused, failed or canceled, 2 wrongly called, 3 Farshore could not be reached for long.
set -euo pipefail

if [ "$#" -ne 3 ]; then
  echo "usage: $0 <restore point's ARM id> <region> <resource group>" >&2
  exit 2
fi
: "${FARSHORE_URL:?set it to the address of the app, such as https://<app>.azurewebsites.net}"

token() {
  if [ -n "${FARSHORE_TOKEN:-}" ]; then
    printf '%s' "$FARSHORE_TOKEN"
  else
    az account get-access-token --resource "${FARSHORE_AUDIENCE:?set it to api://<client id>}" --query accessToken --output tsv
  fi
}

# The value of a member of the JSON object in a file, a dotted path; nothing where there is none.
member() {
  python3 -c '
import json, sys
value = json.load(open(sys.argv[1]))
for name in sys.argv[2].split("."):
    value = value.get(name) if isinstance(value, dict) else None
print("" if value is None else str(value).lower() if isinstance(value, bool) else value)' "$1" "$2"
}

# The token goes in through a file descriptor, so that no list of processes shows it.
call() {
  curl --silent --show-error --max-time 60 --retry 8 --retry-connrefused \
    --header @<(printf 'Authorization: Bearer %s\n' "$1") --output "$answer" --write-out '%{http_code}' "${@:2}" || true
}

refused() {
  echo "$1: $(member "$answer" error.code): $(member "$answer" error.message)" >&2
  exit 1
}

answer="$(mktemp)"
trap 'rm -f "$answer"' EXIT

body="$(python3 -c '
import json, sys
print(json.dumps({"source": {"restorePointId": sys.argv[1]}, "target": {"region": sys.argv[2], "resourceGroup": sys.argv[3]}}))' "$@")"
# The same key for the same request: run again, this script finds the copy that it started before.
key="$(python3 -c 'import sys, uuid; print(uuid.uuid5(uuid.NAMESPACE_URL, sys.argv[1]))' "$body")"

status="$(call "$(token)" --request POST "${FARSHORE_URL%/}/api/restore-point-copies" \
  --header 'Content-Type: application/json' --header "Repeatability-Request-ID: $key" --data-binary "$body")"
case "$status" in
  200 | 202) ;;
  4*) refused "$status" ;;
  *) echo "Farshore answered $status; run this again, it is the same request" >&2; exit 3 ;;
esac

id="$(member "$answer" id)"
unreached=0
while :; do
  state="$(member "$answer" status)"
  echo "$id $state $(member "$answer" step) $(member "$answer" percentComplete) % $(member "$answer" attention.message)"
  case "$state" in
    Succeeded) [ "$(member "$answer" usable)" = true ]; exit ;;
    Failed | Canceled) refused "$state" ;;
  esac
  while :; do
    sleep "${FARSHORE_POLL_SECONDS:-60}"
    status="$(call "$(token)" "${FARSHORE_URL%/}/api/restore-point-copies/$id")"
    case "$status" in
      200) unreached=0; break ;;
      4[0-9][0-9]) [ "$status" = 429 ] || refused "$status" ;;
    esac
    unreached=$((unreached + 1))
    [ "$unreached" -lt 30 ] || { echo "Farshore answers $status; $id continues without this script" >&2; exit 3; }
  done
done
