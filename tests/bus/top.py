# SPDX-License-Identifier: LGPL-2.1-or-later
"""cmabulkctl top on a terminal of its own, and what somebody in front of it sees."""

import fcntl
import json
import os
import re
import select
import signal
import struct
import subprocess
import tempfile
import termios
import time

from broken import Broken
from command_line import MEDIA
from fixture import PATIENCE, die_with_parent, environment, eventually, seconds_left
from installed import Application, install, options_for, run
from manager import BOB, CLIENTS, administrator, daemon_with_clients

ENTERED, LEFT = "\033[?1049h", "\033[?1049l"


class Terminal:
    """What a terminal makes of what a program writes: as much of it as top may use."""

    def __init__(self, columns, rows):
        self.master, self.slave = os.openpty()
        self.attributes = termios.tcgetattr(self.slave)
        self.written = ""
        self._rest = ""  # the beginning of what comes in two pieces
        self._is_entered = False
        self.resize(columns, rows)

    def resize(self, columns, rows):
        self.columns, self.rows = columns, rows
        self.lines = [""] * rows
        self.row = self.column = 0
        fcntl.ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def read(self, deadline):
        ready, _, _ = select.select([self.master], [], [], seconds_left(deadline))
        if not ready:
            return False
        text = os.read(self.master, 1 << 16).decode()
        self.written += text
        text = self._rest + text
        self._rest = re.search(r"(\033(\[[?0-9;]*)?)?\Z", text)[0]
        for token in re.findall(r"\033\[[?0-9;]*[A-Za-z]|\r|\n|[^\033\r\n]+",
                                text[:len(text) - len(self._rest)]):
            if token in (ENTERED, LEFT):
                self._is_entered = token == ENTERED
            elif self._is_entered:
                self._take(token)
        return True

    def _take(self, token):
        if token in ("\033[H", "\033[2J"):
            self.row = self.column = 0
            if token == "\033[2J":
                self.lines = [""] * self.rows
        elif token == "\033[K":
            self.lines[self.row] = self.lines[self.row][:self.column]
        elif token == "\r":
            self.column = 0
        elif token == "\n":
            self.row += 1
            assert self.row < self.rows, f"it scrolled: {self.lines}"
        elif not token.startswith("\033"):
            self.column += len(token)
            assert self.column <= self.columns, f"too wide: {token!r}"
            self.lines[self.row] = self.lines[self.row][:self.column - len(token)] + token
        else:
            assert re.fullmatch(r"\033\[(\d*m|\?25[hl])", token), repr(token)

    def close(self):
        os.close(self.master)
        os.close(self.slave)


def lead_job(job):
    """What a shell does with one: takes the terminal when it stops, and says so; gives it back when
    it is told to go on."""
    while True:
        _, status = os.waitpid(job, os.WUNTRACED)
        if not os.WIFSTOPPED(status):
            return os.waitstatus_to_exitcode(status)
        os.tcsetpgrp(2, os.getpgrp())
        os.write(2, b"[stopped]")
        signal.sigwait({signal.SIGUSR1})
        os.tcsetpgrp(2, job)
        os.killpg(job, signal.SIGCONT)


def become_job(terminal, is_in_background):
    """What is run next has a parent that makes it go on."""
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
    child = os.fork()
    if child > 0:
        # Popen waits for the end of one of them.
        os.closerange(3, 1 << 12)
        os._exit(lead_job(child) & 0xff)
    die_with_parent()
    os.setpgid(0, 0)
    if not is_in_background:
        os.tcsetpgrp(terminal, os.getpid())
    signal.signal(signal.SIGTTOU, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGUSR1})


def have_company(terminal, permission, is_in_background):
    """Another job of the session, which takes the terminal when it may. What is run next leads the
    session: nobody would make it go on."""
    child = os.fork()
    if child > 0:
        while is_in_background and os.tcgetpgrp(terminal) != child:
            time.sleep(0.01)
        return
    die_with_parent()
    os.setpgid(0, 0)
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    os.dup2(permission, 0)
    # Popen waits for the end of one of them.
    os.closerange(3, 1 << 12)
    if not is_in_background:
        os.read(0, 1)
    os.tcsetpgrp(1, os.getpgrp())
    while True:
        signal.pause()


