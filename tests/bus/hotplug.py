# SPDX-License-Identifier: LGPL-2.1-or-later
"""Pools that come and go at run time, on a system with a udevd: in a VM."""

import errno
import mmap
import os
import shutil
import subprocess

import kernel_pool
from changes import listen
from client import PATIENCE, readable
from fixture import Process, environment, eventually
from kernel_pool import CLASS, MODULE, POOL
from kills import BIG
from manager import (BOB, CAROL, CLIENTS_CONFIGURATION, DAVE, MIB, PAGE, PATH, POOL as INTERFACE,
                     administrator, expect_error, user)

UDEVD = "/lib/systemd/systemd-udevd"
RULES = "/run/udev/rules.d/90-hotplug.rules"
# Another pool, of an area of the same size.
OTHER, OTHER_AREA = "npu", "numa0"
# What does not fit beside BIG.
MORE = 32 * MIB // PAGE

GATE = """#!/bin/sh
echo "$1" >"$0.reached"
read -r _ <"$0.opened"
"""


class Udevd(Process):
    """Serves the system until the test ends; a closed gate keeps it at work on a pool."""

    def __init__(self, bus):
        self._gate = os.path.join(bus.directory, "gate")
        self._closed = f"{self._gate}.closed"
        if not os.path.exists(self._gate):
            self._build_gate()
        self._reached, self._opened = (os.open(f"{self._gate}.{name}", os.O_RDWR | os.O_CLOEXEC)
                                       for name in ("reached", "opened"))
        super().__init__([UDEVD, "--resolve-names=never"], os.path.join(bus.directory, "udevd.log"))
        bus.register(self)
        eventually("udevd serves", self.is_there)

    def _build_gate(self):
        with open(self._gate, "w", encoding="ascii") as file:
            file.write(GATE)
        os.chmod(self._gate, 0o755)
        os.mkfifo(f"{self._gate}.reached")
        os.mkfifo(f"{self._gate}.opened")
        os.makedirs(os.path.dirname(RULES), exist_ok=True)
        with open(RULES, "w", encoding="ascii") as file:
            file.write(f'SUBSYSTEM=="cmabulk", ACTION=="add", TEST=="{self._closed}", '
                       f'PROGRAM="{self._gate} %k"\n')

    @staticmethod
    def is_there():
        return subprocess.run(["udevadm", "control", "--ping"], stderr=subprocess.DEVNULL,
                              check=False).returncode == 0

    def close_gate(self):
        with open(self._closed, "w", encoding="ascii"):
            pass

    def wait_at_gate(self, name):
        """Until it has begun with the pool of that name, and does not go on."""
        assert readable(self._reached, PATIENCE), "udevd begins with nothing"
        assert os.read(self._reached, 256).decode() == f"{name}\n"

    def open_gate(self):
        os.unlink(self._closed)
        os.write(self._opened, b"\n")

    @staticmethod
    def tell_all():
        """As at boot: of every pool there is."""
        subprocess.run(["udevadm", "trigger", "--subsystem-match=cmabulk", "--action=add"],
                       check=True)

    def settle(self):
        """Until it is done with all that the kernel told."""
        subprocess.run(["udevadm", "settle", f"--timeout={PATIENCE:.0f}"], check=True)


def offered():
    """The names of the pools that the kernel has."""
    return sorted(name for name in os.listdir(CLASS) if os.path.isdir(f"{CLASS}/{name}"))


def names(manager):
    return sorted(path.rpartition("/")[2] for path, *_ in manager.pools())


def expect_pools(manager, *expected):
    eventually(f"the pools are {expected}", lambda: names(manager) == list(expected))


def start(bus, *pools):
    """With these pools alone, a udevd that is done with them, and a daemon that knows them."""
    for name in offered():
        kernel_pool.remove(name)
    areas = {POOL: kernel_pool.AREA, OTHER: OTHER_AREA}
    udevd = Udevd(bus)
    for name in pools:
        kernel_pool.add(name, areas[name])
    udevd.settle()
    bus.daemon(configuration=CLIENTS_CONFIGURATION)
    root = administrator(bus)
    expect_pools(root, *pools)
    return udevd, root


def take(client, **keys):
    """All of it, and the daemon knows that it came, however long the next thing takes."""
    allocation = client.allocate(count=BIG, **keys)
    assert allocation.status == "complete", allocation.report
    client.pools()
    return allocation


def expect_served(bus, manager):
    """Memory of it is to be had, is charged, and comes back."""
    client = user(bus)
    allocation = take(client, pool=POOL, buffers=3)
    manager.wait_for_buffers(3)
    allocation.close()
    for _ in range(3):
        assert client.wait_signal("BufferReleased").arguments[0] == POOL
    client.close()
    kernel_pool.expect_whole(manager)


