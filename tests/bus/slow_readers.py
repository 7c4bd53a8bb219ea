# SPDX-License-Identifier: LGPL-2.1-or-later
"""One client that reads nothing delays nobody. The bus counts what its receiver did not read
against who sent it: messages, and worse, file descriptors, of which a sender may have 64 under way.
"""

import select
import time

from client import BUS, NO_REPLY, PATIENCE, Gio, GLib
from fixture import NAME, eventually
from manager import (ACCOUNT, ALICE, ALLOCATION, BOB, CAROL, DAVE, EVE, MANAGER, MIB, PAGE, PATH,
                     POOL, User, administrator, daemon_with_clients, expect_error, expect_prompt,
                     user)

LIMIT = 1.0
# Of messages from one sender that lie with the bus: max_incoming_bytes, as dbus-daemon(1) has it.
UNREAD_LIMIT = 127 * MIB


def check_others_are_served(bus, uids=(DAVE,), limit=LIMIT):
    """Another user connects, asks, allocates, fetches and gives back, each answered in time."""
    for uid in uids:
        other = user(bus, uid)
        expect_prompt(bus, "ListPools", other.pools, limit)
        allocation = expect_prompt(bus, "Allocate", lambda: other.allocate(count=20, buffers=20), limit)
        assert allocation.status == "complete" and len(allocation.fds) >= 1
        expect_prompt(bus, "Fetch", lambda: other.fetch_all(allocation), limit)
        assert len(allocation.fds) == 20
        allocation.close()
        expect_prompt(bus, "ListBuffers", other.list_buffers, limit)
        other.close()


def bus_statistics(root, client):
    body = GLib.Variant("(s)", (client.name,))
    return root.call(BUS, "/org/freedesktop/DBus", f"{BUS}.Debug.Stats", "GetConnectionStats",
                     body).arguments[0]


def send_without_reading(client, count, send, patience=1.0):
    """As many calls as the bus takes before it reads nothing from this client for so many seconds."""
    for sent in range(count):
        _, writable, _ = select.select([], [client], [], patience)
        if not writable:
            return sent
        send()
    return count


def calls_whose_answers_nobody_reads(bus):
    """Thousands of calls with long answers. What lies unread counts against the daemon: it has to
    stop answering such a client long before the bus stops taking anything from it."""
    daemon_with_clients(bus, *(f"pool{number:02}=4M" for number in range(16)), "main=64M")
    root = administrator(bus)
    hostile = [user(bus, uid) for uid in (ALICE, ALICE, BOB)]
    sent = 0
    for client in hostile:
        sent += send_without_reading(client, 8000, lambda c=client: c.start_manager("ListPools"))
    # They have been dealt with when a call that came later was answered.
    root.pools()
    unread = sum(bus_statistics(root, client)["OutgoingBytes"] for client in hostile)
    print(f"{sent} calls, {unread / MIB:.1f} MiB of answers lie with the bus")
    assert MIB < unread < UNREAD_LIMIT / 2, f"{unread} bytes are unread"
    check_others_are_served(bus)
    for client in hostile:
        client.close()
    check_others_are_served(bus)


def objects_nobody_reads(bus):
    """The same of what sd-bus answers by itself, of accounts' properties, and of signals to all."""
    daemon_with_clients(bus, *(f"pool{number:02}=4M" for number in range(16)), "main=64M")
    root, alice = administrator(bus), user(bus, CAROL)
    hostile = [user(bus, uid) for uid in (ALICE, BOB)]
    held = [alice.allocate(count=1, pool=f"pool{number:02}") for number in range(16)]
    account = f"{PATH}/account/default_3a{CAROL}"
    calls = ((PATH, "ObjectManager", "GetManagedObjects", None),
             (account, "Properties", "GetAll", GLib.Variant("(s)", (ACCOUNT,))),
             (account, "Introspectable", "Introspect", None))
    for client in hostile:
        rule = GLib.Variant("(s)", (f"type='signal',sender='{NAME}'",))
        client.start(BUS, "/org/freedesktop/DBus", BUS, "AddMatch", rule)
    for path, interface, member, body in calls:
        for client in hostile:
            send_without_reading(client, 3000, lambda c=client: c.start(
                NAME, path, f"{BUS}.{interface}", member, body))
        root.pools()
        unread = sum(bus_statistics(root, client)["OutgoingBytes"] for client in hostile)
        print(f"after {member} {unread / MIB:.1f} MiB of answers lie with the bus")
        assert unread < UNREAD_LIMIT / 2, f"{unread} bytes are unread"
        check_others_are_served(bus)
    for allocation in held:
        allocation.close()


