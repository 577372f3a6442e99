"""
Runs the tests, or another command, with temporary servers.

    python -m tools.suite                          every test
    python -m tools.suite tests/users -k import    these, with pytest's options
    python -m tools.suite --run tests.screens      a module, in the same environment
    python -m tools.suite --manage check           a command of manage.py, likewise
"""

import os
import signal
import subprocess
import sys

from tools import browser, embedded, messages, places

LOUD = "!" * 78
MANAGE = [sys.executable, "manage.py"]


def main(arguments):
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        with embedded.throwaway_servers() as servers:
            messages.compile_messages()
            scratch = servers.place / "scratch"
            scratch.mkdir()
            variables = embedded.test_environment(servers) | {"TMPDIR": str(scratch)}
            environment = os.environ | variables
            if arguments[:1] == ["--manage"]:
                return run([*MANAGE, *arguments[1:]], environment)
            if arguments[:1] == ["--run"]:
                command = [sys.executable, "-m", *arguments[1:]]
            else:
                command = [sys.executable, "-m", "pytest", "-n", "2", *arguments]
            if problem := find_browser(environment):
                print(f"{LOUD}\n{problem}\n{LOUD}", file=sys.stderr, flush=True)
                if environment.get("CI"):
                    return 1
            static = [*MANAGE, "collectstatic", "--no-input", "--verbosity=0"]
            return run(static, environment) or run(command, environment)
    except places.CannotStart as error:
        print(error, file=sys.stderr)
        return 1


def find_browser(environment):
    """Add the browser's path to the environment, and return what is missing, if anything."""
    path = browser.find_browser()
    environment["CHROMIUM"] = path or ""
    if not path:
        return "No Chromium was found, and none could be fetched: THE BROWSER TESTS DO NOT RUN."
    if not browser.find_chinese_font():
        return "No font with Chinese was found: PICTURES AND PRINTED PAGES SHOW BOXES."
    return None


def run(command, environment):
    """Run a command to its end, Ctrl-C included, and return its exit code."""
    process = subprocess.Popen(command, env=environment, cwd=places.CHECKOUT)
    try:
        while True:
            try:
                return process.wait()
            except KeyboardInterrupt:
                # The command got it too and is cleaning up; its servers must outlive it.
                continue
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
