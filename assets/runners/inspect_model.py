"""Say what a model file is before anyone loads it: nothing in it is run.

    python inspect_model.py PATH [--seconds 20]

PATH is a model.tar.gz (or .tar, .tgz), a folder, or one file: joblib, pickle, XGBoost, Keras, PyTorch, ONNX. Prints one
JSON object:

    path, bytes       as given; size of the file or of all files
    kind              "tar", "folder", or the kind of the single file
    problem           null, or one line: cut short, not an archive, unreadable
    models            [{name, kind, bytes, class, features, compression, complete, problem, packages, globals, flags,
                      versions}]: `class` of the outermost object, `features` how many inputs it was fitted on (null:
                      not told), `packages` that loading imports, `globals` every name that it would look up, `flags`
                      [{global, level: "danger" | "unknown", why}], `versions` {package: [version, ...]} as recorded
                      inside, `complete` whether it was read to its end: if not, no flags mean nothing
    members           [{name, bytes, type}] of an archive or folder, at most 1,000; members_total counts all
    unpacked_bytes    what unpacking would take
    unsafe_members    [{name, why}]: leave the folder, point out of it, or are no plain files. Do not unpack with any
    script            {name, functions, problem} of code/inference.py, or null
    requirements      lines of code/requirements.txt, or null
    made_with         curfew-model.json, what probe.py said where the model was made, or null
    runs_code         loading it runs code of its maker's choice: true for every pickle, however tame it looks
    danger            a name flagged as danger, or an unsafe member

Exit status: 0 inspected, 1 there is a `problem`, 2 wrong arguments. Standard library only, Python 3.8 or later.
"""

import argparse
import ast
import io
import json
import os
import re
import stat
import sys
import tarfile
import time
import zipfile
import zlib
import lzma

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)  # not a given under PYTHONSAFEPATH
from inspect_pickle import examine  # noqa: E402

PICKLES = (".joblib", ".pkl", ".pickle", ".p", ".sav", ".jbl")
TEXTS = {"code/inference.py": "script", "code/requirements.txt": "requirements", "curfew-model.json": "made_with"}
SMALL = 1 << 20  # of a text
IN_MEMORY = 1 << 28  # of a zip inside an archive, which cannot be read front to back
SHOWN = 1000


def one_line(text, limit=200):
    return " ".join(str(text).split())[:limit]


class Report:
    """Collects what each file tells; `view` is the JSON."""

    def __init__(self, path, deadline):
        self.path, self.deadline, self.bytes, self.kind, self.problem = path, deadline, None, None, None
        self.models, self.members, self.members_total, self.unpacked, self.unsafe = [], [], 0, 0, []
        self.texts = {"script": None, "requirements": None, "made_with": None}

    def seconds(self):
        return max(self.deadline - time.monotonic(), 0)

    def member(self, name, size, kind):
        self.members_total += 1
        self.unpacked += size
        if len(self.members) < SHOWN:
            self.members.append({"name": name, "bytes": size, "type": kind})

    def file(self, name, size, stream):
        """One regular file; `stream` can peek, and is read front to back at most once."""
        plain = name[2:] if name.startswith("./") else name
        if plain in TEXTS:
            self.texts[TEXTS[plain]] = TEXT_READERS[TEXTS[plain]](plain, stream.read(SMALL))
            return
        facts = model_facts(plain, size, stream, self.seconds())
        if facts:
            self.models.append(dict({"name": plain, "bytes": size}, **facts))

    def view(self):
        flags = [flag for model in self.models for flag in model["flags"]]
        view = {
            "path": self.path,
            "bytes": self.bytes,
            "kind": self.kind,
            "problem": self.problem,
            "models": sorted(self.models, key=lambda model: model["name"]),
            "members": self.members,
            "members_total": self.members_total,
            "unpacked_bytes": self.unpacked,
            "unsafe_members": self.unsafe,
            "runs_code": any(model["kind"] in ("pickle", "joblib", "torch") for model in self.models),
            "danger": bool(self.unsafe) or any(flag["level"] == "danger" for flag in flags),
        }
        view.update(self.texts)
        return view


# Single files


