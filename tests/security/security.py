"""pawl against those who look over its shoulder, stand in its way or speak through it. Ends with "N passed, N failed"."""
import glob
import os
import re
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
import time
import traceback

from world import PAWL, STRANGER, JOBS, World, processes, wait_for

COMMAND = """job: one
version: 1
params:
  token: {type: secret, default: 'env:API_TOKEN'}
  key: {type: secret, default: 'file:/nowhere'}
steps:
  - id: act
    uses: command
    effect: once
    with: {argv: [%s], env: {TOKEN: '${params.token}'}, stdin: '${params.key}'}
"""
PLAIN = """job: one
version: 1
steps:
  - id: act
    uses: command
    effect: %s
    with: {argv: [%s]}
"""


def own(seconds):
    """So many seconds and a little, as no other process says it to sleep: what is found by it is this test's to kill."""
    return f"{seconds}{os.getpid()}"


def sleepers(seconds):
    return processes(f"sleep\0{own(seconds)}\0".encode())


def mode_of(path):
    return stat.S_IMODE(os.lstat(path).st_mode)


# ---- modes ----

def expect_modes(world, file_mode, folder_mode):
    seen = set()
    for folder, folders, names in os.walk(world.path("state")):
        for name in folders:
            mode = mode_of(os.path.join(folder, name))
            assert mode in (folder_mode, 0o700), (name, oct(mode))
        for name in names:
            seen.add(name.rsplit(".", 1)[-1])
            mode = mode_of(os.path.join(folder, name))
            assert mode == file_mode, (name, oct(mode))
    assert {"db", "db-wal", "db-shm", "out", "err", "exit", "child", "started", "lock"} <= seen, seen


def files_are_private_whatever_the_umask(world):
    world.sim("init", "sim.json")
    job = world.write("job.yaml", PLAIN % ("once", "echo, hello"))
    for umask in (0, 0o077, 0o777):
        world.store = world.path(f"state/{umask:o}/pawl.db")
        status, out, err = world.pawl("submit", job, prepare=lambda mask=umask: os.umask(mask))
        assert status == 0, (umask, err)
        expect_modes(world, 0o600, 0o700)


# ---- what others put in the way ----

def expect_refused(world, word):
    status, _, err = world.pawl("list")
    assert status == 5 and word in err, (status, err)


def store_in_a_strangers_hands_is_refused(world):
    world.sim("init", "sim.json")
    job = world.write("job.yaml", PLAIN % ("once", "echo, hello"))
    assert world.pawl("submit", job)[0] == 0
    os.chmod(world.path("state"), 0o777)
    expect_refused(world, b"anybody may write")
    os.chmod(world.path("state"), 0o700)
    os.chmod(world.store, 0o606)
    expect_refused(world, b"anybody may write")
    os.chmod(world.store, 0o600)
    assert world.pawl("list")[0] == 0
    os.rename(world.store + ".d", world.path("elsewhere"))
    os.symlink(world.path("elsewhere"), world.store + ".d")
    expect_refused(world, b"no folder of this store")
    os.unlink(world.store + ".d")
    os.rename(world.path("elsewhere"), world.store + ".d")
    os.rename(world.store, world.path("state/real.db"))
    os.symlink("real.db", world.store)
    expect_refused(world, b"not a regular file")


def store_of_two_names_is_refused(world):
    """The files beside it go by its name: under the other name it would be another store in the same file."""
    world.sim("init", "sim.json")
    job = world.write("job.yaml", PLAIN % ("once", "'true'"))
    assert world.pawl("submit", job)[0] == 0, world.said
    os.link(world.store, world.path("state/other.db"))
    for store in (world.store, world.path("state/other.db")):
        for words in (["submit", job], ["list"], ["resume", "1"]):
            status, _, err = world.pawl(*words, PAWL_STORE=store)
            assert status == 5 and b"has 2 names" in err and b"-inum" in err, (status, err)
    os.unlink(world.path("state/other.db"))
    assert world.pawl("submit", job)[0] == 0, world.said


