# shellcheck shell=bash
# What every script here shares: where things are, and how a process is started and stopped.
#
#   CACHE  ${XDG_CACHE_HOME:-~/.cache}/pawl-e2e   what is built or unpacked once: bin/, root/, helm3/, helm4/
#   STATE  the folder of one run, made by run.sh; everything that the cluster writes is in it
# shellcheck disable=SC2034  # used by the scripts that read this file
set -euo pipefail

HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
REPOSITORY=$(cd "$HERE/../.." && pwd)
CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/pawl-e2e
UNPACKED=$CACHE/root
HELM3=$CACHE/helm3/helm
HELM4=$CACHE/helm4/helm
NAMESPACE=iomesh-system
NETWORK=pawl-e2e
SUBNET=${PAWL_E2E_SUBNET:-10.213.77.0/24}
# kubectl and the daemons are unpacked, not installed: no service is started by a package, and nothing collides.
PATH=$CACHE/bin:$UNPACKED/usr/bin:$UNPACKED/usr/sbin:$UNPACKED/sbin:$UNPACKED/bin:/usr/sbin:/sbin:$PATH
export PATH

# state_use FOLDER: the state folder of a run, and the ports on loopback that this run found free.
state_use() {
  STATE=${1:?the state folder of a run}
  [[ -d $STATE ]] || die "$STATE is not a folder"
  STATE=$(cd "$STATE" && pwd)
  mkdir -p "$STATE"/{pki,log,run,cni,spool,gate,repository,work}
  [[ -f $STATE/ports ]] || ports_choose >"$STATE/ports"
  # shellcheck source=/dev/null
  . "$STATE/ports"
  export KUBECONFIG=$STATE/admin.kubeconfig
  export HELM_CONFIG_HOME=$STATE/helm/config HELM_CACHE_HOME=$STATE/helm/cache HELM_DATA_HOME=$STATE/helm/data
}

# Ports in a row that nobody listens on.
ports_choose() {
  python3 - API ETCD ETCD_PEER KUBELET CONTROLLER SCHEDULER REPOSITORY ADMISSION <<'PYTHON'
import random, socket, sys
def free(port):
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        return not s.connect_ex(("127.0.0.1", port)) == 0
names = sys.argv[1:]
base = next(b for b in random.sample(range(21000, 29000, 10), 100) if all(free(b + i) for i in range(len(names))))
for i, name in enumerate(names):
    print("PORT_%s=%d" % (name, base + i))
PYTHON
}

die() { echo "e2e: $*" >&2; exit 1; }

# The time at which a process started, which with its pid names it for good.
process_started() {
  local stat fields
  stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
  read -ra fields <<<"${stat##*) }"
  echo "${fields[19]}"
}

# process_start NAME PROGRAM [ARGUMENT…]: in the background, in a session of its own; its output goes to a log.
process_start() {
  local name=$1 pid
  shift
  ! process_alive "$name" || return 0
  setsid "$@" >>"$STATE/log/$name.log" 2>&1 </dev/null &
  pid=$!
  echo "$pid $(process_started "$pid")" >"$STATE/run/$name.pid"
}

process_alive() {
  local pid started
  read -r pid started 2>/dev/null <"$STATE/run/$1.pid" || return 1
  [[ $(process_started "$pid") = "$started" ]]
}

# process_stop NAME: TERM, and KILL after ten seconds.
process_stop() {
  local pid started
  read -r pid started 2>/dev/null <"$STATE/run/$1.pid" || return 0
  if process_alive "$1"; then
    kill "$pid" 2>/dev/null || true
    poll 10 process_gone "$1" || kill -9 "$pid" 2>/dev/null || true
  fi
  rm -f "$STATE/run/$1.pid"
}
process_gone() { ! process_alive "$1"; }

# poll SECONDS COMMAND…: until it succeeds; fails where it has not in that time.
poll() {
  local until=$((SECONDS + $1))
  shift
  until "$@"; do
    ((SECONDS < until)) || return 1
    sleep 0.1
  done
}
