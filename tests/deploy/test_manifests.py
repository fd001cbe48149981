"""The files of deploy/: they are valid, fit sheafnet and each other, and expose no service."""

from __future__ import annotations

import copy
import fnmatch
import json
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

import sheafnet
from sheafnet.cli.run import run
from sheafnet.config.load import load_config
from sheafnet.config.schema.job import ClusterRuntime, Config
from sheafnet.config.shipped import find_config
from sheafnet.observe.prometheus import METRICS
from sheafnet.observe.rundir import RunDirectory
from sheafnet.runtime.cluster.environment import OFFLINE
from tests.support.markdown import commands, document

ROOT = Path(sheafnet.__file__).parent.parent
DEPLOY = ROOT / "deploy"
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")

TARGET = {"job", "run", "instance"}
"""Labels that the discovery file and Prometheus add to every series."""
HISTOGRAM = "sheafnet_message_staleness_updates"
ONLY_A_LONE_HEAD = "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"
"""A variable that stops Ray from looking up its own address, and worker nodes from joining."""

needs_promtool = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="needs promtool, which comes with Prometheus"
)


def load(name: str) -> Any:
    """Return the document in a YAML or JSON file of deploy/."""
    return yaml.safe_load((DEPLOY / name).read_text(encoding="utf-8"))


def blocks(language: str) -> list[str]:
    """The blocks of deploy/README.md in a language."""
    found = document("deploy/README.md").blocks()
    return [block.code for block in found if block.language == language]


# Prometheus and Grafana


def promtool(*arguments: str) -> None:
    done = subprocess.run(
        ["promtool", *arguments], cwd=DEPLOY, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.slow
@needs_promtool
@pytest.mark.parametrize(
    "arguments",
    [
        ("check", "config", "prometheus.yml"),
        ("check", "rules", "alerts.yml"),
        ("test", "rules", "alerts_test.yml"),
    ],
)
def test_prometheus_takes_what_it_is_given(arguments: tuple[str, ...]) -> None:
    promtool(*arguments)


def alerts() -> list[dict[str, Any]]:
    return [rule for group in load("alerts.yml")["groups"] for rule in group["rules"]]


def test_every_alert_is_shown_to_fire_and_to_stay_silent() -> None:
    cases = [case for test in load("alerts_test.yml")["tests"] for case in test["alert_rule_test"]]
    names = {rule["alert"] for rule in alerts()}
    assert names == {
        "SheafnetNotConverging",
        "SheafnetDiverging",
        "SheafnetStarvedActor",
        "SheafnetHostRestarting",
    }
    assert {case["alertname"] for case in cases if case["exp_alerts"]} == names
    assert {case["alertname"] for case in cases if not case["exp_alerts"]} == names


def panels() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = load("grafana/dashboard.json")["panels"]
    return found


def shown() -> list[tuple[str, str]]:
    """Return every expression of the dashboard with its legend."""
    return [(t["expr"], t["legendFormat"]) for panel in panels() for t in panel["targets"]]


def expressions() -> list[str]:
    return [expression for expression, _ in shown()] + [rule["expr"] for rule in alerts()]


def labels_of(series: str) -> set[str]:
    """Return the labels of an exported metric; fail if there is no such metric."""
    if series in (f"{HISTOGRAM}_bucket", f"{HISTOGRAM}_sum", f"{HISTOGRAM}_count"):
        return {*METRICS[HISTOGRAM], *TARGET, *(["le"] if series.endswith("_bucket") else [])}
    assert series in METRICS, f"{series} is not exported"
    assert series != HISTOGRAM, "a histogram has no series of its own name"
    return {*METRICS[series], *TARGET}


def series_in(expression: str) -> list[str]:
    return re.findall(r"\bsheafnet_\w+", expression)


def names_in(text: str) -> set[str]:
    return set(re.findall(r"\w+", text))


@pytest.mark.parametrize("expression", expressions())
def test_expressions_use_metrics_and_labels_that_there_are(expression: str) -> None:
    assert series_in(expression)
    for series, selector in re.findall(r"\b(sheafnet_\w+)\{([^}]*)\}", expression):
        assert set(re.findall(r"(\w+)\s*(?:=|!)", selector)) <= labels_of(series)
    known = set().union(*(labels_of(series) for series in series_in(expression)))
    for clause in re.findall(
        r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\(([^)]*)\)", expression
    ):
        assert names_in(clause) <= known


