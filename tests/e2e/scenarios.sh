# shellcheck shell=bash
# The scenarios, in the order in which run.sh runs them: one function each, written with what world.sh offers.
# shellcheck source-path=SCRIPTDIR source=world.sh
. "$(dirname "${BASH_SOURCE[0]}")/world.sh"

# shellcheck disable=SC2034  # run.sh goes through them
SCENARIOS=(
  scale_out_chunk scale_out_meta
  scale_in_chunk_killed
  helm_killed_before_its_change_helm3 helm_killed_after_its_change_helm3
  helm_killed_before_its_change_helm4 helm_killed_after_its_change_helm4
  other_chart_in_repository_refused_helm3 other_chart_in_cache_refused_helm4
  changed_by_hand_refused
  scale_in_chunk_drain_killed
  rehearsal_like_this_cluster
)

scale_out_chunk() {
  HELM=$HELM4
  world_new 3 3
  job_start scale-out-chunk -p replicas=4
  pawl_ends 0
  expect_cluster 4 3
  expect_generations "iomesh-chunk 2;iomesh-meta 1;"
  expect_effects "scale iomesh-chunk 3 4;"
  expect_no_restart
  expect_values 4 3
  expect_audit
}

scale_out_meta() {
  HELM=$HELM3
  world_new 3 3
  job_start scale-out-meta -p replicas=5
  pawl_ends 0
  expect_cluster 3 5
  expect_generations "iomesh-chunk 1;iomesh-meta 2;"
  expect_effects "scale iomesh-meta 3 5;"
  expect_no_restart
  expect_values 3 5
  expect_audit
}

# Shrink first, then unregister. pawl dies while helm is about to change the StatefulSet: the next driver adopts helm. It
# dies again when iomeshctl has sent its request, which is carried out only afterwards.
scale_in_chunk_killed() {
  HELM=$HELM3
  world_new 4 3
  local leaving
  leaving=$(chunk_of iomesh-chunk-3)
  gate_close statefulsets
  gate_close unregister
  job_start scale-in-chunk -p replicas=3
  gate_await statefulsets
  pawl_kill
  helm_pid >/dev/null || fail "helm did not outlive its driver"
  resume_start
  await 15 "the second driver" history_has run_claimed 2
  gate_open statefulsets
  gate_await unregister 180
  pawl_kill
  gate_open unregister
  await 15 "the request to be carried out" effect_seen "^unregister "
  resume_start
  pawl_ends 0 400
  expect_cluster 3 3
  expect_generations "iomesh-chunk 2;iomesh-meta 1;"
  expect_effects "scale iomesh-chunk 4 3;unregister $leaving ok: chunk $leaving unregistered;"
  expect_no_restart
  expect_values 3 3
  expect_audit
}

# The driver and helm both die while the record is pending and nothing is changed yet.
helm_killed_before_its_change() {
  world_new 3 3
  gate_close statefulsets
  job_start scale-out-chunk -p replicas=4
  gate_await statefulsets
  pawl_kill
  helm_kill
  [[ $(k get secret -l owner=helm,status=pending-upgrade -o name | wc -l) = 1 ]] || fail "no record is pending"
  gate_open statefulsets
  resume_start
  pawl_ends 0
  helm_killed_expect
}

# helm alone dies after the StatefulSet was changed, with its record still pending. The driver sees it.
helm_killed_after_its_change() {
  world_new 3 3
  gate_close secrets
  job_start scale-out-chunk -p replicas=4
  gate_await secrets
  [[ $(generation iomesh-chunk) = 2 ]] || fail "the StatefulSet is not changed yet"
  helm_kill
  [[ $(k get secret -l owner=helm,status=pending-upgrade -o name | wc -l) = 1 ]] || fail "no record is pending"
  gate_open secrets
  await 300 "pawl to end" pawl_gone
  if ! wait "$PAWL_PID"; then
    resume_start
    pawl_ends 0
  fi
  helm_killed_expect
}

helm_killed_expect() {
  expect_cluster 4 3
  expect_generations "iomesh-chunk 2;iomesh-meta 1;"
  expect_effects "scale iomesh-chunk 3 4;"
  expect_no_restart
  expect_values 4 3
  expect_audit
}
helm_killed_before_its_change_helm3() { HELM=$HELM3 && helm_killed_before_its_change; }
helm_killed_before_its_change_helm4() { HELM=$HELM4 && helm_killed_before_its_change; }
helm_killed_after_its_change_helm3() { HELM=$HELM3 && helm_killed_after_its_change; }
helm_killed_after_its_change_helm4() { HELM=$HELM4 && helm_killed_after_its_change; }

