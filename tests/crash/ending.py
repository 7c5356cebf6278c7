"""Keepers that end at the wrong moment.

One ends while its driver looks: the driver found no exit record, is held right before it asks for the lock,
and finds that free. It must read the record again, and believe it: nothing is probed, nobody is asked.

One is killed, with its driver, while its child goes on: the next driver waits for the child, and touches nothing."""
import os
import signal
import time

from drivers import wait_until_stopped
from kill import Undisturbed
from left import wait_for
from place import ONCE, SHIM, SHIPPED, STEP_SECONDS, Place, Wrong, children, compare, end_children, expect_nobody, tail
from reboot import state_of, tree


def wait_until_ended(driver):
    end = time.monotonic() + STEP_SECONDS
    while any(state_of(pid) not in "ZX" for pid in tree(driver.pid)):
        if time.monotonic() > end:
            raise Wrong("the keeper does not end")
        time.sleep(0.002)


def keeper_ends_at(undisturbed, number):
    """Whether the driver was held while it looked."""
    place = Place(undisturbed.template.folder)
    try:
        driver = place.start(*place.submit_arguments(undisturbed.job),
                             **place.shim("driver:asklock:%d:before:stop" % number))
        held = wait_until_stopped(driver)
        if held:
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
        return held
    finally:
        place.remove()


LOOKS = 20  # more than it takes to remove a record and start another helm


def looks_of(place):
    """How often the second driver has asked for a lock."""
    if not os.path.exists(place.path("trace-2")):
        return 0
    with open(place.path("trace-2")) as file:
        return sum(line.split()[:2] == ["driver", "asklock"] for line in file)


def child_outlives_keeper():
    """In real time, with a helm that hangs: one that is stopped would be hung up when its keeper dies."""
    place = Place()
    try:
        place.must("sim", "init", "sim.json", *SHIPPED[0].init, "--seed", "7", "--values", "iomesh.yaml", "--time", "real")
        place.must("sim", "fault", "sim.json", "helm", "phase=patched", "action=hang")
        first = place.start(*place.submit_arguments(SHIPPED[0]))
        wait_for("helm has patched", lambda: any(effect["effect"] == "helm_upgrade" for effect in place.effects()))
        keeper = children(first.pid)[0]
        child = children(keeper)[0]
        for pid in (first.pid, keeper):
            os.kill(pid, signal.SIGKILL)
        place.finish(first)
        before = place.effects()
        second = place.start("resume", "1", LD_PRELOAD=SHIM, CRASH_COUNTERS=place.path("counters-2"),
                             CRASH_TRACE=place.path("trace-2"))
        wait_for("the next driver has looked", lambda: looks_of(place) >= LOOKS)
        if place.effects() != before:
            raise Wrong("something was done while the child lived: %s" % place.effects()[len(before):])
        place.must("cancel", "1", "--reason", "x")
        os.kill(child, signal.SIGKILL)
        place.finish(second)
        if place.runs()[0]["status"] != "cancelled":
            raise Wrong("the run is %s" % place.runs()[0]["status"])
        expect_nobody()
        place.verify_audit()
    finally:
        end_children()
        place.remove()


def cases(seed):
    yield ("child outlives keeper", "ending/child", child_outlives_keeper)
    for job in (SHIPPED[2], ONCE):
        undisturbed = Undisturbed.of(job)
        for number in range(1, min(undisturbed.points["driver", "asklock"], 8) + 1):
            yield ("keeper ends", "ending/%s/%d" % (job.name, number), lambda u=undisturbed, n=number: keeper_ends_at(u, n))
