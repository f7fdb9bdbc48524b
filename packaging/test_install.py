"""Install into a fresh Debian, start as the service's user, stop, update, uninstall. As root; `make test-install`.

The network is the machine's own: its package sources, proxies, certificates and pip settings are copied, and the
folders named in SLUIS_TEST_BIND (colon-separated) are made visible inside.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parents[1]
SUITE = os.environ.get("SLUIS_TEST_SUITE", "bookworm")
PASSED_ON = ("PIP_", "UV_", "SSL_", "NODE_EXTRA", "REQUESTS_CA", "http_", "https_", "HTTP_", "HTTPS_", "no_", "NO_")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(os.geteuid() != 0 or shutil.which("debootstrap") is None, reason="needs root and debootstrap"),
]


class Root:
    """A Debian of its own; commands run in it, in a mount namespace that ends with them."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def run(self, command: str, *, network: bool = True, must: bool = True) -> subprocess.CompletedProcess[str]:
        script = [f"mkdir -p {self.path}{bind} && mount --rbind {bind} {self.path}{bind}" for bind in ("/dev", "/proc")]
        # To read only: what is installed in there must not change this machine.
        for bind in filter(None, os.environ.get("SLUIS_TEST_BIND", "").split(":")):
            at = f"{self.path}{bind}"
            script.append(f"mkdir -p {at} && mount --bind {bind} {at} && mount -o remount,bind,ro {at}")
        script.append(f"mkdir -p {self.path}/src && mount --bind -o ro {HERE} {self.path}/src")
        if not network:
            script.append("ip link set lo up")
        script.append(f'exec chroot {self.path} /bin/bash -ec "$COMMAND"')
        environment = {key: value for key, value in os.environ.items() if key.startswith(PASSED_ON)}
        environment |= {
            "PATH": "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": "/root",
            "COMMAND": command,
            "LC_ALL": "C",
        }
        spaces = ["unshare", "--mount", "--propagation", "private", *([] if network else ["--net"])]
        done = subprocess.run(
            [*spaces, "/bin/bash", "-ec", "\n".join(script)], env=environment, text=True, capture_output=True
        )
        assert not must or done.returncode == 0, f"{command}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        return done


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Root]:
    """Debian with nothing of ours."""
    ready = os.environ.get("SLUIS_TEST_ROOT")
    path = Path(ready) if ready else tmp_path_factory.mktemp("debian") / "root"
    if not ready:
        mirror = os.environ.get("SLUIS_TEST_MIRROR", "http://deb.debian.org/debian")
        subprocess.run(["debootstrap", "--variant=minbase", SUITE, str(path), mirror], check=True, capture_output=True)
    for name in (
        "/etc/apt",
        "/etc/ssl/certs/ca-certificates.crt",
        "/etc/pip.conf",
        "/etc/resolv.conf",
        "/etc/hosts",
        "/usr/share/keyrings",
    ):
        copy(Path(name), Path(f"{path}{name}"))
    yield Root(path)
    if not ready:
        shutil.rmtree(path, ignore_errors=True)


def copy(source: Path, target: Path) -> None:
    """As it is behind links, over what is there."""
    if source.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        subprocess.run(["cp", "-rLT", "--remove-destination", str(source), str(target)], check=True)


LIVES = """
import json, os, signal, socket, ssl, subprocess, sys, time, urllib.request
said = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
said.bind("/run/sluis-notify"); os.chmod("/run/sluis-notify", 0o777); said.settimeout(60)
environment = {"PATH": "/usr/bin:/bin", "NOTIFY_SOCKET": "/run/sluis-notify", "WATCHDOG_USEC": "2000000"}
began = time.monotonic()
gateway = subprocess.Popen(
    ["setpriv", "--reuid", "sluis", "--regid", "sluis", "--init-groups", "--no-new-privs", "--bounding-set=-all",
     "/opt/sluis/launch", "start", "--config", "/etc/sluis/sluis.toml"],
    env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
try:
    heard = []
    while "READY=1" not in heard:
        heard.append(said.recv(4096).decode())
    ready_s = time.monotonic() - began
    while "WATCHDOG=1" not in heard:
        heard.append(said.recv(4096).decode())
    context = ssl.create_default_context(cafile="/var/lib/sluis/pki/site-ca.pem")
    with urllib.request.urlopen("https://localhost:8443/healthz", context=context, timeout=10) as answer:
        health = answer.status
finally:
    asked = time.monotonic()
    gateway.terminate()
    output, _ = gateway.communicate(timeout=20)
left = []
for pid in filter(str.isdigit, os.listdir("/proc")):
    try:
        words = open(f"/proc/{pid}/cmdline").read()
    except OSError:
        continue
    if "/var/lib/sluis" in words or "/etc/sluis/sluis.toml" in words:
        left.append(words)
print(json.dumps({"ready_s": ready_s, "health": health, "stop_s": time.monotonic() - asked,
                  "code": gateway.returncode, "left": left, "output": output[-4000:]}))
"""


