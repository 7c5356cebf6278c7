#!/usr/bin/env bash
# Runs the test programs that it is given and ends with one line: N passed, N failed. A program says what it counted as
# libcheck does ("Checks: 26, Failures: 0, Errors: 0") or in that closing line itself; one that says neither has failed, and
# so has one that takes longer than LIMIT seconds.
set -u
limit=${LIMIT:-3600}
passed=0 failed=0 wrong=() log=$(mktemp)
trap 'rm -f "$log"' EXIT
for program in "$@"; do
    timeout --foreground -k 20 "$limit" "$program" >"$log" 2>&1 # in this group: Ctrl-C reaches it
    status=$?
    counted=0 before=$failed
    while read -r checks failures errors; do
        counted=$((counted + checks))
        passed=$((passed + checks - failures - errors)) failed=$((failed + failures + errors))
    done < <(sed -nE 's/^[0-9]+%: Checks: ([0-9]+), Failures: ([0-9]+), Errors: ([0-9]+)$/\1 \2 \3/p' "$log")
    while read -r good bad; do
        counted=$((counted + good + bad))
        passed=$((passed + good)) failed=$((failed + bad))
    done < <(sed -nE 's/^([0-9]+) passed, ([0-9]+) failed$/\1 \2/p' "$log")
    if ((status && failed == before)) || ((!counted)); then
        failed=$((failed + 1))
        echo "$program left with status $status$( ((status == 124)) && echo ": it took longer than $limit s")"
    fi
    if ((status)) || ((!counted)); then
        wrong+=("$program")
        cat "$log"
        echo "FAILED $program"
    else
        grep -vE '^[0-9]+%: Checks|^Running suite|^[0-9]+ passed' "$log"
        echo "ok ${program#"$PWD/"}"
    fi
done
((${#wrong[@]})) && echo "FAILED: ${wrong[*]}"
echo "$passed passed, $failed failed"
((passed > 0 && failed == 0))
