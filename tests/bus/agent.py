# SPDX-License-Identifier: LGPL-2.1-or-later
"""cmabulkctl at a terminal, and polkit's agent that asks there for a password. The agent is the real one; polkit is the
stand-in, which answers no password.
"""

import contextlib
import ctypes
import fcntl
import os
import re
import signal
import subprocess
import tempfile
import termios
import time

from client import Gio, GLib, readable
from fixture import PATIENCE, Bus, environment, eventually
from installed import install, options_for
from manager import ALICE, CLIENTS, STRANGER, administrator, daemon_with_clients
from polkit import AUTHORITY, INTERFACE, Authority

# What polkit's own policy lets everybody do, and it alone; here the agent's interface is everybody's.
POLICY = (f'<allow send_destination="{AUTHORITY}"/>'
          f'<allow send_interface="{AUTHORITY}.AuthenticationAgent"/>')
ALLOCATE = "org.cmabulk1.allocate"
MANAGE = "org.cmabulk1.manage"
# How long the library waits for a call that nobody is asked about.
CALL = 25
CLONE_NEWNS = 0x20000
# Each wipes out the last, and the end of them does, too; see cmabulkctl/progress.c.
PROGRESS = re.compile(r"\r\x1b\[K([^\r\n]* so far(; Ctrl-C cancels)?(?=\r\x1b\[K))?")
VERBS = ("reload", "accounts set media MaxBytes=1M", "accounts unset media")


def has_open(pid, file):
    directory = f"/proc/{pid}/fd"
    there = os.fstat(file.fileno())
    for number in os.listdir(directory):
        with contextlib.suppress(FileNotFoundError):  # it was closed meanwhile
            if os.path.samestat(os.stat(f"{directory}/{number}"), there):
                return True
    return False


class Agent:
    """One that registered."""

    def __init__(self, authority, call):
        (kind, subject), _, self.path, options = call.get_body().unpack()
        assert (kind, options) == ("unix-process", {"fallback": True}), (kind, options)
        self.pid_of_subject = subject["pid"]
        self.name = call.get_sender()
        self._authority = authority
        body = GLib.Variant("(s)", (self.name,))
        pid = authority.call_bus("GetConnectionUnixProcessID", body).arguments[0]
        with open(f"/proc/{pid}/comm", encoding="ascii") as comm:
            assert comm.read() == "pkttyagent\n"
        self._pid, self._pidfd = pid, os.pidfd_open(pid)

    def ask(self, message):
        """Has it ask root for the password."""
        identity = ("unix-user", {"uid": GLib.Variant("u", 0)})
        body = GLib.Variant("(sssa{ss}sa(sa{sv}))", (MANAGE, message, "", {}, "cookie", [identity]))
        return self._authority.start(self.name, self.path, f"{AUTHORITY}.AuthenticationAgent",
                                     "BeginAuthentication", body)

    def has_open(self, file):
        return has_open(self._pid, file)

    def wait_gone(self):
        assert readable(self._pidfd, PATIENCE), "the agent still runs"
        os.close(self._pidfd)


class AuthorityWithAgents(Authority):
    """Knows who has an agent."""

    def __init__(self, *arguments, **options):
        self.agents, self._registering = [], []
        super().__init__(*arguments, **options)

    def _answer(self, call):
        member = call.get_member()
        if call.get_interface() == INTERFACE and member == "RegisterAuthenticationAgentWithOptions":
            self._registering.append(call)
        elif call.get_interface() == INTERFACE and member == "UnregisterAuthenticationAgent":
            self.send(Gio.DBusMessage.new_method_reply(call))
        else:
            super()._answer(call)

    def wait_registering(self):
        """Until an agent waits to be told that it is one."""
        self.wait_for("an agent", lambda: self._registering)

    def register(self):
        """Tells the next one."""
        self.wait_registering()
        call = self._registering.pop(0)
        agent = Agent(self, call)
        self.send(Gio.DBusMessage.new_method_reply(call))
        return agent

    def refuse(self):
        """Tells the next one that it is none."""
        self.wait_registering()
        call = self._registering.pop(0)
        self.send(Gio.DBusMessage.new_method_error_literal(call, f"{AUTHORITY}.Error.Failed", "no"))

    def expect_no_agent(self):
        self.call_bus("GetId")
        assert not self._registering


