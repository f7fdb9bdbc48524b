"""What goes on a node: built the same each time, and nothing of others that was not pinned."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from sluis_provision.bundle import build
from sluis_provision.bundle.build import DoesNotCompile
from sluis_provision.bundle.libraries import LibraryRefused
from tests.firmware.vm import ROOT, application


def test_the_same_sources_give_the_same_files() -> None:
    files = application()
    assert [file.path for file in files] == sorted(file.path for file in files)
    assert {"/boot.py", "/main.py", "/a/sluis_node/app.mpy", "/a/sluis_node/parts/relay.mpy"} <= {f.path for f in files}
    assert all(file.content[:2] == b"M\x06" for file in files if file.path.endswith(".mpy"))
    assert files[0].sha256 == hashlib.sha256(files[0].content).hexdigest()
    assert [file.sha256 for file in build(slot="b")] == [
        file.sha256 for file in files if file.path.startswith("/a/")
    ] + [file.sha256 for file in files if not file.path.startswith("/a/")]


@pytest.fixture
def firmware(tmp_path: Path) -> Path:
    """A firmware of one file."""
    for folder, name in (("boot", "boot.py"), ("boot", "main.py"), ("lib", "one.py")):
        (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / folder / name).write_text("x = 1\n")
    (tmp_path / "manifest.toml").write_text((ROOT / "firmware" / "manifest.toml").read_text())
    return tmp_path


def test_what_does_not_compile_is_named(firmware: Path) -> None:
    (firmware / "lib" / "one.py").write_text("def (:\n")
    with pytest.raises(DoesNotCompile, match=r"one\.py"):
        build(firmware=firmware)


@pytest.fixture
def index() -> Iterator[tuple[str, dict[str, bytes]]]:
    """A package index on loopback, and its pages by path."""
    pages: dict[str, bytes] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            page = pages.get(self.path)
            self.send_response(404 if page is None else 200)
            self.send_header("Content-Length", str(len(page or b"")))
            self.end_headers()
            self.wfile.write(page or b"")

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", pages
    server.shutdown()
    thread.join()
    server.server_close()


def pin(firmware: Path, url: str, content: bytes) -> None:
    (firmware / "manifest.toml").write_text(
        f'index = "{url}"\n[[library]]\nname = "thing"\nversion = "1.0"\n'
        f'files = {{ "thing.py" = "{hashlib.sha256(content).hexdigest()}" }}\n'
    )


def test_a_library_comes_in_by_its_hash_or_not_at_all(firmware: Path, index: tuple[str, dict[str, bytes]]) -> None:
    url, pages = index
    content = b"def thing():\n    return 7\n"
    pages["/package/py/thing/1.0.json"] = json.dumps({"v": 1, "hashes": [["thing.py", "ab12cd34"]]}).encode()
    pages["/file/ab/ab12cd34"] = content
    pin(firmware, url, content)
    assert "/a/thing.mpy" in [file.path for file in build(firmware=firmware)]
    pages["/file/ab/ab12cd34"] = content + b"# and more\n"
    with pytest.raises(LibraryRefused, match="not what was pinned"):
        build(firmware=firmware)
    hashes = [["thing.py", "ab12cd34"], ["more.py", "ab12cd34"]]
    pages["/package/py/thing/1.0.json"] = json.dumps({"v": 1, "hashes": hashes}).encode()
    with pytest.raises(LibraryRefused, match="other files"):
        build(firmware=firmware)
    pages.clear()
    with pytest.raises(LibraryRefused, match="cannot be had"):
        build(firmware=firmware)
