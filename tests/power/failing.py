"""A disk that fails: each job is submitted while one call of SQLite's VFS, or of pawl's own file calls, answers with
an I/O error, a full disk, a short read or a short write (faults.c): for every call in turn. pawl must say what, where
and what to do and leave with the documented status; nothing has happened that was not committed first; and the run
resumes to the undisturbed end, with every effect once.

By default every call of the longest job and of `once` is tried, with one of the kinds that touch it, drawn by the seed,
and every fourth of the other jobs, which make the same calls. ALL=1: every call of every job with every kind."""
import hashlib
import os
import random
import shutil
import sqlite3
from contextlib import closing

import place
from place import Place, Wrong, compare, expect_nobody, tail

SHIM = os.path.join(os.environ.get("POWER", os.path.join(place.ROOT, "build", "power")), "faults.so")
# By what a call does; "+": all later ones fail as well, as where the disk stays full.
KINDS = {
    "r": ["ioerr", "short-read"],
    "w": ["ioerr", "full", "full+", "short-write"],
    "o": ["ioerr"],
}
ALL = bool(os.environ.get("ALL"))
WHOLE = ("scale-in-chunk-drain", "once")  # jobs of which every call is tried
STRIDE = 4
# The words of an error that says what to do next.
NEXT = ("pawl resume", "try again", "then: pawl", "pawl submit", "make it")


class Failing:
    def __init__(self, job, template, outcome):
        self.job, self.template, self.outcome = job, template, outcome
        self.calls, self.answers = 0, {0: 0, 1: 0, 5: 0}
        self.seen = set()  # keys of the states that were resumed

    def shim(self, case, **more):
        return {"LD_PRELOAD": SHIM, "FAULT_ROOT": case.folder, **more}

    def letters(self):
        """The calls of an undisturbed run: where → its letters."""
        case = Place(self.template)
        case.drive_to_end(self.job, first=self.shim(case, FAULT_COUNT=case.path("count")))
        found = {}
        with open(case.path("count")) as file:
            for line in file:
                where, letters = (line.split() + [""])[:2]
                if len(letters) > len(found.get(where, "")):
                    found[where] = letters
        case.remove()
        return found

    def cases(self, seed):
        chance = random.Random("%s %s" % (seed, self.job.name))
        stride = 1 if ALL or self.job.name in WHOLE else STRIDE
        first = chance.randrange(stride)
        for where, letters in self.letters().items():
            self.calls += len(letters)
            for number in range(1 + first, len(letters) + 1, stride):
                # A keeper waits for a minute for a disk that stays full; too long here.
                kinds = [kind for kind in KINDS[letters[number - 1]] if where != "keeper" or not kind.endswith("+")]
                for kind in kinds if ALL else [chance.choice(kinds)]:
                    more = "+" if kind.endswith("+") else ""
                    yield where, kind.rstrip("+"), "%s:%d%s" % (where, number, more)

    def run(self, kind, at):
        """True where the state that it left was a new one, which was resumed."""
        case = Place(self.template)
        try:
            case.first_values = case.values()
            status, out, err = case.pawl(*case.submit_arguments(self.job),
                                         **self.shim(case, FAULT_KIND=kind, FAULT_AT=at))
            expect_nobody()
            check_answer(status, err)
            self.answers[status] += 1
            key = state_key(case, self.outcome)
            if key in self.seen:
                return False
            case.resume_to_end(self.job)
            expect_nobody()
            case.verify_audit()
            compare(case.outcome(), self.outcome)
            self.seen.add(key)
            return True
        finally:
            case.remove()


def check_answer(status, err):
    if status == 0:
        return  # a call that nothing depended on
    if status not in (1, 5):
        raise Wrong("status %d: %s" % (status, tail(err)))
    if not any(words in err for words in NEXT):
        raise Wrong("it does not say what to do next: %s" % tail(err))


def state_key(case, outcome):
    """What a state is, but for times and random numbers; and that nothing in it was acted upon without a record."""
    events = []
    if os.path.exists(case.path("pawl.db")):
        with closing(sqlite3.connect("file:%s?mode=ro" % case.path("pawl.db"), uri=True)) as store:
            try:
                events = store.execute("SELECT event, step, visit, attempt FROM events ORDER BY id").fetchall()
            except sqlite3.DatabaseError:
                events = []  # not made yet
    started = {step for event, step, *_ in events if event == "step_started"}
    effects = [line["effect"] for line in case.effects()]
    if any(effect.startswith("helm") for effect in effects) and "upgrade" not in started:
        raise Wrong("helm ran without a record of its start")
    if "unregister" in effects and "unregister" not in started:
        raise Wrong("a chunk was unregistered without a record of its start")
    values = case.values()
    if values == outcome["values"] != case.first_values and "edit" not in started:
        raise Wrong("the values file was changed without a record of its start")
    if values not in (outcome["values"], case.first_values):
        raise Wrong("the values file is neither the old nor the new one")
    if case.marks() and "mark" not in started:
        raise Wrong("the program ran without a record of its start")
    left = sorted(name for _, _, names in os.walk(case.path("pawl.db.d")) for name in names
                  if name.endswith((".started", ".exit", ".out", ".err")))
    return hashlib.sha256(repr((events, effects, values, case.marks(), left)).encode()).hexdigest()
