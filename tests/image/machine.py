# SPDX-License-Identifier: LGPL-2.1-or-later
"""The booted test system: its units, its journal, its people, and what the kernel says of the pool."""

import contextlib
import grp
import json
import os
import pwd
import signal
import subprocess
import sys
import time

import kernel_pool
from fixture import NAME, eventually
from manager import User

SERVICE = "cmabulkd.service"
BUS_SOCKET = "/run/dbus/system_bus_socket"
# Of the system at boot, with their areas.
POOLS = {"main": "reserved", "second": "numa0"}


def run(*command, check=True, **options):
    """What it says; its errors are the test's."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, check=False,
                          **options)
    assert not check or done.returncode == 0, f"{' '.join(command)}: {done.returncode}: {done.stdout}"
    return done.stdout.strip()


# --- The boot -------------------------------------------------------------------------------------

# When what the boot had set off was over, and nobody had asked for anything yet; by the monotonic clock.
settled = 0.0


def settle():
    global settled
    run("udevadm", "settle")
    run("systemctl", "is-system-running", "--wait", check=False)
    settled = time.monotonic()


# --- Units ----------------------------------------------------------------------------------------

def systemctl(*arguments, **options):
    return run("systemctl", "--no-pager", *arguments, **options)


def unit(name, *properties):
    """Its properties, or the only one that is wanted."""
    shown = systemctl("show", name, *(f"--property={each}" for each in properties))
    values = dict(line.split("=", 1) for line in shown.splitlines())
    return values[properties[0]] if len(properties) == 1 else values


def main_pid():
    return int(unit(SERVICE, "MainPID"))


def is_active(name=SERVICE):
    return unit(name, "ActiveState") == "active"


def start():
    systemctl("reset-failed", SERVICE, check=False)
    systemctl("start", SERVICE)


# --- The journal ----------------------------------------------------------------------------------

def journal_cursor():
    """Where it is now."""
    run("journalctl", "--sync")
    last = run("journalctl", "--lines=1", "--output=json", "--output-fields=MESSAGE")
    return json.loads(last)["__CURSOR"]


def journal_after(cursor):
    return run("journalctl", f"--after-cursor={cursor}", "--no-pager")


def entries_after(cursor, *matches):
    """As dictionaries, of those that match FIELD=VALUE. With --after-cursor journalctl would leave out the first that
    does, unless what is at the cursor does."""
    run("journalctl", "--sync")
    lines = run("journalctl", f"--cursor={cursor}", "--output=json", "--quiet", *matches)
    return [entry for entry in map(json.loads, lines.splitlines()) if entry["__CURSOR"] != cursor]


def wait_for_entry(cursor, *matches, text=""):
    def found():
        return [entry for entry in entries_after(cursor, *matches) if text in str(entry.get("MESSAGE"))]

    return eventually(f"the journal has {matches} {text!r}", found)[0]


# --- People ---------------------------------------------------------------------------------------

def groups_of(name):
    person = pwd.getpwnam(name)
    return (person.pw_gid, *(group.gr_gid for group in grp.getgrall() if name in group.gr_mem))


def connect(name="root"):
    """Somebody's connection to the system bus."""
    return User(BUS_SOCKET, pwd.getpwnam(name).pw_uid, groups_of(name))


# --- What each test begins and ends with ------------------------------------------------------------

def begin():
    """What a test that failed has left is put right: those that follow need not fail with it."""
    if not os.path.exists(kernel_pool.MODULE):
        # The service would go on with the device numbers of the one that was.
        stop()
        run("modprobe", "cmabulk")
    for pool, area in POOLS.items():
        if not os.path.exists(f"{kernel_pool.CLASS}/{pool}"):
            kernel_pool.add(pool, area)
    if not is_active():
        start()
    with connected() as root:
        unset_accounts(root)
    expect_whole()


@contextlib.contextmanager
def connected():
    """As root, once the daemon is there with its pools."""
    with connect() as root:
        eventually("the daemon is on the bus", lambda: root.name_has_owner(NAME))
        eventually("it has its pools", lambda: {path.rpartition("/")[2] for path, *_ in root.pools()} == set(POOLS))
        yield root


