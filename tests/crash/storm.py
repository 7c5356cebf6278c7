#!/usr/bin/env python3
"""A storm of SIGKILLs on real processes: several runs on one store, several drivers that take them up, and somebody who
kills drivers, keepers and their children at random, until KILLS were made and every run has ended.

    KILLS=n    how many (2000)
    MINUTES=n  what it may take (60); one that is not through by then has failed
    SEED=n     of the random choices (printed; the processes' own timing stays what it is)

Round after round each shipped job, and one with a `once` program, runs on a cluster of its own. Each must end as an
undisturbed run does, every effect once; the store must hold exactly the runs that were submitted, and verify."""
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
import traceback

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import place
from kill import Undisturbed
from place import ONCE, SHIPPED, Job, Place, Wrong, children, compare

DRIVERS = 4
LIFE_SECONDS = 0.25       # a driver is left alone for at most so long before somebody is killed
HANGS_SECONDS = 120       # a round that nobody kills in ends within this


class Storm:
    def __init__(self, seed, kills_wanted, end):
        self.chance = random.Random(seed)
        self.kills_wanted, self.end = kills_wanted, end
        self.kills = {"driver": 0, "keeper": 0, "child": 0}
        self.folder = tempfile.mkdtemp(prefix="store-", dir=place.BASE)
        self.store = os.path.join(self.folder, "pawl.db")
        self.lock = threading.Lock()   # over starting, killing and reaping: a pid that is killed is the one that was meant
        self.started = set()           # the pids that run() waits for; all other children are orphans
        self.submitted, self.passed, self.failed = 0, 0, 0
        # Clusters of different seeds are different clusters, whose locks do not exclude each other.
        self.undisturbed = [Undisturbed(Job(job.name, job.params, job.init + ["--seed", str(number)], job.file))
                            for number, job in enumerate(SHIPPED + [ONCE], 11)]

    def count(self):
        return sum(self.kills.values())

    # ---- processes ----

    def run(self, where, arguments, seconds=None):
        """pawl in the place; after so many seconds somebody is killed, and then again, until it has ended. Without
        seconds nobody is killed on its account, and it is not killed itself."""
        with tempfile.TemporaryFile(dir=where.folder) as out:
            with self.lock:
                process = subprocess.Popen([place.PAWL, *arguments], cwd=where.folder, env=where.environment,
                                           stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT)
                self.started.add(process.pid)
            try:
                self.wait_for(process, arguments, seconds)
            finally:
                with self.lock:
                    self.started.discard(process.pid)
            out.seek(0)
            return process.returncode, out.read().decode(errors="replace")

    def wait_for(self, process, arguments, seconds):
        while True:
            try:
                process.wait(HANGS_SECONDS if seconds is None else seconds)
                return
            except subprocess.TimeoutExpired:
                if seconds is None or time.monotonic() > self.end + HANGS_SECONDS:
                    process.kill()
                    process.wait()
                    raise Wrong("%s hangs" % arguments[0]) from None
                self.kill_somebody(process)

    def kill_somebody(self, process):
        with self.lock:
            if self.count() >= self.kills_wanted:
                return
            self.reap()
            victims = [("driver", process.pid)] if process.poll() is None else []
            keepers = [pid for pid in children() if pid not in self.started] + children(process.pid)
            victims += [("keeper", pid) for pid in keepers]
            victims += [("child", child) for pid in keepers for child in children(pid)]
            if not victims:
                return
            kind, pid = self.chance.choice(victims)
            try:
                os.kill(pid, signal.SIGKILL)
                self.kills[kind] += 1
            except ProcessLookupError:
                pass

    def reap(self):
        """The keepers whose driver died are ours."""
        for pid in children():
            if pid not in self.started:
                try:
                    os.waitpid(pid, os.WNOHANG)
                except ChildProcessError:
                    pass

    # ---- one round ----

    def round(self, number):
        runs = {}                      # number of the run -> (its place, what it must come to)
        waiting = []
        for undisturbed in self.undisturbed:
            where = Place(undisturbed.template.folder)
            where.environment["PAWL_STORE"] = self.store
            waiting.append((where, undisturbed, "storm-%d-%s" % (number, undisturbed.job.name)))
        wrong = []
        threads = [threading.Thread(target=self.drive, args=(waiting, runs, wrong, random.Random(self.chance.random())))
                   for _ in range(DRIVERS)]
        self.begun = time.monotonic()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if waiting:
            wrong.append("never submitted: %s" % [key for _, _, key in waiting])
        self.expect_nobody(wrong)
        for run, (where, undisturbed) in sorted(runs.items()):
            self.judge(run, where, undisturbed, wrong)
        for text in wrong:
            print("FAILED round %d: %s" % (number, text), flush=True)
            self.failed += 1
        if not wrong:
            for where, _ in runs.values():
                where.remove()

    def drive(self, waiting, runs, wrong, chance):
        """One of the drivers: submits what is not submitted yet, else takes up what has not ended."""
        try:
            while not wrong:
                with self.lock:
                    task = waiting.pop() if waiting else None
                if task:
                    self.submit(task, runs, chance)
                    continue
                open_runs = self.open_runs(runs)
                if not open_runs:
                    return
                if time.monotonic() > self.begun + HANGS_SECONDS and self.count() >= self.kills_wanted:
                    raise Wrong("these do not end: %s" % open_runs)
                if time.monotonic() > self.end:
                    raise Wrong("the time is up before these had ended: %s" % open_runs)
                run, status = chance.choice(open_runs)
                words = ["resume", str(run)] if status == "failed" or chance.random() < 0.7 else ["resume", "--all"]
                self.run(runs[run][0], [*words, "--yes"], chance.random() * LIFE_SECONDS)
        except Wrong as found:
            wrong.append(str(found))
        except Exception:  # what a thread raises is seen by nobody else
            wrong.append(traceback.format_exc())

    def submit(self, task, runs, chance):
        """Until it is known to be recorded; the key makes the second submit find the first one's run."""
        where, undisturbed, key = task
        while True:
            status, out = self.run(where, where.submit_arguments(undisturbed.job, "--key", key),
                                   chance.random() * LIFE_SECONDS)
            recorded = self.run_of(where)
            if recorded:
                break
            if status not in (0, -signal.SIGKILL):
                raise Wrong("submit of %s left with %d: %s" % (key, status, place.tail(out)))
            if time.monotonic() > self.end:
                raise Wrong("the time is up, and %s is not recorded" % key)
        self.submitted += 1
        runs[recorded] = (where, undisturbed)

    def listed(self, where):
        status, out = self.run(where, ["list", "--json", "--limit", "100000"])
        if status:
            # The first process died before the store had its tables.
            if status == 2 and "there is no store at" in out:
                return []
            raise Wrong("pawl list: status %d: %s" % (status, place.tail(out)))
        return json.loads(out)

    def run_of(self, where):
        """The run on the place's cluster."""
        found = [run["run"] for run in self.listed(where) if where.folder in str(run["cluster"])]
        if len(found) > 1:
            raise Wrong("submitted once, recorded %d times" % len(found))
        return found[0] if found else None

    def open_runs(self, runs):
        if not runs:
            return []
        known = dict(runs)
        where = next(iter(known.values()))[0]
        return [(run["run"], run["status"]) for run in self.listed(where)
                if run["run"] in known and run["status"] != "succeeded"]

    # ---- what came of it ----

    def expect_nobody(self, wrong):
        end = time.monotonic() + 10
        while True:
            with self.lock:
                self.reap()
            left = children()
            if not left:
                return
            if time.monotonic() > end:
                wrong.append("left behind: %s" % left)
                place.end_children()
                return
            time.sleep(0.01)

    def judge(self, run, where, undisturbed, wrong):
        try:
            compare(where.outcome(run), undisturbed.outcome)
            self.passed += 1
        except Wrong as found:
            wrong.append("run %d, %s in %s: %s" % (run, undisturbed.job.name, where.folder, found))

    def audit(self):
        where = Place()
        where.environment["PAWL_STORE"] = self.store
        try:
            where.verify_audit()
            recorded = len(self.listed(where))
            if recorded != self.submitted:
                raise Wrong("%d runs were submitted, %d are recorded" % (self.submitted, recorded))
            self.passed += 1
        except Wrong as found:
            print("FAILED at the end: %s" % found, flush=True)
            self.failed += 1


def main():
    seed = os.environ.get("SEED") or str(random.SystemRandom().randrange(1 << 32))
    kills = int(os.environ.get("KILLS", "2000"))
    begun = time.monotonic()
    print("SEED=%s KILLS=%d" % (seed, kills), flush=True)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    place.adopt_orphans()
    place.make_base()
    try:
        storm = Storm(seed, kills, begun + 60 * float(os.environ.get("MINUTES", "60")))
        rounds = 0
        while storm.count() < kills and not storm.failed:
            if time.monotonic() > storm.end:
                print("FAILED: the time is up after %d kills" % storm.count(), flush=True)
                storm.failed += 1
                break
            rounds += 1
            storm.round(rounds)
            print("round %d: %d kills (%s), %d runs, %.0f s" %
                  (rounds, storm.count(), ", ".join("%d %s" % (n, kind) for kind, n in storm.kills.items()),
                   storm.submitted, time.monotonic() - begun), flush=True)
        storm.audit()
    finally:
        if not storm.failed or not os.environ.get("KEEP"):
            place.remove_base()
    print("%d passed, %d failed" % (storm.passed, storm.failed))
    return 1 if storm.failed or not storm.passed else 0


if __name__ == "__main__":
    sys.exit(main())
