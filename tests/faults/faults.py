#!/usr/bin/env python3
"""Faults of resources, on the real program: full and read-only disks, limits of the kernel, closed and broken streams,
a store that another process holds. pawl says what, where and what to do next, leaves with the documented status, and
the run resumes to the undisturbed end with every effect once. Disks need root, for mounts of its own.

Usage: faults.py [NAME...]: all cases, or those whose names begin so.

    JOBS=n          how many run at a time
    LOCK_SECONDS=n  how long another process holds the store (30)"""
import ctypes
import glob
import os
import signal
import sqlite3
import subprocess
import sys
import time
import traceback

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "crash"))
import place
import workers
from place import SHIPPED, Place, Wrong, compare, expect_nobody, tail

JOB = next(job for job in SHIPPED if job.name == "scale-in-chunk")
LIBC = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNS, MS_RDONLY, MS_REMOUNT, MS_REC, MS_PRIVATE = 0x20000, 1, 32, 16384, 1 << 18
# The words of an error that says what to do next.
NEXT = ("pawl resume", "try again", "then: pawl", "pawl submit", "make it", "--store PATH")
KIB = 1024
TEMPLATE, OUTCOME = None, None


# ---- mounts, which only this process and its children see ----

def call(result):
    if result:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def own_mounts():
    call(LIBC.unshare(CLONE_NEWNS))
    call(LIBC.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None))


def mount_disk(path, size):
    os.makedirs(path, exist_ok=True)
    call(LIBC.mount(b"tmpfs", path.encode(), b"tmpfs", 0, b"mode=700,size=%d" % size))


def remount(path, flags):
    call(LIBC.mount(b"tmpfs", path.encode(), b"tmpfs", MS_REMOUNT | flags, None))


def fill(path, left):
    """Leaves so many bytes."""
    room = os.statvfs(path)
    with open(os.path.join(path, "filler"), "wb") as file:
        file.write(b"\0" * max(0, room.f_bavail * room.f_frsize - left))


# ---- what every case wants ----

def check_told(status, err, statuses=(5,)):
    if status not in statuses:
        raise Wrong("status %d instead of %s: %s" % (status, statuses, tail(err)))
    if not any(words in err for words in NEXT):
        raise Wrong("it does not say what to do next: %s" % tail(err))


def check_end(case):
    """Without the fault it goes on to the end."""
    case.resume_to_end(JOB)
    expect_nobody()
    case.verify_audit()
    compare(case.outcome(), OUTCOME)


def submit(case, **more):
    return case.pawl(*case.submit_arguments(JOB), **more)


# ---- disks ----

def check_bites(status):
    """The least of a row of limits: it ends the run, or none of them has limited anything."""
    if not status:
        raise Wrong("it went through under a limit that it cannot meet")


def disk_is_full(case, left):
    own_mounts()
    disk = case.path("disk")
    mount_disk(disk, 4096 * KIB)
    fill(disk, left)
    case.environment["PAWL_STORE"] = os.path.join(disk, "pawl.db")
    status, _, err = submit(case)
    expect_nobody(10)
    if left == 0:
        check_bites(status)
    if status:
        check_told(status, err, (1, 5))
    os.unlink(os.path.join(disk, "filler"))
    check_end(case)


def values_disk_is_full(case):
    own_mounts()
    disk, old = case.path("disk"), case.values()
    mount_disk(disk, 64 * KIB)
    with open(os.path.join(disk, "iomesh.yaml"), "w") as file:
        file.write(old)
    fill(disk, 0)
    arguments = case.submit_arguments(JOB, "-p", "values=disk/iomesh.yaml")
    status, _, err = case.pawl(*arguments)
    check_told(status, err, (1,))
    with open(os.path.join(disk, "iomesh.yaml")) as file:
        if file.read() != old:
            raise Wrong("the values file has changed")
    if len(os.listdir(disk)) != 2:
        raise Wrong("left in the folder: %s" % os.listdir(disk))
    os.unlink(os.path.join(disk, "filler"))
    case.must("resume", "1", "--yes")
    case.verify_audit()


def disk_is_read_only_at_first(case):
    own_mounts()
    disk = case.path("disk")
    mount_disk(disk, 4096 * KIB)
    remount(disk, MS_RDONLY)
    case.environment["PAWL_STORE"] = os.path.join(disk, "pawl.db")
    status, _, err = submit(case)
    check_told(status, err)
    remount(disk, 0)
    check_end(case)


