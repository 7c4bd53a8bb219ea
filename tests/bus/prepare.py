# SPDX-License-Identifier: LGPL-2.1-or-later
"""Prepare claims ahead: for the account's next Allocate, and until anybody else wants the memory."""

import signal

from client import GLib
from fixture import eventually
from manager import (BOB, CLIENTS_CONFIGURATION, MIB, PAGE, STRANGER, administrator,
                     daemon_with_clients, expect_error, user)

GUARANTEED = "[Account games]\nUser=games\nMinBytes=32M\n"


def wait_prepared(root, size):
    eventually(f"{size} bytes are claimed ahead", lambda: root.pool()["Reserved"] == size)
    eventually("nothing is pending", lambda: root.pool()["Pending"] == 0)


def is_there_for_the_next_allocate(bus):
    daemon_with_clients(bus)
    alice, root = user(bus), administrator(bus)
    alice.prepare(count=512, order=2, label="ahead")
    wait_prepared(root, 8 * MIB)
    assert root.account("default", alice.uid)["used"] == 8 * MIB
    allocation = alice.allocate(count=512, order=2, buffers=4, label="now")
    assert (allocation.status, allocation.granted) == ("complete", 512)
    assert allocation.report["prepared"] == 512
    assert not allocation.report["steps"], "it was there, and still something was tried"
    names = {name for _, _, _, name in allocation.layout}
    assert names == {"now-0", "now-1", "now-2", "now-3"}, names
    books = root.pool()
    assert (books["Reserved"], books["Exported"]) == (0, 8 * MIB)
    # The release of each is told to who has it.
    identities = {identity for identity, _, _, _ in allocation.layout}
    alice.fetch_all(allocation)
    allocation.close()
    assert {alice.wait_signal("BufferReleased").arguments[1] for _ in range(4)} == identities
    root.wait_whole()


def another_connection_of_the_account_has_it(bus):
    """One that was closed before, as that of a launcher."""
    daemon_with_clients(bus)
    launcher, alice, bob, root = user(bus), user(bus), user(bus, BOB), administrator(bus)
    launcher.prepare(count=256, order=2)
    wait_prepared(root, 4 * MIB)
    launcher.close()
    other = bob.allocate(count=256, order=2)
    assert "prepared" not in other.report
    allocation = alice.allocate(count=300, order=2)
    assert allocation.report["prepared"] == 256 and allocation.granted == 300
    for each in (allocation, other):
        each.close()
    root.wait_whole()


def goes_back_when_it_expires(bus):
    daemon_with_clients(bus)
    alice, root = user(bus), administrator(bus)
    alice.prepare(count=512, order=2, expire_usec=5_000_000)
    wait_prepared(root, 8 * MIB)
    root.wait_whole()


def goes_back_when_it_is_cancelled(bus):
    daemon_with_clients(bus)
    alice, bob, root = user(bus), user(bus, BOB), administrator(bus)
    alice.prepare("soon", count=512, order=2)
    wait_prepared(root, 8 * MIB)
    expect_error("TokenInUse", alice.prepare, "soon", count=1)
    expect_error("TokenInUse", alice.allocate, "soon", count=1)
    expect_error("NoSuchAllocation", bob.cancel, "soon")
    alice.cancel("soon")
    root.wait_whole()
    expect_error("NoSuchAllocation", alice.cancel, "soon")
    alice.allocate("soon", count=1).close()


def cancelled_before_its_sender_is_known(bus):
    """The very first calls of a connection, both there when the daemon looks."""
    daemon = daemon_with_clients(bus)
    alice, root = user(bus), administrator(bus)
    daemon.signal(signal.SIGSTOP)
    serial = alice.start_prepare("early", count=512, order=2)
    cancel = alice.start_manager("Cancel", GLib.Variant("(s)", ("early",)))
    alice.call_bus("GetId")
    daemon.signal(signal.SIGCONT)
    alice.finish(serial)
    alice.finish(cancel)
    assert root.pool()["Reservations"] == 0
    expect_error("NoSuchAllocation", alice.cancel, "early")
    root.wait_whole()


