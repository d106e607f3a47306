"""Record in sm_env.json what AWS's own training toolkit gives a script: the contract of our supervisor of local runs.

    python make_sm_env.py [--check]

Runs sagemaker-training (see requirements.txt) on one example job and writes what the script saw. `--check` compares
instead of writing, exit status 1 on a difference. test_contract.py does the same, so the file cannot drift from it.
"""

import json
import os
import subprocess
import sys
import tempfile
from importlib import metadata
from pathlib import Path

HERE = Path(__file__).resolve().parent
CONTRACT = HERE / "sm_env.json"

# What the user says in CreateTrainingJob (every value a string there), or with --hyper k=v.
HYPERPARAMETERS = {
    "epochs": "60",
    "learning-rate": "0.003",
    "batch_size": "16",
    "shuffle": "true",
    "optimizer": "adam",
    "layers": "[16, 8]",
    "s": "7",
}
CHANNELS = ["training", "validation"]

# One value at a time: `given` as above, then what the script gets. JSON where it parses, else the text itself.
VALUES = [
    "60", "0", "-3", "+3", "007", " 5 ", "12345678901234567890",
    "0.003", "1.0", "1e-3", "1E3", "1e16", "1e15", "123456789012345680.0", "0.0001", "0.00001", "1e-7", ".5", "5.",
    "-0.0", "1e400", "0.1000000000000000055", "3.14159265358979323846", "NaN", "Infinity", "-Infinity", "nan",
    "true", "false", "True", "null", "None", "", " ", "adam", "two words", "\"quoted\"", "'single'", "\"60\"",
    "[16, 8]", "[]", "[1.0, true, null, \"x\"]", "{\"b\": 1, \"a\": [1, 2]}", "{}", "{\"a\": {\"b\": 1}}",
    "a=b", "--flag", "$HOME", "a;b|c", "é☃", "\"\\u00e9\"", "line\nbreak", "2h", "1_000", "0x10", "[1,",
]  # fmt: skip

NOTES = {
    "SM_MODEL_DIR": "the script leaves its model here; packed to model.tar.gz when the run ends well",
    "SM_OUTPUT_DIR": "`failure` in it holds the reason of a failed run, `success` marks a good one",
    "SM_OUTPUT_DATA_DIR": "anything else to keep; packed to output.tar.gz",
    "SM_OUTPUT_INTERMEDIATE_DIR": "not made by the toolkit; on AWS synchronised to S3 while the job runs",
    "SM_INPUT_DIR": "config/ and data/ below it",
    "SM_INPUT_CONFIG_DIR": "hyperparameters.json, inputdataconfig.json, resourceconfig.json, as under `files`",
    "SM_CHANNELS": "JSON, sorted",
    "SM_HPS": "JSON object of the decoded hyperparameters, without those that start with sagemaker_",
    "SM_USER_ARGS": "JSON list, the arguments as under `command`",
    "SM_HOSTS": "JSON list",
    "SM_CURRENT_HOST": "algo-1 on AWS; must resolve, so localhost here",
    "SM_MODULE_NAME": "the entry script without .py",
    "SM_USER_ENTRY_POINT": "the entry script, relative to the code folder",
    "SM_MODULE_DIR": "where the code came from; on AWS the s3:// address of sourcedir.tar.gz",
    "SM_FRAMEWORK_MODULE": "empty outside a framework container; there e.g. sagemaker_sklearn_container.training:main",
    "SM_FRAMEWORK_PARAMS": "JSON object of hyperparameters that start with sagemaker_ and are not the toolkit's own",
    "SM_RESOURCE_CONFIG": "JSON, resourceconfig.json as it stands with sorted keys",
    "SM_INPUT_DATA_CONFIG": "JSON, inputdataconfig.json as it stands with sorted keys",
    "SM_LOG_LEVEL": "20 is INFO, in the numbers of Python's logging",
    "SM_NUM_CPUS": "{num_cpus}: logical CPUs of the machine",
    "SM_NUM_GPUS": '{num_gpus}: lines of `nvidia-smi --list-gpus` that start with "GPU "; 0 without it',
    "SM_NUM_NEURONS": "{num_neurons}: 0 away from AWS",
    "SM_CURRENT_INSTANCE_TYPE": '"local" where resourceconfig.json names none',
    "SM_CURRENT_INSTANCE_GROUP": "homogeneousCluster where resourceconfig.json has no current_group_name",
    "SM_IS_HETERO": "JSON bool",
    "SM_TRAINING_ENV": "JSON object, every property of the toolkit's Environment with sorted keys",
    "SM_NETWORK_INTERFACE_NAME": "eth0 where resourceconfig.json names none",
}

