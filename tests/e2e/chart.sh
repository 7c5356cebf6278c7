#!/usr/bin/env bash
# chart.sh STATE IMAGE: puts the chart, always as version 1.0.0, into the repository, its pods made from IMAGE.
# shellcheck source-path=SCRIPTDIR source=common.sh
. "$(dirname "$0")/common.sh"
state_use "${1:-}"

work=$STATE/work/chart
rm -rf "$work"
cp -r "$HERE/iomesh/chart" "$work"
sed -i "s|^image: .*|image: ${2:?an image}|" "$work/values.yaml"
"$HELM3" package "$work" -d "$STATE/repository" >/dev/null
"$HELM3" repo index "$STATE/repository" --url "http://127.0.0.1:$PORT_REPOSITORY"
rm -rf "$work"
