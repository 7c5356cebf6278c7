#!/usr/bin/env bash
# The protocol as a model, checked by spin: with all rules no property breaks, in any shape, and the whole of it has been
# seen; without each of the rules, its property does. Ends with: N passed, N failed.
#   run.sh              all of it: two searches at a time, each within 4 GB
#   run.sh names        only that the functions that carry the rules are there
set -euo pipefail
cd "$(dirname "$0")"
export MODEL=$PWD/pawl.pml COMPILER=${CC:-gcc}

# One line for each rule: NAME SHAPE PROPERTY,… FUNCTION…
rules() {
    sed -nE '/^ \* breaks .*; shape .*; in /{
        s/^ \* breaks ([0-9 ]+); shape ([A-Z]+); in (.*) \*\/$/\2|\1|\3/; N
        s/^(.*)\|(.*)\|(.*)\n#define ([A-Z_]+) [0-9]+$/\4 \1 \2|\3/; p }' "$MODEL" |
        while IFS='|' read -r head functions; do
            read -r name shape properties <<<"$head"
            echo "$name $shape ${properties// /,} $functions"
        done
}

# A function that was renamed takes its rule along, or the model is about something else.
missing=0 named=0
while read -r name _ _ functions; do
    for function in $functions; do
        named=$((named + 1))
        grep -qE "\b$function\(" ../../{base,engine,state,steps}/*.c || {
            echo "$name: there is no function $function in the sources"
            missing=$((missing + 1))
        }
    done
done < <(rules)
# Every rule that the model uses says what it breaks, and none is only said.
used=$(grep -oE 'RULE\([A-Z_]+\)' "$MODEL" | sed -E 's/RULE\((.*)\)/\1/' | sort -u)
told=$(rules | cut -d' ' -f1 | sort)
if ((!named)) || [[ $used != "$told" ]]; then
    echo "rules used, and rules of which pawl.pml says what each breaks, differ:"
    diff <(echo "$used") <(echo "$told") || true
    missing=$((missing + 1))
fi
if [[ ${1:-} = names ]]; then
    ((missing == 0))
    exit
fi
command -v spin >/dev/null || { echo "spin is missing: make packages-model" >&2; exit 2; }
WORK=$(mktemp -d)
export WORK
trap 'rm -rf "$WORK"' EXIT

# search NAME CC-OPTIONS -- SPIN-OPTIONS: what pan prints, in $WORK/NAME/out
search() {
    local name=$1 options=$2
    shift 3
    mkdir -p "$WORK/$name"
    cd "$WORK/$name"
    spin "$@" -a "$MODEL" >/dev/null
    # shellcheck disable=SC2086 # several options
    "$COMPILER" -w -DSAFETY -DCOLLAPSE -DMEMLIM=4000 $options -o pan pan.c
    # By processor time: on a busy machine it takes longer, and is the same search.
    (ulimit -t 150 && exec timeout 1800 ./pan -m20000 -w24 >out 2>&1 </dev/null) || true
}

states() {
    sed -nE 's/^ *([0-9.e+]+) states, stored.*/\1/p' out
}

# Everything was seen, and nothing breaks.
holds() {
    local shape=$1
    search "$shape" -O2 -- "-DSHAPE=$shape"
    if grep -q 'errors: 0' out && ! grep -qE 'max search depth too small|out of memory|Search not completed' out; then
        echo "PASS all rules, $shape: nothing breaks in $(states) states, $(sed -nE 's/.*elapsed time ([0-9.]+) .*/\1/p' out) s"
    else
        echo "FAIL all rules, $shape: $(grep -E '^pan:|errors:' out | head -2 | tr '\n' ' ')"
    fi
}

breaks() {
    local rule=$1 shape=$2 property=$3
    search "$rule.$property" -O1 -- "-DSHAPE=$shape" "-DWITHOUT=$rule" "-DPROPERTY=$property"
    if grep -q 'errors: 1' out && grep -q 'assertion violated' out; then
        echo "PASS without $rule property $property breaks: $(states) states, $(sed -nE 's/.*elapsed time ([0-9.]+) .*/\1/p' out) s"
    else
        echo "FAIL without $rule property $property holds: $(grep -E '^pan:|errors:' out | head -2 | tr '\n' ' ')"
    fi
}
export -f search states holds breaks

{
    printf 'holds %s\n' PLAIN BACK ASKS
    rules | while read -r name shape properties _; do
        for property in ${properties//,/ }; do
            echo "breaks $name $shape $property"
        done
    done
} | xargs -P 2 -I{} bash -c '{}' | tee "$WORK/results"
passed=$(grep -c '^PASS' "$WORK/results" || true)
failed=$(($(grep -c '^FAIL' "$WORK/results" || true) + missing))
echo "$passed passed, $failed failed"
((failed == 0))
