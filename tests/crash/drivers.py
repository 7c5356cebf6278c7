"""Two drivers on one run: one drives, the others leave with status 4; a stopped one counts as alive, and sends nothing
once it has been overtaken, even after it goes on."""
import os
import signal
import time

from kill import Undisturbed
from place import SHIM, SHIPPED, STEP_SECONDS, Place, Wrong, compare, expect_nobody, tail

TWENTY = 20
DRAIN = SHIPPED[3]


def wait_until_stopped(process):
    """SIGSTOP has arrived; False where the process has ended instead."""
    end = time.monotonic() + STEP_SECONDS
    while time.monotonic() < end:
        if process.poll() is not None:
            return False
        with open("/proc/%d/stat" % process.pid) as file:
            if file.read().rsplit(")", 1)[1].split()[0] == "T":
                return True
        time.sleep(0.002)
    process.kill()
    raise Wrong("the driver was not stopped where it should have been")


def twenty_at_once(undisturbed, commit):
    """The run is cut off behind a commit; of twenty that take it up, the winner is held behind its second commit until
    all others have left."""
    place = Place(undisturbed.template.folder)
    try:
        place.pawl(*place.submit_arguments(undisturbed.job), **place.shim("driver:commit:%d:after" % commit))
        shim = place.shim("driver:commit:%d:after:stop" % (commit + 2))
        processes = [place.start("resume", "1", "--yes", **shim) for _ in range(TWENTY)]
        left, end = [], time.monotonic() + STEP_SECONDS
        while len(left) < TWENTY - 1 and time.monotonic() < end:
            left = [process for process in processes if process.poll() is not None]
            time.sleep(0.005)
        winners = [process for process in processes if process.poll() is None]
        if len(winners) == 1 and wait_until_stopped(winners[0]):
            winners[0].send_signal(signal.SIGCONT)
        results = [place.finish(process) for process in processes]
        statuses = sorted(status for status, _, _ in results)
        if statuses != [0] + (TWENTY - 1) * [4]:
            raise Wrong("twenty left with %s: %s" %
                        (statuses, [tail(err, 120) for status, _, err in results if status not in (0, 4)][:2]))
        expect_nobody()
        place.verify_audit()
        compare(place.outcome(), undisturbed.outcome)
    finally:
        place.remove()


def overtaken(undisturbed, how):
    place = Place(undisturbed.template.folder)
    try:
        old = place.start(*place.submit_arguments(undisturbed.job), PAWL_SIM_CALLER="old", **how(place))
        if not wait_until_stopped(old):
            raise Wrong("the driver ended before it was stopped: %s" % tail(place.finish(old)[2]))
        status, _, err = place.pawl("resume", "1", "--yes", PAWL_SIM_CALLER="new")
        if status != 4:
            raise Wrong("a stopped driver does not count as alive: status %d: %s" % (status, tail(err)))
        if any(line.get("caller") == "new" for line in place.log()):
            raise Wrong("a driver that was refused has sent something")
        status, _, err = place.pawl("resume", "1", "--take-over", "--reason", "x", "--yes", PAWL_SIM_CALLER="new")
        if status:
            raise Wrong("resume --take-over: status %d: %s" % (status, tail(err)))
        try:
            os.kill(old.pid, signal.SIGCONT)
        except ProcessLookupError:
            pass
        place.finish(old)
        callers = [line.get("caller") for line in place.log()]
        first = callers.index("new")
        if "old" in callers[first:]:
            raise Wrong("the overtaken driver has sent something: line %d of the log" %
                        (first + callers[first:].index("old") + 1))
        expect_nobody()
        place.verify_audit()
        compare(place.outcome(), undisturbed.outcome)
    finally:
        place.remove()


def ended_meanwhile(undisturbed, commit):
    """One that takes a run up has read it and is held right before it asks whether its driver lives; that ends the run
    and leaves. What was read is not claimed: the driver is dead, but the run is not what it was. (Its first question
    is for the line that says how the run stood.)"""
    place = Place(undisturbed.template.folder)
    try:
        first = place.start(*place.submit_arguments(undisturbed.job),
                            **place.shim("driver:commit:%d:after:stop" % commit))
        if not wait_until_stopped(first):
            raise Wrong("the driver ended before it was stopped: %s" % tail(place.finish(first)[2]))
        second = place.start("resume", "1", "--yes", CRASH_COUNTERS=place.path("counters-2"), LD_PRELOAD=SHIM,
                             CRASH_AT="driver:asklock:2:before:stop")
        held = wait_until_stopped(second)
        first.send_signal(signal.SIGCONT)
        status, _, err = place.finish(first)
        if held:
            second.send_signal(signal.SIGCONT)
        late, _, told = place.finish(second)
        if status or not held or late != 4 or "has moved" not in told:
            raise Wrong("the first left with %d (%s), the second with %d: %s" % (status, tail(err), late, tail(told)))
        if place.events()[-1]["event"] not in ("run_succeeded", "lock_released"):
            raise Wrong("something follows the end of the run: %s" % place.events()[-1])
        expect_nobody()
        place.verify_audit()
        compare(place.outcome(), undisturbed.outcome)
    finally:
        place.remove()


def spread(numbers, count):
    numbers = list(numbers)
    return numbers if len(numbers) <= count else [numbers[i * len(numbers) // count] for i in range(count)]


def cases(seed):
    undisturbed = Undisturbed.of(DRAIN)
    commits = undisturbed.points["driver", "commit"]
    for commit in spread(range(3, commits - 2), 8):
        yield ("twenty drivers", "twenty/%d" % commit, lambda n=commit: twenty_at_once(undisturbed, n))
    for commit in spread(range(4, commits - 2), 4):
        yield ("ended meanwhile", "ended/%d" % commit, lambda n=commit: ended_meanwhile(undisturbed, n))
    for number in spread(undisturbed.own_requests, 16):
        kill = {"PAWL_SIM_KILL": "stop-after-request:%d" % number}
        yield ("overtaken", "overtaken/request:%d" % number, lambda k=kill: overtaken(undisturbed, lambda place: k))
    for number in spread(range(4, commits), 8):
        for when in ("before", "after"):
            at = "driver:commit:%d:%s" % (number, when)
            yield ("overtaken", "overtaken/" + at,
                   lambda a=at: overtaken(undisturbed, lambda place: place.shim(a + ":stop")))
