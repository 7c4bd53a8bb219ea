# SPDX-License-Identifier: LGPL-2.1-or-later
"""What an application says to cmabulkd, and nothing that the contract in dbus/ does not say."""

import grp
import mmap
import os
import pwd
import time

import kernel_pool
from client import BusError, Client, GLib
from fixture import NAME, eventually

PATH = "/org/cmabulk1"
MANAGER = "org.cmabulk1.Manager"
ACCOUNT = "org.cmabulk1.Account"
ALLOCATION = "org.cmabulk1.Allocation"
POOL = "org.cmabulk1.Pool"
ERROR = "org.cmabulk1.Error."
PAGE = 4096
KIB, MIB = 1 << 10, 1 << 20

REQUEST_TYPES = {
    "count": "t", "order": "u", "buffers": "u", "pool": "s", "device": "s", "align": "u", "effort": "s",
    "minimum": "t", "timeout-usec": "t", "label": "s", "expire-usec": "t",
}

# The bus wants users that exist, so these are some that every Debian has. Who is in which group is
# ours to say: members of the first may allocate.
CLIENTS, OTHERS = (grp.getgrnam(name).gr_gid for name in ("users", "staff"))
ALICE, BOB, CAROL, DAVE, EVE, STRANGER = (
    pwd.getpwnam(name).pw_uid for name in ("games", "man", "lp", "news", "uucp", "proxy"))
CLIENTS_CONFIGURATION = f"[Daemon]\nClientsGroup={CLIENTS}\n"


def request_of(keys):
    """count=3, timeout_usec=5 as a{sv}; a GLib.Variant stays what it is."""
    request = {}
    for key, value in keys.items():
        key = key.replace("_", "-")
        if not isinstance(value, GLib.Variant):
            value = GLib.Variant(REQUEST_TYPES[key], value)
        request[key] = value
    return request


def allocate_body(token, **keys):
    return GLib.Variant("(sa{sv})", (token, request_of(keys)))


class Allocation:
    """What Allocate returned. Owns the descriptors that came with it."""

    def __init__(self, reply):
        self.path, self.status, self.granted, self.buffers, self.report, first = reply.arguments
        self.time = reply.time
        # Handles are indices: take what they point to, in their order.
        self.fds = [reply.fds[handle] for handle in first]

    def close(self):
        while self.fds:
            os.close(self.fds.pop())

    @property
    def layout(self):
        """Of each buffer: id, inode, chunks, name."""
        return self.report["layout"]

    @property
    def bytes(self):
        return self.granted * self.report["chunk-size"]