def link_beside_the_store_leads_nowhere(world):
    world.sim("init", "sim.json")
    job = world.write("job.yaml", "job: one\nversion: 1\nsteps:\n  - id: act\n    uses: command\n"
                      "    effect: converge\n    with: {argv: [/bin/true]}\n")
    for run, name in ((1, "1"), (2, "drivers")):
        os.makedirs(world.store + ".d", mode=0o700, exist_ok=True)
        os.makedirs(world.path("elsewhere"), exist_ok=True)
        shutil.rmtree(world.store + ".d/" + name, ignore_errors=True)
        os.symlink(world.path("elsewhere"), world.store + ".d/" + name)
        assert world.pawl("submit", job, "--yes")[0] in (1, 5), world.said
        assert b"is a symbolic link" in world.said, world.said
        assert not os.listdir(world.path("elsewhere"))
        os.unlink(world.store + ".d/" + name)


def store_below_a_link_is_where_the_link_leads(world):
    world.sim("init", "sim.json")
    job = world.write("job.yaml", PLAIN % ("once", "echo, hello"))
    world.make("real")
    os.symlink("real", world.path("link"))
    for store in ("link/pawl.db", "link/new/folder/pawl.db"):
        world.store = world.path(store)
        assert world.pawl("submit", job)[0] == 0
        assert b"hello" in world.pawl("logs", "1")[1]
        assert os.path.isdir(world.path("real" + store[4:] + ".d/drivers"))
        os.rename(world.store, world.path("real.db"))
        os.symlink(world.path("real.db"), world.store)
        expect_refused(world, b"not a regular file")
        os.unlink(world.store)
    os.chmod(world.path("real"), 0o777)
    world.store = world.path("link/pawl.db")
    os.rename(world.path("real.db"), world.store)
    expect_refused(world, b"anybody may write")


def pipes_among_the_keepers_files_hold_nobody_up(world):
    world.sim("init", "sim.json")
    job = world.write("job.yaml", PLAIN % ("once", "echo, hello"))
    assert world.pawl("submit", job)[0] == 0
    for name in ("out", "err", "exit"):
        path, = glob.glob(world.store + ".d/1/act.1.1-*." + name)
        os.unlink(path)
        os.mkfifo(path)
    for lock in os.listdir(world.store + ".d/drivers"):
        os.unlink(world.store + ".d/drivers/" + lock)
        os.mkfifo(world.store + ".d/drivers/" + lock)
    for words in (["logs", "1"], ["status", "1"], ["list"], ["resume"]):
        world.pawl(*words, limit=10)  # raises where it waits for a writer


def values_file_is_replaced_where_it_is_and_nowhere_else(world):
    world.sim("init", "sim.json")
    real = world.write("real.yaml", "chunk: {replicaCount: 4}\n")
    os.chmod(real, 0o640)
    os.symlink("real.yaml", world.path("values.yaml"))
    job = world.write("job.yaml", """job: edit
version: 1
params: {file: {type: path}}
steps:
  - id: edit
    uses: edit_values
    with: {file: '${params.file}', set: {chunk.replicaCount: 3}}
""")
    assert world.pawl("submit", job, "-p", "file=values.yaml")[0] == 0
    assert os.path.islink(world.path("values.yaml")) and mode_of(real) == 0o640
    with open(real, encoding="utf8") as file:
        assert file.read() == "chunk: {replicaCount: 3}\n"
    assert [name for name in os.listdir(world.folder) if ".pawl-" in name] == []
    world.write("hard.yaml", "chunk: {replicaCount: 4}\n")
    os.link(world.path("hard.yaml"), world.path("other.yaml"))
    assert world.pawl("submit", job, "-p", "file=hard.yaml")[0] == 1
    os.mkfifo(world.path("pipe.yaml"))
    assert world.pawl("submit", job, "-p", "file=pipe.yaml", limit=10)[0] == 1


