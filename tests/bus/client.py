# SPDX-License-Identifier: LGPL-2.1-or-later
"""A D-Bus client that does nothing by itself: no thread reads for it, and nothing keeps it from
being hostile. GLib marshals, this moves bytes and file descriptors.

A process that is root can have clients of any user: the bus takes the credentials of the moment
in which a client connects.
"""

import array
import collections
import contextlib
import os
import select
import socket
import threading
import time

import gi

gi.require_version("Gio", "2.0")
from gi.repository import Gio, GLib  # noqa: E402

# For what has to happen, on the slowest machine; what is promised in time is measured.
PATIENCE = 60.0

BUS = "org.freedesktop.DBus"
UNIX_FDS = Gio.DBusCapabilityFlags.UNIX_FD_PASSING
NO_REPLY = Gio.DBusMessageFlags.NO_REPLY_EXPECTED
METHOD_CALL = Gio.DBusMessageType.METHOD_CALL
SIGNAL = Gio.DBusMessageType.SIGNAL
ERROR = Gio.DBusMessageType.ERROR
HEADER_BYTES = 16

# Who the process is holds for all its threads: to be held where the bus sees who somebody is.
identity_lock = threading.Lock()


class Disconnected(Exception):
    """The bus closed the connection."""


class BusError(Exception):
    """An error came in reply."""

    def __init__(self, name, text):
        super().__init__(f"{name}: {text}")
        self.name = name
        self.text = text


def readable(file, seconds):
    """Whether there is something to read, or its end, within this time."""
    poll = select.poll()  # select() knows 1024 descriptors
    poll.register(file, select.POLLIN)
    return bool(poll.poll(seconds * 1000))


class Reply:
    """A message that came, its arguments unpacked; whoever has it owns its file descriptors."""

    def __init__(self, message, fds):
        self.message = message
        self.fds = fds
        self.time = time.monotonic()
        body = message.get_body()
        self.arguments = body.unpack() if body else ()

    def close(self):
        while self.fds:
            os.close(self.fds.pop())


@contextlib.contextmanager
def acting_as(uid, groups):
    """Be this user for the bus to see; root again afterwards."""
    with identity_lock, _identity(uid, groups):
        yield


