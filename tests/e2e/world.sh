# shellcheck shell=bash
# What a scenario is written with: a fresh world, pawl, gates, and checks that ask kubectl and the operator's log.
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

k() { kubectl -n "$NAMESPACE" "$@"; }
# fail WHY: ends the scenario.
fail() {
  echo "$*" >"$STATE/work/why"
  exit 1
}
# await SECONDS WHAT COMMAND…: until it succeeds, else the scenario fails.
await() { poll "$1" "${@:3}" || fail "waited $1 s in vain: $2"; }

# ---- the world -------------------------------------------------------------------------------------------------------

# world_new CHUNKS METAS [NAME=VALUE…]: a release freshly installed by $HELM, chunks healthy, nothing moving, a store
# that is empty; the rest is the operator's environment.
world_new() {
  local chunks=$1 metas=$2
  process_stop operator
  rm -rf "$STATE"/gate/* "$STATE"/spool/* "$STATE/log/operator.log" "$STATE/store"
  mkdir -p "$STATE/store"
  k delete statefulset,lease,iomeshclusters --all >/dev/null
  k delete secret -l owner=helm >/dev/null
  k delete pod --all --grace-period=0 --force >/dev/null 2>&1
  await 60 "old pods to go" pods_number 0

  HELM=${HELM:-$HELM3}
  STORE=$STATE/store/pawl.db VALUES=$STATE/work/iomesh.yaml
  bash "$HERE/chart.sh" "$STATE" pawl-e2e/iomesh:1
  "$HELM" repo update >/dev/null
  printf '# my cluster\nspool: "%s"\nchunk:\n  replicaCount: %d # Enter the number of chunk pods.\nmeta:\n  replicaCount: %d\n' \
    "$STATE/spool" "$chunks" "$metas" >"$VALUES"
  "$HELM" upgrade --install -n "$NAMESPACE" iomesh iomesh/iomesh -f "$VALUES" >/dev/null
  printf '{"apiVersion":"iomesh.com/v1alpha1","kind":"IOMeshCluster","metadata":{"name":"iomesh","namespace":"%s"},"spec":{}}' \
    "$NAMESPACE" | kubectl create -f - >/dev/null
  operator_start "${@:3}"
  await 120 "pods to get ready" pods_ready "$chunks" "$metas"
  await 30 "$chunks healthy chunks" chunks_healthy "$chunks"
  await 30 "data to rest" data_rests
  world_remember
}

operator_start() {
  process_start operator env "$@" python3 "$HERE/iomesh/operator.py" "$STATE" "$PORT_API" "$PORT_ADMISSION"
}

# Notes what must not change by itself: the pods, the generations, the values file.
world_remember() {
  pods_listed >"$STATE/work/pods.before"
  generations >"$STATE/work/generations.before"
  cp "$VALUES" "$STATE/work/values.before"
  : >"$STATE/work/why"
}

pods_number() { [[ $(k get pod -o name | wc -l) = "$1" ]]; }
# Every container of exactly so many pods is ready.
pods_ready() {
  k get pod -o json | jq -e --argjson chunks "$1" --argjson metas "$2" '
    [.items[] | select(.metadata.deletionTimestamp == null and (.status.containerStatuses // [] | length > 0 and all(.ready)))
     | .metadata.name] | (map(select(startswith("iomesh-chunk-"))) | length) == $chunks
     and (map(select(startswith("iomesh-meta-"))) | length) == $metas' >/dev/null && pods_number $(($1 + $2))
}
# NAME UID RESTARTS of every pod, sorted.
pods_listed() {
  k get pod -o json | jq -r '.items[] | "\(.metadata.name) \(.metadata.uid) \([.status.containerStatuses[]?.restartCount] | add)"' | sort
}
generations() { k get statefulset -o json | jq -r '.items[] | "\(.metadata.name) \(.metadata.generation)"' | sort; }
generation() { k get statefulset "$1" -o 'jsonpath={.metadata.generation}'; }
chunks_json() { k get iomeshclusters iomesh -o json | jq -c '.status.summary.chunkSummary.chunks // []'; }
chunks_healthy() {
  chunks_json | jq -e --argjson number "$1" \
    'length == $number and all(.status == "CHUNK_STATUS_CONNECTED_HEALTHY")' >/dev/null
}
data_rests() { [[ -s $STATE/spool/summary ]] && ! grep -qE ': [1-9]' "$STATE/spool/summary"; }
# The id of the chunk that a pod serves.
chunk_of() {
  local address
  address=$(k get pod "$1" -o 'jsonpath={.status.podIP}')
  chunks_json | jq -r --arg ip "$address" '.[] | select(.ip == $ip) | .id'
}

# ---- gates: where the world stands still -----------------------------------------------------------------------------

gate_close() {
  rm -f "$STATE/gate/reached-$1"
  : >"$STATE/gate/hold-$1"
}
gate_open() { rm -f "$STATE/gate/hold-$1"; }
gate_await() { await "${2:-120}" "something to reach the gate $1" test -e "$STATE/gate/reached-$1"; }

# ---- pawl ------------------------------------------------------------------------------------------------------------

pawl() { PAWL_HELM=$HELM PAWL_ACTOR=e2e "$PAWL" --store "$STORE" "$@"; }

# pawl_start COMMAND…: in the background; its output goes to pawl.log.
pawl_start() {
  PAWL_HELM=$HELM PAWL_ACTOR=e2e "$PAWL" --store "$STORE" "$@" >>"$STATE/log/pawl.log" 2>&1 </dev/null &
  PAWL_PID=$!
}
# job_start NAME [-p …]: submits a job that ships.
job_start() {
  local job=$1
  shift
  echo "--- submit $job $*" >>"$STATE/log/pawl.log"
  pawl_start submit "$REPOSITORY/jobs/$job.yaml" --yes --cluster live -p "values=$VALUES" "$@"
}
resume_start() {
  echo "--- resume" >>"$STATE/log/pawl.log"
  pawl_start resume 1 --yes
}
# pawl_ends STATUS [SECONDS]: waits for pawl and checks its exit status.
pawl_ends() {
  local status=0
  await "${2:-300}" "pawl to end" pawl_gone
  wait "$PAWL_PID" || status=$?
  [[ $status = "$1" ]] || fail "pawl left with status $status, not $1: $(tail -n 3 "$STATE/log/pawl.log" | tr '\n' ' ')"
}
pawl_gone() { ! process_running "$PAWL_PID"; }
# A process that nobody has waited for yet does not count.
process_running() {
  local stat
  stat=$(cat "/proc/$1/stat" 2>/dev/null) && [[ ${stat##*) } != Z* ]]
}
# pawl_kill: SIGKILL to the driver that runs now, which must be alive.
pawl_kill() {
  process_running "$PAWL_PID" || fail "pawl had ended before it could be killed: $(tail -n 3 "$STATE/log/pawl.log" | tr '\n' ' ')"
  kill -9 "$PAWL_PID"
  wait "$PAWL_PID" 2>/dev/null || true
  echo "--- killed" >>"$STATE/log/pawl.log"
}
# history_count EVENT: how often it stands in run 1's history.
history_count() { pawl history 1 --json 2>/dev/null | jq -r .event | grep -cx "$1" || true; }
history_has() { [[ $(history_count "$1") -ge $2 ]]; }

# programs EXECUTABLE: the pids that run it.
programs() {
  local link
  for link in /proc/[0-9]*/exe; do
    [[ $(readlink "$link" 2>/dev/null) != "$1" ]] || basename "$(dirname "$link")"
  done
}
# The one helm that a keeper has started: its parent is pawl.
helm_pid() {
  local pid parent found=()
  for pid in $(programs "$HELM"); do
    parent=$(awk '$1 == "PPid:" { print $2 }' "/proc/$pid/status" 2>/dev/null) || continue
    [[ $(readlink "/proc/$parent/exe" 2>/dev/null) = "$PAWL" ]] && found+=("$pid")
  done
  [[ ${#found[@]} = 1 ]] && echo "${found[0]}"
}
helm_kill() {
  local pid
  pid=$(helm_pid) || fail "no helm runs under a keeper"
  kill -9 "$pid"
  await 10 "helm to die" process_gone_pid "$pid"
}
process_gone_pid() { ! process_running "$1"; }

# ---- what must be true afterwards ------------------------------------------------------------------------------------

# effects: what changed the cluster, in order, by the operator's own log.
effects() { cut -d' ' -f2- "$STATE/log/operator.log" | grep -E '^(scale|template|unregister|removed) ' || true; }
expect_effects() {
  local expected=$* actual
  actual=$(effects | tr '\n' ';')
  [[ $actual = "$expected" ]] || fail "effects are '$actual', not '$expected'"
}
effect_seen() { effects | grep -qE "$1"; }

# expect_cluster CHUNKS METAS: pods, chunks and the release, seen by kubectl; nobody is left behind, nothing is locked.
expect_cluster() {
  pods_ready "$1" "$2" || fail "not $1 chunk and $2 meta pods ready: $(k get pod --no-headers | tr -s ' ' | tr '\n' ';')"
  chunks_healthy "$1" || fail "not $1 healthy chunks: $(chunks_json)"
  [[ $(k get statefulset iomesh-chunk iomesh-meta -o 'jsonpath={.items[*].spec.replicas}') = "$1 $2" ]] || fail "replicas are wrong"
  local statuses
  statuses=$(k get secret -l owner=helm -o json | jq -r '[.items[].metadata.labels.status] | sort | group_by(.) | map("\(length) \(.[0])") | join(", ")')
  [[ $statuses = "1 deployed"* && $statuses != *pending* ]] || fail "release records: $statuses"
  [[ -z $(k get lease -o name) ]] || fail "a lease is left: $(k get lease -o name)"
  expect_nobody
}
expect_nobody() {
  [[ -z $(programs "$PAWL") && -z $(programs "$HELM") ]] || fail "a process is left: pawl $(programs "$PAWL"), helm $(programs "$HELM")"
}
# expect_generations "iomesh-chunk 2": each workload was changed so often as that says; 1 is the installation.
expect_generations() {
  local actual
  actual=$(generations | tr '\n' ';')
  [[ $actual = "$1" ]] || fail "generations are '$actual', not '$1'"
}
# Pods that were there before and still are were not restarted.
expect_no_restart() {
  local name uid restarts now
  now=$(pods_listed)
  while read -r name uid restarts; do
    ! grep -q "^$name " <<<"$now" || grep -qx "$name $uid $restarts" <<<"$now" || fail "$name was restarted"
  done <"$STATE/work/pods.before"
}
# expect_values CHUNKS METAS: the file holds the new numbers, and every other byte as it was.
expect_values() {
  sed -e "/^chunk:/,/replicaCount/ s/replicaCount: [0-9]*/replicaCount: $1/" \
    -e "/^meta:/,/replicaCount/ s/replicaCount: [0-9]*/replicaCount: $2/" "$STATE/work/values.before" | cmp -s - "$VALUES" ||
    fail "the values file is not as expected: $(tr '\n' '|' <"$VALUES")"
}
expect_audit() { pawl audit verify >/dev/null 2>&1 || fail "audit verify fails"; }
# Nothing at all was changed.
expect_untouched() {
  expect_effects ""
  [[ $(generations) = "$(cat "$STATE/work/generations.before")" ]] || fail "a StatefulSet was changed: $(generations | tr '\n' ';')"
  [[ $(pods_listed) = "$(cat "$STATE/work/pods.before")" ]] || fail "a pod was restarted"
  cmp -s "$STATE/work/values.before" "$VALUES" || fail "the values file was changed"
  expect_nobody
}