def anybody_who_needs_it_has_it(bus):
    daemon_with_clients(bus)
    alice, bob, root = user(bus), user(bus, BOB), administrator(bus)
    alice.prepare(count=1024, order=2)
    alice.prepare(count=1024, order=2)
    wait_prepared(root, 32 * MIB)
    allocation = bob.allocate(count=3072, order=2)
    assert allocation.status == "complete", allocation.report["reason"]
    assert root.pool()["Reserved"] == 16 * MIB, "more went than it took"
    allocation.close()
    expect_error("NoSuchAllocation", alice.cancel, "t2")
    alice.cancel("t1")
    root.wait_whole()


def unless_it_is_guaranteed(bus):
    daemon_with_clients(bus, configuration=GUARANTEED)
    alice, bob, root = user(bus), user(bus, BOB), administrator(bus)
    alice.prepare(count=2048, order=2)
    wait_prepared(root, 32 * MIB)
    allocation = bob.allocate(count=4096, order=2, minimum=1)
    assert (allocation.status, allocation.granted) == ("partial", 2048)
    assert root.pool()["Reserved"] == 32 * MIB
    own = alice.allocate(count=2048, order=2)
    assert own.report["prepared"] == 2048
    for each in (allocation, own):
        each.close()
    root.wait_whole()


def refusals_are_those_of_allocate(bus):
    daemon_with_clients(bus, configuration="[Account games]\nUser=games\nMaxBytes=16M\n")
    alice, stranger, root = user(bus), user(bus, STRANGER, ()), administrator(bus)
    expect_error("NotAuthorized", stranger.prepare, count=1)
    expect_error("QuotaExceeded", alice.prepare, count=17 * MIB // PAGE)
    expect_error("NoSuchPool", alice.prepare, count=1, pool="other")
    expect_error("TooLarge", root.prepare, count=65 * MIB // PAGE)
    for key in ("buffers", "minimum", "timeout_usec"):
        sentence = expect_error("InvalidArgument", alice.prepare, count=2, **{key: 1})
        assert "expire-usec" in sentence and key.replace("_", "-") in sentence, sentence
    expect_error("InvalidArgument", alice.prepare, count=1, expire_usec=0)
    expect_error("InvalidArgument", alice.allocate, count=1,
                 expire_usec=GLib.Variant("t", 1))
    expect_error("InvalidArgument", alice.prepare, count=0)
    root.wait_whole()


def the_most_is_bounded(bus):
    """Who asks for much ahead has at most what anybody may have, and delays nobody."""
    daemon_with_clients(bus)
    alice, bob, root = user(bus), user(bus, BOB), administrator(bus)
    serials = [alice.start_prepare(count=16, order=2) for _ in range(16)]
    for serial in serials:
        alice.finish(serial)
    sentence = expect_error("QueueFull", alice.prepare, count=1)
    assert " 16 times" in sentence, sentence
    alice.cancel("t16")
    eventually("one is gone", lambda: root.pool()["Reservations"] == 15)
    alice.prepare("long", count=16, order=2, expire_usec=GLib.Variant("t", 2**64 - 1))
    bob.allocate(count=4096, order=2).close()
    root.wait_whole()


def does_not_outlive_its_account(bus):
    daemon = daemon_with_clients(bus, configuration="[Account games]\nUser=games\n")
    alice, root = user(bus), administrator(bus)
    alice.prepare(count=512, order=2)
    wait_prepared(root, 8 * MIB)
    daemon.configure(CLIENTS_CONFIGURATION)
    root.manager("Reload")
    root.wait_whole()


def the_daemon_stops_meanwhile(bus):
    daemon = daemon_with_clients(bus)
    alice, root = user(bus), administrator(bus)
    alice.prepare(count=512, order=2)
    wait_prepared(root, 8 * MIB)
    daemon.stop()
