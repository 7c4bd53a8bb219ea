# SPDX-License-Identifier: LGPL-2.1-or-later
"""A bus that takes nothing from the daemon any more: it connects anew, and what it owes survives. One that is
only slow is waited for."""

import os
import signal
import socket
import time
import unittest

from client import BUS, PATIENCE, BusError, GLib, finish_all
from fixture import NAME, Bus, eventually
from gate import Gate
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


def send_behind(gate, daemon, client, count, take):
    """So many calls, whose replies find the gate as take() leaves it."""
    client.pools()  # by then the daemon knows whose they are
    daemon.signal(signal.SIGSTOP)
    serials = [client.start_manager("ListPools") for _ in range(count)]
    client.call_bus("GetId")  # the bus has handed them on
    take()
    daemon.signal(signal.SIGCONT)
    return serials


def gives_up_after(daemon):
    """The seconds that it says it waited, each time that it connected anew."""
    return [int(line.split("nothing for ")[1].split()[0]) for line in daemon.said().splitlines()
            if "nothing for " in line]


SLOW_BYTES = 2048
SLOW_SECONDS = 5.0
# Without this it would be stuck in twice the time: it may have taken half of something before.
NOTHING_SECONDS = 1.0


def is_waited_for(bus, gate, daemon):
    """False: the gate was not let run, and nobody can tell it from one that is stuck."""
    bob = user(bus, BOB)
    before = owner(bob)
    beginning = time.monotonic()
    serials = send_behind(gate, daemon, bob, 64, lambda: gate.slow(SLOW_BYTES))
    while time.monotonic() - beginning < SLOW_SECONDS and not bob.has_reply(serials[-1]):
        bob.process(time.monotonic() + 0.1)
    if gives_up_after(daemon) and gate.longest() >= NOTHING_SECONDS:
        return False
    assert not gives_up_after(daemon), "a bus that takes something was given up"
    assert not bob.has_reply(serials[-1]), "it was not slow for long enough"
    gate.open()
    # No reply is lost, as all would be with the connection.
    assert len(finish_all([(bob, serial) for serial in serials])) == len(serials)
    assert owner(bob) == before and bob.pools()
    return True


def a_slow_bus_is_waited_for(bus):
    """It is behind for longer than one that takes nothing is waited for, but takes something all the time."""
    for attempt in range(5):
        gate = Gate(bus, f"gate{attempt}")
        daemon = daemon_with_clients(bus, address=gate.address, name=f"cmabulkd{attempt}")
        if is_waited_for(bus, gate, daemon):
            return
        gate.open()
        daemon.kill()
    raise unittest.SkipTest("this machine is too slow to have something that is only slow")


def is_served(client):
    try:
        return client.pools()
    except BusError:  # the daemon is not on the bus, or has just left it
        return False


def in_vain_it_waits_longer(bus):
    """Where the new connection gets stuck as the one before did, before anything was answered.

    An answer that passes all the same begins that anew: so it gets stuck until it waited longer.
    """
    gate = Gate(bus)
    daemon = daemon_with_clients(bus, address=gate.address)
    root, bob = administrator(bus), user(bus, BOB)
    gate.shuts_again = True
    before = owner(root)
    send_behind(gate, daemon, bob, 1, gate.shut)
    wait_reconnected(root, before)

    def waited_longer():
        bob.start_manager("ListPools")
        return 4 in gives_up_after(daemon)

    eventually("it waits longer", waited_longer)
    assert gives_up_after(daemon)[0] == 2
    gate.shuts_again = False
    gate.open()
    again = user(bus, BOB)
    eventually("it serves again", lambda: is_served(again))


# To fetch, on a machine where all takes long: what is owed is still there at the end.
MUCH_TIME = "FetchTimeoutSec=600\n"