class AtTerminal:
    """cmabulkctl, with a terminal of its own, on the system bus unless it is said otherwise."""

    def __init__(self, bus, *arguments, uid=STRANGER, groups=(STRANGER,), has_keys=True,
                 begin=None, inherits=(), **variables):
        self.master, slave = os.openpty()
        variables = {"CMABULK_BUS": "system", "DBUS_SYSTEM_BUS_ADDRESS": bus.address,
                     "TERM": "xterm", "LANGUAGE": "C", **variables}
        options = options_for(bus, uid, groups, **variables)
        become = options.pop("preexec_fn")

        def enter():
            os.setsid()
            fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
            os.fchown(slave, uid, -1)
            become()
            if begin:
                begin()
        program = install(bus, environment("CMABULKCTL"))
        self.process = subprocess.Popen(
            [program, *arguments], stdin=slave if has_keys else subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=slave, preexec_fn=enter, pass_fds=inherits,
            **options)
        os.close(slave)
        self.shown = ""

    def wait_for(self, text):
        """Until it is on the terminal."""
        self.wait_for_match(re.escape(text))

    def wait_for_match(self, pattern):
        deadline = time.monotonic() + PATIENCE
        while not (match := re.search(pattern, self.shown)):
            assert readable(self.master, max(0.0, deadline - time.monotonic())), self.shown
            self.shown += os.read(self.master, 4096).decode()
        return match

    def _look(self):
        while readable(self.master, 0):
            try:
                self.shown += os.read(self.master, 4096).decode()
            except OSError:  # nobody has the other side any more
                break

    def without_progress(self):
        """How long the machine takes for something says nothing of what is tested."""
        return PROGRESS.sub("", self.shown)

    def forget_progress(self):
        """That there was, where an agent takes long to come; and nothing else. What is shown from now on counts."""
        self._look()
        assert not self.without_progress(), self.shown
        self.shown = ""

    def threads(self):
        return len(os.listdir(f"/proc/{self.process.pid}/task"))

    def end(self):
        """Its exit status, and what was on the terminal but for lines of progress."""
        self.process.communicate(timeout=PATIENCE)
        self._look()
        os.close(self.master)
        return self.process.returncode, self.without_progress()

    def expect_silent_end(self):
        """It does what it was told, and shows nothing at all."""
        status, _ = self.end()
        assert status == 0 and not self.shown, (status, self.shown)


def bus_with_daemon(bus):
    daemon_with_clients(bus, configuration="[Account media]\nUser=games\nMaxBytes=16M\n")
    return bus.client(kind=AuthorityWithAgents)


def question_of(polkit, flags):
    question = polkit.next()
    assert (question.action, question.flags) == (MANAGE, flags), (question.action, question.flags)
    return question


def expect_allowed(ctl, polkit, agent):
    """With a person at hand polkit lets it pass: it is done without a word, and the agent is gone."""
    question = question_of(polkit, 1)
    ctl.forget_progress()
    question.answer(True)
    ctl.expect_silent_end()
    agent.wait_gone()


def asks_at_the_terminal(_):
    """For whatever needs an administrator, once the agent is known, which ends with the verb."""
    with Bus(POLICY) as bus:
        polkit = bus_with_daemon(bus)
        for verb in VERBS:
            ctl = AtTerminal(bus, *verb.split())
            # It waits for the agent before it asks.
            polkit.wait_registering()
            polkit.expect_nothing(administrator(bus))
            agent = polkit.register()
            assert agent.pid_of_subject == ctl.process.pid
            expect_allowed(ctl, polkit, agent)


def shows_what_it_is_for(_):
    """The agent has the terminal: no line of progress gets between, and there is no thread that would draw one."""
    with Bus(POLICY) as bus:
        polkit = bus_with_daemon(bus)
        ctl = AtTerminal(bus, "reload")
        ctl.wait_for("waiting for polkit to know this terminal")
        threads = ctl.threads()
        agent = polkit.register()
        question = question_of(polkit, 1)
        ctl.forget_progress()
        eventually("nobody draws lines", lambda: ctl.threads() == threads - 1)
        message = "Authentication is required, says the test."
        agent.ask(message)
        ctl.wait_for(message)
        question.answer(False)
        status, _ = ctl.end()
        assert status == 5 and f"AUTHENTICATING FOR {MANAGE}" in ctl.shown, ctl.shown
        assert "so far" not in ctl.shown and "polkit does not allow it" in ctl.shown, ctl.shown
        agent.wait_gone()


def asks_nobody_elsewhere(_):
    """Without a terminal to type on, or told not to, what would need a password is refused."""
    with Bus(POLICY) as bus:
        polkit = bus_with_daemon(bus)
        for verb in VERBS:
            for options, has_keys in ((["--no-ask-password"], True), ([], False)):
                ctl = AtTerminal(bus, *verb.split(), *options, has_keys=has_keys)
                question_of(polkit, 0).answer(False, True)
                status, shown = ctl.end()
                assert status == 5 and "interactive" in shown, (verb, shown)
                assert "run it at a terminal without --no-ask-password, or as root" in shown, shown
                polkit.expect_no_agent()


def asks_without_an_agent_on_other_buses(_):
    """Where there is no polkit: should something else be in its place, that may have one."""
    with Bus(POLICY) as bus:
        polkit = bus_with_daemon(bus)
        ctl = AtTerminal(bus, "reload", CMABULK_BUS=bus.address)
        question_of(polkit, 1).answer(True)
        assert ctl.end()[0] == 0, ctl.shown
        polkit.expect_no_agent()


def asks_nobody_about_root(_):
    with Bus(POLICY) as bus:
        polkit = bus_with_daemon(bus)
        for verb in VERBS:
            assert AtTerminal(bus, *verb.split(), uid=0, groups=()).end() == (0, "")
        polkit.expect_nothing(administrator(bus))
        polkit.expect_no_agent()


