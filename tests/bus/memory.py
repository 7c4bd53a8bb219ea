# SPDX-License-Identifier: LGPL-2.1-or-later
"""The daemon does not grow: neither with requests nor with connections."""

import resource

from client import finish_all
from manager import (ALICE, BOB, CAROL, DAVE, KIB, MIB, Allocation, administrator,
                     daemon_with_clients, user)

LIMIT = 16 * MIB
FLAT = 512 * KIB


def requests(bus, count):
    """So many requests from 200 connections, of which all are new in each round."""
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] >= 1024, "too few descriptors allowed"
    daemon = daemon_with_clients(bus)
    root = administrator(bus)
    rounds = 5
    sizes = []
    for _ in range(rounds):
        clients = [user(bus, uid) for uid in (ALICE, BOB, CAROL, DAVE) for _ in range(50)]
        for _ in range(count // rounds // len(clients)):
            waiting = [(client, client.start_allocate(count=4, buffers=2, order=1))
                       for client in clients]
            for reply in finish_all(waiting):
                allocation = Allocation(reply)
                assert allocation.status == "complete" and len(allocation.fds) == 2
                allocation.close()
        for client in clients:
            client.close()
        root.wait_whole()
        sizes.append(daemon.status_field("VmRSS"))
    print("resident:", *(f"{size / MIB:.2f}" for size in sizes), "MiB; peak",
          f"{daemon.status_field('VmHWM') / MIB:.2f} MiB; {daemon.fds()} descriptors")
    assert daemon.status_field("VmHWM") < LIMIT, "more than 16 MiB"
    assert sizes[-1] - sizes[1] < FLAT, "it grows"


def after_2000_requests(bus):
    requests(bus, 2000)


def after_10000_requests(bus):
    requests(bus, 10000)
