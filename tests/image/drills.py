# SPDX-License-Identifier: LGPL-2.1-or-later
"""What goes wrong on a machine: what is expected of the service then, and what the journal says of it. The same, for
administrators, is in cmabulkd(8)."""

import contextlib
import errno
import os
import pwd
import signal
import socket
import subprocess
import sys
import time

import kernel_pool
import machine
from client import PATIENCE
from fixture import NAME, Child, eventually
from kernel import check_marked, mark
from machine import (BUS_SOCKET, SERVICE, connect, groups_of, is_active, journal_cursor, main_pid, run, systemctl,
                     unit, wait_for_entry)
from manager import KIB, MIB, User, expect_error

# Of systemd's messages.
EXITED = "MESSAGE_ID=98e322203f7a4ed290d09fe03c09fe15"
FAILED = "MESSAGE_ID=d9b373ed55a64feb8242e02dbe79a49c"
STARTED = "MESSAGE_ID=39f53479d3a045ac8e11786248231fbf"
OUT_OF_MEMORY = "MESSAGE_ID=fe6faa94e7774663a0da52717891d8ef"
# Of ours: those that are here and nowhere else; see journal.h.
NOT_KEPT = "MESSAGE_ID=f83a56ece8c64b80bc003b79d6e7939e"
TIMED_OUT = "MESSAGE_ID=9731ef9ae85646f5be4be69153e1603b"
OURS = f"_SYSTEMD_UNIT={SERVICE}"
OF_UNIT = f"UNIT={SERVICE}"

ORDER, CHUNK = 4, 64 * KIB
BUFFERS, CHUNKS_EACH = 4, 16
HELD = BUFFERS * CHUNKS_EACH
# Longer than any drill takes.
PATIENT_USEC = 600 * 1_000_000
# Of cmabulkctl(1); and what it says then.
UNAVAILABLE, LOST = 4, "the connection to the bus was lost"
# What the bus says who cannot start it, after a while.
NOT_STARTED = "org.freedesktop.DBus.Error.TimedOut"
NO_REPLY = "org.freedesktop.DBus.Error.NoReply"
STATE = "/var/lib/cmabulk"
ALICE = pwd.getpwnam("alice").pw_uid


class Scene:
    """Alice has buffers with something in them, and somebody waits for more than is left."""

    def __init__(self, patient_usec=PATIENT_USEC):
        self.patient_usec = patient_usec
        # Drills are no failures in a row: systemd gives a unit up that fails too often.
        systemctl("reset-failed", SERVICE)
        self.cursor = journal_cursor()
        self.pid = main_pid()
        self.alice, self.waiter = connect("alice"), connect()
        self.held = self.alice.allocate(count=HELD, buffers=BUFFERS, order=ORDER, pool="main", label="drill")
        assert self.held.status == "complete", self.held.report
        self.alice.pools()  # what was delivered is confirmed
        mark(self.held.fds, CHUNKS_EACH * CHUNK)
        self.wait()

    def wait(self):
        self.serial = self.waiter.start_allocate(count=self.wanted(), order=ORDER, pool="main",
                                                 timeout_usec=self.patient_usec)
        with connect() as root:
            root.wait_pending(1)

    @staticmethod
    def wanted():
        """More than is left, and not all there is: a page of the area may have been pinned since."""
        return kernel_pool.area_pages() * kernel_pool.PAGE // CHUNK - HELD // 2

    def expect_waiting(self):
        with connect() as root:
            assert root.pool()["Pending"] == 1, root.pool()
        self.waiter.process(time.monotonic())
        assert not self.waiter.has_reply(self.serial)

    def expect_refused(self, error):
        expect_error(error, self.waiter.finish, self.serial)

    def expect_another(self):
        """The service was started again, by itself."""
        eventually("another daemon serves", lambda: is_active() and main_pid() not in (0, self.pid))
        self.pid = main_pid()

    def expect_kept(self):
        """What alice has is as it was, and charged to her, whoever the daemon is."""
        check_marked(self.held.fds, CHUNKS_EACH * CHUNK)
        with connect() as root:
            eventually("the daemon is on the bus", lambda: root.name_has_owner(NAME))
            eventually("it has its pools", lambda: {"main", "second"} <= names_of_pools(root))
            kernel_pool.expect_same_books(root)
            account = root.account("default", ALICE)
            assert (account["used"], account["buffers"]) == (HELD * CHUNK, BUFFERS), account
            assert {entry["standing"] for entry in root.list_buffers()} == {"managed"}

    def expect_served(self):
        """Whoever asks gets, also who was refused."""
        with connect("alice") as client:
            for pool in "main", "second":
                allocation = client.allocate(count=1, pool=pool)
                assert allocation.status == "complete", allocation.report
                allocation.close()

    def end(self):
        self.held.close()
        self.alice.close()
        self.waiter.close()


