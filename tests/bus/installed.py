# SPDX-License-Identifier: LGPL-2.1-or-later
"""Programs of this build, where every user can run them, as they are when installed."""

import os
import shutil
import signal
import subprocess

from fixture import PATIENCE, die_with_parent, environment
from manager import ALICE, CLIENTS


def install(bus, program):
    """A copy, with the library where it looks for it: the build may lie in somebody's closed home."""
    place = os.path.join(bus.directory, "installed")
    library = environment("CMABULK_LIBRARY")
    copy = os.path.join(place, "bin", os.path.basename(program))
    for source, target in ((program, copy),
                           (library, os.path.join(place, "libcmabulk", "libcmabulk.so.1"))):
        os.makedirs(os.path.dirname(target), 0o755, exist_ok=True)
        if not os.path.exists(target):
            shutil.copy(source, target)
            os.chmod(target, 0o755)
    return copy


def become(uid, groups):
    def enter():
        if uid != os.getuid():
            os.setgroups(list(groups))
            gid = groups[0] if groups else uid
            os.setresgid(gid, gid, gid)
            os.setresuid(uid, uid, uid)
        die_with_parent()
    return enter


def options_for(bus, uid=ALICE, groups=(CLIENTS,), **variables):
    variables.setdefault("CMABULK_BUS", bus.address)
    variables["LD_LIBRARY_PATH"] = os.path.join(bus.directory, "installed", "libcmabulk")
    kept = {name: value for name, value in os.environ.items() if name != "CMABULK_BUS"}
    return {"env": {**kept, **variables}, "preexec_fn": become(uid, groups), "cwd": "/"}


def run(bus, program, *arguments, uid=ALICE, groups=(CLIENTS,), variables=None, **options):
    """Runs to its end; what it said."""
    command = [install(bus, environment(program)), *arguments]
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=PATIENCE, check=False,
                          **options_for(bus, uid, groups, **(variables or {})), **options)


def start(bus, program, *arguments, uid=ALICE, groups=(CLIENTS,), **variables):
    """Runs on, with pipes to it."""
    command = [install(bus, environment(program)), *arguments]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                            stderr=subprocess.PIPE, **options_for(bus, uid, groups, **variables))


class Application:
    """library-client.c: does what it is told."""

    def __init__(self, bus, **options):
        self.process = start(bus, "CMABULK_LIBRARY_CLIENT", **options)

    def __enter__(self):
        assert self.ask("open") == "open: bus"
        return self

    def __exit__(self, kind, *_):
        self.process.stdin.close()
        if kind:
            self.process.kill()
        assert self.process.wait(PATIENCE) == 0 or kind, self.process.stderr.read()
        self.process.stdout.close()
        self.process.stderr.close()

    def start(self, command):
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()

    def answer(self):
        line = self.process.stdout.readline()
        assert line, f"it ended: {self.process.stderr.read()}"
        return line.rstrip("\n")

    def ask(self, command):
        self.start(command)
        return self.answer()

    def expect(self, command, expected):
        answer = self.ask(command)
        assert answer.startswith(expected), f"{command}: {answer!r}, not {expected!r}"
        return answer

    def cancel(self, by_thread):
        self.process.send_signal(signal.SIGUSR2 if by_thread else signal.SIGUSR1)

    def fds(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))
