# SPDX-License-Identifier: LGPL-2.1-or-later
"""A bus of its own for each test, as the system's is: its type, its policy, its limits. On a
session bus nearly all of these limits are lifted, and the tests would prove nothing.

Everything started here dies with the test, however that ends.
"""

import contextlib
import ctypes
import glob
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback

from client import BUS, PATIENCE, Client, Disconnected, GLib, Gio

NAME = "org.cmabulk1"
SANITIZER_REPORTS = ("AddressSanitizer", "LeakSanitizer", "ThreadSanitizer", "runtime error:")

# What Debian's system.conf says, but for users, files and activation; and who may be polkit, as that says itself.
BUS_CONFIGURATION = """<!DOCTYPE busconfig PUBLIC
 "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <auth>EXTERNAL</auth>
  <listen>unix:path={socket}</listen>
  <policy context="default">
    <allow user="*"/>
    <deny own="*"/>
    <deny send_type="method_call"/>
    <allow send_type="signal"/>
    <allow send_requested_reply="true" send_type="method_return"/>
    <allow send_requested_reply="true" send_type="error"/>
    <allow receive_type="method_call"/>
    <allow receive_type="method_return"/>
    <allow receive_type="error"/>
    <allow receive_type="signal"/>
    <allow send_destination="org.freedesktop.DBus" send_interface="org.freedesktop.DBus"/>
    <allow send_destination="org.freedesktop.DBus"
           send_interface="org.freedesktop.DBus.Introspectable"/>
    <allow send_destination="org.freedesktop.DBus"
           send_interface="org.freedesktop.DBus.Properties"/>
    <deny send_destination="org.freedesktop.DBus" send_interface="org.freedesktop.DBus"
          send_member="UpdateActivationEnvironment"/>
    <deny send_destination="org.freedesktop.DBus"
          send_interface="org.freedesktop.DBus.Debug.Stats"/>
    {restrictions}
  </policy>
  <policy user="root">
    <allow send_destination="org.freedesktop.DBus"
           send_interface="org.freedesktop.DBus.Monitoring"/>
    <allow send_destination="org.freedesktop.DBus"
           send_interface="org.freedesktop.DBus.Debug.Stats"/>
    <allow own="org.freedesktop.PolicyKit1"/>
  </policy>
  <include>{policy}</include>
</busconfig>
"""


def environment(name):
    value = os.environ.get(name)
    assert value, f"{name} is not set: run this through meson test"
    return value


def die_with_parent():
    """In a child: not to outlive the test."""
    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)


def seconds_left(deadline):
    return max(0.0, deadline - time.monotonic())


def eventually(what, condition, patience=PATIENCE):
    """For what tells nobody when it happens: ask until it is so."""
    deadline = time.monotonic() + patience
    while not (result := condition()):
        assert time.monotonic() < deadline, f"{what}: not in {patience:g} s"
        time.sleep(0.01)
    return result


def waited_for_processor(pid):
    """The seconds that its threads could have run and did not, as others did."""
    waited = 0
    for path in glob.glob(f"/proc/{pid}/task/*/schedstat"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError), open(path, encoding="ascii") as file:
            waited += int(file.read().split()[1])
    return waited / 1e9


class Process:
    """A child of the test, with what it wrote in a file."""

    def __init__(self, command, log, **options):
        self.log = log
        self.name = os.path.basename(command[0])
        with open(log, "ab") as output:
            self._popen = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output,
                                           stderr=output, preexec_fn=die_with_parent, **options)
        self.pid = self._popen.pid
        self.pidfd = os.pidfd_open(self.pid)

    @property
    def status(self):
        """Exit status; None while it runs, negative for a signal."""
        return self._popen.poll()

    def signal(self, number):
        signal.pidfd_send_signal(self.pidfd, number)

    def wait(self, patience=PATIENCE):
        ready, _, _ = select.select([self.pidfd], [], [], patience)
        assert ready, f"{self.name} still runs after {patience:g} s"
        return self._popen.wait()

    def kill(self):
        if self.status is None:
            self.signal(signal.SIGKILL)
            self.wait()

    def said(self):
        with open(self.log, encoding="utf-8", errors="replace") as log:
            return log.read()


class EndedTooEarly(AssertionError):
    """Of a daemon, before it was on the bus."""