def disk_becomes_read_only(case):
    own_mounts()
    disk = case.path("disk")
    mount_disk(disk, 4096 * KIB)
    case.environment["PAWL_STORE"] = os.path.join(disk, "pawl.db")
    status, _, err = case.pawl(*[word for word in case.submit_arguments(JOB) if word != "--yes"])
    if status != 3:
        raise Wrong("submit: status %d: %s" % (status, tail(err)))
    remount(disk, MS_RDONLY)
    for words in (("resume", "--yes"), ("approve", "1", "unregister"), ("cancel", "1", "--reason", "the disk")):
        status, _, err = case.pawl(*words)
        check_told(status, err)
    case.must("status", "1")
    case.must("history", "1")
    case.verify_audit()
    remount(disk, 0)
    check_end(case)


# ---- limits of the kernel ----

def limited(case, what, limit, bites):
    """A run under a limit from its beginning, which it cannot meet where that `bites`."""
    status, _, err = submit_limited(case, what, limit)
    expect_nobody(10)
    if bites:
        check_bites(status)
    if status:
        check_told(status, err, (1, 5))
    check_end(case)


def submit_limited(case, what, limit):
    process = subprocess.Popen(["prlimit", "--%s=%d" % (what, limit), place.PAWL, *case.submit_arguments(JOB)],
                               cwd=case.folder, env=case.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE)
    try:
        out, err = process.communicate(timeout=place.STEP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise Wrong("it hangs") from None
    return process.returncode, out.decode(errors="replace"), err.decode(errors="replace")


# ---- streams ----

def stream_is_closed(case, closed):
    redirections = " ".join("%d<&-" % number for number in closed)
    done = subprocess.run(["sh", "-c", 'exec "$0" "$@" %s' % redirections, place.PAWL, *case.submit_arguments(JOB)],
                          cwd=case.folder, env=case.environment, stdin=subprocess.DEVNULL, capture_output=True,
                          timeout=place.STEP_SECONDS)
    if done.returncode:
        raise Wrong("status %d: %s" % (done.returncode, tail(done.stderr.decode())))
    check_end(case)


def reader_has_gone(case, stream):
    """A pipe that nobody reads: SIGPIPE must not end what is being driven."""
    reading, writing = os.pipe()
    os.close(reading)
    streams = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, **{name: writing for name in stream}}
    process = subprocess.Popen([place.PAWL, *case.submit_arguments(JOB)], cwd=case.folder, env=case.environment,
                               stdin=subprocess.DEVNULL, **streams)
    os.close(writing)
    status = process.wait(place.STEP_SECONDS)
    if status:
        raise Wrong("status %d" % status)
    check_end(case)


# ---- a store that is held ----

def wait_for_lock_attempts(process, store):
    """Until the process has the store open: from then on it meets the lock."""
    end = time.monotonic() + place.STEP_SECONDS
    while process.poll() is None and time.monotonic() < end:
        if any(os.path.realpath(link) == store for link in glob.glob("/proc/%d/fd/*" % process.pid)):
            return
        time.sleep(0.005)
    raise Wrong("it did not open the store")