def model_facts(name, size, stream, seconds):
    """Facts of a file that holds a model, None of any other. The name says what to try, the content what it is."""
    lower, head = name.lower(), stream.peek(16)[:16]
    if lower.endswith(PICKLES):
        return examine(stream, seconds)
    if head[:4] == b"PK\x03\x04" and lower.endswith((".keras", ".pt", ".pth", ".zip")):
        return zip_facts(size, stream, seconds)
    if lower.endswith((".pt", ".pth")):  # PyTorch before 1.6: bare pickles
        return dict(examine(stream, seconds), kind="torch")
    if os.path.basename(lower) == "xgboost-model" or lower.endswith((".ubj", ".xgb", ".bst")):
        return other("xgboost", ["xgboost"], xgboost_version(stream))
    if lower.endswith(".json") and b'"learner"' in stream.peek(1 << 16):
        return other("xgboost", ["xgboost"], xgboost_version(stream))
    if lower.endswith((".h5", ".hdf5")) and head.startswith(b"\x89HDF"):
        found = re.search(rb"keras_version.{0,400}?(\d+\.\d+\.\d+)", stream.read(SMALL), re.DOTALL)
        return other("keras", ["keras"], {"keras": [found.group(1).decode()]} if found else {})
    if os.path.basename(lower) == "saved_model.pb":
        return other("tensorflow", ["tensorflow"], {})
    if lower.endswith(".onnx"):
        return other("onnx", ["onnxruntime"], {})
    if lower.endswith(".safetensors"):
        return other("safetensors", ["safetensors"], {})
    return None


def other(kind, packages, versions, problem=None):
    return {
        "kind": kind,
        "class": None,
        "features": None,
        "compression": None,
        "complete": problem is None,
        "problem": problem,
        "packages": packages,
        "globals": [],
        "flags": [],
        "versions": versions,
    }


def xgboost_version(stream):
    """Both formats end with it: "version":[2,0,3]} in JSON, the same in UBJSON's bytes."""
    end, more = b"", True
    while more:
        more = stream.read(1 << 20)
        end = (end + more)[-4096:]
    text = re.search(rb'"version"\s*:\s*\[\s*(\d+)\s*,\s*(\d+)\s*,\s*(\d+)\s*\]', end)
    if text:
        return {"xgboost": [".".join(part.decode() for part in text.groups())]}
    binary = re.search(rb"version\[#L\x00{7}\x03((?:[iU].|I..|l....){3})\}*$", end, re.DOTALL)
    if binary:
        parts = re.findall(rb"[iU](.)|I(..)|l(....)", binary.group(1), re.DOTALL)
        return {"xgboost": [".".join(str(int.from_bytes(b"".join(part), "big")) for part in parts)]}
    return {}


def zip_facts(size, stream, seconds):
    """A .keras or PyTorch archive. A Keras one may carry a Lambda layer, which is code as well."""
    if size > IN_MEMORY:
        return other("zip", [], {}, "not looked through: larger than %d bytes" % IN_MEMORY)
    try:
        with zipfile.ZipFile(io.BytesIO(stream.read())) as archive:
            names = archive.namelist()
            pickled = next((name for name in names if name.endswith("data.pkl")), None)
            if pickled:
                with archive.open(pickled) as inner:
                    return dict(examine(io.BufferedReader(inner), seconds), kind="torch")
            if "metadata.json" in names and "config.json" in names:
                with archive.open("metadata.json") as inner:
                    version = json.loads(inner.read(SMALL)).get("keras_version")
                with archive.open("config.json") as inner:
                    config = inner.read(IN_MEMORY)
                facts = other("keras", ["keras"], {"keras": [str(version)]} if version else {})
                if b'"Lambda"' in config or b'"__lambda__"' in config:
                    why = "a layer that is a Python function, which loading may run"
                    facts["flags"] = [{"global": "keras.layers.Lambda", "level": "danger", "why": why}]
                return facts
    except (zipfile.BadZipFile, ValueError, RuntimeError, OSError, zlib.error, NotImplementedError) as error:
        return other("zip", [], {}, "a damaged archive (%s)" % one_line(error))
    return None


def read_script(name, data):
    """The functions of SageMaker's contract that a script defines, by parsing it."""
    wanted = ("model_fn", "input_fn", "predict_fn", "output_fn", "transform_fn")
    wanted += ("handler", "input_handler", "output_handler")  # of AWS's TensorFlow images
    try:
        tree = ast.parse(data)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        where = " in line %d" % error.lineno if getattr(error, "lineno", None) else ""
        return {"name": name, "functions": [], "problem": "not valid Python%s: %s" % (where, one_line(error))}
    defined = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    for node in tree.body:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            defined.update(alias.asname or alias.name for alias in node.names)
        elif isinstance(node, ast.Assign):
            defined.update(target.id for target in node.targets if isinstance(target, ast.Name))
    return {"name": name, "functions": [each for each in wanted if each in defined], "problem": None}


