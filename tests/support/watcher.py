"""A real Prometheus server on loopback for a test, and a stand-in for its Alertmanager."""

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
"""Seconds within which Prometheus acts on a change of a discovery file: it passes targets on
every five seconds and acts on them every five seconds, and no setting changes that."""

EVERY = 0.25
"""Seconds between two scrapes, and between two evaluations of the rules."""

POLL = 0.05
START = 30.0
STOP = 20.0


class Sample(NamedTuple):
    """Labels and value of one series in the answer to an instant query."""

    labels: Mapping[str, str]
    value: float


class Alert(NamedTuple):
    """An alert as Prometheus sends it to an Alertmanager."""

    name: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str]


class Inbox:
    """A stand-in for an Alertmanager that keeps alerts and lets a test wait for one."""

    def __init__(self) -> None:
        self._alerts: list[Alert] = []
        self._more = threading.Condition()
        inbox = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                """Accept alerts that Prometheus posts to ``/api/v2/alerts``."""
                body = self.rfile.read(int(self.headers["Content-Length"]))
                known = self.path == "/api/v2/alerts"
                if known:
                    inbox.put(json.loads(body))
                self.send_response(200 if known else 404)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                """Log nothing."""

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, name="alerts")

    @contextlib.contextmanager
    def listening(self) -> Iterator[str]:
        """Serve in a thread; yield the address that accepts alerts."""
        self._thread.start()
        try:
            yield f"127.0.0.1:{self._server.server_port}"
        finally:
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()

    def put(self, alerts: Iterable[Mapping[str, Any]]) -> None:
        """Store the alerts, and wake the threads that wait for one."""
        with self._more:
            self._alerts += [
                Alert(each["labels"]["alertname"], each["labels"], each["annotations"])
                for each in alerts
            ]
            self._more.notify_all()

    def wait(self, name: str, run: str, seconds: float) -> Alert:
        """Wait up to ``seconds`` for an alert ``name`` about ``run``; return the first one.

        Raises
        ------
        AssertionError
            If no such alert arrives in that time.
        """

        def first() -> Alert | None:
            return next(iter(self.about(run, name)), None)

        with self._more:
            found = self._more.wait_for(first, seconds)
        if found is None:
            seen = sorted({(each.name, each.labels.get("run", "")) for each in self._alerts})
            raise AssertionError(f"no {name} about {run} within {seconds:g} s; there were {seen}")
        return found

    def about(self, run: str, name: str | None = None) -> list[Alert]:
        """Return the alerts about ``run`` so far; with ``name``, only those called so."""
        with self._more:
            return [
                each
                for each in self._alerts
                if each.labels.get("run") == run and name in (None, each.name)
            ]


@dataclass(frozen=True)
class Watcher:
    """A Prometheus server that is ready for queries.

    Attributes
    ----------
    url
        Address of its HTTP interface.
    alerts
        Receiver of the alerts that fire.
    """

    url: str
    alerts: Inbox

    def query(self, expression: str) -> list[Sample]:
        """Return the present answer to ``expression``, one sample for each series."""
        return [
            Sample(each["metric"], float(each["value"][1])) for each in self._answer(expression)
        ]

    def by(self, label: str, expression: str) -> dict[str, float]:
        """Return the present values of ``expression`` by the values of ``label``."""
        return {sample.labels[label]: sample.value for sample in self.query(expression)}

    def until(
        self, expression: str, condition: Callable[[list[Sample]], bool], seconds: float
    ) -> list[Sample]:
        """Query until ``condition`` holds for the answer, and return the answer.

        Prometheus has no event to wait for, so the query is repeated.

        Raises
        ------
        AssertionError
            If the condition does not hold within ``seconds``.
        """
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
    """Run a Prometheus server inside the context; yield it once it is ready.

    Parameters
    ----------
    folder
        Folder for its configuration and its storage; created if it does not exist.
    targets
        Discovery files. They may be created later, and a name may contain a wildcard.
    rules
        File of alerting rules to evaluate. None (default) evaluates no rules.
    every
        Seconds between two scrapes, and between two evaluations of the rules.
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


# With setpriv, which every Debian has, Prometheus ends even if this process is killed.
_WITH_US = ("setpriv", "--pdeathsig", "TERM") if shutil.which("setpriv") else ()


@contextlib.contextmanager
def _prometheus(config: Path, storage: Path) -> Iterator[str]:
    """Run Prometheus inside the context; yield its address once it is ready."""
    process = subprocess.Popen(
        [
            *_WITH_US,
            "prometheus",
            f"--config.file={config}",
            f"--storage.tsdb.path={storage}",
            "--web.listen-address=127.0.0.1:0",
            # An alert may fire before Prometheus has discovered the Alertmanager.
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
    """Log of Prometheus; it is read to the end, so that Prometheus never blocks on a full pipe."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._address = ""
        self._known = threading.Event()  # set when Prometheus is ready or has ended

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
    """Return the text of the file ``rules`` with every duration in it divided by ``factor``.

    This includes the windows inside expressions, because a window of minutes takes minutes to
    fill. All durations keep their proportions, and nothing else in the rules changes.
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
