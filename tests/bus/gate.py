# SPDX-License-Identifier: LGPL-2.1-or-later
"""A gate between somebody and the bus. What the bus says passes always; of what its callers say it takes all, a
little at a time, or nothing."""

import array
import os
import select
import socket
import threading
import time

from client import HEADER_BYTES, Gio, identity_lock

ALL = 1 << 16
MOST_FDS = 253  # of one message on a socket


def peek(source):
    try:
        return source.recv(ALL, socket.MSG_PEEK | socket.MSG_DONTWAIT)
    except OSError:  # there is nothing, or nobody
        return b""


def size_before(data, what):
    """Of the whole messages before the one that has this."""
    at = 0
    while at + HEADER_BYTES <= len(data):
        size = Gio.DBusMessage.bytes_needed(data[at:at + HEADER_BYTES])
        if what in data[at:at + size]:
            break
        at += size
    return at


def pass_on(source, target, size):
    """What there is, up to this size, with the descriptors that came with it; nothing at its end."""
    fds = []
    try:
        data, fds, _, _ = socket.recv_fds(source, size, MOST_FDS, socket.MSG_CMSG_CLOEXEC)
        if not data:
            return b""
        ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
        sent = target.sendmsg([data], ancillary)
        target.sendall(data[sent:])
        return data
    except OSError:  # one of them has left
        return b""
    finally:
        for fd in fds:
            os.close(fd)


class Gate:
    """It is open; its address is to be given to a daemon, or to one of its clients, as that of the bus."""

    PAUSE = 0.4  # between what a slow one takes

    def __init__(self, bus, name="gate"):
        self._bus = bus.path
        self._path = os.path.join(bus.directory, name)
        self.address = f"unix:path={self._path}"
        self._listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listening.bind(self._path)
        self._listening.listen()
        self._wake = os.eventfd(0)
        self._ends = {}  # of connections, each with its other one
        self._callers = set()  # of these, the ends where somebody calls
        self._size = ALL
        self._taken_at, self._longest = time.monotonic(), 0.0
        self._shuts_again = False
        self.shuts_before = None  # it is shut before this passes, and what came before that has
        self.said_before = b""  # what that was, of who came last
        self._said = b""  # what has passed of that one until now, as long as it may be shut again
        self._lock = threading.Lock()  # of what is open, and for how long
        self.connections = 0  # that were ever made
        threading.Thread(target=self._run, daemon=True).start()

    def open(self, until=None):
        """For all, or until this is to pass."""
        with self._lock:
            self.shuts_before, self._size = until, ALL
        os.eventfd_write(self._wake, 1)

    @property
    def shuts_again(self):
        """It is open to a daemon that comes until that one has asked for its name."""
        return self._shuts_again

    @shuts_again.setter
    def shuts_again(self, value):
        # Not before the gate is done with a name that has just passed, by an earlier one.
        with self._lock:
            self._shuts_again = value

    def is_shut(self):
        return self._size == 0

    def shut(self):
        self._set_size(0)

    def hide(self):
        """Whoever comes finds no bus at the address."""
        os.rename(self._path, self._path + ".hidden")

    def show(self):
        os.rename(self._path + ".hidden", self._path)

    def lead_to(self, bus):
        """Whoever comes from now on."""
        self._bus = bus.path

    def slow(self, size):
        """So many bytes at a time."""
        self._taken_at, self._longest = time.monotonic(), 0.0
        self._set_size(size)

    def longest(self):
        """For so many seconds it took nothing, at most, since it is slow."""
        return max(self._longest, time.monotonic() - self._taken_at)

    def _set_size(self, size):
        with self._lock:
            self._size = size
        os.eventfd_write(self._wake, 1)

    def _poll(self):
        poll = select.poll()
        for file in self._wake, self._listening:
            poll.register(file, select.POLLIN)
        for end in self._ends:
            # That it left is told without asking.
            is_open = end not in self._callers or self._size > 0
            poll.register(end, select.POLLIN if is_open else 0)
        return poll.poll()

    def _run(self):
        while True:
            ready = dict(self._poll())
            if self._wake in ready:
                os.eventfd_read(self._wake)
            # Who left before another came, first: what he said is not for anybody any more.
            for end in list(self._ends):
                if end in self._ends and (event := ready.get(end.fileno())):
                    with self._lock:
                        self._look(end, event)
            if self._listening.fileno() in ready:
                with self._lock:
                    self._connect()

    def _connect(self):
        caller, _ = self._listening.accept()
        bus = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        # Who comes calls as this process, not as the client that it is just making.
        with identity_lock:
            bus.connect(self._bus)
        self._ends |= {caller: bus, bus: caller}
        self._callers.add(caller)
        self.connections += 1
        if self._shuts_again:
            self._size = ALL
            self._said = b""

    def _look(self, end, event):
        is_caller = end in self._callers
        size = self._size if is_caller else ALL
        if size and is_caller and self.shuts_before:
            said = peek(end)
            # No more than was looked at.
            size = min(size, len(said) or 1)
            if self.shuts_before in said:
                self._size = 0
                size = size_before(said, self.shuts_before)
                self.said_before = self._said + said[:size]
        if size == 0:
            if event & (select.POLLHUP | select.POLLERR):
                self._disconnect(end)
            return
        data = pass_on(end, self._ends[end], size)
        if not data:
            self._disconnect(end)
        elif is_caller:
            self._took(data)

    def _took(self, data):
        if self._shuts_again:
            self._said += data
        if self._shuts_again and b"RequestName" in data:
            self._size = 0
        now = time.monotonic()
        self._longest = max(self._longest, now - self._taken_at)
        self._taken_at = now
        if 0 < self._size < ALL:
            time.sleep(self.PAUSE)

    def _disconnect(self, end):
        for each in end, self._ends[end]:
            del self._ends[each]
            self._callers.discard(each)
            each.close()
