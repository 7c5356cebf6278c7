#!/usr/bin/env bash
# The demo: a simulated cluster of 4 chunk servers is scaled in to 3. pawl is killed with SIGKILL in the middle of helm
# upgrade, resumed, and the history and the cluster's own log of effects are shown. Real programs, real kill, virtual time.
set -euo pipefail
pawl=$(realpath "${1:?usage: demo.sh PAWL}") jobs=$(realpath "$(dirname "$0")/../../jobs")
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
export PAWL_STORE=$folder/pawl.db PAWL_CLUSTER=sim:$folder/sim.json PAWL_ACTOR=demo@debian
show() { printf '\n$ %s\n' "$*"; }

show "pawl sim init sim.json --chunks 4 --values iomesh.yaml"
"$pawl" sim init sim.json --chunks 4 --values iomesh.yaml

show "pawl submit scale-in-chunk.yaml -p replicas=3 --yes          # SIGKILL in the middle of the upgrade"
# helm dies while its record is pending-upgrade; pawl right before it would have put that right.
"$pawl" sim fault sim.json helm phase=pending action=kill
set +e
PAWL_SIM_KILL=before-request:${KILL_AT:-60} timeout 60 "$pawl" submit "$jobs/scale-in-chunk.yaml" -p replicas=3 --yes
status=$?
set -e
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
