# SPDX-License-Identifier: LGPL-2.1-or-later
"""A bus that takes nothing from the daemon any more: it connects anew, and what it owes survives."""

import signal
import time

from client import BUS, BusError, GLib
from fixture import NAME, eventually
from manager import BOB, MIB, PAGE, administrator, daemon_with_clients, expect_error, user


def owner(client):
    """Asked for in one call: between two the name may go."""
    try:
        return client.call_bus("GetNameOwner", GLib.Variant("(s)", (NAME,))).arguments[0]
    except BusError as error:
        assert error.name == f"{BUS}.Error.NameHasNoOwner", error
        return None


def wait_reconnected(client, before):
    """Another unique name has it now."""
    eventually("the daemon is on the bus again", lambda: owner(client) not in (None, before))


def daemon_connects_anew(bus):
    daemon = daemon_with_clients(bus)
    root, alice, bob = administrator(bus), user(bus), user(bus, BOB)
    held = alice.allocate(count=40, buffers=40)
    alice.answers_pings = False
    fds, _ = alice.fetch(held.path, 16, held.report["serial"])
    held.fds += fds
    # One that waits: it loses its call, as the bus says, and asks again.
    holder = root.allocate(count=48 * MIB // PAGE)
    serial = bob.start_allocate(count=32 * MIB // PAGE)
    root.wait_pending(1)
    before = owner(root)
    bus.process.signal(signal.SIGSTOP)
    eventually("the daemon gives the connection up", lambda: "anew" in daemon.said())
    bus.process.signal(signal.SIGCONT)
    wait_reconnected(root, before)
    expect_error(f"{BUS}.Error.NoReply", bob.finish, serial)
    root.wait_pending(0)
    # What was not fetched is still there for who it is for; what was delivered is theirs.
    fds, serial = alice.fetch(held.path, 32, 0)
    held.fds += fds
    assert len(held.fds) == 40
    alice.release(held.path, serial)
    for allocation in (held, holder):
        allocation.close()
    again = bob.allocate(count=32 * MIB // PAGE)
    assert again.status == "complete"
    again.close()
    root.wait_whole()


def who_left_meanwhile_is_lost(bus):
    daemon = daemon_with_clients(bus)
    root, alice = administrator(bus), user(bus)
    alice.answers_pings = False
    alice.allocate(count=40, buffers=40).close()
    assert root.pool()["Buffers"] >= 24
    before = owner(root)
    bus.process.signal(signal.SIGSTOP)
    alice.close()
    eventually("the daemon gives the connection up", lambda: "anew" in daemon.said())
    bus.process.signal(signal.SIGCONT)
    wait_reconnected(root, before)
    root.wait_whole()


def works_while_it_connects(bus):
    """The new connection is not waited for, however long the bus is stuck."""
    daemon = daemon_with_clients(bus, configuration="FetchTimeoutSec=1\n")
    root, alice = administrator(bus), user(bus, answers_pings=False)
    alice.start_allocate(count=16, buffers=16)
    eventually("alice is penalised", lambda: "gets no more buffers" in daemon.said())
    before = owner(root)
    bus.process.signal(signal.SIGSTOP)
    eventually("the daemon gives the connection up", lambda: "anew" in daemon.said())
    end = time.monotonic() + 2
    count = 0
    while time.monotonic() < end:
        count += 1
        daemon.configure(f"line {count} is wrong\n")
        daemon.signal(signal.SIGHUP)
        eventually("it reads its file", lambda: f"line {count} is wrong" in daemon.said(), 10)
    bus.process.signal(signal.SIGCONT)
    wait_reconnected(root, before)
    alice.close()
    root.wait_whole()


def found_by_a_single_reply(bus):
    """It is noticed also when nothing but the answer to one call is under way."""
    daemon = daemon_with_clients(bus)
    root, bob = administrator(bus), user(bus, BOB)
    bob.pools()
    before = owner(root)
    daemon.signal(signal.SIGSTOP)
    bob.start_manager("ListPools")
    bob.call_bus("GetId")  # the bus has handed the call on
    bus.process.signal(signal.SIGSTOP)
    daemon.signal(signal.SIGCONT)
    eventually("the daemon gives the connection up", lambda: "anew" in daemon.said(), 20)
    bus.process.signal(signal.SIGCONT)
    wait_reconnected(root, before)
    assert user(bus, BOB).pools()
