"""People's commands from another process, at every commit boundary of a run, with and without a driver: nothing is
started after a cancel was acknowledged, no effect follows run_cancelled, and no command is lost."""
import json
import signal
import sqlite3
import time

from drivers import wait_until_stopped
from kill import Undisturbed
from place import SHIPPED, STEP_SECONDS, TIMEOUT, Place, Wrong, compare, expect_nobody, tail

IN_CHUNK, DRAIN = SHIPPED[2], SHIPPED[3]
WORDS = {
    "pause": ("pause", "1"),
    "cancel": ("cancel", "1", "--reason", "x"),
    "reject": ("reject", "1", "unregister", "--reason", "x"),
    "resolve": ("resolve", "1", "unregister", "--retry", "--reason", "x"),
    "done": ("resolve", "1", "unregister", "--done", "--output", "output=by hand", "--reason", "x"),
}
# What is recorded where the word was accepted.
EVENTS = {"pause": "paused", "cancel": "cancel_requested", "reject": "rejected", "resolve": "resolved", "done": "resolved"}


def rows(place, sql, may_be_new=False):
    """`may_be_new`: the store may not be there yet, or have no tables."""
    database = None
    try:
        database = sqlite3.connect("file:%s?mode=ro" % place.path("pawl.db"), uri=True, timeout=10)
        return database.execute(sql).fetchall()
    except sqlite3.OperationalError as found:
        if may_be_new and ("no such table" in str(found) or "unable to open" in str(found)):
            return []
        raise
    finally:
        if database:
            database.close()


def say_to_stopped(place, driver, word):
    """The command is in the store before the driver goes on."""
    saying = place.start(*word)
    end = time.monotonic() + STEP_SECONDS
    while not rows(place, "SELECT id FROM commands", True) and saying.poll() is None:
        if time.monotonic() > end:
            raise Wrong("the word does not come into the store")
        time.sleep(0.002)
    driver.send_signal(signal.SIGCONT)
    said = place.finish(saying)
    place.finish(driver)
    return said


def say(place, undisturbed, at, word, driven):
    """(status, out, err) of the command; None where no run was recorded yet at that point."""
    submit = place.submit_arguments(undisturbed.job)
    if not driven:
        place.pawl(*submit, **place.shim(at))
        return place.pawl(*word) if rows(place, "SELECT run FROM runs", True) else None
    driver = place.start(*submit, **place.shim(at + ":stop"))
    if not wait_until_stopped(driver):
        raise Wrong("the driver ended before it was stopped")
    if not rows(place, "SELECT run FROM runs", True):
        driver.send_signal(signal.SIGCONT)
        place.finish(driver)
        return None
    return say_to_stopped(place, driver, word)


def index_of(events, name):
    return next((i for i, event in enumerate(events) if event["event"] == name), None)


def check_nothing_starts_after(events, name, until=None):
    begin = index_of(events, name)
    if begin is None:
        return
    for event in events[begin + 1:]:
        if event["event"] == until:
            return
        if event["event"] in ("step_started", "undo_started"):
            raise Wrong("%s was started after %s" % (event["step"], name))


def check_cancelled(place, said):
    if said[0]:
        raise Wrong("cancel: status %d: %s" % (said[0], tail(said[2])))
    done = len(place.effects())
    for _ in range(3):
        if place.runs()[0]["status"] == "cancelled":
            break
        place.pawl("resume", "1", "--yes")
    expect_nobody()
    if place.runs()[0]["status"] != "cancelled":
        raise Wrong("a cancelled run is %s" % place.runs()[0]["status"])
    events = place.events()
    check_nothing_starts_after(events, "cancel_requested")
    if index_of(events, "cancel_requested") is None:
        raise Wrong("a cancel was acknowledged and not recorded")
    if len(place.effects()) != done:
        raise Wrong("an effect after run_cancelled: %s" % place.effects()[done:])
    if rows(place, "SELECT * FROM locks"):
        raise Wrong("a cancelled run keeps its lock")


def check_rejected(place, undisturbed):
    run = place.runs()[0]
    if run["status"] != "failed" or run["error"]["code"] != "rejected":
        raise Wrong("a rejected run is %s" % run["status"])
    if any(effect["effect"] == "unregister" for effect in place.effects()):
        raise Wrong("rejected, and unregistered all the same")


def resolved_as_done(place):
    """Takes up a word that lies in the store; whether it was accepted. The run fails behind it: the chunk is there."""
    if rows(place, "SELECT name FROM commands WHERE outcome IS NULL"):
        place.pawl("resume", "1", "--yes")
    return any(event["event"] == "resolved" for event in place.events())


def check_done(place):
    events = place.events()
    check_nothing_starts_after([event for event in events if event["step"] in (None, "unregister")], "resolved")
    outputs = json.loads(place.must("status", "1", "--json"))["steps"]
    unregister = next(step for step in outputs if step["id"] == "unregister")
    if unregister["status"] != "succeeded" or unregister["outputs"] != {"output": "by hand"}:
        raise Wrong("done by hand is not what was recorded: %s" % unregister)
    if any(effect["effect"] == "unregister" for effect in place.effects()):
        raise Wrong("done by hand, and unregistered all the same")


def command_at(undisturbed, name, at, driven):
    """Whether the word was accepted."""
    place = Place(undisturbed.template.folder)
    try:
        said = say(place, undisturbed, at, WORDS[name], driven)
        ended = bool(said) and bool(said[0]) and "has ended" in said[2]
        if said and name == "cancel" and not ended:
            check_cancelled(place, said)
        elif said and name == "reject" and not said[0] and "accepted" in said[1]:
            check_rejected(place, undisturbed)
        elif said and name == "done" and not said[0] and resolved_as_done(place):
            check_done(place)
        else:
            place.resume_to_end(undisturbed.job)
            check_nothing_starts_after(place.events(), "paused", "resumed")
            rejected = index_of(place.events(), "rejected") is not None
            if not rejected:
                compare(place.outcome(), undisturbed.outcome, undisturbed.job.compared)
        expect_nobody()
        lost = rows(place, "SELECT name FROM commands WHERE outcome IS NULL")
        if lost:
            raise Wrong("lost: %s" % lost)
        place.verify_audit()
        return index_of(place.events(), EVENTS[name]) is not None
    finally:
        place.remove()


def cases(seed):
    for job, names in ((IN_CHUNK, WORDS), (DRAIN, ("cancel",)), (TIMEOUT, ("cancel",))):
        undisturbed = Undisturbed.of(job)
        for number in range(1, undisturbed.points["driver", "commit"] + 1):
            for name in names:
                for at, driven in (("begin:%d:before" % number, True), ("commit:%d:after" % number, True),
                                   ("commit:%d:after" % number, False)):
                    label = "%s %s %s" % (job.name, name, "driven" if driven else "alone")
                    yield (label, "%s/driver:%s" % (label.replace(" ", "/"), at),
                           lambda u=undisturbed, n=name, a="driver:" + at, d=driven: command_at(u, n, a, d))
