# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the shipped unit keeps the daemon from, shown in the running system; and that all works within it."""

import contextlib
import json
import os
import pwd
import shutil
import stat
import subprocess

import probe
from errors import amounts, expect_amounts
from fixture import Child, eventually
from kernel_pool import POOL
from machine import (CONFIGURATION, SERVICE, changed_unit, connect, file_with, groups_of, is_active,
                     main_pid, process_status, run, start, stop, systemctl, unit)
from manager import MIB, expect_error

ORDER = 4
CHUNK = 65536
OTHER = "second"
STATE = "/var/lib/cmabulk"
# A system account of Debian's: what runs as it in a unit of its own is a system service.
SERVANT = "games"


# --- The process ----------------------------------------------------------------------------------

def process_has_nothing():
    """No capability, none to be had, system calls are filtered, and it is in no group but its own."""
    status = process_status(main_pid())
    for field in "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb":
        assert int(status[field], 16) == 0, (field, status[field])
    assert status["Seccomp"] == "2" and status["NoNewPrivs"] == "1", status
    daemon = pwd.getpwnam("cmabulk")
    assert status["Uid"].split() == [str(daemon.pw_uid)] * 4, status["Uid"]
    assert status["Gid"].split() == [str(daemon.pw_gid)] * 4, status["Gid"]
    assert set(status["Groups"].split()) <= {str(daemon.pw_gid)}, status["Groups"]
    assert int(status["Umask"], 8) == 0o077, status["Umask"]
    assert process_status(os.getpid())["Seccomp"] == "0", "does the field tell anything?"


def process_sees_little():
    """A view of the file system of its own, of all namespaces that may be: read-only but for what it keeps,
    without homes or others' temporary files.
    """
    pid = main_pid()

    def namespace(process, kind):
        return os.readlink(f"/proc/{process}/ns/{kind}")

    for kind in "mnt", "uts":
        assert namespace(pid, kind) != namespace(1, kind), kind
    # Netlink events of the module and udev's are the host's alone.
    assert namespace(pid, "net") == namespace(1, "net")
    root = f"/proc/{pid}/root"
    for path in "/", "/usr", "/etc", "/boot", "/var", "/run", "/sys", "/sys/fs/cgroup":
        assert os.statvfs(root + path).f_flag & os.ST_RDONLY, path
    assert not os.statvfs(root + STATE).f_flag & os.ST_RDONLY
    for path in "/home", "/root", "/run/user", "/usr/lib/modules":
        assert stat.S_IMODE(os.stat(root + path).st_mode) == 0 and not os.listdir(root + path), path
    for path in "/tmp", "/var/tmp":
        assert not os.path.samefile(root + path, path) and not os.listdir(root + path), path
    assert stat.S_IMODE(os.stat(STATE).st_mode) == 0o700


# --- What a program in its place may do -----------------------------------------------------------------

def numbers_of(path):
    return os.stat(path).st_rdev


@contextlib.contextmanager
def baits():
    """Nodes and directories that the daemon's user could use, for all that owner and mode say."""
    uid = pwd.getpwnam("cmabulk").pw_uid
    devices = {"disk": (stat.S_IFBLK, numbers_of("/dev/vda")), "mem": (stat.S_IFCHR, os.makedev(1, 1)),
               "kmsg": (stat.S_IFCHR, numbers_of("/dev/kmsg")),
               "null": (stat.S_IFCHR, numbers_of("/dev/null"))}
    nodes = {f"/dev/{probe.PREFIX}-{name}": device for name, device in devices.items()}
    directories = [f"{parent}/{probe.PREFIX}" for parent in probe.DIRECTORIES]
    attributes = ["/sys/class/cmabulk/remove", "/sys/fs/cgroup/cgroup.max.depth"]
    try:
        for path, (kind, number) in nodes.items():
            os.mknod(path, kind | 0o600, number)
            os.chown(path, uid, -1)
        for path in directories:
            os.mkdir(path)
            # Not its own: those in /dev/shm go when the service is stopped (RemoveIPC=).
            os.chmod(path, 0o777)
        for path in attributes:
            os.chown(path, uid, -1)
        yield
    finally:
        for path in attributes:
            os.chown(path, 0, -1)
        for path in directories:
            if os.path.exists(path):
                shutil.rmtree(path)
        for path in nodes:
            if os.path.exists(path):
                os.unlink(path)


