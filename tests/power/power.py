#!/usr/bin/env python3
"""Power loss and failing disks. Usage: power.py [JOB...]

Each job is run once with everything recorded that it asks the disk to do (recorder.c). losses.c then rebuilds
every disk that a loss of power could leave and checks the promises on it; of those that go on alike one is resumed
here, after a reboot, to its end: which must be that of the undisturbed run, with every effect once.

Then each is run on a disk that fails, once for each call (failing.py).

    SEED=n     of the random subsets and of the kinds of faults (printed; random without it)
    SUBSETS=n  how many at each sync point
    PART=losses|faults  only that part
    ALL=1      every kind of fault at every call of every job, which takes longer
    JOBS=n     how many jobs are tested at a time (as many as there are processors)"""
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "crash")]
import place
import workers
from failing import Failing
from place import ONCE, SHIPPED, Place, Wrong, compare, expect_nobody, tail

BUILD = os.environ.get("POWER", os.path.join(place.ROOT, "build", "power"))
BEFORE, AFTER = {"PAWL_BOOT_ID": "boot-1"}, {"PAWL_BOOT_ID": "boot-2"}
PART = os.environ.get("PART", "")
JOB_SECONDS = 3600  # all losses and faults of one take less
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
        self.after = self.folder("after")
        shutil.copytree(self.case.folder, self.after)
        self.outcome = self.case.outcome()

    def folder(self, name):
        return "%s.%s" % (self.case.folder, name)

    def lose(self, seed):
        """Every loss: the counts, the broken promises, and folders with what is to be resumed."""
        out, scratch = self.folder("out"), self.folder("scratch")
        os.mkdir(out)
        os.mkdir(scratch)
        done = subprocess.run([os.path.join(BUILD, "losses"), self.before, self.record, self.after, out, scratch,
                               str(seed), str(SUBSETS)], capture_output=True, text=True)
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
        for folder in (self.case.folder, self.before, self.after, self.folder("out"), self.folder("scratch")):
            shutil.rmtree(folder, ignore_errors=True)


LOSSES = "%-22s %8s %11s %8s %8s %8s %8s %8s"
FAULTS = "%-22s %7s %7s %7s %7s %9s %8s %8s %8s %8s %7s"


class Report:
    """Of one job: its row in each of the two tables, what failed, and how much."""

    def __init__(self, job):
        self.job, self.lines, self.passed, self.failed = job, [], 0, 0
        self.losses = self.faults = ""

    def fail(self, why):
        self.failed += 1
        self.lines.append("FAILED %s: %s" % (self.job.name, why))

    def check(self, name, function):
        """What the function gives; None where it failed."""
        try:
            result = function()
            self.passed += 1
            return result
        except Exception as wrong:
            self.fail("%s: %s" % (name, wrong if isinstance(wrong, Wrong) else traceback.format_exc()))
        finally:
            place.end_children()


def check_losses(report, recorded, seed):
    counts, broken, states = recorded.lose(seed)
    if broken or counts["broken"]:
        report.lines += ["FAILED %s: %s" % (report.job.name, line) for line in broken]
        report.failed += 1
    else:
        report.passed += 1
    if not states:
        report.fail("no loss of power left anything to resume")
    before = report.failed
    for state in states:
        report.check("state %s" % os.path.basename(state), lambda state=state: recorded.resume(state))
        shutil.rmtree(state)
    wrong = report.failed - before
    return LOSSES % (report.job.name, counts["commits"], counts["sync_points"], counts["states"], counts["opened"],
                     counts["distinct"], len(states) - wrong, counts["broken"] + wrong)


def check_faults(report, recorded, seed):
    failing, counts, resumed, before = Failing(report.job, recorded.before, recorded.outcome), {}, 0, report.failed
    for where, kind, at in failing.cases(seed):
        counts[where] = counts.get(where, 0) + 1
        resumed += bool(report.check("%s at %s" % (kind, at), lambda kind=kind, at=at: failing.run(kind, at)))
    if not failing.answers[1] + failing.answers[5]:
        report.fail("pawl has felt none of the faults")
    return FAULTS % (report.job.name, counts.get("store", 0), counts.get("driver", 0), counts.get("keeper", 0),
                     sum(counts.values()), failing.calls, failing.answers[5],
                     failing.answers[1], failing.answers[0], resumed, report.failed - before)


def test_job(job, seed):
    report = Report(job)
    recorded = Recorded(job)
    try:
        report.losses = check_losses(report, recorded, seed) if PART != "faults" else ""
        report.faults = check_faults(report, recorded, seed) if PART != "losses" else ""
    finally:
        recorded.remove()
    return report


def print_tables(reports):
    heads = {
        "losses": LOSSES % ("power loss", "commits", "sync points", "states", "opened", "distinct", "resumed", "broken"),
        "faults": FAULTS % ("failing disk", "store", "driver", "keeper", "faults", "of calls", "status 5", "status 1", "went on",
                            "resumed", "broken"),
    }
    for part, head in heads.items():
        if PART in ("", part):
            print("\n".join([head] + [getattr(report, part) for report in reports if getattr(report, part)]))


def main():
    seed = os.environ.get("SEED") or str(random.SystemRandom().randrange(1 << 32))
    begun = time.monotonic()
    print("SEED=%s" % seed, flush=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    place.make_base()
    jobs = [job for job in SHIPPED + [ONCE] if len(sys.argv) == 1 or job.name in sys.argv[1:]]
    reports = {}
    try:
        for index, report, lost in workers.each(lambda index: test_job(jobs[index], seed), len(jobs), JOB_SECONDS):
            if lost:
                report = Report(jobs[index])
                report.fail(lost)
            print("\n".join(report.lines), end="\n" if report.lines else "", flush=True)
            reports[index] = report
        reports = [reports[index] for index in sorted(reports)]
        print_tables(reports)
    finally:
        place.remove_base()
    passed, failed = sum(report.passed for report in reports), sum(report.failed for report in reports)
    print("power tests took %.0f s" % (time.monotonic() - begun))
    print("%d passed, %d failed" % (passed, failed))
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
