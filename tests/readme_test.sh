#!/usr/bin/env bash
# Runs the README: every `$ ` line of its console blocks, in order, with the exit status that a comment names (0 else), and
# every YAML block through `pawl validate`. Ends with "N passed, N failed".
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
judge() { # STATUS WANTED WHAT
    if [[ $1 = "$2" ]]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "README: exit status $1, not $2: $3"
        cat out
    fi
}
while IFS= read -r line; do
    wanted=$(sed -nE 's/.*# exit status ([0-9]+).*/\1/p' <<<"$line")
    if [[ $line = export\ * ]]; then
        eval "$line"
        continue
    fi
    timeout 60 bash -c "$line" >out 2>&1 </dev/null
    judge $? "${wanted:-0}" "$line"
done < <(awk '/^```/ {inside = ($0 == "```console"); next} inside && /^\$ / {print substr($0, 3)}' "$root/README.md")
awk -v n=0 '/^```/ {inside = ($0 == "```yaml"); n += inside; next} inside {print > ("example-" n ".yaml")}' "$root/README.md"
for example in example-*.yaml; do
    timeout 60 pawl validate "$example" >out 2>&1
    judge $? 0 "pawl validate $example"
done
timeout 60 pawl --cluster sim:sim.json submit example-1.yaml >out 2>&1
judge $? 0 "pawl submit $example"
echo "$passed passed, $failed failed"
((failed == 0))
