# SPDX-License-Identifier: LGPL-2.1-or-later
"""The examples of the manual and in libcmabulk/examples/, by an ordinary user."""

import contextlib
import signal
import subprocess

from client import Client, GLib
from fixture import NAME, PATIENCE, environment, eventually
from gate import Gate
from installed import Application, install, options_for, run, start
from manager import ALICE, BOB, administrator, daemon_with_clients, user

# Of 64 KiB; the pool has 1024.
MOST = 768


def variable(name):
    return f"CMABULK_EXAMPLE_{name.upper().replace('-', '_')}"


def example(bus, name, *arguments, **options):
    """Runs to its end, which has to be a good one; what it said."""
    done = run(bus, variable(name), *arguments, **options)
    assert done.returncode == 0 and not done.stderr, done
    return done.stdout


def frames(bus):
    """As it stands in libcmabulk(3): 300 MiB, and every byte of it written."""
    daemon_with_clients(bus, "video=400M")
    assert example(bus, "frames") == "25 buffers\n"
    administrator(bus).wait_whole("video")


def frames_without_a_daemon(bus):
    done = run(bus, variable("frames"))
    assert done.returncode == 1 and "daemon is not available; start cmabulkd" in done.stderr, done


def frames_in_python(bus):
    """By ctypes, with the library alone."""
    daemon_with_clients(bus, "video=400M")
    program = install(bus, environment(variable("python")))
    done = subprocess.run(["/usr/bin/python3", program],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=PATIENCE, check=False, **options_for(bus))
    assert (done.returncode, done.stdout) == (0, "25 buffers\n"), done
    administrator(bus).wait_whole("video")


def in_a_loop(bus, name):
    """Alone, and when it has to wait for somebody else's memory."""
    daemon_with_clients(bus)
    expected = "4 buffers\n4 are back\n"
    assert example(bus, name) == expected
    administrator(bus).wait_whole()
    with Application(bus, uid=BOB) as application:
        application.expect(f"allocate {MOST} 1 0", "allocate: complete")
        application.expect("start 0 768 1", "start: done")
        assert example(bus, name) == expected
        application.expect("drop 0", "drop: done")


def loop(bus):
    in_a_loop(bus, "loop")


def loop_sd_event(bus):
    in_a_loop(bus, "loop-sd-event")


def loops_that_fail(bus):
    """What goes wrong in a callback ends the loop, and is said."""
    daemon_with_clients(bus, configuration="[Account default]\nMaxBytes=1M\n")
    for name in "loop", "loop-sd-event":
        done = run(bus, variable(name))
        assert done.returncode == 1 and " maximum of 1 MiB " in done.stderr, done


def raii(bus):
    """In C++: exceptions for what is refused, and nothing is left of what came before them."""
    daemon_with_clients(bus, "video=400M")
    assert example(bus, "raii") == "25 buffers\n"
    administrator(bus).wait_whole("video")
    done = run(bus, variable("raii"), "1000")
    assert done.returncode == 1 and not done.stdout and "video" in done.stderr, done
    bus.running_daemons()[-1].stop()
    done = run(bus, variable("raii"))
    assert done.returncode == 1 and done.stderr.endswith("; try again later\n"), done


@contextlib.contextmanager
def camera_of(bus):
    """It runs, has its frames, and ends well when told to."""
    process = start(bus, variable("camera"))
    try:
        expect_line(process, "25 frames")
        # What a quick machine does next may take less time than a picture.
        expect_line(process, "the first picture")
        yield process
        output, errors = process.communicate(timeout=PATIENCE)
        assert process.returncode == 0 and not errors, errors
        assert output.endswith(" pictures\n") and int(output.split()[-2]) > 0, output
    finally:
        process.kill()
        process.wait()


def expect_line(process, expected):
    line = process.stdout.readline()
    assert line == expected + "\n", f"{line!r}, not {expected!r}"


def camera_gives_back(bus):
    """As many frames as somebody else waits for; it has them again when he is through."""
    daemon_with_clients(bus)
    root = administrator(bus)
    with camera_of(bus) as camera, Application(bus, uid=BOB) as other:
        root.wait_for_buffers(25)
        other.expect(f"allocate {MOST} 1 60000000", "allocate: complete")
        # He wants 144 chunks more than were free, and a frame has 16.
        expect_line(camera, "gave back 9 frames, 16 are left")
        root.wait_for_buffers(17)
        other.expect("release", "release: done")
        expect_line(camera, "25 frames")
    root.wait_whole()


def camera_does_with_less(bus):
    """What it gave back it may not have again for a while: it goes on with what it has."""
    daemon_with_clients(bus, configuration=f"[Account camera]\nUser={ALICE}\n")
    root = administrator(bus)
    with camera_of(bus) as camera, Application(bus, uid=BOB) as other:
        root.wait_for_buffers(25)
        root.set_account("camera", MaxBytes="16M")
        other.expect(f"allocate {MOST} 1 60000000", "allocate: complete")
        expect_line(camera, "gave back 9 frames, 16 are left")
        other.expect("release", "release: done")
        eventually("it is refused more",
                   lambda: dict(root.counters()[0]["refused"]).get("quota", 0) >= 2)
        root.unset_account("camera")
        expect_line(camera, "25 frames")
    root.wait_whole()


