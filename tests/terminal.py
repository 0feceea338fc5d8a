#!/usr/bin/env python3
"""culvert top on a terminal, as TAP: terminal.py CULVERT, which has tests/fake_daemon.c in it.

A child plays the shell: it leads a session on a pseudo-terminal, starts the command in a process group of its own, and
tells when that stops or ends. What the command draws is read from the other side of the terminal."""
import fcntl
import os
import pty
import re
import select
import signal
import struct
import sys
import tempfile
import termios
import time

PATIENCE = 60  # seconds, on any machine
ENTER, LEAVE = b"\033[?1049h\033[?25l", b"\033[?25h\033[?1049l"
ONE = "7 1 0 640 480 90 30 2 3987 12345 1 doom\n"


def give_terminal(group):
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    os.tcsetpgrp(0, group)
    signal.signal(signal.SIGTTOU, signal.SIG_DFL)


def play_shell(arguments, orders, news):
    """In the child. News: "P pid", "S" stopped, "E status". Orders: "f": to the foreground, "b": to the background."""
    start, started = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.read(start, 1)
        # Whoever runs the tests may ignore some, as nohup does, and a shell for what it starts in the background.
        for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        os.execv(arguments[0], arguments)
    os.setpgid(pid, pid)
    give_terminal(pid)
    os.write(news, b"P%d\n" % pid)
    os.write(started, b".")
    while True:
        _, status = os.waitpid(pid, os.WUNTRACED)
        if not os.WIFSTOPPED(status):
            give_terminal(os.getpgrp())
            os.write(news, b"E%d\n" % os.waitstatus_to_exitcode(status))
            os._exit(0)
        give_terminal(os.getpgrp())
        os.write(news, b"S\n")
        if os.read(orders, 1) == b"f":
            give_terminal(pid)
        os.killpg(pid, signal.SIGCONT)


class Terminal:
    def __init__(self, *arguments, sessions=ONE, rows=24, columns=80):
        self.output = b""
        self.sessions = tempfile.NamedTemporaryFile("w", delete=False)
        self.serve(sessions)
        orders, self.orders = os.pipe()
        self.news, news = os.pipe()
        go, gone = os.pipe()
        shell, self.master = pty.fork()
        if shell == 0:
            os.read(go, 1)
            os.environ["FAKE_SESSIONS"] = self.sessions.name
            play_shell([sys.argv[1], "top", *arguments], orders, news)
        self.shell = shell
        for end in orders, news:
            os.close(end)
        self.resize(rows, columns)
        self.before = self.modes()
        os.write(gone, b".")
        os.close(go)
        os.close(gone)
        self.pid = int(self.tell("P"))

    def serve(self, sessions):
        with open(self.sessions.name + ".new", "w") as file:
            file.write(sessions)
        os.rename(self.sessions.name + ".new", self.sessions.name)

    def resize(self, rows, columns):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def modes(self):
        return termios.tcgetattr(self.master)

    def raw(self):
        return not self.modes()[3] & (termios.ICANON | termios.ECHO)

    def take(self, wait):
        """Reads what is there, from the terminal or from the shell."""
        ready, _, _ = select.select([self.master], [], [], wait)
        if ready:
            try:
                self.output += os.read(self.master, 65536)
            except OSError:
                time.sleep(wait)

    def until(self, what, found):
        end = time.monotonic() + PATIENCE
        while not found():
            assert time.monotonic() < end, f"{what}: never: {self.output[-2000:]!r}"
            self.take(0.05)

    def tell(self, kind):
        """Waits for news of this kind, and drains the terminal meanwhile, or the command would wait for that."""
        text = b""
        end = time.monotonic() + PATIENCE
        while not text.endswith(b"\n"):
            assert time.monotonic() < end, f"no {kind}: {self.output[-2000:]!r}"
            self.take(0.01)
            if select.select([self.news], [], [], 0)[0]:
                text += os.read(self.news, 1)
        assert text[:1].decode() == kind, f"{text!r} instead of {kind}"
        self.take(0.05)
        return text[1:]

    def frames(self):
        begun = self.output.split(b"\033[?2026h")[1:]
        return [frame.split(b"\033[?2026l")[0] for frame in begun if b"\033[?2026l" in frame]

    def lines(self):
        """Of the last frame that was drawn to its end."""
        frames = self.frames()
        text = re.sub(rb"\033\[\??[0-9]*[A-Za-z]", b"", frames[-1]).decode() if frames else ""
        return text.rstrip("\r\n").replace("\r\r\n", "\n").split("\n")

    def shows(self, text):
        self.until(text, lambda: any(text in line for line in self.lines()))

    def ends(self, status):
        """It is over with this status, and the terminal is as it was."""
        told = int(self.tell("E"))
        assert told == status, f"status {told} instead of {status}: {self.output[-2000:]!r}"
        self.is_given_back()
        os.waitpid(self.shell, 0)
        os.close(self.master)
        if os.path.exists(self.sessions.name):
            os.unlink(self.sessions.name)

    def is_given_back(self):
        assert self.modes() == self.before, "the modes are not what they were"
        assert self.output.count(ENTER) == self.output.count(LEAVE) > 0, self.output[-2000:]
        assert self.output.rindex(LEAVE) > self.output.rindex(ENTER)


def q_ends_it_and_gives_the_terminal_back():
    for key in b"q", b"Q":
        terminal = Terminal("--interval", "3600")
        terminal.shows("doom")
        assert terminal.raw()
        os.write(terminal.master, b"x" + key)
        terminal.ends(0)


