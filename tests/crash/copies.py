"""What lies beside a store that is not this store's: the files of a store that was removed, of an older copy that was put
back; and a store that was copied without the folder beside it. What a program did is never taken from another start's
record, and never taken for not done because a record is missing."""
import os
import shutil
import signal
import sqlite3
import time

from left import wait_for
from place import STEP_SECONDS, Place, Wrong, children, end_children, expect_nobody, tail

ONE = """job: one
version: 1
steps:
  - id: act
    uses: command
    effect: once
    with:
      argv: [/bin/sh, -c, '%s']
      cwd: %s
"""
DATABASE = ("pawl.db", "pawl.db-wal", "pawl.db-shm")


def write(place, script):
    with open(place.path("job.yaml"), "w") as file:
        file.write(ONE % (script, place.folder))
    return "job.yaml"


def submit(place, script):
    return place.pawl("--cluster", "sim:sim.json", "submit", write(place, script))


def make_store(place):
    """With one run in it, which does nothing."""
    place.pawl("--cluster", "sim:sim.json", "submit", "--detach", write(place, "true"))
    place.must("cancel", "1", "--reason", "only to make the store")


def place_with_cluster():
    place = Place()
    place.must("sim", "init", "sim.json", "--time", "real")
    return place


def remove_store(place):
    for name in DATABASE:
        if os.path.exists(place.path(name)):
            os.remove(place.path(name))


def empty_store(place):
    remove_store(place)
    with open(place.path("pawl.db"), "w"):
        os.chmod(place.path("pawl.db"), 0o600)


def older_store(place):
    """As it was before the first run; the second has the first's number."""
    remove_store(place)
    os.rename(place.path("older.db"), place.path("pawl.db"))


def other_runs_files(change):
    place = place_with_cluster()
    try:
        make_store(place)
        database = sqlite3.connect(place.path("pawl.db"))
        database.execute("VACUUM INTO '%s'" % place.path("older.db"))
        database.close()
        os.chmod(place.path("older.db"), 0o600)
        status, _, err = submit(place, "echo fine")
        if status:
            raise Wrong("a good program failed: %d: %s" % (status, tail(err)))
        change(place)
        if change is not older_store:  # so that the numbers are the same
            make_store(place)
        submit(place, "exit 7")
        run = place.runs()[0]
        if run["run"] != 2 or run["status"] != "failed" or "status 7" not in str(run["error"]):
            raise Wrong("a program left with 7, and its run is: %s" % run)
        place.verify_audit()
    finally:
        end_children()
        place.remove()


def expect_question(place, what):
    status, out, err = place.pawl("resume", "1")
    run = place.runs()[0]
    if status != 3 or (run["waiting"] or {}).get("for") != "decision" or place.marks() != 1:
        raise Wrong("%s, resume left with %d, the program ran %d times, and the run is %s: %s"
                    % (what, status, place.marks(), run, tail(out + err)))


def killed_in_its_program(copied, ended=False):
    """The program has had its effect and has ended, or was killed with its keeper: nothing says that it was never
    started, with the keeper's files or, in a copy of the store alone, without."""
    place = place_with_cluster()
    try:
        driver = place.start("--cluster", "sim:sim.json", "submit",
                             write(place, "echo done >>marks; while [ ! -e end ]; do sleep 0.01; done"))
        wait_for("the program has its effect", place.marks)
        driver.send_signal(signal.SIGKILL)
        place.finish(driver)
        if ended:
            with open(place.path("end"), "w"):
                pass
            expect_nobody(STEP_SECONDS)
        end = time.monotonic() + STEP_SECONDS
        while children():
            if time.monotonic() > end:
                raise Wrong("what was killed does not end: %s" % children())
            end_children()
        if copied:
            os.mkdir(place.path("copy"), 0o700)
            for name in DATABASE:
                if os.path.exists(place.path(name)):
                    shutil.copy2(place.path(name), place.path("copy"))
            place.environment["PAWL_STORE"] = "copy/pawl.db"
        expect_question(place, "with the keeper's files lost" if copied else "with all of it killed")
    finally:
        end_children()
        place.remove()


def cases(seed):
    for change in (remove_store, empty_store, older_store):
        yield ("copies", "copies/" + change.__name__.replace("_", "-"), lambda c=change: other_runs_files(c))
    for ended in (False, True):
        yield ("copies", "copies/without-folder/%s" % ("ended" if ended else "killed"),
               lambda e=ended: killed_in_its_program(True, e))
    yield ("killed in its program", "copies/none/killed", lambda: killed_in_its_program(False))
