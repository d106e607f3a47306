"""probe.py tells of the interpreter that runs it, without importing what it finds."""

import json
import platform
import subprocess
import sys
from importlib import metadata

import pytest

from conftest import RUNNERS


def probe(*interpreter, env=None):
    done = subprocess.run(
        [sys.executable, *interpreter, str(RUNNERS / "probe.py")], capture_output=True, text=True, timeout=60, env=env
    )
    assert done.returncode == 0 and done.stderr == "" and done.stdout.count("\n") == 1
    return json.loads(done.stdout)


def test_this_environment():
    facts = probe()
    assert facts["python"] == platform.python_version() and facts["implementation"] == "CPython"
    assert facts["executable"] == sys.executable and facts["prefix"] == sys.prefix
    assert facts["virtual_env"] == (sys.prefix != sys.base_prefix)
    for name in ("scikit-learn", "numpy", "joblib"):
        assert facts["packages"][name] == metadata.version(name)
    assert "pytest" not in facts["packages"] and "torch" not in facts["packages"]


def test_nothing_installed():
    assert probe("-I", "-S")["packages"] == {}


@pytest.mark.parametrize(
    "text, version", [("Metadata-Version: 2.1\nName: torch\nVersion: 9.9.9\n", "9.9.9"), ("", None)]
)
def test_found_without_importing(tmp_path, text, version):
    """A package that would end the process on import, and one whose metadata are empty."""
    (tmp_path / "torch").mkdir()
    (tmp_path / "torch" / "__init__.py").write_text("raise SystemExit('imported')\n")
    (tmp_path / "torch-9.9.9.dist-info").mkdir()
    (tmp_path / "torch-9.9.9.dist-info" / "METADATA").write_text(text)
    assert probe(env={"PYTHONPATH": str(tmp_path), "PATH": ""})["packages"].get("torch") == version