@contextlib.contextmanager
def _identity(uid, groups):
    if uid == os.geteuid():
        yield
        return
    if os.geteuid() != 0:
        raise AssertionError(f"only root can have a client of user {uid}: run this test as root")
    before = os.getgroups(), os.getegid()
    gid = groups[0] if groups else uid
    os.setgroups(list(groups))
    os.setegid(gid)
    os.seteuid(uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(before[1])
        os.setgroups(before[0])


class Client:
    """One connection to the bus at `path`, made as user `uid` who is in `groups`, of which the
    first is the primary one; without any, that is the user's own number."""

    def __init__(self, path, uid=None, groups=(), answers_pings=True):
        self.uid = os.geteuid() if uid is None else uid
        self.answers_pings = answers_pings
        self.signals = collections.deque()
        self.pings = []  # that were not answered
        self._replies = {}
        self._bytes = b""
        self._fds = []
        self._serial = 0
        self.socket = self._connect(path, groups)
        self.socket.settimeout(PATIENCE)
        self._authenticate()
        self.name = self.call_bus("Hello").arguments[0]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        for reply in self._replies.values():
            reply.close()
        self._replies.clear()
        while self._fds:
            os.close(self._fds.pop())
        self.socket.close()

    def fileno(self):
        return self.socket.fileno()

    # --- Bytes ------------------------------------------------------------------------------------

    def _connect(self, path, groups):
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        with acting_as(self.uid, groups):
            connection.connect(path)
        return connection

    def _authenticate(self):
        identity = str(self.uid).encode().hex().encode()
        self.socket.sendall(b"\0AUTH EXTERNAL " + identity + b"\r\n")
        assert self._read_line().startswith(b"OK "), "the bus does not believe who we are"
        self.socket.sendall(b"NEGOTIATE_UNIX_FD\r\n")
        assert self._read_line() == b"AGREE_UNIX_FD", "the bus passes no file descriptors"
        self.socket.sendall(b"BEGIN\r\n")

    def _read_line(self):
        line = b""
        while not line.endswith(b"\r\n"):
            byte = self.socket.recv(1)
            if not byte:
                raise Disconnected("while authenticating")
            line += byte
        return line[:-2]

    def _receive(self):
        try:
            data, fds, _, _ = socket.recv_fds(self.socket, 1 << 16, 64, socket.MSG_CMSG_CLOEXEC)
        except ConnectionError as error:
            raise Disconnected(str(error)) from error
        if not data:
            raise Disconnected("end of file")
        self._bytes += data
        self._fds += fds

    def _next_message(self):
        """A message of those received, or None."""
        if len(self._bytes) < HEADER_BYTES:
            return None
        length = Gio.DBusMessage.bytes_needed(self._bytes[:HEADER_BYTES])
        if len(self._bytes) < length:
            return None
        blob, self._bytes = self._bytes[:length], self._bytes[length:]
        message = Gio.DBusMessage.new_from_blob(blob, UNIX_FDS)
        count = message.get_num_unix_fds()
        fds, self._fds = self._fds[:count], self._fds[count:]
        assert len(fds) == count, "a message came without its file descriptors"
        return Reply(message, fds)

    def _dispatch(self, reply):
        message = reply.message
        kind = message.get_message_type()
        if kind == METHOD_CALL:
            self._answer(message)
        elif kind == SIGNAL:
            self.signals.append(reply)
        else:
            self._replies[message.get_reply_serial()] = reply

    def _answer(self, call):
        if call.get_member() == "Ping" and call.get_interface() == f"{BUS}.Peer":
            if self.answers_pings:
                self.pong(call)
            else:
                self.pings.append(call)
        elif not call.get_flags() & NO_REPLY:
            self.send(Gio.DBusMessage.new_method_error_literal(
                call, f"{BUS}.Error.UnknownMethod", "this client offers nothing"))

    def pong(self, ping):
        self.send(Gio.DBusMessage.new_method_reply(ping))

    # --- Messages ---------------------------------------------------------------------------------

    def send(self, message, fds=()):
        """Send; returns the serial."""
        self._serial += 1
        message.set_serial(self._serial)
        if fds:
            counted = Gio.UnixFDList()
            for fd in fds:
                counted.append(fd)
            message.set_unix_fd_list(counted)
        blob = message.to_blob(UNIX_FDS)
        ancillary = []
        if fds:
            ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))]
        try:
            sent = self.socket.sendmsg([blob], ancillary)
            if sent < len(blob):
                self.socket.sendall(blob[sent:])
        except ConnectionError as error:
            raise Disconnected(str(error)) from error
        return self._serial

    def process(self, deadline):
        """Receive until the deadline, a time of the monotonic clock; False: it passed."""
        if not readable(self, max(0.0, deadline - time.monotonic())):
            return False
        self._receive()
        while reply := self._next_message():
            self._dispatch(reply)
        return True

    def wait_for(self, what, found, patience=PATIENCE):
        """Process until found() returns something, which is returned."""
        deadline = time.monotonic() + patience
        while not (result := found()):
            if not self.process(deadline):
                raise AssertionError(f"{self.name}: {what} did not come in {patience:g} s")
        return result

    def has_reply(self, serial):
        return serial in self._replies

    def finish(self, serial, patience=PATIENCE):
        """The reply to what was sent with this serial; BusError if it is one."""
        self.wait_for(f"the reply to {serial}", lambda: serial in self._replies, patience)
        reply = self._replies.pop(serial)
        if reply.message.get_message_type() == ERROR:
            text = reply.arguments[0] if reply.arguments else ""
            raise BusError(reply.message.get_error_name(), text)
        return reply

    def wait_signal(self, member, patience=PATIENCE):
        """The next signal of this name, in order; others before it stay."""
        def find():
            return next((s for s in self.signals if s.message.get_member() == member), None)

        signal = self.wait_for(f"the signal {member}", find, patience)
        self.signals.remove(signal)
        return signal

    def wait_disconnected(self, patience=PATIENCE):
        deadline = time.monotonic() + patience
        try:
            while self.process(deadline):
                pass
        except Disconnected:
            return
        raise AssertionError(f"{self.name} is still connected")

    # --- Calls ------------------------------------------------------------------------------------

    def start(self, destination, path, interface, member, body=None, flags=None):
        """Send a call; finish() has its reply."""
        message = Gio.DBusMessage.new_method_call(destination, path, interface, member)
        if body is not None:
            message.set_body(body)
        if flags is not None:
            message.set_flags(flags)
        return self.send(message)

    def call(self, destination, path, interface, member, body=None, patience=PATIENCE):
        return self.finish(self.start(destination, path, interface, member, body), patience)

    def call_bus(self, member, body=None):
        return self.call(BUS, "/org/freedesktop/DBus", BUS, member, body)

    def name_has_owner(self, name):
        return self.call_bus("NameHasOwner", GLib.Variant("(s)", (name,))).arguments[0]

    def get_property(self, destination, path, interface, name):
        body = GLib.Variant("(ss)", (interface, name))
        reply = self.call(destination, path, f"{BUS}.Properties", "Get", body)
        return reply.arguments[0]

    def get_properties(self, destination, path, interface):
        body = GLib.Variant("(s)", (interface,))
        return self.call(destination, path, f"{BUS}.Properties", "GetAll", body).arguments[0]


def process_until(waiting, enough, patience=PATIENCE):
    """Let all clients of [(client, serial), ...] read until enough(pairs without a reply)."""
    deadline = time.monotonic() + patience
    poll = select.poll()
    clients = {client.fileno(): client for client, _ in waiting}
    for fd in clients:
        poll.register(fd, select.POLLIN)
    left = {pair for pair in waiting if not pair[0].has_reply(pair[1])}
    while not enough(left):
        ready = poll.poll(max(0.0, deadline - time.monotonic()) * 1000)
        assert ready, f"{len(left)} of {len(waiting)} replies did not come in {patience:g} s"
        for fd, _ in ready:
            clients[fd].process(deadline)
        left = {pair for pair in left if not pair[0].has_reply(pair[1])}
    return left


def finish_all(waiting, patience=PATIENCE):
    """The replies to [(client, serial), ...], in that order."""
    process_until(waiting, lambda left: not left, patience)
    return [client.finish(serial) for client, serial in waiting]


def finish_next(waiting, patience=PATIENCE):
    """Take the first pair out of [(client, serial), ...] whose reply is there."""
    left = process_until(waiting, lambda left: len(left) < len(waiting), patience)
    pair = next(pair for pair in waiting if pair not in left)
    waiting.remove(pair)
    return pair