# ---- secrets ----

MARKS = {name: f"MARK-{name}-7c1e" for name in ("env", "file", "values", "token", "other")}


def expect_nowhere(world, tops, marks):
    for path in world.files(*tops):
        with open(path, "rb") as file:
            content = file.read()
        for mark in marks:
            assert mark.encode() not in content, (mark, path)
    for mark in marks:
        assert mark.encode() not in world.said, (mark, world.said[max(0, world.said.find(mark.encode()) - 200):][:400])


def look_back(world, runs):
    for run in range(1, runs + 1):
        for words in (["status"], ["status", "--json"], ["history"], ["history", "--json"], ["logs"], ["logs", "--json"]):
            world.pawl(words[0], str(run), *words[1:])
    for words in (["list", "--json"], ["audit", "export"], ["audit", "verify"]):
        world.pawl(*words)


def secrets_of_a_command_are_kept_nowhere(world):
    live = world.serve(MARKS["token"])
    key = world.write("key", MARKS["file"] + "\n")
    more = dict(live, API_TOKEN=MARKS["env"], OTHER=MARKS["other"])
    job = world.write("job.yaml", COMMAND % f"sleep, '{own(0.5)}'")
    cut_off = world.start("submit", job, "-p", "key=file:" + key, **more)
    wait_for("the program", lambda: sleepers(0.5))
    cut_off.send_signal(signal.SIGKILL)
    world.said += b"".join(cut_off.communicate(timeout=20))
    driver = world.start("submit", job, "-p", "key=file:" + key, **more)
    until, seen = time.monotonic() + 20, 0
    while driver.poll() is None:  # what everybody sees while it runs
        assert time.monotonic() < until, "it does not end"
        for _, arguments in processes(b"pawl") + processes(b"sleep"):
            seen += 1
            for mark in MARKS.values():
                assert mark.encode() not in arguments, arguments
        time.sleep(0.005)
    assert seen, "no process was seen"
    world.said += b"".join(driver.communicate(timeout=20))
    assert driver.returncode == 0, world.said
    status, _, _ = world.pawl("resume", "1", **more)
    assert status == 0, world.said
    bad = world.write("bad.yaml", COMMAND % "'false'")
    assert world.pawl("submit", bad, "-p", "key=file:" + key, **more)[0] == 1
    assert world.pawl("submit", bad, "-p", "key=file:" + world.path("nothing"), **more)[0] == 1
    look_back(world, 4)
    expect_nowhere(world, ("state", "tmp", "home"), MARKS.values())


def values_that_are_not_edited_are_kept_nowhere(world):
    world.sim("init", "sim.json", "--values", "values.yaml", "--helm-time", "200ms")
    with open(world.path("values.yaml"), "a", encoding="utf8") as file:
        file.write(f"adminPassword: {MARKS['values']}\n")
    submit = ["submit", JOBS + "/scale-in-chunk.yaml", "-p", "values=values.yaml", "-p", "replicas=3"]
    world.pawl("plan", *submit[1:])
    assert world.pawl(*submit)[0] == 1  # it differs from what is deployed
    assert b"adminPassword" in world.said
    world.pawl("cancel", "1", "--reason", "so")
    world.sim("fault", "sim.json", "other-upgrade", "set=adminPassword:" + MARKS["values"])
    world.said = world.said.replace(b"set=adminPassword:" + MARKS["values"].encode(), b"")
    assert world.pawl("plan", *submit[1:])[0] == 0, world.said[-600:]
    assert world.pawl(*submit)[0] == 3, world.said[-600:]
    assert world.pawl("approve", "2", "unregister")[0] == 0
    assert world.pawl("resume", "2")[0] == 0
    look_back(world, 2)
    expect_nowhere(world, ("state", "tmp", "home"), [MARKS["values"]])