def store_is_held(case, seconds):
    """As long as LOCK_SECONDS says: it waits, at most a minute, and goes on."""
    status, _, err = case.pawl(*[word for word in case.submit_arguments(JOB) if word != "--yes"])
    if status != 3:
        raise Wrong("submit: status %d: %s" % (status, tail(err)))
    holder = sqlite3.connect(case.path("pawl.db"), isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    process = case.start("resume", "--yes")
    wait_for_lock_attempts(process, case.path("pawl.db"))
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if process.poll() is not None:
            raise Wrong("it did not wait: %s" % (case.finish(process),))
        time.sleep(0.05)
    case.must("status", "1")  # those who only look are not held up
    holder.execute("ROLLBACK")
    holder.close()
    status, _, err = case.finish(process)
    if status:
        raise Wrong("resume: status %d: %s" % (status, tail(err)))
    check_end(case)


def store_is_held_too_long(case):
    status, _, err = case.pawl(*[word for word in case.submit_arguments(JOB) if word != "--yes"])
    holder = sqlite3.connect(case.path("pawl.db"), isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    shim = os.environ.get("FAULTS", os.path.join(place.ROOT, "build", "power", "faults.so"))
    status, _, err = case.pawl("resume", "--yes", LD_PRELOAD=shim, FAULT_BUSY_MS="300")
    check_told(status, err)
    if "locked" not in err and "held" not in err:
        raise Wrong("it does not say that the store is held: %s" % tail(err))
    holder.close()
    check_end(case)


# ---- the environment ----

def environment(case, **more):
    status, _, err = submit(case, **more)
    if status:
        check_told(status, err, (1, 5))
    check_end(case)


def cases():
    for left in (0, 64, 100, 128, 192, 256, 320, 384, 448, 512, 576, 640, 704, 768):
        yield "disk full/%d KiB left" % left, disk_is_full, (left * KIB,)
    yield "disk full/of the values file", values_disk_is_full, ()
    yield "read-only disk/at first", disk_is_read_only_at_first, ()
    yield "read-only disk/later", disk_becomes_read_only, ()
    for limit in (*range(4, 33), 40, 64):
        yield "descriptors/%d" % limit, limited, ("nofile", limit, limit == 4)
    for mib in (12, 14, 16, 18, 20, 22, 24, 26, 28, 30, 32, 36, 40, 48, 64, 96, 128, 192, 256):
        yield "memory/%d MiB" % mib, limited, ("as", mib * KIB * KIB, mib == 12)
    for kib in (0, 1, 4, 16, 32, 64, 128, 256, 512):
        yield "file size/%d KiB" % kib, limited, ("fsize", kib * KIB, kib == 0)
    for closed in ((0,), (1,), (2,), (0, 1), (1, 2), (0, 1, 2)):
        yield "closed/%s" % ",".join(map(str, closed)), stream_is_closed, (closed,)
    for stream in (("stdout",), ("stderr",), ("stdout", "stderr")):
        yield "broken pipe/%s" % " ".join(stream), reader_has_gone, (stream,)
    yield "store held/for a while", store_is_held, (float(os.environ.get("LOCK_SECONDS", "30")),)
    yield "store held/for too long", store_is_held_too_long, ()
    yield "environment/TMPDIR missing", lambda case: environment(case, TMPDIR="/nowhere"), ()
    yield "environment/HOME missing", lambda case: environment(case, HOME="/nowhere"), ()


CASES = []


def run_case(index):
    name, function, arguments = CASES[index]
    case = Place(TEMPLATE)
    try:
        function(case, *arguments)
        wrong = None
    except Wrong as found:
        wrong = str(found)
    except Exception:
        wrong = traceback.format_exc()
    place.end_children()
    return (wrong,)


def may_mount():
    """Not in every container, also as root."""
    pid = os.fork()
    if pid == 0:
        try:
            own_mounts()
            os._exit(0)
        except OSError:
            os._exit(1)
    return os.waitpid(pid, 0)[1] == 0


def main():
    global TEMPLATE, OUTCOME
    begun, failed = time.monotonic(), 0
    place.adopt_orphans()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    place.make_base()
    try:
        template = Place()
        template.make_cluster(JOB)
        undisturbed = Place(template.folder)
        undisturbed.drive_to_end(JOB)
        TEMPLATE, OUTCOME = template.folder, undisturbed.outcome()
        wanted = sys.argv[1:]
        CASES.extend(one for one in cases() if not wanted or any(one[0].startswith(name) for name in wanted))
        if not may_mount():
            mounting = [one for one in CASES if one[0].startswith(("disk full", "read-only disk"))]
            print("NOT TESTED, for mounts of its own it needs root and CAP_SYS_ADMIN: %s" %
                  ", ".join(one[0] for one in mounting))
            CASES[:] = [one for one in CASES if one not in mounting]
        groups = {}
        # Mounts end with the process of their case.
        for index, result, lost in workers.each(run_case, len(CASES)):
            wrong, name = result[0] if result else lost, CASES[index][0]
            group = groups.setdefault(name.split("/")[0], [0, 0])
            group[bool(wrong)] += 1
            failed += bool(wrong)
            if wrong:
                print("FAILED %s: %s\n    again: tests/faults/faults.py '%s'" % (name, wrong, name), flush=True)
        for group, (good, bad) in groups.items():
            print("%-20s %3d passed %3d failed" % (group, good, bad))
    finally:
        place.remove_base()
    print("fault tests took %.0f s" % (time.monotonic() - begun))
    print("%d passed, %d failed" % (len(CASES) - failed, failed))
    return 1 if failed or not CASES else 0


if __name__ == "__main__":
    sys.exit(main())
