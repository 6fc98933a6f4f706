"""The container and the examples in docs/: what can be known of them without an engine."""

from __future__ import annotations

import configparser
import json
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

sys.path.insert(0, str(Path(__file__).parent))
import dockerfile

from scraper.settings import load
from scraper.webui.browser import find_system_browser

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
SECCOMP = json.loads((DOCS / "seccomp.json").read_text())
COMPOSE = yaml.safe_load((DOCS / "compose.yaml").read_text())["services"]["ucm-scraper"]
KUBERNETES = {one["kind"]: one for one in yaml.safe_load_all((DOCS / "kubernetes.yaml").read_text())}
PODS = {
    "Deployment": KUBERNETES["Deployment"]["spec"]["template"]["spec"],
    "CronJob": KUBERNETES["CronJob"]["spec"]["jobTemplate"]["spec"]["template"]["spec"],
}
STOP_SECONDS = 60  # limits.stop_seconds


def seconds(text: str) -> int:
    return int(text[:-1]) * {"s": 1, "m": 60}[text[-1]]


# --- the image ---


def test_the_image_serves_as_another_user_and_watches_itself() -> None:
    assert dockerfile.last("USER").text == "ucm"
    assert dockerfile.last("ENTRYPOINT").command == ["tini", "--", "ucm-scraper"]
    assert dockerfile.last("CMD").command == ["serve"]
    assert dockerfile.last("HEALTHCHECK").command == ["ucm-scraper", "-qq", "healthcheck"]


def test_the_images_environment_makes_a_listener_that_others_reach_with_tls(tmp_path: Path) -> None:
    environment = dockerfile.environment()
    config = tmp_path / "config.yaml"
    config.write_text("ucms: {office: {url: 'https://pbx.example.com', web: {username: u, password: p}}}")
    settings = load(config, {name: value for name, value in environment.items() if name.startswith("UCM_SCRAPER__")})
    assert (settings.admin.listen, settings.admin.tls.self_made, settings.data_dir) == ("0.0.0.0:8443", True, Path("/data"))
    assert environment["UCM_SCRAPER_CONFIG"].startswith("/config/")


def test_nothing_private_is_copied_into_the_image() -> None:
    ignored = (ROOT / ".dockerignore").read_text().split()
    assert {".git", ".env", "config.yaml", "data", ".venv"} <= set(ignored)


_READ_ONLY = "mount -t tmpfs tmpfs {data} && mount -t tmpfs tmpfs {tmp} && mount -o remount,bind,ro / && exec "


def test_the_service_writes_to_data_and_tmp_only(tmp_path: Path) -> None:
    """With the image's environment on a read-only root: it becomes healthy by the image's own check, and ends with 0 on SIGTERM."""
    places = {name: tmp_path / name for name in ("data", "tmp")}
    for place in places.values():
        place.mkdir()
    script = _READ_ONLY.format(**places)
    if subprocess.run(["unshare", "--mount", "/bin/sh", "-ec", script + "true"], capture_output=True, check=False).returncode:
        pytest.skip("this machine lets nobody make its root read-only")
    (tmp_path / "config.yaml").write_text(
        "ucms: {office: {url: 'https://192.0.2.1', web: {username: u, password: p}}}\nschedule: {every: 9d}\n"
    )
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    environment = {
        **{name: value for name, value in dockerfile.environment().items() if name != "PATH"},
        "PATH": os.environ["PATH"],
        "UCM_SCRAPER_CONFIG": str(tmp_path / "config.yaml"),
        "UCM_SCRAPER__DATA_DIR": str(places["data"]),
        "UCM_SCRAPER__ADMIN__LISTEN": f"0.0.0.0:{port}",
        **dict.fromkeys(("HOME", "TMPDIR"), str(places["tmp"])),
    }
    program = [sys.executable, "-m", "scraper"]
    command = shlex.join([*program, *dockerfile.last("CMD").command])
    with subprocess.Popen(
        ["unshare", "--mount", "/bin/sh", "-ec", script + command], env=environment, stderr=subprocess.PIPE, text=True
    ) as serving:
        check = [*program, *dockerfile.last("HEALTHCHECK").command[1:]]
        until = time.monotonic() + 60
        while (asked := subprocess.run(check, env=environment, capture_output=True, text=True, check=False)).returncode:
            assert serving.poll() is None, serving.communicate()[1]
            assert time.monotonic() < until, asked
            time.sleep(0.2)  # between one check and the next, as the container's engine does
        serving.send_signal(signal.SIGTERM)
        _, log = serving.communicate(timeout=60)
    assert (serving.returncode, "Traceback" in log) == (0, False), log
    assert "https://0.0.0.0" in log and list(places["data"].iterdir()) == []  # the writable one was seen by the service alone


