"""Cases, each in a process of its own, several at a time (JOBS; as many as there are processors). A pool would wait for ever
where one of its workers is killed; here its case is lost, and said so, and the others go on."""
import multiprocessing
import os
import signal
import time
from multiprocessing import connection

import place

FORK = multiprocessing.get_context("fork")
JOBS = int(os.environ.get("JOBS", os.cpu_count() or 1))


def begin(work, index, answers):
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    place.adopt_orphans()
    answers.send(work(index))


class Worker:
    def __init__(self, work, index, limit):
        self.index, self.limit, self.until = index, limit, time.monotonic() + limit
        self.answers, theirs = FORK.Pipe(False)
        self.process = FORK.Process(target=begin, args=(work, index, theirs))
        self.process.start()
        theirs.close()  # where the process ends, so does the pipe

    def is_late(self):
        return time.monotonic() > self.until

    def end(self):
        """(what its work gave, None), or (None, why there is nothing)."""
        result, lost = None, "it takes longer than %d s" % self.limit
        try:
            if self.answers.poll():
                result, lost = self.answers.recv(), None
        except (EOFError, OSError):
            lost = "its process ended before the case did"
        if lost:
            self.process.kill()
        self.process.join()
        self.answers.close()
        return result, lost


def each(work, count, limit=600):
    """(index, work(index), why that is lost) of all numbers below the count, as they end; one that takes longer than the
    limit (s) is killed. What is sent back must be there to pickle, the work itself need not."""
    running, begun = [], 0
    try:
        while running or begun < count:
            while begun < count and len(running) < max(1, JOBS):
                running.append(Worker(work, begun, limit))
                begun += 1
            said = connection.wait([worker.answers for worker in running], 1)
            for worker in [worker for worker in running if worker.answers in said or worker.is_late()]:
                running.remove(worker)
                yield (worker.index, *worker.end())
    finally:
        for worker in running:
            worker.process.kill()
            worker.process.join()
        place.end_children()  # of those that were killed