def long_names_whose_refusals_nobody_reads(bus):
    """Errors repeat what was called, and what is not there may be called by a name of any length."""
    daemon_with_clients(bus)
    root, hostile = administrator(bus), user(bus, ALICE)
    name = "x" * MIB

    def get():
        hostile.start(NAME, PATH, f"{BUS}.Properties", "GetAll", GLib.Variant("(s)", (name,)))

    def release():
        hostile.start(NAME, f"{PATH}/allocation/{name}", ALLOCATION, "Release",
                      GLib.Variant("(t)", (0,)))

    for call in (get, release):
        send_without_reading(hostile, 100, call)
    root.pools()
    unread = bus_statistics(root, hostile)["OutgoingBytes"]
    assert 2 * MIB < unread < UNREAD_LIMIT / 4, f"{unread} bytes are unread"
    check_others_are_served(bus)


def receive_queue_full(bus):
    """A client whose receive queue holds all that the bus permits: nothing reaches it any more."""
    daemon_with_clients(bus)
    root, hostile = administrator(bus), user(bus, ALICE)
    hostile.start_manager("ListPools")
    root.pools()
    accomplices = [user(bus, ALICE) for _ in range(3)]
    for accomplice in accomplices:
        send_without_reading(accomplice, 50, lambda a=accomplice: send_signal(a, hostile, MIB), PATIENCE)
    filled = bus_statistics(root, hostile)["OutgoingBytes"]
    assert filled > 120 * MIB, f"only {filled} bytes wait for it"
    for _ in range(20):
        hostile.start_allocate(count=16, buffers=16)
        hostile.start_manager("ListPools")
    check_others_are_served(bus)
    for client in [hostile] + accomplices:
        client.close()
    check_others_are_served(bus)
    root.wait_whole()


def send_signal(sender, receiver, size):
    signal = Gio.DBusMessage.new_signal("/org/example", "org.example", "Noise")
    signal.set_destination(receiver.name)
    signal.set_body(GLib.Variant("(s)", ("x" * size,)))
    sender.send(signal)


def calls_without_end(bus):
    """While a client floods the daemon and reads nothing, others' calls are answered."""
    daemon_with_clients(bus)
    floods = [bus.child(flood(bus.path, uid), uid, (uid,)) for uid in (ALICE, BOB)]
    for child in floods:
        child.hear()
    check_others_are_served(bus, limit=5 * LIMIT)
    for child in floods:
        child.kill()
    check_others_are_served(bus)


def flood(path, uid):
    """A process that calls without an end, at most so many that the bus refuses no more."""
    def run(child):
        hostile = User(path, uid, (uid,))
        child.say("begin")
        while True:
            hostile.start_manager("ListPools", flags=NO_REPLY)
            time.sleep(0.0005)

    return run


def allocates_without_reading(bus, uid, connections=1):
    """Hostile clients, whose Allocate and Fetch are answered with descriptors that they leave."""
    clients = []
    for _ in range(connections):
        hostile = user(bus, uid, answers_pings=False)
        hostile.start_allocate("mine", count=64, buffers=64)
        path = hostile.path_of("mine")
        for first in range(16, 64, 16):
            hostile.start(NAME, path, ALLOCATION, "Fetch", GLib.Variant("(ut)", (first, 0)))
        for _ in range(50):
            hostile.start(NAME, path, ALLOCATION, "Fetch", GLib.Variant("(ut)", (16, 0)))
        clients.append(hostile)
    return clients


def leave_and_check(bus, clients):
    """What the hostile did not fetch goes back when they leave."""
    check_others_are_served(bus)
    for hostile in clients:
        hostile.close()
    check_others_are_served(bus)
    administrator(bus).wait_whole()


