"""A place: one folder with a simulated cluster, a values file and a store, and the ways to use pawl there.

Every case has one of its own. It is made in memory where the machine has such a file system: what is tested is
SIGKILL, which loses nothing that was written, so nothing is gained by a disk."""
import ctypes
import glob
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
PAWL = os.environ.get("PAWL", os.path.join(ROOT, "build", "pawl"))
SHIM = os.environ.get("CRASH_SHIM", os.path.join(ROOT, "build", "crash", "shim.so"))
STEP_SECONDS = 40  # a command that takes longer hangs
RESUMES_LIMIT = 12
PR_SET_CHILD_SUBREAPER = 36


class Wrong(Exception):
    """What a case found."""


class Job:
    def __init__(self, name, params, init=(), file=None, ends="succeeded", faults=(),
                 compared=("cluster", "outputs", "values")):
        self.name, self.params, self.init = name, params, list(init)
        self.file = file or os.path.join(ROOT, "jobs", name + ".yaml")
        self.ends, self.faults = ends, faults
        self.compared = compared  # parts of an outcome; the effects always are


SHIPPED = [
    Job("scale-out-chunk", ["replicas=4"], ["--chunks", "3"]),
    Job("scale-out-meta", ["replicas=5"], ["--chunks", "3", "--metas", "3", "--nodes", "6"]),
    Job("scale-in-chunk", ["replicas=3"], ["--chunks", "4"]),
    Job("scale-in-chunk-drain", ["replicas=3"], ["--chunks", "4"]),
]
# A `once` program under a keeper, which syncs a record before it starts it; no shipped job has one.
ONCE = Job("once", ["folder=."], ["--chunks", "3"], os.path.join(HERE, "once.yaml"))
# Two effects that are undone again: how far the pods have come meanwhile depends on the time that passed.
ROLLBACK = Job("rollback", ["replicas=4"], ["--chunks", "3"], os.path.join(HERE, "rollback.yaml"), ends="rolled_back",
               compared=("release", "values"))
# A helm that hangs until its step's time is up; where it was killed instead, its revision is another one.
TIMEOUT = Job("timeout", ["replicas=4"], ["--chunks", "3"], os.path.join(HERE, "timeout.yaml"),
              faults=[("helm", "phase=patched", "action=hang")], compared=("release", "values"))


def adopt_orphans():
    """A keeper whose driver died becomes this process's child: so that none can be overlooked."""
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


# Where all places are; removed at the end, with what cases that were cut off have left.
BASE = None


def make_base():
    global BASE
    shared = "/dev/shm"
    BASE = tempfile.mkdtemp(prefix="pawl-crash-", dir=shared if os.access(shared, os.W_OK) else None)


def remove_base():
    shutil.rmtree(BASE, ignore_errors=True)