class Top:
    """cmabulkctl top as it runs on it."""

    def __init__(self, bus, *options, columns=80, rows=24, variables=None, who=None, has_keys=True,
                 ignores_hangup=False, is_job=False, is_in_background=False, has_company=False):
        self.terminal = Terminal(columns, rows)
        self.errors = tempfile.TemporaryFile("w+", encoding="utf-8") if has_company else None
        permission, self._permit = os.pipe()
        if is_in_background:
            # A shell edits its line meanwhile.
            edited = termios.tcgetattr(self.terminal.slave)
            edited[3] &= ~(termios.ICANON | termios.ECHO)
            termios.tcsetattr(self.terminal.slave, termios.TCSANOW, edited)
        program = install(bus, environment("CMABULKCTL"))
        variables = {"TERM": "xterm", **(variables or {})}
        started = options_for(bus, **(who or {"uid": 0, "groups": ()}), **variables)
        become, slave = started.pop("preexec_fn"), self.terminal.slave

        def enter():
            os.setsid()
            fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
            become()
            # Who runs the tests may ignore it, too, as nohup(1) has it.
            signal.signal(signal.SIGHUP, signal.SIG_IGN if ignores_hangup else signal.SIG_DFL)
            if is_job:
                become_job(slave, is_in_background)
            if has_company:
                have_company(slave, permission, is_in_background)
        self.process = subprocess.Popen([program, "top", *options],
                                        stdin=slave if has_keys else subprocess.DEVNULL,
                                        stdout=slave, stderr=self.errors or slave,
                                        preexec_fn=enter, **started)
        os.close(permission)

    def wait_until(self, what, condition):
        """What is written comes in pieces: until all of them together are so."""
        deadline = time.monotonic() + PATIENCE
        while not condition(self.terminal.lines):
            assert self.terminal.read(deadline), f"{what}: {self.terminal.lines}"

    def wait_for(self, pattern):
        """Until a line is so."""
        self.wait_until(f"no {pattern!r}",
                        lambda lines: any(re.fullmatch(pattern, line) for line in lines))

    def press(self, keys):
        os.write(self.terminal.master, keys.encode())

    def resize(self, columns, rows):
        self.terminal.resize(columns, rows)

    def wait_stopped(self, count):
        """Until it has stopped so many times."""
        self.wait_until("it does not stop",
                        lambda _: self.terminal.written.count("[stopped]") == count)

    def go_on(self):
        """In the foreground."""
        self.process.send_signal(signal.SIGUSR1)

    def lose_terminal(self):
        """To its company."""
        before = os.tcgetpgrp(self.terminal.master)
        os.write(self._permit, b"x")
        eventually("another has the terminal",
                   lambda: os.tcgetpgrp(self.terminal.master) != before)

    def wait_alone(self):
        """The status it ends with, and what it said, where the terminal is not its own any more."""
        status = self.process.wait(PATIENCE)
        self.errors.seek(0)
        return status, self.errors.read()

    def wait(self):
        """The status it ends with; the terminal is as it was."""
        status = self.process.wait(PATIENCE)
        while self.terminal.read(time.monotonic()):
            pass
        written = self.terminal.written
        assert written.count(ENTERED) == written.count(LEFT) > 0, written
        assert written.rindex(LEFT) > written.rindex(" quit"), written
        assert written.rindex("\033[?25h") > written.rindex("\033[?25l"), written
        assert termios.tcgetattr(self.terminal.slave) == self.terminal.attributes
        self.terminal.close()
        return status


POOL = r"main +64M +{free} +0B +0B +{exported} +0B +{buffers} +{waiting}"
ACCOUNT = r"media +games +main +{used} +0B +16M +{buffers} +{waiting}"
KEYS = "q quit  s sort  p pool  h help"


