# SPDX-License-Identifier: LGPL-2.1-or-later
"""Clients and daemons that are killed: what should be given back is, what should live lives."""

import mmap
import os
import random
import time

from client import BUS, BusError
from fixture import NAME
from manager import (ALICE, BOB, CLIENTS, ERROR, MIB, PAGE, User, administrator, check_zero,
                     daemon_with_clients, expect_error, expect_prompt, user)

BIG = 48 * MIB // PAGE
POOL_PART = 40 * MIB // PAGE
SLOW = "main=64M,move=500ms"


def as_client(bus, function, uid=ALICE):
    """A process with one connection, running function(child, client)."""
    def run(child):
        client = User(bus.path, uid, (CLIENTS,))
        function(child, client)
        child.linger()

    return bus.child(run, uid, (CLIENTS,))


def client_while_queued(bus):
    daemon_with_clients(bus)
    root = administrator(bus)
    holder = root.allocate(count=BIG)
    child = as_client(bus, lambda _, client: client.start_allocate(count=BIG))
    root.wait_pending(1)
    child.kill()
    root.wait_pending(0)
    # What it waited for is not taken by its ghost.
    holder.close()
    root.wait_whole()


def client_while_filling(bus):
    daemon_with_clients(bus, SLOW)
    root = administrator(bus)
    child = as_client(bus, lambda _, client: client.start_allocate(count=BIG))
    root.wait_pending(1)
    child.kill()
    expect_prompt(bus, "ending a fill of 12 s, whose client is dead,", root.wait_whole)


def client_between_reply_and_fetch(bus):
    daemon_with_clients(bus)
    root = administrator(bus)

    def ask(child, client):
        allocation = client.allocate(count=64, buffers=64)
        child.say(len(allocation.fds), allocation.fds)

    child = as_client(bus, ask)
    count, kept = child.hear()
    assert count == len(kept) == 16
    assert root.pool()["Buffers"] == 64, "what was not fetched is there to be fetched"
    child.kill()
    # The first sixteen live on: somebody has them. The rest goes back.
    root.wait_for_buffers(16)
    for fd in kept:
        check_zero(fd, PAGE)
        os.close(fd)
    root.wait_whole()


def client_that_never_read_its_reply(bus):
    daemon_with_clients(bus)
    root = administrator(bus)
    child = as_client(bus, lambda _, client: client.start_allocate(count=16, buffers=16))
    root.wait_for_buffers(16)
    child.kill()
    root.wait_whole()


def client_after_delivery(bus):
    """Its buffers go back when nobody has them any more: at once, or with whom it gave them to."""
    daemon_with_clients(bus)
    root = administrator(bus)

    def ask(child, client):
        allocation = client.allocate(count=40, buffers=40)
        client.fetch_all(allocation)
        client.release(allocation.path)
        child.say("these two are yours", allocation.fds[:2])

    child = as_client(bus, ask)
    _, kept = child.hear()
    assert root.pool()["Buffers"] == 40
    with mmap.mmap(kept[0], PAGE) as memory:
        memory[:4] = b"mine"
    child.kill()
    root.wait_for_buffers(2)
    account = root.account("default", ALICE)
    assert account["used"] == 2 * PAGE and account["buffers"] == 2, \
        f"charged is who asked, whoever has it: {account}"
    with mmap.mmap(kept[0], PAGE) as memory:
        assert memory[:4] == b"mine", "a buffer that lives was taken"
    for fd in kept:
        os.close(fd)
    root.wait_whole()


def daemon_with_calls_waiting(bus):
    """Who waits may try again at once, what was delivered stays, a new daemon starts clean."""
    daemon = daemon_with_clients(bus)
    alice, bob = user(bus), user(bus, BOB)
    held = administrator(bus).allocate(count=BIG)
    with mmap.mmap(held.fds[0], BIG * PAGE) as memory:
        memory[:8] = b"survives"
    serials = [client.start_allocate(count=BIG) for client in (alice, alice, bob)]
    alice.wait_pending(3)

    def all_know():
        for client, serial in zip((alice, alice, bob), serials):
            expect_error("org.freedesktop.DBus.Error.NoReply", client.finish, serial)

    daemon.kill()
    expect_prompt(bus, "telling the callers", all_know)
    expect_error("org.freedesktop.DBus.Error.ServiceUnknown", alice.pools)
    with mmap.mmap(held.fds[0], BIG * PAGE) as memory:
        assert memory[:8] == b"survives"

    daemon_with_clients(bus)
    # Simulated pools start empty.
    alice.wait_whole()
    expect_error("NoSuchAllocation", alice.fetch, held.path, 0)
    again = alice.allocate("t1", count=BIG)
    assert again.status == "complete"
    held.close()
    assert alice.pool()["Exported"] == BIG * PAGE, "not every buffer is the daemon's"
    again.close()
    alice.wait_whole()


