#!/usr/bin/env bash
# The security tests, as one program: ends with "N passed, N failed".
set -u
cd "$(dirname "$0")/../.." || exit 1
exec python3 -B tests/security/security.py "$@"
