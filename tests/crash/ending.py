"""Keepers that end at the wrong moment.

One ends while its driver looks: the driver found no exit record, is held right before it asks for the lock,
and finds that free. It must read the record again, and believe it: nothing is probed, nobody is asked.

One is killed, with its driver, while its child goes on: the next driver waits for the child, and touches nothing."""
import os
import signal
import time

from drivers import wait_until_stopped
from kill import Undisturbed
from place import ONCE, SHIM, SHIPPED, STEP_SECONDS, Place, Wrong, compare, end_children, expect_nobody, tail
from reboot import state_of, tree


def wait_until_ended(driver):
    end = time.monotonic() + STEP_SECONDS
    while any(state_of(pid) not in "ZX" for pid in tree(driver.pid)):
        if time.monotonic() > end:
            raise Wrong("the keeper does not end")
        time.sleep(0.002)


def keeper_ends_at(undisturbed, number):
    place = Place(undisturbed.template.folder)
    try:
        driver = place.start(*place.submit_arguments(undisturbed.job),
                             **place.shim("driver:asklock:%d:before:stop" % number))
        if wait_until_stopped(driver):
            wait_until_ended(driver)
            os.kill(driver.pid, signal.SIGCONT)
        status, _, err = place.finish(driver)
        if status:
            raise Wrong("it left with %d: %s" % (status, tail(err)))
        probed = [event["step"] for event in place.events() if event["event"] == "step_probed"]
        if probed:
            raise Wrong("probed in spite of an exit record: %s" % probed)
        expect_nobody()
        compare(place.outcome(), undisturbed.outcome)
    finally:
        place.remove()


LOOKS = 40  # more than a driver needs to end the run


def looks_of(place):
    """How often the second driver has asked for a lock."""
    if not os.path.exists(place.path("trace-2")):
        return 0
    with open(place.path("trace-2")) as file:
        return sum(line.split()[:2] == ["driver", "asklock"] for line in file)


def child_outlives_keeper(undisturbed, at):
    place = Place(undisturbed.template.folder)
    try:
        first = place.start(*place.submit_arguments(undisturbed.job), **place.shim(at + ":stop"))
        end = time.monotonic() + STEP_SECONDS
        while not any(state_of(pid) == "T" for pid in tree(first.pid)):
            if first.poll() is not None or time.monotonic() > end:
                raise Wrong("helm was not stopped where it should have been")
            time.sleep(0.002)
        child = next(pid for pid in tree(first.pid) if state_of(pid) == "T")
        for pid in [first.pid] + [pid for pid in tree(first.pid) if pid != child]:
            os.kill(pid, signal.SIGKILL)
        place.finish(first)
        before = place.effects()
        second = place.start("resume", "1", "--yes", LD_PRELOAD=SHIM, CRASH_COUNTERS=place.path("counters-2"),
                             CRASH_TRACE=place.path("trace-2"))
        while looks_of(place) < LOOKS:
            if second.poll() is not None or time.monotonic() > end:
                raise Wrong("the next driver does not wait for the child: %s" % tail(place.finish(second)[2]))
            time.sleep(0.002)
        if place.effects() != before:
            raise Wrong("something was done while the child lived: %s" % place.effects()[len(before):])
        os.kill(child, signal.SIGCONT)
        status, _, err = place.finish(second)
        if status:
            raise Wrong("it left with %d: %s" % (status, tail(err)))
        expect_nobody()
        place.verify_audit()
        compare(place.outcome(), undisturbed.outcome)
    finally:
        end_children()
        place.remove()


def cases(seed):
    helm = Undisturbed.of(SHIPPED[2])
    for number in range(1, helm.points["helm", "rename"] + 1):
        at = "helm:rename:%d:before" % number
        yield ("child outlives keeper", "ending/child/" + at, lambda a=at: child_outlives_keeper(helm, a))
    for job in (SHIPPED[2], ONCE):
        undisturbed = Undisturbed.of(job)
        for number in range(1, min(undisturbed.points.get(("driver", "asklock"), 0), 8) + 1):
            yield ("keeper ends", "ending/%s/%d" % (job.name, number), lambda u=undisturbed, n=number: keeper_ends_at(u, n))
