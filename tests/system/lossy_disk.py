# SPDX-License-Identifier: Apache-2.0
"""A disk that loses what was not synced, under a real server, and that fails on demand.

    disk = LossyDisk(server)        # before the server starts
    server.start(); ...; server.kill()
    disk.lose_power(random)         # its files become what a machine would find after a power cut
    disk.fail("sync incr EIO")      # from now on; disk.fail() heals it

disk_shim.cc, loaded into the server, keeps what each sync made safe. What is not safe may be there
or not: a beginning of the unsynced bytes, with zeros where data had not arrived; any sectors of what
was written over zeros; any of the unsynced names, each whole or not at all. Folders themselves last (persistence/simulated_disk.h, the
same disk for unit tests).
"""
import os
import shutil
import subprocess
import tempfile

import harness


def shim():
    """The library: $HENGE_DISK_SHIM, or that of the server's build; else it is built here."""
    path = os.environ.get("HENGE_DISK_SHIM") or os.path.join(
        os.path.dirname(harness.henge_binary()), "../tests/libdisk_shim.so")
    if os.path.exists(path):
        return os.path.abspath(path)
    built = os.path.join(tempfile.mkdtemp(prefix="henge-test-shim-"), "disk_shim.so")
    source = os.path.join(os.path.dirname(os.path.abspath(__file__)), "disk_shim.cc")
    subprocess.run(["g++", "-std=c++20", "-O1", "-shared", "-fPIC", source, "-o", built],
                   check=True)
    os.environ["HENGE_DISK_SHIM"] = built
    return built


class LossyDisk:
    def __init__(self, server, sync_us=0, lies=False):
        self.root = server.folder
        self.shadow = server.folder + ".disk"
        self.faults = os.path.join(self.shadow, "faults")
        server.environment.update({
            "LD_PRELOAD": shim(), "HENGE_DISK_ROOT": self.root, "HENGE_DISK_SHADOW": self.shadow,
            "HENGE_DISK_SYNC_US": str(sync_us), "HENGE_DISK_FAULTS": self.faults,
            **({"HENGE_DISK_LIES": "1"} if lies else {})})
        self._settle()

    def close(self):
        shutil.rmtree(self.shadow, ignore_errors=True)

    def fail(self, *faults):
        """Each `CALL PART-OF-PATH WHAT`, as disk_shim.cc has them; none: the disk is sound."""
        with open(self.faults + ".new", "w", encoding="ascii") as file:
            file.write("".join(fault + "\n" for fault in faults))
        os.replace(self.faults + ".new", self.faults)

    def survive(self):
        """The server is dead, the machine goes on. A call it died in may lack in the shadow."""
        _, _, seen = self._names()
        there = {path: str(os.stat(path).st_ino) for path in self._files()}
        with open(os.path.join(self.shadow, "names"), "a", encoding="utf-8") as names:
            names.write("".join(f"U {path}\n" for path in seen.keys() - there.keys()))
            for path, inode in there.items():
                if seen.get(path) == inode:
                    continue
                names.write(f"C {path} {inode}\n")
                if not os.path.exists(os.path.join(self.shadow, f"live-{inode}")):
                    os.link(path, os.path.join(self.shadow, f"live-{inode}"))

    def lose_power(self, random):
        """The server is dead. Gives what was lost, for messages."""
        names, changes, _ = self._names()
        luck = random.choice(("none", "all", "some"))
        for change in changes:
            if luck == "all" or (luck == "some" and random.random() < 0.5):
                apply(names, change)
        contents = {path: self._settled(random, inode) for path, inode in names.items()}
        lost = []
        for path in self._files():
            size = os.path.getsize(path)
            os.remove(path)
            if path not in contents or size != len(contents[path]):
                lost.append(f"{os.path.basename(path)} {size} -> {len(contents.get(path, b''))}")
        for path, content in contents.items():
            with open(path, "wb") as file:
                file.write(content)
        self._settle()
        return f"names: {luck}; " + ", ".join(lost)

    def _files(self):
        """All but the server's log, which is not of its making."""
        return [os.path.join(folder, name) for folder, _, names in os.walk(self.root)
                for name in names if name != "log"]

    def _settle(self):
        """What is there now is safe."""
        shutil.rmtree(self.shadow, ignore_errors=True)
        os.makedirs(self.shadow)
        with open(os.path.join(self.shadow, "names"), "w", encoding="utf-8") as names:
            for path in self._files():
                inode = os.stat(path).st_ino
                names.write(f"I {path} {inode}\n")
                os.link(path, os.path.join(self.shadow, f"live-{inode}"))
                shutil.copy(path, os.path.join(self.shadow, f"synced-{inode}"))

    def _names(self):
        """{path: inode} as it is safe, the changes since, in order, and what they lead to."""
        safe, seen, changes = {}, {}, []
        with open(os.path.join(self.shadow, "names"), encoding="utf-8") as file:
            lines = file.read().split("\n")[:-1]
        for line in lines:
            kind, *words = line.split(" ")
            if kind == "I":
                safe[words[0]] = seen[words[0]] = words[1]
            elif kind == "S":
                for change in [c for c in changes if words[0] in folders(c)]:
                    changes.remove(change)
                    apply(safe, change)
            else:
                source, target, inode = change = {
                    "C": lambda w: (None, w[0], w[1]),
                    "R": lambda w: (w[0], w[1], seen.get(w[0])),
                    "U": lambda w: (w[0], None, None)}[kind](words)
                apply(seen, change)
                if inode is not None or target is None:
                    changes.append((source, target, inode))
        return safe, changes, seen

    def _settled(self, random, inode):
        """The content of a file after the cut."""
        live, synced = (self._read(kind, inode) for kind in ("live", "synced"))
        if not live.startswith(synced[:len(live)]):
            if len(live) >= len(synced) and fills_zeros(live, synced):
                live = some_sectors(random, live, synced)
            else:  # Written anew from some place on.
                return random.choice((live, synced))
        if len(live) < len(synced):
            return random.choice((live, synced))
        kept = len(synced) + random.randrange(len(live) - len(synced) + 1)
        if random.random() < 0.5:
            kept = len(synced)
        found = bytearray(live[:kept])
        if random.random() < 0.33:
            arrived = random.randrange(len(synced), kept + 1)
            found[arrived:] = bytes(kept - arrived)
        return bytes(found)

    def _read(self, kind, inode):
        try:
            with open(os.path.join(self.shadow, f"{kind}-{inode}"), "rb") as file:
                return file.read()
        except FileNotFoundError:
            return b""


SECTOR = 512


def changed_sectors(live, synced):
    """Where sectors of `synced` begin that are others in `live`."""
    return [at for at in range(0, len(synced), SECTOR)
            if live[at:min(at + SECTOR, len(synced))] != synced[at:at + SECTOR]]


def fills_zeros(live, synced):
    """Whether only zeros were written over: the room behind an append-only file."""
    return all(old in (0, new) for at in changed_sectors(live, synced)
               for old, new in zip(synced[at:at + SECTOR], live[at:at + SECTOR]))


def some_sectors(random, live, synced):
    """`live`, but any of the sectors that were written over as they were before."""
    found = bytearray(live)
    for at in changed_sectors(live, synced):
        if random.random() < 0.5:
            end = min(at + SECTOR, len(synced))
            found[at:end] = synced[at:end]
    return bytes(found)


def folders(change):
    return {os.path.dirname(path) for path in change[:2] if path is not None}


def apply(names, change):
    source, target, inode = change
    if source is not None:
        names.pop(source, None)
    if target is not None:
        names[target] = inode
