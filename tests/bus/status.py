# SPDX-License-Identifier: LGPL-2.1-or-later
"""What was admitted returns, and a short result says how much there was, and why."""

import errno
import signal
import time

from client import NO_REPLY, GLib
from counters import counters
from fixture import eventually
from manager import BOB, MIB, PAGE, daemon_with_clients, expect_error, expect_prompt, user

# A pageblock of the simulated pools.
BLOCK = 2 * MIB
# A fill that takes long enough to be met in it.
SLOW = "main=64M,move=500ms"


def check_short(allocation, status, granted, claimed=None):
    assert (allocation.status, allocation.granted) == (status, granted), \
        f"{allocation.status}, {allocation.granted} of {allocation.report}"
    report = allocation.report
    if claimed is not None:
        assert report["claimed"] == claimed, report
    assert report["error"] > 0 and errno.errorcode[report["error"]], report
    assert " " in report["reason"], "no sentence says why"
    assert not granted or allocation.layout
    if not granted:
        assert not allocation.layout and not allocation.fds and not allocation.buffers
        assert report["serial"] == 0, "there is nothing to confirm"


def partial_says_how_many_and_why(bus):
    """One page of every second pageblock does not move, and chunks are as large as that."""
    daemon_with_clients(bus, "main=16M,unmovable=2")
    alice = user(bus)
    allocation = alice.allocate(count=8, minimum=1, order=9)
    assert 1 <= allocation.granted < 8
    check_short(allocation, "partial", 4, claimed=4)
    assert allocation.report["cause"] == "pinned", allocation.report
    assert len(allocation.report["steps"]) >= 2, "gave up without trying harder"
    assert allocation.report["steps"][-1]["effort"] == "hard"
    assert alice.pool()["Exported"] == 4 * BLOCK
    allocation.close()
    alice.wait_whole()


def below_the_minimum_nothing_is_kept(bus):
    daemon_with_clients(bus, "main=16M,unmovable=2")
    alice = user(bus)
    allocation = alice.allocate(count=8, minimum=5, order=9, timeout_usec=3_000_000)
    check_short(allocation, allocation.status, 0)
    assert allocation.status in ("partial", "timed-out")
    assert allocation.report["claimed"] == 4, "the caller learns how many could be had"
    alice.wait_whole()


