# SPDX-License-Identifier: LGPL-2.1-or-later
"""A pool goes, simulated, while requests wait in it: what can be served elsewhere is, and the rest
learns why not."""

import errno
import signal
import time

from client import BusError, finish_next
from devices import device
from fixture import NAME, eventually
from manager import (ALICE, BOB, CAROL, MIB, PAGE, POOL, administrator, daemon_with_clients,
                     expect_error, user)

# What does not fit twice into a pool of 32 MiB.
BIG = 20 * MIB // PAGE
# The first of them has most that is free.
CAMERA, MAIN, SMALL = "camera=40M,removable=yes", "main=32M", "small=4M"
LENS = device("lens", "gone camera small main")


def names(client):
    return [properties["Name"] for _, properties in client.pools()]


def unplug(daemon, client, *left):
    daemon.signal(signal.SIGUSR1)
    eventually("the pools are gone", lambda: names(client) == list(left))


def plug(daemon, client, *there):
    daemon.signal(signal.SIGUSR1)
    eventually("the pools are there", lambda: names(client) == list(there))


def hold(client, pool, count=BIG):
    """Most of a pool is somebody's, until that is closed."""
    allocation = client.allocate(count=count, pool=pool)
    assert allocation.status == "complete", allocation.report
    return allocation


def expect_gone(allocation, pool="camera"):
    report = allocation.report
    assert (allocation.status, allocation.granted, allocation.fds) == ("partial", 0, []), report
    assert (report["error"], report["cause"]) == (errno.ENODEV, "gone"), report
    assert report["pool"] == pool, report
    assert pool in report["reason"], report


def expect_served(allocation, pool):
    assert allocation.status == "complete", allocation.report
    assert allocation.report["pool"] == pool and allocation.report["error"] == 0, allocation.report
    allocation.close()