def probed(*parts):
    """What the probe says of these, within the unit and outside of it: as the daemon's user, and as root."""
    # Wherever the sources are, the unit sees this.
    with open(probe.__file__, encoding="utf-8") as file:
        text = file.read()
    report = f"{STATE}/probe.json"
    with baits(), file_with("/run/cmabulk-probe.py", text) as path:
        command = ["/usr/bin/python3", "-B", path]
        as_root = json.loads(run(*command))
        as_user = json.loads(run("systemd-run", "--quiet", "--wait", "--pipe", "--collect",
                                 "--uid=cmabulk", *command))
        with changed_unit("ExecStart=\nExecStart=" + " ".join(command)):
            systemctl("start", SERVICE)
            eventually("it has ended", lambda: not is_active())
            assert unit(SERVICE, "Result") == "success"
            with open(report, encoding="ascii") as file:
                within = json.load(file)
            os.unlink(report)
    return [[one[part] for one in (within, as_user, as_root)] for part in parts]


def system_calls_are_denied():
    """EPERM for each, where root's only fails for what it was asked; no family of sockets but the two it
    needs.
    """
    [[within, _, as_root], [families, all_families, _]] = probed("calls", "families")
    wrong = {name: (within[name], as_root[name]) for name in within
             if within[name] != "EPERM" or as_root[name] == "EPERM"}
    assert not wrong, wrong
    assert set(all_families.values()) == {"EINVAL"}, all_families
    for name, error in families.items():
        assert error == ("EINVAL" if name in ("unix", "netlink") else "EAFNOSUPPORT"), families


def devices_are_denied():
    """Its user owns a disk, physical memory and the kernel's log, and yet may open none of them; the pools it
    may.
    """
    [[within, as_user, as_root]] = probed("nodes")
    denied = {"a disk", "physical memory", "the kernel's log"}
    for name, error in within.items():
        assert error == ("EPERM" if name in denied else "ok"), within
        # A kernel may have no such device; whoever may open it hears that.
        assert as_root[name] in ("ok", "ENXIO"), as_root
    assert as_user["a disk"] == "ok" == as_user["a pool"], as_user


def files_are_read_only():
    """It makes files in its own directory, and temporary ones where nobody else sees them; nowhere else, not even
    where its user may. Nor does it change what the kernel offers.
    """
    [[within, as_user, _], [reads, all_reads, _], [writes, all_writes, _]] = probed(
        "files", "reads", "writes")
    own = {name: within.pop(name) for name in ("its state", *probe.TEMPORARY)}
    assert set(own.values()) == {"ok"}, own
    for path, error in within.items():
        assert error == {"/home": "EACCES", "/run/user": "EACCES", "/dev/shm": "EACCES",
                         "/run/lock": "EACCES", "/tmp": "ENOENT",
                         "/var/tmp": "ENOENT"}.get(os.path.dirname(path), "EROFS"), within
    assert set(as_user.values()) == {"ok"}, as_user
    assert set(writes.values()) == {"EROFS"} and set(all_writes.values()) == {"ok"}, (
        writes, all_writes)
    hidden = {"/proc/meminfo", "/proc/sys/kernel/ostype"}
    for path, error in reads.items():
        assert error == ("ENOENT" if path in hidden else all_reads[path]), reads
        assert all_reads[path] == "ok", all_reads


# --- What works within it -----------------------------------------------------------------------------

