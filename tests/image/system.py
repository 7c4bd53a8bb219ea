# SPDX-License-Identifier: LGPL-2.1-or-later
"""A booted system, and the service in it: what starts it, keeps it, has it read its configuration, ends it."""

import glob
import grp
import json
import os
import pwd
import re
import signal
import subprocess

import kernel_pool
import machine
from client import BusError
from errors import expect_amounts
from fixture import NAME, eventually
from machine import (CONFIGURATION, SERVICE, changed_unit, connect, entries_after, file_with, is_active,
                     journal_cursor, main_pid, run, start, stop, systemctl, unit, wait_active,
                     wait_for_entry)
from manager import MANAGER, MIB, PAGE, PATH, expect_error

SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
CGROUP = "/sys/fs/cgroup"
# systemd's own, of messages that a unit was started.
UNIT_STARTED = "39f53479d3a045ac8e11786248231fbf"
# The pool beside kernel_pool.POOL, of an area of 64 MiB: its order is that of 64 KiB.
OTHER, ORDER = "second", 4
OTHER_AREA = machine.POOLS[OTHER]
# As an administrator writes them; cmabulk(4) says how.
MODULE_FILES = {
    "/etc/modules-load.d/cmabulk.conf": "cmabulk",
    "/etc/modprobe.d/cmabulk.conf": f"options cmabulk pools=main:reserved,{OTHER}:{OTHER_AREA}",
}


def names(manager):
    return sorted(path.rpartition("/")[2] for path, *_ in manager.pools())


# --- The boot -------------------------------------------------------------------------------------

def boots_whole():
    """Nothing of it failed, and it took at most 90 s under emulation."""
    assert systemctl("is-system-running", "--wait", check=False) == "running", systemctl("--failed")
    took = int(unit("multi-user.target", "ActiveEnterTimestampMonotonic")) / 1_000_000
    print(f"multi-user.target after {took:.1f} s")
    assert took < 90


def module_has_its_pools_at_boot():
    """As cmabulk(4) tells an administrator: two files of a line each, and the pools are there."""
    for path, line in MODULE_FILES.items():
        with open(path, encoding="ascii") as file:
            assert file.read() == line + "\n", path
    assert is_active("systemd-modules-load.service")
    _, _, pools = MODULE_FILES["/etc/modprobe.d/cmabulk.conf"].partition("pools=")
    assert kernel_pool.read(f"{kernel_pool.MODULE}/parameters/pools") == pools
    with connect() as root:
        assert names(root) == ["main", OTHER], names(root)
        assert root.get_property(NAME, PATH, MANAGER, "ConfigurationProblems") == []
    # It needs no configuration.
    assert not glob.glob("/etc/cmabulk/**/*.conf", recursive=True)


def pool_starts_the_service():
    """udev saw the pools that the module has from its parameter, and nobody had asked for the service yet."""
    assert "cmabulk-main.device" in unit(SERVICE, "WantedBy"), systemctl("show", SERVICE)
    [begun, *_] = run("journalctl", "--boot", "--output=json", f"UNIT={SERVICE}",
                      f"MESSAGE_ID={UNIT_STARTED}").splitlines()
    begun = int(json.loads(begun)["__MONOTONIC_TIMESTAMP"]) / 1_000_000
    assert begun < machine.settled, (begun, machine.settled)


def user_and_groups_are_there():
    """As sysusers.d says: system accounts, nobody logs in as the daemon, the clients' group is no one's but
    who was put into it.
    """
    daemon = pwd.getpwnam("cmabulk")
    assert daemon.pw_uid < 1000 and daemon.pw_shell == "/usr/sbin/nologin", daemon
    assert grp.getgrnam("cmabulk").gr_mem == []
    clients = grp.getgrnam("cmabulk-clients")
    assert clients.gr_gid < 1000 and clients.gr_mem == ["alice"], clients
    assert os.stat(f"/proc/{main_pid()}").st_uid == daemon.pw_uid
    # Nobody knows a password of it.
    assert run("passwd", "--status", "cmabulk").split()[1] == "L"


# --- What the service manager knows of it -----------------------------------------------------------

def unit_is_understood():
    """systemd has nothing to say about the unit, as it is installed."""
    assert run("systemd-analyze", "verify", "--man=no", SERVICE,
               stderr=subprocess.STDOUT) == ""


def little_is_exposed():
    """systemd's own score, of the unit as it is loaded, is at most 1.5 of 10."""
    def score(threshold):
        done = subprocess.run(["systemd-analyze", "security", f"--threshold={threshold}", SERVICE],
                              stdout=subprocess.PIPE, text=True, check=False)
        return done.returncode == 0, done.stdout

    is_below, text = score(15)
    assert is_below, text
    assert not score(5)[0], "nothing is held against it: does the threshold count?"
    print(text.strip().splitlines()[-1])


