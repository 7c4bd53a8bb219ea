#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""What whoever runs this may do: tries it, and writes down the error of each, or "ok".

In a service with a directory for its state that is there, and the service manager is told; else on standard
output. Nothing of it does any harm to one who may do it: arguments make no sense, so that there is another error
than the one of who may not.
"""

import ctypes
import errno
import json
import mmap
import os
import socket
import sys

LIBC = ctypes.CDLL(None, use_errno=True)
# Names of nodes and directories that whoever starts this has made, for the daemon's user to use.
PREFIX = "cmabulk-probe"
NOTHING, BAD = 0, -1
CLONE_NEWUSER, CLONE_NEWNET, CLONE_FS = 0x10000000, 0x40000000, 0x200
NO_TYPE = 15  # of a socket

# Numbers as on x86-64.
CALLS = {
    "mount": (165, NOTHING),
    "umount2": (166, NOTHING, 0xFFFF),
    "fsopen": (430, NOTHING),
    "pivot_root": (155, NOTHING, NOTHING),
    "chroot": (161, NOTHING),
    "ptrace": (101, 2, 0),
    "perf_event_open": (298, NOTHING),
    "reboot": (169, 0, 0, 0),
    "kexec_load": (246, 0, 0xFFFF, NOTHING, 0xFFFF),
    "swapon": (167, NOTHING, 0xFFFFFF),
    "init_module": (175, NOTHING, 0, NOTHING),
    "delete_module": (176, NOTHING, 0),
    "bpf": (321, 0xFFFF, NOTHING, 0),
    "add_key": (248, NOTHING, NOTHING, NOTHING, 0, 0),
    "keyctl": (250, 0xFFFF),
    "unshare": (272, CLONE_NEWUSER | 1),
    "setns": (308, BAD, CLONE_NEWNET),
    "clone": (56, CLONE_NEWUSER | CLONE_FS, NOTHING),
    "setresuid": (117, BAD, BAD, BAD),
    "setgroups": (116, 0x7FFFFFF, NOTHING),
    "open_by_handle_at": (304, BAD, NOTHING, 0),
    "sched_setscheduler": (144, 0, 1, NOTHING),
    "setpriority": (141, 99, 0, 0),
    "clock_settime": (227, 0, NOTHING),
    "sethostname": (170, NOTHING, BAD),
    "syslog": (103, 99, NOTHING, 0),
    "iopl": (172, 4),
    "shmget": (29, 0, 0, 0),
    "semget": (64, 0, BAD, 0),
    "msgget": (68, 0x636D61, 0),
    "mq_open": (240, NOTHING, 0),
    "shmat": (30, -1, 0, 0),
    "shmctl": (31, -1, BAD, 0),
    "semop": (65, -1, 0, 0),
    "semctl": (66, -1, 0, BAD),
    "msgsnd": (69, -1, 0, 0),
    "msgrcv": (70, -1, 0, 0),
}

FAMILIES = {"unix": 1, "inet": 2, "inet6": 10, "netlink": 16, "packet": 17, "vsock": 40}

# Where files are made, in a directory that is everybody's.
DIRECTORIES = ("/usr/lib", "/etc", "/boot", "/opt", "/srv", "/var/lib", "/run", "/run/lock", "/dev/shm",
               "/home", "/run/user", "/tmp", "/var/tmp")
# A service may have its own.
TEMPORARY = ("/tmp", "/var/tmp")
NODES = {"a disk": "disk", "physical memory": "mem", "the kernel's log": "kmsg", "null": "null"}


def error_of(function, *arguments):
    try:
        function(*arguments)
    except OSError as error:
        return errno.errorcode[error.errno]
    return "ok"


def call(number, *arguments):
    padded = [ctypes.c_long(each) for each in (*arguments, *[0] * (6 - len(arguments)))]
    ctypes.set_errno(0)
    if LIBC.syscall(ctypes.c_long(number), *padded) == -1:
        return errno.errorcode[ctypes.get_errno()]
    return "ok"


def open_once(path, flags):
    os.close(os.open(path, flags | os.O_CLOEXEC))


def make_file(directory):
    path = f"{directory}/{PREFIX}-file"
    open_once(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    os.unlink(path)


def map_code():
    mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC).close()


def take_family(number):
    return error_of(lambda: socket.socket(number, NO_TYPE, 0).close())


def change_personality():
    """To that of a 32-bit system, and back."""
    error = call(135, 8)
    call(135, 0)
    return error


def found():
    files = {directory: error_of(make_file, directory)
             for directory in (*(f"{parent}/{PREFIX}" for parent in DIRECTORIES), *TEMPORARY)}
    if "STATE_DIRECTORY" in os.environ:
        files["its state"] = error_of(make_file, os.environ["STATE_DIRECTORY"])
    return {
        "calls": {name: call(*arguments) for name, arguments in CALLS.items()} |
                 {"personality": change_personality(), "mmap, write and execute": error_of(map_code)},
        "families": {name: take_family(number) for name, number in FAMILIES.items()},
        "nodes": {name: error_of(open_once, f"/dev/{PREFIX}-{node}", os.O_RDONLY)
                  for name, node in NODES.items()} |
                 {"a pool": error_of(open_once, "/dev/cmabulk/main", os.O_RDWR)},
        "files": files,
        "reads": {path: error_of(open_once, path, os.O_RDONLY)
                  for path in ("/proc/meminfo", "/proc/sys/kernel/ostype", "/proc/1/cgroup",
                               "/sys/class/cmabulk/main/buffers")},
        "writes": {path: error_of(open_once, path, os.O_WRONLY)
                   for path in ("/sys/class/cmabulk/remove", "/sys/fs/cgroup/cgroup.max.depth")},
    }


def main():
    text = json.dumps(found())
    if "STATE_DIRECTORY" not in os.environ:
        print(text)
        return
    with open(os.path.join(os.environ["STATE_DIRECTORY"], "probe.json"), "w", encoding="ascii") as file:
        file.write(text)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.sendto(b"READY=1", os.environ["NOTIFY_SOCKET"])


if __name__ == "__main__":
    sys.exit(main())