def read_requirements(_name, data):
    lines = (line.split("#")[0].strip() for line in data.decode("utf-8", "replace").splitlines())
    return [line for line in lines if line]


def read_made_with(_name, data):
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


TEXT_READERS = {"script": read_script, "requirements": read_requirements, "made_with": read_made_with}


# Archives and folders


def why_unsafe(member):
    """Why a member must not be unpacked, or None."""
    if any(ord(letter) < 32 or letter == "\x7f" for letter in member.name):
        return "control characters in its name"
    if member.name.startswith(("/", "\\")) or re.match(r"[A-Za-z]:", member.name):
        return "an absolute path"
    if ".." in re.split(r"[/\\]", member.name):
        return "leaves the folder by .."
    if member.issym() or member.islnk():
        base = os.path.dirname(member.name) if member.issym() else ""
        target = os.path.normpath(os.path.join("/model", base, member.linkname))
        inside = not member.linkname.startswith("/") and (target + "/").startswith("/model/")
        return None if inside else "a link out of the folder"
    if not (member.isfile() or member.isdir()):
        return "no plain file"
    return None


def member_type(member):
    if member.isfile():
        return "file"
    return "folder" if member.isdir() else "link" if member.issym() or member.islnk() else "device"


def read_tar(report, path):
    seen = set()
    with tarfile.open(path, "r|*") as archive:  # front to back, so that each byte is unpacked once
        for member in archive:
            if report.seconds() == 0:
                report.problem = "not looked through: it takes too long to read"
                return
            name = os.path.normpath(member.name)
            why = why_unsafe(member) or ("there twice, so the later one hides the earlier" if name in seen else None)
            if not member.isdir():
                seen.add(name)
            report.member(member.name, member.size if member.isfile() else 0, member_type(member))
            if why:
                report.unsafe.append({"name": member.name, "why": why})
            elif member.isfile():
                report.file(member.name, member.size, archive.extractfile(member))


def read_folder(report, path):
    for folder, _folders, files in sorted(os.walk(path)):
        for name in sorted(files):
            full = os.path.join(folder, name)
            relative = os.path.relpath(full, path).replace(os.sep, "/")
            info = os.lstat(full)
            if not stat.S_ISREG(info.st_mode):
                report.member(relative, 0, "link" if stat.S_ISLNK(info.st_mode) else "device")
                continue
            report.member(relative, info.st_size, "file")
            with open(full, "rb") as stream:
                report.file(relative, info.st_size, stream)


def inspect(path, seconds=20):
    report = Report(path, time.monotonic() + seconds)
    try:
        if os.path.isdir(path):
            report.kind = "folder"
            read_folder(report, path)
            report.bytes = report.unpacked
            return report.view()
        report.bytes = os.stat(path).st_size
        named_tar = path.lower().endswith((".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz"))
        if named_tar or tarfile.is_tarfile(path):
            report.kind = "tar"
            read_tar(report, path)
            return report.view()
        with open(path, "rb") as stream:
            name = os.path.basename(path)
            facts = model_facts(name, report.bytes, stream, seconds)
            facts = facts or examine(stream, seconds)  # an unusual ending: see whether it is a pickle
            report.unpacked = report.bytes
        if facts["problem"] and not facts["globals"] and facts["kind"] == "pickle":
            report.problem = facts["problem"]
        report.kind = facts["kind"]
        report.models.append(dict({"name": name, "bytes": report.bytes}, **facts))
    except (tarfile.TarError, EOFError, zlib.error, lzma.LZMAError) as error:
        report.problem = "not an archive, or one that is cut short (%s)" % one_line(error)
    except (OSError, ValueError) as error:
        report.problem = "cannot be read: %s" % one_line(getattr(error, "strerror", None) or error)
    return report.view()


def main():
    parser = argparse.ArgumentParser(description="Say what a model file is, without loading it.")
    parser.add_argument("path")
    parser.add_argument("--seconds", type=float, default=20, help="give up looking after this long")
    options = parser.parse_args()
    view = inspect(options.path, options.seconds)
    print(json.dumps(view))
    return 1 if view["problem"] else 0


if __name__ == "__main__":
    sys.exit(main())