def signals_that_end_it_give_the_terminal_back():
    for number, status in (("INT", 0), ("TERM", 0), ("HUP", -signal.SIGHUP), ("QUIT", -signal.SIGQUIT)):
        terminal = Terminal("--interval", "3600")
        terminal.shows("doom")
        os.kill(terminal.pid, getattr(signal, "SIG" + number))
        terminal.ends(status)


def a_terminals_own_interrupt_ends_it():
    terminal = Terminal("--interval", "3600")
    terminal.shows("doom")
    os.write(terminal.master, b"\x03")
    terminal.ends(0)


def it_stops_with_the_terminal_given_back_and_goes_on():
    terminal = Terminal("--interval", "3600")
    terminal.shows("doom")
    for round in range(3):
        os.write(terminal.master, b"\x1a")
        terminal.tell("S")
        terminal.is_given_back()
        drawn = len(terminal.frames())
        os.write(terminal.orders, b"f")
        terminal.until("another frame", lambda: len(terminal.frames()) > drawn)
        terminal.until("raw modes", terminal.raw)
    os.write(terminal.master, b"q")
    terminal.ends(0)


def in_the_background_it_leaves_the_terminal_alone():
    terminal = Terminal("--interval", "0.1")
    terminal.shows("doom")
    os.write(terminal.master, b"\x1a")
    terminal.tell("S")
    terminal.is_given_back()
    drawn = len(terminal.output)
    os.write(terminal.orders, b"b")
    before = os.times().elapsed
    while os.times().elapsed < before + 0.5:
        terminal.take(0.1)
    assert terminal.output[drawn:] == b"", terminal.output[drawn:]
    os.kill(terminal.pid, signal.SIGTERM)
    terminal.ends(0)


def it_follows_the_terminals_size():
    games = "".join(f"{n} 1 0 640 480 90 30 2 3987 12345 1 game{n}\n" for n in range(1, 101))
    terminal = Terminal("--interval", "3600", sessions=games)
    terminal.shows("... and 80 more")
    assert len(terminal.lines()) == 24 and all(len(line) <= 80 for line in terminal.lines()), terminal.lines()
    terminal.resize(10, 50)
    terminal.shows("... and 94 more")
    assert len(terminal.lines()) == 10 and all(len(line) <= 50 for line in terminal.lines()), terminal.lines()
    terminal.resize(200, 100)
    terminal.shows("game100")
    assert len(terminal.lines()) == 103 and "more" not in "".join(terminal.lines()), terminal.lines()
    os.write(terminal.master, b"q")
    terminal.ends(0)


def nothing_is_wiped_before_it_is_drawn_again():
    terminal = Terminal("--interval", "0.1")
    terminal.until("five frames", lambda: len(terminal.frames()) > 5)
    os.write(terminal.master, b"q")
    terminal.ends(0)
    drawn = terminal.output[terminal.output.index(ENTER) + len(ENTER):terminal.output.rindex(LEAVE)]
    for frame in drawn.split(b"\033[?2026h")[1:]:
        assert frame.startswith(b"\033[H\033[K") and frame.endswith(b"\r\n\033[J\033[?2026l"), frame
        assert b"\033[2J" not in frame and frame.count(b"\n") == frame.count(b"\n\033[K") + 1 == 4, frame


def it_goes_on_through_the_absence_of_a_culvertd():
    terminal = Terminal("--interval", "0.1")
    terminal.shows("doom")
    os.unlink(terminal.sessions.name)
    terminal.shows("no culvertd answers there: is it running?")
    assert not any("doom" in line for line in terminal.lines()), terminal.lines()
    terminal.serve(ONE.replace("doom", "quake"))
    terminal.shows("quake")
    os.write(terminal.master, b"q")
    terminal.ends(0)


def a_terminal_that_goes_away_ends_it():
    terminal = Terminal("--interval", "3600")
    terminal.shows("doom")
    os.kill(terminal.shell, signal.SIGSTOP)
    os.close(terminal.master)
    end = time.monotonic() + PATIENCE
    while True:
        try:
            with open(f"/proc/{terminal.pid}/stat") as file:
                if file.read().rpartition(")")[2].split()[0] == "Z":
                    break
        except FileNotFoundError:
            break
        assert time.monotonic() < end, "it lives on"
        time.sleep(0.02)
    os.kill(terminal.shell, signal.SIGKILL)
    os.waitpid(terminal.shell, 0)
    os.unlink(terminal.sessions.name)


tests = [
    q_ends_it_and_gives_the_terminal_back,
    signals_that_end_it_give_the_terminal_back,
    a_terminals_own_interrupt_ends_it,
    it_stops_with_the_terminal_given_back_and_goes_on,
    in_the_background_it_leaves_the_terminal_alone,
    it_follows_the_terminals_size,
    nothing_is_wiped_before_it_is_drawn_again,
    it_goes_on_through_the_absence_of_a_culvertd,
    a_terminal_that_goes_away_ends_it,
]
print(f"1..{len(tests)}")
for number, test in enumerate(tests, 1):
    try:
        test()
        print(f"ok {number} - {test.__name__}", flush=True)
    except Exception as error:
        said = f"{type(error).__name__} {error!s}".replace("\n", "\n# ")
        print(f"not ok {number} - {test.__name__}\n# {said}", flush=True)