def timed_out_while_waiting(bus):
    daemon_with_clients(bus)
    alice, bob = user(bus), user(bus, BOB)
    holder = alice.allocate(count=48 * MIB // PAGE)
    start = time.monotonic()
    allocation = bob.allocate(count=32 * MIB // PAGE, timeout_usec=300_000)
    assert time.monotonic() - start >= 0.3
    check_short(allocation, "timed-out", 0)
    assert allocation.report["queued-usec"] >= 200_000, allocation.report
    holder.close()
    alice.wait_whole()


def timed_out_while_filling(bus):
    daemon_with_clients(bus, SLOW)
    alice = user(bus)
    start = time.monotonic()
    allocation = expect_prompt(bus, "a deadline of 2 s", lambda: alice.allocate(
        count=64 * MIB // PAGE, timeout_usec=2_000_000, minimum=1), 3.5)
    assert time.monotonic() - start >= 1.9
    assert allocation.status == "timed-out" and 0 < allocation.granted < 64 * MIB // PAGE
    check_short(allocation, "timed-out", allocation.granted)
    allocation.close()
    alice.wait_whole()


def timed_out_while_held(bus):
    """The reply before is not read, and the request's time is over before it would be refused."""
    daemon_with_clients(bus)
    alice = user(bus, answers_pings=False)
    first = alice.allocate(count=1)
    start = time.monotonic()
    allocation = expect_prompt(bus, "a deadline of 1 s", lambda: alice.allocate(count=2, timeout_usec=1_000_000), 3)
    assert time.monotonic() - start >= 1
    check_short(allocation, "timed-out", 0)
    assert "confirmed" in allocation.report["reason"], allocation.report
    assert allocation.report["queued-usec"] >= 1_000_000, allocation.report
    first.close()
    alice.wait_whole()


def time_held_counts(bus):
    """Held for a part of its time, it waits in the queue for no more than the rest."""
    daemon_with_clients(bus)
    alice, bob = user(bus, answers_pings=False), user(bus, BOB)
    holder = bob.allocate(count=63 * MIB // PAGE)
    first = alice.allocate(count=1)
    alice.wait_for("a ping", lambda: alice.pings)
    start = time.monotonic()
    serial = alice.start_allocate(count=32 * MIB // PAGE, timeout_usec=8_000_000)
    while alice.process(start + 3):
        pass  # it is asked again whether it reads
    assert not alice.has_reply(serial), "it was not held"
    for ping in alice.pings:
        alice.pong(ping)
    alice.pings.clear()
    allocation = alice.finish_allocate(serial)
    taken = time.monotonic() - start
    check_short(allocation, "timed-out", 0)
    assert 8 <= taken < 10.8, f"8 s took {taken:.2f} s"
    assert allocation.report["elapsed-usec"] >= 8_000_000, allocation.report
    for each in (first, holder):
        each.close()
    alice.wait_whole()


def cancelled_while_waiting(bus):
    daemon_with_clients(bus)
    alice, bob = user(bus), user(bus, BOB)
    holder = alice.allocate(count=48 * MIB // PAGE)
    serial = bob.start_allocate("mine", count=32 * MIB // PAGE)
    alice.wait_pending(1)
    bob.cancel("mine")
    check_short(bob.finish_allocate(serial), "cancelled", 0)
    expect_error("NoSuchAllocation", bob.cancel, "mine")
    holder.close()
    alice.wait_whole()


def cancelled_while_filling(bus):
    daemon_with_clients(bus, SLOW)
    alice = user(bus)
    serial = alice.start_allocate("mine", count=64 * MIB // PAGE, minimum=1)
    alice.wait_pending(1)

    def cancelled():
        alice.cancel("mine")
        return alice.finish_allocate(serial)

    check_short(expect_prompt(bus, "cancelling what takes 16 s", cancelled), "cancelled", 0)
    alice.wait_whole()


def cancelled_while_held(bus):
    """One that waits until a reply before it was read, answered or not: no other is taken for it."""
    daemon_with_clients(bus)
    alice = user(bus, answers_pings=False)
    first = alice.allocate(count=1)
    held, other = (alice.start_allocate(token, count=2) for token in ("held", "other"))
    expect_error("NoSuchAllocation", alice.cancel, "nobody")
    alice.cancel("held")
    check_short(alice.finish_allocate(held), "cancelled", 0)
    expect_error("NoSuchAllocation", alice.cancel, "held")
    assert not alice.has_reply(other)
    alice.start_manager("Cancel", GLib.Variant("(s)", ("other",)), NO_REPLY)
    check_short(alice.finish_allocate(other), "cancelled", 0)
    assert alice.pool()["Buffers"] == 1
    first.close()
    alice.wait_whole()


def cancelled_while_its_turn_is_far(bus):
    """One that waits for newer books than there are, with other calls of its user."""
    daemon = daemon_with_clients(bus, configuration="[Account default]\nMaxBytes=16M\n")
    alice = user(bus)
    theirs = alice.allocate(count=12 * MIB // PAGE)
    # All of them are read before any has its turn.
    daemon.signal(signal.SIGSTOP)
    lists = [alice.start_list_buffers() for _ in range(3)]
    far, refused = (alice.start_allocate(token, count=5 * MIB // PAGE) for token in ("far", "too"))
    alice.start_manager("Cancel", GLib.Variant("(s)", ("far",)), NO_REPLY)
    alice.call_bus("GetId")
    daemon.signal(signal.SIGCONT)
    check_short(alice.finish_allocate(far), "cancelled", 0)
    expect_error("QuotaExceeded", alice.finish_allocate, refused)
    for each in lists:
        alice.finish(each)
    expect_error("NoSuchAllocation", alice.cancel, "far")
    theirs.close()
    alice.wait_whole()
    alice.allocate(count=5 * MIB // PAGE).close()
    alice.wait_whole()


def cancelled_before_its_sender_is_known(bus):
    """The very first calls of a connection, both there when the daemon looks."""
    daemon = daemon_with_clients(bus)
    for flags in (None, NO_REPLY):
        alice = user(bus)
        daemon.signal(signal.SIGSTOP)
        serial = alice.start_allocate("early", count=1)
        alice.start_manager("Cancel", GLib.Variant("(s)", ("early",)), flags)
        alice.call_bus("GetId")
        daemon.signal(signal.SIGCONT)
        check_short(alice.finish_allocate(serial), "cancelled", 0)
        alice.wait_whole()


def cancel_is_for_ones_own(bus):
    daemon_with_clients(bus)
    alice, bob = user(bus), user(bus, BOB)
    holder = alice.allocate(count=48 * MIB // PAGE)
    serial = bob.start_allocate("mine", count=32 * MIB // PAGE)
    alice.wait_pending(1)
    expect_error("NoSuchAllocation", alice.cancel, "mine")
    expect_error("NoSuchAllocation", alice.cancel, "theirs")
    assert alice.pool()["Pending"] == 1 and not bob.has_reply(serial)
    holder.close()
    allocation = bob.finish_allocate(serial)
    assert allocation.status == "complete"
    allocation.close()
    alice.wait_whole()


def waits_for_a_release(bus):
    """Half of the pageblocks do not come, and one is somebody's: his are worth another try."""
    daemon_with_clients(bus, "main=16M,unmovable=2",
                        configuration="[Pool main]\nRetrySteps=fast hard wait fast\n")
    alice, bob = user(bus), user(bus, BOB)
    others = alice.allocate(count=1, order=9)
    serial = bob.start_allocate(count=4, order=9)
    # Nobody holds while he waits: what he had, he has given back by then.
    eventually("it gave back what it had", lambda: counters(alice)["give-backs"] == 1)
    assert alice.pool()["Reserved"] == 0
    others.close()
    allocation = bob.finish_allocate(serial)
    assert allocation.status == "complete", allocation.report
    efforts = [step["effort"] for step in allocation.report["steps"]]
    assert efforts == ["fast", "hard", "fast"], allocation.report
    allocation.close()
    alice.wait_whole()


def every_step_is_tried(bus):
    daemon_with_clients(bus, "main=16M,unmovable=2",
                        configuration="[Pool *]\nRetrySteps=normal normal hard\nRetryDelaySec=20ms\n")
    alice = user(bus)
    start = time.monotonic()
    allocation = alice.allocate(count=8, minimum=1, order=9)
    assert allocation.granted == 4, allocation.report
    assert [step["effort"] for step in allocation.report["steps"]] == ["normal", "normal", "hard"]
    # 20 ms and 40 ms, each a quarter less at most.
    assert time.monotonic() - start > 0.045
    sentence = expect_error("NotAuthorized", alice.allocate, count=1, effort="fast")
    assert "RetrySteps=" in sentence, sentence
    allocation.close()
    alice.wait_whole()
