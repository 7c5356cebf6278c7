#!/usr/bin/env python3
"""Deliberate defects, one patch each; the tests must find every one. Usage: mutants.py [NAME…]: all, or those named.

    JOBS=n   how many at a time (as many as there are processors)

A patch begins with a sentence that says what is wrong, then a line `killed-by: TEST …`: the tests that find it,
tried in that order. A TEST is

    unit/NAME          a program of tests/unit
    crash/PREFIX       the crash tests whose names begin so
    power/PART/JOB     a part of tests/power (losses, faults), of one job
    make/TARGET        a target of the Makefile that tests, such as make/explore

First each of these tests runs on the sources as they are: a test that fails anyway finds nothing, and what takes much
longer with a defect hangs, which is a way to fail."""
import contextlib
import os
import queue
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
SECONDS_LIMIT = 900     # for a build, and for a test of the sources as they are
TIMES_LONGER, SECONDS_LEAST = 4, 60     # than that: a test that takes longer hangs
SIM_SECONDS = "100"     # of histories, for make/sim, from the seed that all tests get
RUNNING = set()         # what is to be ended with this program: leaders of process groups
LIMITS = {}             # of each test, in seconds, once it has run on the sources as they are
# What a target of the Makefile builds before it tests: what does not build finds nothing.
PROGRAMS = {"sim": ("simulation-memory", "simulation-sqlite"), "explore": ("tests/exploration/explore",)}
SCRATCH = ("build", ".git", "node_modules", "__pycache__")


class Mutant:
    def __init__(self, path):
        self.path, self.name = path, os.path.basename(path)[:-len(".patch")]
        with open(path, encoding="utf-8") as file:
            head = file.read().split("\n--- ", 1)[0]
        found = re.search(r"^killed-by: (.+)$", head, re.M)
        if not found:
            sys.exit("%s: no line `killed-by: TEST…`" % path)
        self.says, self.tests = " ".join(head[:found.start()].split()), found.group(1).split()


class Tree:
    """A copy of the sources, built once; each mutant costs what it touches."""

    def __init__(self, base, number):
        self.folder = os.path.join(base, "tree-%d" % number)
        shutil.copytree(ROOT, self.folder, ignore=shutil.ignore_patterns(*SCRATCH))
        self.build = os.path.join(self.folder, "build")

    def run(self, *words, seconds=SECONDS_LIMIT, **more):
        """(status, what it printed); a status of None: it was ended after so many seconds."""
        with tempfile.TemporaryFile() as out:
            process = subprocess.Popen(words, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=out,
                                       stderr=subprocess.STDOUT, start_new_session=True,
                                       env={**os.environ, "PAWL": os.path.join(self.build, "pawl"),
                                            "CRASH_SHIM": os.path.join(self.build, "crash", "shim.so"),
                                            "SEED": "7", **more})
            RUNNING.add(process.pid)
            try:
                status = process.wait(seconds)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                status = None
            RUNNING.discard(process.pid)
            out.seek(0)
            return status, out.read().decode(errors="replace")

    def make(self, *targets):
        return self.run("make", "-s", "BUILD=" + self.build, "CFLAGS=-O1", *targets)

    def patch(self, mutant, *more):
        return self.run("patch", "-p1", "--no-backup-if-mismatch", "-s", "-i", mutant.path, *more)

    def test(self, name):
        """(whether it fails, how); an error of the build is no failure of a test."""
        kind, what = name.split("/", 1)
        targets = [os.path.join(self.build, "pawl")]
        targets += {"unit": [os.path.join(self.build, "unit", what)],
                    "crash": [os.path.join(self.build, "crash", "shim.so")],
                    "make": [os.path.join(self.build, program) for program in PROGRAMS.get(what, ())],
                    "power": [os.path.join(self.build, "power", name)
                              for name in ("losses", "recorder.so", "faults.so")]}.get(kind, [])
        status, out = self.make(*targets)
        if status != 0:
            raise Broken("does not build:\n" + tail(out))
        begun, limit = time.monotonic(), LIMITS.get(name, SECONDS_LIMIT)
        if kind == "unit":
            status, out = self.run(targets[1], seconds=limit)
        elif kind == "crash":
            status, out = self.run("python3", "-B", "tests/crash/crash.py", what, seconds=limit, JOBS="2")
        elif kind == "power":
            part, job = what.split("/")
            status, out = self.run("python3", "-B", "tests/power/power.py", job, seconds=limit, PART=part,
                                   POWER=os.path.join(self.build, "power"))
        else:
            status, out = self.run("make", "-s", "BUILD=" + self.build, "CFLAGS=-O1", what, seconds=limit,
                                   SECONDS=SIM_SECONDS)
        LIMITS.setdefault(name, max(SECONDS_LEAST, TIMES_LONGER * (time.monotonic() - begun)))
        return status != 0, "hangs" if status is None else first_failure(out)


