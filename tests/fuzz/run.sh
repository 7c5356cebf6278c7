#!/usr/bin/env bash
# Runs the fuzz targets that were built into a folder, two at a time, SECONDS_EACH seconds each, and ends with "N passed,
# N failed". SEED=n repeats what was tried, as long as the kept inputs are the same. What a target finds new is kept in
# FOLDER/corpus/NAME; a crash is printed with the file that makes it, to be kept as tests/fuzz/corpus/NAME/… once it is
# mended (-minimize_crash=1 makes it small).
#   run.sh FOLDER [NAME…]
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
build=$1
shift
names=("$@")
if ((!${#names[@]})); then
    for source in tests/fuzz/*_fuzz.c; do
        name=${source##*/}
        names+=("${name%_fuzz.c}")
    done
fi
SEED=${SEED:-$RANDOM$RANDOM}
echo "SEED=$SEED"
TMPDIR=$(mktemp -d /dev/shm/pawl-fuzz-XXXXXX 2>/dev/null || mktemp -d)
export TMPDIR PAWL=$build/pawl
trap 'rm -rf "$TMPDIR"' EXIT
export ASAN_OPTIONS=detect_leaks=1:allocator_may_return_null=0 UBSAN_OPTIONS=print_stacktrace=1

# The largest input of each, and how slow one may be (s): sizes that the formats have where they are used.
limit_of() { # NAME
    case $1 in
        store) echo 65536 ;;
        sim) echo 32768 ;;
        job | values | kubeconfig | manifest) echo 4096 ;;
        expression) echo 400 ;;
        *) echo 8192 ;;
    esac
}

fuzz() { # NAME
    local name=$1 corpus=$build/corpus/$1 log=$build/log.$1 dictionary=() status found
    mkdir -p "$corpus" "$build/crashes"
    if ! "$build/replay/$name" --seeds "$corpus" >"$log" 2>&1; then
        cat "$log"
        return 1
    fi
    [[ -f tests/fuzz/$name.dict ]] && dictionary=("-dict=tests/fuzz/$name.dict")
    timeout -k 5 $((SECONDS_EACH * 2 + 120)) "$build/fuzz/$name" "${dictionary[@]}" -max_total_time="$SECONDS_EACH" -seed="$SEED" \
        -timeout=10 -rss_limit_mb=1024 -malloc_limit_mb=256 -max_len="$(limit_of "$name")" -close_fd_mask=3 -print_final_stats=1 \
        -artifact_prefix="$build/crashes/$name-" "$corpus" >>"$log" 2>&1
    status=$?
    if ((status)); then
        echo "== $name failed (status $status)"
        found=$(sed -n 's/.*Test unit written to //p' "$log" | tail -1)
        grep -aE 'ERROR|SUMMARY|runtime error|#[0-9]+ .* in ' "$log" | head -40
        if [[ -z $found ]]; then
            tail -5 "$log"
            return 1
        fi
        # Once more with its own stderr: what was asserted, or said before it was given up.
        timeout -k 5 60 "$build/fuzz/$name" -timeout=10 -rss_limit_mb=1024 -malloc_limit_mb=256 "$found" >"$log.again" 2>&1
        grep -avE '^INFO:|^ +#[0-9]' "$log.again" | head -20
        echo "the input is $found"
        return 1
    fi
    printf '%-18s %9s inputs tried, %6s kept, %5s MB at most\n' "$name" \
        "$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")" "$(find "$corpus" -type f | wc -l)" \
        "$(sed -n 's/^stat::peak_rss_mb: *//p' "$log")"
}
export -f fuzz limit_of
export build SECONDS_EACH SEED

# shellcheck disable=SC2016 # each shell of its own expands it
printf '%s\n' "${names[@]}" | xargs -P 2 -I{} bash -c 'if fuzz {}; then echo {} >>"$TMPDIR/passed"; else echo {} >>"$TMPDIR/failed"; fi'
passed=$(wc -l 2>/dev/null <"$TMPDIR/passed" || echo 0)
echo "$passed passed, $((${#names[@]} - passed)) failed"
((passed == ${#names[@]}))