def limits_are_in_force():
    """Memory and tasks by its control group, descriptors by itself: those of the unit, and far from reached.
    """
    limits = unit(SERVICE, "ControlGroup", "MemoryMax", "TasksMax", "LimitNOFILE")
    group = CGROUP + limits["ControlGroup"]
    assert kernel_pool.read(f"{group}/memory.max") == limits["MemoryMax"] == str(512 * MIB), limits
    assert kernel_pool.read(f"{group}/pids.max") == limits["TasksMax"] == "512", limits
    assert str(main_pid()) in kernel_pool.read(f"{group}/cgroup.procs").split()
    assert 0 < int(kernel_pool.read(f"{group}/memory.peak")) < 32 * MIB
    assert 0 < int(kernel_pool.read(f"{group}/pids.current")) < 16
    files = re.search(r"Max open files +(\d+)", kernel_pool.read(f"/proc/{main_pid()}/limits"))
    assert files[1] == limits["LimitNOFILE"] == "65536", limits


def start_is_over_when_it_serves():
    """READY comes after the name: whoever is ordered behind the service finds it."""
    stop()
    with connect() as root:
        assert not root.name_has_owner(NAME)
        start()
        assert root.name_has_owner(NAME)
        assert names(root) == ["main", OTHER]
    assert unit(SERVICE, "StatusText") == "Serving 2 pools"


def watchdog_is_served():
    """The unit has one, of a minute; with one of 10 s the daemon is heard of again and again, and lives on.
    """
    assert unit(SERVICE, "WatchdogUSec") == "1min"
    with changed_unit("WatchdogSec=10s"):
        start()
        pid = main_pid()
        heard = int(unit(SERVICE, "WatchdogTimestampMonotonic"))
        for _ in range(2):
            before = heard

            def is_heard():
                nonlocal heard
                heard = int(unit(SERVICE, "WatchdogTimestampMonotonic"))
                return heard > before

            eventually("the daemon is heard of", is_heard)
        assert main_pid() == pid
        systemctl("stop", SERVICE)
        assert unit(SERVICE, "Result") == "success"


# --- Its configuration ----------------------------------------------------------------------------

