# SPDX-License-Identifier: Apache-2.0
"""The cluster that `make run` starts, in a folder and on ports of its own, and programs run beside it."""
import os
import re
import shutil
import subprocess
import tempfile

import harness


def tool(*command, stdin=None):
    """Runs a program; its output, colours taken out. A failure is the test's."""
    done = subprocess.run([str(word) for word in command], input=stdin, text=True,
                          capture_output=True, timeout=120, check=False)
    if done.returncode != 0:
        raise AssertionError(f"{command} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return re.sub(r"\x1b\[[\d;]*m", "", done.stdout)


def free_ports_in_a_row(count):
    while True:
        first = harness.free_port()
        others = range(first + 1, first + count)
        if all(harness.reserve(port) and harness.is_free(port) and harness.is_free(port + 10000) for port in others):
            return first


class LocalCluster:
    """Three nodes by scripts/run and scripts/stop."""

    def __init__(self):
        self.port = free_ports_in_a_row(3)
        self.ports = range(self.port, self.port + 3)
        self.folder = tempfile.mkdtemp(prefix="henge-run-")
        self.environment = {**os.environ, "HENGE_PORT": str(self.port), "HENGE_DATA": self.folder,
                            "HENGE_SERVER": harness.henge_binary()}

    def script(self, name):
        """(exit code, output) of scripts/run or scripts/stop."""
        # Not through pipes: the nodes outlive the script and would hold them open.
        with open(os.path.join(self.folder, "output"), "w+", encoding="utf-8") as output:
            code = subprocess.run([os.path.join(harness.ROOT, "scripts", name)], stdout=output,
                                  stderr=output, env=self.environment, timeout=120,
                                  check=False).returncode
            output.seek(0)
            return code, output.read()

    def start(self):
        """What scripts/run says; a failure is the test's."""
        code, output = self.script("run")
        if code != 0:
            raise AssertionError(output)
        return output

    def close(self):
        self.script("stop")
        shutil.rmtree(self.folder, ignore_errors=True)
