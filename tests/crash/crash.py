#!/usr/bin/env python3
"""The crash tests. Usage: crash.py [NAME...]: all cases, or those whose names begin so.

    SEED=n   the seed of the random ones (printed; random without it)
    JOBS=n   how many run at a time (as many as there are processors)"""
import os
import random
import signal
import sys
import time
import traceback

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import commands
import copies
import drivers
import elsewhere
import ending
import kill
import left
import place
import reboot
import replay
import workers

CASES = []


def run_case(index):
    group, name, function = CASES[index]
    begun, happened = time.monotonic(), None
    try:
        happened = function()
        wrong = None
    except place.Wrong as found:
        wrong = str(found)
    except Exception:
        wrong = traceback.format_exc()
    place.end_children()
    return wrong, happened, time.monotonic() - begun


def collect(seed, wanted):
    for source in (kill, drivers, commands, left, reboot, elsewhere, copies, ending, replay):
        for case in source.cases(seed):
            if not wanted or any(case[1].startswith(name) for name in wanted):
                CASES.append(case)


def run_all(seed, whole):
    """(passed, failed). Some cases return whether what they are about has happened, such as that a person's word was accepted:
    it must in one of their group."""
    groups, happened, failures = {}, {}, []
    for index, result, lost in workers.each(run_case, len(CASES)):
        group, name, _ = CASES[index]
        wrong, has_happened, seconds = result or (lost, None, 0.0)
        if has_happened is not None:
            happened[group] = happened.get(group, 0) + has_happened
        count = groups.setdefault(group, [0, 0, 0.0])
        count[bool(wrong)] += 1
        count[2] += seconds
        if wrong:
            failures.append(name)
            print("FAILED %s: %s\n    again: SEED=%s PAWL=%s tests/crash/crash.py '%s'" %
                  (name, wrong, seed, place.PAWL, name), flush=True)
    for group, (passed, failed, seconds) in groups.items():
        print("%-34s %4d passed %4d failed %7.1f s%s" %
              (group, passed, failed, seconds, ", happened in %d" % happened[group] if group in happened else ""))
    for group in (group for group in happened if whole and not happened[group]):
        failures.append(group)
        print("FAILED %s: what it is about has happened nowhere" % group)
    return sum(count[0] for count in groups.values()), len(failures)


def main():
    seed = os.environ.get("SEED") or str(random.SystemRandom().randrange(1 << 32))
    begun = time.monotonic()
    print("SEED=%s" % seed, flush=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    place.adopt_orphans()
    place.make_base()
    try:
        collect(seed, sys.argv[1:])
        passed, failed = run_all(seed, not sys.argv[1:])
    finally:
        place.remove_base()
    print("crash tests took %.0f s" % (time.monotonic() - begun))
    print("%d passed, %d failed" % (passed, failed))
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
