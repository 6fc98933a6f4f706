"""The image's steps, tried out without an engine: the Dockerfile's instructions in a scratch root, then `serve` in it.

Needs root, debootstrap, and some minutes; ``UCM_IMAGE_ROOT`` names a Debian root made before, to copy instead.
"""
# ruff: noqa: T201 (what is measured is printed: that is what a benchmark is for)

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))
import dockerfile

ROOT = Path(__file__).parents[2]
CONFIG = "ucms: {office: {url: 'https://192.0.2.1:8089', web: {username: u, password: p}}}\nschedule: {cron: '0 0 1 1 *'}\n"
UID = 10001


class Image:
    """A root that the Dockerfile's instructions are carried out in."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.environment = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND": "noninteractive"}

    def build(self) -> None:
        # Where this machine reaches package registries through a proxy with a CA of its own, the steps need that one, too.
        bundle = Path(os.environ.get("PIP_CERT", "/etc/ssl/certs/ca-certificates.crt"))
        shutil.copy(bundle, self.root / "build-ca.crt")
        building = {"PIP_CERT": "/build-ca.crt"}
        for one in dockerfile.instructions():
            if one.word == "RUN":
                print(f"RUN {one.text[:90]}…", flush=True)
                step = self.inside("/bin/sh", "-ec", one.text)
                subprocess.run(step, env=self.environment | building, check=True, timeout=1800, stdout=subprocess.DEVNULL)
            elif one.word == "COPY":
                source, target = one.text.split()
                assert source == "."
                ignored = (ROOT / ".dockerignore").read_text().replace("**/", "").split()
                shutil.copytree(ROOT, self.root / target.lstrip("/"), ignore=shutil.ignore_patterns(*ignored))
            elif one.word == "ENV":
                for word in shlex.split(one.text):
                    name, value = word.split("=", 1)
                    self.environment[name] = value.replace("$PATH", self.environment["PATH"])

    def inside(self, *command: str) -> list[str]:
        return ["chroot", str(self.root), *command]

    def as_user(self, *command: str) -> list[str]:
        """In a mount namespace whose root is read-only but for /data, /tmp and /dev/shm, as the image's user, with no capability."""
        script = (
            f"r={self.root}; mount --bind $r $r; mount -o remount,ro,bind $r; mount --bind $r-data $r/data"
            "; mount -t tmpfs -o mode=1777 tmpfs $r/tmp; mount -t proc proc $r/proc; mount --rbind /dev $r/dev"
            # As an engine does it: Linux lets nobody in a mere chroot make the namespaces of Chromium's sandbox.
            "; cd $r; pivot_root . .; umount -l .; cd /data"
            f"; exec setpriv --reuid={UID} --regid={UID} --clear-groups --no-new-privs --bounding-set=-all {shlex.join(command)}"
        )
        return ["unshare", "--mount", "--pid", "--fork", "--kill-child", "/bin/sh", "-ec", script]


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Image]:
    if os.geteuid() != 0 or not (shutil.which("debootstrap") or "UCM_IMAGE_ROOT" in os.environ):
        pytest.skip("needs root and debootstrap")
    root = tmp_path_factory.mktemp("image") / "root"
    if made := os.environ.get("UCM_IMAGE_ROOT"):
        subprocess.run(["cp", "-a", made, str(root)], check=True)
    else:
        suite = {"12": "bookworm"}[dockerfile.last("FROM").text.split(":")[1].removesuffix("-slim")]
        subprocess.run(["debootstrap", "--variant=minbase", suite, str(root)], check=True, timeout=1800, stdout=subprocess.DEVNULL)
    with ExitStack() as undo:
        subprocess.run(["mount", "-t", "proc", "proc", str(root / "proc")], check=True)
        undo.callback(subprocess.run, ["umount", "-l", str(root / "proc")], check=False)
        shutil.copy("/etc/resolv.conf", root / "etc" / "resolv.conf")
        found = Image(root)
        began = time.monotonic()
        found.build()
        print(f"built in {time.monotonic() - began:.0f} s", flush=True)
    data = root.with_name("root-data")
    data.mkdir(mode=0o700)
    os.chown(data, UID, UID)
    (root / "config").mkdir()
    (root / "config" / "config.yaml").write_text(CONFIG)
    yield found
    shutil.rmtree(root, ignore_errors=True)


@pytest.mark.bench
@pytest.mark.timeout(3600)
def test_the_image_builds_serves_is_healthy_and_stops(image: Image) -> None:
    command = [*dockerfile.last("ENTRYPOINT").command, *dockerfile.last("CMD").command]
    serving = subprocess.Popen(image.as_user(*command), env=image.environment, stderr=subprocess.PIPE, text=True)
    try:
        check = image.inside("/usr/bin/env", *dockerfile.last("HEALTHCHECK").command)
        until = time.monotonic() + 60
        while (asked := subprocess.run(check, env=image.environment, capture_output=True, text=True, check=False, timeout=60)).returncode:
            assert serving.poll() is None, serving.communicate()[1]
            assert time.monotonic() < until, asked
            time.sleep(0.5)
        print(f"health check: {asked.stdout.strip()}", flush=True)
        (tini,) = (int(line) for line in subprocess.check_output(["pgrep", "-x", "tini", "-u", str(UID)], text=True).split())
        status = Path(f"/proc/{tini}/status").read_text()
        assert "CapEff:\t0000000000000000" in status and "NoNewPrivs:\t1" in status
        began = time.monotonic()
        os.kill(tini, signal.SIGTERM)
        _, log = serving.communicate(timeout=90)
        print(f"stopped in {time.monotonic() - began:.1f} s", flush=True)
        assert serving.returncode == 0, log
        assert "listening on https://0.0.0.0:8443" in log
    finally:
        serving.kill()


@pytest.mark.bench
@pytest.mark.timeout(600)
def test_the_images_browser_runs_as_its_user_with_its_sandbox_on_a_read_only_root(image: Image) -> None:
    page = ["chromium", "--headless", "--disable-gpu", "--user-data-dir=/tmp/profile", "--dump-dom", "data:text/html,<p>hello"]
    done = subprocess.run(image.as_user(*page), env=image.environment, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, "<p>hello</p>" in done.stdout) == (0, True), done.stderr[-2000:]
