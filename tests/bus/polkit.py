# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is in polkit's place: it answers what it is told to, or nothing."""

from client import Client, GLib, Gio

AUTHORITY = "org.freedesktop.PolicyKit1"
INTERFACE = f"{AUTHORITY}.Authority"
OBJECT = f"/{AUTHORITY.replace('.', '/')}/Authority"


class Question:
    """A CheckAuthorization that the daemon waits for."""

    def __init__(self, authority, call):
        subject, self.action, details, self.flags, self.id = call.get_body().unpack()
        kind, self.subject = subject
        assert kind == "system-bus-name" and set(self.subject) == {"name"}, subject
        assert not details, f"only the owner of an action may give details: {details}"
        self._authority, self._call = authority, call

    @property
    def name(self):
        return self.subject["name"]

    def answer(self, is_authorized, is_challenge=False):
        self.say(GLib.Variant("((bba{ss}))", ((is_authorized, is_challenge, {}),)))

    def say(self, body):
        reply = Gio.DBusMessage.new_method_reply(self._call)
        reply.set_body(body)
        self._authority.send(reply)

    def fail(self, name, text="something is wrong here"):
        self._authority.send(Gio.DBusMessage.new_method_error_literal(self._call, name, text))


class Authority(Client):
    """In polkit's place; answers nothing by itself."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.questions, self.taken_back = [], []
        self.ends_taken_back = True
        self._asked = {}
        assert self.call_bus("RequestName", GLib.Variant("(su)", (AUTHORITY, 4))).arguments[0] == 1

    def _answer(self, call):
        if call.get_interface() == INTERFACE and call.get_path() == OBJECT:
            if call.get_member() == "CheckAuthorization":
                question = Question(self, call)
                self.questions.append(question)
                self._asked[question.id] = question
                return
            if call.get_member() == "CancelCheckAuthorization":
                [identity] = call.get_body().unpack()
                self.taken_back.append(identity)
                if self.ends_taken_back:  # as polkit does
                    self._asked[identity].fail(f"{AUTHORITY}.Error.Cancelled")
                return
        super()._answer(call)

    def next(self):
        """The next question."""
        self.wait_for("a question", lambda: self.questions)
        return self.questions.pop(0)

    def wait_taken_back(self, question):
        self.wait_for("that it is taken back", lambda: question.id in self.taken_back)

    def hear(self, of):
        """The questions that came of what @of has asked for, when all that was answered has arrived."""
        self.call_bus("GetId")
        of.pools()
        self.call_bus("GetId")
        return self.questions

    def expect_nothing(self, of):
        """No question came of what @of has been answered."""
        self.hear(of)
        assert not self.questions, [question.action for question in self.questions]


def authority(bus):
    return bus.client(kind=Authority)