def test_the_whole_life_of_an_installation(root: Root, tmp_path: Path) -> None:
    root.run("cd /src && START=0 packaging/install")
    assert root.run("sluis --version").stdout.strip()
    assert root.run("stat -c '%U:%G %a' /var/lib/sluis").stdout.strip() == "sluis:sluis 750"
    assert root.run("stat -c '%U:%G %a' /etc/sluis/sluis.toml").stdout.strip() == "root:sluis 640"
    groups = set(root.run("id -nG sluis").stdout.split())
    wanted = {"dialout", "gpio", "i2c", "bluetooth", "video"} & set(root.run("cut -d: -f1 /etc/group").stdout.split())
    assert groups == {"sluis", *wanted}
    assert "dialout" in groups
    assert root.run("stat -c '%U %a' /etc/udev/rules.d/60-sluis.rules").stdout.strip() == "root 644"
    assert "sluis" in root.run("cat /usr/local/share/bash-completion/completions/sluis").stdout
    assert "/usr/sbin/nologin" in root.run("getent passwd sluis").stdout

    script = Path(f"{root.path}/root/lives.py")
    script.write_text(textwrap.dedent(LIVES))
    life = json.loads(root.run("rm -f /run/sluis-notify; /usr/bin/python3 /root/lives.py", network=False).stdout)
    assert (life["health"], life["code"], life["left"]) == (200, 0, []), life["output"]
    assert life["stop_s"] < 10 and life["ready_s"] < 30, life

    owned = root.run("find /var/lib/sluis ! -user sluis").stdout
    assert owned == "", f"not the service's own: {owned}"
    assert root.run("find /var/lib/sluis/pki /var/lib/sluis/broker -name '*.key' -perm /077").stdout == ""

    root.run("echo '# mine' >> /etc/sluis/sluis.toml; cd /src && START=0 packaging/install")
    assert "# mine" in root.run("cat /etc/sluis/sluis.toml").stdout
    life = json.loads(root.run("rm -f /run/sluis-notify; /usr/bin/python3 /root/lives.py", network=False).stdout)
    assert (life["health"], life["code"]) == (200, 0), life

    root.run("cd /src && packaging/uninstall")
    gone = "/opt/sluis /usr/local/bin/sluis /etc/systemd/system/sluis.service /etc/logrotate.d/sluis"
    gone += " /etc/udev/rules.d/60-sluis.rules"
    assert root.run(f"ls -d {gone}", must=False).stdout == ""
    assert root.run("ls /var/lib/sluis/sluis.db /etc/sluis/sluis.toml").returncode == 0
    root.run("cd /src && PURGE=1 packaging/uninstall")
    assert root.run("ls -d /etc/sluis /var/lib/sluis; getent passwd sluis", must=False).stdout == ""


def test_the_service_is_shut_in() -> None:
    """The figure in docs/how-to/install.md, and no directive that systemd does not know."""
    unit = HERE / "packaging" / "sluis.service"
    analysed = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--no-pager", str(unit)], capture_output=True, text=True
    )
    assert "Overall exposure level for sluis.service: 1.7 OK" in analysed.stdout
    verified = subprocess.run(["systemd-analyze", "verify", str(unit)], capture_output=True, text=True)
    complaints = [line for line in verified.stderr.splitlines() if "sluis.service" in line and "executable" not in line]
    assert complaints == []


def test_devices_are_reached_and_outputs_made_safe_after_the_end() -> None:
    """What the unit says of real hardware, in systemd's own reading: `sluis gpio safe` is a command there is."""
    unit = (HERE / "packaging" / "sluis.service").read_text()
    allowed = {
        line.split()[0].removeprefix("DeviceAllow=") for line in unit.splitlines() if line.startswith("DeviceAllow=")
    }
    assert {"char-gpiochip", "char-ttyUSB", "char-ttyACM", "char-ttyAMA", "char-ttyS"} <= allowed
    after = next(line for line in unit.splitlines() if line.startswith("ExecStopPost="))
    command = after.removeprefix("ExecStopPost=-/usr/local/bin/").split()
    assert command[0] == "sluis"
    settings = HERE / "packaging" / "sluis.toml"
    run = [sys.executable, "-m", *command[:-1], str(settings)]
    assert subprocess.run(run, cwd=HERE, capture_output=True, text=True).returncode == 0
