"""What a driver leaves to others: a hung helm to its keeper when it is asked to go, a release to whoever upgraded it
meanwhile, a program of another host to a person."""
import os
import signal
import time

from commands import rows
from drivers import wait_until_stopped
from kill import Undisturbed
from place import SHIPPED, STEP_SECONDS, TIMEOUT, Place, Wrong, children, end_children, expect_nobody, tail
from reboot import tree

OUT_CHUNK = SHIPPED[0]
HERE = {"PAWL_BOOT_ID": "boot-1", "PAWL_MACHINE_ID": "machine-1"}
ELSEWHERE = {"PAWL_BOOT_ID": "boot-2", "PAWL_MACHINE_ID": "machine-2"}
LEAVES_SECONDS = 10


def wait_for(what, holds, seconds=STEP_SECONDS):
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            raise Wrong("in vain: waited until %s" % what)
        time.sleep(0.005)


def has_effect(place, name):
    return any(effect["effect"] == name for effect in place.effects())


def hung_helm_is_left(number):
    """In real time, so that helm's 15 minutes do not pass: cancel, then one signal, then the next driver."""
    place = Place()
    try:
        place.must("sim", "init", "sim.json", "--chunks", "3", "--seed", "7", "--values", "iomesh.yaml", "--time", "real")
        place.must("sim", "fault", "sim.json", "helm", "phase=patched", "action=hang")
        driver = place.start(*place.submit_arguments(TIMEOUT))
        wait_for("helm has patched", lambda: has_effect(place, "helm_upgrade"))
        place.must("cancel", "1", "--reason", "x")
        driver.send_signal(number)
        status, _, err = place.finish(driver, LEAVES_SECONDS)
        if status != 128 + number:
            raise Wrong("a driver with a hung helm left with %d: %s" % (status, tail(err)))
        for said in (err, place.pawl("status", "1")[1]):
            if "its program goes on under its keeper" not in said:
                raise Wrong("helm goes on, and nobody says so: %s" % tail(said))
        orphans = [pid for child in children() for pid in [child] + tree(child)]
        if len(orphans) < 2:
            raise Wrong("helm was not left to its keeper")
        resumed = place.start("resume", "1")
        wait_for("the next driver has claimed", lambda: rows(place, "SELECT epoch FROM runs WHERE epoch = 2"))
        os.kill(orphans[-1], signal.SIGKILL)
        place.finish(resumed)
        if place.runs()[0]["status"] != "cancelled":
            raise Wrong("the cancel did not go on: the run is %s" % place.runs()[0]["status"])
        expect_nobody()
        place.verify_audit()
    finally:
        end_children()
        place.remove()


def commit_of_prepared(undisturbed):
    """The number of the commit that holds helm's step_prepared: the go byte comes right behind it."""
    place = Place(undisturbed.template.folder)
    try:
        for number in range(1, undisturbed.points["driver", "commit"]):
            place.remove()
            place = Place(undisturbed.template.folder)
            place.pawl(*place.submit_arguments(undisturbed.job), **place.shim("driver:commit:%d:after" % number))
            expect_nobody()
            if place.runs() and any(event["event"] == "step_prepared" and event["step"] == "upgrade"
                                    for event in place.events()):
                return number
        raise Wrong("no commit prepares helm")
    finally:
        place.remove()


def release_moved(undisturbed):
    """Somebody upgrades between helm's guards and its go byte."""
    at = "driver:commit:%d:after:stop" % commit_of_prepared(undisturbed)
    place = Place(undisturbed.template.folder)
    try:
        driver = place.start(*place.submit_arguments(undisturbed.job), **place.shim(at))
        if not wait_until_stopped(driver):
            raise Wrong("the driver ended before it was stopped")
        place.must("sim", "fault", "sim.json", "other-upgrade", "set=meta.replicaCount:5")
        driver.send_signal(signal.SIGCONT)
        place.finish(driver)
        error = place.runs()[0]["error"] or {}
        if error.get("code") != "helm_changed":
            raise Wrong("over a release that moved: %s" % error)
        if sum(effect["effect"] == "helm_recorded" for effect in place.effects()) > 1:
            raise Wrong("helm upgraded a release that had moved since it was looked at")
        expect_nobody()
        place.verify_audit()
    finally:
        place.remove()


def rollback_beside_a_foreign_program(undisturbed):
    """Its keeper was recorded on another host: nobody here can tell, so the word is refused, and not kept."""
    place = Place(undisturbed.template.folder)
    try:
        place.must("sim", "fault", "sim.json", "helm", "phase=pending", "action=hang")
        driver = place.start(*place.submit_arguments(undisturbed.job), **HERE)
        wait_for("helm hangs", lambda: has_effect(place, "helm_recorded"))
        driver.kill()
        place.finish(driver)
        place.pawl("resume", "1", "--take-over", "--reason", "x", **ELSEWHERE)
        status, out, err = place.pawl("rollback", "1", "--reason", "x", "--yes", **ELSEWHERE)
        if not status or "not known yet" not in out + err:
            raise Wrong("rollback beside a program of another host: status %d: %s" % (status, tail(out + err)))
        if rows(place, "SELECT name FROM commands WHERE outcome IS NULL"):
            raise Wrong("a rollback that was refused has no answer")
        place.verify_audit()
    finally:
        end_children()
        place.remove()


def cases(seed):
    undisturbed = Undisturbed.of(OUT_CHUNK)
    for number in (signal.SIGTERM, signal.SIGINT):
        yield ("left", "left/hung-helm/%d" % number, lambda n=number: hung_helm_is_left(n))
    yield ("left", "left/release-moved", lambda: release_moved(undisturbed))
    yield ("left", "left/foreign-program", lambda: rollback_beside_a_foreign_program(undisturbed))