def is_offered_when_udevd_is_done(bus):
    """Until then the node's owner and mode are not what the rules want: nobody may open it."""
    udevd, root = start(bus)
    alice = user(bus)
    expect_error("NoSuchPool", alice.allocate, count=1)
    udevd.close_gate()
    kernel_pool.add()
    udevd.wait_at_gate(POOL)
    assert offered() == [POOL] and names(root) == []
    expect_error("NoSuchPool", alice.allocate, count=1, pool=POOL)

    # A daemon that starts at such a moment does not know better.
    [daemon] = bus.running_daemons()
    daemon.stop()
    bus.daemon(configuration=CLIENTS_CONFIGURATION)
    assert names(root) == []
    udevd.open_gate()
    expect_pools(root, POOL)
    expect_served(bus, root)


def goes_with_requests_waiting(bus):
    """Who was admitted gets an answer, buffers stay, other pools do not notice."""
    _, root = start(bus, POOL, OTHER)
    alice, bob, carol, dave = user(bus), user(bus, BOB), user(bus, CAROL), user(bus, DAVE)
    held = alice.allocate(count=BIG, buffers=32, pool=POOL)
    assert len(held.fds) == 16
    with mmap.mmap(held.fds[0], PAGE) as memory:
        memory[:8] = b"survives"
    elsewhere = take(dave, pool=OTHER)
    here = bob.start_allocate(count=MORE, pool=POOL)
    there = carol.start_allocate(count=MORE, pool=OTHER)
    for pool in (POOL, OTHER):
        root.wait_pending(1, pool)

    listener = user(bus)
    listen(listener, "InterfacesAdded")
    listen(listener, "InterfacesRemoved")
    kernel_pool.remove()
    gone = bob.finish_allocate(here)
    assert (gone.status, gone.granted, gone.fds) == ("partial", 0, []), gone.report
    assert gone.report["error"] == errno.ENODEV and POOL in gone.report["reason"], gone.report
    expect_pools(root, OTHER)
    expect_error("NoSuchPool", bob.allocate, count=1, pool=POOL)
    expect_error("NoSuchPool", root.list_buffers, POOL)
    expect_error("org.freedesktop.DBus.Error.UnknownObject", root.get_properties,
                 "org.cmabulk1", f"{PATH}/pool/{POOL}", INTERFACE)

    path, interfaces = listener.wait_signal("InterfacesRemoved").arguments
    assert path == f"{PATH}/pool/{POOL}" and INTERFACE in interfaces, (path, interfaces)

    # What the daemon still has for her is hers.
    alice.fetch_all(held)
    for fd in held.fds:
        with mmap.mmap(fd, PAGE) as memory:
            assert memory[:8] == (b"survives" if fd == held.fds[0] else bytes(8))
    assert root.pool(OTHER)["Pending"] == 1 and not carol.has_reply(there)
    # Who names none gets what is there.
    small = bob.allocate(count=1)
    assert small.status == "complete" and small.report["pool"] == OTHER, small.report
    elsewhere.close()
    late = carol.finish_allocate(there)
    assert late.status == "complete", late.report
    for allocation in (held, small, late):
        allocation.close()
    for client in (alice, bob, carol, dave):
        client.close()
    root.wait_whole(OTHER)

    kernel_pool.add()
    expect_pools(root, POOL, OTHER)
    path, interfaces = listener.wait_signal("InterfacesAdded").arguments
    assert path == f"{PATH}/pool/{POOL}", path
    assert interfaces[INTERFACE]["Name"] == POOL, interfaces
    listener.close()
    expect_served(bus, root)


def goes_and_another_takes_over(bus):
    """Who waits and named no pool goes on in the one that is left, and is charged there."""
    _, root = start(bus, POOL, OTHER)
    alice, bob, dave = user(bus), user(bus, BOB), user(bus, DAVE)
    # So that the one that goes has more that is free, and neither has enough.
    elsewhere = take(dave, pool=OTHER)
    held = alice.allocate(count=MORE, pool=POOL)
    waiting = bob.start_allocate("token", count=BIG)
    root.wait_pending(1, POOL)
    kernel_pool.remove()
    expect_pools(root, OTHER)
    root.wait_pending(1, OTHER)
    assert not bob.has_reply(waiting)
    elsewhere.close()
    moved = bob.finish_allocate(waiting)
    assert moved.status == "complete" and moved.report["pool"] == OTHER, moved.report
    assert moved.path == bob.path_of("token"), moved.path
    [entry] = root.list_buffers(OTHER)
    assert (entry["uid"], entry["size"]) == (BOB, BIG * PAGE), entry
    for allocation in (held, moved):
        allocation.close()
    for client in (alice, bob, dave):
        client.close()
    root.wait_whole(OTHER)
    kernel_pool.add()
    expect_pools(root, POOL, OTHER)
    expect_served(bus, root)


