#!/usr/bin/env sh
# azd runs this once everything is provisioned: the package, to each app that the deployment named.
set -eu
cd "$(dirname "$0")/../.."
python3 infra/hooks/deploy.py
