#!/usr/bin/env bash
# The protocol as a model, checked by spin: no property breaks with all rules, and one does without each of them.
#   run.sh [FOLDER]     works in FOLDER (default: one of its own, removed afterwards)
set -euo pipefail
model=$(cd "$(dirname "$0")" && pwd)/pawl.pml
command -v spin >/dev/null || { echo "spin is missing: apt-get install spin" >&2; exit 2; }
work=${1:-}
if [[ -z $work ]]; then
    work=$(mktemp -d)
    trap 'rm -rf "$work"' EXIT
fi
mkdir -p "$work"
cd "$work"

# check NAME SPIN-OPTIONS… -- CC-OPTIONS…: what pan prints, in $work/NAME.out
check() {
    local name=$1; shift
    local options=()
    while [[ $1 != -- ]]; do options+=("$1"); shift; done
    shift
    spin "${options[@]}" -a "$model" >/dev/null
    ${CC:-gcc} -w -DSAFETY "$@" -o pan pan.c
    timeout 300 ./pan -m20000 -w24 >"$name.out" 2>&1 </dev/null
}

check all -DFAULTS=1 -- -O2 -DCOLLAPSE
if ! grep -q 'errors: 0' all.out || grep -q 'max search depth too small' all.out; then
    cat all.out
    echo "the protocol breaks a property" >&2
    exit 1
fi
echo "all rules: $(grep 'states, stored' all.out | tr -s ' ' | sed 's/^ //'), no property breaks"

failed=0
mapfile -t rules < <(sed -n 's/^#define \([A-Z_]*\) [0-9]*$/\1/p' "$model")
for rule in "${rules[@]}"; do
    check "$rule" -DFAULTS=1 "-DWITHOUT=$rule" -- -DCOLLAPSE
    if grep -q 'errors: 0' "$rule.out"; then
        echo "without $rule: nothing breaks" >&2
        failed=1
    else
        echo "without $rule: $(sed -n 's/^pan:[0-9]*: //p' "$rule.out" | head -1)"
    fi
done
exit $failed
