# SPDX-License-Identifier: LGPL-2.1-or-later
"""libcmabulk with the daemon, as applications use it."""

import os
import signal
import time

from fixture import NAME, Process, environment, eventually
from installed import Application, run
from manager import (BOB, CLIENTS, STRANGER, administrator, daemon_with_clients)

# Of 64 KiB; the pool has 1024.
MOST = 768


def the_example_of_the_manual(bus):
    """As it stands in libcmabulk(3), by an ordinary user: 300 MiB, and every byte of it written."""
    daemon_with_clients(bus, "video=400M")
    done = run(bus, "CMABULK_EXAMPLE")
    assert (done.returncode, done.stdout) == (0, "25 buffers\n"), done
    administrator(bus).wait_whole("video")


def the_example_without_a_daemon(bus):
    done = run(bus, "CMABULK_EXAMPLE")
    assert done.returncode == 1 and "daemon is not available; start cmabulkd" in done.stderr, done


def the_system_bus_is_the_default(bus):
    daemon_with_clients(bus, "video=400M")
    for value in "", "system":
        variables = {"CMABULK_BUS": value, "DBUS_SYSTEM_BUS_ADDRESS": bus.address}
        done = run(bus, "CMABULK_EXAMPLE", variables=variables)
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
        done = run(bus, "CMABULK_EXAMPLE", uid=0, groups=(), variables=variables)
        assert (done.returncode, done.stdout) == (0, "25 buffers\n"), done
        done = run(bus, "CMABULK_EXAMPLE", variables=variables)
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
