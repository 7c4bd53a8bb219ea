# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the daemon tells everybody: pools that there are, and what changes of them."""

import signal
import time

from client import BUS, GLib
from fixture import NAME
from introspection import introspect
from manager import (MANAGER, MIB, PAGE, PATH, POOL, administrator, daemon_with_clients, user)

MAIN = f"{PATH}/pool/main"
QUIET = 1.5  # whatever was to be told has been


def listen(client, member="PropertiesChanged"):
    rule = f"type='signal',sender='{NAME}',member='{member}'"
    client.call_bus("AddMatch", GLib.Variant("(s)", (rule,)))


def hear(client, seconds):
    """All that is told within this time: [(when, path, interface, values)]."""
    deadline = time.monotonic() + seconds
    while client.process(deadline):
        pass
    # Had the daemon no time to tell, it does so before it answers the second of these.
    for _ in range(2):
        client.pools()
    heard = [(told.time, told.message.get_path(), *told.arguments[:2]) for told in client.signals
             if told.message.get_member() == "PropertiesChanged"]
    client.signals.clear()
    return heard


def two_at_once_are_told_together(bus):
    daemon = daemon_with_clients(bus)
    alice, listener = user(bus), user(bus)
    listen(listener)
    alice.pools()  # so that nothing waits for who she is
    daemon.signal(signal.SIGSTOP)
    serials = [alice.start_allocate(count=256, buffers=buffers) for buffers in (2, 1)]
    alice.call_bus("GetId")
    daemon.signal(signal.SIGCONT)
    held = [alice.finish_allocate(serial) for serial in serials]
    [(_, path, interface, values)] = hear(listener, QUIET)
    assert (path, interface) == (MAIN, POOL)
    books = alice.pool()
    assert values == {"Exported": 2 * MIB, "Buffers": 3, "Free": books["Free"]}, values
    # What is as it was is not told.
    alice.allocate(count=16).close()
    alice.wait_for_buffers(3)
    alice.pools()
    told = hear(listener, QUIET)
    assert len(told) <= 1, told
    for allocation in held:
        allocation.close()
    alice.wait_whole()
    last = {}
    for _, _, _, values in hear(listener, QUIET):
        last |= values
    assert last == {"Exported": 0, "Buffers": 0, "Free": 64 * MIB}, last


def at_most_twice_a_second(bus):
    daemon_with_clients(bus, "main=64M", "npu=16M")
    alice, listener = user(bus), user(bus)
    listen(listener)
    held = []
    start = time.monotonic()
    # More and more: whenever it is looked at, it is not as it was. And no more than an account may have.
    while time.monotonic() < start + 3:
        held += [alice.allocate(count=1, pool=pool) for pool in ("main", "npu")]
        listener.process(time.monotonic() + 0.01)
    for allocation in held:
        allocation.close()
    for pool in "main", "npu":
        alice.wait_whole(pool)
    told = hear(listener, QUIET)
    for pool in "main", "npu":
        times = [when for when, path, _, _ in told if path == f"{PATH}/pool/{pool}"]
        taken = time.monotonic() - start
        assert 2 <= len(times) <= 2 * taken + 1, f"{len(times)} signals in {taken:.1f} s"
    # Silence when nothing changes, and to look changes nothing.
    alice.pools()
    assert hear(listener, QUIET) == []


def requests_that_wait_are_told(bus):
    """With the values of the moment, as those hear who have no account."""
    daemon_with_clients(bus)
    root, alice, listener = administrator(bus), user(bus), user(bus, groups=())
    listen(listener)
    holder = root.allocate(count=48 * MIB // PAGE)
    waiting = alice.start_allocate("mine", count=32 * MIB // PAGE)
    root.wait_pending(1)
    told = {}
    for _, _, _, values in hear(listener, QUIET):
        told |= values
    assert told["Pending"] == 1 and told["Exported"] == 48 * MIB, told
    alice.cancel("mine")
    alice.finish_allocate(waiting)
    [(_, _, _, values)] = hear(listener, QUIET)
    assert values == {"Pending": 0}, values
    holder.close()
    root.wait_whole()


def a_guarantee_at_risk_is_told(bus):
    daemon_with_clients(bus)
    root, listener = administrator(bus), user(bus)
    listen(listener)
    holder = root.allocate(count=48 * MIB // PAGE)
    hear(listener, QUIET)
    root.set_account("games", User="games", MinBytes="32M")
    [(_, _, _, values)] = hear(listener, QUIET)
    assert values == {"GuaranteeAtRisk": True}, values
    # Nobody asks the device again and again for that.
    assert hear(listener, QUIET) == []
    holder.close()
    root.wait_whole()
    told = {}
    for _, _, _, values in hear(listener, QUIET):
        told |= values
    assert told["GuaranteeAtRisk"] is False, told


def all_objects_at_once(bus):
    """ObjectManager has manager and pools with all their properties, and nobody's account."""
    daemon_with_clients(bus, "main=64M", "camera-2=16M")
    alice = user(bus)
    allocation = alice.allocate(count=20, buffers=20, pool="main")
    [found] = alice.call(NAME, PATH, f"{BUS}.ObjectManager", "GetManagedObjects").arguments
    assert set(found) == {MAIN, f"{PATH}/pool/camera_2d2"}, sorted(found)
    assert found[MAIN][POOL] == alice.pool()
    assert MANAGER in introspect(alice, PATH) and "ObjectManager" in introspect(alice, PATH)
    assert "<node" not in introspect(alice, f"{PATH}/account").split("<node", 1)[1]
    allocation.close()
