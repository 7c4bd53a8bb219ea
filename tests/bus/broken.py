# SPDX-License-Identifier: LGPL-2.1-or-later
"""A daemon's stand-in, of which everything is refused."""

import time

from client import BUS, PATIENCE, Client, Gio, GLib
from fixture import NAME


class Broken(Client):
    """With an error of the bus that a full disk or a lost terminal would have, too."""

    TEXT = "its disk is broken"

    def take_name(self):
        self.call_bus("RequestName", GLib.Variant("(su)", (NAME, 0)))

    def refuse_until(self, process):
        """Until that process has ended; its status."""
        deadline = time.monotonic() + PATIENCE
        while process.poll() is None:
            assert time.monotonic() < deadline, "it does not end"
            self.process(time.monotonic() + 0.1)
        return process.returncode

    def _answer(self, call):
        self.send(Gio.DBusMessage.new_method_error_literal(call, f"{BUS}.Error.IOError", self.TEXT))
