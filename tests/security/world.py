"""What the security tests stand on: a folder of their own, pawl as a program, a fake API server, a terminal."""
import http.server
import json
import os
import pty
import select
import shutil
import signal
import subprocess
import tempfile
import threading
import time

PAWL = os.path.abspath(os.environ.get("PAWL", "build/pawl"))
JOBS = os.path.abspath(os.path.join(os.path.dirname(__file__), "../../jobs"))
STRANGER = 65534  # nobody: runs pawl where the tests are root


class World:
    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="security-", dir="/tmp")
        self.tmp = self.make("tmp")
        self.home = self.make("home")
        self.store = self.path("state/pawl.db")
        self.said = b""  # everything that pawl has printed
        self.server = None

    def close(self):
        if self.server:
            self.server.shutdown()
            self.server.server_close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def path(self, name):
        return os.path.join(self.folder, name)

    def make(self, name):
        os.makedirs(self.path(name), exist_ok=True)
        return self.path(name)

    def write(self, name, text):
        with open(self.path(name), "wb") as file:
            file.write(text if isinstance(text, bytes) else text.encode())
        return self.path(name)

    def environment(self, **more):
        base = {"PATH": "/usr/bin:/bin", "HOME": self.home, "LANG": "C.UTF-8", "TMPDIR": self.tmp,
                "PAWL_STORE": self.store, "PAWL_CLUSTER": "sim:" + self.path("sim.json"), "PAWL_ACTOR": "me@here"}
        base.update(more)
        return {name: value for name, value in base.items() if value is not None}

    def start(self, *arguments, **more):
        prepare = more.pop("prepare", None)
        return subprocess.Popen([PAWL, *arguments], env=self.environment(**more), cwd=self.folder, stdin=subprocess.DEVNULL,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, preexec_fn=prepare)

    def pawl(self, *arguments, limit=20, **more):
        """(status, stdout, stderr); what takes longer than its limit raises."""
        process = self.start(*arguments, **more)
        try:
            out, err = process.communicate(timeout=limit)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            raise
        self.said += out + err
        return process.returncode, out, err

    def sim(self, *arguments):
        status, out, err = self.pawl("sim", *arguments)
        assert status == 0, err

    def terminal(self, *arguments, **more):
        """All that it prints on a terminal, and how it left; what takes longer than 20 s, or prints more than 16 MiB, raises."""
        pid, terminal = pty.fork()
        if pid == 0:
            os.chdir(self.folder)
            os.execve(PAWL, [PAWL, *arguments], self.environment(TERM="xterm", **more))
        said, until, status = b"", time.monotonic() + 20, None
        while time.monotonic() < until and len(said) < 16 << 20:
            if not select.select([terminal], [], [], 0.1)[0]:
                continue
            try:
                piece = os.read(terminal, 65536)
            except OSError:  # nobody has it open any more
                piece = b""
            if not piece:
                status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
                break
            said += piece
        os.close(terminal)
        if status is None:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            raise AssertionError(f"no end of {arguments}: {said[-400:]}")
        return said, status

    def serve(self, token):
        """A cluster that knows its own name, and whoever has the token."""
        class Answers(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                known = self.headers.get("Authorization") == "Bearer " + token
                found = known and self.path.startswith("/api/v1/namespaces/kube-system")
                body = json.dumps({"kind": "Namespace", "metadata": {"name": "kube-system", "uid": "c0ffee"}} if found else
                                  {"kind": "Status", "status": "Failure", "message": "no", "code": 404}).encode()
                self.send_response(200 if found else 404 if known else 401)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answers)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.write("kubeconfig", f"""current-context: c
contexts: [{{name: c, context: {{cluster: c, user: u}}}}]
clusters: [{{name: c, cluster: {{server: 'http://127.0.0.1:{self.server.server_address[1]}'}}}}]
users: [{{name: u, user: {{token: {token}}}}}]
""")
        os.chmod(self.path("kubeconfig"), 0o600)
        return {"PAWL_CLUSTER": "live", "KUBECONFIG": self.path("kubeconfig")}

    def files(self, *tops):
        for top in tops:
            for folder, _, names in os.walk(self.path(top)):
                for name in names:
                    yield os.path.join(folder, name)


def wait_for(what, condition, limit=15):
    until = time.monotonic() + limit
    while not (found := condition()):
        assert time.monotonic() < until, "in vain: " + what
        time.sleep(0.01)
    return found


def processes(of):
    """(pid, its arguments) of all of whose arguments this is a part."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                arguments = file.read()
        except OSError:
            continue
        if of in arguments:
            found.append((int(pid), arguments))
    return found
