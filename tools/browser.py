"""Finds the Chromium for the browser tests, and downloads one where there is none."""

import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

from playwright.sync_api import Error, sync_playwright

from tools import places

NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
# Its sandbox does not work for root; the rest keeps it from calling home.
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PACKAGE = "@sparticuz/chromium@153.0.0"
WRAPPER = """#!/bin/sh
here=$(cd "$(dirname "$0")" && pwd)
export LD_LIBRARY_PATH="$here/lib${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"
exec "$here/bin/chromium" "$@"
"""
UNPACK = """
const fs = require("fs"), zlib = require("zlib"), [from, to] = process.argv.slice(1);
fs.createReadStream(from).pipe(zlib.createBrotliDecompress()).pipe(fs.createWriteStream(to));
"""


def find_browser(folder=places.LOCAL / "chromium"):
    """Return the path of a Chromium that starts, installed if necessary; None where there is none."""
    for install in (None, lambda: _apt_install("chromium-headless-shell"), lambda: _fetch(folder)):
        if install:
            install()
        paths = [os.environ.get("CHROMIUM"), *map(shutil.which, NAMES)]
        if (folder / "chromium").exists():
            paths.append(str(folder / "chromium"))
        for path in filter(None, paths):
            if _starts(path):
                return path
    return None


def find_chinese_font():
    """Return whether Chinese can be drawn, after installing a font where that is possible."""
    if not _has_chinese_font():
        _apt_install("fonts-wqy-microhei")
    return _has_chinese_font()


def _starts(path):
    try:
        with sync_playwright() as playwright:
            started = playwright.chromium.launch(
                executable_path=path, args=ARGUMENTS, timeout=30_000
            )
            page = started.new_page()
            page.set_content("<p>Ready</p>")
            answer = page.inner_text("p")
            started.close()
    except Error:
        return False
    return answer == "Ready"


def _apt_install(package):
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        return
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    install = ["apt-get", "install", "--yes", "--quiet", "--no-install-recommends", package]
    print(f"Installing {package} ...", flush=True)
    for command in (install, ["apt-get", "update", "--quiet"], install):
        done = subprocess.run(command, env=environment, capture_output=True)
        if command is install and done.returncode == 0:
            return


def _fetch(folder):
    """Unpack the Chromium of an npm package, which needs no root."""
    if not shutil.which("npm") or not shutil.which("node"):
        return
    print(f"Fetching {PACKAGE} ...", flush=True)
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "bin").mkdir(parents=True)
    with tempfile.TemporaryDirectory() as scratch:
        pack = ["npm", "pack", "--silent", PACKAGE]
        if subprocess.run(pack, cwd=scratch, capture_output=True).returncode:
            return
        with tarfile.open(next(Path(scratch).glob("*.tgz"))) as package:
            package.extractall(scratch, filter="data")
        packed = Path(scratch) / "package" / "bin"
        _decompress(packed / "chromium.br", folder / "bin" / "chromium")
        for name in ("al2023", "swiftshader"):
            _decompress(packed / f"{name}.tar.br", Path(scratch) / name)
            with tarfile.open(Path(scratch) / name) as archive:
                archive.extractall(folder if name == "al2023" else folder / "bin", filter="data")
    (folder / "bin" / "chromium").chmod(0o755)
    # The libraries of the package are for this program only.
    (folder / "chromium").write_text(WRAPPER)
    (folder / "chromium").chmod(0o755)


def _decompress(source, target):
    subprocess.run(["node", "-e", UNPACK, str(source), str(target)], check=True)


def _has_chinese_font():
    if shutil.which("fc-list"):
        done = subprocess.run(["fc-list", ":lang=zh-cn", "file"], capture_output=True, text=True)
        return bool(done.stdout.strip())
    names = ("*wqy*", "*NotoSansCJK*", "*DroidSansFallback*")
    return any(any(Path("/usr/share/fonts").rglob(name)) for name in names)


if __name__ == "__main__":
    print(find_browser() or sys.exit("No Chromium was found, and none could be fetched."))
