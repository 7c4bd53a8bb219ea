# SPDX-License-Identifier: LGPL-2.1-or-later
"""The module's pools, where the tests run in a VM, and what the kernel says of them: read without
the daemon, to be held against what the daemon says."""

import contextlib
import errno
import json
import mmap
import os
import re
import subprocess

from client import PATIENCE
from fixture import environment, eventually

# In the VM: `tests/vm/daemon-bus` sets it. Elsewhere the daemon simulates its pools.
IN_USE = os.environ.get("CMABULK_BUS_BACKEND") == "kmod"
KIND = "kmod" if IN_USE else "sim"

MODULE = "/sys/module/cmabulk"
CLASS = "/sys/class/cmabulk"
# The area the VM reserves, and the pool of the same size that tests want.
AREA = "reserved"
POOL = "main"
PAGE = os.sysconf("SC_PAGE_SIZE")
STATES = ("cached", "reserved", "exported", "draining")
# Of an entry of ListBuffers: what BUFFERS knows of it, too.
FIELDS = ("id", "inode", "kind", "state", "order", "chunks", "name", "uid", "pid", "account",
          "label")


def read(path):
    with open(path, encoding="ascii") as file:
        return file.read().strip()


def write(path, text):
    """Once: a file object that failed to write tries it again when it is closed, and when it is freed."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(descriptor, text.encode("ascii"))
    finally:
        os.close(descriptor)


def area_pages():
    return int(read(f"/sys/kernel/debug/cma/{AREA}/count"))


def load(*wanted):
    """The module with its pool, unless it is there; `wanted` as --simulate has it."""
    for pool in wanted:
        # How long a simulated move takes does not matter: real ones take what they take.
        plain = re.fullmatch(rf"{POOL}=(\d+)M(,move=\w+)?", pool)
        assert plain, f"there is no such pool in a real kernel: {pool}"
        assert int(plain[1]) << 20 == area_pages() * PAGE, f"the area is not {plain[1]} MiB large"
    if not os.path.exists(MODULE):
        module = os.path.join(environment("CMABULK_MODULES"), "cmabulk.ko")
        subprocess.run(["insmod", module], check=True)
    if not os.path.exists(f"{CLASS}/{POOL}"):
        add()


def add(pool=POOL, area=AREA):
    """Offer the area, which counts as in use until the last who had the old pool open is gone."""
    def added():
        try:
            write(f"{CLASS}/add", f"{pool}:{area}")
        except OSError as error:
            assert error.errno in (errno.EBUSY, errno.EEXIST), error
            return False
        return True

    eventually("the pool can be added", added)


def remove(pool=POOL):
    write(f"{CLASS}/remove", pool)


def cmabulkctl(*arguments):
    """The verbs that ask the module itself."""
    done = subprocess.run([environment("CMABULKCTL"), "--direct", "--json", *arguments],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"cmabulkctl {' '.join(arguments)}: {done.stderr}"
    return json.loads(done.stdout)


def used_pages():
    """Pages of the area in anybody's hands, by the area's own bitmap."""
    return int(read(f"/sys/kernel/debug/cma/{AREA}/used"))


def counters():
    """Bytes by state and numbers of objects, from sysfs."""
    found = {state: int(read(f"{CLASS}/{POOL}/{state}")) * PAGE for state in STATES}
    for name in ("buffers", "reservations"):
        found[name] = int(read(f"{CLASS}/{POOL}/{name}"))
    return found


def queried():
    """The same from QUERY, with what is free."""
    [pool] = [p for p in cmabulkctl("pools")["pools"] if p["name"] == POOL]
    found = {state: pool["states"][state] * PAGE for state in STATES}
    return found | {name: pool[name] for name in ("buffers", "reservations")} | {
        "free": pool["free_pages"] * PAGE}


def of_daemon(manager):
    """The daemon's, as its pool's properties tell."""
    books = manager.pool(POOL)
    names = (*STATES, "buffers", "reservations", "free")
    return {name: books[name.capitalize()] for name in names}


def listed(entries):
    return sorted((tuple(entry[field] for field in FIELDS) for entry in entries))


def charged(entries):
    """Bytes and buffers by account, of the module's buffers; those of nobody are left out."""
    found = {}
    for entry in entries:
        if entry["kind"] == "buffer" and entry["account"]:
            size, number = found.get(entry["account"], (0, 0))
            found[entry["account"]] = size + entry["bytes"], number + 1
    return found


