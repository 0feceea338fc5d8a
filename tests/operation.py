#!/usr/bin/env python3
"""culvertd as its operators see it, as TAP: operation.py CULVERT CULVERTD CODEC METRICS SYMBOLS.

A real culvertd, and sessions that culvert publish feeds. CODEC is h264, or null in a build without it; METRICS and
SYMBOLS say whether this build has them (true or false)."""
import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

PATIENCE = 60  # seconds, on any machine
WIDTH, HEIGHT, FPS = 320, 240, 60

culvert, culvertd, codec, has_metrics, has_symbols = sys.argv[1:6]


class Skip(Exception):
    pass


def comes(condition, what):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"{what} does not come"
        time.sleep(0.01)


class Daemon:
    """In a directory of its own; with a listener, by socket activation."""

    def __init__(self, *options, notify=False, watchdog_us=None, listener=None):
        self.dir = tempfile.mkdtemp(prefix="culvert-test-")
        self.path, self.crashes = f"{self.dir}/s", f"{self.dir}/crashes"
        self.endpoint = f"unix:{self.path}"
        os.mkdir(self.crashes)
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("LISTEN_", "NOTIFY_", "WATCHDOG_"))}
        self.notified = None
        if notify:
            self.notified = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            self.notified.bind(f"{self.dir}/notify")
            self.notified.settimeout(PATIENCE)
            environment["NOTIFY_SOCKET"] = f"{self.dir}/notify"
        if watchdog_us is not None:
            environment["WATCHDOG_USEC"] = str(watchdog_us)
        arguments = [culvertd, "--crash-dir", self.crashes, *[o.replace("DIR", self.dir) for o in options]]
        if listener is None:
            arguments += ["--socket", self.path]
        self.log = open(f"{self.dir}/log", "wb+")
        self.process = self.start(arguments, environment, listener)
        comes(lambda: " ready for " in self.said() or self.process.poll() is not None, "culvertd")
        assert self.process.poll() is None, self.said()

    def start(self, arguments, environment, listener):
        if listener is None:
            return subprocess.Popen(arguments, env=environment, stderr=self.log)
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.listener.bind(self.path)
        self.listener.listen()
        # As systemd does it: descriptor 3, and LISTEN_PID is the number of the very process.
        environment["LISTEN_FDS"] = "1"
        launcher = ('import os, sys\nos.dup2(int(sys.argv[1]), 3)\nos.set_inheritable(3, True)\n'
                    'os.environ["LISTEN_PID"] = str(os.getpid())\nos.execv(sys.argv[2], sys.argv[2:])')
        return subprocess.Popen([sys.executable, "-c", launcher, str(self.listener.fileno()), *arguments],
                                env=environment, stderr=self.log, pass_fds=[self.listener.fileno()])

    def said(self):
        with open(f"{self.dir}/log", encoding="utf-8", errors="replace") as log:
            return log.read()

    def hears(self, wanted):
        """The next state that it tells systemd."""
        state = self.notified.recv(4096).decode()
        assert wanted in state.split("\n"), f"{state!r} instead of {wanted}"

    def end(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.log.close()
        shutil.rmtree(self.dir)


@contextlib.contextmanager
def running(*options, **others):
    daemon = Daemon(*options, **others)
    try:
        yield daemon
    finally:
        daemon.close()


class Game:
    """A session that lives until it is left: frames through a pipe, each another picture."""

    def __init__(self, daemon, name):
        self.publisher = subprocess.Popen(
            [culvert, "publish", "--endpoint", daemon.endpoint, "--codec", codec, "--name", name, "--json", "--raw",
             f"{WIDTH}x{HEIGHT}:rgb565:{FPS}"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.over = False
        self.player = threading.Thread(target=self.play)
        self.player.start()
        self.daemon, self.name = daemon, name
        try:
            comes(lambda: self.listing() is not None, "the session")
        except BaseException:
            self.end()
            raise

    def play(self):
        pattern, number, began = bytes(range(256)) * (WIDTH * HEIGHT // 64), 0, time.monotonic()
        while not self.over:
            at = number * 7 % 4096
            with contextlib.suppress(BrokenPipeError):
                self.publisher.stdin.write(pattern[at:at + 2 * WIDTH * HEIGHT])
            number += 1
            time.sleep(max(0, began + number / FPS - time.monotonic()))

    def listing(self):
        told = run(culvert, "top", "--endpoint", self.daemon.endpoint, "--once", "--json", "--interval", "0.1")
        return next((s for s in json.loads(told)["sessions"] if s["name"] == self.name), None)

    def end(self):
        self.over = True
        self.player.join()
        out, error = self.publisher.communicate(timeout=PATIENCE)
        assert self.publisher.returncode == 0, error.decode()
        totals = json.loads(out)
        ends = ["encoded", "skipped", "repeated", "dropped", "lost", "failed"]
        assert totals["frames"] == sum(totals[e] for e in ends), totals
        return totals


@contextlib.contextmanager
def playing(daemon, name):
    game = Game(daemon, name)
    try:
        yield game
    finally:
        if not game.over:
            game.end()


def run(*arguments, status=0):
    done = subprocess.run(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=PATIENCE)
    assert done.returncode == status, f"{arguments}: {done.returncode}: {done.stderr}"
    return done.stdout


def get(where):
    """GET /metrics, by hand: the counters by their names with labels."""
    client = socket.socket(socket.AF_UNIX if isinstance(where, str) else socket.AF_INET, socket.SOCK_STREAM)
    with client:
        client.settimeout(PATIENCE)
        client.connect(where)
        client.sendall(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        answer = b"".join(iter(lambda: client.recv(65536), b""))
    head, body = answer.split(b"\r\n\r\n", 1)
    assert head.startswith(b"HTTP/1.1 200 ") and b"text/plain; version=0.0.4" in head, head
    lines = (line.rsplit(" ", 1) for line in body.decode().splitlines() if not line.startswith("#"))
    return {name: float(value) for name, value in lines}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


# ---- Metrics


def watch_the_counters(daemon, where):
    labels = f'{{codec="{codec}"}}'
    frames = f'culvert_frames_total{{codec="{codec}",outcome="encoded"}}'
    with playing(daemon, "game") as game:
        comes(lambda: get(where).get(frames, 0) >= 30, "the thirtieth frame")
        before = get(where)
        assert before["culvert_sessions" + labels] == 1, before
        comes(lambda: get(where)[frames] > before[frames], "another frame")
        restarts = "culvert_worker_restarts_total" + labels
        for count, number in enumerate([signal.SIGSEGV, signal.SIGKILL], 1):
            os.kill(game.listing()["pid"], number)
            comes(lambda: get(where)[restarts] == count and game.listing()["restarts"] == count, f"restart {count}")
        deaths = {n: v for n, v in get(where).items() if n.startswith("culvert_worker_deaths_total") and v > 0}
        assert sum(deaths.values()) == 2 and len(deaths) == 2, deaths
        assert get(where)["culvert_crash_reports_total"] == 1
        totals = game.end()
        assert totals["restarts"] == 2, totals
    comes(lambda: get(where)["culvert_sessions" + labels] == 0, "the end of the session")
    last = get(where)
    assert last[frames] <= totals["encoded"], (last, totals)
    assert last["culvert_sessions_opened_total" + labels] == 1
    assert sum(v for n, v in last.items() if n.startswith("culvert_sessions_closed_total")) == 1, last


def the_counters_of_a_session_are_served_at_a_unix_socket():
    if has_metrics != "true":
        raise Skip("this build has no metrics")
    with running("--metrics", "unix:DIR/metrics") as daemon:
        watch_the_counters(daemon, f"{daemon.dir}/metrics")
        assert daemon.end() == 0
        assert not os.path.exists(f"{daemon.dir}/metrics"), "the socket is left"


def the_counters_of_a_session_are_served_at_a_loopback_port():
    if has_metrics != "true":
        raise Skip("this build has no metrics")
    port = free_port()
    with running("--metrics", str(port)) as daemon:
        watch_the_counters(daemon, ("127.0.0.1", port))


# ---- systemd


def systemd_hears_that_it_is_ready_alive_and_stopping():
    with running(notify=True, watchdog_us=400000) as daemon:
        daemon.hears("READY=1")
        began = time.monotonic()
        for _ in range(10):
            daemon.hears("WATCHDOG=1")
        took = time.monotonic() - began
        assert took < 10 * 0.4, f"ten in {took:.2f} s"
        assert daemon.end() == 0
        state = ""
        while "STOPPING=1" not in state.split("\n"):
            state = daemon.notified.recv(4096).decode()
        # Its encoder processes know nothing of it.
        assert "NOTIFY" not in daemon.said()


def it_serves_at_the_socket_that_systemd_passes():
    with running(listener=True, notify=True) as daemon:
        daemon.hears("READY=1")
        with playing(daemon, "game") as game:
            with open(f"/proc/{game.listing()['pid']}/environ", "rb") as environment:
                assert b"LISTEN_" not in (text := environment.read()) and b"NOTIFY_" not in text, text
        assert daemon.end() == 0
        assert os.path.exists(daemon.path), "it has removed systemd's socket"


def check_says_whether_it_could_work():
    with tempfile.TemporaryDirectory() as place:
        run(culvertd, "--check", "--socket", f"{place}/s", "--crash-dir", place)
        assert os.listdir(place) == [], os.listdir(place)
        said = run(culvertd, "--check", "--socket", f"{place}/s", "--crash-dir", f"{place}/missing", status=1)
        failures = [line for line in said.splitlines() if line.startswith("FAIL")]
        assert len(failures) == 1 and f"{place}/missing: No such file or directory: make it" in failures[0], said


def check_tries_where_metrics_are_to_be():
    if has_metrics != "true":
        raise Skip("this build has no metrics")
    with tempfile.TemporaryDirectory() as place:
        said = run(culvertd, "--check", "--socket", f"{place}/s", "--metrics", f"unix:{place}/m")
        assert f"ok   metrics: unix:{place}/m\n" in said and os.listdir(place) == [], (said, os.listdir(place))
        said = run(culvertd, "--check", "--socket", f"{place}/s", "--metrics", f"unix:{place}/missing/m", status=1)
        failures = [line for line in said.splitlines() if line.startswith("FAIL")]
        assert len(failures) == 1 and failures[0].startswith("FAIL metrics: "), said


# ---- The command


def a_table_has_the_session():
    with running() as daemon, playing(daemon, "game"):
        table = run(culvert, "top", "--endpoint", daemon.endpoint, "--once", "--interval", "0.5")
        assert max(map(len, table.splitlines())) <= 80, table
        row = next(line for line in table.splitlines() if "game" in line)
        assert f"{WIDTH}x{HEIGHT}" in row and codec in row, table


def a_recorded_session_decodes():
    if codec == "null" or shutil.which("ffprobe") is None:
        raise Skip("there is no h264 or no ffprobe")
    with running() as daemon, playing(daemon, "game") as game:
        path = f"{daemon.dir}/out.h264"
        run(culvert, "record", "--endpoint", daemon.endpoint, "--duration", "1", "game", path)
        decoded = run("ffprobe", "-v", "error", "-count_frames", "-show_entries", "stream=width,height,nb_read_frames",
                      "-of", "csv=p=0", path).strip().split(",")
        with open(path + ".json", encoding="utf-8") as lines:
            packets = [json.loads(line) for line in lines][1:-1]
        assert decoded[:2] == [str(WIDTH), str(HEIGHT)] and int(decoded[2]) == len(packets) >= 10, (decoded, packets)
        assert game.listing()["restarts"] == 0


def a_crash_report_says_what_happened_to_whom():
    with running() as daemon, playing(daemon, "game") as game:
        comes(lambda: game.listing()["fps"] > 0, "the stream")
        os.kill(game.listing()["pid"], signal.SIGSEGV)
        comes(lambda: len(os.listdir(daemon.crashes)) == 1, "the report")
        comes(lambda: game.listing()["restarts"] == 1, "the restart")
        name, = os.listdir(daemon.crashes)
        assert re.fullmatch(r"\d+-game-\d+\.crash", name), name
        printed = run(culvert, "crash", f"{daemon.crashes}/{name}")
        for wanted in "SIGSEGV", "game", f"{WIDTH}", f"{HEIGHT}", "key", "epoch":
            assert wanted in printed, f"{wanted!r} is not in:\n{printed}"
        if has_symbols == "true":
            assert "worker_run" in printed, printed
        comes(lambda: f"report in {daemon.crashes}/{name}" in daemon.said(), "the line in the log")


TESTS = [
    the_counters_of_a_session_are_served_at_a_unix_socket,
    the_counters_of_a_session_are_served_at_a_loopback_port,
    systemd_hears_that_it_is_ready_alive_and_stopping,
    it_serves_at_the_socket_that_systemd_passes,
    check_says_whether_it_could_work,
    check_tries_where_metrics_are_to_be,
    a_table_has_the_session,
    a_recorded_session_decodes,
    a_crash_report_says_what_happened_to_whom,
]

print(f"1..{len(TESTS)}", flush=True)
for number, test in enumerate(TESTS, 1):
    result, comment = "ok", ""
    try:
        test()
    except Skip as reason:
        comment = f" # SKIP {reason}"
    except Exception as error:  # whatever it is, the others go on
        result = "not ok"
        print("\n".join(f"# {line}" for line in f"{type(error).__name__}: {error}".splitlines()))
    print(f"{result} {number} - {test.__name__}{comment}", flush=True)