def memory_is_not_for_others(world):
    """A process that may be dumped or traced by its user shows its memory as this user's in /proc."""
    world.sim("init", "sim.json")
    os.chmod(world.folder, 0o755)
    uid = STRANGER if os.geteuid() == 0 else os.geteuid()
    for name in ("tmp", "home", "state", "sim.json", "sim.json.lock", "sim.json.log", "."):
        world.make("state")
        if os.geteuid() == 0:
            os.chown(world.path(name), uid, -1)
    job = world.write("job.yaml", PLAIN % ("once", f"sleep, '{own(1.25)}'"))
    os.chmod(job, 0o644)

    def become():
        if os.geteuid() == 0:
            os.setgid(STRANGER)
            os.setuid(uid)
    driver = world.start("submit", job, prepare=become)
    child = wait_for("the program", lambda: sleepers(1.25))[0][0]
    with open(f"/proc/{child}/status", encoding="utf8") as file:
        keeper = int(re.search(r"^PPid:\s*(\d+)", file.read(), re.M)[1])
    owners = [os.stat(f"/proc/{pid}/mem").st_uid for pid in (driver.pid, keeper, child)]
    out, err = driver.communicate(timeout=20)
    assert driver.returncode == 0, (out, err)
    assert owners == [0, 0, uid], owners


def folder_of_a_killed_plan_is_swept(world):
    live = world.serve("t")
    helm = world.write("helm", f"#!/bin/sh\nexec sleep {own(30.125)}\n")
    os.chmod(helm, 0o755)
    world.write("values.yaml", "a: 1\n")
    job = world.write("job.yaml", """job: up
version: 1
steps:
  - id: up
    uses: helm_upgrade
    with: {namespace: n, release: r, chart: c/c, values: values.yaml}
""")
    plan = world.start("plan", job, PAWL_HELM=helm, **live)
    sleeping = wait_for("helm", lambda: sleepers(30.125))[0][0]
    plan.kill()
    plan.communicate(timeout=20)
    os.kill(sleeping, signal.SIGKILL)
    left = [name for name in os.listdir(world.tmp) if name.startswith("pawl-")]
    assert len(left) == 1 and mode_of(os.path.join(world.tmp, left[0])) == 0o700, left
    world.sim("init", "sim.json")
    world.pawl("plan", job)
    assert [name for name in os.listdir(world.tmp) if name.startswith("pawl-")] == []


# ---- the environment ----

def names_in(bytes_, separator):
    return {line.split(b"=")[0].decode() for line in bytes_.split(separator) if re.match(rb"\w+=", line)}


def environment_of_children_is_the_stated_minimum(world):
    live = world.serve("t")
    more = {"TZ": "UTC", "LD_LIBRARY_PATH": "/nowhere", "AWS_SECRET": "x", "USER": "me", "SHELL": "/bin/sh",
            "SSH_AUTH_SOCK": "/s", "LD_PRELOAD": "", "IFS": " ", "BASH_ENV": "/b", "EDITOR": "vi", "XDG_STATE_HOME": "/none",
            "HELM_KUBETOKEN": "x", "HELM_CACHE_HOME": "/c",
            "PAWL_BOOT_ID": None}
    world.sim("init", "sim.json")
    assert world.pawl("submit", world.write("job.yaml", PLAIN % ("once", "env")), **more)[0] == 0
    minimum = {"PATH", "HOME", "LANG", "TZ", "PAWL_RUN", "PAWL_KEY"}
    assert names_in(world.pawl("logs", "1")[1], b"\n") == minimum
    assert world.pawl("submit", world.write("job.yaml", PLAIN % ("once", "env")), **more, **live)[0] == 0
    assert names_in(world.pawl("logs", "2")[1], b"\n") == minimum | {"KUBECONFIG"}
    driver = world.start("submit", world.write("job.yaml", PLAIN % ("once", f"sleep, '{own(0.75)}'")), **more)
    child = wait_for("the program", lambda: sleepers(0.75))[0][0]
    with open(f"/proc/{child}/status", encoding="utf8") as file:
        keeper = int(re.search(r"^PPid:\s*(\d+)", file.read(), re.M)[1])
    if os.geteuid() == 0:
        with open(f"/proc/{keeper}/environ", "rb") as file:
            assert names_in(file.read(), b"\0") == {"PATH"}
    driver.communicate(timeout=20)
    helm = world.write("helm", f"#!/bin/sh\n/usr/bin/env > {world.path('helm.env')}\nexit 1\n")
    os.chmod(helm, 0o755)
    world.write("values.yaml", "a: 1\n")
    job = world.write("up.yaml", "job: up\nversion: 1\nsteps:\n  - id: up\n    uses: helm_upgrade\n"
                      "    with: {namespace: n, release: r, chart: c/c, values: values.yaml}\n")
    world.pawl("plan", job, PAWL_HELM=helm, **more, **live)
    with open(world.path("helm.env"), "rb") as file:
        given = names_in(file.read(), b"\n") - {"PWD", "_", "OLDPWD", "SHLVL"}  # the last four are its shell's
    assert given == {"PATH", "HOME", "HELM_CACHE_HOME", "XDG_STATE_HOME", "TMPDIR", "KUBECONFIG"}, given