def impatient_daemon(bus, begin):
    """One whose calls have a short timeout, its gate, and what begin(gate, daemon) returned."""
    os.environ["SYSTEMD_BUS_TIMEOUT"] = "1500ms"
    for attempt in range(20):
        gate = Gate(bus, f"gate{attempt}")
        try:
            daemon = daemon_with_clients(bus, address=gate.address, name=f"cmabulkd{attempt}",
                                         configuration=MUCH_TIME)
            return gate, daemon, begin(gate, daemon)
        # On a slow machine other calls take so long, too.
        except AssertionError as error:
            assert "ended with" in str(error), error
        except BusError:
            daemon.kill()
    raise unittest.SkipTest("this machine is too slow for so short a timeout")


def time_is_no_answer(bus):
    """That calls have a timeout does not tell a stuck bus from one that answers."""
    _, daemon, _ = impatient_daemon(
        bus, lambda gate, daemon: send_behind(gate, daemon, user(bus, BOB), 1, gate.shut))
    eventually("the daemon gives the connection up", lambda: gives_up_after(daemon))
    # It may not get far with the next one.
    daemon.signal(signal.SIGKILL)
    daemon.wait()


def hold_some(bus):
    """Of what alice is granted she has fetched a part, and does not say so."""
    alice = user(bus)
    held = alice.allocate(count=40, buffers=40)
    alice.answers_pings = False
    return alice, held


def fetch_rest(alice, held):
    """What is owed to her is there for her, and for nobody else."""
    first, serial = alice.fetch(held.path, 16, 0)
    last, serial = alice.fetch(held.path, 32, serial)
    held.fds += first + last
    assert (len(first), len(last)) == (16, 8)
    alice.release(held.path, serial)
    held.close()


def attempts_failed(daemon):
    return daemon.said().count("lets nobody connect anew")


def shut_for_new_ones(gate, until):
    """Nobody who comes gets further than that, and who is there gets nothing passed."""
    gate.shuts_before = until
    gate.shuts_again = True
    gate.shut()


def is_tried_again_and_again(bus, until):
    """A new connection that ends before it is there is not the end: what is owed is still known after it."""
    root = administrator(bus)

    def begin(gate, daemon):
        held = hold_some(bus)
        before = owner(root)
        send_behind(gate, daemon, user(bus, BOB), 1, lambda: shut_for_new_ones(gate, until))
        return before, *held

    gate, daemon, (before, alice, held) = impatient_daemon(bus, begin)
    eventually("an attempt fails", lambda: attempts_failed(daemon))
    came = gate.connections
    eventually("others do", lambda: gate.connections >= came + 2)
    gate.shuts_again = False
    gate.open()
    wait_reconnected(root, before)
    eventually("it says so", lambda: "connected to the bus again" in daemon.said())
    assert attempts_failed(daemon) == 1, "it is said more than once"
    fetch_rest(alice, held)
    root.wait_whole()
    return gate


def waits_for_who_lets_nobody_in(bus):
    is_tried_again_and_again(bus, b"Hello")


def waits_for_who_gives_no_name(bus):
    """But lets them in: what they say before they ask for it is heard."""
    gate = is_tried_again_and_again(bus, b"RequestName")
    assert b"AddMatch" in gate.said_before and b"RequestName" not in gate.said_before, gate.said_before


def lose_the_bus(bus):
    """The daemon has noticed, and finds none where it was; alice is owed something."""
    gate = Gate(bus)
    daemon = daemon_with_clients(bus, address=gate.address, configuration=MUCH_TIME)
    alice, held = hold_some(bus)
    before = owner(alice)
    gate.hide()
    send_behind(gate, daemon, user(bus, BOB), 1, gate.shut)
    eventually("an attempt fails", lambda: attempts_failed(daemon))
    return gate, daemon, before, alice, held


def listen_for_notices(bus):
    """As a service manager does, of the daemons that are started from now on."""
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
    os.environ["NOTIFY_SOCKET"] = os.path.join(bus.directory, "notify")
    listening.bind(os.environ["NOTIFY_SOCKET"])
    listening.settimeout(PATIENCE)
    return listening


