# SPDX-License-Identifier: LGPL-2.1-or-later
"""People who log in: sessions of the real logind, opened through PAM as login(1) and sshd do.

Each has a process that stays where logind put it and does what it is told. Who somebody is, bus, polkit and daemon
find out by that process: its connections to the bus are made there, and handed to the test.
"""

import ctypes
import dataclasses
import json
import os
import pty
import pwd
import socket
import subprocess
import sys
import termios
import time

import machine
from client import PATIENCE, readable
from fixture import Child, eventually
from manager import User

# What can be told to a process.
CONNECT, RUN, AT_TERMINAL = "connect", "run", "at terminal"
# RFC 5737: nobody has it.
ELSEWHERE = "192.0.2.1"


# --- In the process -------------------------------------------------------------------------------

def hand_over(channel):
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.connect(machine.BUS_SOCKET)
    socket.send_fds(channel, [b"{}"], [connection.fileno()])
    connection.close()


def carry_out(channel, command):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    channel.send(json.dumps([done.returncode, done.stdout, done.stderr]).encode())


def carry_out_at_terminal(channel, command):
    """The keyboard and screen of which are the test's."""
    pid, master = pty.fork()
    if pid == 0:
        os.execvp(command[0], command)
    socket.send_fds(channel, [b"{}"], [master])
    os.close(master)
    _, status = os.waitpid(pid, 0)
    channel.send(json.dumps(os.waitstatus_to_exitcode(status)).encode())


def obey(channel):
    """Until nobody tells it anything any more."""
    while order := channel.recv(1 << 16):
        kind, *command = json.loads(order)
        if kind == CONNECT:
            hand_over(channel)
        elif kind == AT_TERMINAL:
            carry_out_at_terminal(channel, command)
        else:
            carry_out(channel, command)


# --- PAM ------------------------------------------------------------------------------------------

PAM_SUCCESS, PAM_TTY, PAM_RHOST = 0, 3, 4


class Answer(ctypes.Structure):
    _fields_ = [("text", ctypes.c_char_p), ("code", ctypes.c_int)]


CONVERSE = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int, ctypes.c_void_p, ctypes.POINTER(ctypes.c_void_p),
                            ctypes.c_void_p)


class Conversation(ctypes.Structure):
    _fields_ = [("converse", CONVERSE), ("data", ctypes.c_void_p)]


class Pam:
    """A session, for the process that opens it; it ends with that. Nobody is asked for a password."""

    def __init__(self, person, host, environment):
        self._library = ctypes.CDLL("libpam.so.0")
        self._libc = ctypes.CDLL(None)
        self._libc.calloc.restype = ctypes.c_void_p
        self._library.pam_getenv.restype = ctypes.c_char_p
        self._conversation = Conversation(CONVERSE(self._converse), None)
        self._handle = ctypes.c_void_p()
        self._call("pam_start", b"login", person.encode(), ctypes.byref(self._conversation),
                   ctypes.byref(self._handle))
        if host:
            self._call("pam_set_item", self._handle, PAM_RHOST, host.encode())
        for name, value in environment.items():
            self._call("pam_putenv", self._handle, f"{name}={value}".encode())
        self._call("pam_acct_mgmt", self._handle, 0)
        self._call("pam_open_session", self._handle, 0)

    def _converse(self, count, _messages, answers, _data):
        """PAM only tells something, and frees what it gets for that."""
        answers[0] = self._libc.calloc(ctypes.c_size_t(count), ctypes.c_size_t(ctypes.sizeof(Answer)))
        return PAM_SUCCESS

    def _call(self, function, *arguments):
        status = getattr(self._library, function)(*arguments)
        assert status == PAM_SUCCESS, f"{function}: {status}"

    def getenv(self, name):
        value = self._library.pam_getenv(self._handle, name.encode())
        return value.decode() if value else ""


# --- In the test ----------------------------------------------------------------------------------

@dataclasses.dataclass
class Outcome:
    status: int
    output: str
    error: str

    @property
    def json(self):
        return json.loads(self.output)


class Terminal:
    """What somebody sees and types."""

    def __init__(self, terminal, child):
        self._terminal, self._child = terminal, child
        self.shown = ""

    def _look(self):
        try:
            self.shown += os.read(self._terminal, 4096).decode(errors="replace")
        except OSError:  # nobody has the other side any more
            return False
        return True

    def wait_for(self, text):
        deadline = time.monotonic() + PATIENCE
        while text not in self.shown:
            assert readable(self._terminal, max(0.0, deadline - time.monotonic())) and self._look(), self.shown

    def wait_for_secrecy(self):
        """What is typed is not shown. Whoever asks for a password throws away what was typed until then."""
        eventually("what is typed is not shown",
                   lambda: not termios.tcgetattr(self._terminal)[3] & termios.ECHO)

    def type(self, text):
        os.write(self._terminal, text.encode())

    def end(self):
        """Its exit status, when all of it is shown."""
        status, _ = self._child.hear()
        while readable(self._terminal, 0) and self._look():
            pass
        os.close(self._terminal)
        return status