# --- compose ---


def test_compose_takes_away_what_the_service_does_not_need() -> None:
    assert (COMPOSE["read_only"], COMPOSE["cap_drop"], COMPOSE["shm_size"]) == (True, ["ALL"], "1g")
    assert set(COMPOSE["security_opt"]) == {"no-new-privileges:true", "seccomp=./seccomp.json"}
    assert COMPOSE["tmpfs"][0].startswith("/tmp:")
    assert seconds(COMPOSE["stop_grace_period"]) > STOP_SECONDS
    assert COMPOSE["healthcheck"]["test"][1:] == dockerfile.last("HEALTHCHECK").command
    assert "privileged" not in COMPOSE and "init" not in COMPOSE  # the image brings its own init


def test_compose_mounts_what_the_image_reads_and_writes() -> None:
    targets = {one.split(":")[1] for one in COMPOSE["volumes"]}
    environment = dockerfile.environment()
    assert targets == {environment["UCM_SCRAPER_CONFIG"], environment["UCM_SCRAPER__DATA_DIR"]}
    assert COMPOSE["ports"][0].endswith(":" + environment["UCM_SCRAPER__ADMIN__LISTEN"].rpartition(":")[2])


# --- the seccomp profile ---


def allowed(name: str) -> list[dict[str, Any]]:
    return [rule for rule in SECCOMP["syscalls"] if name in rule["names"] and rule["action"] == "SCMP_ACT_ALLOW"]


@pytest.mark.parametrize("name", ["mount", "umount2", "setns", "ptrace", "bpf", "io_uring_setup", "keyctl", "init_module", "userfaultfd"])
def test_what_a_sandbox_does_not_need_is_forbidden(name: str) -> None:
    assert SECCOMP["defaultAction"] == "SCMP_ACT_ERRNO" and not allowed(name)


