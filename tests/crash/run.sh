#!/usr/bin/env bash
# Runs the crash tests for `make check`: builds the library that kills, then all cases. SEED=n repeats the random ones.
set -euo pipefail
cd "$(dirname "$0")/../.."
: "${BUILD:=$PWD/build}" "${PAWL:=$BUILD/pawl}"
make --no-print-directory -s BUILD="$BUILD" "$BUILD/crash/shim.so"
PAWL=$PAWL CRASH_SHIM=$BUILD/crash/shim.so exec python3 -B tests/crash/crash.py
