#!/bin/sh
# The simulation for `make check`: a short while of other histories each time. (sh: bash keeps SECONDS to itself.)
BUILD=${BUILD:-build}
SECONDS=${SIM_SECONDS:-12} exec "$BUILD/simulation-memory" "$BUILD/simulation-sqlite"
