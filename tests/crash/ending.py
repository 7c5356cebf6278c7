"""A keeper that ends while its driver looks: the driver found no exit record, is held right before it asks for the lock,
and finds that free. It must read the record again, and believe it: nothing is probed, nobody is asked."""
import os
import signal
import time

from drivers import wait_until_stopped
from kill import Undisturbed
from place import ONCE, SHIPPED, STEP_SECONDS, Place, Wrong, compare, expect_nobody, tail
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


def cases(seed):
    for job in (SHIPPED[2], ONCE):
        undisturbed = Undisturbed.of(job)
        for number in range(1, min(undisturbed.points.get(("driver", "asklock"), 0), 8) + 1):
            yield ("keeper ends", "ending/%s/%d" % (job.name, number), lambda u=undisturbed, n=number: keeper_ends_at(u, n))
