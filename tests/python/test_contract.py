"""sm_env.json, which the supervisor of local runs keeps to, is what AWS's own toolkit does."""

import ast
import json
import sys

import pytest

import make_sm_env
from conftest import IRIS, RUNNERS, read_json

PROMISED = """
SM_MODEL_DIR SM_OUTPUT_DATA_DIR SM_OUTPUT_DIR SM_OUTPUT_INTERMEDIATE_DIR SM_INPUT_DIR SM_INPUT_CONFIG_DIR SM_CHANNELS
SM_CHANNEL_TRAINING SM_HPS SM_HP_EPOCHS SM_USER_ARGS SM_NUM_CPUS SM_NUM_GPUS SM_CURRENT_HOST SM_HOSTS SM_MODULE_NAME
SM_MODULE_DIR SM_USER_ENTRY_POINT SM_TRAINING_ENV SM_FRAMEWORK_MODULE SM_FRAMEWORK_PARAMS SM_RESOURCE_CONFIG
SM_INPUT_DATA_CONFIG SM_LOG_LEVEL
""".split()


@pytest.fixture(scope="module")
def recorded():
    return read_json(make_sm_env.CONTRACT)


def test_the_toolkit_does_what_is_recorded(recorded):
    now = json.loads(json.dumps(make_sm_env.contract()))
    for part in now:  # part by part, so that a failure shows which
        assert now[part] == recorded[part], part
    assert sorted(now) == sorted(recorded)


def test_every_promised_name_is_there(recorded):
    names = [variable["name"] for variable in recorded["variables"]]
    assert names == sorted(set(names)) and set(PROMISED) <= set(names)


def test_the_recorded_rules_reproduce_the_values(recorded):
    """The rules in words, written out in Python: what the Rust side has to do as well."""

    def parsed(given):
        try:
            return json.loads(given)
        except ValueError:
            return given

    for row in recorded["values"]:
        value = parsed(row["given"])
        if value is None:
            arg = env = ""
        elif isinstance(value, dict):
            arg = ",".join("%s=%s" % item for item in sorted(value.items()))
            env = json.dumps(value, sort_keys=True, separators=(",", ":"))
        else:
            arg, env = str(value), value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))
        assert (arg, env) == (row["arg"], row["env"]), row["given"]


def test_recorded_arguments_agree_with_each_other(recorded):
    variables = {variable["name"]: variable["value"] for variable in recorded["variables"]}
    arguments = recorded["command"]["arguments"]
    assert arguments[:2] == ["--", "train.py"] and json.loads(variables["SM_USER_ARGS"]) == arguments[2:]
    assert json.loads(variables["SM_HPS"]) == {
        key: json.loads(value) if value != "adam" else value
        for key, value in recorded["example"]["hyperparameters"].items()
    }


# What the runners and the labs may use


def sources():
    yield from ((path, True) for path in sorted(RUNNERS.glob("*.py")))
    yield from ((path, False) for path in sorted(IRIS.rglob("*.py")))


@pytest.mark.parametrize("path, runner", list(sources()), ids=lambda value: getattr(value, "name", None))
def test_old_pythons_can_read_it(path, runner):
    """AWS's older containers have Python 3.8, and a model is served with the Python that it was made with."""
    tree = ast.parse(path.read_text(encoding="utf-8"), feature_version=(3, 8))
    imported = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imported |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add(node.module.partition(".")[0])
    standard = set(getattr(sys, "stdlib_module_names", ())) or imported
    own = {other.stem for other in RUNNERS.glob("*.py")}
    allowed = own | {"numpy", "joblib", "xgboost"} if runner else {"numpy", "joblib", "sklearn", "tensorflow"}
    assert imported <= standard | allowed
    at_once = {name.name for node in tree.body if isinstance(node, ast.Import) for name in node.names}
    assert not runner or not at_once & {"numpy", "joblib", "xgboost"}, "imported only where they are needed"
    for line in path.read_text(encoding="utf-8").splitlines():
        assert len(line) <= 120, line