def reload_takes_what_changed():
    """A drop-in counts from `systemctl reload` on, in the same process, and not any more when it is gone."""
    pid = main_pid()
    with connect("alice") as alice:
        def may_have(size):
            """Or the sentence that says why not."""
            try:
                alice.allocate(count=size // PAGE, pool="main").close()
            except BusError as error:
                return str(error)
            return ""

        with file_with(CONFIGURATION, "[Account default]\nMaxBytes=8M\n"):
            assert may_have(9 * MIB) == "", "it counts before anybody has said so"
            systemctl("reload", SERVICE)
            # That only sends a signal where systemd does not know better (before 253).
            sentence = eventually("it is in force", lambda: may_have(9 * MIB))
            assert "QuotaExceeded" in sentence, sentence
            expect_amounts(sentence, 8 * MIB)
            assert may_have(8 * MIB) == ""
        systemctl("reload", SERVICE)
        eventually("it is not in force any more", lambda: may_have(9 * MIB) == "")
    assert main_pid() == pid


def journal_says_what_to_do():
    """A mistake in the configuration, a request that is refused: each has its text of the catalogue, with
    what it is about.
    """
    cursor = journal_cursor()

    def shown(entry):
        return run("journalctl", "--catalog", f"--cursor={cursor}",
                   f"MESSAGE_ID={entry['MESSAGE_ID']}")

    with file_with(CONFIGURATION, "[Account default]\nMaxBytes=much\n"):
        systemctl("reload", SERVICE)
        entry = wait_for_entry(cursor, "MESSAGE_ID=15c8bd6536ac4d22be11b9e58a9b10eb")
        assert entry["_SYSTEMD_UNIT"] == SERVICE and "MaxBytes" in entry["MESSAGE"], entry
        text = shown(entry)
        assert "The configuration has a mistake" in text and "cmabulkctl reload" in text, text
    cursor = journal_cursor()
    systemctl("reload", SERVICE)
    with connect("alice") as alice:
        eventually("the mistake is gone", lambda: alice.get_property(
            NAME, PATH, MANAGER, "ConfigurationProblems") == [])
        expect_error("TooLarge", alice.allocate, count=500 * MIB // PAGE, pool="main")
    entry = wait_for_entry(cursor, "MESSAGE_ID=28a6e94c71e14d3c9d1cb2ca11438969")
    assert entry["CMABULK_POOL"] == "main", entry
    text = shown(entry)
    assert "A request for memory was refused" in text, text
    assert f"request of account {entry['CMABULK_ACCOUNT']} for memory of pool main" in text, text


def catalogue_is_installed():
    """The journal has a text for each id that the daemon can log."""
    with open(os.path.join(SOURCE, "systemd/cmabulk.catalog"), encoding="utf-8") as file:
        wanted = re.findall(r"^-- ([0-9a-f]{32})\nSubject: (.*)$", file.read(), flags=re.M)
    assert wanted
    listed = run("journalctl", "--list-catalog")
    for number, subject in wanted:
        assert re.search(rf"^{number} cmabulkd: {re.escape(subject)}$", listed, flags=re.M), subject


# --- What starts it, and ends it --------------------------------------------------------------------

def who_asks_starts_it():
    """With the service stopped, the bus has it started for the first call, which is answered."""
    stop()
    with connect("alice") as alice:
        assert not is_active()
        assert names(alice) == ["main", OTHER]
        assert is_active()
        allocation = alice.allocate(count=1, pool="main")
        assert allocation.status == "complete", allocation.report
        allocation.close()
    assert os.stat(f"/proc/{main_pid()}").st_uid == pwd.getpwnam("cmabulk").pw_uid


def pool_that_appears_starts_it():
    """With the service stopped, a pool that is added has udev start it."""
    stop()
    kernel_pool.remove(OTHER)
    run("udevadm", "settle")
    assert not is_active(), "it is not the going that starts it"
    kernel_pool.add(OTHER, OTHER_AREA)
    wait_active()
    with connect() as root:
        eventually("the pool is there", lambda: names(root) == ["main", OTHER])


def module_comes_with_the_service():
    """When the module is not loaded, starting the service loads it, with the pools that the administrator
    wrote down.
    """
    stop()
    run("modprobe", "--remove", "cmabulk")
    assert not os.path.exists(kernel_pool.MODULE)
    start()
    with connect() as root:
        eventually("the pools are there", lambda: names(root) == ["main", OTHER])
    with connect("alice") as alice:
        allocation = alice.allocate(count=64, order=ORDER, pool=OTHER)
        assert allocation.status == "complete", allocation.report
        allocation.close()


def ends_well():
    """Who waits is told to try again, what is handed out stays, nothing of it is left running, and nobody
    starts it again.
    """
    with connect("alice") as alice, connect() as late:
        held = alice.allocate(count=768, order=ORDER, pool=OTHER)
        alice.pools()
        assert held.status == "complete", held.report
        waiting = late.start_allocate(count=768, order=ORDER, pool=OTHER)
        with connect() as root:
            root.wait_pending(1, OTHER)
        cursor = journal_cursor()
        group = CGROUP + unit(SERVICE, "ControlGroup")
        systemctl("stop", SERVICE)
        ended = unit(SERVICE, "Result", "ExecMainCode", "ExecMainStatus", "ActiveState", "NRestarts")
        assert ended == {"Result": "success", "ExecMainCode": "1", "ExecMainStatus": "0",
                         "ActiveState": "inactive", "NRestarts": "0"}, ended
        eventually("no process is left", lambda: not os.path.exists(group))
        for entry in entries_after(cursor, f"UNIT={SERVICE}"):
            assert int(entry["PRIORITY"]) > 4, entry
        assert "again" in expect_error("Restarting", late.finish, waiting)
        stop()
        assert kernel_pool.read(f"{kernel_pool.CLASS}/{OTHER}/buffers") == "1"
        held.close()


def failure_starts_it_again():
    """It aborts: systemd starts it anew, by itself, and what lives is charged as it was."""
    pid = main_pid()
    restarts = int(unit(SERVICE, "NRestarts"))
    with connect("alice") as alice:
        def charged():
            account = alice.account("default", alice.uid)
            return account and (account["used"], account["buffers"])

        held = alice.allocate(count=16, order=ORDER, pool="main", buffers=2)
        assert charged() == (1 * MIB, 2), charged()
        os.kill(pid, signal.SIGABRT)
        eventually("another serves", lambda: is_active() and main_pid() not in (0, pid))
        assert int(unit(SERVICE, "NRestarts")) == restarts + 1
        eventually("it has the books", lambda: charged() == (1 * MIB, 2))
        held.close()
    systemctl("reset-failed", SERVICE)


def bad_command_line_does_not():
    """That will be no better the next time: it stays as it is."""
    with changed_unit("ExecStart=\nExecStart=/usr/libexec/cmabulkd --no-such-option"):
        cursor = journal_cursor()
        systemctl("start", SERVICE, check=False)
        ended = unit(SERVICE, "ActiveState", "Result", "ExecMainStatus", "NRestarts")
        assert ended == {"ActiveState": "failed", "Result": "exit-code", "ExecMainStatus": "2",
                         "NRestarts": "0"}, ended
        wait_for_entry(cursor, f"_SYSTEMD_UNIT={SERVICE}", text="no-such-option")


# --- What it is there for ---------------------------------------------------------------------------

def serves():
    """Somebody in the clients' group gets memory, of either pool, and it goes back."""
    with connect("alice") as alice:
        for pool in "main", OTHER:
            allocation = alice.allocate(count=4, buffers=2, pool=pool)
            assert allocation.status == "complete", allocation.report
            alice.pools()
            allocation.close()
            for _ in range(2):
                assert alice.wait_signal("BufferReleased").arguments[0] == pool


TESTS = [boots_whole, module_has_its_pools_at_boot, pool_starts_the_service, user_and_groups_are_there,
         unit_is_understood, little_is_exposed, limits_are_in_force, serves,
         start_is_over_when_it_serves, watchdog_is_served, reload_takes_what_changed,
         journal_says_what_to_do, catalogue_is_installed, who_asks_starts_it,
         pool_that_appears_starts_it, module_comes_with_the_service, ends_well, failure_starts_it_again,
         bad_command_line_does_not]
