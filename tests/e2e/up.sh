#!/usr/bin/env bash
# up.sh STATE: brings up a real Kubernetes of one node (etcd, API server, controller manager, scheduler, containerd,
# kubelet) on loopback. Everything that it writes is in STATE; down.sh stops it. Running it again does no harm.
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"
state_use "${1:-}"
cd "$STATE" || exit

# certificate NAME SUBJECT [NAMES]
certificate() {
  [[ ! -f pki/$1.crt ]] || return 0
  openssl req -newkey rsa:2048 -nodes -keyout "pki/$1.key" -subj "$2" -out "pki/$1.csr" 2>/dev/null
  openssl x509 -req -in "pki/$1.csr" -CA pki/ca.crt -CAkey pki/ca.key -CAcreateserial -days 30 -out "pki/$1.crt" \
    -extfile <(echo "subjectAltName=${3:-DNS:localhost}") 2>/dev/null
}
if [[ ! -f pki/ca.crt ]]; then
  openssl req -x509 -newkey rsa:2048 -nodes -keyout pki/ca.key -out pki/ca.crt -days 30 -subj /CN=pawl-e2e-ca 2>/dev/null
  openssl genrsa -out pki/sa.key 2048 2>/dev/null
  openssl rsa -in pki/sa.key -pubout -out pki/sa.pub 2>/dev/null
fi
certificate apiserver /CN=kube-apiserver "DNS:localhost,DNS:kubernetes,DNS:kubernetes.default.svc,IP:127.0.0.1,IP:10.96.0.1"
certificate operator /CN=iomesh-operator "DNS:localhost,IP:127.0.0.1"
certificate admin /O=system:masters/CN=admin
certificate kubelet-client /O=system:masters/CN=apiserver-kubelet
certificate kubelet /O=system:nodes/CN=system:node:lab "DNS:lab,DNS:localhost,IP:127.0.0.1"

# kubeconfig FILE USER CERTIFICATE
kubeconfig() {
  cat >"$1" <<Y
apiVersion: v1
kind: Config
clusters: [{name: pawl-e2e, cluster: {server: "https://127.0.0.1:$PORT_API", certificate-authority: "$STATE/pki/ca.crt"}}]
users: [{name: $2, user: {client-certificate: "$STATE/pki/$3.crt", client-key: "$STATE/pki/$3.key"}}]
contexts: [{name: pawl-e2e, context: {cluster: pawl-e2e, user: $2}}]
current-context: pawl-e2e
Y
  chmod 600 "$1"
}
kubeconfig admin.kubeconfig admin admin
kubeconfig kubelet.kubeconfig kubelet kubelet

# The kubelet and the network plugin change these for the whole machine; down.sh puts them back.
if [[ ! -f run/sysctl ]]; then
  for key in net.ipv4.ip_forward vm.overcommit_memory kernel.panic kernel.panic_on_oops kernel.keys.root_maxkeys \
    kernel.keys.root_maxbytes; do
    echo "$key=$(sysctl -n "$key" 2>/dev/null)"
  done >run/sysctl
fi

