# SPDX-License-Identifier: Apache-2.0
"""A Celery application whose broker and result backend is the server at $HENGE_PORT.

Each task writes its number to a list, so that one can see which were done, and how often.
"""
import os

import redis
from celery import Celery

PORT = int(os.environ["HENGE_PORT"])
URL = f"redis://127.0.0.1:{PORT}/"
DONE = "done"

app = Celery("jobs", broker=URL + "0", backend=URL + "1")
app.conf.update(worker_prefetch_multiplier=64)

_store = None


def store():
    """A connection of the process that asks."""
    global _store
    if _store is None:
        _store = redis.Redis(port=PORT, db=2)
    return _store


@app.task(ignore_result=True)
def note(number):
    store().rpush(DONE, number)


@app.task
def double(number):
    return 2 * number


@app.task
def total(numbers):
    return sum(numbers)
