#!/usr/bin/env bash
# down.sh STATE: stops what up.sh and iomesh.sh started, by pid, the pods' containers included, puts back what they
# changed on the machine, and removes STATE (KEEP=1 leaves the folder, to look at the logs).
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"
set +e
state_use "${1:-}"

for name in operator repository controller scheduler kubelet; do process_stop "$name"; done
containers() { timeout 20 ctr -a "$STATE/containerd.sock" -n k8s.io "$@" 2>/dev/null; }
networks=() ids=()
if process_alive containerd; then
  for task in $(containers task ls -q); do
    containers task kill -s KILL "$task"
  done
  tasks_stopped() { ! containers task ls | grep -q RUNNING; }
  poll 10 tasks_stopped
  for container in $(containers container ls -q); do
    ids+=("$container")
    network=$(containers container info "$container" | jq -r '.Spec.linux.namespaces[]? | select(.type == "network") | .path // empty')
    [[ $network != /*netns/cni-* ]] || networks+=("$network")
    containers task rm -f "$container" >/dev/null
    containers container rm "$container"
  done
fi
for name in apiserver containerd etcd; do process_stop "$name"; done
# What lives in the network namespaces of our pods (a shim that stayed, say) is gone by now; the namespaces go too,
# and with them the host's end of each pod's cable.
for network in $(printf '%s\n' "${networks[@]}" | sort -u); do
  umount "$network" 2>/dev/null
  rm -f "$network"
done
# What the kubelet, containerd and the plugins write at fixed places: ours, by the ids of our containers and the names of our pods.
for id in "${ids[@]}"; do
  rm -f /var/lib/cni/results/*-"$id"-*
  find /sys/fs/cgroup -mindepth 1 -depth -type d -path "*/$id*" -exec rmdir {} + 2>/dev/null
done
find /var/log/pods -maxdepth 1 -newer "$STATE/run/sysctl" -name "${NAMESPACE}_iomesh-*" -exec rm -rf {} + 2>/dev/null
find /var/log/containers -xtype l -lname '/var/log/pods/*' -delete 2>/dev/null
if [[ -f $STATE/run/folders ]]; then
  sort -r "$STATE/run/folders" | xargs -r rmdir 2>/dev/null
fi
if [[ -f $STATE/run/sysctl ]]; then
  while IFS='=' read -r key value; do [[ -z $value ]] || sysctl -qw "$key=$value"; done <"$STATE/run/sysctl"
fi
findmnt -rno TARGET | awk -v state="$STATE/" 'index($0, state) == 1' | sort -r | xargs -r umount
[[ ${KEEP:-0} = 1 ]] || rm -rf "$STATE"
