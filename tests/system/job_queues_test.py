#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Job queues that people use, on Henge: BullMQ's scripts and streams, Celery's lists and messages.

Ten thousand jobs each, none lost, none done twice. `scripts/deps clients` installs the two.
"""
import collections
import gc
import importlib.util
import json
import os
import subprocess
import sys
import unittest

sys.path[:0] = [os.path.dirname(os.path.abspath(__file__))]

import harness  # noqa: E402  Found through the path above.

JOBS = 10_000
CLIENTS = os.path.join(harness.ROOT, "tests/clients")
NODE_MODULES = os.path.join(harness.ROOT, "build/clients/node_modules")
MISSING = "run scripts/deps clients"


class JobQueuesTest(harness.TestCase):
    @unittest.skipUnless(os.path.isdir(os.path.join(NODE_MODULES, "bullmq")), MISSING)
    def test_bullmq(self):
        server = self.henge({"io-threads": 2, "maxmemory-policy": "noeviction"})
        run = subprocess.run(["node", os.path.join(CLIENTS, "bullmq_jobs.js"), str(server.port),
                              str(JOBS)], env={**os.environ, "NODE_PATH": NODE_MODULES},
                             capture_output=True, text=True, timeout=150, check=False)
        self.assertEqual(run.returncode, 0, run.stderr)
        result = json.loads(run.stdout.splitlines()[-1])
        print(f"BullMQ: {JOBS} jobs in {result['seconds']} s", run.stderr)
        self.assertEqual((result["lost"], result["twice"], result["told_wrong"]), (0, 0, 0))
        self.assertEqual(result["failures"], JOBS // 100)
        counts = collections.Counter(result["counts"])
        self.assertEqual(+counts, {"completed": JOBS})
        self.assert_no_errors(server)

    @unittest.skipUnless(importlib.util.find_spec("celery"), MISSING)
    def test_celery(self):
        server = self.henge({"io-threads": 2})
        os.environ["HENGE_PORT"] = str(server.port)
        sys.path.insert(0, CLIENTS)
        import celery_jobs  # It reads the port.
        from celery import chord
        leaving, staying = self.celery_worker("a"), self.celery_worker("b")
        # Answers come by messages: each is awaited through a channel of its own.
        sums = chord([celery_jobs.double.s(number) for number in range(100)])(
            celery_jobs.total.s())
        self.assertEqual(sums.get(timeout=60), 100 * 99)
        del sums  # It says goodbye to the server, which must be there.
        gc.collect()
        with celery_jobs.app.connection_for_write() as connection:
            with connection.Producer() as producer:
                for number in range(JOBS):
                    celery_jobs.note.apply_async((number,), producer=producer)
                    if number == JOBS // 2:
                        self.relieve(celery_jobs.app.control, leaving, "a@test")
        store = server.client(db=2)
        harness.wait_until(lambda: store.llen(celery_jobs.DONE) >= JOBS, 200, "the jobs")
        # A worker that ends gives back what it has not acknowledged, even if it is done.
        broker = server.client()
        harness.wait_until(lambda: broker.llen("celery") + broker.hlen("unacked") == 0)
        staying.terminate()
        self.assertEqual(staying.wait(60), 0)
        done = sorted(map(int, store.lrange(celery_jobs.DONE, 0, -1)))
        self.assertEqual(done, list(range(JOBS)))
        self.assert_no_errors(server)

    def relieve(self, control, worker, name):
        """Has a worker take no more, finish what it has, and end. Celery asks it by messages."""
        inspect = control.inspect([name], timeout=1)
        harness.wait_until(lambda: control.cancel_consumer("celery", destination=[name],
                                                           reply=True), 60, f"{name} to answer")
        harness.wait_until(lambda: inspect.active() == {name: []}
                           and inspect.reserved() == {name: []}, 60, f"{name} to be done")
        worker.terminate()
        self.assertEqual(worker.wait(60), 0)

    def celery_worker(self, name):
        log = open(f"{name}.log", "w", encoding="utf-8")
        self.addCleanup(log.close)
        worker = subprocess.Popen(
            [sys.executable, "-m", "celery", "-A", "celery_jobs", "worker", "--concurrency", "2",
             "--hostname", f"{name}@test", "--loglevel", "WARNING"],
            cwd=CLIENTS, stdout=log, stderr=log, stdin=subprocess.DEVNULL,
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"})
        self.addCleanup(self.end, worker)
        return worker

    @staticmethod
    def end(worker):
        if worker.poll() is None:
            worker.kill()
        worker.wait()

    def assert_no_errors(self, server):
        """Both ask for scripts by their hash first, which is no error of theirs."""
        errors = server.client().info("errorstats")
        self.assertEqual([name for name in errors if name not in ("errorstat_NOSCRIPT",)], [])


if __name__ == "__main__":
    harness.main()
