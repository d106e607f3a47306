"""A virtual environment of its own for every job and model, over the shared one: what a script's requirements.txt
installs must not reach the next script. Made in a tenth of a second, since it only points at the packages below it."""

import os
import subprocess


class Base:
    """The Python that scripts run with. `python` may be another of the same minor version, with other frameworks."""

    def __init__(self, runner, python=None):
        self.python = python or runner
        self.sites = [_site(self.python)] + ([_site(runner)] if python else [])
        ours, self.version = _version(runner), _version(self.python)
        if ours != self.version:
            raise SystemExit("%s is Python %s; the toolkit here needs %s" % (self.python, self.version, ours))

    def make(self, folder):
        """The python of a new environment."""
        subprocess.run([self.python, "-m", "venv", "--without-pip", folder], check=True, capture_output=True)
        site = os.path.join(folder, "lib", "python" + self.version, "site-packages")
        with open(os.path.join(site, "below.pth"), "w", encoding="utf-8") as file:
            file.write("\n".join(self.sites) + "\n")
        return os.path.join(folder, "bin", "python")


def _ask(python, code):
    return subprocess.run([python, "-c", code], check=True, capture_output=True, text=True).stdout.strip()


def _site(python):
    return _ask(python, "import sysconfig; print(sysconfig.get_path('purelib'))")


def _version(python):
    return _ask(python, "import sys; print('%d.%d' % sys.version_info[:2])")


# So that pip reaches its index as it does outside.
KEPT = (
    "LANG LC_ALL TZ PIP_INDEX_URL PIP_CONFIG_FILE PIP_CACHE_DIR SSL_CERT_FILE REQUESTS_CA_BUNDLE "
    "HTTP_PROXY HTTPS_PROXY http_proxy https_proxy"
).split()


def clean_environment(folder, python, **more):
    """What a container's process starts with: nothing of the user's own settings or keys."""
    path = os.pathsep.join([os.path.dirname(python), os.environ.get("PATH", os.defpath)])
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    home = {"HOME": folder, "TMPDIR": folder, "PATH": path, "VIRTUAL_ENV": os.path.dirname(os.path.dirname(python))}
    return {**kept, **home, "PYTHONUNBUFFERED": "1", "NO_PROXY": "127.0.0.1,localhost", **more}