def daemon_while_filling(bus):
    daemon = daemon_with_clients(bus, SLOW)
    alice = user(bus)
    serial = alice.start_allocate(count=BIG)
    alice.wait_pending(1)
    daemon.kill()
    expect_error("org.freedesktop.DBus.Error.NoReply", alice.finish, serial)
    daemon_with_clients(bus, SLOW)
    alice.allocate(count=1).close()
    alice.wait_whole()


def daemon_stops_while_filling(bus):
    """SIGTERM does not wait for a fill."""
    daemon = daemon_with_clients(bus, "main=64M,move=500ms")
    alice = user(bus)
    serial = alice.start_allocate(count=BIG)
    alice.wait_pending(1)
    start = time.monotonic()
    daemon.stop()
    assert time.monotonic() - start < 5, "12 s of filling were not interrupted"
    expect_error("Restarting", alice.finish, serial)


def bus_that_goes_away(bus):
    """Without a bus there is nothing to do: the daemon ends, and says so, it does not spin."""
    daemon = daemon_with_clients(bus)
    alice = user(bus)
    held = alice.allocate(count=4)
    bus.process.kill()
    alice.wait_disconnected()
    assert daemon.wait() != 0, "a service manager is to start it again"
    check_zero(held.fds[0], 4 * PAGE)
    held.close()


def a_second_daemon(bus):
    """One name, one owner: the second ends, the first does not notice."""
    daemon = daemon_with_clients(bus)
    alice = user(bus)
    try:
        second = daemon_with_clients(bus, name="second")
    except AssertionError as error:
        assert "ended with" in str(error), error
    else:
        raise AssertionError(f"there are two daemons, {daemon.pid} and {second.pid}")
    assert alice.name_has_owner(NAME) and alice.pools()


class Load:
    """A process that asks, fetches, gives back and asks again, until it is killed."""

    # What a daemon that is killed does to its clients, how little four of two users can have, and what comes of one
    # that is slow: itself, or another connection of its user, may ask before it has read its reply.
    EXPECTED = (f"{BUS}.Error.NoReply", f"{BUS}.Error.ServiceUnknown", f"{BUS}.Error.NameHasNoOwner",
                *(ERROR + name for name in ("QuotaExceeded", "NoSuchAllocation", "Unconfirmed")))

    def __init__(self, bus, dice):
        self.path = bus.path
        self.uid = dice.choice((ALICE, BOB))
        self.dice = random.Random(dice.randrange(2**32))
        self.child = bus.child(self.run, self.uid, (CLIENTS,))
        self.child.hear()

    def run(self, child):
        client = User(self.path, self.uid, (CLIENTS,))
        child.say("begin")
        while True:
            try:
                self.ask(client)
            except BusError as error:
                if error.name not in self.EXPECTED:
                    child.say(str(error))
                    raise
                time.sleep(0.01)

    def ask(self, client):
        buffers = self.dice.randint(1, 40)
        allocation = client.allocate(
            count=self.dice.randint(buffers, POOL_PART), buffers=buffers,
            timeout_usec=self.dice.randint(1, 2_000_000))
        try:
            if allocation.granted and self.dice.random() < 0.8:
                client.fetch_all(allocation)
            elif allocation.buffers > len(allocation.fds):
                client.release(allocation.path, allocation.report["serial"])
        finally:
            allocation.close()

    def kill(self):
        self.child.socket.setblocking(False)
        try:
            data = self.child.socket.recv(1 << 16)
        except BlockingIOError:
            data = b""
        self.child.kill()
        assert not data, f"a client was refused: {data}"


def soak(bus, kills, daemons):
    """Kill so many clients, and `daemons` of 100 times the daemon instead; then all is whole."""
    seed = int(os.environ.get("CMABULK_SEED") or random.randrange(2**32))
    dice = random.Random(seed)
    print(f"seed {seed}")

    def start_daemon():
        return daemon_with_clients(bus, "main=64M,move=2ms", configuration="FetchTimeoutSec=1\n")

    daemon = start_daemon()
    root = administrator(bus)
    loads = [Load(bus, dice) for _ in range(4)]
    inside = killed = 0
    for _ in range(kills):
        # A moment, not a delay: when is what is random here.
        time.sleep(dice.random() * 0.05)
        inside += root.pool()["Reserved"] > 0
        if dice.randrange(100) < daemons:
            daemon.kill()
            daemon = start_daemon()
            killed += 1
        else:
            victim = dice.randrange(len(loads))
            loads[victim].kill()
            loads[victim] = Load(bus, dice)
    for load in loads:
        load.kill()
    root.wait_whole()
    print(f"{kills - killed} clients, {killed} daemons; {inside} while chunks were being claimed")
    assert inside, "none was killed while chunks were being claimed"


def clients_at_random_moments(bus):
    soak(bus, 60, 0)


def anybody_at_random_moments(bus):
    soak(bus, 200, 25)