def who_named_it_is_told(bus):
    daemon = daemon_with_clients(bus, CAMERA, MAIN)
    alice, root = user(bus), administrator(bus)
    holder = hold(root, "camera", 30 * MIB // PAGE)
    waiting = alice.start_allocate(count=BIG, pool="camera")
    root.wait_pending(1, "camera")
    unplug(daemon, root, "main")
    expect_gone(alice.finish_allocate(waiting))
    expect_error("NoSuchPool", alice.allocate, count=1, pool="camera")
    # What was delivered stays.
    holder.close()
    root.wait_whole("main")


def who_named_none_goes_on_elsewhere(bus):
    """The reply is as if it had waited there from the beginning."""
    daemon = daemon_with_clients(bus, CAMERA, MAIN)
    alice, root = user(bus), administrator(bus)
    holder = hold(root, "camera", 22 * MIB // PAGE)
    other = hold(root, "main")
    beginning = time.monotonic()
    # While the device has more that is free.
    held = hold(root, "main", 2 * MIB // PAGE)
    waiting = alice.start_allocate("token", count=BIG, buffers=20, label="frames")
    root.wait_pending(1, "camera")
    time.sleep(0.3)
    unplug(daemon, root, "main")
    root.wait_pending(1)
    for allocation in (held, other):
        allocation.close()
    allocation = alice.finish_allocate(waiting)
    waited = (time.monotonic() - beginning) * 1e6
    report = allocation.report
    assert allocation.path == alice.path_of("token") and report["kind"] == "sim", report
    assert 300_000 <= report["queued-usec"] <= report["elapsed-usec"] <= waited, report
    assert allocation.buffers == 20 and len(allocation.layout) == 20
    alice.fetch_all(allocation)
    account = root.account("default", ALICE)
    assert (account["used"], account["pending"]) == (BIG * PAGE, 0), account
    assert {b["label"] for b in alice.list_buffers()} == {"frames"}
    expect_served(allocation, "main")
    # Its end is told to who asked, as always.
    for _ in range(20):
        assert alice.wait_signal("BufferReleased").arguments[0] == "main"
    holder.close()
    root.wait_whole()


def a_device_has_fallbacks(bus):
    """In their order, but for those that cannot serve it."""
    daemon = daemon_with_clients(bus, CAMERA, MAIN, SMALL, configuration=LENS)
    alice, bob, root = user(bus), user(bus, BOB), administrator(bus)
    assert alice.pools_of("lens") == ["camera", "small", "main"]
    holder = hold(root, "camera", 39 * MIB // PAGE)
    small = alice.start_allocate(count=2 * MIB // PAGE, device="lens")
    large = bob.start_allocate(count=BIG, device="lens")
    root.wait_pending(2, "camera")
    unplug(daemon, root, "main", "small")
    assert alice.pools_of("lens") == ["small", "main"]
    expect_served(alice.finish_allocate(small), "small")
    expect_served(bob.finish_allocate(large), "main")
    holder.close()
    root.wait_whole("main")
    root.wait_whole("small")


def while_it_is_filled(bus):
    """What it had there is nothing, and it begins anew; what was tried there is told all the same."""
    daemon = daemon_with_clients(bus, CAMERA + ",move=2s", MAIN, configuration=LENS)
    alice, root = user(bus), administrator(bus)
    filled = alice.start_allocate(count=BIG, device="lens")
    eventually("it is filled", lambda: root.pool("camera")["Reservations"])
    unplug(daemon, root, "main")
    allocation = alice.finish_allocate(filled)
    report = allocation.report
    there = [step for step in report["steps"] if step.get("pool") == "camera"]
    here = [step for step in report["steps"] if "pool" not in step]
    assert there and report["steps"] == there + here, report
    assert sum(step["granted"] for step in here) == BIG, report
    # While it was filled there it did not wait for its turn.
    filled = sum(step["elapsed-usec"] for step in there)
    assert report["queued-usec"] + filled <= report["elapsed-usec"], report
    expect_served(allocation, "main")
    root.wait_whole()


def each_finds_what_it_may_have(bus):
    """It is a new request there: to limits, to who may use the pool, and to the size of it."""
    daemon = daemon_with_clients(
        bus, CAMERA, MAIN, configuration=f"[Account few]\nUser={BOB}\nMaxBytes=60%\n"
        f"[Account none]\nUser={CAROL}\nPools=camera\n" + LENS)
    alice, bob, carol, root = user(bus), user(bus, BOB), user(bus, CAROL), administrator(bus)
    holder = hold(root, "camera", 39 * MIB // PAGE)
    too_large = alice.start_allocate(count=36 * MIB // PAGE, device="lens")
    too_much = bob.start_allocate(count=BIG, device="lens")  # of 24 MiB there, of 19 MiB here
    not_open = carol.start_allocate(count=BIG, device="lens")
    fits = alice.start_allocate(count=BIG, device="lens")
    root.wait_pending(4, "camera")
    unplug(daemon, root, "main")
    for client, waiting in ((alice, too_large), (bob, too_much), (carol, not_open)):
        expect_gone(client.finish_allocate(waiting))
    expect_served(alice.finish_allocate(fits), "main")
    holder.close()
    root.wait_whole()


def nobody_else_takes_it(bus):
    """Many at once are charged one by one: no more comes together than an account may have."""
    limit = 8 * MIB
    daemon = daemon_with_clients(bus, CAMERA, MAIN,
                                 configuration=f"[Account default]\nMaxBytes={limit}\n"
                                 "[Account root]\nUser=0\n" + LENS)
    clients, root = [user(bus, uid) for uid in (ALICE, BOB)], administrator(bus)
    holder = hold(root, "camera", 39 * MIB // PAGE)
    holder_of_main = hold(root, "main", 30 * MIB // PAGE)
    waiting = [(client, client.start_allocate(count=limit // PAGE // 2, device="lens"))
               for client in clients for _ in range(4)]
    root.wait_pending(8, "camera")
    unplug(daemon, root, "main")
    root.wait_pending(8)
    holder_of_main.close()
    for _ in range(2):
        for client in clients:
            mine = [pair for pair in waiting if pair[0] is client][:2]
            for pair in mine:
                waiting.remove(pair)
            granted = [client.finish_allocate(serial) for _, serial in mine]
            assert root.account("default", client.uid)["used"] == limit
            for allocation in granted:
                expect_served(allocation, "main")
    holder.close()
    root.wait_whole()


def time_goes_on(bus):
    """The deadline is the one that was asked for, not another of the same length."""
    daemon = daemon_with_clients(bus, CAMERA, MAIN, configuration=LENS)
    alice, root = user(bus), administrator(bus)
    holders = hold(root, "camera", 39 * MIB // PAGE), hold(root, "main")
    beginning = time.monotonic()
    waiting = alice.start_allocate(count=BIG, device="lens", timeout_usec=10_000_000)
    root.wait_pending(1, "camera")
    time.sleep(max(0.0, beginning + 4 - time.monotonic()))
    waited = time.monotonic() - beginning
    unplug(daemon, root, "main")
    allocation = alice.finish_allocate(waiting)
    report = allocation.report
    assert (allocation.status, report["pool"]) == ("timed-out", "main"), report
    assert 10_000_000 <= report["elapsed-usec"] < (waited + 10) * 1_000_000, report
    for holder in holders:
        holder.close()
    root.wait_whole()


def can_be_cancelled_elsewhere(bus):
    daemon = daemon_with_clients(bus, CAMERA, MAIN, configuration=LENS)
    alice, root = user(bus), administrator(bus)
    holders = hold(root, "camera", 39 * MIB // PAGE), hold(root, "main")
    waiting = alice.start_allocate("mine", count=BIG, device="lens")
    root.wait_pending(1, "camera")
    unplug(daemon, root, "main")
    root.wait_pending(1)
    expect_error("TokenInUse", alice.allocate, "mine", count=1)
    alice.cancel("mine")
    allocation = alice.finish_allocate(waiting)
    assert allocation.status == "cancelled", allocation.report
    assert allocation.report["pool"] == "main", allocation.report
    expect_error("NoSuchAllocation", alice.cancel, "mine")
    for holder in holders:
        holder.close()
    root.wait_whole()


def its_client_leaves_elsewhere(bus):
    daemon = daemon_with_clients(bus, CAMERA, MAIN, configuration=LENS)
    alice, bob, root = user(bus), user(bus, BOB), administrator(bus)
    holders = hold(root, "camera", 39 * MIB // PAGE), hold(root, "main")
    bob.start_allocate(count=BIG, device="lens")
    alice.start_allocate(count=BIG, device="lens")
    root.wait_pending(2, "camera")
    # One while it is moved, one afterwards.
    daemon.signal(signal.SIGUSR1)
    bob.close()
    root.wait_pending(1)
    alice.close()
    root.wait_pending(0)
    for holder in holders:
        holder.close()
    root.wait_whole()


def again_and_again(bus):
    """Pools come and go under requests of many, and nothing is lost or left."""
    daemon = daemon_with_clients(bus, "one=32M,removable=yes,move=5ms", "two=32M,move=5ms")
    clients = [user(bus, uid) for uid in (ALICE, BOB, CAROL)]
    root = administrator(bus)
    before = daemon.fds()
    served = 0
    for _ in range(12):
        waiting = [(client, client.start_allocate(count=4 * MIB // PAGE, buffers=3))
                   for client in clients for _ in range(5)]
        daemon.signal(signal.SIGUSR1)
        while waiting:
            client, serial = finish_next(waiting)
            allocation = client.finish_allocate(serial)
            assert allocation.status == "complete", allocation.report
            served += allocation.report["pool"] == "one"
            allocation.close()
    print(f"{served} of the pool that came and went")
    eventually("both are there", lambda: names(root) == ["one", "two"])
    for pool in ("one", "two"):
        root.wait_whole(pool)
    eventually("no descriptor is left", lambda: daemon.fds() <= before)


def its_object_is_unknown(bus):
    """As is what never was one: the library takes that for a pool that went since it was listed."""
    daemon = daemon_with_clients(bus, CAMERA, MAIN)
    root = administrator(bus)
    [path] = [path for path, properties in root.pools() if properties["Name"] == "camera"]
    assert root.call(NAME, path, POOL, "Survey").arguments[0]["blocks"] > 0
    unplug(daemon, root, "main")
    try:
        root.call(NAME, path, POOL, "Survey")
    except BusError as error:
        assert error.name == "org.freedesktop.DBus.Error.UnknownObject", error
    else:
        raise AssertionError("what is gone was surveyed")


def it_comes_back(bus):
    """Alone it takes its requests with it; then it is a new one, and whole."""
    daemon = daemon_with_clients(bus, CAMERA, configuration=LENS)
    alice, root = user(bus), administrator(bus)
    holder = hold(root, "camera", 30 * MIB // PAGE)
    waiting = [alice.start_allocate(count=BIG, **keys) for keys in ({}, {"device": "lens"})]
    root.wait_pending(2, "camera")
    unplug(daemon, root)
    for serial in waiting:
        expect_gone(alice.finish_allocate(serial))
    expect_error("NoSuchPool", alice.allocate, count=1)
    expect_error("NoSuchPool", alice.allocate, count=1, device="lens")
    expect_error("NoSuchPool", alice.pools_of, "lens")
    plug(daemon, root, "camera")
    expect_served(alice.allocate(count=BIG, device="lens"), "camera")
    holder.close()
    root.wait_whole("camera")