@pytest.mark.parametrize(("expression", "legend"), shown())
def test_legends_use_labels_that_the_expression_leaves(expression: str, legend: str) -> None:
    groupings = re.findall(r"\bby \(([^)]*)\)", expression)
    left = (
        set().union(*map(names_in, groupings)) - {"le"}
        if groupings
        else set().union(*(labels_of(series) for series in series_in(expression)))
    )
    used = set(re.findall(r"\{\{(\w+)\}\}", legend))
    assert "run" in used
    assert used <= left


def test_what_alerts_say_uses_labels_that_there_are() -> None:
    for rule in alerts():
        known = set().union(*(labels_of(series) for series in series_in(rule["expr"])))
        for text in rule["annotations"].values():
            assert set(re.findall(r"[lL]abels\.(\w+)", text)) <= known


def test_the_dashboard_shows_every_metric() -> None:
    seen = {series for expression, _ in shown() for series in series_in(expression)}
    histogram = {f"{HISTOGRAM}_bucket", f"{HISTOGRAM}_sum", f"{HISTOGRAM}_count"}
    assert seen == METRICS.keys() - {"sheafnet_build_info", HISTOGRAM} | histogram


@needs_promtool
def test_prometheus_understands_the_dashboard(tmp_path: Path) -> None:
    rules = [
        {
            "record": f"panel:{number}",
            "expr": expression.replace("$__rate_interval", "1m").replace("$run", ".*"),
        }
        for number, (expression, _) in enumerate(shown())
    ]
    path = tmp_path / "rules.yml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}))
    promtool("check", "rules", str(path))


def test_the_dashboard_can_be_imported_anywhere() -> None:
    dashboard = load("grafana/dashboard.json")
    assert dashboard["schemaVersion"] == 39
    assert [(v["name"], v["type"]) for v in dashboard["templating"]["list"]] == [
        ("datasource", "datasource"),
        ("run", "query"),
    ]
    assert len({panel["id"] for panel in panels()}) == len(panels())
    for panel in panels():
        for source in (panel["datasource"], *(t["datasource"] for t in panel["targets"])):
            assert source == {"type": "prometheus", "uid": "${datasource}"}
    cells = [
        (x, y)
        for at in (panel["gridPos"] for panel in panels())
        for x in range(at["x"], at["x"] + at["w"])
        for y in range(at["y"], at["y"] + at["h"])
    ]
    assert len(cells) == len(set(cells)), "panels overlap"
    assert all(x < 24 for x, _ in cells)


def test_prometheus_discovers_runs_where_they_announce_themselves(tmp_path: Path) -> None:
    (job,) = load("prometheus.yml")["scrape_configs"]
    (pattern,) = job["file_sd_configs"][0]["files"]
    targets = RunDirectory.next_in(tmp_path / "runs", "digits").targets[-1]
    # Folder and name apart: Prometheus accepts a wildcard in the name, but not in the folder.
    assert targets.parent == tmp_path / Path(pattern).parent
    assert fnmatch.fnmatch(targets.name, Path(pattern).name)


# Docker