class Place:
    def __init__(self, template=None):
        self.folder = tempfile.mkdtemp(prefix="case-", dir=BASE)
        self.environment = {"PATH": "/usr/bin:/bin", "PAWL_STORE": "pawl.db", "PAWL_ACTOR": "crash@test",
                            "HOME": self.folder}
        if template:
            shutil.copytree(template, self.folder, dirs_exist_ok=True)

    def path(self, name):
        return os.path.join(self.folder, name)

    def make_cluster(self, job):
        self.must("sim", "init", "sim.json", "--seed", "7", "--values", "iomesh.yaml", *job.init)
        for fault in job.faults:
            self.must("sim", "fault", "sim.json", *fault)
        pods = json.loads(self.must("sim", "show", "sim.json", "--json"))["pods"]
        with open(self.path("pods.json"), "w") as file:
            json.dump([pod["uid"] for pod in pods], file)

    def remove(self):
        shutil.rmtree(self.folder, ignore_errors=True)

    # ---- running pawl ----

    def shim(self, at=None, trace=None):
        more = {"LD_PRELOAD": SHIM, "CRASH_COUNTERS": self.path("counters")}
        if at:
            more["CRASH_AT"] = at
        if trace:
            more["CRASH_TRACE"] = self.path(trace)
        return more

    def start(self, *arguments, **more):
        """A pawl that is not waited for; its output goes into files, which no orphan can hold open for us."""
        out, err = tempfile.TemporaryFile(dir=self.folder), tempfile.TemporaryFile(dir=self.folder)
        process = subprocess.Popen([PAWL, *arguments], cwd=self.folder, env={**self.environment, **more},
                                   stdin=subprocess.DEVNULL, stdout=out, stderr=err)
        process.pawl = (arguments, out, err)
        return process

    def finish(self, process, seconds=STEP_SECONDS):
        arguments, out, err = process.pawl
        hangs = False
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            hangs = True
            process.kill()
            process.wait()
        texts = []
        for file in (out, err):
            file.seek(0)
            texts.append(file.read().decode(errors="replace"))
            file.close()
        process.pawl = None
        if hangs:
            raise Wrong("pawl %s hangs: %s" % (" ".join(arguments), tail(texts[1])))
        return process.returncode, texts[0], texts[1]

    def pawl(self, *arguments, **more):
        return self.finish(self.start(*arguments, **more))

    def must(self, *arguments, **more):
        status, out, err = self.pawl(*arguments, **more)
        if status:
            raise Wrong("pawl %s: status %d: %s" % (" ".join(arguments), status, tail(err)))
        return out

    def submit_arguments(self, job, *more):
        words = [word for param in job.params for word in ("-p", param)]
        return ("--cluster", "sim:sim.json", "submit", job.file, *words, "--yes", *more)

    # ---- driving to the end ----

    def runs(self):
        if not os.path.exists(self.path(self.environment["PAWL_STORE"])):
            return []
        status, out, err = self.pawl("list", "--json")
        if status:
            # The first process died before the store had its tables, or within: nothing was recorded.
            if status == 2 and "there is no store at" in out + err:
                return []
            raise Wrong("pawl list: status %d: %s" % (status, tail(out + err)))
        return json.loads(out)

    def drive_to_end(self, job, first=None, later=None):
        """submit, then resume --yes until the run has ended; a submit that recorded nothing is made again. How the first
        submit left."""
        status, _, err = self.pawl(*self.submit_arguments(job), **(first or {}))
        self.resume_to_end(job, [(status, tail(err))], **(later or {}))
        return status

    def resume_to_end(self, job, told=None, **later):
        told = told or []
        for _ in range(RESUMES_LIMIT):
            runs = self.runs()
            if len(runs) > 1:
                raise Wrong("%d runs were recorded" % len(runs))
            if runs and runs[0]["status"] == job.ends:
                return
            if not runs:
                status, _, err = self.pawl(*self.submit_arguments(job), **later)
            elif runs[0]["status"] == "failed" or (runs[0].get("waiting") or {}).get("for") == "paused":
                status, _, err = self.pawl("resume", "1", "--yes", **later)
            else:
                status, _, err = self.pawl("resume", "--yes", **later)
            told.append((status, tail(err)))
            if status in (2, 4, 5):
                break
        runs = self.runs()
        if runs and runs[0]["status"] == job.ends:
            return
        raise Wrong("the run did not end (%s): %s" % (runs[0]["status"] if runs else "none recorded", told))

    # ---- what came of it ----

    def log(self):
        """Without a line that is being written."""
        with open(self.path("sim.json.log")) as file:
            return [json.loads(line) for line in file if line.endswith("\n")]

    def effects(self):
        """What was done to the cluster, counted in its own log."""
        return [line for line in self.log() if "effect" in line]

    def requests(self):
        return [line for line in self.log() if "verb" in line]

    def cluster(self):
        """The cluster as it stands, without what may differ: times, tokens, the uids of new pods."""
        shown = json.loads(self.must("sim", "show", "sim.json", "--json"))
        for release in shown["releases"]:
            release.pop("updated", None)
            release["labels"].pop("pawl-token", None)
            if release["description"].startswith("pawl "):
                release["description"] = "pawl"
        for pod in shown["pods"]:
            if pod["uid"] not in self.old_pods():
                pod["uid"] = "new"
        return {key: value for key, value in shown.items() if key not in OTHER}

    def old_pods(self):
        """The uids of the pods that were there at the beginning: none of them may be restarted."""
        with open(self.path("pods.json")) as file:
            return json.load(file)

    def outputs(self, run=1):
        shown = json.loads(self.must("status", str(run), "--json"))
        steps = {step["id"]: {"status": step["status"], "outputs": step["outputs"]} for step in shown["steps"]}
        for step in ("unregister", "mark"):  # empty after a success by probe
            steps.get(step, {}).pop("outputs", None)
        return json.loads(json.dumps(steps).replace(self.folder, "FOLDER"))

    def values(self):
        with open(self.path("iomesh.yaml"), "rb") as file:
            return file.read().decode()

    def events(self, run=1):
        out = self.must("history", str(run), "--json")
        return [json.loads(line) for line in out.splitlines() if line.strip()]

    def verify_audit(self):
        status, out, err = self.pawl("audit", "verify")
        if status:
            raise Wrong("audit verify: status %d: %s %s" % (status, out.strip(), tail(err)))

    def marks(self):
        """What the job `once` has done."""
        if not os.path.exists(self.path("marks")):
            return 0
        with open(self.path("marks")) as file:
            return len(file.readlines())

    def outcome(self, run=1):
        counts = {"mark": self.marks()}
        for effect in self.effects():
            counts[effect["effect"]] = counts.get(effect["effect"], 0) + 1
        cluster = self.cluster()
        return {"cluster": cluster, "outputs": self.outputs(run), "values": self.values(), "effects": counts,
                "release": newest_release(cluster)}


