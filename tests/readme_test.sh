#!/usr/bin/env bash
# Runs the README: every `$ ` line of its console blocks, in order, with the exit status that a comment names (0 else) and,
# in this order, the lines that stand below it (others may stand between them: the README leaves lines about waits out);
# and every YAML block through `pawl validate`. Ends with "N passed, N failed".
set -u
root=$(cd "$(dirname "$0")/.." && pwd)
pawl=$(realpath "${PAWL:-$root/build/pawl}")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder" || exit 1
mkdir bin && ln -s "$pawl" bin/pawl
cp "$root"/jobs/*.yaml .
export PATH=$folder/bin:$PATH XDG_STATE_HOME=$folder/state
unset PAWL_CLUSTER PAWL_STORE
passed=0 failed=0
judge() { # GIVEN WANTED WHAT
    if [[ $1 = "$2" ]]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "README: $3: $1, not $2"
        cat out
    fi
}
# What differs each time: how long things took, where they were, how wide the columns are, what helm's chart hashes to.
alike() {
    sed -E "s|$folder|/home/ops|g; s/[0-9]+\.[0-9]+ s/TIME/g; s/\([0-9a-f]{12}\)/(HASH)/g; s/ +/ /g; s/ $//"
}
expect_lines() { # EXPECTED COMMAND
    local missing
    alike <out >got
    missing=$(alike <<<"$1" | awk 'FNR == NR {got[++count] = $0; next}
        {while (at < count && got[++at] != $0) if (at == count) {print; exit 1}
         if (got[at] != $0) {print; exit 1}}' got -)
    judge "$missing" "" "a line that is not in the output of $2"
}
run() { # LINE EXPECTED
    local wanted
    wanted=$(sed -nE 's/.*# exit status ([0-9]+).*/\1/p' <<<"$1")
    timeout 60 bash -c "$1" >out 2>&1 </dev/null
    judge $? "${wanted:-0}" "exit status of $1"
    if [[ $2 ]]; then
        expect_lines "${2%$'\n'}" "$1"
    fi
}
commands=() expected=()
while IFS= read -r line; do
    if [[ $line = '$ '* ]]; then
        commands+=("${line#'$ '}") expected+=("")
    else
        expected[-1]+=$line$'\n'
    fi
done < <(awk '/^```/ {inside = ($0 == "```console"); next} inside' "$root/README.md")
for at in "${!commands[@]}"; do
    if [[ ${commands[at]} = export\ * ]]; then
        eval "${commands[at]}"
    else
        run "${commands[at]}" "${expected[at]}"
    fi
done
awk -v n=0 '/^```/ {inside = ($0 == "```yaml"); n += inside; next} inside {print > ("example-" n ".yaml")}' "$root/README.md"
for example in example-*.yaml; do
    timeout 60 pawl validate "$example" >out 2>&1
    judge $? 0 "exit status of pawl validate $example"
done
timeout 60 pawl --cluster sim:sim.json submit example-1.yaml >out 2>&1
judge $? 0 "exit status of pawl submit example-1.yaml"
echo "$passed passed, $failed failed"
((failed == 0))