class User(Client):
    """One application."""

    tokens = 0

    def manager(self, member, body=None, **options):
        return self.call(NAME, PATH, MANAGER, member, body, **options)

    def start_manager(self, member, body=None, flags=None):
        return self.start(NAME, PATH, MANAGER, member, body, flags)

    def new_token(self):
        self.tokens += 1
        return f"t{self.tokens}"

    def start_allocate(self, token=None, flags=None, **keys):
        body = allocate_body(token or self.new_token(), **keys)
        return self.start_manager("Allocate", body, flags)

    def finish_allocate(self, serial, **options):
        return Allocation(self.finish(serial, **options))

    def allocate(self, token=None, **keys):
        """Ask and wait. What came is confirmed with the next call, or whatever else reads."""
        return self.finish_allocate(self.start_allocate(token, **keys))

    def start_prepare(self, token=None, flags=None, **keys):
        body = allocate_body(token or self.new_token(), **keys)
        return self.start_manager("Prepare", body, flags)

    def prepare(self, token=None, **keys):
        self.finish(self.start_prepare(token, **keys))

    def cancel(self, token):
        self.manager("Cancel", GLib.Variant("(s)", (token,)))

    def path_of(self, token):
        return f"{PATH}/allocation/{self.name[1:].replace('.', '_')}/{token}"

    def start_fetch(self, path, first, confirm=0):
        return self.start(NAME, path, ALLOCATION, "Fetch", GLib.Variant("(ut)", (first, confirm)))

    def fetch(self, path, first, confirm=0):
        """Descriptors and the serial that confirms them."""
        reply = self.finish(self.start_fetch(path, first, confirm))
        handles, serial = reply.arguments
        return [reply.fds[handle] for handle in handles], serial

    def release(self, path, confirm=0):
        self.call(NAME, path, ALLOCATION, "Release", GLib.Variant("(t)", (confirm,)))

    def fetch_all(self, allocation):
        """All buffers of it, those that came first included; now the allocation's."""
        serial = allocation.report["serial"]
        while len(allocation.fds) < allocation.buffers:
            fds, serial = self.fetch(allocation.path, len(allocation.fds), serial)
            assert 1 <= len(fds) <= 16, f"{len(fds)} buffers in one reply"
            allocation.fds += fds
        return allocation.fds

    def pool(self, name="main"):
        """All properties of a pool."""
        return self.get_properties(NAME, f"{PATH}/pool/{name}", POOL)

    def pools(self):
        return self.manager("ListPools").arguments[0]

    def start_get_pool_for_device(self, device):
        return self.start_manager("GetPoolForDevice", GLib.Variant("(s)", (device,)))

    def pools_of(self, device):
        """The pool of a device, and its fallbacks."""
        pool, fallbacks = self.finish(self.start_get_pool_for_device(device)).arguments
        return [pool, *fallbacks]

    def accounts(self):
        return self.manager("ListAccounts").arguments[0]

    def counters(self):
        return self.manager("GetCounters").arguments[0]

    def account(self, name, uid=None, pool="main"):
        """What an account uses of a pool; None when nothing is known of it."""
        for account in self.accounts():
            if (account["account"], account.get("uid"), account["pool"]) == (name, uid, pool):
                return account
        return None

    def set_account(self, name, persistent=False, **keys):
        self.manager("SetAccount", GLib.Variant("(sa{ss}b)", (name, keys, persistent)))

    def unset_account(self, name):
        self.manager("UnsetAccount", GLib.Variant("(s)", (name,)))

    def start_list_buffers(self, pool="main", after=0):
        return self.start_manager("ListBuffers", GLib.Variant("(st)", (pool, after)))

    def list_buffers(self, pool="main"):
        """All of them, in as many replies as it takes."""
        entries, more = [], True
        while more:
            after = entries[-1]["id"] if entries else 0
            page, more = self.finish(self.start_list_buffers(pool, after)).arguments
            assert page or not more, "there is more of nothing"
            entries += page
        return entries

    def wait_whole(self, pool="main"):
        """Until all of a pool is free again and nobody waits for it: then nothing leaked."""
        def left():
            books = self.pool(pool)
            names = ("Cached", "Reserved", "Exported", "Draining", "Buffers", "Reservations",
                     "Pending")
            return {name: books[name] for name in names if books[name]}

        try:
            eventually(f"pool {pool} is whole", lambda: not left())
        except AssertionError as error:
            raise AssertionError(f"{error}; left: {left()}, {self.list_buffers(pool)}") from error
        assert not self.list_buffers(pool)

    def wait_pending(self, count, pool="main"):
        eventually(f"{count} requests wait", lambda: self.pool(pool)["Pending"] == count)

    def wait_for_buffers(self, count, pool="main"):
        eventually(f"{count} buffers live", lambda: self.pool(pool)["Buffers"] == count)
        if kernel_pool.IN_USE and self.uid == 0:
            kernel_pool.expect_same_books(self)

    def wait_reserved(self, pool="main"):
        eventually("chunks are claimed", lambda: self.pool(pool)["Reserved"] > 0)


def expect_error(name, function, *arguments, **options):
    """Call; it has to fail with this error, whose sentence is returned."""
    full = name if "." in name else ERROR + name
    try:
        result = function(*arguments, **options)
    except BusError as error:
        assert error.name == full, f"{full} expected, {error} came"
        assert len(error.text) > 10 and " " in error.text, f"{full} says only {error.text!r}"
        return error.text
    raise AssertionError(f"{full} expected, {result} came")


def expect_prompt(bus, what, function, limit=1.0):
    """Call; it has to return within so many seconds, not counted what the machine did for others meanwhile."""
    start, waited = time.monotonic(), bus.waited_for_processor()
    result = function()
    waited = bus.waited_for_processor() - waited
    taken = time.monotonic() - start
    assert taken - waited < limit, f"{what} took {taken:.3f} s, of which processors were busy for {waited:.3f} s"
    return result


def check_zero(fd, length):
    """The whole of it is there and zero, before anyone wrote to it."""
    with mmap.mmap(fd, length, mmap.MAP_SHARED, mmap.PROT_READ) as memory:
        assert memory[:] == bytes(length), "memory that is not zero"


def daemon_with_clients(bus, *simulate, configuration="", **options):
    """A daemon that CLIENTS may use; pool "main" of 64 MiB when nothing else is said."""
    simulate = simulate or ("main=64M",)
    configuration = CLIENTS_CONFIGURATION + configuration
    if kernel_pool.IN_USE:
        kernel_pool.load(*simulate)
        return bus.daemon(configuration=configuration, **options)
    arguments = [word for pool in simulate for word in ("--simulate", pool)]
    return bus.daemon(*arguments, configuration=configuration, **options)


def user(bus, uid=ALICE, groups=(CLIENTS,), **options):
    return bus.client(uid, groups, kind=User, **options)


def administrator(bus):
    return bus.client(kind=User)
