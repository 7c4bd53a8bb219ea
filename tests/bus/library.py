# SPDX-License-Identifier: LGPL-2.1-or-later
"""libcmabulk with the daemon, as applications use it."""

import os
import signal
import time

from client import BUS, Gio, GLib
from fixture import NAME, Process, environment, eventually
from installed import Application, run
from manager import (BOB, CLIENTS, MANAGER, PATH, POOL, STRANGER, administrator,
                     daemon_with_clients, user)
from polkit import authority

# Of 64 KiB; the pool has 1024.
MOST = 768

# enum cmabulk_event_type
RELEASED, PRESSURE, ADDED, REMOVED, EVERYTHING = 2, 4, 8, 16, 127
LONG, SHORT = 60000000, 300000


def the_system_bus_is_the_default(bus):
    daemon_with_clients(bus, "video=400M")
    for value in "", "system":
        variables = {"CMABULK_BUS": value, "DBUS_SYSTEM_BUS_ADDRESS": bus.address}
        done = run(bus, "CMABULK_EXAMPLE_FRAMES", variables=variables)
        assert (done.returncode, done.stdout) == (0, "25 buffers\n"), done


def the_users_bus(bus):
    """As a developer has it: cmabulkd --user serves the user that runs it, and nobody else."""
    variables = {"CMABULK_BUS": "user", "DBUS_SESSION_BUS_ADDRESS": bus.address}
    watch = bus.watch(NAME)
    daemon = Process([environment("CMABULKD"), "--user", "--simulate=video=400M"],
                     os.path.join(bus.directory, "user.log"), env={**os.environ, **variables})
    try:
        watch.wait_for("the daemon",
                       lambda: any(heard.arguments[0] == NAME for heard in watch.signals))
        done = run(bus, "CMABULK_EXAMPLE_FRAMES", uid=0, groups=(), variables=variables)
        assert (done.returncode, done.stdout) == (0, "25 buffers\n"), done
        done = run(bus, "CMABULK_EXAMPLE_FRAMES", variables=variables)
        assert done.returncode == 1 and "serves user 0 alone" in done.stderr, done
        daemon.signal(signal.SIGTERM)
        assert daemon.wait() == 0, daemon.said()
    finally:
        daemon.kill()


def any_number_of_buffers(bus):
    daemon_with_clients(bus)
    root = administrator(bus)
    with Application(bus) as application:
        for buffers in 1, 15, 16, 17, 32, 33, 64, 100:
            answer = application.ask(f"allocate 100 {buffers} 0")
            assert answer.startswith(f"allocate: complete granted=100 buffers={buffers} kind=sim")
            application.expect("change 0 1", "change: right")
            application.expect("release", "release: done")
            root.wait_whole()


def nothing_piles_up(bus):
    daemon = daemon_with_clients(bus)
    with Application(bus) as application:
        application.expect("allocate 64 20 0", "allocate: complete")
        application.expect("release", "release: done")
        administrator(bus).wait_whole()
        before = application.fds(), daemon.fds()
        for _ in range(200):
            application.expect("allocate 64 20 0", "allocate: complete")
            application.expect("release", "release: done")
        administrator(bus).wait_whole()
        assert (application.fds(), daemon.fds()) == before


def refusals_are_explained(bus):
    limit = "[Account default]\nMaxBytes=1M\n"
    daemon_with_clients(bus, configuration=limit)
    with Application(bus) as application:
        application.expect("allocate 10 1 0", "allocate: complete")
    with Application(bus) as application:
        answer = application.expect("allocate 17 1 0", "allocate: EDQUOT retryable=0 ")
        assert " maximum of 1 MiB " in answer, answer
        application.expect("allocate 100000 1 0", "allocate: E2BIG retryable=0 ")
    with Application(bus, uid=STRANGER, groups=(STRANGER,)) as stranger:
        stranger.expect("allocate 1 1 0", "allocate: EACCES retryable=0 ")
        stranger.expect("pools", "pools: main/sim")


def a_person_is_asked_only_while_that_is_allowed(bus):
    daemon_with_clients(bus)
    polkit = authority(bus)
    with Application(bus, uid=STRANGER, groups=(STRANGER,)) as stranger:
        for allowed in (None, 1, 0):
            if allowed is not None:
                stranger.expect(f"allow {allowed}", f"allow: {allowed}")
            stranger.start("allocate 1 1 0")
            question = polkit.next()
            assert question.flags == (allowed or 0), (allowed, question.flags)
            question.answer(False)
            assert stranger.answer().startswith("allocate: EACCES")


def short_says_why(bus):
    daemon_with_clients(bus)
    with Application(bus) as first, Application(bus, uid=BOB) as second:
        first.expect(f"allocate {MOST} 1 0", "allocate: complete")
        for _ in range(2):
            answer = second.expect(f"allocate {MOST} 1 300000", "allocate: timed-out granted=0")
            assert answer.split(" ", 6)[6], "no reason"
            assert " cause=exhausted " in answer, answer


