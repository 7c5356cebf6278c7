#!/usr/bin/env bash
# Who may include whom (docs/design.md, "Houses"), and what the machine may not include at all.
set -u
cd "$(dirname "$0")/../.." || exit 1
declare -A may=(
    [base]="base"
    [jobs]="base jobs"
    [state]="base state"
    [cluster]="base cluster"
    [steps]="base cluster steps"
    [engine]="base jobs cluster steps state engine"
    [cli]="base jobs cluster steps state engine cli"
)
bad=0
for house in "${!may[@]}"; do
    while IFS=: read -r file line include; do
        target=${include#*\"} target=${target%%/*}
        [[ " ${may[$house]} " == *" $target "* ]] && continue
        echo "$file:$line: $house/ may not include $target/"
        bad=1
    done < <(grep -rnE '^#include "[a-z]+/' "$house" --include='*.[ch]')
done
# steps/ knows the cluster's interface, not who is behind it; the sim and the live cluster know nothing of each other.
grep -rnE '#include "cluster/(sim|live)/' steps engine jobs state --include='*.[ch]' && bad=1
grep -rnE '#include "cluster/live/' cluster/sim --include='*.[ch]' && bad=1
grep -rnE '#include "cluster/sim/' cluster/live --include='*.[ch]' && bad=1
# The machine is pure: no I/O, no clock, no randomness.
pure=(engine/decide.c engine/when.c engine/then.c engine/answered.c engine/emit.c engine/command.c engine/fold.c engine/run.c engine/machine.c)
grep -nE '#include <(uv|unistd|fcntl|stdio|time|pthread|poll|sys/.*|signal|curl.*|sqlite3)\.?h?>' "${pure[@]}" && bad=1
grep -nE '#include "(state|cluster)/|\b(clock_system|getrandom|getenv)\(' "${pure[@]}" && bad=1
# What is not there breaks no rule: a file that is renamed here is renamed above.
for named in "${!may[@]}" cluster/{sim,live} "${pure[@]}"; do
    [[ -e $named ]] || { echo "there is no $named: say in tests/lint/arrows.sh what it is called now"; bad=1; }
done
# One concept, one file: past 600 lines it is asking to be two.
while read -r lines file; do
    [[ $file = total ]] && continue
    ((lines > 600)) && { echo "$file has $lines lines: it is asking to be two"; bad=1; }
done < <(find base jobs state cluster steps engine cli tests -name '*.[ch]' -print0 | xargs -0 wc -l)
exit $bad