# Find the chunk, unregister it, wait until its data has moved, then shrink. The drain lasts longer than `settle`; pawl
# dies when the request is sent but not served, and again in the drain, once its probe has said in the history that data moves.
scale_in_chunk_drain_killed() {
  HELM=$HELM4
  world_new 4 3 DRAIN=100
  local leaving
  leaving=$(chunk_of iomesh-chunk-3)
  gate_close unregister
  job_start scale-in-chunk-drain -p replicas=3
  gate_await unregister
  pawl_kill
  gate_open unregister
  await 15 "the drain to begin" effect_seen "^unregister $leaving ok"
  resume_start
  await 60 "the second driver to see the drain" history_has step_probed 1
  ! effect_seen "^removed" || fail "the drain was over too early"
  pawl_kill
  resume_start
  pawl_ends 0 500
  expect_cluster 3 3
  expect_generations "iomesh-chunk 2;iomesh-meta 1;"
  expect_effects "unregister $leaving ok: chunk $leaving is being removed;removed $leaving iomesh-chunk-3;scale iomesh-chunk 4 3;"
  expect_no_restart
  expect_values 3 3
  expect_audit
}

# The repository has other bytes under the deployed version.
other_chart_in_repository_refused_helm3() {
  HELM=$HELM3
  world_new 3 3
  bash "$HERE/chart.sh" "$STATE" pawl-e2e/iomesh:2
  "$HELM" repo update >/dev/null
  scale_out_refused
}

# helm 4 keeps what it once fetched: here an archive of the deployed version with other bytes.
other_chart_in_cache_refused_helm4() {
  HELM=$HELM4
  world_new 3 3
  bash "$HERE/chart.sh" "$STATE" pawl-e2e/iomesh:2
  "$HELM" repo update >/dev/null
  # A template or an upgrade fills the cache; a pull alone does not, but it is served from there.
  "$HELM" template iomesh iomesh/iomesh --version 1.0.0 -f "$VALUES" >/dev/null
  bash "$HERE/chart.sh" "$STATE" pawl-e2e/iomesh:1
  rm -f "$STATE"/work/iomesh-*.tgz
  "$HELM" pull iomesh/iomesh --version 1.0.0 -d "$STATE/work" >/dev/null
  ! cmp -s "$STATE"/{work,repository}/iomesh-1.0.0.tgz || fail "helm does not take the chart from its cache"
  scale_out_refused
}

# Somebody changed an image with kubectl; helm would take it back and restart every chunk pod.
changed_by_hand_refused() {
  HELM=$HELM3
  world_new 3 3
  k set image statefulset/iomesh-chunk agent=pawl-e2e/iomesh:2 >/dev/null
  k rollout status statefulset/iomesh-chunk --timeout=120s >/dev/null
  # The restarted pods are new chunks, and the old ones expired. Begin with healthy ones, so that only the image differs.
  process_stop operator
  rm -f "$STATE/log/operator.log"
  operator_start
  await 120 "pods to get ready" pods_ready 3 3
  await 30 "3 healthy chunks" chunks_healthy 3
  await 30 "data to rest" data_rests
  world_remember
  scale_out_refused
  [[ $(k get statefulset iomesh-chunk -o 'jsonpath={.spec.template.spec.containers[1].image}') = pawl-e2e/iomesh:2 ]] ||
    fail "the image was taken back"
}

scale_out_refused() {
  : >"$STATE/log/pawl.log"
  job_start scale-out-chunk -p replicas=4
  pawl_ends 1
  refusal_named || fail "the refusal does not name iomesh-chunk: $(tail -n 3 "$STATE/log/pawl.log" | tr '\n' ' ')"
  [[ $(k get secret -l owner=helm -o name | wc -l) = 1 ]] || fail "helm left a record"
  expect_untouched
}
refusal_named() { grep -qE 'would restart the pods of: .*StatefulSet [a-z/-]*iomesh-chunk' "$STATE/log/pawl.log"; }

# What a rehearsal is told of this cluster, it can read; it changes nothing here.
rehearsal_like_this_cluster() {
  HELM=$HELM3
  world_new 4 3
  local out=$STATE/work/rehearsal status=0
  pawl rehearse "$REPOSITORY/jobs/scale-in-chunk.yaml" -p replicas=3 -p "values=$VALUES" --like-live --cluster live \
    >"$out" 2>&1 </dev/null || status=$?
  cp "$out" "$STATE/log/pawl.log"
  [[ $status = 0 ]] || fail "the rehearsal left with status $status: $(tail -n 3 "$out" | tr '\n' ' ')"
  ! grep "not like the live cluster" "$out" >"$STATE/work/why" || exit 1
  [[ $(k get secret -l owner=helm -o name | wc -l) = 1 ]] || fail "helm has another record"
  [[ ! -e $STORE ]] || fail "a store was made"
  expect_untouched
}