# The same for folders at fixed places: those that are not there now go again, where they are empty.
if [[ ! -f run/folders ]]; then
  for folder in /var/lib/kubelet{,/device-plugins,/pod-resources} /var/log/{pods,containers} /var/lib/cni{,/results,/cache} \
    /run/containerd{,/s,/runc,/runc/k8s.io} /sys/fs/cgroup/k8s.io /run/netns; do
    [[ -e $folder ]] || echo "$folder"
  done >run/folders
  for controller in /sys/fs/cgroup/*/; do
    [[ -e ${controller}k8s.io ]] || echo "${controller}k8s.io"
  done >>run/folders
fi

process_start etcd etcd --data-dir "$STATE/etcd" --unsafe-no-fsync --listen-client-urls "http://127.0.0.1:$PORT_ETCD" \
  --advertise-client-urls "http://127.0.0.1:$PORT_ETCD" --listen-peer-urls "http://127.0.0.1:$PORT_ETCD_PEER" \
  --initial-advertise-peer-urls "http://127.0.0.1:$PORT_ETCD_PEER" --initial-cluster "default=http://127.0.0.1:$PORT_ETCD_PEER"
process_start apiserver kube-apiserver --etcd-servers="http://127.0.0.1:$PORT_ETCD" --bind-address=127.0.0.1 \
  --secure-port="$PORT_API" --advertise-address=127.0.0.1 --tls-cert-file=pki/apiserver.crt \
  --tls-private-key-file=pki/apiserver.key --client-ca-file=pki/ca.crt --service-account-key-file=pki/sa.pub \
  --service-account-signing-key-file=pki/sa.key --service-account-issuer=https://kubernetes.default.svc \
  --authorization-mode=Node,RBAC --service-cluster-ip-range=10.96.0.0/16 --allow-privileged \
  --kubelet-client-certificate=pki/kubelet-client.crt --kubelet-client-key=pki/kubelet-client.key \
  --kubelet-certificate-authority=pki/ca.crt --kubelet-preferred-address-types=InternalIP \
  --endpoint-reconciler-type=none
api_ready() { kubectl get --raw /readyz >/dev/null 2>&1; }
poll 90 api_ready || die "the API server does not get ready: $STATE/log/apiserver.log"
process_start controller kube-controller-manager --kubeconfig=admin.kubeconfig --use-service-account-credentials=false \
  --service-account-private-key-file=pki/sa.key --root-ca-file=pki/ca.crt --bind-address=127.0.0.1 --port=0 \
  --secure-port="$PORT_CONTROLLER" --leader-elect=false --node-monitor-grace-period=24h \
  --controllers='*,-nodeipam,-cloud-node-lifecycle,-service,-route,-ttl'
process_start scheduler kube-scheduler --kubeconfig=admin.kubeconfig --leader-elect=false --bind-address=127.0.0.1 --port=0 \
  --secure-port="$PORT_SCHEDULER"

# An overlay on an overlay, as in a container, is refused: then copies of the image are good enough.
snapshotter=overlayfs
mkdir -p work/overlay/{lower,upper,work,merged}
if mount -t overlay overlay -o lowerdir=work/overlay/lower,upperdir=work/overlay/upper,workdir=work/overlay/work \
  work/overlay/merged 2>/dev/null; then
  umount work/overlay/merged
else
  snapshotter=native
fi
rm -rf work/overlay

cat >containerd.toml <<Y
version = 2
root = "$STATE/containerd/root"
state = "$STATE/containerd/state"
[grpc]
  address = "$STATE/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "pawl-e2e/pause:1"
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "$snapshotter"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "$UNPACKED/usr/lib/cni"
    conf_dir = "$STATE/cni"
Y
cat >cni/10-pawl.conflist <<Y
{"cniVersion": "0.3.1", "name": "$NETWORK", "plugins": [{"type": "ptp", "ipMasq": false,
 "ipam": {"type": "host-local", "dataDir": "$STATE/cni/addresses", "ranges": [[{"subnet": "$SUBNET"}]]}}]}
Y
process_start containerd containerd -c "$STATE/containerd.toml"
containerd_ready() { ctr -a "$STATE/containerd.sock" version >/dev/null 2>&1; }
poll 60 containerd_ready || die "containerd does not get ready: $STATE/log/containerd.log"
bash "$HERE/image.sh" "$STATE"

cat >kubelet.yaml <<Y
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: 127.0.0.1
port: $PORT_KUBELET
authentication: {anonymous: {enabled: false}, webhook: {enabled: false}, x509: {clientCAFile: "$STATE/pki/ca.crt"}}
authorization: {mode: AlwaysAllow}
tlsCertFile: "$STATE/pki/kubelet.crt"
tlsPrivateKeyFile: "$STATE/pki/kubelet.key"
cgroupDriver: cgroupfs
cgroupsPerQOS: false
enforceNodeAllocatable: []
failSwapOn: false
evictionHard: {nodefs.available: "1%", imagefs.available: "1%", memory.available: "50Mi"}
healthzPort: 0
readOnlyPort: 0
resolvConf: ""
makeIPTablesUtilChains: false
featureGates: {DevicePlugins: false}
containerLogMaxSize: 1Mi
Y
process_start kubelet kubelet --config="$STATE/kubelet.yaml" --kubeconfig="$STATE/kubelet.kubeconfig" --hostname-override=lab \
  --node-ip=127.0.0.1 --container-runtime=remote --container-runtime-endpoint="unix://$STATE/containerd.sock" \
  --root-dir="$STATE/kubelet" --volume-plugin-dir="$STATE/kubelet/plugins" --fail-swap-on=false

# The kubelet refuses a loopback node IP and then reports no address at all: give the node one, so that the API
# server finds the kubelet's port (exec, logs). The kubelet leaves it alone afterwards.
node_known() { kubectl get node "$1" >/dev/null 2>&1; }
poll 60 node_known lab || die "the kubelet does not register: $STATE/log/kubelet.log"
# node_status NAME JQ-FILTER: writes the status of a node, again where somebody else wrote it in between.
node_status() {
  kubectl get --raw "/api/v1/nodes/$1/status" | jq --arg now "$(date -u +%FT%TZ)" "$2" >work/node.json &&
    kubectl replace --raw "/api/v1/nodes/$1/status" -f work/node.json >/dev/null 2>&1
}
poll 20 node_status lab '.status.addresses = [{type: "InternalIP", address: "127.0.0.1"}, {type: "Hostname", address: "localhost"}]' ||
  die "cannot give the node an address"
# The other worker nodes have no kubelet: objects that say they are Ready (the controller's grace period is a day), so
# that the rule about the number of worker nodes is not weakened. All pods are pinned to `lab`.
for number in 2 3 4 5 6; do
  name=lab-$number
  node_known "$name" || printf '{"apiVersion":"v1","kind":"Node","metadata":{"name":"%s","labels":{"kubernetes.io/hostname":"%s"}}}' \
    "$name" "$name" | kubectl create -f - >/dev/null
  # shellcheck disable=SC2016  # jq expands $now
  poll 20 node_status "$name" '.status.conditions = [{type: "Ready", status: "True", reason: "KubeletReady",
    lastHeartbeatTime: $now, lastTransitionTime: $now}]' || die "cannot make $name ready"
done
# The controller manager makes the account that every pod needs.
account_known() { kubectl get serviceaccount default >/dev/null 2>&1; }
poll 60 account_known || die "no default service account: $STATE/log/controller.log"