class Application(User):
    """Its connection to the bus is one of somebody's process."""

    def __init__(self, person):
        self._person = person
        super().__init__(machine.BUS_SOCKET, person.uid)

    def _connect(self, _path, _groups):
        return self._person.new_connection()


class Person:
    """Somebody's process; here, one that belongs to no session."""

    def __init__(self, name):
        self.name = name
        self.uid = pwd.getpwnam(name).pw_uid
        self._child = Child(self._live)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self._child.kill()

    def _live(self, child):
        child._become(self.uid, machine.groups_of(self.name))
        child.say("")
        obey(child.socket)

    def new_connection(self):
        self._child.say([CONNECT])
        _, [descriptor] = self._child.hear()
        return socket.socket(fileno=descriptor)

    def connect(self, kind=Application):
        return kind(self)

    def run(self, *command):
        """What came out of it, whatever that is."""
        self._child.say([RUN, *command])
        outcome, _ = self._child.hear()
        return Outcome(*outcome)

    def run_at_terminal(self, *command):
        """Until it ends, that is all that the process does."""
        self._child.say([AT_TERMINAL, *command])
        _, [terminal] = self._child.hear()
        return Terminal(terminal, self._child)


class Stranger(Person):
    """Somebody who has not logged in."""

    def __init__(self, name):
        super().__init__(name)
        self._child.hear()


class Login(Person):
    """Somebody who has: at the machine's own seat, or from a host elsewhere."""

    def __init__(self, name, host=None):
        self._host = host
        super().__init__(name)
        self.session, _ = self._child.hear()
        self.expect(Name=name, Leader=str(self._child.pid), Class="user", Remote="yes" if host else "no",
                    RemoteHost=host or "", Seat="" if host else "seat0", Active="yes")

    def _live(self, child):
        environment = {"XDG_SESSION_CLASS": "user", "XDG_SESSION_TYPE": "tty"}
        if not self._host:
            environment["XDG_SEAT"] = "seat0"
        os.setsid()
        # It is kept: the session ends with it.
        self._pam = Pam(self.name, self._host, environment)
        child._become(self.uid, machine.groups_of(self.name))
        child.say(self._pam.getenv("XDG_SESSION_ID"))
        obey(child.socket)

    def close(self):
        """And until logind has noticed."""
        super().close()
        eventually(f"session {self.session} is over", lambda: not self.is_open())

    def is_open(self):
        shown = machine.run("loginctl", "show-session", self.session, "--property=State", check=False,
                            stderr=subprocess.DEVNULL)
        return shown not in ("", "State=closing")

    def look(self, *properties):
        shown = machine.run("loginctl", "show-session", self.session, *(f"--property={each}" for each in properties))
        return dict(line.split("=", 1) for line in shown.splitlines())

    def expect(self, **properties):
        """That logind has it so: what is asserted of polkit's answers rests on it."""
        found = self.look(*properties)
        # Empty ones are not shown.
        assert {name: found.get(name, "") for name in properties} == properties, found

    def activate(self):
        machine.run("loginctl", "activate", self.session)
        self.expect(Active="yes")


class UserService(Person):
    """A service of somebody's own service manager, which runs without a session (see loginctl(1), enable-linger)."""

    def __init__(self, name):
        super().__init__(name)
        self._child.hear()

    def _live(self, child):
        child._become(self.uid, machine.groups_of(self.name))
        directory = f"/run/user/{self.uid}"
        path = f"{directory}/cmabulk-test.{os.getpid()}"
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as door:
            door.bind(path)
            door.listen()
            door.settimeout(PATIENCE)
            subprocess.run(["systemd-run", "--user", "--collect", "--quiet", "--setenv=PYTHONDONTWRITEBYTECODE=1",
                            f"--setenv=PYTHONPATH={':'.join(sys.path[:2])}", sys.executable,
                            os.path.abspath(__file__), path],
                           env={**os.environ, "XDG_RUNTIME_DIR": directory}, check=True)
            service, _ = door.accept()
        os.unlink(path)
        # From now on that obeys, until nobody is there to tell it anything.
        socket.send_fds(service, [b"."], [child.socket.fileno()])
        child.socket.close()
        service.recv(1)

    def close(self):
        self._child.socket.send(b"")
        assert self._child.wait() == 0


def serve(path):
    """In the service."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as door:
        door.connect(path)
        _, [descriptor], _, _ = socket.recv_fds(door, 1, 1)
        with socket.socket(fileno=descriptor) as channel:
            channel.send(json.dumps("").encode())
            obey(channel)


if __name__ == "__main__":
    serve(sys.argv[1])
