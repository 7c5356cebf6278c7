#!/usr/bin/env bash
# Rehearsals: every job in unsafe/ is caught, with what its .expected says; nothing is said against those in safe/ and
# those that ship; nothing of the operator's is run or touched; nothing is left behind. Ends with "N passed, N failed".
#   .expected: `init:` (of the simulated cluster), `args:`, `only:` (the rehearsals that show it), then patterns
#   run.sh [NAME…]: only these jobs of unsafe/
set -u
here=$(cd "$(dirname "$0")" && pwd)
pawl=$(realpath "${PAWL:-$here/../../build/pawl}")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder" || exit 1
unset PAWL_CLUSTER PAWL_STORE
export NO_COLOR=1 TMPDIR=$folder/elsewhere
mkdir "$TMPDIR"
passed=0 failed=0

judge() { # NAME WHAT-IS-WRONG: nothing is wrong where it is empty
    if [[ -z $2 ]]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "FAILED $1: $2"
        tail -30 out
    fi
}
rehearse() { timeout -k 1 100 "$pawl" rehearse "$@" >out 2>&1 </dev/null; }
is() { [[ $1 = "$2" ]] || echo "exit status $1, not $2"; }
says() { grep -qE -- "$1" out || echo "nothing says \"$1\""; }
cluster() {
    rm -f sim.json* iomesh.yaml
    "$pawl" sim init sim.json --quiet --values iomesh.yaml "$@" || { echo "FAILED: pawl sim init $*" && exit 1; }
}
field() { sed -n "s/^$1: *//p" "$2"; }

catch() { # FILE
    local expected=${1%.yaml}.expected wrong='' only=() args init word patterns=0
    read -ra init <<<"$(field init "$expected")"
    read -ra args <<<"$(field args "$expected")"
    for word in $(field only "$expected"); do only+=(--only "$word"); done
    cluster "${init[@]}"
    rehearse "$1" "${args[@]}" "${only[@]}" --cluster sim:sim.json
    wrong=$(is $? 1)
    while IFS= read -r pattern; do
        wrong+=$(says "$pattern")
        patterns=$((patterns + 1))
    done < <(grep -vE '^(init|args|only):' "$expected")
    ((patterns)) || wrong+="$expected has no pattern"
    judge "unsafe/$(basename "$1")" "$wrong"
}

