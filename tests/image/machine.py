# SPDX-License-Identifier: LGPL-2.1-or-later
"""The booted test system: its units, its journal, its people, and what the kernel says of the pool."""

import contextlib
import grp
import json
import os
import pwd
import subprocess
import time

import kernel_pool
from fixture import NAME, eventually
from manager import User

SERVICE = "cmabulkd.service"
BUS_SOCKET = "/run/dbus/system_bus_socket"


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
    if not os.path.exists(f"{kernel_pool.CLASS}/{kernel_pool.POOL}"):
        run("modprobe", "cmabulk")
    if not is_active():
        start()
    expect_whole()


def expect_whole():
    """Nothing is in anybody's hands, and daemon and kernel agree on that."""
    if not is_active():
        kernel_pool.expect_whole()
        return
    with connect() as root:
        eventually("the daemon is on the bus", lambda: root.name_has_owner(NAME))
        kernel_pool.expect_whole(root)


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
def changed_unit(text):
    """With a drop-in of the service, which is stopped before and after: nothing runs within the wrong one."""
    stop()
    try:
        with file_with(DROP_IN, f"[Service]\n{text}\n"):
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


def wait_active(name=SERVICE):
    eventually(f"{name} runs", lambda: is_active(name))


def process_status(pid):
    """The fields of /proc/PID/status."""
    with open(f"/proc/{pid}/status", encoding="utf-8") as status:
        return dict(line.rstrip("\n").split(":\t", 1) for line in status if ":\t" in line)