def shows(bus, columns, rows):
    daemon_with_clients(bus, configuration=MEDIA)
    top = Top(bus, "--interval=100ms", columns=columns, rows=rows)
    top.wait_for(POOL.format(free="64M", exported="0B", buffers=0, waiting=0))
    top.wait_for(KEYS)
    assert top.terminal.lines[-1] == KEYS, top.terminal.lines
    assert re.match(r"\d\d:\d\d:\d\d  cmabulkd \S+  every 100\.0ms, by used", top.terminal.lines[0])
    assert top.terminal.lines[1] == "1 pool, 64M of 64M free; 0 requests waiting"
    with Application(bus) as application:
        application.expect("allocate 16 4 0", "allocate: complete")
        top.wait_for(POOL.format(free="63M", exported="1M", buffers=4, waiting=0))
        top.wait_for(ACCOUNT.format(used="1M", buffers=4, waiting=0))
    top.wait_for(ACCOUNT.format(used="0B", buffers=0, waiting=0))
    top.press("q")
    assert top.wait() == 0


def on_80_columns(bus):
    shows(bus, 80, 24)


def on_200_columns(bus):
    shows(bus, 200, 50)


def shows_who_waits(bus):
    daemon_with_clients(bus, configuration=MEDIA)
    root = administrator(bus)
    top = Top(bus, "--interval=100ms")
    with Application(bus) as application:
        with Application(bus, uid=BOB, groups=(CLIENTS,)) as other:
            other.expect("allocate 900 1 0", "allocate: complete")
            application.start("allocate 200 1 0")
            root.wait_pending(1)
            top.wait_for(r"1 pool, .* free; 1 request waiting")
            top.wait_for(ACCOUNT.format(used=r"\S+", buffers=0, waiting=1))
        assert application.answer().startswith("allocate: complete")
    top.press("q")
    assert top.wait() == 0


def resizes(bus):
    """Whatever size it gets, it fills it and no more; the terminal here would fail if it scrolled."""
    pools = [f"pool-{number:02}=8M" for number in range(30)]
    daemon_with_clients(bus, *pools)
    top = Top(bus, "--interval=1h")
    top.wait_for(KEYS)
    top.wait_for(r"22 more pools")
    for columns, rows in (200, 50), (20, 5), (3, 2), (1, 1), (132, 43):
        top.resize(columns, rows)
        top.wait_for(re.escape(KEYS[:columns]))
        assert top.terminal.lines[-1] == KEYS[:columns], top.terminal.lines
    top.wait_for("pool-16 .*")
    top.press("q")
    assert top.wait() == 0


def has_keys(bus):
    daemon_with_clients(bus, "main=64M", "npu=32M", configuration=MEDIA)
    top = Top(bus, "--interval=1h")
    top.wait_for("npu .*")
    for by in "buffers", "waiting", "name", "used":
        top.press("s")
        top.wait_for(rf".*, by {by}")
    top.press("p")
    top.wait_for(".*, pool main")
    top.wait_until("the other is there, too",
                   lambda lines: not any(line.startswith("npu") for line in lines))
    top.press("p")
    top.wait_for(".*, pool npu")
    top.press("p")
    top.wait_for("main .*")
    top.press("h")
    top.wait_for("  q        quit")
    top.wait_for("any key leaves this")
    top.press("x")
    top.wait_for(KEYS)
    with Application(bus) as application:
        application.expect("allocate 16 4 0", "allocate: complete")
        # It would look in an hour.
        top.press(" ")
        top.wait_for(ACCOUNT.format(used="1M", buffers=4, waiting=0))
    top.press("q")
    assert top.wait() == 0


def leaves_the_terminal_as_it_was(bus):
    daemon_with_clients(bus)
    for number in signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGABRT, signal.SIGUSR1:
        top = Top(bus, "--interval=1h")
        top.wait_for(KEYS)
        top.process.send_signal(number)
        assert top.wait() == -number, number
    top = Top(bus, "--interval=1h")
    top.wait_for(KEYS)
    top.press("\x03")
    assert top.wait() == -signal.SIGINT