DUMP = """
import json, os, sys
command = getattr(sys, "orig_argv", None)  # Python 3.10
if command is None:
    with open("/proc/self/cmdline") as file:
        command = file.read().split("\\0")[:-1]
with open(os.path.join(os.environ["SM_OUTPUT_DATA_DIR"], "seen.json"), "w") as file:
    json.dump({"env": dict(os.environ), "argv": sys.argv, "orig": command[1:], "cwd": os.getcwd()}, file)
"""


def prepare(base, source, entry, hyperparameters, channels):
    """The folder that SageMaker mounts at /opt/ml, and the three files in it that describe the job."""
    config = base / "input" / "config"
    config.mkdir(parents=True)
    for folder in ("model", "output/data"):
        (base / folder).mkdir(parents=True)
    for channel in channels:
        (base / "input" / "data" / channel).mkdir(parents=True)
    # The SDK encodes the toolkit's own hyperparameters as JSON strings.
    own = {"sagemaker_program": json.dumps(entry), "sagemaker_submit_directory": json.dumps(str(source))}
    files = {
        "hyperparameters.json": {**hyperparameters, **own},
        "inputdataconfig.json": {
            channel: {
                "TrainingInputMode": "File",
                "S3DistributionType": "FullyReplicated",
                "RecordWrapperType": "None",
            }
            for channel in channels
        },
        "resourceconfig.json": {
            "current_host": "localhost",
            "current_instance_type": "local",
            "current_group_name": "homogeneousCluster",
            "hosts": ["localhost"],
            "instance_groups": [
                {"instance_group_name": "homogeneousCluster", "instance_type": "local", "hosts": ["localhost"]}
            ],
            "network_interface_name": "lo",
        },
    }
    for name, value in files.items():
        (config / name).write_text(json.dumps(value))
    return files


def run_toolkit(base, **extra):
    """Runs the job under AWS's toolkit as a container would; returns the finished process."""
    env = {key: value for key, value in os.environ.items() if not key.startswith(("SM_", "SAGEMAKER_", "AWS_"))}
    env.update(SAGEMAKER_BASE_DIR=str(base), PYTHONUNBUFFERED="1", **extra)
    # The toolkit looks its own `pip` and helpers up on the PATH.
    env["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), env.get("PATH", "")])
    command = [sys.executable, "-m", "sagemaker_training.cli.train"]
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=300)


def seen_by_script(folder, hyperparameters, channels):
    """(what the script saw, with {base} and {source} for the folders; the files it was described by)."""
    base, source = Path(folder) / "ml", Path(folder) / "source"
    source.mkdir()
    (source / "train.py").write_text(DUMP)
    files = prepare(base, source, "train.py", hyperparameters, channels)
    done = run_toolkit(base, TRAINING_JOB_NAME="example-job")
    if done.returncode != 0:
        raise SystemExit("the toolkit failed:\n" + done.stdout + done.stderr)
    text = (base / "output" / "data" / "seen.json").read_text()
    seen = json.loads(text.replace(str(base), "{base}").replace(str(source), "{source}"))
    described = json.loads(json.dumps(files).replace(str(source), "{source}"))
    return seen, described


def number_free(env):
    """Puts {num_cpus} and its like where the machine's own figures stand, also inside SM_TRAINING_ENV."""
    env = dict(env)
    inside = json.loads(env["SM_TRAINING_ENV"])
    for key in ("num_cpus", "num_gpus", "num_neurons"):
        env["SM_" + key.upper()] = inside[key] = "{%s}" % key
    text = json.dumps(inside, sort_keys=True, separators=(",", ":"))
    for key in ("num_cpus", "num_gpus", "num_neurons"):
        text = text.replace('"{%s}"' % key, "{%s}" % key)
    env["SM_TRAINING_ENV"] = text
    return env


