# SPDX-License-Identifier: LGPL-2.1-or-later
"""BufferReleased tells who asked, and nobody else."""

from client import BUS, GLib
from manager import BOB, PAGE, administrator, daemon_with_clients, expect_error, user


def only_the_asker_hears(bus):
    daemon_with_clients(bus)
    alice, bob, root = user(bus), user(bus, BOB), administrator(bus)
    for client in (alice, bob, root):
        rule = GLib.Variant("(s)", ("type='signal',interface='org.cmabulk1.Manager'",))
        client.call_bus("AddMatch", rule)
    allocation = alice.allocate(count=6, buffers=3)
    other = bob.allocate(count=1)
    released = {}
    layout = {identity: inode for identity, inode, _, _ in allocation.layout}
    allocation.close()
    for _ in range(3):
        signal = alice.wait_signal("BufferReleased")
        pool, identity, inode = signal.arguments
        assert pool == "main" and signal.message.get_destination() == alice.name
        released[identity] = inode
    assert released == layout, f"{released}, where {layout} went"
    # The memory is back when the signal comes.
    assert alice.pool()["Exported"] == PAGE
    other.close()
    assert bob.wait_signal("BufferReleased").arguments[1] == other.layout[0][0]
    for client in (alice, bob, root):
        client.pools()  # whatever was under way has come
        assert not [s for s in client.signals if s.message.get_member() == "BufferReleased"]


def nobody_may_listen(bus):
    """The policy lets nobody eavesdrop."""
    daemon_with_clients(bus)
    alice, bob = user(bus), user(bus, BOB)
    rule = GLib.Variant("(s)", ("type='signal',eavesdrop='true'",))
    expect_error(f"{BUS}.Error.AccessDenied", bob.call_bus, "AddMatch", rule)
    bob.call_bus("AddMatch", GLib.Variant("(s)", ("type='signal'",)))
    allocation = alice.allocate(count=1)
    allocation.close()
    alice.wait_signal("BufferReleased")
    bob.pools()
    assert not [s for s in bob.signals if s.message.get_member() == "BufferReleased"]


def after_the_asker_left(bus):
    """A signal to nobody, or to who has the name now, is not sent; the books go on."""
    daemon_with_clients(bus)
    alice, root = user(bus), administrator(bus)
    rule = f"type='signal',sender='{BUS}',member='NameOwnerChanged',arg0='{alice.name}'"
    root.call_bus("AddMatch", GLib.Variant("(s)", (rule,)))
    allocation = alice.allocate(count=4, buffers=4)
    alice.close()
    root.wait_signal("NameOwnerChanged")
    allocation.close()
    root.wait_whole()
    user(bus).allocate(count=1).close()
    root.wait_whole()


def each_release_is_told_while_others_list(bus):
    """Who looks at the books takes nothing from those who wait for them to change."""
    daemon_with_clients(bus)
    alice, bob, root = user(bus), user(bus, BOB), administrator(bus)
    for _ in range(20):
        allocation = alice.allocate(count=16, buffers=16)
        listings = [client.start_list_buffers()
                    for client in (bob, root) for _ in range(10)]
        identities = {buffer[0] for buffer in allocation.layout}
        allocation.close()
        listings += [client.start_list_buffers()
                     for client in (bob, root) for _ in range(10)]
        told = {alice.wait_signal("BufferReleased", 10).arguments[1] for _ in range(16)}
        assert told == identities
        for client, serial in zip(([bob] * 10 + [root] * 10) * 2, listings):
            client.finish(serial)
    root.wait_whole()
