# SPDX-License-Identifier: LGPL-2.1-or-later
"""MemoryPressure asks those for memory who have more than they are guaranteed, and nobody else."""

from fixture import eventually
from manager import (ALICE, BOB, CAROL, MIB, administrator, daemon_with_clients, user)

GUARANTEED = "[Account man]\nUser=man\nMinBytes=24M\n"


def told(client):
    return [s.arguments for s in client.signals
            if s.message.get_member() == "MemoryPressure"]


def the_release_wakes_who_waits(bus):
    daemon_with_clients(bus)
    alice, bob, root = user(bus), user(bus, BOB), administrator(bus)
    held = alice.allocate(count=3072, order=2)
    serial = bob.start_allocate(count=2048, order=2)
    signal = alice.wait_signal("MemoryPressure")
    assert signal.arguments == ("main", "moderate", 16 * MIB), signal.arguments
    assert signal.message.get_destination() == alice.name
    held.close()
    allocation = bob.finish_allocate(serial)
    assert allocation.status == "complete"
    allocation.close()
    root.wait_whole()
    assert not told(bob) and not told(root)


def who_has_most_above_his_guarantee_is_first(bus):
    """Carol, who has less than Bob, but all of it above; and each connection of hers."""
    daemon_with_clients(bus, configuration=GUARANTEED)
    alice, bob, carol = (user(bus, uid) for uid in (ALICE, BOB, CAROL))
    second, root = user(bus, CAROL), administrator(bus)
    second.pools()
    held = [bob.allocate(count=2048, order=2), carol.allocate(count=1536, order=2)]
    serial = alice.start_allocate("waits", count=1024, order=2)
    for client in (carol, second):
        assert client.wait_signal("MemoryPressure").arguments == ("main", "moderate", 8 * MIB)
    assert not told(bob)
    # She does nothing: a second later he is asked, for what is his to give.
    assert bob.wait_signal("MemoryPressure").arguments == ("main", "moderate", 8 * MIB)
    assert not told(carol) and not told(second), "asked again so soon"
    alice.cancel("waits")
    assert alice.finish_allocate(serial).status == "cancelled"
    for each in held:
        each.close()
    root.wait_whole()


def who_is_not_there_is_passed_over(bus):
    """What two hold who cannot be asked is asked of the third, and not when two rounds are over."""
    daemon_with_clients(bus)
    alice, bob = user(bus), user(bus, BOB)
    gone = [user(bus, CAROL), administrator(bus)]
    held = [client.allocate(count=1408, order=2) for client in gone]
    held.append(bob.allocate(count=1280, order=2))
    for client in gone:
        client.socket.close()
        eventually("it is gone", lambda name=client.name: not alice.name_has_owner(name))
    serial = alice.start_allocate("waits", count=512, order=2, timeout_usec=20_000_000)
    assert bob.wait_signal("MemoryPressure").arguments == ("main", "moderate", 8 * MIB)
    alice.cancel("waits")
    alice.finish_allocate(serial).close()
    for each in held:
        each.close()
    administrator(bus).wait_whole()


def what_is_guaranteed_is_critical(bus):
    daemon = daemon_with_clients(bus)
    alice, bob, root = user(bus), user(bus, BOB), administrator(bus)
    held = alice.allocate(count=4096, order=2)
    daemon.drop_in("guarantee.conf", GUARANTEED)
    root.manager("Reload")
    serial = bob.start_allocate(count=1024, order=2)
    assert alice.wait_signal("MemoryPressure").arguments == ("main", "critical", 16 * MIB)
    held.close()
    bob.finish_allocate(serial).close()
    root.wait_whole()