def names_of_pools(client):
    return {path.rpartition("/")[2] for path, *_ in client.pools()}


def restarts():
    return int(unit(SERVICE, "NRestarts"))


def expect_journal(cursor, *matches, text):
    wait_for_entry(cursor, *matches, text=text)


@contextlib.contextmanager
def running_with(text, section="Service"):
    """The unit with this besides, for as long as it takes."""
    try:
        with machine.changed_unit(text, section):
            machine.start()
            yield
    finally:
        machine.start()


# --- The daemon ends ------------------------------------------------------------------------------

def killed_outright():
    """kill -9: systemd starts it again. Who waited is told so at once, and is served when he then asks again, over the
    same connection; buffers live on, with what is in them, and the new daemon has them in its books. The journal has
    how it ended, and that it was started again."""
    scene = Scene()
    os.kill(scene.pid, signal.SIGKILL)
    scene.expect_refused(NO_REPLY)
    again = scene.waiter.allocate(count=1, pool="main")
    assert again.status == "complete", again.report
    again.close()
    scene.expect_another()
    assert restarts() == 1
    scene.expect_kept()
    scene.expect_served()
    expect_journal(scene.cursor, EXITED, OF_UNIT, text="status=9/KILL")
    expect_journal(scene.cursor, FAILED, OF_UNIT, text="'signal'")
    expect_journal(scene.cursor, OURS, text="pool main: 400 MiB")
    scene.end()


def killed_over_and_over():
    """What was started five times within a minute and ends again will not mend itself: systemd does not start it any
    more, and says so, and who asks for it is refused. Buffers live on. After `systemctl reset-failed` the next who asks
    starts it, and all is as before."""
    def has_failed():
        return unit(SERVICE, "ActiveState") == "failed"

    limits = unit(SERVICE, "StartLimitBurst", "StartLimitIntervalUSec")
    assert limits == {"StartLimitBurst": "5", "StartLimitIntervalUSec": "1min"}, limits
    # When that is over it may be started again, which a slow machine must not come to see.
    with running_with("StartLimitIntervalSec=1h", "Unit"):
        scene = Scene()
        for _ in range(6):
            pid = eventually("it runs", main_pid)
            os.kill(pid, signal.SIGKILL)
            eventually("systemd has seen that it ended", lambda before=pid: main_pid() != before or has_failed())
        eventually("systemd gives it up", has_failed)
        scene.expect_refused(NO_REPLY)
        expect_journal(scene.cursor, OF_UNIT, text="Start request repeated too quickly")
        expect_error(NOT_STARTED, scene.waiter.pools)
        assert has_failed() and not main_pid()
        check_marked(scene.held.fds, CHUNKS_EACH * CHUNK)
        systemctl("reset-failed", SERVICE)
        assert not main_pid()
        scene.waiter.pools()
        assert is_active()
        scene.expect_kept()
        scene.expect_served()
        scene.end()


def hung():
    """A daemon that does nothing any more: when it has not told systemd for WatchdogSec= that it lives, it is killed
    with SIGABRT and started again; all else as when it is killed outright. The journal says that the watchdog did
    it."""
    with running_with("WatchdogSec=10s"):
        scene = Scene()
        os.kill(scene.pid, signal.SIGSTOP)
        scene.expect_refused(NO_REPLY)
        scene.expect_another()
        scene.expect_kept()
        scene.expect_served()
        expect_journal(scene.cursor, OF_UNIT, text="Watchdog timeout")
        expect_journal(scene.cursor, EXITED, OF_UNIT, text="status=6/ABRT")
        expect_journal(scene.cursor, FAILED, OF_UNIT, text="'watchdog'")
        scene.end()