def kind(name, value):
    if name.startswith("SM_HP_"):
        return "hyperparameter"
    if value.startswith(("{base}", "{source}")):
        return "path"
    if value.startswith(("[", '{"', "{}")):
        return "json"
    return (
        "number" if value.startswith("{num_") or value.isdigit() else "bool" if value in ("true", "false") else "text"
    )


def contract():
    with tempfile.TemporaryDirectory() as folder:
        seen, files = seen_by_script(os.path.realpath(folder), HYPERPARAMETERS, CHANNELS)
    env = number_free({key: value for key, value in seen["env"].items() if key.startswith("SM_")})
    variables = [
        {"name": name, "kind": kind(name, value), "value": value, "note": NOTES.get(name, "")}
        for name, value in sorted(env.items())
    ]
    with tempfile.TemporaryDirectory() as folder:
        keys = ["v%03d" % number for number in range(len(VALUES))]
        one_by_one, _ = seen_by_script(os.path.realpath(folder), dict(zip(keys, VALUES)), [])
    arguments = one_by_one["argv"][1:]
    values = [
        {"given": given, "arg": arguments[2 * number + 1], "env": one_by_one["env"]["SM_HP_" + keys[number].upper()]}
        for number, given in enumerate(VALUES)
    ]
    for name in ("CURRENT_HOST", "SAGEMAKER_REGION", "SAGEMAKER_JOB_NAME", "PYTHONPATH", "TRAINING_JOB_NAME"):
        assert name in seen["env"], name
    assert arguments[::2] == ["--" + key for key in keys], "one argument each, sorted by name"
    return {
        "about": "What AWS's toolkit gives a training script, recorded by make_sm_env.py; the contract of local runs.",
        "toolkit": "sagemaker-training " + metadata.version("sagemaker-training"),
        "placeholders": {
            "{base}": "the run's folder, /opt/ml on AWS",
            "{source}": "where the script folder was copied from",
            "{num_cpus}": "logical CPUs",
            "{num_gpus}": "GPUs",
            "{num_neurons}": "Neuron cores",
        },
        "rules": {
            "hyperparameter": "each given string is parsed as JSON (Python's json.loads, which also takes NaN and "
            "Infinity and spaces around); one that does not parse stays text",
            "arguments": "--name value for each, sorted by name, -n for a name of one letter; a value is Python's "
            "str() of what was parsed: True, None as an empty argument, lists as Python writes them, an object as "
            "k=v,k=v sorted by key",
            "environment": "a text as it is, nothing for None, anything else as JSON with sorted keys, no spaces and "
            "non-ASCII escaped; SM_HP_ and SM_CHANNEL_ names are upper-cased and not changed otherwise",
            "floats": "written as Python's repr: shortest digits, an exponent below 1e-4 and from 1e16: 1e-05, 1e+16",
        },
        "example": {"hyperparameters": HYPERPARAMETERS, "channels": CHANNELS, "entry": "train.py", "files": files},
        "command": {"cwd": seen["cwd"], "arguments": seen["orig"]},
        "variables": variables,
        "others": {
            "TRAINING_JOB_NAME": "the run's name, set by the platform before the toolkit starts: example-job here",
            "CURRENT_HOST": "as SM_CURRENT_HOST",
            "SAGEMAKER_REGION": "empty away from AWS",
            "SAGEMAKER_JOB_NAME": "empty, unless the hyperparameter sagemaker_job_name is given",
            "PYTHONPATH": "the toolkit's own sys.path, the code folder first",
        },
        "after": {
            "output/success": "empty; written when the script ends with status 0",
            "output/failure": "first line the class ExecuteUserScriptError: then ExitCode N; written otherwise",
        },
        "values": values,
    }


def main():
    text = json.dumps(contract(), indent=1, ensure_ascii=False) + "\n"
    if "--check" in sys.argv[1:]:
        if CONTRACT.read_text(encoding="utf-8") != text:
            sys.exit("sm_env.json is not what the toolkit does: run make_sm_env.py and look at the difference")
        return
    CONTRACT.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
