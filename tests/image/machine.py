# SPDX-License-Identifier: LGPL-2.1-or-later
"""The booted test system: its units, its journal, its people, and what the kernel says of the pool."""

import grp
import json
import os
import pwd
import subprocess

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
    """As dictionaries, of those that match FIELD=VALUE."""
    run("journalctl", "--sync")
    lines = run("journalctl", f"--after-cursor={cursor}", "--output=json", *matches)
    return [json.loads(line) for line in lines.splitlines()]


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
