#!/usr/bin/env python3
"""A stand-in for the IOMesh operator, for tests on a real Kubernetes.

It keeps status.summary.chunkSummary.chunks in step with the chunk pods; expires the session of a chunk whose pod is gone
(under a leader that never had the session it shows INITIALIZING, as the product does); labels a meta leader; serves
`iomeshctl chunk unregister` in both orders; writes what `iomeshctl summary cluster` prints. As an admission webhook it
sees every change to a StatefulSet and to a release record, and can hold one back, which is how a test stops helm at a
known place. Every effect is a line on stdout: TIME EFFECT ARGUMENT…

  register ID POD IP · unregister ID ANSWER · removed ID POD · leader POD · scale NAME FROM TO · template NAME · record NAME STATUS
  abandoned RESOURCE NAME (a change whose asker was killed: it did not happen)

usage: operator.py STATE API_PORT ADMISSION_PORT
  STATE/spool   requests of iomeshctl, answers, and the summary
  STATE/gate    hold-statefulsets, hold-secrets, hold-unregister: while such a file is there, such a change waits, and
                reached-… says that one does
Environment, seconds: EXPIRE until a lost chunk's session is gone, DRAIN that a removal takes, RECOVER after a loss,
MIGRATE after a chunk joined, LAG by which the status is late."""
import glob
import http.client
import http.server
import json
import os
import select
import ssl
import sys
import threading
import time

NAMESPACE = "iomesh-system"
LEADER_LABEL = "iomesh.com/meta-leader"
OBJECT = f"/apis/iomesh.com/v1alpha1/namespaces/{NAMESPACE}/iomeshclusters/iomesh"
PODS = f"/api/v1/namespaces/{NAMESPACE}/pods"
HEALTHY = "CHUNK_STATUS_CONNECTED_HEALTHY"
HOLD_SECONDS_MAX = 25          # the API server gives a webhook 30
ZEROES = ("dirtyCacheSpace failureCacheSpace failureDataSpace provisionedDataSpace totalCacheCapacity usedCacheSpace").split()

STATE, API_PORT, ADMISSION_PORT = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
SPOOL, GATE, PKI = (os.path.join(STATE, name) for name in ("spool", "gate", "pki"))


def seconds(name, default):
    return float(os.environ.get(name, default))


EXPIRE, DRAIN, LAG = seconds("EXPIRE", 3), seconds("DRAIN", 3), seconds("LAG", 0)
RECOVER, MIGRATE = seconds("RECOVER", 5), seconds("MIGRATE", 5)


def log(*words):
    print(f"{time.time():.3f}", *words, flush=True)


def write(path, text):
    """Readers see the whole text or none."""
    with open(path + ".part", "w", encoding="utf-8") as file:
        file.write(text)
    os.rename(path + ".part", path)


def held(what):
    return os.path.exists(os.path.join(GATE, "hold-" + what))


def reached(what):
    write(os.path.join(GATE, "reached-" + what), "")


class Kubernetes:
    """The few requests that the operator makes."""

    def __init__(self):
        self.context = ssl.create_default_context(cafile=f"{PKI}/ca.crt")
        self.context.load_cert_chain(f"{PKI}/admin.crt", f"{PKI}/admin.key")
        self.connection = None

    def call(self, verb, path, body=None, kind="application/json"):
        """The parsed answer, or None where there is none."""
        try:
            if not self.connection:
                self.connection = http.client.HTTPSConnection("127.0.0.1", API_PORT, context=self.context, timeout=30)
            self.connection.request(verb, path, body and json.dumps(body), {"Content-Type": kind})
            answer = self.connection.getresponse()
            text = answer.read()
            return json.loads(text) if answer.status < 300 else None
        except (OSError, http.client.HTTPException, ValueError):
            self.connection = None
            return None


class Admission(http.server.BaseHTTPRequestHandler):
    """Says yes to everything, in its own time."""

    def do_POST(self):  # pylint: disable=invalid-name
        review = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        request = review["request"]
        if not request.get("dryRun"):
            what = request["resource"]["resource"]
            waited = time.monotonic()
            while held(what) and time.monotonic() - waited < HOLD_SECONDS_MAX:
                reached(what)
                time.sleep(0.05)
            self.record(what, request, self.abandoned())
        answer = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview",
                  "response": {"uid": request["uid"], "allowed": True}}
        text = json.dumps(answer).encode()
        try:
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)
        except OSError:
            pass                                         # the asker was killed

    def abandoned(self):
        """The API server hangs up where the program that wanted the change was killed: then nothing changes."""
        return bool(select.select([self.connection], [], [], 0)[0])

    def record(self, what, request, abandoned):
        if abandoned:
            log("abandoned", what, request["name"])
            return
        old, new = request.get("oldObject") or {}, request.get("object") or {}
        if what == "secrets":
            log("record", request["name"], new.get("metadata", {}).get("labels", {}).get("status"))
            return
        before, after = (side["spec"].get("replicas") for side in (old, new))
        if before != after:
            log("scale", request["name"], before, after)
        if old["spec"]["template"] != new["spec"]["template"]:
            log("template", request["name"])

    def log_message(self, *_):
        pass


def admission_serve():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", ADMISSION_PORT), Admission)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(f"{PKI}/operator.crt", f"{PKI}/operator.key")
    # The handshake belongs to the connection's thread: a silent client must not stop the others.
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever, daemon=True).start()