def cancelled(bus, by_thread):
    """While it waits for somebody else's memory; then it can be used again."""
    daemon_with_clients(bus)
    root = administrator(bus)
    with Application(bus) as first, Application(bus, uid=BOB) as second:
        first.expect(f"allocate {MOST} 1 0", "allocate: complete")
        for _ in range(3):
            second.start(f"allocate {MOST} 20 0")
            root.wait_pending(1)
            second.cancel(by_thread)
            answer = second.answer()
            assert answer.startswith("allocate: cancelled granted=0 buffers=0"), answer
            root.wait_pending(0)
        first.expect("release", "release: done")
        second.expect(f"allocate {MOST} 20 0", "allocate: complete granted=768 buffers=20")


def cancelled_by_a_thread(bus):
    cancelled(bus, by_thread=True)


def cancelled_by_a_signal(bus):
    cancelled(bus, by_thread=False)


def cancelled_while_filling(bus):
    """A fill that takes its time (6 s for all) ends at the next range."""
    daemon_with_clients(bus, "main=64M,move=200ms")
    root = administrator(bus)
    with Application(bus) as application:
        for by_thread in True, False:
            application.start("allocate 1024 20 0")
            root.wait_pending(1)
            start = time.monotonic()
            application.cancel(by_thread)
            answer = application.answer()
            assert answer.startswith("allocate: cancelled granted=0 buffers=0"), answer
            taken = time.monotonic() - start
            assert taken < 3, f"cancelling took {taken:.1f} s"
            root.wait_whole()


def the_daemon_dies_and_comes_back(bus):
    """Killed with a call waiting: an error that says to try again; and trying again works."""
    daemon = daemon_with_clients(bus)
    root = administrator(bus)
    with Application(bus) as first, Application(bus, uid=BOB) as second:
        first.expect(f"allocate {MOST} 20 0", "allocate: complete")
        second.start(f"allocate {MOST} 20 0")
        root.wait_pending(1)
        daemon.kill()
        answer = second.answer()
        assert answer.startswith("allocate: ETIMEDOUT retryable=1 "), answer
        second.expect("pools", "pools: EHOSTUNREACH retryable=1 ")
        # What was delivered is not the daemon's any more.
        first.expect("change 0 5", "change: right")
        daemon_with_clients(bus, name="second")
        second.expect(f"allocate {MOST} 20 0", "allocate: complete")
        first.expect("change 5 6", "change: right")


def waits_for_the_daemon(bus):
    """Its coming and going is heard of, once each, whether one waits at that time or later."""
    daemon = daemon_with_clients(bus)
    with Application(bus) as application:
        application.expect("wait 0", "wait: 0")
        application.expect("wait 50000", "wait: 0")
        application.start(f"wait {2**64 - 1}")
        daemon.kill()
        assert application.answer() == "wait: 1"
        application.expect("pools", "pools: EHOSTUNREACH retryable=1 ")
        application.expect("wait 50000", "wait: 0")
        daemon_with_clients(bus, name="second")
        application.expect("wait 60000000", "wait: 1")
        application.expect("pools", "pools: main/sim")
        # Who only looks hears of it, too.
        bus.running_daemons()[-1].kill()
        eventually("it is heard of", lambda: application.ask("wait 0") == "wait: 1")
        application.expect("wait 0", "wait: 0")
        bus.process.kill()
        application.expect("wait 60000000", "wait: ENOTCONN retryable=1 ")
    for daemon in bus.running_daemons():
        daemon.wait()


def the_daemon_stops_with_calls_waiting(bus):
    daemon = daemon_with_clients(bus)
    root = administrator(bus)
    with Application(bus) as first, Application(bus, uid=BOB) as second:
        first.expect(f"allocate {MOST} 1 0", "allocate: complete")
        second.start(f"allocate {MOST} 1 0")
        root.wait_pending(1)
        daemon.stop()
        answer = second.answer()
        assert " retryable=1 " in answer, answer


def the_bus_dies(bus):
    daemon = daemon_with_clients(bus)
    root = administrator(bus)
    with Application(bus) as first, Application(bus, uid=BOB) as second:
        first.expect(f"allocate {MOST} 20 0", "allocate: complete")
        second.start(f"allocate {MOST} 20 0")
        root.wait_pending(1)
        bus.process.kill()
        answer = second.answer()
        assert answer.startswith("allocate: ENOTCONN retryable=1 "), answer
        second.expect("pools", "pools: ENOTCONN retryable=1 ")
        first.expect("change 0 5", "change: right")
        second.expect("open", "open: EHOSTUNREACH retryable=1 ")
    daemon.wait()


