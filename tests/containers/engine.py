# SPDX-License-Identifier: Apache-2.0
"""podman and docker-compose as they work where limits are low and nothing can be downloaded but Debian's packages.

`make test-containers` uses them; who has a Docker of his own needs none of this.
"""
import os
import shutil
import signal
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests/system"))
import harness  # noqa: E402  pylint: disable=wrong-import-position

BASE = "docker.io/library/debian:bookworm-slim"
BUILD_SECONDS = 3600
# Where hard limits are below podman's defaults, and cgroups of both kinds are mounted, it needs these.
CONFIGURATION = """[containers]
default_ulimits = ["nofile=20000:20000", "nproc=4096:4096"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
"""


def run(*command, seconds=600, check=True, **options):
    """Its output; what it says on the standard error only when it fails."""
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=seconds, check=False,
                          **options)
    if check and done.returncode != 0:
        raise AssertionError(f"{' '.join(map(str, command))} ended with {done.returncode}:\n"
                             f"{done.stdout[-4000:]}{done.stderr[-4000:]}")
    return done.stdout.strip()


class Engine:
    """podman, and its socket for docker-compose. Images stay: the next run is quicker."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="henge-test-containers-")
        with open(self.folder + "/containers.conf", "w", encoding="utf-8") as file:
            file.write(CONFIGURATION)
        self.socket = self.folder + "/podman.sock"
        self.environment = {**os.environ, "CONTAINERS_CONF": self.folder + "/containers.conf",
                            "DOCKER_HOST": "unix://" + self.socket}
        self.service = subprocess.Popen(
            ["podman", "system", "service", "--time=0", "unix://" + self.socket], env=self.environment,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, preexec_fn=self._die_too)
        harness.wait_until(lambda: os.path.exists(self.socket), 30, "podman's socket")

    @staticmethod
    def _die_too():
        harness._libc.prctl(harness.PR_SET_PDEATHSIG, signal.SIGTERM)  # pylint: disable=protected-access

    def close(self):
        self.service.terminate()
        self.service.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def podman(self, *words, **options):
        return run("podman", *words, env=self.environment, **options)

    def compose(self, profile, *words, **options):
        return run("docker-compose", "-p", "henge-test", "-f", ROOT + "/deploy/compose.yaml", *words,
                   env={**self.environment, "COMPOSE_PROFILES": profile, "HENGE_IMAGE": "localhost/henge:latest"}, **options)

    def make_base(self):
        """debian:bookworm-slim, unless it is there: from the mirror of this machine."""
        if subprocess.run(["podman", "image", "exists", BASE], env=self.environment, check=False).returncode == 0:
            return
        sites = run("apt-get", "indextargets", "--format", "$(ORIGIN) $(CODENAME) $(REPO_URI)").splitlines()
        mirror = next(line.split()[2] for line in sites if line.startswith("Debian bookworm "))
        tree = self.folder + "/root"
        run("debootstrap", "--variant=minbase", "--include=ca-certificates", "bookworm", tree, mirror, seconds=BUILD_SECONDS)
        run("bash", "-c", f"tar -C {tree} --numeric-owner -c . | podman import --change 'CMD [\"bash\"]' - {BASE}",
            env=self.environment)

    def build(self):
        """localhost/henge, by the Dockerfile as it stands. With ccache's folder, where there is one."""
        self.make_base()
        cache = os.environ.get("CCACHE_DIR", os.path.expanduser("~/.ccache"))
        # Mounted where ccache looks in the builder; its own folder stays out of the image.
        volumes = ["-v", f"{cache}:/var/cache/ccache"] if os.path.isdir(cache) else []
        self.podman("build", "--format", "docker", "--network", "host", *volumes, "-f", "deploy/docker/Dockerfile",
                    "-t", "localhost/henge:latest", ".", cwd=ROOT, seconds=BUILD_SECONDS)

    def is_healthy(self, container):
        """podman has no timers of its own without systemd: this asks now."""
        done = subprocess.run(["podman", "healthcheck", "run", container], env=self.environment, capture_output=True, check=False)
        return done.returncode == 0

    def end_process(self, container):
        """kill -9, as the kernel does it when memory is short: not by the engine, which would leave it ended."""
        os.kill(int(self.podman("inspect", "--format", "{{.State.Pid}}", container)), signal.SIGKILL)
