"""A reboot: everything of a run dies at once, and the boot id is another afterwards. What was in flight is probed, not
adopted, unless an exit record says how it ended."""
import os
import signal
import time

from drivers import wait_until_stopped
from kill import Undisturbed
from place import SHIPPED, Place, Wrong, children, compare, end_children, expect_nobody, tail

BEFORE, AFTER = {"PAWL_BOOT_ID": "boot-1"}, {"PAWL_BOOT_ID": "boot-2"}
STOPPED_SECONDS = 20


def state_of(pid):
    try:
        with open("/proc/%d/stat" % pid) as file:
            return file.read().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return "X"


def tree(pid):
    """All descendants."""
    found = []
    for child in children(pid):
        found += [child] + tree(child)
    return found


def wait_until_helm_stops(driver):
    end = time.monotonic() + STOPPED_SECONDS
    while not any(state_of(pid) == "T" for pid in tree(driver.pid)):
        if driver.poll() is not None or time.monotonic() > end:
            raise Wrong("helm was not stopped where it should have been")
        time.sleep(0.002)


def power_off(place, driver):
    """The child stands still in its middle: now all die, the driver first, so that nobody records anything."""
    wait_until_helm_stops(driver)
    pids = [driver.pid] + tree(driver.pid)
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    place.finish(driver)
    end_children()


def check_end(place, undisturbed, probed):
    status, _, err = place.pawl("resume", "--yes", **AFTER)
    if status:
        raise Wrong("resume after the reboot: status %d: %s" % (status, tail(err)))
    events = place.events()
    claims = [event for event in events if event["event"] == "run_claimed"]
    if not claims[-1]["body"].get("rebooted"):
        raise Wrong("the claim does not say that the host was rebooted")
    behind = events[events.index(claims[-1]):]
    was_probed = any(event["event"] == "step_probed" and event["step"] == "upgrade" for event in behind)
    if was_probed != probed:
        raise Wrong("the upgrade was %s" % ("probed in spite of its exit record" if was_probed else "not probed"))
    expect_nobody()
    place.verify_audit()
    compare(place.outcome(), undisturbed.outcome)


def child_dies(undisturbed, at):
    place = Place(undisturbed.template.folder)
    try:
        driver = place.start(*place.submit_arguments(undisturbed.job), **BEFORE, **place.shim(at + ":stop"))
        power_off(place, driver)
        check_end(place, undisturbed, True)
    finally:
        end_children()
        place.remove()


def child_ends(undisturbed, at):
    """The driver dies alone; helm ends and its keeper records it; then comes the reboot."""
    place = Place(undisturbed.template.folder)
    try:
        driver = place.start(*place.submit_arguments(undisturbed.job), **BEFORE, **place.shim(at + ":stop"))
        wait_until_helm_stops(driver)
        below = tree(driver.pid)
        driver.kill()
        place.finish(driver)
        for pid in below:
            os.kill(pid, signal.SIGCONT)
        expect_nobody(10)
        check_end(place, undisturbed, False)
    finally:
        end_children()
        place.remove()


def driver_dies(undisturbed, at):
    """Whether it did."""
    place = Place(undisturbed.template.folder)
    try:
        status, _, _ = place.pawl(*place.submit_arguments(undisturbed.job), **BEFORE, **place.shim(at))
        expect_nobody(10)
        place.resume_to_end(undisturbed.job, **AFTER)
        place.verify_audit()
        compare(place.outcome(), undisturbed.outcome)
        return status == -signal.SIGKILL
    finally:
        place.remove()


def cases(seed):
    for job in SHIPPED:
        undisturbed = Undisturbed.of(job)
        for number in range(1, undisturbed.points["helm", "rename"] + 1):
            for when in ("before", "after"):
                at = "helm:rename:%d:%s" % (number, when)
                yield ("reboot in helm", "reboot/%s/%s" % (job.name, at),
                       lambda u=undisturbed, a=at: child_dies(u, a))
                yield ("reboot with exit record", "reboot-recorded/%s/%s" % (job.name, at),
                       lambda u=undisturbed, a=at: child_ends(u, a))
        for number in range(3, undisturbed.points["driver", "commit"] + 1):
            at = "driver:commit:%d:after" % number
            yield ("reboot at a commit", "reboot/%s/%s" % (job.name, at),
                   lambda u=undisturbed, a=at: driver_dies(u, a))
