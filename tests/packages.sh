#!/usr/bin/env bash
# Installs the Debian packages that pawl is built and tested with, where one is missing. As root, or with sudo.
#   packages.sh build|check|lint|model
set -euo pipefail
build=(gcc make pkg-config libyaml-dev libsqlite3-dev libjansson-dev libuv1-dev libssl-dev
       libcurl4-openssl-dev libwslay-dev)
check=("${build[@]}" check sqlite3 python3 python3-yaml jq strace procps binutils)
# shellcheck disable=SC2034 # each list is named by the argument
lint=("${check[@]}" clang libclang-rt-14-dev clang-format clang-tidy shellcheck)
# shellcheck disable=SC2034
model=(gcc libc6-dev spin)
declare -n wanted=${1:-build}
missing=()
for package in "${wanted[@]}"; do
    [[ $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) = installed ]] || missing+=("$package")
done
((${#missing[@]})) || exit 0
echo "installing: ${missing[*]}" >&2
as_root=()
if ((EUID)); then
    command -v sudo >/dev/null || { echo "not root and no sudo: please install ${missing[*]}" >&2; exit 1; }
    as_root=(sudo)
fi
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
