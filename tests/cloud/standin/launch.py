"""Starting and stopping all of it. The standard library only, so that it runs before anything is installed."""

import argparse
import contextlib
import fcntl
import hashlib
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from .files import read_json, write_json
from .processes import DIR_MARK, end_marked, identity, is_same, marked

HERE = Path(__file__).resolve().parent.parent
STOP_GRACE_S = 10
READY_LIMIT_S = 300  # of waiting on a machine that has better things to do
# In the order of starting; each writes DIR/NAME.json when its port is bound.
PARTS = ("moto", "helper", "aws", "google")


def say(text):
    print(text, file=sys.stderr, flush=True)


def cache():
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return Path(base) / "curfew"


def environment(name, directory=""):
    """The python of a virtual environment with requirements NAME, made when it is not there yet; `directory` is whose
    `down` ends the installation too."""
    wanted = HERE / name
    digest = hashlib.sha256(wanted.read_bytes() + sys.version.encode()).hexdigest()[:12]
    folder = cache() / ("%s-%s" % (wanted.stem.replace("requirements", "cloud"), digest))
    python, done = folder / "bin" / "python", folder / ".complete"
    if done.exists():
        return str(python)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with open(str(folder) + ".lock", "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # two may start at once
        if not done.exists():
            say("installing %s into %s (once)" % (name, folder))
            shutil.rmtree(folder, ignore_errors=True)
            env = {**os.environ, DIR_MARK: str(directory)}
            made = subprocess.run([sys.executable, "-m", "venv", str(folder)], stdout=sys.stderr, env=env)
            if made.returncode:
                raise SystemExit("python3 makes no virtual environment; on Debian and Ubuntu: apt install python3-venv")
            install = [str(python), "-m", "pip", "install", "-q", "--disable-pip-version-check", "-r", str(wanted)]
            if subprocess.run(install, stdout=sys.stderr, env=env).returncode:
                raise SystemExit("the packages of %s could not be installed; see above" % wanted)
            done.touch()
    return str(python)


class Parts:
    """The processes of one DIR."""

    def __init__(self, directory):
        self.directory = Path(directory).resolve()

    def file(self, name):
        return self.directory / name

    def start(self, name, command, extra=None):
        """Starts a part and waits until it has said where it listens."""
        self.file(name + ".json").unlink(missing_ok=True)
        env = {**os.environ, "PYTHONPATH": str(HERE), DIR_MARK: str(self.directory), **(extra or {})}
        for key in ("AWS_ENDPOINT_URL", "AWS_PROFILE", "AWS_SESSION_TOKEN", "MOTO_ACCOUNT_ID"):
            env.pop(key, None)  # another stand-in, or the real thing, must not be meant by accident
        with open(self.file(name + ".log"), "ab") as log:
            process = subprocess.Popen(
                command, env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                cwd=self.directory,
            )  # fmt: skip
        write_json(str(self.file(name + ".pid")), identity(process.pid))
        deadline = time.monotonic() + READY_LIMIT_S
        while time.monotonic() < deadline:
            ready = read_json(self.file(name + ".json"))
            if ready:
                return ready
            if process.poll() is not None:
                break
            time.sleep(0.05)
        tail = self.file(name + ".log").read_text(errors="replace").splitlines()[-15:]
        raise SystemExit("%s did not start; the end of %s:\n%s" % (name, self.file(name + ".log"), "\n".join(tail)))

    def running(self):
        return [name for name in PARTS if is_same(read_json(self.file(name + ".pid")))]

    def stop(self):
        """Everything of this DIR, also what a killed `up` or helper has left behind."""
        for name in reversed(PARTS):
            known = read_json(self.file(name + ".pid"))
            if is_same(known):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(known["pid"], signal.SIGTERM)
        with contextlib.suppress(FileNotFoundError):  # no /proc: the pid files are all there is
            end_marked(DIR_MARK, str(self.directory), STOP_GRACE_S)
        for name in PARTS:
            for suffix in (".pid", ".json"):
                self.file(name + suffix).unlink(missing_ok=True)
        for name in ("jobs", "endpoints"):
            shutil.rmtree(self.file(name), ignore_errors=True)


def exports(parts, aws, region):
    """Shell lines. The user's own profiles stay out of it: their keys are not for a stand-in."""
    for name in ("aws-config", "aws-credentials"):
        parts.file(name).touch()
    lines = {
        "AWS_ENDPOINT_URL": aws["url"],
        "AWS_ACCESS_KEY_ID": aws["key"],
        "AWS_SECRET_ACCESS_KEY": aws["secret"],
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_CONFIG_FILE": str(parts.file("aws-config")),
        "AWS_SHARED_CREDENTIALS_FILE": str(parts.file("aws-credentials")),
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    return ["export %s=%s" % (name, shlex.quote(value)) for name, value in lines.items()]


def up(arguments=None):
    parser = argparse.ArgumentParser(
        prog="up", description="Start the stand-in for the clouds; prints export lines for the shell."
    )
    parser.add_argument("dir", help="a folder for state and logs")
    parser.add_argument("--port", type=int, default=0, help="of the AWS stand-in; 0: any free one")
    parser.add_argument("--moto-port", type=int, default=0)
    parser.add_argument("--helper-port", type=int, default=0)
    parser.add_argument("--google", action="store_true", help="start the Google oracle too")
    parser.add_argument("--google-port", type=int, default=0)
    parser.add_argument("--region", default="us-east-1")
    parser.add_argument("--scale", type=float, default=1.0, help="of AWS's own waiting times (120 s after SIGTERM)")
    parser.add_argument("--python", help="runs the scripts; for frameworks other than scikit-learn")
    given = parser.parse_args(arguments)
    parts = Parts(given.dir)
    parts.directory.mkdir(parents=True, exist_ok=True)
    with open(parts.file("lock"), "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        wanted = [name for name in PARTS if name != "google" or given.google]
        ready = {name: read_json(parts.file(name + ".json")) for name in wanted}
        if set(wanted) <= set(parts.running()) and all(ready.values()):
            say("already running in %s" % parts.directory)
        else:
            parts.stop()  # what an earlier, killed start has left
            signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
            try:
                ready = start_all(parts, given)
            except BaseException:
                parts.stop()
                raise
    for line in exports(parts, ready["aws"], given.region):
        print(line)
    if given.google:
        print("export CURFEW_GOOGLE_ENDPOINT_URL=http://127.0.0.1:%d" % ready["google"]["port"])
    return 0


def start_all(parts, given):
    main = environment("requirements.txt", parts.directory)
    run = environment("requirements-run.txt", parts.directory)
    place = ["--dir", str(parts.directory)]
    ready = {}
    # Without it moto's EC2 is born with 1,302 snapshots.
    extra = {"MOTO_AMIS_PATH": str(HERE / "noamis.json")}
    moto = [main, "-m", "standin.moto_server", *place, "--port", str(given.moto_port)]
    ready["moto"] = parts.start("moto", moto, extra)
    at_moto = "127.0.0.1:%d" % ready["moto"]["port"]
    helper = [main, "-m", "standin.helper", *place, "--moto", at_moto, "--runner-python", run]
    helper += ["--port", str(given.helper_port)] + (["--python", given.python] if given.python else [])
    ready["helper"] = parts.start("helper", helper)
    aws = [main, "-m", "standin.aws", *place, "--moto", at_moto, "--port", str(given.port)]
    aws += ["--helper", "127.0.0.1:%d" % ready["helper"]["port"], "--scale", str(given.scale)]
    ready["aws"] = parts.start("aws", aws)
    if given.google:
        google = environment("requirements-google.txt", parts.directory)
        google = [google, "-m", "standin.google", *place, "--port", str(given.google_port)]
        ready["google"] = parts.start("google", google)
    where = (ready["aws"]["url"], at_moto, HERE / "down", shlex.quote(given.dir))
    say("AWS stand-in on %s (bare moto on %s); stop it with: %s %s" % where)
    return ready


def down(arguments=None):
    parser = argparse.ArgumentParser(prog="down", description="Stop the stand-in that `up DIR` started; logs stay.")
    parser.add_argument("dir")
    given = parser.parse_args(arguments)
    parts = Parts(given.dir)
    if not parts.directory.is_dir():
        say("nothing to stop: there is no %s" % parts.directory)
        return 0
    parts.stop()
    left = marked(DIR_MARK, str(parts.directory)) if os.path.isdir("/proc") else []
    if left:
        say("still running: %s" % left)
        return 1
    return 0