def fetch_without_reading(bus):
    daemon_with_clients(bus)
    leave_and_check(bus, allocates_without_reading(bus, ALICE))


def fetch_without_reading_of_three_users(bus):
    daemon_with_clients(bus)
    hostile = [client for uid in (ALICE, BOB, CAROL)
               for client in allocates_without_reading(bus, uid)]
    leave_and_check(bus, hostile)


def fetch_without_reading_of_many_connections(bus):
    """A user that has many connections is still one user."""
    daemon_with_clients(bus)
    hostile = [client for uid in (ALICE, BOB, CAROL)
               for client in allocates_without_reading(bus, uid, 20)]
    leave_and_check(bus, hostile)


def reads_but_never_confirms(bus):
    """Pings unanswered, replies read: such a client hurts nobody but itself."""
    daemon_with_clients(bus)
    hostile = [user(bus, uid, answers_pings=False) for uid in (ALICE, BOB, CAROL)]
    held = [client.allocate(count=64, buffers=64) for client in hostile]
    check_others_are_served(bus)
    for allocation in held:
        allocation.close()
    leave_and_check(bus, hostile)


def waiting_clients_do_not_read(bus):
    """Replies that come to clients which stopped reading meanwhile."""
    daemon_with_clients(bus)
    root = administrator(bus)
    holder = root.allocate(count=48 * MIB // PAGE)
    hostile = []
    for uid in (ALICE, BOB, CAROL):
        for _ in range(10):
            client = user(bus, uid, answers_pings=False)
            client.start_allocate(count=17 * MIB // PAGE, buffers=16)
            hostile.append(client)
    root.wait_pending(len(hostile))
    holder.close()
    for client in hostile[3:]:
        client.close()
    root.wait_pending(0)
    hostile = hostile[:3]
    expect_prompt(bus, "ListPools", user(bus, DAVE).pools, LIMIT)
    for client in hostile:
        client.close()
    check_others_are_served(bus)
    root.wait_whole()


def ready_after_a_penalty(bus):
    """What becomes ready when its user gets no more ends then, and is given back."""
    daemon = daemon_with_clients(bus, configuration="FetchTimeoutSec=6\n")
    root = administrator(bus)
    holder = root.allocate(count=48 * MIB // PAGE)
    hostile, honest = user(bus, answers_pings=False), user(bus)
    hostile.start_allocate(count=16, buffers=16)
    root.wait_for_buffers(17)
    serial = honest.start_allocate(count=32 * MIB // PAGE)
    root.wait_pending(1)
    eventually("its user is penalised", lambda: "gets no more buffers" in daemon.said())
    assert root.pool()["Pending"] == 1
    holder.close()
    allocation = honest.finish_allocate(serial)
    assert (allocation.status, allocation.granted) == ("timed-out", 0), allocation.report
    assert "was not read" in allocation.report["reason"], allocation.report
    root.wait_for_buffers(16)
    hostile.close()
    root.wait_whole()


def forge_pongs(client, daemon, last):
    """Answers to the daemon's last messages, whatever they were, without having read any."""
    for serial in range(max(1, last - 60), last + 1):
        pong = Gio.DBusMessage.new()
        pong.set_message_type(Gio.DBusMessageType.METHOD_RETURN)
        pong.set_reply_serial(serial)
        pong.set_destination(daemon)
        client.send(pong)


def answers_pings_it_did_not_read(bus):
    """The numbers of messages are no secret: they must not be all that it takes to answer one."""
    daemon = daemon_with_clients(bus)
    root, hostile, accomplice = administrator(bus), user(bus), user(bus)
    # Nothing reaches its socket any more.
    for _ in range(2):
        send_signal(accomplice, hostile, MIB)
    accomplice.call_bus("GetId")
    hostile.start_allocate("mine", count=64, buffers=64)
    root.wait_for_buffers(64)
    for first in (16, 32, 48, None):
        last = accomplice.start_manager("ListPools")
        forge_pongs(hostile, daemon.owner(), accomplice.finish(last).message.get_serial())
        if first:
            hostile.start(NAME, hostile.path_of("mine"), ALLOCATION, "Fetch",
                          GLib.Variant("(ut)", (first, 0)))
        root.pools()
    lie = bus_statistics(root, hostile)["OutgoingFDs"]
    assert lie <= 16, f"{lie} file descriptors lie with the bus"
    check_others_are_served(bus)
    hostile.close()
    root.wait_whole()


def pinged_when_there_is_room_again(bus):
    """A ping that could not be sent, as the user had too many unanswered ones, is sent later."""
    daemon_with_clients(bus)
    others = [user(bus, answers_pings=False) for _ in range(16)]
    for other in others:
        for _ in range(6):
            other.call(NAME, PATH, f"{BUS}.Introspectable", "Introspect")
        other.wait_for("a ping", lambda o=other: o.pings)
    honest = user(bus, answers_pings=False)
    allocation = honest.allocate(count=16, buffers=16)
    honest.call_bus("GetId")
    assert not honest.pings, "this many pings are no limit"
    for other in others:
        other.close()
    honest.wait_for("a ping", lambda: honest.pings, 10)
    allocation.close()
    honest.close()
    administrator(bus).wait_whole()


def penalty_begins_and_ends(bus):
    """Who leaves a reply unread for FetchTimeoutSec gets no more, nor does who is the same user, until
    it is read or its reader leaves; others do."""
    daemon = daemon_with_clients(bus, configuration="FetchTimeoutSec=2\n")
    honest, other, root = user(bus), user(bus, BOB), administrator(bus)

    def allocate(client):
        expect_prompt(bus, "Allocate", lambda: client.allocate(count=1)).close()
        client.pools()  # reads the ping, and answers it

    for ending in ("reads", "leaves"):
        hostile = user(bus, answers_pings=False)
        start = time.monotonic()
        hostile.start_allocate(count=16, buffers=16)
        expect_prompt(bus, "the penalty", lambda h=hostile: eventually(
            "its user is penalised", lambda: f"{h.name} of user {ALICE} does not read" in daemon.said()), 6)
        assert time.monotonic() - start >= 2
        for client in (honest, hostile):
            sentence = expect_error("Unconfirmed", client.allocate, count=1)
            assert hostile.name in sentence and f"user {ALICE}" in sentence, sentence
        allocate(other)
        if ending == "reads":
            hostile.wait_for("a ping", lambda h=hostile: h.pings)
            while hostile.pings:
                hostile.pong(hostile.pings.pop())
            hostile.pools()
        else:
            hostile.close()
            eventually("the bus knows", lambda h=hostile: not root.name_has_owner(h.name))
        allocate(honest)
        hostile.close()
    root.wait_whole()


def ping_without_end(path):
    """A process that always has calls under way, and reads all answers."""
    def start(client):
        return client.start(NAME, PATH, f"{BUS}.Peer", "Ping")

    def run(child):
        poller = User(path, EVE, (EVE,))
        waiting = [start(poller) for _ in range(6)]
        child.say("begin")
        while True:
            poller.finish(waiting.pop(0))
            waiting.append(start(poller))

    return run


def found_while_others_call_often(bus):
    """Who does not read is found in time, however often others call, who may do nothing else."""
    daemon = daemon_with_clients(bus, configuration="FetchTimeoutSec=2\n")
    hostile = user(bus, answers_pings=False)
    pollers = [bus.child(ping_without_end(bus.path), EVE, (EVE,)) for _ in range(4)]
    for poller in pollers:
        poller.hear()
    allocation = hostile.allocate(count=16, buffers=16)
    eventually("its user is penalised", lambda: "gets no more buffers" in daemon.said(), 15)
    for poller in pollers:
        poller.kill()
    allocation.close()
    hostile.close()
    administrator(bus).wait_whole()


def properties_without_dispatching(bus):
    """A program that reads a value now and then by blocking calls, and answers nothing, reads on."""
    daemon_with_clients(bus)
    watcher = user(bus, answers_pings=False)
    for _ in range(1000):
        watcher.get_property(NAME, f"{PATH}/pool/main", POOL, "Free")
        watcher.get_property(NAME, PATH, MANAGER, "Version")
    watcher.wait_for("a ping", lambda: watcher.pings)