def a_fork_keeps_the_buffers(bus):
    daemon_with_clients(bus)
    with Application(bus) as application:
        application.expect("allocate 64 20 0", "allocate: complete")
        application.expect("fork", "fork: 0")
        # The parent sees what the child wrote, and its connection is as it was.
        application.expect("change 7 8", "change: right")
        application.expect("pools", "pools: main/sim")


def two_users_at_once(bus):
    """Neither waits for the other's confirmations."""
    daemon_with_clients(bus)
    with Application(bus) as first, Application(bus, uid=BOB, groups=(CLIENTS,)) as second:
        for _ in range(50):
            for application in first, second:
                application.start("allocate 64 40 0")
            for application in first, second:
                answer = application.answer()
                assert answer.startswith("allocate: complete granted=64 buffers=40"), answer
            for application in first, second:
                application.expect("release", "release: done")


def next_event(application, kind, usec=LONG):
    """The fields of the next event, which has to be of that kind."""
    words = application.expect(f"next {usec}", f"next: {kind} ").split(" ")[2:]
    return dict(word.split("=", 1) for word in words)


def released_buffers_are_told(bus):
    """In a loop, or when they came during a call; to who asked for them, and for being told."""
    daemon_with_clients(bus)
    root = administrator(bus)
    with (Application(bus) as alice, Application(bus) as silent,
          Application(bus, uid=BOB) as bob):
        alice.expect(f"listen {RELEASED}", "listen: done")
        bob.expect(f"listen {EVERYTHING}", "listen: done")
        for calls in (), ("pools", "allocate 16 1 0", "release"):
            alice.expect("allocate 64 20 0", "allocate: complete")
            silent.expect("allocate 64 20 0", "allocate: complete")
            ids = set(alice.ask("ids").split(" ")[1:])
            for application in alice, silent:
                application.expect("release", "release: done")
            if calls:
                root.wait_whole()
            for call in calls:
                alice.ask(call)
            told = [next_event(alice, "buffer-released") for _ in range(20)]
            assert {event["id"] for event in told} == ids, (told, ids)
            assert all(event["pool"] == "main" for event in told), told
            if calls:
                next_event(alice, "buffer-released")
            alice.expect(f"next {SHORT}", "next: none")
        silent.expect(f"next {SHORT}", "next: none")
        bob.expect(f"next {SHORT}", "next: none")


def more_events_than_are_kept_are_counted(bus):
    daemon_with_clients(bus)
    root = administrator(bus)
    with Application(bus) as application:
        application.expect(f"listen {RELEASED}", "listen: done")
        for _ in range(4):
            application.expect("allocate 100 100 0", "allocate: complete")
            application.expect("release", "release: done")
            root.wait_whole()
        application.expect("pools", "pools: main/sim")
        for _ in range(255):
            next_event(application, "buffer-released", 0)
        lost = int(next_event(application, "lost", 0)["lost"])
        assert 0 < lost <= 145, lost
        for _ in range(145 - lost):
            next_event(application, "buffer-released")
        application.expect(f"next {SHORT}", "next: none")


def asked_to_give_back(bus):
    """Also a connection that does nothing but listen, and of a daemon that came later."""
    daemon = daemon_with_clients(bus)
    root = administrator(bus)
    with (Application(bus) as holder, Application(bus) as listener,
          Application(bus, uid=BOB) as other):
        holder.expect(f"listen {RELEASED}", "listen: done")
        listener.expect(f"listen {EVERYTHING}", "listen: done")
        for name in None, "second":
            if name:
                daemon.kill()
                next_event(listener, "daemon-gone")
                daemon_with_clients(bus, name=name)
                next_event(listener, "daemon-back")
            holder.expect(f"allocate {MOST} 1 0", "allocate: complete")
            other.start(f"allocate {MOST} 1 0")
            root.wait_pending(1)
            event = next_event(listener, "memory-pressure")
            # As much as there is too little.
            assert event == {"pool": "main", "id": "0", "level": "1", "bytes": str(512 * 65536),
                             "lost": "0"}, event
            holder.expect("release", "release: done")
            assert other.answer().startswith("allocate: complete")
            next_event(holder, "buffer-released")
            other.expect("release", "release: done")
            root.wait_whole()


def pools_come_and_go(bus):
    daemon = daemon_with_clients(bus, "main=64M", "camera=16M,removable=yes")
    with Application(bus) as application:
        application.expect(f"listen {ADDED + REMOVED}", "listen: done")
        for kind in "pool-removed", "pool-added", "pool-removed":
            daemon.signal(signal.SIGUSR1)
            assert next_event(application, kind)["pool"] == "camera"
        # Who does not want to know any more is told no more.
        application.expect(f"listen {RELEASED}", "listen: done")
        daemon.signal(signal.SIGUSR1)
        eventually("it is there",
                   lambda: application.ask("pools") == "pools: camera/sim main/sim")
        application.expect(f"next {SHORT}", "next: none")