def changed_accounts(root):
    """At run time; the default one is only listed while somebody of it has something."""
    return {account["account"] for account in root.accounts() if account.get("runtime")}


def unset_accounts(root):
    for name in {"default"} | changed_accounts(root):
        root.unset_account(name)


def left_of(pool):
    """What the kernel has of it in anybody's hands."""
    values = {name: int(kernel_pool.read(f"{kernel_pool.CLASS}/{pool}/{name}"))
              for name in (*kernel_pool.STATES, "buffers", "reservations")}
    values["used"] = int(kernel_pool.read(f"/sys/kernel/debug/cma/{POOLS[pool]}/used"))
    return {name: value for name, value in values.items() if value}


def expect_whole():
    """Nothing of either pool is in anybody's hands, daemon and kernel agree on that, and no account was added."""
    if is_active():
        with connected() as root:
            for pool in POOLS:
                root.wait_whole(pool)
            kernel_pool.expect_same_books(root)
            assert not changed_accounts(root), root.accounts()
    for pool in POOLS:
        try:
            # What is cached goes by itself.
            eventually(f"pool {pool} is whole", lambda pool=pool: not left_of(pool))
        except AssertionError as error:
            raise AssertionError(f"{error}; left: {left_of(pool)}") from error


# --- Changes for a while ------------------------------------------------------------------------------

DROP_IN = f"/run/systemd/system/{SERVICE}.d/50-test.conf"
CONFIGURATION = "/etc/cmabulk/cmabulkd.conf.d/50-test.conf"


@contextlib.contextmanager
def file_with(path, text):
    """With that file, and the directories it needs; then all as it was."""
    made = []
    directory = os.path.dirname(path)
    while not os.path.isdir(directory):
        made.append(directory)
        directory = os.path.dirname(directory)
    for directory in reversed(made):
        os.mkdir(directory)
    try:
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        yield path
    finally:
        if os.path.exists(path):
            os.unlink(path)
        for directory in made:
            os.rmdir(directory)


@contextlib.contextmanager
def changed_unit(text, section="Service"):
    """With a drop-in of the service, which is stopped before and after: nothing runs within the wrong one."""
    stop()
    try:
        with file_with(DROP_IN, f"[{section}]\n{text}\n"):
            systemctl("daemon-reload")
            try:
                yield
            finally:
                stop()
    finally:
        systemctl("daemon-reload")


def stop(name=SERVICE):
    """Those who start it count from zero then."""
    systemctl("stop", name)
    systemctl("reset-failed", name, check=False)


@contextlib.contextmanager
def halted(name):
    """The unit's process is there and does nothing; unless something ends it meanwhile, it then goes on."""
    process = os.pidfd_open(int(unit(name, "MainPID")))
    try:
        signal.pidfd_send_signal(process, signal.SIGSTOP)
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            signal.pidfd_send_signal(process, signal.SIGCONT)
        os.close(process)


def wait_active(name=SERVICE):
    eventually(f"{name} runs", lambda: is_active(name))


@contextlib.contextmanager
def starved(pid):
    """What the process does takes ten times as long: it has that much of one processor, and another the rest. With less
    it may not get to what it is asked for within a minute."""
    def for_each_thread(processors, nice):
        for thread in map(int, os.listdir(f"/proc/{pid}/task")):
            with contextlib.suppress(ProcessLookupError):
                os.sched_setaffinity(thread, processors)
                os.setpriority(os.PRIO_PROCESS, thread, nice)

    processors = os.sched_getaffinity(pid)
    one = {max(processors)}
    with subprocess.Popen([sys.executable, "-c", "while True: pass"],
                          preexec_fn=lambda: os.sched_setaffinity(0, one)) as other:
        try:
            for_each_thread(one, 10)
            yield
        finally:
            other.kill()
            for_each_thread(processors, 0)


def process_status(pid):
    """The fields of /proc/PID/status."""
    with open(f"/proc/{pid}/status", encoding="utf-8") as status:
        return dict(line.rstrip("\n").split(":\t", 1) for line in status if ":\t" in line)