def test_hadolint_has_nothing_to_say_about_the_dockerfile() -> None:
    done = subprocess.run(
        [str(Path(sys.executable).with_name("hadolint")), "--no-color", str(ROOT / "Dockerfile")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert done.stdout == ""
    assert "hadolint ignore" not in DOCKERFILE


def test_what_the_image_is_built_from_is_there_and_not_ignored() -> None:
    ignored = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    kept = {line.removeprefix("!") for line in ignored if line.startswith("!")}
    copied = {
        name for line in re.findall(r"^COPY (?!--)(.*) \S+$", DOCKERFILE, re.M)
        for name in line.split()
    }  # fmt: skip
    assert "*" in ignored
    assert "**/*.so" in ignored  # compiled for the Python of the clone, not of the image
    assert copied == kept
    assert all((ROOT / name).exists() for name in copied)


def test_the_image_is_pinned_and_runs_as_nobody_in_particular() -> None:
    for image in re.findall(r"^FROM (\S+)", DOCKERFILE, re.M):
        assert re.fullmatch(r"python:3\.\d+\.\d+-slim-\w+", image)
    (user,) = re.findall(r"^USER (\d+):\d+$", DOCKERFILE, re.M)
    assert int(user) > 0
    for name, value in OFFLINE.items():
        assert (f"{name}={value}" in DOCKERFILE) == (name != ONLY_A_LONE_HEAD)
    assert "RAY_AUTH_MODE=token" in DOCKERFILE


def ray_version() -> str:
    (version,) = re.findall(r"^ARG RAY_VERSION=(\S+)$", DOCKERFILE, re.M)
    return str(version)


def services() -> dict[str, Any]:
    found: dict[str, Any] = load("docker-compose.yml")["services"]
    return found


def test_compose_has_what_it_should() -> None:
    assert services().keys() == {"head", "worker", "job", "prometheus", "grafana"}
    # A service with a fixed name or port could not be scaled to two workers.
    assert not {"hostname", "container_name", "ports"} & services()["worker"].keys()
    for name, service in services().items():
        assert ("healthcheck" in service) == (name != "job")


def test_compose_publishes_to_this_machine_only() -> None:
    ports = [port for service in services().values() for port in service.get("ports", [])]
    assert ports == ["127.0.0.1:9090:9090", "127.0.0.1:3000:3000"]
    networks = load("docker-compose.yml")["networks"]
    assert networks["inside"]["internal"] is True
    for name in ("head", "worker", "job"):
        assert services()[name]["networks"] == ["inside"]
    assert all("network_mode" not in service for service in services().values())


def test_compose_gives_no_more_rights_than_needed() -> None:
    for service in services().values():
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert not {"privileged", "cap_add", "devices", "pid", "ipc"} & service.keys()


def test_compose_pins_its_images() -> None:
    for name, service in services().items():
        image, _, tag = service["image"].rpartition(":")
        assert re.fullmatch(r"v?\d+\.\d+\.\d+", tag), service["image"]
        if name in ("head", "worker", "job"):
            assert (image, tag) == ("sheafnet", sheafnet.__version__)


def test_compose_mounts_what_there_is_and_nothing_to_write_to() -> None:
    mounted = [mount for service in services().values() for mount in service.get("volumes", [])]
    for source, *others in (mount.split(":") for mount in mounted):
        if source.startswith("."):
            assert (DEPLOY / source).exists(), source
            assert others[-1] == "ro"
        else:
            assert source in load("docker-compose.yml")["volumes"]
    writers = [name for name, s in services().items() if any(
        mount.startswith("runs:") and not mount.endswith(":ro") for mount in s.get("volumes", [])
    )]  # fmt: skip
    assert writers == ["head"]


def test_compose_is_silent_and_asks_for_a_token() -> None:
    for name in ("head", "worker", "job"):
        environment = services()[name]["environment"]
        assert (
            OFFLINE.items() <= {**environment, ONLY_A_LONE_HEAD: OFFLINE[ONLY_A_LONE_HEAD]}.items()
        )
        assert ONLY_A_LONE_HEAD not in environment
        assert environment["RAY_AUTH_MODE"] == "token"
        assert environment["RAY_AUTH_TOKEN"].startswith("${RAY_AUTH_TOKEN:?")
    grafana = services()["grafana"]["environment"]
    assert grafana["GF_AUTH_ANONYMOUS_ORG_ROLE"] == "Viewer"
    assert grafana["GF_ANALYTICS_REPORTING_ENABLED"] == "false"


def test_prometheus_in_compose_finds_its_files_and_the_runs() -> None:
    prometheus = services()["prometheus"]
    (config,) = [c for c in prometheus["command"] if c.startswith("--config.file=")]
    folder = Path(config.partition("=")[2]).parent
    mounts = dict(mount.split(":")[:2] for mount in prometheus["volumes"])
    assert mounts["./prometheus.yml"] == str(folder / "prometheus.yml")
    for rules in load("prometheus.yml")["rule_files"]:
        assert mounts[f"./{rules}"] == str(folder / rules)
    (pattern,) = load("prometheus.yml")["scrape_configs"][0]["file_sd_configs"][0]["files"]
    assert mounts["runs"] == str(folder / Path(pattern).parent)
    # The discovery file has the host name of the head, which Prometheus must be able to resolve.
    assert services()["head"]["hostname"] == "head"
    assert set(services()["head"]["networks"]) <= set(prometheus["networks"])


def test_grafana_in_compose_shows_the_dashboard_at_once() -> None:
    mounts = dict(mount.split(":")[:2] for mount in services()["grafana"]["volumes"])
    assert mounts["./grafana/provisioning"] == "/etc/grafana/provisioning"
    (provider,) = load("grafana/provisioning/dashboards/sheafnet.yml")["providers"]
    dashboard = mounts["./grafana/dashboard.json"]
    assert str(Path(dashboard).parent) == provider["options"]["path"]
    home = services()["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert home == dashboard
    (source,) = load("grafana/provisioning/datasources/prometheus.yml")["datasources"]
    assert source["url"] == "http://prometheus:9090"
    assert source["jsonData"]["timeInterval"] == load("prometheus.yml")["global"]["scrape_interval"]


# Kubernetes


def kubernetes(kind: str) -> Any:
    documents = yaml.safe_load_all((DEPLOY / "rayjob.yaml").read_text(encoding="utf-8"))
    (found,) = [document for document in documents if document["kind"] == kind]
    return found


def schema() -> Draft202012Validator:
    document = json.loads((DEPLOY / "rayjob.schema.json").read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(document)
    return Draft202012Validator(document)


def test_the_ray_job_has_the_fields_of_a_ray_job() -> None:
    errors = [f"{e.json_path}: {e.message}" for e in schema().iter_errors(kubernetes("RayJob"))]
    assert errors == []


HEAD = ("spec", "rayClusterSpec", "headGroupSpec")
CONTAINER = (*HEAD, "template", "spec", "containers", 0)
TYPOS: list[tuple[tuple[str | int, ...], Any]] = [
    (("apiVersion",), "ray.io/v1alpha1"),
    (("spec", "shutDownAfterJobFinishes"), True),
    (("spec", "shutdownAfterJobFinishes"), False),  # the time to live would have no effect
    (("spec", "entrypoint"), ["sheafnet", "run"]),
    (("spec", "submissionMode"), "k8sJobMode"),
    (("spec", "rayClusterSpec", "rayVersion"), 2.6),
    (("spec", "rayClusterSpec", "workerGroupSpec"), []),
    (("spec", "rayClusterSpec", "authOptions", "mode"), "tokens"),
    (("spec", "rayClusterSpec", "workerGroupSpecs", 0, "maxReplica"), 2),
    ((*HEAD, "rayStartParams", "num_cpus"), "0"),
    ((*HEAD, "rayStartParams", "num-cpus"), 0),
    ((*HEAD, "template", "metadata", "annotations", "prometheus.io/port"), 9464),
    ((*CONTAINER, "resources", "limits", "cpus"), "1"),
    ((*CONTAINER, "resources", "limits", "memory"), "2GB"),
    ((*CONTAINER, "securityContext", "readOnlyRootFileSystem"), True),
    ((*CONTAINER, "ports", 0, "name"), "the-metrics-of-sheafnet"),
    ((*CONTAINER, "readinessProbe", "httpget"), {}),
    ((*CONTAINER, "volumeMounts", 0, "mountpath"), "/tmp"),
]


@pytest.mark.parametrize(("path", "value"), TYPOS)
def test_a_slip_in_the_ray_job_is_found(path: tuple[str | int, ...], value: Any) -> None:
    document = copy.deepcopy(kubernetes("RayJob"))
    node = document
    for part in path[:-1]:
        node = node[part]
    node[path[-1]] = value
    assert not schema().is_valid(document)


def pods() -> Iterator[Any]:
    spec = kubernetes("RayJob")["spec"]
    yield spec["submitterPodTemplate"]["spec"]
    yield spec["rayClusterSpec"]["headGroupSpec"]["template"]["spec"]
    for group in spec["rayClusterSpec"]["workerGroupSpecs"]:
        yield group["template"]["spec"]


def test_pods_have_no_more_rights_and_no_less_limits_than_needed() -> None:
    for pod in pods():
        assert pod["automountServiceAccountToken"] is False
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert f"USER {pod['securityContext']['runAsUser']}:" in DOCKERFILE
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        (container,) = pod["containers"]
        assert container["image"] == f"sheafnet:{sheafnet.__version__}"
        assert container["resources"].keys() == {"requests", "limits"}
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert {m["name"] for m in container["volumeMounts"]} == {v["name"] for v in pod["volumes"]}


def test_the_ray_job_has_the_ray_of_the_image_a_token_and_a_volume() -> None:
    cluster = kubernetes("RayJob")["spec"]["rayClusterSpec"]
    assert cluster["rayVersion"] == ray_version()
    assert cluster["authOptions"] == {"mode": "token"}
    head = cluster["headGroupSpec"]["template"]["spec"]
    (claim,) = [v["persistentVolumeClaim"] for v in head["volumes"] if "emptyDir" not in v]
    assert claim["claimName"] == kubernetes("PersistentVolumeClaim")["metadata"]["name"]
    (mount,) = [m for m in head["containers"][0]["volumeMounts"] if m["name"] == "runs"]
    assert services()["head"]["volumes"] == [f"runs:{mount['mountPath']}"]


def test_the_metrics_of_the_ray_job_are_where_prometheus_scrapes() -> None:
    metrics = parsed(shlex.split(kubernetes("RayJob")["spec"]["entrypoint"])).metrics
    template = kubernetes("RayJob")["spec"]["rayClusterSpec"]["headGroupSpec"]["template"]
    (container,) = template["spec"]["containers"]
    named = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert metrics.port == named["sheafnet"]
    assert template["metadata"]["annotations"] == {
        "prometheus.io/scrape": "true",
        "prometheus.io/port": str(metrics.port),
        "prometheus.io/path": "/metrics",
    }
    (monitor,) = map(yaml.safe_load, blocks("yaml"))
    assert [end["port"] for end in monitor["spec"]["podMetricsEndpoints"]] == ["sheafnet"]
    assert template["metadata"]["labels"].items() <= (
        monitor["spec"]["selector"]["matchLabels"].items()
    )


# Commands


def parsed(command: list[str]) -> Config:
    """Return the configuration of a ``sheafnet run`` command, without running it."""
    assert command[:2] == ["sheafnet", "run"]
    context = run.make_context("run", command[2:])
    return load_config(find_config(context.params["config"]), context.params["overrides"]).config


def of_readme(*, elsewhere: bool = False) -> list[list[str]]:
    """Every ``sheafnet run`` command of deploy/README.md, also as the end of another command.

    With ``elsewhere`` only those that are sent to another machine or container.
    """
    there = ("ray job submit", "docker compose")
    return [
        shlex.split(command[command.index("sheafnet run") :])
        for block in blocks("sh")
        for command in commands(block)
        if "sheafnet run" in command and (command.startswith(there) or not elsewhere)
    ]


CLUSTER_COMMANDS = [
    services()["job"]["command"],
    shlex.split(kubernetes("RayJob")["spec"]["entrypoint"]),
    *of_readme(elsewhere=True),
]


@pytest.mark.parametrize("command", CLUSTER_COMMANDS)
def test_commands_join_the_cluster_that_they_are_sent_to(command: list[str]) -> None:
    runtime = parsed(command).runtime
    assert isinstance(runtime, ClusterRuntime)
    assert runtime.address == "auto"


@pytest.mark.parametrize("command", [c for c in CLUSTER_COMMANDS if "--out" not in c])
def test_metrics_can_be_reached_from_another_container(command: list[str]) -> None:
    metrics = parsed(command).metrics
    assert metrics.port is not None
    assert metrics.address == "0.0.0.0"


def test_the_commands_of_the_readme_are_valid() -> None:
    assert len(of_readme()) == 4
    assert len(of_readme(elsewhere=True)) == 2
    for command in of_readme():
        parsed(command)


@pytest.mark.parametrize("block", blocks("sh"))
def test_the_shell_blocks_of_the_readme_are_shell(block: str) -> None:
    done = subprocess.run(["bash", "-n"], input=block, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
