#!/usr/bin/env bash
# run.sh [SCENARIO…]: drives pawl against a real Kubernetes on this machine, all scenarios or the named ones. Prints a line
# for each, then the count; leaves with 1 where one failed. It cleans up after itself, also after a failure; what a run
# that was killed left behind, the next one takes down first.
#
# Environment: PAWL, the program (build/pawl); PAWL_E2E_KEEP=1 leaves the cluster up and PAWL_E2E_STATE=FOLDER uses such a
# one again; PAWL_E2E_LOGS=FOLDER gets the logs of what failed.
# shellcheck source-path=SCRIPTDIR source=scenarios.sh
. "$(dirname "$0")/scenarios.sh"

[[ $EUID = 0 ]] || die "needs root: it starts containers"
built=$(realpath -e "${PAWL:-$REPOSITORY/build/pawl}") || die "no pawl: run make first"
for name in "$@"; do
  [[ " ${SCENARIOS[*]} " = *" $name "* ]] || die "no scenario $name; there are ${SCENARIOS[*]}"
done
(($#)) || set -- "${SCENARIOS[@]}"

mkdir -p "$CACHE"
exec 8>"$CACHE/run.lock"
flock -n 8 || die "another run is going on"

# Processes that a scenario left behind: known by the program, which is this run's own copy, or this cache's helm.
strays_stop() {
  local pid
  for pid in $(programs "$STATE/bin/pawl") $(programs "$HELM3") $(programs "$HELM4"); do kill -9 "$pid" 2>/dev/null || true; done
}
finish() {
  trap '' INT TERM HUP
  set +e
  strays_stop
  if [[ ${PAWL_E2E_KEEP:-0} = 1 ]]; then
    echo "the cluster stays up: PAWL_E2E_STATE=$STATE; take it down with $HERE/down.sh $STATE" >&2
  else
    bash "$HERE/down.sh" "$STATE" 8>&- && rm -f "$CACHE/current"
  fi
}

if [[ -n ${PAWL_E2E_STATE:-} ]]; then
  state=$PAWL_E2E_STATE
else
  if [[ -s $CACHE/current && -d $(<"$CACHE/current") ]]; then
    bash "$HERE/down.sh" "$(<"$CACHE/current")" 8>&-
  fi
  state=$(mktemp -d "${TMPDIR:-/tmp}/pawl-e2e.XXXXXX")
  echo "$state" >"$CACHE/current"
fi
state_use "$state"
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

bash "$HERE/build.sh" 8>&- >&2
bash "$HERE/up.sh" "$STATE" 8>&-
bash "$HERE/iomesh.sh" "$STATE" 8>&-
mkdir -p "$STATE/bin"
cp -f "$built" "$STATE/bin/pawl"
PAWL=$STATE/bin/pawl

passed=0 failed=0
for name in "$@"; do
  : >"$STATE/work/why"
  : >"$STATE/log/pawl.log"
  # Not in a condition: bash would then go on after a command that fails.
  set +e
  (
    set -eE
    trap '[[ -s $STATE/work/why ]] || echo "line $LINENO of ${BASH_SOURCE[0]##*/}: $BASH_COMMAND" >"$STATE/work/why"' ERR
    "$name"
  ) 8>&- </dev/null
  status=$?
  set -e
  if ((status == 0)); then
    echo "ok $name"
    passed=$((passed + 1))
  else
    echo "not ok $name: $(<"$STATE/work/why")"
    failed=$((failed + 1))
    if [[ -n ${PAWL_E2E_LOGS:-} ]]; then
      mkdir -p "$PAWL_E2E_LOGS/$name"
      cp -r "$STATE"/log/{pawl,operator}.log "$STATE/store" "$PAWL_E2E_LOGS/$name/" 2>/dev/null || true
    fi
  fi
  strays_stop
done
echo "$passed passed, $failed failed"
((failed == 0))