class Iomesh:
    """What IOMesh knows: the chunks that registered, which leader knows them, and what moves."""

    def __init__(self, kubernetes):
        self.kubernetes = kubernetes
        self.chunks = {}
        self.next_id = 1
        self.published = None
        self.drained = set()                             # pods that still run but serve no chunk any more
        self.leader = None
        self.lost = self.joined = 0

    def turn(self):
        pods = self.kubernetes.call("GET", PODS + "?labelSelector=app.kubernetes.io/component")
        if pods is None:
            return
        pods = {pod["metadata"]["name"]: pod for pod in pods["items"]}
        staying = {name: pod for name, pod in pods.items() if "deletionTimestamp" not in pod["metadata"]}
        serving = {name: pod["status"]["podIP"] for name, pod in staying.items()
                   if name.startswith("iomesh-chunk-") and pod["status"].get("podIP")}
        now = time.time()
        self.elect(pods, sorted(name for name in staying if name.startswith("iomesh-meta-")))
        self.register(serving, now)
        self.expire(serving, now)
        self.serve(now)
        self.remove(now)
        self.summarize(now)
        self.publish()

    def elect(self, pods, metas):
        labelled = sorted(name for name, pod in pods.items() if LEADER_LABEL in pod["metadata"].get("labels", {}))
        if not labelled and metas:
            self.kubernetes.call("PATCH", f"{PODS}/{metas[0]}", {"metadata": {"labels": {LEADER_LABEL: ""}}},
                                 "application/merge-patch+json")
            labelled = [metas[0]]
        if labelled and labelled[0] != self.leader:
            self.leader = labelled[0]
            log("leader", self.leader)

    def register(self, serving, now):
        self.drained &= set(serving)                     # once it was away, it may come back as a new chunk
        for name, address in sorted(serving.items()):
            chunk = next((c for c in self.chunks.values() if c["pod"] == name and "gone" not in c), None)
            if not chunk and name not in self.drained:
                chunk = {"id": self.next_id, "ip": address, "pod": name, "status": HEALTHY}
                self.chunks[self.next_id] = chunk
                self.next_id += 1
                log("register", chunk["id"], name, address)
                if self.published:
                    self.joined = now
            if chunk:
                chunk["session"] = self.leader

    def expire(self, serving, now):
        for chunk in self.chunks.values():
            if "gone" not in chunk and serving.get(chunk["pod"]) != chunk["ip"]:
                chunk["gone"] = self.lost = now
            if "gone" in chunk and now - chunk["gone"] > EXPIRE:
                known = chunk["session"] == self.leader
                chunk["status"] = "CHUNK_STATUS_SESSION_EXPIRED" if known else "CHUNK_STATUS_INITIALIZING"

    def serve(self, now):
        for path in glob.glob(SPOOL + "/*.req"):
            if held("unregister"):
                reached("unregister")
                continue
            with open(path, encoding="utf-8") as file:
                number = int(file.read())
            message = self.unregister(number, now)
            log("unregister", number, message)
            write(path[:-len(".req")] + ".ans", message + "\n")
            os.unlink(path)

    def unregister(self, number, now):
        chunk = self.chunks.get(number)
        unwell = [c["id"] for c in self.chunks.values() if c is not chunk and c["status"] != HEALTHY]
        if not chunk:
            return f"error: chunk {number} not found"
        if "removing" in chunk:
            return f"error: chunk {number} is already being removed"
        if "gone" in chunk:
            del self.chunks[number]
            return f"ok: chunk {number} unregistered"
        if unwell:
            return f"error: chunk {unwell[0]} is not healthy"
        chunk["removing"] = now
        return f"ok: chunk {number} is being removed"

    def remove(self, now):
        for chunk in [c for c in self.chunks.values() if "removing" in c and now - c["removing"] > DRAIN]:
            del self.chunks[chunk["id"]]
            self.drained.add(chunk["pod"])
            log("removed", chunk["id"], chunk["pod"])

    def summarize(self, now):
        moving = sum("removing" in c for c in self.chunks.values()) + (now - self.joined < MIGRATE)
        recovering = int(now - self.lost < RECOVER)
        write(SPOOL + "/summary",
              f"recover:\n  num_ongoing_recovers: {recovering}\n  num_pending_recovers: 0\n"
              f"  pending_recovers_bytes: {recovering << 20}\n"
              f"migrate:\n  num_ongoing_migrates: {moving}\n  num_pending_migrates: 0\n"
              f"  pending_migrates_bytes: {moving << 20}\n")

    def publish(self):
        space = {**{name: "0B" for name in ZEROES}, "totalDataCapacity": "1TiB", "usedDataSpace": "200GiB"}
        listed = [{"id": c["id"], "ip": c["ip"], "status": c["status"], "spaceInfo": space} for c in self.chunks.values()]
        status = {"summary": {"chunkSummary": {"chunks": listed}},
                  "license": {"softwareEdition": "Enterprise", "maxChunkNum": 255, "licenseType": "Subscription"}}
        if status == self.published:
            return
        time.sleep(LAG)
        cluster = self.kubernetes.call("GET", OBJECT)
        if cluster is not None:
            cluster["status"] = status
            if self.kubernetes.call("PUT", OBJECT + "/status", cluster) is not None:
                self.published = status


def main():
    admission_serve()
    iomesh = Iomesh(Kubernetes())
    while True:
        iomesh.turn()
        time.sleep(0.25)


main()