def replaced_while_buffers_live(bus):
    """Name and area are taken as long as a buffer of them is out; another pool serves meanwhile."""
    _, root = start(bus, POOL)
    alice = user(bus)
    held = take(alice)
    kernel_pool.remove()
    for attempt, expected in ((f"{POOL}:{OTHER_AREA}", errno.EEXIST),
                              (f"{OTHER}:{kernel_pool.AREA}", errno.EBUSY)):
        try:
            kernel_pool.write(f"{CLASS}/add", attempt)
        except OSError as error:
            assert error.errno == expected, f"{attempt}: {error}"
        else:
            raise AssertionError(f"{attempt} could be added")
    kernel_pool.add(OTHER, OTHER_AREA)
    expect_pools(root, OTHER)
    both = take(alice)
    [entry] = root.list_buffers(OTHER)
    assert entry["inode"] == both.layout[0][1], entry
    # The account pays in the new pool for what is of the new pool.
    held.close()
    eventually("the first area is whole", lambda: kernel_pool.used_pages() == 0)
    [account] = [a for a in root.accounts() if a["used"]]
    assert (account["pool"], account["used"]) == (OTHER, BIG * PAGE), account
    both.close()
    alice.close()
    root.wait_whole(OTHER)
    kernel_pool.remove(OTHER)
    kernel_pool.add()
    expect_pools(root, POOL)
    expect_served(bus, root)


def udevd_lags_behind(bus):
    """What udevd tells is long past by then: what counts is what is there."""
    udevd, root = start(bus)
    # Gone before anybody heard that it came.
    udevd.close_gate()
    kernel_pool.add()
    udevd.wait_at_gate(POOL)
    kernel_pool.remove()
    udevd.open_gate()
    udevd.settle()
    expect_pools(root)
    # Gone and there again, three times.
    udevd.close_gate()
    kernel_pool.add()
    udevd.wait_at_gate(POOL)
    for _ in range(3):
        kernel_pool.remove()
        kernel_pool.add()
    udevd.open_gate()
    udevd.settle()
    expect_pools(root, POOL)
    expect_served(bus, root)
    # The same for one that it knows and uses.
    take(root).close()
    for _ in range(10):
        kernel_pool.remove()
        kernel_pool.add()
    udevd.settle()
    expect_pools(root, POOL)
    expect_served(bus, root)


def udevd_comes_back(bus):
    """What happened without a udevd is told when the next one goes over all devices."""
    udevd, root = start(bus, OTHER)
    udevd.kill()
    kernel_pool.remove(OTHER)
    kernel_pool.add()
    expect_pools(root)
    Udevd(bus).tell_all()
    expect_pools(root, POOL)
    expect_served(bus, root)


def namesake_that_udevd_missed(bus):
    """A pool that went while no udevd told, and is there again, is found like any other."""
    udevd, root = start(bus, POOL)
    udevd.kill()
    kernel_pool.remove()
    expect_pools(root)
    kernel_pool.add()
    Udevd(bus).tell_all()
    expect_pools(root, POOL)
    expect_served(bus, root)


def module_goes_and_comes(bus):
    """The daemon keeps no hold of a module without pools, and finds the next one's."""
    _, root = start(bus, POOL, OTHER)
    module = shutil.copy(os.path.join(environment("CMABULK_MODULES"), "cmabulk.ko"), bus.directory)
    for _ in range(2):
        alice = user(bus)
        allocation = take(alice, pool=POOL)
        for name in (POOL, OTHER):
            kernel_pool.remove(name)
        expect_pools(root)
        assert subprocess.run(["rmmod", "cmabulk"], stderr=subprocess.DEVNULL,
                              check=False).returncode != 0, "a buffer lives"
        allocation.close()
        alice.close()
        eventually("the module can go", lambda: subprocess.run(
            ["rmmod", "cmabulk"], stderr=subprocess.DEVNULL, check=False).returncode == 0)
        assert not os.path.exists(MODULE)
        expect_error("NoSuchPool", root.allocate, count=1)
        pools = f"pools={POOL}:{kernel_pool.AREA},{OTHER}:{OTHER_AREA}"
        subprocess.run(["insmod", module, pools], check=True)
        expect_pools(root, POOL, OTHER)
        expect_served(bus, root)
