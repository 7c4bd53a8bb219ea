# SPDX-License-Identifier: LGPL-2.1-or-later
"""Many clients at once, and requests that together are more than there is."""

import resource
import time

from manager import (ALICE, BOB, CAROL, DAVE, MIB, PAGE, administrator, daemon_with_clients,
                     user)

POOL_PAGES = 64 * MIB // PAGE


def six_hundred_connections(bus):
    """600 connections of 4 users, each with a request of its own; sd_bus_track would end at 512."""
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] >= 2048, "too few descriptors allowed"
    daemon = daemon_with_clients(bus)
    before = daemon.fds()
    clients = [user(bus, uid) for uid in (ALICE, BOB, CAROL, DAVE) for _ in range(150)]
    for number, client in enumerate(clients):
        client.serial = client.start_allocate(count=2, buffers=2, label=f"client {number}")
    allocations = [client.finish_allocate(client.serial) for client in clients]
    assert all(a.status == "complete" and len(a.fds) == 2 for a in allocations)
    root = administrator(bus)
    assert root.pool()["Buffers"] == 1200 and len(root.list_buffers()) == 1200
    # Who leaves keeps what it has, but for those who close it.
    for client in clients[:300]:
        client.close()
    assert root.pool()["Buffers"] == 1200
    for allocation in allocations:
        allocation.close()
    root.wait_whole()
    for client in clients[300:]:
        assert client.pools()
        client.close()
    root.pools()
    assert daemon.fds() <= before + 2, "descriptors are left in the daemon"


def take_turns(bus, number, share):
    """All ask at once for this share of the pool; who got it gives it back."""
    daemon_with_clients(bus, "main=64M,move=5ms")
    clients = [user(bus, uid) for uid in (ALICE, BOB, CAROL)[:number]]
    size = POOL_PAGES * share // 100
    start = time.monotonic()
    serials = [client.start_allocate(count=size) for client in clients]
    root = administrator(bus)
    done = 0
    while done < number:
        for index, client in enumerate(clients):
            if serials[index] is not None:
                client.process(time.monotonic() + 0.005)
                if client.has_reply(serials[index]):
                    allocation = client.finish_allocate(serials[index])
                    assert allocation.status == "complete", allocation.report
                    books = root.pool()
                    assert books["Exported"] == size * PAGE, "two at a time"
                    allocation.close()
                    serials[index] = None
                    done += 1
        assert time.monotonic() - start < 15, f"{done} of {number} in 15 s"
    root.wait_whole()
    print(f"{number} requests of {share} % in {time.monotonic() - start:.2f} s")


def two_of_75_percent(bus):
    take_turns(bus, 2, 75)


def three_of_75_percent(bus):
    take_turns(bus, 3, 75)


def three_of_all(bus):
    take_turns(bus, 3, 100)


def rounds_of_75_percent(bus):
    """The same three again and again: nobody starves, nobody holds while waiting."""
    daemon_with_clients(bus)
    clients = [user(bus, uid) for uid in (ALICE, BOB, CAROL)]
    size = POOL_PAGES * 3 // 4
    serials = [client.start_allocate(count=size) for client in clients]
    finished = [0, 0, 0]
    while min(finished) < 10:
        for index, client in enumerate(clients):
            client.process(time.monotonic() + 0.002)
            if client.has_reply(serials[index]):
                allocation = client.finish_allocate(serials[index])
                assert allocation.status == "complete", allocation.report
                allocation.close()
                finished[index] += 1
                serials[index] = client.start_allocate(count=size)
        assert max(finished) - min(finished) <= 5, f"somebody starves: {finished}"
    for index, client in enumerate(clients):
        client.close()
    administrator(bus).wait_whole()


def small_ones_pass_between_large_ones(bus):
    """A user who asks for little is not kept waiting by two who fight for all."""
    daemon_with_clients(bus)
    holder, waiter, small = user(bus, ALICE), user(bus, BOB), user(bus, CAROL)
    held = holder.allocate(count=POOL_PAGES * 3 // 4)
    serial = waiter.start_allocate(count=POOL_PAGES * 3 // 4)
    small.wait_pending(1)
    start = time.monotonic()
    allocation = small.allocate(count=1, timeout_usec=5_000_000)
    print(f"one page: {allocation.status} in {time.monotonic() - start:.3f} s")
    assert allocation.status == "complete", allocation.report
    allocation.close()
    held.close()
    large = waiter.finish_allocate(serial)
    assert large.status == "complete", large.report
    large.close()
    small.wait_whole()
