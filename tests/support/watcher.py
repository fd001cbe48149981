"""A real Prometheus on loopback, and whoever it tells of alerts, for as long as a test needs it."""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, NamedTuple
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import urlopen

import yaml

FOUND_WITHIN = 30.0
"""Seconds until what a discovery file says is done: Prometheus passes targets on every five
seconds, and acts on them every five, whatever it is configured to."""

EVERY = 0.25
"""Seconds between two scrapes, and between two evaluations of the rules."""

POLL = 0.05
START = 30.0
STOP = 20.0


class Sample(NamedTuple):
    """One series of the answer to an instant query."""

    labels: Mapping[str, str]
    value: float


class Alert(NamedTuple):
    """What an Alertmanager is sent."""

    name: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]


class Inbox:
    """Stands in for an Alertmanager, and lets a test wait for an alert."""

    def __init__(self) -> None:
        self._alerts: list[Alert] = []
        self._more = threading.Condition()
        inbox = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                """Take alerts as ``POST /api/v2/alerts`` brings them."""
                body = self.rfile.read(int(self.headers["Content-Length"]))
                known = self.path == "/api/v2/alerts"
                if known:
                    inbox.put(json.loads(body))
                self.send_response(200 if known else 404)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                """Say nothing."""

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, name="alerts")

    @contextlib.contextmanager
    def listening(self) -> Iterator[str]:
        """Give the address at which alerts are taken."""
        self._thread.start()
        try:
            yield f"127.0.0.1:{self._server.server_port}"
        finally:
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()

    def put(self, alerts: Iterable[Mapping[str, Any]]) -> None:
        """Keep these, and wake whoever waits for one of them."""
        with self._more:
            self._alerts += [
                Alert(each["labels"]["alertname"], each["labels"], each["annotations"])
                for each in alerts
            ]
            self._more.notify_all()

    def wait(self, name: str, run: str, seconds: float) -> Alert:
        """Return the first alert of that name about that run, once it is there."""

        def first() -> Alert | None:
            return next(iter(self.about(run, name)), None)

        with self._more:
            found = self._more.wait_for(first, seconds)
        if found is None:
            seen = sorted({(each.name, each.labels.get("run", "")) for each in self._alerts})
            raise AssertionError(f"no {name} about {run} within {seconds:g} s; there were {seen}")
        return found

    def about(self, run: str, name: str | None = None) -> list[Alert]:
        """Return what came about a run so far."""
        with self._more:
            return [
                each
                for each in self._alerts
                if each.labels.get("run") == run and name in (None, each.name)
            ]


@dataclass(frozen=True)
class Watcher:
    """A Prometheus that is ready.

    Attributes
    ----------
    url
        Where it answers.
    alerts
        What it says fires.
    """

    url: str
    alerts: Inbox

    def query(self, expression: str) -> list[Sample]:
        """Return the answer of now: one sample for each series."""
        return [
            Sample(each["metric"], float(each["value"][1])) for each in self._answer(expression)
        ]

    def by(self, label: str, expression: str) -> dict[str, float]:
        """Return the answer of now by a label."""
        return {sample.labels[label]: sample.value for sample in self.query(expression)}

    def until(
        self, expression: str, condition: Callable[[list[Sample]], bool], seconds: float
    ) -> list[Sample]:
        """Ask until the answer is as wanted, and return it: there is no event for this."""
        deadline = time.monotonic() + seconds
        while not condition(answer := self.query(expression)):
            if time.monotonic() >= deadline:
                raise AssertionError(f"after {seconds:g} s {expression} is still {answer}")
            time.sleep(POLL)
        return answer

    def own(self, name: str) -> float:
        """Return a metric of Prometheus itself, summed over its series."""
        with urlopen(f"{self.url}/metrics", timeout=STOP) as response:
            lines = response.read().decode().splitlines()
        return sum(
            float(line.rsplit(" ", 1)[1])
            for line in lines
            if line.startswith((name + "{", name + " "))
        )

    def _answer(self, expression: str) -> list[Any]:
        question = f"{self.url}/api/v1/query?{urlencode({'query': expression})}"
        try:
            with urlopen(question, timeout=STOP) as response:
                answer = json.load(response)
        except HTTPError as error:
            with error:
                raise AssertionError(f"{expression}: {error.read().decode()}") from error
        result: list[Any] = answer["data"]["result"]
        return result