def newest_release(cluster):
    """What helm knows of the newest revision, whatever its number."""
    newest = max(cluster["releases"], key=lambda release: release["revision"])
    return {key: newest[key] for key in ("status", "chart", "values")}


# Of what `sim show` shows: not the state of the cluster.
OTHER = ("effects", "requests", "events", "now_ms", "time")
# Each of these is made again when helm was cut off before its end: a record, never a workload.
RECORDS = ("helm_recorded", "helm_deployed", "helm_failed", "record_removed")


def compare(got, expected, parts=("cluster", "outputs", "values")):
    for part in parts:
        if got[part] != expected[part]:
            raise Wrong("another %s at the end: %s" % (part, difference(got[part], expected[part])))
    for effect in sorted(set(got["effects"]) | set(expected["effects"])):
        if effect in RECORDS:
            continue
        if got["effects"].get(effect, 0) != expected["effects"].get(effect, 0):
            raise Wrong("%s happened %d times instead of %d" %
                        (effect, got["effects"].get(effect, 0), expected["effects"].get(effect, 0)))
    if got["effects"].get("helm_deployed", 0) != expected["effects"].get("helm_deployed", 0):
        raise Wrong("helm has deployed %d times" % got["effects"].get("helm_deployed", 0))


def difference(got, expected, at=""):
    if isinstance(got, dict) and isinstance(expected, dict):
        for key in sorted(set(got) | set(expected)):
            if got.get(key) != expected.get(key):
                return difference(got.get(key), expected.get(key), at + "." + str(key))
    if isinstance(got, list) and isinstance(expected, list) and len(got) == len(expected):
        for index, (one, other) in enumerate(zip(got, expected)):
            if one != other:
                return difference(one, other, "%s[%d]" % (at, index))
    return "%s is %s instead of %s" % (at, json.dumps(got)[:300], json.dumps(expected)[:300])


def tail(text, length=500):
    return " | ".join(text.strip().splitlines()[-3:])[-length:]


def children(pid="self"):
    """Of all its threads; none where it has ended."""
    found = []
    for path in glob.glob("/proc/%s/task/*/children" % pid):
        try:
            with open(path) as file:
                found += [int(word) for word in file.read().split()]
        except FileNotFoundError:
            pass
    return found


def expect_nobody(seconds=3.0):
    """No keeper and no child of one is left: all orphans are children of this process."""
    end = time.monotonic() + seconds
    while True:
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return
        if time.monotonic() > end:
            break
        time.sleep(0.005)
    left = end_children()
    raise Wrong("left behind: %s" % ", ".join(left))


def end_children():
    left = []
    for pid in children():
        try:
            with open("/proc/%d/cmdline" % pid, "rb") as file:
                left.append("%d %s" % (pid, file.read().replace(b"\0", b" ").decode()[:80]))
            os.kill(pid, signal.SIGKILL)
        except (FileNotFoundError, ProcessLookupError):
            pass
    time.sleep(0.02)
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass
    return left