def ends_with_its_terminal(bus):
    """By the signal; who ignores that has no more keys; who had none cannot show anything."""
    daemon_with_clients(bus)
    for interval, options, expected in (
            # Who polls it is told before the signal is sent.
            ("1h", {}, (-signal.SIGHUP, 1)), ("1h", {"ignores_hangup": True}, (1,)),
            ("100ms", {"ignores_hangup": True, "has_keys": False}, (1,))):
        top = Top(bus, f"--interval={interval}", **options)
        top.wait_for(KEYS if options.get("has_keys", True) else "Ctrl-C quits")
        top.terminal.close()
        assert top.process.wait(PATIENCE) in expected, options


def ends_when_others_have_its_terminal(bus):
    """And nobody is there who could make it go on: as its shell was killed, say. What is typed is
    for the others."""
    daemon_with_clients(bus)
    for interval, key in ("100ms", ""), ("1h", "x"):
        top = Top(bus, f"--interval={interval}", has_company=True)
        top.wait_for(KEYS)
        top.lose_terminal()
        top.press(key)
        status, said = top.wait_alone()
        assert status == 1 and "the terminal is gone, or others have it" in said, (key, said)
        while top.terminal.read(time.monotonic()):
            pass
        assert LEFT not in top.terminal.written, top.terminal.written
    top = Top(bus, has_company=True, is_in_background=True)
    status, said = top.wait_alone()
    assert status == 1 and "run it in the foreground" in said, said
    assert not top.terminal.read(time.monotonic()), top.terminal.written


def stops_and_goes_on(bus):
    """Ctrl-Z gives the terminal back, and fg takes it again; bg does not."""
    daemon_with_clients(bus)
    top = Top(bus, "--interval=1h", is_job=True)
    top.wait_for(KEYS)
    job = os.tcgetpgrp(top.terminal.master)
    for count in 1, 2:
        top.press("\x1a")
        top.wait_stopped(count)
        assert top.terminal.written.count(LEFT) == count
        assert termios.tcgetattr(top.terminal.slave) == top.terminal.attributes
        if count == 2:
            os.killpg(job, signal.SIGCONT)
            eventually("it stops in the background", lambda: is_stopped(job))
            assert not top.terminal.read(time.monotonic()), top.terminal.written
        top.go_on()
        top.wait_until("it does not enter",
                       lambda _: top.terminal.written.count(ENTERED) == count + 1)
        top.wait_for(KEYS)
    top.press("q")
    assert top.wait() == 0


def is_stopped(job):
    with open(f"/proc/{job}/stat", encoding="ascii") as stat:
        return stat.read().rpartition(") ")[2].startswith("T")


def stops_while_it_looks(bus):
    """What it then shows has to wait until it has the terminal again."""
    daemon = daemon_with_clients(bus)
    top = Top(bus, "--interval=100ms", is_job=True)
    top.wait_for(KEYS)
    daemon.signal(signal.SIGSTOP)
    # It has nothing to show while it waits for an answer.
    while top.terminal.read(time.monotonic() + 1):
        pass
    top.press("\x1a")
    top.wait_stopped(1)
    daemon.signal(signal.SIGCONT)
    top.go_on()
    top.wait_until("it does not enter", lambda _: top.terminal.written.count(ENTERED) == 2)
    between = top.terminal.written.split(LEFT)[1].split(ENTERED)[0]
    assert between == "[stopped]", repr(between)
    top.wait_for(KEYS)
    top.press("q")
    assert top.wait() == 0


def begins_in_the_background(bus):
    """Where a shell edits its line; it comes to the foreground, and leaves what it found there."""
    daemon_with_clients(bus)
    for has_keys, last in (True, KEYS), (False, "Ctrl-C quits"):
        top = Top(bus, "--interval=100ms", is_job=True, is_in_background=True, has_keys=has_keys)
        top.wait_stopped(1)
        assert ENTERED not in top.terminal.written, top.terminal.written
        # What it does for whom it gives the terminal to.
        termios.tcsetattr(top.terminal.slave, termios.TCSANOW, top.terminal.attributes)
        top.go_on()
        top.wait_for(last)
        top.press("\x03")
        assert top.wait() == -signal.SIGINT & 0xff, has_keys