def under_profile(profile: Path, folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    call = [sys.executable, str(ROOT / "tests" / "under_seccomp.py"), str(profile), "10001", *command]
    environment = {"HOME": str(folder), "TMPDIR": str(folder), "PATH": os.environ["PATH"]}
    done = subprocess.run(call, capture_output=True, text=True, timeout=90, check=False, env=environment, cwd="/")
    if done.returncode == 77:
        pytest.skip("libseccomp is not installed")
    return done


@pytest.fixture
def home() -> Iterator[Path]:
    """A folder that another user may reach and write; pytest's own are root's alone."""
    if os.geteuid() != 0:
        pytest.skip("only root can become another user")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        os.chown(folder, 10001, 10001)
        yield Path(folder)


@pytest.mark.browser
def test_chromium_keeps_its_sandbox_under_the_profile_without_any_capability(home: Path) -> None:
    browser = find_system_browser()
    if browser is None:
        pytest.skip("no Chromium on this system")
    page = ["--headless", "--disable-gpu", f"--user-data-dir={home}/profile", "--dump-dom", "data:text/html,<p>hello"]
    done = under_profile(DOCS / "seccomp.json", home, str(browser), *page)
    assert (done.returncode, "<p>hello</p>" in done.stdout) == (0, True), done.stderr[-2000:]


def test_other_kinds_of_namespaces_stay_forbidden(home: Path) -> None:
    for kind, works in (("--user", True), ("--mount", False), ("--ipc", False), ("--uts", False)):
        done = under_profile(DOCS / "seccomp.json", home, "unshare", "--user", kind, "true")
        assert (done.returncode == 0) is works, (kind, done.stderr)


# --- systemd ---


def unit() -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    parser.optionxform = str
    parser.read(DOCS / "ucm-scraper.service")
    return parser


def test_the_unit_is_hardened_and_leaves_time_to_stop() -> None:
    service = unit()["Service"]
    wanted = {"NoNewPrivileges": "yes", "ProtectSystem": "strict", "ProtectHome": "yes", "PrivateTmp": "yes", "DynamicUser": "yes"}
    assert {key: service[key] for key in wanted} == wanted
    assert int(service["TimeoutStopSec"]) > STOP_SECONDS
    assert service["KillMode"] == "mixed"  # SIGTERM is for the service, which stops its jobs in order
    assert "MemoryDenyWriteExecute" not in service  # Chromium's JavaScript engine writes code
    assert "user" in service["RestrictNamespaces"]


def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd-analyze is not installed")
    text = (DOCS / "ucm-scraper.service").read_text().replace("/opt/ucm-scraper/bin/ucm-scraper", "/bin/true")
    (tmp_path / "ucm-scraper.service").write_text(text)
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(tmp_path / "ucm-scraper.service")],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    ours = [line for line in done.stderr.splitlines() if "ucm-scraper" in line]
    assert not ours and "Unknown key" not in done.stderr


# --- Kubernetes ---


@pytest.mark.parametrize("kind", PODS)
def test_pods_take_away_what_the_service_does_not_need(kind: str) -> None:
    pod, (container,) = PODS[kind], PODS[kind]["containers"]
    security = container["securityContext"]
    assert (security["readOnlyRootFilesystem"], security["allowPrivilegeEscalation"]) == (True, False)
    assert security["capabilities"] == {"drop": ["ALL"]}
    assert (pod["securityContext"]["runAsNonRoot"], pod["securityContext"]["runAsUser"]) == (True, 10001)
    assert pod["terminationGracePeriodSeconds"] > STOP_SECONDS
    mounted = {one["name"] for one in container["volumeMounts"]}
    assert mounted == {one["name"] for one in pod["volumes"]}
    assert {one["mountPath"] for one in container["volumeMounts"]} >= {"/data", "/config", "/tmp", "/dev/shm"}


def test_the_cron_job_starts_no_storm() -> None:
    spec = KUBERNETES["CronJob"]["spec"]
    assert (spec["concurrencyPolicy"], spec["jobTemplate"]["spec"]["backoffLimit"]) == ("Forbid", 0)
    assert PODS["CronJob"]["restartPolicy"] == "Never"
    assert PODS["CronJob"]["containers"][0]["args"][0] == "run"


def test_the_deployment_is_one_service_that_no_pbx_can_restart() -> None:
    spec, (container,) = KUBERNETES["Deployment"]["spec"], PODS["Deployment"]["containers"]
    assert (spec["replicas"], spec["strategy"]) == (1, {"type": "Recreate"})
    assert container["livenessProbe"]["httpGet"]["path"] == "/livez"
    assert spec["selector"]["matchLabels"] == spec["template"]["metadata"]["labels"]


def test_the_examples_configuration_is_valid(tmp_path: Path) -> None:
    text = KUBERNETES["ConfigMap"]["data"]["config.yaml"]
    (tmp_path / "web_password").write_text(KUBERNETES["Secret"]["stringData"]["web_password"])
    (tmp_path / "config.yaml").write_text(text.replace("/secrets/", f"{tmp_path}/"))
    assert list(load(tmp_path / "config.yaml", {}).ucms) == ["head-office"]