def camera_outlives_the_daemon(bus):
    daemon = daemon_with_clients(bus)
    with camera_of(bus) as camera:
        daemon.kill()
        expect_line(camera, "the daemon is gone, 25 frames stay")
        daemon_with_clients(bus, name="second")
        expect_line(camera, "the daemon is back")
        # The next daemon asks it, too, for what it has of that one: nothing.
        user(bus, BOB).allocate(count=MOST, order=4).close()


class Aloof(Client):
    """A daemon that does not want to know who calls."""

    n_calls = 0

    def _answer(self, call):
        self.n_calls += call.get_member() == "ListPools"
        super()._answer(call)


def camera_makes_itself_known(bus):
    """Again and again to a daemon that refuses it, as nobody else is asked to give back; and its frames stay."""
    daemon = daemon_with_clients(bus)
    with camera_of(bus) as camera:
        daemon.kill()
        expect_line(camera, "the daemon is gone, 25 frames stay")
        with bus.client(kind=Aloof) as aloof:
            aloof.call_bus("RequestName", GLib.Variant("(su)", (NAME, 0)))
            # The library calls, then the camera, and then it does once more.
            aloof.wait_for("the third call", lambda: aloof.n_calls == 3)
            expect_line(camera, "the daemon is back")
        expect_line(camera, "the daemon is gone, 25 frames stay")


def cancel(bus):
    """All when it can be had; nothing when it is told to stop."""
    daemon_with_clients(bus)
    root = administrator(bus)
    assert example(bus, "cancel") == "complete: 768 chunks\n"
    with Application(bus, uid=BOB) as other:
        other.expect(f"allocate {MOST} 1 0", "allocate: complete")
        process = start(bus, variable("cancel"))
        root.wait_pending(1)
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=PATIENCE)
        assert (process.returncode, output) == (0, "cancelled: 0 chunks\n"), errors


def patient(bus):
    """Served at last, when the daemon is there again."""
    daemon = daemon_with_clients(bus)
    root = administrator(bus)
    assert example(bus, "patient") == "complete\n"
    held = [user(bus, uid).allocate(count=count, order=4)
            for uid, count in ((ALICE, MOST), (BOB, 1024 - MOST))]
    process = start(bus, variable("patient"))
    root.wait_pending(1)
    daemon.kill()
    assert process.stderr.readline()
    daemon_with_clients(bus, name="second")
    output, errors = process.communicate(timeout=PATIENCE)
    assert (process.returncode, output) == (0, "complete\n"), errors
    assert root.counters()[0]["complete"] == 1
    for allocation in held:
        allocation.close()


def patient_misses_nothing(bus):
    """A daemon that goes before it is asked, and is there again before anything more of its client is."""
    daemon = daemon_with_clients(bus)
    gate = Gate(bus)
    gate.open(until=b"Allocate")
    process = start(bus, variable("patient"), uid=0, groups=(), CMABULK_BUS=gate.address)
    eventually("it asks for memory", gate.is_shut)
    daemon.kill()
    gate.open(until=b"AddMatch")
    assert process.stderr.readline()
    daemon_with_clients(bus, name="second")
    gate.open()
    output, errors = process.communicate(timeout=PATIENCE)
    assert (process.returncode, output) == (0, "complete\n"), errors


def several(bus):
    daemon_with_clients(bus)
    assert example(bus, "several") == "complete: 4 buffers\ncomplete: 20 buffers\n"
    administrator(bus).wait_whole()


def report(bus):
    daemon_with_clients(bus)
    lines = example(bus, "report").splitlines()
    assert lines[0] == "complete: 768 of 768 chunks from main", lines
    assert lines[-1].startswith("effort 0: 768 of 768 chunks in "), lines
    with Application(bus, uid=BOB) as other:
        other.expect(f"allocate {MOST} 1 0", "allocate: complete")
        lines = example(bus, "report").splitlines()
        assert lines[0] == "timed-out: 0 of 768 chunks from main", lines
        assert lines[-2].startswith("exhausted: "), lines
        assert lines[-1].startswith("what to do: "), lines


def books(bus):
    """Those that show what there is: pools, entries, accounts, counters, and the daemon itself."""
    daemon_with_clients(bus, configuration="Nonsense=1\n[Account default]\nMaxBytes=48M\n")
    alice = user(bus)
    held = alice.allocate(count=16, order=4, label="books")
    assert example(bus, "pools") == f"main: {63 << 20} of {64 << 20} bytes are free\n"
    assert example(bus, "entries", "main") == \
        f"buffer books: exported, {1 << 20} bytes, user {ALICE}\n"
    line = f"default of user {ALICE} in main: {1 << 20} of {48 << 20} bytes, 0 guaranteed\n"
    said = example(bus, "accounts")
    assert line in said, said
    said = example(bus, "counters")
    assert "main: 1 admitted, 1 complete\n" in said, said
    lines = example(bus, "daemon").splitlines()
    assert lines[0].endswith(", simulated") and "Nonsense" in lines[1], lines
    held.close()


def import_of_a_buffer(bus):
    """From cmabulkctl, which hands it on."""
    daemon_with_clients(bus)
    program = install(bus, environment(variable("import")))
    done = run(bus, "CMABULKCTL", "alloc", "16x64K", "--", program)
    assert done.returncode == 0 and "16 chunks of 65536 bytes\n" in done.stdout, done
    administrator(bus).wait_whole()
