# SPDX-License-Identifier: LGPL-2.1-or-later
"""Pools that come and go in a running system: what udev makes of them, and the service."""

import contextlib
import errno
import mmap
import os
import pwd
import stat
import subprocess

import kernel_pool
from client import PATIENCE, BusError
from fixture import eventually
from kernel_pool import CLASS, MODULE
from machine import (SERVICE, connect, file_with, is_active, main_pid, run, start, stop, systemctl, unit,
                     wait_active)
from manager import PAGE, expect_error
from system import OTHER, OTHER_AREA, names

DEVICE = "/dev/zero"
RULES = "/run/udev/rules.d/70-test.rules"
ORDER = 4
# Of the 1024 chunks of the smaller pool; the second does not fit beside the first.
MOST, MORE = 768, 512


def settle():
    run("udevadm", "settle", f"--timeout={PATIENCE:.0f}")


def properties(device):
    return dict(line.split("=", 1) for line in run(
        "udevadm", "info", "--query=property", device).splitlines())


def expect_pools(manager, *expected):
    eventually(f"the pools are {expected}", lambda: names(manager) == sorted(expected))


def other_is_whole():
    """By the area's own bitmap: whether the pool is there or not."""
    eventually("the area is whole",
               lambda: kernel_pool.read(f"/sys/kernel/debug/cma/{OTHER_AREA}/used") == "0")


def take(client, count=MOST, **keys):
    allocation = client.allocate(count=count, order=ORDER, **keys)
    assert allocation.status == "complete", allocation.report
    client.pools()
    return allocation


def expect_served(pool=OTHER):
    with connect("alice") as alice, connect() as root:
        take(alice, 16, pool=pool).close()
        root.wait_whole(pool)


@contextlib.contextmanager
def device_with(pools):
    """The device has them by a rule of udev, then no more."""
    def apply():
        run("udevadm", "control", "--reload")
        run("udevadm", "trigger", "--settle", DEVICE)

    try:
        with file_with(RULES, f'SUBSYSTEM=="mem", KERNEL=="zero", ENV{{CMABULK_POOLS}}="{pools}"\n'):
            apply()
            yield
    finally:
        apply()


def pools_of_device(client):
    """None when the daemon knows of none."""
    try:
        return client.pools_of(DEVICE)
    except BusError as error:
        assert error.name.endswith(".NoSuchDevice") and "CMABULK_POOLS" in error.text, error
        return []


# --- udev -----------------------------------------------------------------------------------------

def node_is_the_daemons():
    """Owner, mode, tag and properties are those of the rules; others may not open it, even in the clients'
    group; and there is no driver that it could be unbound from.
    """
    for pool in "main", OTHER:
        path = f"/dev/cmabulk/{pool}"
        status = os.stat(path)
        assert stat.S_ISCHR(status.st_mode) and stat.S_IMODE(status.st_mode) == 0o600, status
        assert (status.st_uid, status.st_gid) == (pwd.getpwnam("cmabulk").pw_uid, 0), status
        found = properties(path)
        assert found["SUBSYSTEM"] == "cmabulk" and found["SYSTEMD_WANTS"] == SERVICE, found
        assert "systemd" in found["CURRENT_TAGS"].split(":"), found
        device = run("systemd-escape", "--path", "--suffix=device", os.path.realpath(f"{CLASS}/{pool}"))
        assert is_active(device) and device in unit(SERVICE, "WantedBy").split(), device
        done = subprocess.run(["runuser", "-u", "alice", "--", "cat", path], capture_output=True,
                              text=True, check=False)
        assert "Permission denied" in done.stderr, done
        # A device of a class alone: pools are added and removed by name.
        assert not os.path.exists(f"{CLASS}/{pool}/driver")
        assert not os.path.exists(f"{CLASS}/{pool}/subsystem/drivers")


def rule_says_the_pools_of_a_device():
    """CMABULK_POOLS, as a rule of udev sets it, is what the daemon knows of the device; when the rule goes,
    it knows none.
    """
    with connect("alice") as alice:
        with device_with(f"nowhere {OTHER} main"):
            assert properties(DEVICE)["CMABULK_POOLS"] == f"nowhere {OTHER} main"
            eventually("the device has its pools", lambda: pools_of_device(alice) == [OTHER, "main"])
            allocation = take(alice, 16, device=DEVICE)
            assert allocation.report["pool"] == OTHER, allocation.report
            allocation.close()
        eventually("it has none", lambda: pools_of_device(alice) == [])


# --- Pools that go and come -------------------------------------------------------------------------

