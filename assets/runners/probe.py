"""Print one JSON line about the Python interpreter that runs this file, and the frameworks installed for it.

    python probe.py

{"python": "3.11.7", "implementation": "CPython", "executable": "…", "prefix": "…", "virtual_env": true,
 "platform": "linux", "machine": "x86_64", "packages": {"joblib": "1.4.2", "scikit-learn": "1.5.2"}}

`packages` holds what is installed of FRAMEWORKS, by its name on PyPI; the rest is left out. Nothing is imported: a
broken or slow framework must not keep the answer away. The line is written next to a model that was made here, so that
serving can pick the same minor version of Python and of the framework.
"""

import json
import platform
import sys
from importlib import metadata

FRAMEWORKS = (
    "catboost",
    "cloudpickle",
    "jax",
    "joblib",
    "keras",
    "lightgbm",
    "numpy",
    "onnx",
    "onnxruntime",
    "pandas",
    "pyarrow",
    "safetensors",
    "scikit-learn",
    "scipy",
    "skops",
    "statsmodels",
    "tensorflow",
    "tensorflow-cpu",
    "tokenizers",
    "torch",
    "torchvision",
    "transformers",
    "xgboost",
    "xgboost-cpu",
)


def packages():
    found = {}
    for name in FRAMEWORKS:
        try:
            version = metadata.version(name)
        except Exception:  # not installed, or metadata that cannot be read: both mean "no version known"
            continue
        if version:  # None for an installation that was cut short
            found[name] = version
    return found


def facts():
    return {
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "executable": sys.executable,
        "prefix": sys.prefix,
        "virtual_env": sys.prefix != sys.base_prefix,
        "platform": sys.platform,
        "machine": platform.machine(),
        "packages": packages(),
    }


if __name__ == "__main__":
    print(json.dumps(facts(), sort_keys=True))