def stopped_in_order():
    """As at a shutdown: with live buffers and somebody who waits it ends by itself, well within TimeoutStopSec=. Who
    waits is told that it restarts; buffers live on. Started again, it has them in its books."""
    scene = Scene()
    begin = time.monotonic()
    systemctl("stop", SERVICE)
    took = time.monotonic() - begin
    print(f"stopped in {took:.1f} s")
    assert took < 15, took
    values = unit(SERVICE, "Result", "ExecMainStatus", "ActiveState")
    assert values == {"Result": "success", "ExecMainStatus": "0", "ActiveState": "inactive"}, values
    scene.expect_refused("Restarting")
    check_marked(scene.held.fds, CHUNKS_EACH * CHUNK)
    kernel_pool.wait_for_buffers(BUFFERS)
    systemctl("start", SERVICE)
    scene.expect_kept()
    scene.expect_served()
    expect_journal(scene.cursor, OURS, text="stopping")
    assert not machine.entries_after(scene.cursor, FAILED, OF_UNIT)
    scene.end()


# --- What it stands on ----------------------------------------------------------------------------

def fill_disk(path):
    """What there is for everybody but root; more than that root's own programs may need."""
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        while (free := os.statvfs(path)).f_bavail > 0:
            os.posix_fallocate(file, os.fstat(file).st_size, free.f_bavail * free.f_frsize)
    finally:
        os.close(file)


def change_kept(*keys):
    """What cmabulkctl says of a change of alice's account that is to be kept."""
    return subprocess.run(["cmabulkctl", "accounts", "set", "--persistent", "drill", *keys], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, check=False)


def files_of_state():
    found = {}
    for name in os.listdir(STATE):
        with open(os.path.join(STATE, name), encoding="utf-8") as file:
            found[name] = file.read()
    return found


def limit_of(manager):
    return manager.account("drill", ALICE)["maximum"]


def disk_is_full():
    """A change that is to be kept fails with what is the matter, and changes nothing, neither on disk nor in force.
    One that is not to be kept is made, and everything else goes on. When there is room it works. The journal has the
    failure, with what to do."""
    scene = Scene()
    root, filler = connect(), "/var/tmp/filler"
    made = change_kept("User=alice", "MaxBytes=64M")
    assert made.returncode == 0, made
    charged = scene.alice.allocate(count=1, pool="main")
    scene.alice.pools()
    before = files_of_state()
    assert "MaxBytes=64M" in before["accounts.conf"], before
    try:
        fill_disk(filler)
        failed = change_kept("MaxBytes=128M")
        assert failed.returncode != 0 and "No space left on device" in failed.stderr, failed
        assert files_of_state() == before
        assert limit_of(root) == 64 * MIB, root.accounts()
        scene.expect_kept()
        scene.expect_waiting()
        scene.expect_served()
        root.set_account("drill", MaxBytes="96M")
        assert limit_of(root) == 96 * MIB
        assert main_pid() == scene.pid
    finally:
        os.unlink(filler)
    expect_journal(scene.cursor, NOT_KEPT, text="No space left on device")
    explained = run("journalctl", f"--cursor={scene.cursor}", "--catalog", "--no-pager", NOT_KEPT)
    assert "make room" in explained, explained
    made = change_kept("MaxBytes=128M")
    assert made.returncode == 0 and limit_of(root) == 128 * MIB, made
    systemctl("restart", SERVICE)
    scene.expect_kept()
    assert limit_of(root) == 128 * MIB, "kept is what was said last"
    charged.close()
    root.unset_account("drill")
    root.close()
    scene.end()


JOURNAL = "systemd-journald.service"
JOURNAL_SOCKETS = ("systemd-journald.socket", "systemd-journald-dev-log.socket", "systemd-journald-audit.socket")


def tell_the_journal(root, weight):
    """Something that is always told: an administrator changes an account."""
    root.set_account("default", Weight=weight)


