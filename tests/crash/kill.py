"""SIGKILL everywhere: each shipped job, cut off right before and right after every commit, every effect, every
request that changes something, every step of the keeper and of its child, and at random instants; then resumed
until it ends. It must end as the undisturbed run did, with every effect once."""
import random
import signal

from place import ONCE, ROLLBACK, SHIPPED, TIMEOUT, Place, compare, expect_nobody

KEEPER_STEPS = ("fork", "fsync", "rename", "write", "send")
CHILD_STEPS = ("rename", "write", "pwrite", "fork")
RANDOM_COUNT = 200
DRIVERS_OWN = ("driver:", "before-request:", "after-request:")


class Undisturbed:
    """A run of a job that nothing happens to: what is counted, and what it must come to."""

    known = {}

    @classmethod
    def of(cls, job):
        if job.name not in cls.known:
            cls.known[job.name] = cls(job)
        return cls.known[job.name]

    def __init__(self, job):
        self.job = job
        self.template = Place()
        self.template.make_cluster(job)
        place = Place(self.template.folder)
        try:
            place.drive_to_end(job, first={**place.shim(trace="trace"), "PAWL_SIM_CALLER": "old"})
            expect_nobody()
            place.verify_audit()
            self.outcome = place.outcome()
            self.effect_count = len(place.effects())
            self.changing = [number for number, request in enumerate(place.requests(), 1) if changes(request)]
            self.own_requests = [number for number, request in enumerate(place.requests(), 1)
                                 if request.get("caller") == "old"]
            self.points = {}
            with open(place.path("trace")) as file:
                for line in file:
                    role, point, _ = line.split()
                    self.points[role, point] = self.points.get((role, point), 0) + 1
        finally:
            place.remove()

    def finished(self):
        """A place with a run that has ended."""
        place = Place(self.template.folder)
        place.drive_to_end(self.job)
        return place

    def calls(self, role):
        return sum(count for (of, _), count in self.points.items() if of == role)


def changes(request):
    return request["verb"] in ("patch", "create", "update", "delete") or "unregister" in request.get("command", [])


def run_killed(undisturbed, at=None, sim_kill=None):
    """Whether the driver was killed; None where another is to be, as helm in the middle of its effects."""
    place = Place(undisturbed.template.folder)
    try:
        shim = place.shim(at=at)
        first = {**shim, "PAWL_SIM_KILL": sim_kill} if sim_kill else shim
        status = place.drive_to_end(undisturbed.job, first=first, later=shim)
        expect_nobody()
        place.verify_audit()
        compare(place.outcome(), undisturbed.outcome, undisturbed.job.compared)
        return status == -signal.SIGKILL if (at or sim_kill).startswith(DRIVERS_OWN) else None
    finally:
        place.remove()


def points_of(undisturbed, role, names):
    for name in names:
        for number in range(1, undisturbed.points.get((role, name), 0) + 1):
            for when in ("before", "after"):
                yield "%s:%s:%d:%s" % (role, name, number, when)


def random_points(undisturbed, chance, count):
    for _ in range(count):
        targets = []
        for _ in range(chance.choice((1, 1, 2, 3))):
            role = chance.choice(("driver", "driver", "driver", "keeper", "helm"))
            targets.append("%s:call:%d:%s" % (role, chance.randint(1, max(1, undisturbed.calls(role))),
                                              chance.choice(("before", "after"))))
        yield ",".join(targets)


def cases(seed):
    for job in SHIPPED + [ONCE, ROLLBACK, TIMEOUT]:
        undisturbed = Undisturbed.of(job)
        is_special = job in (ROLLBACK, TIMEOUT)  # what they share with the others has been shown there

        def case(kind, name, undisturbed=undisturbed, **how):
            job = undisturbed.job
            return (job.name + " " + kind, "%s/%s" % (job.name, name), lambda: run_killed(undisturbed, **how))

        for at in points_of(undisturbed, "driver", ("commit",)):
            yield case("commits", at, at=at)
        requests = [] if is_special else undisturbed.changing
        for kind, numbers in (("effect", range(1, undisturbed.effect_count + 1)), ("request", requests)):
            for number in numbers:
                for when in ("before", "after"):
                    name = "%s-%s:%d" % (when, kind, number)
                    yield case(kind + "s", name, sim_kill=name)
        for at in points_of(undisturbed, "keeper", KEEPER_STEPS):
            yield case("keeper", at, at=at)
        for at in points_of(undisturbed, "forked", ("exec",)):
            yield case("keeper", at, at=at)
        if is_special:
            continue
        for at in points_of(undisturbed, "helm", CHILD_STEPS):
            yield case("child", at, at=at)
        chance = random.Random("%s %s" % (seed, job.name))
        for at in random_points(undisturbed, chance, RANDOM_COUNT // len(SHIPPED)):
            yield case("random", at, at=at)
