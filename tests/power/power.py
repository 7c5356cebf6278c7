#!/usr/bin/env python3
"""Power loss and failing disks. Usage: power.py [JOB...]

Each job is run once with everything recorded that it asks the disk to do (recorder.c). losses.c then rebuilds
every disk that a loss of power could leave and checks the promises on it; of those that go on alike one is resumed
here, after a reboot, to its end: which must be that of the undisturbed run, with every effect once.

    SEED=n     of the random subsets (printed; random without it)
    SUBSETS=n  how many at each sync point"""
import json
import os
import random
import shutil
import subprocess
import sys
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "crash")]
import place
from place import ONCE, SHIPPED, Place, Wrong, compare, expect_nobody, tail

BUILD = os.environ.get("POWER", os.path.join(place.ROOT, "build", "power"))
BEFORE, AFTER = {"PAWL_BOOT_ID": "boot-1"}, {"PAWL_BOOT_ID": "boot-2"}
SUBSETS = int(os.environ.get("SUBSETS", "32"))


def drive_as_people_do(case, job, **more):
    """submit; approve and resume where it asks: so that the store is closed and opened again on the way."""
    status, out, err = case.pawl(*[word for word in case.submit_arguments(job) if word != "--yes"], **more)
    while status == 3:
        step = json.loads(case.must("list", "--json"))[0]["waiting"]["step"]
        case.must("approve", "1", step, **more)
        status, out, err = case.pawl("resume", "1", **more)
    if status:
        raise Wrong("%s: status %d: %s" % (job.name, status, tail(out + err)))


class Recorded:
    """A job, run undisturbed and recorded, in a place that is then used for what comes of the losses."""

    def __init__(self, job):
        self.job, self.case = job, Place()
        self.case.make_cluster(job)
        self.before = self.folder("before")
        shutil.copytree(self.case.folder, self.before)
        self.record = self.folder("record")
        drive_as_people_do(self.case, job, LD_PRELOAD=os.path.join(BUILD, "recorder.so"), RECORD=self.record,
                           RECORD_ROOT=self.case.folder, **BEFORE)
        expect_nobody()
        self.outcome = self.case.outcome()

    def folder(self, name):
        return "%s.%s" % (self.case.folder, name)

    def lose(self, seed):
        """Every loss: the counts, the broken promises, and folders with what is to be resumed."""
        out, scratch = self.folder("out"), self.folder("scratch")
        os.mkdir(out)
        os.mkdir(scratch)
        done = subprocess.run([os.path.join(BUILD, "losses"), self.before, self.record, out, scratch, str(seed),
                               str(SUBSETS)], capture_output=True, text=True)
        lines = done.stdout.splitlines()
        if done.returncode or not lines:
            raise Wrong("losses: status %d: %s" % (done.returncode, tail(done.stderr)))
        states = [os.path.join(out, name) for name in sorted(os.listdir(out), key=int)]
        return json.loads(lines[-1]), lines[:-1], states

    def resume(self, state):
        """At the place of the recording: the run knows its paths."""
        shutil.rmtree(self.case.folder)
        shutil.copytree(state, self.case.folder)
        self.case.resume_to_end(self.job, **AFTER)
        expect_nobody()
        self.case.verify_audit()
        compare(self.case.outcome(), self.outcome)

    def remove(self):
        for folder in (self.case.folder, self.before, self.folder("out"), self.folder("scratch")):
            shutil.rmtree(folder, ignore_errors=True)


TABLE = "%-22s %7s %11s %8s %8s %8s %8s %7s"


def test_job(job, seed):
    """A row of the table; how many passed and failed: the losses as one, and each resume."""
    recorded = Recorded(job)
    failed = resumed = 0
    try:
        counts, broken, states = recorded.lose(seed)
        for line in broken:
            print("FAILED %s: %s" % (job.name, line))
        for state in states:
            try:
                recorded.resume(state)
                resumed += 1
            except Exception as wrong:
                failed += 1
                if os.environ.get("KEEP"):
                    shutil.copytree(state, os.path.join(os.environ["KEEP"], os.path.basename(state)))
                why = str(wrong) if isinstance(wrong, Wrong) else traceback.format_exc()
                print("FAILED %s, state %s: %s" % (job.name, os.path.basename(state), why), flush=True)
            place.end_children()
        print(TABLE % (job.name, counts["commits"], counts["sync_points"], counts["states"], counts["opened"],
                       counts["distinct"], resumed, counts["broken"] + failed), flush=True)
        failed += bool(counts["broken"])
        return resumed + (not counts["broken"]), failed
    finally:
        recorded.remove()


def main():
    seed = os.environ.get("SEED") or str(random.SystemRandom().randrange(1 << 32))
    begun, passed, failed = time.monotonic(), 0, 0
    print("SEED=%s" % seed)
    place.adopt_orphans()
    place.make_base()
    try:
        print(TABLE % ("power loss", "commits", "sync points", "states", "opened", "distinct", "resumed", "broken"))
        for job in SHIPPED + [ONCE]:
            if len(sys.argv) > 1 and job.name not in sys.argv[1:]:
                continue
            good, bad = test_job(job, seed)
            passed, failed = passed + good, failed + bad
    finally:
        place.remove_base()
    print("power tests took %.0f s" % (time.monotonic() - begun))
    print("%d passed, %d failed" % (passed, failed))
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
