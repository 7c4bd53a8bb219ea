# SPDX-License-Identifier: LGPL-2.1-or-later
"""What holds only where the memory is the module's, and outlives the daemon: in a VM."""

import errno
import json
import mmap
import os
import random
import subprocess
import time

import kernel_pool
from client import PATIENCE, readable
from fixture import environment, eventually
from kills import BIG, Load
from manager import (ALICE, BOB, CAROL, MIB, PAGE, administrator, daemon_with_clients,
                     expect_error, user)

CAMERA = f"[Account camera]\nUser={ALICE}\nMaxBytes=32M\n"
REST = "[Account root]\nUser=0\n[Account default]\nMaxBytes=25%\n"


def start_daemon(bus, configuration="", patience=PATIENCE):
    """One that has found its pool."""
    daemon = daemon_with_clients(bus, configuration=configuration, patience=patience)
    root = administrator(bus)
    eventually("the pool is discovered",
               lambda: root.manager("ListPools", patience=patience).arguments[0], patience)
    root.close()
    return daemon


class Direct:
    """Somebody who takes memory from the module, past the daemon."""

    def __init__(self, *arguments):
        self.process = subprocess.Popen(
            [environment("CMABULKCTL"), "--direct", "--json", "alloc", *arguments, "--hold"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert readable(self.process.stdout, PATIENCE), "cmabulkctl --direct says nothing"
        self.report = json.loads(self.process.stdout.readline())

    def let_go(self):
        self.process.communicate(timeout=PATIENCE)
        assert self.process.returncode == 0


def mark(fds, size):
    for index, fd in enumerate(fds):
        with mmap.mmap(fd, size) as memory:
            memory[:] = bytes([index + 1]) * size


def check_marked(fds, size):
    for index, fd in enumerate(fds):
        with mmap.mmap(fd, size, mmap.MAP_SHARED, mmap.PROT_READ) as memory:
            assert memory[:] == bytes([index + 1]) * size, f"buffer {index} was changed"


def standings(manager):
    """The accounts of all buffers there are, and what the daemon makes of them."""
    return {entry["account"]: entry["standing"] for entry in manager.list_buffers()}


def guaranteed_memory_in_other_hands(bus):
    """Somebody past the daemon has it: that is said, and what is left is for whom it was guaranteed."""
    daemon = start_daemon(bus, f"[Account camera]\nUser={ALICE}\nMinBytes=32M\n{REST}")
    alice, bob, root = user(bus), user(bus, BOB), administrator(bus)
    assert not root.pool()["GuaranteeAtRisk"]
    direct = Direct("640x64K")
    root.wait_for_buffers(1)
    eventually("the guarantee is at risk", lambda: root.pool()["GuaranteeAtRisk"])
    eventually("the log says so", lambda: "8 MiB are in other hands" in daemon.said())
    late = bob.allocate(count=1, timeout_usec=100_000)
    assert late.status == "timed-out" and "guaranteed" in late.report["reason"], late.report
    mine = alice.allocate(count=32 * MIB // PAGE, minimum=1)
    assert mine.status == "partial" and mine.bytes > 20 * MIB, mine.report
    direct.let_go()
    eventually("it is not at risk any more", lambda: not root.pool()["GuaranteeAtRisk"])
    mine.close()
    root.wait_whole()


def books_are_rebuilt(bus):
    """A daemon that is killed takes what it had not delivered; the next knows all the rest."""
    daemon = start_daemon(bus, "FetchTimeoutSec=600\n" + CAMERA + REST)
    alice, bob, carol, root = (user(bus), user(bus, BOB), user(bus, CAROL), administrator(bus))
    frames = alice.allocate(count=64, buffers=32, order=4, label="frames")
    alice.fetch_all(frames)
    mark(frames.fds, 2 * 16 * PAGE)
    debt = bob.allocate(count=12 * MIB // PAGE)
    unfetched = carol.allocate(count=40, buffers=40)
    direct = Direct("100x64K", "--buffers", "3")
    delivered = len(unfetched.fds)
    assert 0 < delivered < 40
    root.wait_for_buffers(32 + 1 + 40 + 3)
    kernel_pool.expect_same_books(root)
    waiting = root.start_allocate(count=BIG)
    root.wait_pending(1)

    daemon.kill()
    expect_error("org.freedesktop.DBus.Error.NoReply", root.finish, waiting)
    kernel_pool.wait_for_buffers(32 + 1 + delivered + 3)
    check_marked(frames.fds, 2 * 16 * PAGE)

    # The camera's account is not there any more.
    daemon = start_daemon(bus, REST)
    kernel_pool.expect_same_books(root)
    assert standings(root) == {f"camera:{ALICE}": "orphaned", f"default:{BOB}": "managed",
                               f"default:{CAROL}": "managed", "": "unmanaged"}, standings(root)
    assert root.account("camera", ALICE)["used"] == 4 * MIB
    assert root.account("default", BOB)["used"] == 12 * MIB
    expect_error("QuotaExceeded", bob.allocate, count=5 * MIB // PAGE)
    more = bob.allocate(count=4 * MIB // PAGE)
    assert more.status == "complete", more.report
    kernel_pool.expect_same_books(root)

    # It is there again, and finds its debt.
    daemon.kill()
    daemon = start_daemon(bus, CAMERA + REST)
    kernel_pool.expect_same_books(root)
    assert standings(root)[f"camera:{ALICE}"] == "managed"
    assert root.account("camera", ALICE)["used"] == 4 * MIB
    expect_error("QuotaExceeded", alice.allocate, count=29 * MIB // PAGE)
    check_marked(frames.fds, 2 * 16 * PAGE)
    direct.let_go()
    for allocation in (frames, debt, unfetched, more):
        allocation.close()
    kernel_pool.expect_whole(root)


def past_the_daemon_is_unmanaged(bus):
    """Root's direct mode: the daemon sees it, charges nobody, and does not count on that memory."""
    start_daemon(bus)
    root, alice = administrator(bus), user(bus)
    direct = Direct("256x64K", "--buffers", "4", "--label", "direct")
    root.wait_for_buffers(4)
    kernel_pool.expect_same_books(root)
    entries = root.list_buffers()
    assert {(e["standing"], e["label"], e["account"]) for e in entries} == {
        ("unmanaged", "direct", "")}, entries
    assert {entry["id"] for entry in entries} == {b["id"] for b in direct.report["buffers"]}
    assert not any(account["used"] for account in root.accounts())
    assert alice.list_buffers() == [], "what others have is not theirs to see"
    # What cannot be is not tried over and over; it is there when the other lets go.
    serial = alice.start_allocate(count=56 * MIB // PAGE)
    alice.wait_pending(1)
    direct.let_go()
    allocation = alice.finish_allocate(serial)
    assert allocation.status == "complete", allocation.report
    kernel_pool.expect_same_books(root)
    allocation.close()
    kernel_pool.expect_whole(root)


def pool_that_goes_and_comes(bus):
    """Who waits learns that it is gone; buffers stay; a new pool is found without a restart."""
    start_daemon(bus)
    alice, bob, root = user(bus), user(bus, BOB), administrator(bus)
    held = alice.allocate(count=BIG)
    with mmap.mmap(held.fds[0], BIG * PAGE) as memory:
        memory[:8] = b"survives"
    serial = bob.start_allocate(count=32 * MIB // PAGE)
    bob.wait_pending(1)
    kernel_pool.remove()
    # It was admitted, so it returns.
    gone = bob.finish_allocate(serial)
    assert (gone.status, gone.granted, gone.report["error"]) == ("partial", 0, errno.ENODEV), \
        gone.report
    assert "gone" in gone.report["reason"] or "away" in gone.report["reason"], gone.report
    eventually("the pool is not listed", lambda: not root.pools())
    expect_error("NoSuchPool", bob.allocate, count=1, pool="main")
    with mmap.mmap(held.fds[0], BIG * PAGE) as memory:
        assert memory[:8] == b"survives"
    held.close()
    eventually("the area is whole", lambda: kernel_pool.used_pages() == 0)

    kernel_pool.add()
    eventually("the pool is discovered", root.pools)
    again = bob.allocate(count=BIG)
    assert again.status == "complete", again.report
    kernel_pool.expect_same_books(root)
    again.close()
    kernel_pool.expect_whole(root)


def goes_while_filling(bus):
    """A pool removed while a request is being filled: a clean answer, and nothing is left."""
    start_daemon(bus)
    root = administrator(bus)
    for _ in range(5):
        # Both ends of a race: it may be complete before.
        alice = user(bus)
        serial = alice.start_allocate(count=BIG)

        def begun():
            alice.process(time.monotonic())
            return kernel_pool.counters()["reserved"] or alice.has_reply(serial)

        eventually("it has begun", begun)
        kernel_pool.remove()
        allocation = alice.finish_allocate(serial)
        assert allocation.status == "complete" or allocation.report["error"] == errno.ENODEV, \
            allocation.report
        allocation.close()
        alice.close()
        eventually("the area is whole", lambda: kernel_pool.used_pages() == 0)
        eventually("the pool is not listed", lambda: not root.pools())
        kernel_pool.add()
        eventually("the pool is discovered", root.pools)
    kernel_pool.expect_whole(root)


def soak(bus, kills):
    """Kill so many clients and daemons under load, and go on until a FILL ran; at the end nothing is missing."""
    seed = int(os.environ.get("CMABULK_SEED") or random.randrange(2**32))
    dice = random.Random(seed)
    print(f"seed {seed}", flush=True)
    trace = kernel_pool.Trace()
    configuration = "FetchTimeoutSec=1\n"
    daemon = start_daemon(bus, configuration)
    root = administrator(bus)
    loads = [Load(bus, dice) for _ in range(4)]
    killed = {"client": 0, "daemon": 0}
    while sum(killed.values()) < kills or (not trace.marks_inside() and sum(killed.values()) < 10 * kills):
        # A moment, not a delay: when is what is random here.
        time.sleep(dice.random() * 0.1)
        whom = "daemon" if dice.randrange(4) == 0 else "client"
        killed[whom] += 1
        trace.mark(whom)
        if whom == "daemon":
            daemon.kill()
            daemon = start_daemon(bus, configuration)
        else:
            victim = dice.randrange(len(loads))
            loads[victim].kill()
            loads[victim] = Load(bus, dice)
    for load in loads:
        load.kill()
    inside = trace.marks_inside()
    trace.close()
    kernel_pool.expect_whole(root)
    print(f"killed: {killed['client']} clients, of which {inside.count('client')} while a FILL ran;"
          f" {killed['daemon']} daemons, of which {inside.count('daemon')} inside FILL", flush=True)
    assert inside, "none was killed inside FILL"


def killed_at_random_moments(bus):
    """As many times as CMABULK_KILLS says."""
    soak(bus, int(os.environ.get("CMABULK_KILLS") or 100))