# ---- the terminal ----

OURS = re.compile(rb"\x1b\[(0|1|0;1|1;31|3[1236])m|\r\x1b\[K|\x1b\[H\x1b\[J")
EVIL = "a\x1b]0;owned\x07b\rc\u202ed\u2066e\u200bf\x9bg"
ESCAPED = re.compile(rb"\\(x1b|u001B)")
DECEIVING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]")


def expect_clean(world, *words, shows=True, **more):
    """All that it prints on a terminal controls nothing, and names what was given to control it, where it `shows` that."""
    said, status = world.terminal(*words, **more)
    assert said.strip() and status >= 0, (words, status, said)
    assert not shows or ESCAPED.search(said), (words, said)
    text = OURS.sub(b"", said.replace(b"\r\n", b"\n")).decode("utf8")  # raises where it is no UTF-8
    found = DECEIVING.search(text)
    assert not found, (words, text[max(0, found.start() - 60):found.end() + 60])


def text_from_elsewhere_does_nothing_to_a_terminal(world):
    world.sim("init", "sim.json")
    world.write("evil.sh", b"#!/bin/sh\nprintf 'x\\033]0;owned\\007\\rfake line\\377\\342\\200\\256'\n"
                b"printf '\\033[2J' >&2\nexit $1\n")
    os.chmod(world.path("evil.sh"), 0o755)
    job = world.write("job.yaml", """job: one
version: 1
params: {text: {type: string, default: x}, status: {type: string, default: "0"}}
steps:
  - id: act
    uses: command
    effect: converge
    approve: 'do ${params.text}?'
    with: {argv: [%s, '${params.status}']}
  - id: check
    uses: assert
    with: {that: '${params.status == "0"}', message: 'it says ${params.text}'}
  - id: ask
    uses: approve
    with: {message: '${params.text}'}
""" % world.path("evil.sh"))
    assert world.pawl("validate", job)[0] == 0, world.said
    for status in ("0", "3"):
        expect_clean(world, "submit", job, "-p", "text=" + EVIL, "-p", "status=" + status, "--yes")
    expect_clean(world, "submit", job, "-p", "text=" + EVIL, "--detach", "--yes", shows=False)
    expect_clean(world, "submit", job, "--yes", PAWL_ACTOR=EVIL)
    expect_clean(world, "plan", job, "-p", "text=" + EVIL)
    expect_clean(world, "cancel", "3", "--reason", EVIL)
    store = sqlite3.connect(world.store)
    store.execute("UPDATE runs SET job = ?1, step = ?1, lock = ?1, actor = ?1, driver = json_object('host', ?1, 'pid', 1) "
                  "WHERE run = 2", (EVIL,))
    store.execute("UPDATE steps SET step = ?1, uses = ?1, error = json_object('message', ?1) WHERE run = 2", (EVIL,))
    store.commit()
    store.close()
    for word, run in (("status", "2"), ("status", "3"), ("history", "1"), ("history", "2"), ("history", "3"),
                      ("logs", "1"), ("logs", "2")):
        expect_clean(world, word, run)
        expect_clean(world, word, run, "--json")
    for words in (["audit", "verify"], ["list", "--cluster", EVIL]):
        expect_clean(world, *words, shows=False)
    for words in (["list"], ["status", EVIL], ["run" + EVIL], ["list", "--status", EVIL],
                  ["validate", world.path("none" + EVIL)], ["eval", "'" + EVIL + "'"], ["eval", EVIL],
                  ["submit", job, "--yes", "-p", EVIL + "=1"], ["sim", "init", "/none/" + EVIL],
                  ["list", "--store", "/none/" + EVIL],
                  ["submit", job, "--yes", "--cluster", "sim:/none/" + EVIL]):
        expect_clean(world, *words)
    world.write("odd.yaml", 'job: "\\x1b[2J\\u202e"\nversion: 1\n"\\x9b\\u2066": x\nsteps: []\n')
    expect_clean(world, "validate", "odd.yaml")