def asks_nobody_to_look(_):
    """Who only looks, or allocates, is no administrator."""
    with Bus(POLICY) as bus:
        polkit = bus_with_daemon(bus)
        for verb in ("accounts", "status", "alloc 1"):
            ctl = AtTerminal(bus, *verb.split(), uid=ALICE, groups=(CLIENTS,))
            assert ctl.end() == (0, ""), ctl.shown
        polkit.expect_nothing(administrator(bus))
        # Of whom polkit would have to be asked, it is asked, and no person.
        ctl = AtTerminal(bus, "alloc", "1")
        question = polkit.next()
        assert (question.action, question.flags) == (ALLOCATE, 0), (question.action, question.flags)
        question.answer(False, True)
        assert ctl.end()[0] == 5, ctl.shown
        polkit.expect_no_agent()


def the_agent_ends_with_who_was_killed(_):
    with Bus(POLICY) as bus:
        polkit = bus_with_daemon(bus)
        ctl = AtTerminal(bus, "reload")
        agent = polkit.register()
        question = question_of(polkit, 1)
        ctl.process.send_signal(signal.SIGKILL)
        assert ctl.end()[0] == -signal.SIGKILL
        agent.wait_gone()
        polkit.wait_taken_back(question)


def the_agent_ends_whatever_was_inherited(_):
    """A signal that is ignored or blocked is not so for the agent; nor has it files of others."""
    with Bus(POLICY) as bus, tempfile.TemporaryFile() as file:
        polkit = bus_with_daemon(bus)
        for begin in (lambda: signal.signal(signal.SIGTERM, signal.SIG_IGN),
                      lambda: signal.signal(signal.SIGCHLD, signal.SIG_IGN),
                      lambda: signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())):
            ctl = AtTerminal(bus, "reload", begin=begin, inherits=(file.fileno(),))
            agent = polkit.register()
            assert has_open(ctl.process.pid, file) and not agent.has_open(file)
            expect_allowed(ctl, polkit, agent)


def without_an_agent_there_is_a_line_of_progress(_):
    """It may be that it cannot be one: then nobody else writes to the terminal."""
    with Bus(POLICY) as bus:
        polkit = bus_with_daemon(bus)
        ctl = AtTerminal(bus, "reload")
        polkit.wait_registering()
        ctl.wait_for("waiting for polkit to know this terminal")
        polkit.refuse()
        question = question_of(polkit, 1)
        ctl.wait_for("reloading the configuration")
        question.answer(True)
        assert ctl.end()[0] == 0, ctl.shown


def replace_agent(path):
    """For this test and what it starts."""
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.unshare(CLONE_NEWNS) == 0, os.strerror(ctypes.get_errno())
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)
    subprocess.run(["mount", "--bind", path, "/usr/bin/pkttyagent"], check=True)


def without_the_program_there_is_no_agent(_):
    replace_agent("/dev/null")
    with Bus(POLICY) as bus:
        polkit = bus_with_daemon(bus)
        ctl = AtTerminal(bus, "reload")
        question = question_of(polkit, 1)
        ctl.wait_for("reloading the configuration")
        question.answer(True)
        assert ctl.end()[0] == 0, ctl.shown


def an_agent_that_does_not_end_is_killed(_):
    with Bus(POLICY) as bus:
        path = os.path.join(bus.directory, "stuck")
        with open(path, "w", encoding="ascii") as stuck:
            # It says who it is, and then that it is registered.
            stuck.write("#!/bin/sh\ntrap '' TERM\necho agent $$ >&2\nexec 3>&-\n"
                        "while :; do sleep 1000; done\n")
        os.chmod(path, 0o755)
        replace_agent(path)
        polkit = bus_with_daemon(bus)
        ctl = AtTerminal(bus, "reload")
        question = question_of(polkit, 1)
        pidfd = os.pidfd_open(int(ctl.wait_for_match(r"agent (\d+)\s")[1]))
        question.answer(True)
        assert ctl.end()[0] == 0, ctl.shown
        assert readable(pidfd, 0), "the agent still runs"
        os.close(pidfd)


def no_agent_where_there_is_no_daemon(_):
    """There is nothing to ask about, and what the agent would say hides what is wrong."""
    with Bus(POLICY) as bus:
        polkit = bus.client(kind=AuthorityWithAgents)
        for verb in VERBS:
            status, shown = AtTerminal(bus, *verb.split()).end()
            assert status == 4 and shown.startswith("cmabulkctl: cannot"), (status, shown)
            polkit.expect_no_agent()


def a_person_may_take_longer_than_a_call(_):
    """As long as the daemon lets polkit take."""
    with Bus(POLICY) as bus:
        polkit = bus_with_daemon(bus)
        ctl = AtTerminal(bus, "reload")
        agent = polkit.register()
        question = question_of(polkit, 1)
        ctl.forget_progress()
        late = time.monotonic() + CALL + 1
        while polkit.process(late):
            assert not polkit.taken_back, "it was given up"
        assert ctl.process.poll() is None, ctl.end()
        question.answer(True)
        ctl.expect_silent_end()
        agent.wait_gone()
