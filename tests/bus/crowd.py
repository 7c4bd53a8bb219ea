# SPDX-License-Identifier: LGPL-2.1-or-later
"""Many clients at once, and requests that together are more than there is."""

import resource
import select
import time

from client import HEADER_BYTES, Gio, finish_all, finish_next
from fixture import NAME
from manager import (ALICE, BOB, CAROL, CLIENTS, DAVE, MIB, PAGE, PATH, POOL, Allocation, User,
                     administrator, daemon_with_clients, expect_error, expect_prompt, user)

POOL_PAGES = 64 * MIB // PAGE


def six_hundred_connections(bus):
    """600 connections of 4 users, each with a request of its own; sd_bus_track would end at 512."""
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] >= 2048, "too few descriptors allowed"
    daemon = daemon_with_clients(bus, configuration="[Account default]\nMaxPending=200\n")
    before = daemon.fds()
    clients = [user(bus, uid) for uid in (ALICE, BOB, CAROL, DAVE) for _ in range(150)]
    # The last waits for all others, on a busy machine longer than a request may that does not say.
    waiting = [(client, client.start_allocate(count=2, buffers=2, label=f"client {number}",
                                              timeout_usec=60_000_000))
               for number, client in enumerate(clients)]
    allocations = [Allocation(reply) for reply in finish_all(waiting)]
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
    waiting = [(client, client.start_allocate(count=size)) for client in clients]
    root = administrator(bus)
    while waiting:
        # Nothing but what a release tells the daemon makes it go on.
        client, serial = finish_next(waiting)
        allocation = client.finish_allocate(serial)
        assert allocation.status == "complete", allocation.report
        assert root.pool()["Exported"] == size * PAGE, "two at a time"
        allocation.close()
    taken = time.monotonic() - start
    print(f"{number} requests of {share} % in {taken:.2f} s")
    assert taken < 10, "half of the time in which they time out"
    root.wait_whole()


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
    waiting = [(client, client.start_allocate(count=size)) for client in clients]
    finished = dict.fromkeys(clients, 0)
    while min(finished.values()) < 10:
        client, serial = finish_next(waiting)
        allocation = client.finish_allocate(serial)
        assert allocation.status == "complete", allocation.report
        allocation.close()
        finished[client] += 1
        waiting.append((client, client.start_allocate(count=size)))
        counts = finished.values()
        assert max(counts) - min(counts) <= 5, f"somebody starves: {counts}"
    for client in clients:
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


class Looker(User):
    """Has so many ListBuffers under way, always, and throws away what is long."""

    LONG = 100_000
    lists = None  # how many came

    def look(self, calls):
        self.lists = 0
        for _ in range(calls):
            self.start_list_buffers()

    def _next_message(self):
        while len(self._bytes) >= HEADER_BYTES:
            length = Gio.DBusMessage.bytes_needed(self._bytes[:HEADER_BYTES])
            if not self.LONG < length <= len(self._bytes):
                break
            self._bytes = self._bytes[length:]
            self.lists += 1
            self.start_list_buffers()
        return super()._next_message()

    def _dispatch(self, reply):
        super()._dispatch(reply)
        while self.lists is not None and self._replies:  # that too much lies unread
            self._replies.popitem()
            self.start_list_buffers()


def look_without_end(path):
    def run(child):
        lookers = [Looker(path, ALICE, (CLIENTS,)) for _ in range(4)]
        for looker in lookers:
            looker.look(100)
        said = False
        while True:
            for ready in select.select(lookers, [], [])[0]:
                ready.process(0)
            if not said and sum(looker.lists for looker in lookers) > 16:
                child.say("they are listed")
                said = True

    return run


def who_looks_often_delays_nobody(bus):
    """A user has 400 calls under way that take the daemon 12 ms each; others are still served."""
    daemon_with_clients(bus)
    alice, bob, root = user(bus), user(bus, BOB), administrator(bus)
    held = [alice.allocate(count=1024, buffers=1024), bob.allocate(count=1)]
    child = bus.child(look_without_end(bus.path), ALICE, (CLIENTS,))
    child.hear()
    survey = (NAME, f"{PATH}/pool/main", POOL, "Survey")
    for look in (lambda: bob.call(*survey), bob.accounts, bob.counters, bob.pools,
                 bob.list_buffers) * 5:
        expect_prompt(bus, "a look of another user", look)
    expect_prompt(bus, "Allocate", lambda: bob.allocate(count=1)).close()
    child.kill()
    alice.release(held[0].path)
    for allocation in held:
        allocation.close()
    root.wait_whole()


def ask_too_much_without_end(path):
    """One process that always has 100 requests under way that are refused."""
    def run(child):
        hostile = User(path, ALICE, (CLIENTS,))
        waiting = [hostile.start_allocate(count=1) for _ in range(100)]
        said = False
        while True:
            expect_error("QuotaExceeded", hostile.finish_allocate, waiting.pop(0))
            waiting.append(hostile.start_allocate(count=1))
            if not said:
                child.say("they are refused")
                said = True

    return run


def time_of_calls(bus, client, count=100):
    """Not counted what the machine did for others meanwhile."""
    start, waited = time.monotonic(), bus.waited_for_processor()
    for _ in range(count):
        client.pools()
    return time.monotonic() - start - (bus.waited_for_processor() - waited)


def who_is_refused_often_delays_nobody(bus):
    """To refuse one the daemon reads what lives in the pool, which is much: not before it has
    answered all others."""
    daemon_with_clients(bus, configuration="[Account default]\nMaxBuffers=12288\n")
    alice, bob = user(bus), user(bus, BOB)
    held = [alice.allocate(count=12288, buffers=12288), bob.allocate(count=1)]
    quiet = time_of_calls(bus, bob)
    child = bus.child(ask_too_much_without_end(bus.path), ALICE, (CLIENTS,))
    child.hear()
    busy = time_of_calls(bus, bob)
    assert busy < 5 * quiet + 0.15, f"100 calls take {busy:.2f} s, when it is quiet {quiet:.2f} s"
    expect_prompt(bus, "Allocate", lambda: bob.allocate(count=1)).close()
    child.kill()
    alice.release(held[0].path)
    for allocation in held:
        allocation.close()
    bob.wait_whole()