def the_daemon_is_told_to_come_and_go(bus):
    daemon = daemon_with_clients(bus)
    with Application(bus) as application:
        application.expect(f"listen {EVERYTHING}", "listen: done")
        daemon.kill()
        next_event(application, "daemon-gone")
        # Nobody is there, and that is no error.
        application.expect(f"listen {RELEASED}", "listen: done")
        application.expect(f"listen {EVERYTHING}", "listen: done")
        application.expect(f"next {SHORT}", "next: none")
        daemon_with_clients(bus, name="second")
        next_event(application, "daemon-back")
        application.expect("allocate 16 1 0", "allocate: complete")
        application.expect("release", "release: done")
        next_event(application, "buffer-released")
        bus.process.kill()
        application.expect(f"next {LONG}", "next: ENOTCONN retryable=1 ")
        application.expect(f"next {LONG}", "next: ENOTCONN retryable=1 ")
    for running in bus.running_daemons():
        running.wait()


def forge(client, name):
    """All that a daemon and a bus would tell, to one alone."""
    pool = f"{PATH}/pool/main"
    bus_path, objects = "/org/freedesktop/DBus", f"{BUS}.ObjectManager"
    for path, interface, member, body in (
            (PATH, MANAGER, "BufferReleased", GLib.Variant("(stt)", ("main", 1, 2))),
            (PATH, MANAGER, "MemoryPressure", GLib.Variant("(sst)", ("main", "critical", 2))),
            (PATH, objects, "InterfacesRemoved", GLib.Variant("(oas)", (pool, [POOL]))),
            (bus_path, BUS, "NameOwnerChanged", GLib.Variant("(sss)", (NAME, client.name, ""))),
            (bus_path, BUS, "NameOwnerChanged", GLib.Variant("(sss)", (NAME, "", client.name))),
            (PATH, MANAGER, "BufferReleased", GLib.Variant("(stt)", ("main", 3, 4)))):
        message = Gio.DBusMessage.new_signal(path, interface, member)
        message.set_destination(name)
        message.set_body(body)
        client.send(message)


def who_forges_is_not_believed(bus):
    """Anybody may send a signal to anybody: it is the sender that counts."""
    daemon_with_clients(bus)
    bob, root = user(bus, BOB), administrator(bus)
    with Application(bus) as application:
        application.expect(f"listen {EVERYTHING}", "listen: done")
        application.expect("wait 0", "wait: 0")
        names = root.call_bus("ListNames").arguments[0]
        for name in names:
            if name.startswith(":") and name not in (bob.name, root.name):
                forge(bob, name)
        bob.call_bus("GetId")
        application.expect("pools", "pools: main/sim")
        application.expect(f"next {SHORT}", "next: none")
        application.expect("wait 0", "wait: 0")


def several_at_once(bus):
    """On one connection, which does something else meanwhile."""
    daemon_with_clients(bus)
    root = administrator(bus)
    with Application(bus) as application:
        application.expect(f"listen {RELEASED}", "listen: done")
        fds = application.fds()
        for _ in range(5):
            for number in range(8):
                application.expect(f"start {number} 100 40", "start: done")
            application.expect("pools", "pools: main/sim")
            application.expect("allocate 100 33 0", "allocate: complete granted=100 buffers=33")
            for number in reversed(range(8)):
                application.expect(f"finish {number}", "finish: complete granted=100 buffers=40")
                application.expect("change 0 1", "change: right")
            application.expect("release", "release: done")
            root.wait_whole()
        # Its loop needs one of its own.
        assert application.fds() - fds <= 1


def a_started_one_waits(bus):
    """And is done when it is its turn, is cancelled when nobody wants it, and ends with the daemon."""
    daemon = daemon_with_clients(bus)
    root = administrator(bus)
    with Application(bus) as first, Application(bus, uid=BOB) as second:
        first.expect(f"allocate {MOST} 1 0", "allocate: complete")
        second.expect(f"start 0 {MOST} 20", "start: done")
        root.wait_pending(1)
        second.expect("pools", "pools: main/sim")
        second.expect("drop 0", "drop: done")
        root.wait_pending(0)
        second.expect(f"start 1 {MOST} 20", "start: done")
        root.wait_pending(1)
        first.expect("release", "release: done")
        second.expect("finish 1", f"finish: complete granted={MOST} buffers=20")
        first.expect("start 2 100000 1", "start: done")
        answer = first.expect("finish 2", "finish: E2BIG retryable=0 ")
        assert "MiB" in answer, answer
        first.expect(f"start 3 {MOST} 1", "start: done")
        root.wait_pending(1)
        daemon.kill()
        first.expect("finish 3", "finish: ETIMEDOUT retryable=1 ")
        second.expect("change 0 1", "change: right")
