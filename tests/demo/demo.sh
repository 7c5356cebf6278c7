#!/usr/bin/env bash
# The demo: a simulated cluster of 4 chunk servers is scaled in to 3. helm dies in the middle of its upgrade, pawl is killed
# with SIGKILL before it has put that right, and resumed; the history and the cluster's own log of effects are shown. Real
# programs, real kill, virtual time.
set -euo pipefail
pawl=$(realpath "${1:?usage: demo.sh PAWL}") jobs=$(realpath "$(dirname "$0")/../../jobs")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
export PAWL_STORE=$folder/pawl.db PAWL_CLUSTER=sim:$folder/sim.json PAWL_ACTOR=demo@debian
show() { printf '\n$ %s\n' "$*"; }

show "pawl sim init sim.json --chunks 4 --values iomesh.yaml"
"$pawl" sim init sim.json --chunks 4 --values iomesh.yaml

show "pawl sim fault sim.json helm phase=pending action=kill       # helm will die in the middle of its upgrade"
"$pawl" sim fault sim.json helm phase=pending action=kill

show "pawl submit scale-in-chunk.yaml -p replicas=3 --yes          # SIGKILL right before it puts helm's death right"
status=0
{ # bash's own word about a killed program goes nowhere
    PAWL_SIM_KILL=before-request:${KILL_AT:-60} timeout 60 "$pawl" submit "$jobs/scale-in-chunk.yaml" -p replicas=3 --yes \
        2>&3 || status=$?
} 3>&2 2>/dev/null
echo "exit status $status (137: killed)"
[[ $status = 137 ]] || { echo "the demo should have been killed here" >&2; exit 1; }

show "pawl status 1"
"$pawl" status 1

show "pawl resume --yes"
timeout 60 "$pawl" resume --yes

show "pawl history 1"
"$pawl" history 1

show "pawl audit verify"
"$pawl" audit verify

show "pawl sim show sim.json --json | jq .effects              # the cluster's own log"
"$pawl" sim show sim.json --json | jq -c '.effects[] | del(.time)'
count() { "$pawl" sim show sim.json --json | jq "[.effects[] | select(.effect == \"$1\")] | length"; }
echo
echo "effects: $(count helm_upgrade) helm_upgrade, $(count unregister) unregister"
[[ $(count helm_upgrade) = 1 && $(count unregister) = 1 ]] || { echo "each effect should be there exactly once" >&2; exit 1; }