# ---- the program itself ----

def program_is_hardened(_):
    def readelf(*options):
        return subprocess.run(["readelf", "-W", *options, PAWL], check=True, capture_output=True, text=True).stdout
    assert "DYN (Position-Independent Executable" in readelf("-h"), "no PIE"
    segments = readelf("-l")
    assert "GNU_RELRO" in segments, "no RELRO"
    assert re.search(r"GNU_STACK\s.*\sRW\s", segments), "the stack is executable"
    assert not re.search(r"LOAD\s.*RWE", segments), "writable code"
    dynamic = readelf("-d")
    assert "NOW" in dynamic and "PIE" in dynamic, "symbols are bound late"
    assert "RUNPATH" not in dynamic and "RPATH" not in dynamic, "a path to libraries"
    symbols = readelf("--dyn-syms")
    assert "__stack_chk_fail" in symbols, "no stack protector"
    assert re.search(r"__(mem|str|sn?|vs|f|read)\w*_chk", symbols), "not fortified"
    if os.uname().machine == "x86_64":
        with open(PAWL, "rb") as file:  # Debian's start files are not marked, so neither is the whole: look for endbr64
            assert file.read().count(b"\xf3\x0f\x1e\xfa") > 100, "no control flow protection"


def no_shell_is_called(_):
    lint = os.path.join(os.path.dirname(__file__), "../lint/no_shell.sh")
    subprocess.run([lint], check=True, capture_output=True)


TESTS = [files_are_private_whatever_the_umask, store_in_a_strangers_hands_is_refused,
         store_of_two_names_is_refused, link_beside_the_store_leads_nowhere, store_below_a_link_is_where_the_link_leads,
         pipes_among_the_keepers_files_hold_nobody_up, values_file_is_replaced_where_it_is_and_nowhere_else,
         secrets_of_a_command_are_kept_nowhere, values_that_are_not_edited_are_kept_nowhere, memory_is_not_for_others,
         folder_of_a_killed_plan_is_swept, environment_of_children_is_the_stated_minimum,
         text_from_elsewhere_does_nothing_to_a_terminal, program_is_hardened, no_shell_is_called]


def main():
    passed = failed = 0
    for test in TESTS:
        if len(sys.argv) > 1 and test.__name__ not in sys.argv[1:]:
            continue
        world = World()
        try:
            test(world)
            passed += 1
        except Exception:  # pylint: disable=broad-except
            failed += 1
            print(f"{test.__name__}:")
            traceback.print_exc(file=sys.stdout)
        finally:
            world.close()
    print(f"{passed} passed, {failed} failed")
    return failed > 0 or not passed


if __name__ == "__main__":
    sys.exit(main())
