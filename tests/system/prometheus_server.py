# SPDX-License-Identifier: Apache-2.0
"""Debian's Prometheus with the files of deploy/prometheus, made quick: it scrapes and judges four times a second.

    with Prometheus({"n1": 9121}) as prometheus:    # Metrics ports on loopback, by the instance's name.
        prometheus.query("sum(up)")
"""
import glob
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import urllib.error
import urllib.parse
import urllib.request

import yaml

import harness

FILES = os.path.join(harness.ROOT, "deploy/prometheus")
DASHBOARDS = os.path.join(harness.ROOT, "deploy/grafana/dashboards")
INTERVAL = "250ms"
START_SECONDS = 30
# A minute of the rules is as long here, so that what happens now is seen now.
RANGES = {"1m": "5s", "5m": "20s", "10m": "30s"}


def quick(text):
    """Rules that need not last, over short ranges."""
    text = re.sub(r"^( +)for: \w+$", r"\1for: 0s", text, flags=re.M)
    return re.sub(r"\[(\w+)\]", lambda found: f"[{RANGES[found[1]]}]", text)


def dashboard_queries():
    """(dashboard, panel, query as Prometheus takes it) of all."""
    for path in sorted(glob.glob(DASHBOARDS + "/*.json")):
        with open(path, encoding="utf-8") as file:
            board = json.load(file)
        for panel in board["panels"]:
            for target in panel.get("targets", []):
                query = target["expr"].replace("$instance", ".*").replace("$__rate_interval", "10s")
                yield board["uid"], panel["title"], query


class Prometheus:
    def __init__(self, targets, port=None):
        self.targets, self.port = targets, port or harness.free_port()
        self.folder = tempfile.mkdtemp(prefix="henge-test-prometheus-")
        self.process = None

    def __enter__(self):
        self._write_files()
        with open(self.folder + "/log", "wb") as log:
            self.process = subprocess.Popen(
                ["prometheus", f"--config.file={self.folder}/prometheus.yml", f"--storage.tsdb.path={self.folder}/data",
                 f"--web.listen-address=127.0.0.1:{self.port}"], stdout=log, stderr=log, preexec_fn=self._die_too)
        harness.wait_until(self._is_ready, START_SECONDS, "Prometheus")
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    @staticmethod
    def _die_too():
        harness._libc.prctl(harness.PR_SET_PDEATHSIG, signal.SIGKILL)  # pylint: disable=protected-access

    def _write_files(self):
        os.makedirs(self.folder + "/targets")
        for name in ("prometheus.yml", "recording.yml", "alerts.yml"):
            with open(os.path.join(FILES, name), encoding="utf-8") as file:
                text = file.read()
            text = re.sub(r"^(  \w+_interval): \w+$", rf"\1: {INTERVAL}", text, flags=re.M)
            with open(os.path.join(self.folder, name), "w", encoding="utf-8") as file:
                file.write(quick(text))
        groups = [{"targets": [f"127.0.0.1:{port}"], "labels": {"instance": name}} for name, port in self.targets.items()]
        with open(self.folder + "/targets/nodes.yml", "w", encoding="utf-8") as file:
            yaml.safe_dump(groups, file)

    def _is_ready(self):
        if self.process.poll() is not None:
            with open(self.folder + "/log", encoding="utf-8") as log:
                raise AssertionError("Prometheus ended:\n" + log.read())
        try:
            return self._get("/-/ready")
        except OSError:
            return False

    def _get(self, path):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=20) as answer:
            return answer.read().decode()

    def query(self, expression):
        """[(labels, value)] of an instant."""
        try:
            said = json.loads(self._get("/api/v1/query?" + urllib.parse.urlencode({"query": expression})))
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{expression}: {error.read().decode()}") from None
        return [(sample["metric"], float(sample["value"][1])) for sample in said["data"]["result"]]

    def has_data(self, expression):
        """A number at least, where there is a NaN for what nothing is known of."""
        return any(value == value for _, value in self.query(expression))

    def fired(self):
        """Names of the alerts that have fired."""
        told = self.query('max by (alertname) (max_over_time(ALERTS{alertstate="firing"}[10m]))')
        return {labels["alertname"] for labels, _ in told}