def goes_and_comes_again():
    """With buffers live and a request waiting: that ends without memory, they stay; the next pool of that
    name is the daemon's at once, and served by the same process.
    """
    pid = main_pid()
    with connect("alice") as alice, connect() as waiting, connect() as root:
        held = take(alice, pool=OTHER, buffers=2)
        with mmap.mmap(held.fds[1], PAGE) as memory:
            memory[:8] = b"survives"
        asked = waiting.start_allocate(count=MORE, order=ORDER, pool=OTHER)
        root.wait_pending(1, OTHER)
        kernel_pool.remove(OTHER)
        gone = waiting.finish_allocate(asked)
        assert (gone.status, gone.granted, gone.fds) == ("partial", 0, []), gone.report
        assert gone.report["error"] == errno.ENODEV and OTHER in gone.report["reason"], gone.report
        expect_pools(root, "main")
        settle()
        assert not os.path.exists(f"/dev/cmabulk/{OTHER}")
        expect_error("NoSuchPool", waiting.allocate, count=1, pool=OTHER)
        with mmap.mmap(held.fds[1], PAGE) as memory:
            assert memory[:8] == b"survives"
        # Who names no pool has what is left.
        other = take(waiting, 16)
        assert other.report["pool"] == "main", other.report
        other.close()
        held.close()
        other_is_whole()
        kernel_pool.add(OTHER, OTHER_AREA)
        expect_pools(root, "main", OTHER)
    assert os.stat(f"/dev/cmabulk/{OTHER}").st_uid == pwd.getpwnam("cmabulk").pw_uid
    expect_served()
    assert main_pid() == pid


def fallback_takes_over():
    """Who waits for memory of a device's pool that goes is served by the device's next one."""
    with device_with(f"{OTHER} main"), connect("alice") as alice, connect() as waiting, \
            connect() as root:
        eventually("the device has its pools", lambda: pools_of_device(alice) == [OTHER, "main"])
        held = take(alice, pool=OTHER)
        asked = waiting.start_allocate(count=MORE, order=ORDER, device=DEVICE)
        root.wait_pending(1, OTHER)
        kernel_pool.remove(OTHER)
        moved = waiting.finish_allocate(asked)
        assert moved.status == "complete" and moved.report["pool"] == "main", moved.report
        held.close()
        moved.close()
        other_is_whole()
        kernel_pool.add(OTHER, OTHER_AREA)
        expect_pools(root, "main", OTHER)
    expect_served()


def last_pool_goes():
    """The service goes on without any, and serves the next that comes."""
    pid = main_pid()
    with connect("alice") as alice, connect() as root:
        for pool in "main", OTHER:
            kernel_pool.remove(pool)
        expect_pools(root)
        expect_error("NoSuchPool", alice.allocate, count=1)
        kernel_pool.add(OTHER, OTHER_AREA)
        expect_pools(root, OTHER)
        expect_served()
        kernel_pool.add()
        expect_pools(root, "main", OTHER)
    assert is_active() and main_pid() == pid


def module_stays_while_a_buffer_lives():
    """It is not taken out while somebody has memory of it, even when all pools are gone; afterwards it is,
    and comes back with those that modprobe.d names, which start the service.
    """
    def remove_module():
        return subprocess.run(["modprobe", "--remove", "cmabulk"], stdin=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL, check=False).returncode == 0

    with connect("alice") as alice:
        held = take(alice, 16, pool=OTHER)
        stop()
        for pool in "main", OTHER:
            kernel_pool.remove(pool)
        assert not remove_module() and os.path.exists(MODULE)
        held.close()
    eventually("the module can go", remove_module)
    assert not os.path.exists(MODULE) and not is_active()
    settle()
    run("modprobe", "cmabulk")
    wait_active()
    with connect() as root:
        expect_pools(root, "main", OTHER)
    expect_served()


def module_is_renewed_under_the_service():
    """Taken out and loaded again while the service runs, which has to be restarted then, as cmabulkd(8) says:
    it looked device numbers up when it started.
    """
    with connect() as root:
        for pool in "main", OTHER:
            kernel_pool.remove(pool)
        expect_pools(root)
        eventually("the daemon keeps no hold of it", lambda: subprocess.run(
            ["modprobe", "--remove", "cmabulk"], stderr=subprocess.DEVNULL, check=False).returncode == 0)
        assert is_active()
        run("modprobe", "cmabulk")
        systemctl("reset-failed", SERVICE)
        systemctl("restart", SERVICE)
        expect_pools(root, "main", OTHER)
    expect_served()


def udevd_is_restarted():
    """What comes and goes after that is heard of as before, and what was there meanwhile stays."""
    with connect() as root, connect("alice") as alice:
        held = take(alice, 16, pool="main")
        systemctl("restart", "systemd-udevd.service")
        settle()
        assert names(root) == ["main", OTHER]
        kernel_pool.remove(OTHER)
        expect_pools(root, "main")
        kernel_pool.add(OTHER, OTHER_AREA)
        expect_pools(root, "main", OTHER)
        held.close()
    expect_served()


def starts_with_what_is_there():
    """Pools that came and went while it was stopped: it knows those that are."""
    stop()
    kernel_pool.remove(OTHER)
    start()
    with connect() as root:
        assert names(root) == ["main"]
        kernel_pool.add(OTHER, OTHER_AREA)
        expect_pools(root, "main", OTHER)
    expect_served()


TESTS = [node_is_the_daemons, rule_says_the_pools_of_a_device, goes_and_comes_again, fallback_takes_over,
         last_pool_goes, udevd_is_restarted, starts_with_what_is_there,
         module_stays_while_a_buffer_lives, module_is_renewed_under_the_service]