def wait_notice(service_manager, notice):
    while notice not in service_manager.recv(1 << 12).decode().splitlines():
        pass


def waits_for_a_bus_that_is_not_there(bus):
    """There is not even a connection that fails: what happens meanwhile nobody hears of."""
    service_manager = listen_for_notices(bus)
    root = administrator(bus)
    gate, daemon, before, alice, held = lose_the_bus(bus)
    wait_notice(service_manager, "STATUS=Waiting for the bus")
    os.close(held.fds.pop())
    daemon.configure("this is wrong\n")
    daemon.signal(signal.SIGHUP)
    eventually("it reads its file", lambda: "this is wrong" in daemon.said())
    gate.open()
    gate.show()
    wait_reconnected(root, before)
    wait_notice(service_manager, "STATUS=Serving 1 pools")
    assert attempts_failed(daemon) == 1, daemon.said()
    fetch_rest(alice, held)
    root.wait_whole()


def somebody_else_serves_meanwhile(bus):
    """Then there are two: who comes back is not there for anybody, and ends."""
    gate, daemon, _, _, held = lose_the_bus(bus)
    root = administrator(bus)
    gate.open()  # the connection that it gave up is not kept
    eventually("the bus saw it leave", lambda: owner(root) is None)
    other = daemon_with_clients(bus, name="other")
    gate.show()
    assert daemon.wait() == 1, daemon.said()
    assert "somebody else is" in daemon.said(), daemon.said()
    assert user(bus).pools() and other.status is None
    held.close()


def can_be_stopped_meanwhile(bus):
    _, daemon, _, _, held = lose_the_bus(bus)
    beginning = time.monotonic()
    daemon.stop()
    assert time.monotonic() - beginning < 10, "it was waited for"
    held.close()


def namesake(bus, name):
    """Somebody else, who has that unique name here."""
    client = bus.client()
    while client.name != name:
        client = bus.client()
    return client


def another_bus_is_not_the_same(bus):
    """Whose names are those of our clients, though they are others: nobody there gets what is theirs."""
    gate = Gate(bus)
    daemon = daemon_with_clients(bus, address=gate.address)
    alice, held = hold_some(bus)
    with Bus() as other:
        stranger = namesake(other, alice.name)
        watch = other.watch(NAME)
        gate.lead_to(other)
        came = gate.connections
        send_behind(gate, daemon, user(bus, BOB), 1, gate.shut)
        eventually("the daemon connects anew", lambda: gate.connections > came)
        # What she lets go of is told, if at all, before the daemon knows where it is.
        os.close(held.fds.pop())
        daemon.configure("this is wrong\n")
        daemon.signal(signal.SIGHUP)
        eventually("it reads its file", lambda: "this is wrong" in daemon.said())
        gate.open()
        assert daemon.wait() == 1, daemon.said()
        # All that it said was taken before it was seen to leave.
        watch.wait_for("its leaving", lambda: [s for s in watch.signals if s.arguments[0] == NAME
                                               and not s.arguments[2]])
        stranger.call_bus("GetId")
        heard = [signal.message.get_member() for signal in stranger.signals]
        assert "BufferReleased" not in heard, heard
    held.close()
    assert "not the one that was connected to before" in daemon.said(), daemon.said()


def one_that_does_not_say_which_it_is(bus):
    """Then no other one can be told from it: the daemon does not stay there."""
    with Bus(f"<deny send_destination='{BUS}' send_interface='{BUS}' send_member='GetId'/>") as silent:
        try:
            assert daemon_with_clients(silent).wait() == 1
        except AssertionError as error:  # it went before it was seen
            assert "ended with 1" in str(error), error
        with open(os.path.join(silent.directory, "cmabulkd", "log"), encoding="utf-8") as log:
            said = log.read()
    assert "does not say which one it is" in said, said
