"""Another host: a run last driven there is taken up only by a person's word, and what a keeper there may still be doing
is never taken for gone."""
from kill import Undisturbed
from place import RESUMES_LIMIT, SHIPPED, Place, Wrong, compare, expect_nobody, tail

THERE = {"PAWL_BOOT_ID": "boot-1", "PAWL_MACHINE_ID": "machine-1"}
HERE = {"PAWL_BOOT_ID": "boot-2", "PAWL_MACHINE_ID": "machine-2"}


def expect_refusal(place):
    before = len(place.log())
    status, _, err = place.pawl("resume", "1", "--yes", **HERE)
    if status != 4 or "--take-over" not in err:
        raise Wrong("a run of another host was taken up: status %d: %s" % (status, tail(err)))
    if len(place.log()) != before:
        raise Wrong("a driver that was refused has sent something")


def keeper_counts(place, waiting):
    """The step whose keeper was started there waits for a person."""
    prepared = [event for event in place.events()
                if event["event"] == "step_prepared" and event["step"] == waiting.get("step")
                and "keeper" in (event["body"].get("checkpoint") or {})]
    if waiting.get("for") != "decision" or not prepared:
        raise Wrong("it waits for %s" % waiting)
    place.must("resolve", "1", waiting["step"], "--retry", "--reason", "nothing runs there", **HERE)


def taken_over(undisturbed, at):
    """Whether there was anything left to take over."""
    place = Place(undisturbed.template.folder)
    try:
        place.pawl(*place.submit_arguments(undisturbed.job), **THERE, **place.shim(at))
        expect_nobody(10)
        if place.runs()[0]["status"] == "succeeded":
            return False
        expect_refusal(place)
        place.pawl("resume", "1", "--take-over", "--reason", "moved", "--yes", **HERE)
        for _ in range(RESUMES_LIMIT):
            run = place.runs()[0]
            if run["status"] == "succeeded":
                break
            if run["waiting"]:
                keeper_counts(place, run["waiting"])
            place.pawl("resume", "1", "--yes", **HERE)
        place.verify_audit()
        compare(place.outcome(), undisturbed.outcome)
        return True
    finally:
        place.remove()


def cases(seed):
    undisturbed = Undisturbed.of(SHIPPED[2])
    for number in range(3, undisturbed.points["driver", "commit"]):
        at = "driver:commit:%d:after" % number
        yield ("another host", "elsewhere/" + at, lambda a=at: taken_over(undisturbed, a))