if (($#)); then
    for name in "$@"; do catch "$here/unsafe/$name.yaml"; done
    echo "$passed passed, $failed failed"
    exit $((failed != 0))
fi
for file in "$here"/unsafe/*.yaml; do catch "$file"; done

# Nothing is to be said against these.
for file in "$here"/safe/*.yaml; do
    expected=${file%.yaml}.expected
    read -ra init <<<"$(field init "$expected")"
    read -ra args <<<"$(field args "$expected")"
    cluster "${init[@]}"
    rehearse "$file" "${args[@]}" --cluster sim:sim.json
    judge "safe/$(basename "$file")" "$(is $? 0)$(says '^resume-safe$')"
done

# The jobs that ship are safe, and the operator's values file stays as it is.
ship() { # JOB REPLICAS INIT…
    local wrong before
    cluster "${@:3}"
    before=$(sha256sum iomesh.yaml sim.json)
    rehearse "$here/../../jobs/$1.yaml" -p replicas="$2" --cluster sim:sim.json
    wrong=$(is $? 0)$(says '^resume-safe$')
    [[ $(sha256sum iomesh.yaml sim.json) = "$before" ]] || wrong+='the values file or the cluster was changed'
    judge "jobs/$1" "$wrong"
}
ship scale-in-chunk 3
ship scale-in-chunk-drain 3
ship scale-out-chunk 5
ship scale-out-meta 5 --nodes 6

# Programs and requests are never run: their stand-ins answer.
never_runs() {
    local wrong
    rehearse "$here/stand-ins.yaml" -p folder="$folder"
    wrong=$(is $? 0)$(says '^resume-safe$')
    [[ -e ran ]] && wrong+='a program of the job was run'
    judge 'stand-ins answer' "$wrong"
    sed '/rehearse: {exit_code: 0, stdout: done}/d' "$here/stand-ins.yaml" >without.yaml
    rehearse without.yaml -p folder="$folder" --only straight
    wrong=$(is $? 1)$(says '"blind" is not rehearsed.*rehearse: .exit_code: 0')$(says '^not known to be resume-safe: 1 step was not rehearsed')
    [[ -e ran ]] && wrong+='a program of the job was run'
    judge 'without a stand-in the verdict is open' "$wrong"
}
never_runs

# What cannot happen to a step that is skipped has not been rehearsed.
cat >skips.yaml <<'END'
job: skips
version: 1
steps:
  - {id: one, uses: command, effect: converge, with: {argv: [one]}, rehearse: {}}
  - {id: two, uses: command, effect: converge, if: '${false}', with: {argv: [two]}, rehearse: {}}
END
rehearse skips.yaml
judge 'a fault that was not met' \
    "$(is $? 0)$(says 'one +ok .* resumes')$(grep -E '^  two ' out)$(says 'fails@two was not met')"

cluster --chunks 4
"$pawl" sim fault sim.json fail verb=exec command=unregistr code=cut
rehearse "$here/../../jobs/scale-in-chunk.yaml" -p replicas=3 --cluster sim:sim.json --only straight
judge 'a scripted fault that nothing meets' "$(is $? 0)$(says 'not happen in the straight run: fail verb=exec command=unregistr code=cut$')"

{ cat "$here/stand-ins.yaml" && echo 'on_failure: [{id: mail, uses: command, with: {argv: [mail]}}]'; } >hooked.yaml
rehearse hooked.yaml -p folder="$folder" --only straight
judge 'a hook is not rehearsed, and cannot be submitted' "$(is $? 0)$(says 'hook on_failure .* pawl submit refuses')"

# An effect that nobody can ask about leads to a person, and a person's word leads to the end.
rehearse "$here/stand-ins.yaml" -p folder="$folder" --only crash
judge 'an unprobed effect asks' "$(is $? 0)$(says 'blind +asks')$(says 'ask a person')"

cluster --chunks 5 --chunk-order 4,0,3,1,2
rehearse "$here/../../jobs/scale-in-chunk.yaml" -p replicas=4 --cluster sim:sim.json --like-live --only straight
judge 'like the live one' "$(is $? 0)$(says 'what was rehearsed .--only straight.: no verdict')$(grep 'resume-safe' out)"
rehearse "$here/../../jobs/scale-in-chunk.yaml" -p replicas=4 --cluster sim:sim.json --no-approvals --only crash:1
judge 'no approval is given where none shall be' "$(is $? 0)$(says 'the run. +waits')$(says 'behind the approval of "unregister".: no verdict')$(grep FAILS out)"
rehearse "$here/../../jobs/scale-in-chunk.yaml" -p replicas=4 -p values=nowhere.yaml --only straight
judge 'a values file that is missing is made up' \
    "$(is $? 0)$(says 'does not exist')$([[ -e nowhere.yaml ]] && echo 'it was made in the operator'"'"'s folder')"

rehearse "$here/../../jobs/scale-in-chunk.yaml"
judge 'a param that is missing' "$(is $? 2)"
rehearse nowhere.yaml
judge 'a job file that is missing' "$(is $? 2)"
rehearse "$here/../../jobs/scale-in-chunk.yaml" -p replicas=4 --only nothing-like-it
judge 'a name that no rehearsal has' "$(is $? 2)$(says 'no rehearsal is named "nothing-like-it"')$(says 'straight, crash:N')"
rehearse "$here/../../jobs/scale-in-chunk.yaml" -p replicas=4 --only denied@nowhere
judge 'a name that no rehearsal of the job has' "$(is $? 2)$(says 'no rehearsal of this job is named')"
cluster --nodes 3 --chunks 3
rehearse "$here/../../jobs/scale-in-chunk.yaml" -p replicas=2 --cluster sim:sim.json --only bogus
judge 'a name is told though the straight run would fail' "$(is $? 2)$(says 'no rehearsal is named "bogus"')"
cluster --chunks 5 --chunk-order 4,0,3,1,2
rehearse "$here/../../jobs/scale-in-chunk.yaml" -p replicas=4 --only crash:3 --json
judge 'JSON' "$(is $? 0)$(python3 -c 'import json; d = json.load(open("out")); assert d["resume_safe"] is None and len(d["rehearsals"]) == 2; assert "files" not in d["rehearsals"][0]' 2>&1)"

# What this machine lacks is not held against the job.
(ulimit -f 64 && rehearse "$here/../../jobs/scale-in-chunk.yaml" -p replicas=4)
judge 'a limit that is too low' "$(is $? 5)$(says 'could not be carried out')$(grep -o 'resume-safe' out)"

# Ctrl-C: gone at once, and nothing is left; what a rehearsal that was killed has left, the next one removes.
python3 -B "$here/places.py" interrupt "$pawl" rehearse "$here/../../jobs/scale-in-chunk.yaml" -p replicas=4 >out 2>&1
judge 'Ctrl-C' "$(is $? 130)$(grep 'still runs' out)"
base=/dev/shm
[[ -w $base ]] || base=${TMPDIR:-/tmp}
stale=$(mktemp -d "$base/pawl-rehearse-XXXXXX")
mkdir "$stale/0" && touch "$stale/lock" "$stale/0/pawl.db"
rehearse "$here/../../jobs/scale-in-chunk.yaml" -p replicas=4 --only crash:3 --only denied@idle --keep
wrong=$(is $? 0) kept=$(sed -n 's/^kept: \([^,]*\),.*/\1/p' out)
for name in straight crash-3 denied@idle; do
    "$pawl" --store "$kept/$name/pawl.db" history 1 >told 2>&1 || wrong+="no history of $name"
    [[ -e $kept/$name/sim.json ]] || wrong+="no cluster of $name"
done
grep -q forbidden told || wrong+='denied@idle is not what happened in its folder'
[[ $kept ]] && rm -rf "$kept"
judge 'a kept folder is found by the name of its rehearsal' "$wrong"
rehearse "$here/../../jobs/scale-in-chunk.yaml" -p replicas=4 --only straight
judge 'nothing is left behind' "$(is $? 0)$(python3 -B "$here/places.py" left 2>&1 || echo "places.py failed")"
judge 'nothing is written elsewhere' "$(ls -A "$TMPDIR")"
echo "$passed passed, $failed failed"
((failed == 0))