@contextlib.contextmanager
def watching(
    folder: Path,
    targets: Sequence[Path],
    *,
    rules: Path | None = None,
    every: float = EVERY,
) -> Iterator[Watcher]:
    """Run a Prometheus that keeps everything in ``folder``.

    Parameters
    ----------
    folder
        For its configuration and its storage; made if it is not there.
    targets
        Discovery files, there now or later; a name may have a wildcard.
    rules
        Alerts to evaluate.
    every
        Seconds between two scrapes, and between two evaluations.
    """
    folder.mkdir(parents=True, exist_ok=True)
    inbox = Inbox()
    with inbox.listening() as address:
        config = folder / "prometheus.yml"
        config.write_text(yaml.safe_dump(_config(address, targets, rules, every)), encoding="utf-8")
        with _prometheus(config, folder / "storage") as url:
            yield Watcher(url, inbox)


def _config(
    alerts: str, targets: Sequence[Path], rules: Path | None, every: float
) -> dict[str, Any]:
    interval = f"{round(every * 1000)}ms"
    return {
        "global": {
            "scrape_interval": interval,
            "scrape_timeout": interval,
            "evaluation_interval": interval,
        },
        "rule_files": [str(rules)] if rules else [],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": [alerts]}]}]},
        "scrape_configs": [
            {
                "job_name": "sheafnet",
                "file_sd_configs": [
                    {"files": [str(each) for each in targets], "refresh_interval": "1s"}
                ],
            }
        ],
    }


# Where there is setpriv, as on every Debian, it goes even if this process is killed.
_WITH_US = ("setpriv", "--pdeathsig", "TERM") if shutil.which("setpriv") else ()


@contextlib.contextmanager
def _prometheus(config: Path, storage: Path) -> Iterator[str]:
    """Run it, and give its address once it says that it is ready."""
    process = subprocess.Popen(
        [
            *_WITH_US,
            "prometheus",
            f"--config.file={config}",
            f"--storage.tsdb.path={storage}",
            "--web.listen-address=127.0.0.1:0",
            # Whoever is to hear of alerts is itself only known after a while.
            "--rules.alert.resend-delay=1s",
            "--log.format=json",
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )
    log = _Log()
    assert process.stderr is not None
    reader = threading.Thread(target=log.read, args=(process.stderr,), name="prometheus log")
    try:
        reader.start()
        yield f"http://{log.address_when_ready(START)}"
    finally:
        process.terminate()
        try:
            process.wait(STOP)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        reader.join()
        process.stderr.close()


class _Log:
    """What Prometheus says: all of it is read, so that it never waits for a reader."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._address = ""
        self._known = threading.Event()  # whether it is ready, or has ended

    def read(self, stream: Iterable[str]) -> None:
        for line in stream:
            self._lines.append(line)
            said = json.loads(line) if line.startswith("{") else {}
            match said.get("msg", ""):
                case "Listening on":
                    self._address = said["address"]
                case "Server is ready to receive web requests.":
                    self._known.set()
        self._address = ""
        self._known.set()

    def address_when_ready(self, seconds: float) -> str:
        if not (self._known.wait(seconds) and self._address):
            raise AssertionError(f"Prometheus did not start:\n{''.join(self._lines[-20:])}")
        return self._address


_DURATION = re.compile(r"\b(\d+)([smhd])\b")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def hastened(rules: Path, factor: int) -> str:
    """Return the rules with every duration in them so many times shorter.

    Both ``for`` and the windows inside of an expression: a window of minutes fills in minutes
    only. They are shortened alike, so that they keep their proportions; beyond that the
    expressions, and the texts, are what they are.
    """

    def shorter(match: re.Match[str]) -> str:
        return f"{int(match[1]) * _SECONDS[match[2]] * 1000 // factor}ms"

    content = yaml.safe_load(rules.read_text(encoding="utf-8"))
    for group in content["groups"]:
        for rule in group["rules"]:
            for key in ("expr", "for", "keep_firing_for"):
                if key in rule:
                    rule[key] = _DURATION.sub(shorter, rule[key])
    text: str = yaml.safe_dump(content, allow_unicode=True)
    return text
