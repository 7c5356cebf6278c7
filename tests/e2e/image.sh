#!/usr/bin/env bash
# image.sh STATE: builds the images from Debian's busybox-static and imports them: pawl-e2e/pause:1 (sleeps), and
# pawl-e2e/iomesh:1 and :2 (the same with /opt/iomesh/iomeshctl; two names for a change that restarts pods).
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"
state_use "${1:-}"

root=$STATE/work/image
# image_import REFERENCE…: the folder $root as an image with one layer.
image_import() {
  local archive=$STATE/work/archive difference reference
  rm -rf "$archive"
  mkdir "$archive"
  tar -C "$root" --sort=name --mtime=@0 --owner=0 --group=0 -cf "$archive/layer.tar" .
  difference=$(sha256sum "$archive/layer.tar" | cut -d' ' -f1)
  printf '{"architecture":"%s","os":"linux","config":{"Entrypoint":["/bin/sleep","100000000"],"Env":["PATH=/bin"]},"rootfs":{"type":"layers","diff_ids":["sha256:%s"]}}' \
    "$(dpkg --print-architecture)" "$difference" >"$archive/config.json"
  for reference in "$@"; do
    printf '[{"Config":"config.json","RepoTags":["%s"],"Layers":["layer.tar"]}]' "$reference" >"$archive/manifest.json"
    tar -C "$archive" -cf "$archive.tar" manifest.json config.json layer.tar
    ctr -a "$STATE/containerd.sock" -n k8s.io images import "$archive.tar" >/dev/null
  done
  rm -rf "$archive" "$archive.tar"
}

rm -rf "$root"
mkdir -p "$root"/{bin,etc,tmp,opt/iomesh}
cp "$UNPACKED/bin/busybox" "$root/bin/busybox"
for applet in sh bash sleep cat echo ls ip grep hostname mv rm; do ln -s busybox "$root/bin/$applet"; done
image_import pawl-e2e/pause:1
cp "$HERE/iomesh/iomeshctl" "$root/opt/iomesh/iomeshctl"
chmod 755 "$root/opt/iomesh/iomeshctl"
image_import pawl-e2e/iomesh:1 pawl-e2e/iomesh:2
rm -rf "$root"