class Daemon(Process):
    """cmabulkd on a private bus; there when this returns."""

    def __init__(self, bus, *arguments, configuration=None, name="cmabulkd", uid=0,
                 state_directories=None, address=None, patience=PATIENCE):
        """The state directories are for the daemon's environment, instead of the option that keeps tests
        apart; the address is that of its bus, if it is not to be the bus itself."""
        self.bus = bus
        self.directory = os.path.join(bus.directory, name)
        self.configuration = os.path.join(self.directory, "cmabulkd.conf")
        self.drop_ins = os.path.join(self.directory, "cmabulkd.conf.d")
        self.state = os.path.join(self.directory, "state")
        os.makedirs(self.drop_ins, exist_ok=True)
        if configuration is not None:
            self.configure(configuration)
        command = [environment("CMABULKD"), "--bus-address", address or bus.address,
                   "--config", self.configuration, *arguments]
        options = dict(os.environ)
        if state_directories:
            options["STATE_DIRECTORY"] = state_directories
        else:
            command += ["--state-directory", self.state]
        # Reports end the process: the status then says so, too.
        options["ASAN_OPTIONS"] = "abort_on_error=0:detect_stack_use_after_return=1"
        options["UBSAN_OPTIONS"] = "print_stacktrace=1:halt_on_error=1"
        options["TSAN_OPTIONS"] = "halt_on_error=1:second_deadlock_stack=1"
        self._watch = bus.watch(NAME)
        who = {"user": uid, "group": uid, "extra_groups": []} if uid else {}
        super().__init__(command, os.path.join(self.directory, "log"), env=options, **who)
        self._wait_until_there(patience)

    def configure(self, text):
        with open(self.configuration, "w", encoding="utf-8") as file:
            file.write(text)

    def drop_in(self, name, text):
        with open(os.path.join(self.drop_ins, name), "w", encoding="utf-8") as file:
            file.write(text)

    def _wait_until_there(self, patience):
        deadline = time.monotonic() + patience
        while not self.owner():
            ready, _, _ = select.select([self._watch, self.pidfd], [], [], seconds_left(deadline))
            if self.pidfd in ready:
                raise EndedTooEarly(f"cmabulkd ended with {self.wait()} before it was there:\n{self.said()}")
            assert ready, f"cmabulkd is not on the bus after {patience:g} s"
            self._watch.process(time.monotonic())

    def owner(self):
        """The unique name of the daemon, of all the watch heard until now; empty when it left."""
        changes = [s.arguments for s in self._watch.signals if s.arguments[0] == NAME]
        return changes[-1][2] if changes else ""

    def wait_gone(self):
        self._watch.wait_for("the daemon's leaving", lambda: not self.owner())

    def status_field(self, field):
        """A size of /proc/PID/status, in bytes."""
        with open(f"/proc/{self.pid}/status", encoding="ascii") as status:
            for line in status:
                if line.startswith(field + ":"):
                    return int(line.split()[1]) * 1024
        raise AssertionError(f"no {field} in /proc/{self.pid}/status")

    def fds(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))

    def check_log(self):
        for report in SANITIZER_REPORTS:
            assert report not in self.said(), f"cmabulkd: a report of {report}"

    def stop(self):
        """As a service manager does: it has to end well."""
        if self.status is None:
            self.signal(signal.SIGTERM)
        status = self.wait()
        self.check_log()
        assert status == 0, f"cmabulkd ended with {status}"
        self._watch.close()

    def kill(self):
        super().kill()
        self.check_log()
        self.wait_gone()
        self._watch.close()


class Child:
    """A process of the test's own that runs function(child) as a user, and can be killed."""

    def __init__(self, function, uid=0, groups=()):
        assert os.geteuid() == 0 or uid == os.geteuid(), f"only root can become user {uid}"
        self.socket, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.pid = os.fork()
        if self.pid == 0:
            status = 1
            try:
                self.socket.close()
                self.socket = other
                die_with_parent()
                self._become(uid, groups)
                function(self)
                status = 0
            except BaseException:
                traceback.print_exc()
            finally:
                sys.stderr.flush()
                os._exit(status)
        other.close()
        self.pidfd = os.pidfd_open(self.pid)

    @staticmethod
    def _become(uid, groups):
        if uid == os.getuid():
            return
        gid = groups[0] if groups else uid
        os.setgroups(list(groups))
        os.setresgid(gid, gid, gid)
        os.setresuid(uid, uid, uid)
        die_with_parent()  # a change of identity takes that away

    def say(self, what, fds=()):
        socket.send_fds(self.socket, [json.dumps(what).encode()], list(fds))

    def hear(self, patience=PATIENCE):
        """What the other side said, and the descriptors with it."""
        ready, _, _ = select.select([self.socket], [], [], patience)
        assert ready, f"nothing from child {self.pid} in {patience:g} s"
        data, fds, _, _ = socket.recv_fds(self.socket, 1 << 16, 32, socket.MSG_CMSG_CLOEXEC)
        assert data, f"child {self.pid} ended without a word"
        return json.loads(data), fds

    def linger(self):
        """In the child: do nothing more, until killed."""
        while True:
            signal.pause()

    def wait(self, patience=PATIENCE):
        ready, _, _ = select.select([self.pidfd], [], [], patience)
        assert ready, f"child {self.pid} still runs after {patience:g} s"
        _, status = os.waitpid(self.pid, 0)
        os.close(self.pidfd)
        self.socket.close()
        self.pid = None
        return os.waitstatus_to_exitcode(status)

    def kill(self):
        if self.pid is not None:
            signal.pidfd_send_signal(self.pidfd, signal.SIGKILL)
            self.wait()