def charged_by_daemon(manager):
    """The same, by the daemon's accounts: those that have something."""
    found = {}
    for account in manager.accounts():
        if account["pool"] == POOL and account["used"]:
            # As the kernel has it, with who shares it.
            name = re.sub("_([0-9a-f]{2})", lambda code: chr(int(code[1], 16)),
                          account["object"].rpartition("/")[2])
            found[name] = account["used"], account["buffers"]
    return found


def differences(manager):
    """What the daemon and the kernel do not agree on; empty when they do."""
    entries = cmabulkctl("buffers")["buffers"]
    sysfs, query, theirs = counters(), queried(), of_daemon(manager)
    found = [f"{name}: sysfs {sysfs.get(name, query[name])}, QUERY {query[name]}, "
             f"the daemon {theirs[name]}"
             for name in theirs if not sysfs.get(name, query[name]) == query[name] == theirs[name]]
    used = used_pages() * PAGE
    if used != sum(query[state] for state in STATES):
        found.append(f"the area has {used} bytes handed out, the module {query}")
    listing, module = listed(manager.list_buffers(POOL)), listed(entries)
    if listing != module:
        found.append(f"ListBuffers {listing}, BUFFERS {module}")
    if charged_by_daemon(manager) != charged(entries):
        found.append(f"ListAccounts {charged_by_daemon(manager)}, BUFFERS {charged(entries)}")
    return found


def expect_same_books(manager):
    """Per state, and entry by entry, once nothing is on its way. The one who asks manages."""
    last = []

    def agree():
        last[:] = differences(manager)
        return not last

    try:
        eventually("the books are the kernel's", agree, PATIENCE)
    except AssertionError as error:
        raise AssertionError(f"{error}; {last}") from error


def wait_for_buffers(count):
    """Until so many live, whatever a daemon knows of it."""
    try:
        eventually(f"{count} buffers live", lambda: counters()["buffers"] == count)
    except AssertionError as error:
        raise AssertionError(f"{error}; {counters()}, {listed(cmabulkctl('buffers')['buffers'])}") \
            from error


def expect_whole(manager=None):
    """Nothing of the area is in anybody's hands; with a daemon, it knows."""
    if manager:
        manager.wait_whole(POOL)
        expect_same_books(manager)
    eventually("the area is whole", lambda: used_pages() == 0 and not any(counters().values()))


TRACING = "/sys/kernel/tracing"


def free_in_areas():
    """Bytes in all CMA areas that nobody uses."""
    return int(re.search(r"^CmaFree: +(\d+) kB$", read("/proc/meminfo"), re.MULTILINE)[1]) << 10


@contextlib.contextmanager
def lent(size):
    """As much of the areas is lent to this process, once it has what it takes of other memory first."""
    pieces, least = [], free_in_areas() - size
    try:
        while free_in_areas() > least:
            pieces.append(mmap.mmap(-1, 1 << 20, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS))
            pieces[-1].write(bytes(1 << 20))
        yield
    finally:
        for piece in pieces:
            piece.close()


class Trace:
    """The module's own tracepoints: whether a FILL ran at a certain moment."""

    def __init__(self):
        write(f"{TRACING}/events/enable", "0")
        write(f"{TRACING}/buffer_size_kb", "4096")
        # The only clock that orders events of two CPUs without doubt.
        write(f"{TRACING}/trace_clock", "counter")
        write(f"{TRACING}/trace", "")
        for event in ("fill_start", "fill_end"):
            write(f"{TRACING}/events/cmabulk/{event}/enable", "1")
        write(f"{TRACING}/tracing_on", "1")

    def close(self):
        write(f"{TRACING}/events/enable", "0")

    @staticmethod
    def mark(text):
        write(f"{TRACING}/trace_marker", text)

    def is_inside(self):
        """Whether a FILL runs."""
        return bool(self._read()[1])

    def marks_inside(self):
        """Of the marks until now, those made while a FILL ran."""
        return self._read()[0]

    @staticmethod
    def _read():
        inside, running = [], set()
        for line in read(f"{TRACING}/trace").splitlines():
            if line.startswith("#"):
                continue
            reservation = re.search(r" reservation=(\d+) ", line)
            if ": fill_start: " in line:
                running.add(reservation[1])
            elif ": fill_end: " in line:
                running.discard(reservation[1])
            elif ": tracing_mark_write: " in line and running:
                inside.append(line.rpartition(": tracing_mark_write: ")[2])
        return inside, running