class Broken(Exception):
    """The patch says nothing about the tests: it does not apply, or does not build."""


def tail(text):
    return "\n".join(text.strip().splitlines()[-8:])


def first_failure(out):
    for what in (r":[FE]:", r"FAILED|Wrong:", r"Assertion|broken|ERROR"):
        for line in out.splitlines():
            if re.search(what, line):
                return line.strip()[:160]
    return (out.strip().splitlines() or ["says nothing"])[-1][:160]


def judge(tree, mutant):
    """(whether the tests find it, what to print)"""
    begun = time.monotonic()
    try:
        status, out = tree.patch(mutant)
        if status != 0:
            raise Broken("does not apply:\n" + tail(out))
        try:
            for test in mutant.tests:
                fails, how = tree.test(test)
                if fails:
                    return True, "%-38s killed by %-34s %5.1f s  %s" % (mutant.name, test, time.monotonic() - begun, how)
            return False, "%s SURVIVES %s: %s" % (mutant.name, ", ".join(mutant.tests), mutant.says)
        finally:
            status, out = tree.patch(mutant, "-R")
            if status != 0:
                raise RuntimeError("%s cannot be taken back: %s" % (mutant.name, tail(out)))
    except Broken as broken:
        return False, "%s %s" % (mutant.name, broken)


def each(trees, items, work):
    """work(tree, item) of all, one thread a tree; results as they come."""
    todo, done = queue.SimpleQueue(), queue.SimpleQueue()
    for item in items:
        todo.put(item)

    def worker(tree):
        while True:
            try:
                item = todo.get_nowait()
            except queue.Empty:
                return
            try:
                done.put((work(tree, item), None))
            except BaseException as found:  # who waits for it ends with it
                done.put((None, found))

    for tree in trees:
        threading.Thread(target=worker, args=(tree,), daemon=True).start()
    for _ in items:
        result, found = done.get()
        if found:
            raise found
        yield result


def main():
    wanted = sys.argv[1:]
    mutants = [Mutant(os.path.join(HERE, name)) for name in sorted(os.listdir(HERE)) if name.endswith(".patch")]
    unknown = set(wanted) - {mutant.name for mutant in mutants}
    if unknown:
        sys.exit("there is no mutant %s" % ", ".join(sorted(unknown)))
    mutants = [mutant for mutant in mutants if not wanted or mutant.name in wanted]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    base = tempfile.mkdtemp(prefix="pawl-mutants-")
    passed = failed = 0
    begun = time.monotonic()
    try:
        trees = [Tree(base, number) for number in range(int(os.environ.get("JOBS", os.cpu_count() or 1)))]
        tests = sorted({test for mutant in mutants for test in mutant.tests})
        for test, (fails, how) in each(trees, tests, lambda tree, test: (test, tree.test(test))):
            if fails:
                failed += 1
                print("%s fails as it is: %s" % (test, how), flush=True)
        if not failed:
            for good, text in each(trees, mutants, judge):
                passed, failed = passed + good, failed + (not good)
                print(text, flush=True)
    finally:
        for leader in list(RUNNING):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(leader, signal.SIGKILL)
        shutil.rmtree(base, ignore_errors=True)
    print("%d mutants took %.0f s" % (len(mutants), time.monotonic() - begun))
    print("%d passed, %d failed" % (passed, failed))
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
