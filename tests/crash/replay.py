"""Replay: projections that are dropped and made anew from the events are the same byte for byte; one changed byte in
any event is found, and the record named; a run cut off at its end is noticed."""
import json
import random
import shutil
import sqlite3

from kill import Undisturbed
from place import SHIPPED, Place, Wrong, compare, tail

IN_CHUNK = SHIPPED[2]
COLUMNS = ("id", "run", "seq", "time_ms", "event", "step", "visit", "attempt", "epoch", "actor", "body", "hash")


def dump(database):
    lines = []
    for table in ("runs", "steps"):
        for row in database.execute("SELECT * FROM %s ORDER BY 1, 2" % table):
            lines.append(table + " " + repr(row))
    return "\n".join(lines)


def projections(place):
    database = sqlite3.connect(place.path("pawl.db"))
    try:
        return dump(database)
    finally:
        database.close()


def change(place, *statements):
    """As somebody would who has the file: without the triggers that guard it, which are put back."""
    database = sqlite3.connect(place.path("pawl.db"), isolation_level=None)
    try:
        triggers = database.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for name, _ in triggers:
            database.execute("DROP TRIGGER " + name)
        for sql, *values in statements:
            database.execute(sql, values)
        for _, sql in triggers:
            database.execute(sql)
    finally:
        database.close()


def report(place):
    status, out, err = place.pawl("audit", "verify", "--json")
    try:
        return status, json.loads(out)
    except ValueError:
        raise Wrong("audit verify: status %d: %s" % (status, tail(out + err)))


def rebuild_at(undisturbed, at):
    place = Place(undisturbed.template.folder)
    try:
        place.pawl(*place.submit_arguments(undisturbed.job), **(place.shim(at) if at else {}))
        before = projections(place)
        change(place, ("DELETE FROM runs",), ("DELETE FROM steps",))
        place.must("audit", "rebuild")
        if projections(place) != before:
            one, other = before.split("\n"), projections(place).split("\n")
            raise Wrong("other projections: %s" % [pair for pair in zip(one, other) if pair[0] != pair[1]][:1])
        place.verify_audit()
        place.resume_to_end(undisturbed.job)
        compare(place.outcome(), undisturbed.outcome)
    finally:
        place.remove()


def flipped(value, chance):
    if isinstance(value, int):
        return value ^ (1 << chance.randrange(7))
    raw = bytearray(value if isinstance(value, bytes) else value.encode())
    at = chance.randrange(len(raw))
    raw[at] ^= 1 << chance.randrange(0, 8 if isinstance(value, bytes) else 5)
    if isinstance(value, bytes):
        return bytes(raw)
    raw[at] &= 0x7f  # stays text
    return raw.decode(errors="replace") if raw[at] else value + " "


def flip_column(whole, column, seed):
    """One byte of this column, in every record in turn."""
    chance = random.Random("%s %s" % (seed, column))
    place = Place(whole.folder)
    try:
        database = sqlite3.connect(place.path("pawl.db"))
        records = database.execute("SELECT id, seq, %s FROM events WHERE %s IS NOT NULL ORDER BY id" %
                                   (column, column)).fetchall()
        database.close()
        if not records:
            raise Wrong("no record has a %s" % column)
        for identity, seq, value in records:
            other = flipped(value, chance)
            # One that no other has; behind all others for the id, which orders them.
            if column in ("id", "seq") or (column == "run" and other < 1):
                other = value + len(records)
            update = "UPDATE events SET %s = ? WHERE id = ?" % column
            change(place, (update, other, identity))
            status, found = report(place)
            if status != 1 or found["intact"]:
                raise Wrong("record %d: %s %r became %r and the audit is content" % (seq, column, value, other))
            named = found.get("seq")
            if column not in ("id", "run", "seq") and (found.get("run") != 1 or named != seq):
                raise Wrong("record %d: %s was changed, and the audit names %s: %s" %
                            (seq, column, named, found.get("message")))
            if not found.get("run"):
                raise Wrong("record %d: %s was changed, and the audit names no run: %s" % (seq, column, found))
            change(place, (update, value, other if column == "id" else identity))
        place.verify_audit()
    finally:
        place.remove()


def cut_off(whole, count, rebuilt):
    place = Place(whole.folder)
    try:
        change(place, ("DELETE FROM events WHERE id > (SELECT max(id) FROM events) - ?", count))
        if rebuilt:
            place.pawl("audit", "rebuild")
        status, found = report(place)
        if status != 1 or found["intact"]:
            raise Wrong("%d records are missing at the end, and the audit is content" % count)
    finally:
        place.remove()


def cases(seed):
    undisturbed = Undisturbed.of(IN_CHUNK)
    for number in range(2, undisturbed.points["driver", "commit"] + 1):
        at = "driver:commit:%d:after" % number
        yield ("replay rebuild", "rebuild/" + at, lambda a=at: rebuild_at(undisturbed, a))
    yield ("replay rebuild", "rebuild/end", lambda: rebuild_at(undisturbed, None))
    whole = undisturbed.finished()
    for column in COLUMNS:
        yield ("replay flipped bytes", "flipped/" + column, lambda c=column: flip_column(whole, c, seed))
    for count in (1, 2, 5):
        for rebuilt in (False, True):
            yield ("replay cut off", "cut-off/%d%s" % (count, "/rebuilt" if rebuilt else ""),
                   lambda c=count, r=rebuilt: cut_off(whole, c, r))