def does_not_stop_for_nobody(bus):
    """Without a shell that could make it go on, it would be stopped for ever."""
    daemon_with_clients(bus)
    top = Top(bus, "--interval=1h")
    top.wait_for(KEYS)
    top.press("\x1a")
    top.wait_until("it does not enter", lambda _: top.terminal.written.count(ENTERED) == 2)
    top.wait_for(KEYS)
    top.press("q")
    assert top.wait() == 0


def survives_the_daemon(bus):
    """Each time it hears of it at once: it would look in an hour."""
    daemon = daemon_with_clients(bus, "main=64M", "camera=16M,removable=yes")
    top = Top(bus, "--interval=1h")
    top.wait_for("camera .*")
    daemon.signal(signal.SIGUSR1)
    top.wait_for(r"1 pool, .*")
    daemon.kill()
    top.wait_for("The daemon is away, .*")
    top.wait_for("main .*")
    daemon_with_clients(bus, "main=64M", "npu=32M", name="again")
    top.wait_for("npu .*")
    top.wait_for(r"2 pools, .*")
    top.press("q")
    assert top.wait() == 0


def a_broken_daemon_is_no_lost_terminal(bus):
    """They have the same error."""
    daemon = daemon_with_clients(bus)
    top = Top(bus)
    top.wait_for(KEYS)
    daemon.kill()
    top.wait_for("The daemon is away, .*")
    with bus.client(kind=Broken) as broken:
        broken.take_name()
        assert broken.refuse_until(top.process) != 0
    assert top.wait() != 0
    assert Broken.TEXT in top.terminal.written, top.terminal.written
    assert "the terminal is gone" not in top.terminal.written, top.terminal.written


def keys_work_while_the_daemon_hangs(bus):
    """Between two looks, that is, and those are far apart then; it is well again at once."""
    daemon = daemon_with_clients(bus)
    top = Top(bus, "--interval=100ms")
    top.wait_for(KEYS)
    daemon.signal(signal.SIGSTOP)
    top.wait_for("The daemon does not answer, .*")
    started = time.monotonic()
    for by in "buffers", "waiting", "name":
        top.press("s")
        top.wait_for(rf".*, by {by}")
    assert time.monotonic() - started < 20, "it looked meanwhile"
    daemon.signal(signal.SIGCONT)
    top.press(" ")
    top.wait_until("it does not look", lambda lines: not any("answer" in line for line in lines))
    top.press("q")
    assert top.wait() == 0


def the_bus_dies(bus):
    daemon = daemon_with_clients(bus)
    top = Top(bus)
    top.wait_for(KEYS)
    bus.process.kill()
    assert top.wait() == 4, top.terminal.written
    assert "the connection to the bus was lost" in top.terminal.written, top.terminal.written
    daemon.wait()


def one_look_without_a_terminal(bus):
    daemon_with_clients(bus, "main=64M", "npu=32M", configuration=MEDIA)
    with Application(bus) as application:
        application.expect("allocate 16 4 0", "allocate: complete")
        done = run(bus, "CMABULKCTL", "top")
        assert done.returncode == 0 and not done.stderr and "\033" not in done.stdout, done
        assert KEYS not in done.stdout and "\001" not in done.stdout, done
        lines = done.stdout.splitlines()
        for pattern in (r"2 pools, 95M of 96M free; 0 requests waiting",
                        r"npu +32M +32M +.*", ACCOUNT.format(used="1M", buffers=4, waiting=0)):
            assert any(re.fullmatch(pattern, line) for line in lines), (pattern, lines)
        found = json.loads(run(bus, "CMABULKCTL", "--json", "top").stdout)
        assert abs(found["time_us"] / 1e6 - time.time()) < 60, found
        assert [pool["name"] for pool in found["pools"]] == ["main", "npu"], found
        assert [account["used"] for account in found["accounts"]] == [1 << 20, 0], found
        assert found["daemon"], found


def without_colour_nothing_stands_out(bus):
    daemon_with_clients(bus)
    for variables, expected in ({}, True), ({"NO_COLOR": "1"}, False):
        top = Top(bus, variables=variables)
        top.wait_for(KEYS)
        top.press("q")
        assert top.wait() == 0
        assert ("\033[7m" in top.terminal.written) == expected, top.terminal.written