class Bus:
    """A dbus-daemon with a socket in a directory of its own."""

    def __init__(self, restrictions=""):
        """The restrictions are rules of a policy, for everybody, beyond the system's."""
        self._restrictions = restrictions
        self._stack = contextlib.ExitStack()
        self._processes = []
        self.directory = tempfile.mkdtemp(prefix="cmabulk-bus-")
        self._stack.callback(shutil.rmtree, self.directory)
        os.chmod(self.directory, 0o711)
        self.path = os.path.join(self.directory, "socket")
        self.address = f"unix:path={self.path}"

    def __enter__(self):
        try:
            self._start()
            self._check_limits()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(self, *_):
        self._stack.close()

    def _start(self):
        configuration = os.path.join(self.directory, "bus.conf")
        policy = os.path.join(environment("CMABULK_DBUS"), "org.cmabulk1.conf")
        with open(configuration, "w", encoding="utf-8") as file:
            file.write(BUS_CONFIGURATION.format(socket=self.path, policy=policy,
                                                restrictions=self._restrictions))
        reader, writer = os.pipe()
        self.process = Process(
            ["dbus-daemon", f"--config-file={configuration}", "--nofork", "--nopidfile",
             "--nosyslog", f"--print-address={writer}"],
            os.path.join(self.directory, "bus.log"), pass_fds=[writer])
        self.register(self.process)
        os.close(writer)
        with open(reader, encoding="ascii") as address:  # ends early if it dies
            assert address.readline().startswith(self.address), \
                f"dbus-daemon does not start:\n{self.process.said()}"

    def waited_for_processor(self):
        """Test, bus and daemons: the time of a call less what this has grown by is the product's."""
        return sum(waited_for_processor(pid) for pid in (
            os.getpid(), self.process.pid, *(daemon.pid for daemon in self.running_daemons())))

    def register(self, process):
        """It ends with the bus, and what it said is shown when a test fails."""
        self._processes.append(process)
        self._stack.callback(Process.kill, process)

    def _check_limits(self):
        """The limit that a daemon must know about: is this like the system's bus?"""
        with self.client() as hostile, open(os.devnull, "rb") as null:
            body = GLib.Variant("(ah)", (list(range(17)),))
            message = Gio.DBusMessage.new_method_call(hostile.name, "/", "org.example", "Take")
            message.set_body(body)
            try:
                hostile.send(message, [null.fileno()] * 17)
                hostile.wait_disconnected()
            except Disconnected:
                pass

    def client(self, uid=None, groups=(), kind=Client, **options):
        client = kind(self.path, uid, groups, **options)
        self._stack.callback(client.close)
        return client

    def watch(self, name):
        """A client that hears of the owners of a name."""
        client = self.client()
        rule = f"type='signal',sender='{BUS}',member='NameOwnerChanged',arg0='{name}'"
        client.call_bus("AddMatch", GLib.Variant("(s)", (rule,)))
        return client

    def daemon(self, *arguments, **options):
        daemon = Daemon(self, *arguments, **options)
        self.register(daemon)
        return daemon

    def child(self, function, uid=0, groups=()):
        child = Child(function, uid, groups)
        self._stack.callback(child.kill)
        return child

    def running_daemons(self):
        return [p for p in self._processes if isinstance(p, Daemon) and p.status is None]

    def logs(self):
        for process in self._processes:
            yield f"--- {process.name} {process.pid}, status {process.status}:\n{process.said()}"