def journal_is_away():
    """Restarted, or stopped for a while: the service goes on, and what it said meanwhile is there when the journal is."""
    scene = Scene()
    root = connect()
    systemctl("restart", JOURNAL)
    tell_the_journal(root, "11")
    expect_journal(scene.cursor, OURS, text="Weight=11")
    systemctl("stop", JOURNAL, *JOURNAL_SOCKETS)
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as probe:
            assert probe.connect_ex("/run/systemd/journal/socket") in (errno.ECONNREFUSED, errno.ENOENT)
        tell_the_journal(root, "12")
        scene.expect_waiting()
        scene.expect_served()
    finally:
        systemctl("start", *JOURNAL_SOCKETS, JOURNAL)
    expect_journal(scene.cursor, OURS, text="Weight=12")
    tell_the_journal(root, "13")
    expect_journal(scene.cursor, OURS, text="Weight=13")
    assert main_pid() == scene.pid
    scene.expect_kept()
    root.unset_account("default")
    root.close()
    scene.end()


def fill_the_journal():
    """Nobody else finds room in its socket then; anybody may do that."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as filler:
        filler.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8 * MIB)
        with contextlib.suppress(BlockingIOError):
            while True:
                filler.sendto(b"MESSAGE=filler\nPRIORITY=7\n", "/run/systemd/journal/socket")


def journal_is_stuck():
    """It reads nothing, until its own watchdog ends that: nobody waits for it. What it has no room for is kept, and there
    when it reads again."""
    scene = Scene()
    root = connect()
    changes = 20
    with machine.halted(JOURNAL):
        fill_the_journal()
        for number in range(changes):
            tell_the_journal(root, str(1 + number % 2))
        scene.expect_waiting()
        scene.expect_served()

    def told():
        return [entry for entry in machine.entries_after(scene.cursor, OURS)
                if "account default: user 0 sets" in entry["MESSAGE"]]

    eventually("the journal has all of it", lambda: len(told()) == changes)
    assert main_pid() == scene.pid
    scene.expect_kept()
    root.unset_account("default")
    root.close()
    scene.end()


def bus_is_restarted():
    """All connections end, the daemon's as well: it ends with status 1, and systemd starts it again, on the new bus.
    Programs with the library are told that the connection ended; buffers live on, and are charged. The journal says
    why it ended."""
    scene = Scene()
    library = subprocess.Popen(["cmabulkctl", "alloc", f"{scene.wanted()}x64K"], stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    with connect() as root:
        root.wait_pending(2)
    systemctl("restart", "dbus.service")
    try:
        scene.waiter.wait_disconnected()
        _, said = library.communicate(timeout=PATIENCE)
        print(f"cmabulkctl: {library.returncode}: {said.strip()}")
        assert library.returncode == UNAVAILABLE, (library.returncode, said)
        assert said.startswith("cmabulkctl: ") and LOST in said, said
    finally:
        library.kill()
    eventually("the bus is there", lambda: os.path.exists(BUS_SOCKET))
    scene.expect_another()
    scene.expect_kept()
    scene.expect_served()
    expect_journal(scene.cursor, OURS, text="the bus closed the connection")
    expect_journal(scene.cursor, EXITED, OF_UNIT, text="status=1/FAILURE")
    scene.end()


DAY = 24 * 60 * 60


@contextlib.contextmanager
def clock_moved(seconds):
    """By so much, until it is put right again."""
    def move(by):
        time.clock_settime(time.CLOCK_REALTIME, time.time() + by)

    move(seconds)
    try:
        yield
    finally:
        move(-seconds)


def clock_jumps():
    """By days, forward and back: deadlines, rates, what is claimed ahead and what is not fetched yet go by a clock
    that does not jump. Nothing is over too early, and nothing late. The daemon has nothing to say of it."""
    scene = Scene()
    root, alice = connect(), connect("alice")
    root.set_account("hasty", User="alice", RateLimitBurst="1", RateLimitIntervalSec="10min")
    # That was the one request she may make of this pool.
    alice.prepare("ahead", count=8, order=ORDER, pool="second", expire_usec=PATIENT_USEC)
    eventually("something is claimed ahead", lambda: root.pool("second")["Reserved"] == 8 * CHUNK)
    jumps = (3, -3, 400)
    for days in jumps:
        unfetched = root.allocate(count=20, buffers=20, pool="second")
        with clock_moved(days * DAY):
            scene.expect_waiting()
            assert len(root.fetch_all(unfetched)) == 20
            assert root.pool("second")["Reserved"] == 8 * CHUNK, "what was claimed ahead is gone"
            expect_error("RateLimited", alice.allocate, count=1, pool="second")
            begin = time.monotonic()
            late = root.allocate(count=scene.wanted(), order=ORDER, pool="main", timeout_usec=1_000_000)
            took = time.monotonic() - begin
            assert late.status == "timed-out" and 1 <= took < 20, (late.status, took)
        unfetched.close()
    scene.expect_waiting()
    assert main_pid() == scene.pid
    told = machine.entries_after(scene.cursor, OURS)
    assert sum(f"MESSAGE_ID={entry.get('MESSAGE_ID')}" == TIMED_OUT for entry in told) == len(jumps), told
    alice.cancel("ahead")
    root.wait_whole("second")
    root.unset_account("hasty")
    scene.expect_kept()
    alice.close()
    root.close()
    scene.end()


# --- Memory ---------------------------------------------------------------------------------------

# Takes memory until somebody stops it; the kernel does the work, as that is emulated.
HOG = "\n".join((
    "import mmap",
    "flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | mmap.MAP_POPULATE",
    "taken = []",
    "while True: taken.append(mmap.mmap(-1, 1 << 28, flags=flags))"))


def hog(name, *properties, command=()):
    """In a service of its own; how systemd says that it ended."""
    words = [word for each in properties for word in ("-p", each)]
    done = subprocess.run(["systemd-run", "--quiet", "--wait", f"--unit={name}", *words, *command, sys.executable,
                           "-c", HOG], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    result = unit(f"{name}.service", "Result")
    systemctl("reset-failed", f"{name}.service")
    return done.returncode, result


def somebody_takes_all_memory():
    """The kernel ends who took it: the daemon is small, goes on, and forgets nothing. The journal says who was
    killed."""
    scene = Scene()
    status, result = hog("drill-hog")
    assert status != 0 and result == "oom-kill", (status, result)
    assert main_pid() == scene.pid
    scene.expect_waiting()
    scene.expect_kept()
    scene.expect_served()
    expect_journal(scene.cursor, "_TRANSPORT=kernel", text="Out of memory: Killed process")
    expect_journal(scene.cursor, OUT_OF_MEMORY, "UNIT=drill-hog.service", text="OOM killer")
    scene.end()


def client_is_out_of_memory():
    """A client is killed as it reached the MemoryMax= of its unit: its buffers, which that does not count, come
    back, and who waits for them gets them. The journal says which unit it was."""
    scene = Scene()
    status, result = hog("drill-client", "User=alice", "MemoryMax=64M", "MemorySwapMax=0",
                         command=["cmabulkctl", "alloc", "1600x64K", "--pool", "main", "--buffers", "10", "--"])
    assert status != 0 and result == "oom-kill", (status, result)
    expect_journal(scene.cursor, OUT_OF_MEMORY, "UNIT=drill-client.service", text="OOM killer")
    with connect() as root:
        root.wait_for_buffers(BUFFERS)
    scene.expect_waiting()
    scene.expect_kept()
    scene.held.close()
    last = scene.waiter.finish_allocate(scene.serial)
    assert last.status == "complete", last.report
    last.close()
    assert main_pid() == scene.pid
    scene.end()


def daemon_is_out_of_memory():
    """At the MemoryMax= of its unit it is killed and started again, and all is as when it is killed outright. The
    journal says that it was for want of memory."""
    scene = Scene()
    limit = f"/sys/fs/cgroup{unit(SERVICE, 'ControlGroup')}/memory.max"
    assert kernel_pool.read(limit) == str(512 * MIB)
    # For this start alone: the next has the unit's limit again.
    kernel_pool.write(limit, str(128 * KIB))
    scene.expect_refused(NO_REPLY)
    scene.expect_another()
    assert kernel_pool.read(limit) == str(512 * MIB)
    scene.expect_kept()
    scene.expect_served()
    expect_journal(scene.cursor, OUT_OF_MEMORY, OF_UNIT, text="OOM killer")
    expect_journal(scene.cursor, FAILED, OF_UNIT, text="'oom-kill'")
    scene.end()


# --- The module, and who uses it ------------------------------------------------------------------

def rmmod():
    done = subprocess.run(["rmmod", "cmabulk"], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    return done.returncode, done.stderr.strip()


def module_is_in_use():
    """It cannot be taken out while the service runs, nor while a buffer lives, and says so; nobody notices the
    attempt. Without either it can. Put in again, its pools start the service."""
    scene = Scene()
    status, said = rmmod()
    assert status != 0 and "is in use" in said, (status, said)
    assert os.path.exists(kernel_pool.MODULE)
    scene.expect_waiting()
    scene.expect_kept()
    scene.expect_served()
    systemctl("stop", SERVICE)
    scene.expect_refused("Restarting")
    status, said = rmmod()
    assert status != 0 and "is in use" in said, "there are buffers"
    check_marked(scene.held.fds, CHUNKS_EACH * CHUNK)
    scene.held.close()
    eventually("it is not in use", lambda: kernel_pool.read(f"{kernel_pool.MODULE}/refcnt") == "0")
    kernel_pool.expect_whole()
    assert rmmod() == (0, "")
    assert not os.path.exists("/dev/cmabulk/main")
    cursor = journal_cursor()
    run("modprobe", "cmabulk")
    eventually("its pools started the service", is_active)
    expect_journal(cursor, STARTED, OF_UNIT, text="Started")
    scene.expect_served()
    scene.end()


def client_crashes_while_it_is_served():
    """In the middle of a long fill: that ends, and what was claimed goes back. Whoever waits is next."""
    scene = Scene()
    scene.held.close()
    scene.waiter.finish_allocate(scene.serial).close()
    scene.waiter.pools()  # what was delivered is confirmed
    trace = kernel_pool.Trace()
    most = scene.wanted() * 9 // 10

    def ask(child):
        client = User(BUS_SOCKET, ALICE, groups_of("alice"))
        client.start_allocate(count=most, order=ORDER, pool="main")
        child.say("asked")
        child.linger()

    # There is something to move out of the area, so that it takes long.
    with kernel_pool.lent(200 * MIB), connect() as root:
        with machine.starved(scene.pid):
            child = Child(ask, ALICE, groups_of("alice"))
            child.hear()
            eventually("it is served", trace.is_inside)
            signal.pidfd_send_signal(child.pidfd, signal.SIGSEGV)
            assert child.wait() == -signal.SIGSEGV
            trace.mark("crashed")
        assert trace.marks_inside(), "it did not crash inside FILL"
        root.wait_whole()
        after = root.allocate(count=1)
        assert after.status == "complete", after.report
        after.close()
    trace.close()
    assert main_pid() == scene.pid
    scene.end()


def udev_is_killed():
    """systemd starts it again. The service neither notices nor loses a pool that comes meanwhile."""
    scene = Scene()
    with connect() as root:
        kernel_pool.remove("second")
        eventually("the pool is not listed", lambda: names_of_pools(root) == {"main"})
        before = unit("systemd-udevd.service", "MainPID")
        systemctl("kill", "--signal=KILL", "systemd-udevd.service")
        kernel_pool.add("second", "numa0")
        eventually("udev serves again", lambda: unit("systemd-udevd.service", "MainPID") not in ("0", before))
        eventually("the pool is found", lambda: names_of_pools(root) == {"main", "second"})
    assert main_pid() == scene.pid
    scene.expect_waiting()
    scene.expect_kept()
    scene.expect_served()
    expect_journal(scene.cursor, EXITED, "UNIT=systemd-udevd.service", text="status=9/KILL")
    scene.end()


TESTS = [
    killed_outright,
    hung,
    stopped_in_order,
    disk_is_full,
    journal_is_away,
    journal_is_stuck,
    clock_jumps,
    client_is_out_of_memory,
    daemon_is_out_of_memory,
    module_is_in_use,
    client_crashes_while_it_is_served,
    udev_is_killed,
    bus_is_restarted,
]
LONG = [killed_over_and_over, somebody_takes_all_memory]