def release_is_heard_of():
    """The last who has a buffer is killed: the kernel tells the daemon by netlink, and it the one who asked.
    """
    def keep(child):
        child.hear()
        child.say("they are mine")
        child.linger()

    with connect("alice") as alice, connect() as root:
        allocation = alice.allocate(count=32, order=ORDER, buffers=2, pool=POOL)
        assert allocation.status == "complete", allocation.report
        holder = Child(keep, alice.uid, groups_of("alice"))
        holder.say("take these", allocation.fds)
        assert holder.hear()[0] == "they are mine"
        alice.pools()
        allocation.close()
        # A round trip through the daemon, which has heard of what the kernel told by then.
        root.wait_for_buffers(2, POOL)
        assert root.pool(POOL)["Exported"] == 32 * CHUNK
        alice.pools()
        assert not [told for told in alice.signals if told.message.get_member() == "BufferReleased"]
        holder.kill()
        for _ in range(2):
            assert alice.wait_signal("BufferReleased").arguments[0] == POOL
        root.wait_whole(POOL)


def unit_has_its_account():
    """A system service is charged to the account of its unit, another of the same user to everybody's;
    neither is in the clients' group.
    """
    text = f"[Account media]\nUnit=media.service\nUser={SERVANT}\nMaxBytes=16M\n"
    uid = pwd.getpwnam(SERVANT).pw_uid

    def used(root, account):
        found = root.account(account, uid, OTHER)
        return found["used"] if found else 0

    def client(name, *arguments):
        return ["systemd-run", "--quiet", f"--unit={name}", f"--uid={SERVANT}", "--collect",
                *arguments]

    with file_with(CONFIGURATION, text), connect() as root:
        root.manager("Reload")
        for name, size in ("media", "4M"), ("radio", "2M"):
            run(*client(f"{name}.service", "cmabulkctl", "alloc", size, f"--pool={OTHER}", "--",
                        "sleep", "infinity"))
        eventually("both have theirs", lambda: (used(root, "media"), used(root, "default")) ==
                   (4 * MIB, 2 * MIB))
        # The kernel knows whose they are, too.
        assert sorted(entry["account"].partition(":")[0] for entry in root.list_buffers(OTHER)) == [
            "default", "media"]
        for name in "media", "radio":
            systemctl("stop", f"{name}.service")
        root.wait_whole(OTHER)
        # Its limit is that of the account.
        for name, is_served in ("media", False), ("radio", True):
            done = subprocess.run(client(f"{name}.service", "--wait", "--pipe", "cmabulkctl", "alloc",
                                         "17M", f"--pool={OTHER}"), stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                  check=False)
            assert (done.returncode == 0) == is_served, (name, done)
            assert is_served or 16 * MIB in amounts(done.stdout), done
        root.wait_whole(OTHER)
    with connect() as root:
        root.manager("Reload")


def change_is_kept():
    """`cmabulkctl accounts set --persistent`: in the daemon's own directory, nobody else reads it, and it
    counts after the next start.
    """
    run("cmabulkctl", "accounts", "set", "default", "MaxBytes=8M", "--persistent")
    status = os.stat(f"{STATE}/accounts.conf")
    assert status.st_uid == pwd.getpwnam("cmabulk").pw_uid and stat.S_IMODE(status.st_mode) == 0o600
    stop()
    start()
    with connect("alice") as alice, connect() as root:
        sentence = expect_error("QuotaExceeded", alice.allocate, count=9 * MIB // CHUNK, order=ORDER,
                                pool=OTHER)
        expect_amounts(sentence, 8 * MIB)
        root.unset_account("default")
        allocation = alice.allocate(count=9 * MIB // CHUNK, order=ORDER, pool=OTHER)
        assert allocation.status == "complete", allocation.report
        allocation.close()
        root.wait_whole(OTHER)


TESTS = [process_has_nothing, process_sees_little, system_calls_are_denied, devices_are_denied,
         files_are_read_only, release_is_heard_of, unit_has_its_account, change_is_kept]
