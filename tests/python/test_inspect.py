"""inspect_model.py tells what a model file is, and never runs what is in it."""

import bz2
import gzip
import io
import json
import lzma
import os
import pickle
import random
import subprocess
import sys
import tarfile
import zipfile
import zlib

import joblib
import numpy as np
import pytest
import sklearn
from sklearn.datasets import load_iris
from sklearn.ensemble import GradientBoostingClassifier, RandomForestClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import SGDClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC

from conftest import RUNNERS
from inspect_model import inspect
from inspect_pickle import examine


def look(data, **options):
    return examine(io.BufferedReader(io.BytesIO(data)), **options)


def dumped(value, **options):
    buffer = io.BytesIO()
    joblib.dump(value, buffer, **options)
    return buffer.getvalue()


def tar_of(path, files, mode="w:gz"):
    with tarfile.open(path, mode) as archive:
        for name, data in files:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


@pytest.fixture(scope="module")
def iris():
    return load_iris(return_X_y=True)


# Honest models


def test_a_model_tells_its_versions_and_its_shape(tree):
    facts = look(dumped(tree))
    assert (facts["kind"], facts["complete"], facts["problem"]) == ("joblib", True, None)
    assert (facts["class"], facts["features"]) == ("sklearn.tree._classes.DecisionTreeClassifier", 4)
    assert facts["versions"]["scikit-learn"] == [sklearn.__version__]
    assert facts["flags"] == [] and facts["packages"] == ["joblib", "numpy", "sklearn"]


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_every_protocol(tree, protocol):
    for data in (pickle.dumps(tree, protocol), dumped(tree, protocol=protocol)):
        facts = look(data)
        assert (facts["complete"], facts["problem"], facts["features"]) == (True, None, 4)
        assert facts["class"] == "sklearn.tree._classes.DecisionTreeClassifier"
        assert facts["versions"]["scikit-learn"] == [sklearn.__version__] and facts["flags"] == []


@pytest.mark.parametrize("compress", [1, 9, ("zlib", 3), ("gzip", 3), ("bz2", 3), ("lzma", 3), ("xz", 3)])
def test_every_compression(tree, compress):
    facts = look(dumped(tree, compress=compress))
    assert facts["compression"] == (compress[0] if isinstance(compress, tuple) else "zlib")
    assert (facts["complete"], facts["problem"], facts["features"]) == (True, None, 4)


@pytest.mark.parametrize(
    "make",
    [
        lambda: make_pipeline(StandardScaler(), SGDClassifier(loss="log_loss", random_state=0)),
        lambda: RandomForestClassifier(5, random_state=0),
        lambda: GradientBoostingClassifier(n_estimators=3, random_state=0),
        lambda: KNeighborsClassifier(3),
        lambda: SVC(),
        lambda: make_pipeline(FunctionTransformer(np.log1p), SVC()),
    ],
)
def test_many_kinds_of_models_are_not_flagged(iris, make):
    model = make().fit(*iris)
    for data in (dumped(model), dumped(model, compress=3), pickle.dumps(model)):
        facts = look(data)
        assert (facts["complete"], facts["problem"], facts["features"]) == (True, None, 4)
        assert [flag for flag in facts["flags"] if flag["level"] == "danger"] == []


def test_text_models_with_object_arrays():
    model = TfidfVectorizer().fit(["good movie", "bad movie"])
    labels = np.array(["a", None, "b"], dtype=object)
    facts = look(
        dumped([model, labels, np.array(["x", "yy"]), np.array(5.0), np.zeros((0, 3)), np.asfortranarray(np.eye(3))])
    )
    assert (facts["complete"], facts["problem"], facts["class"]) == (True, None, "builtins.list")


@pytest.mark.parametrize("seed", range(20))
def test_arrays_of_every_kind_are_stepped_over(seed):
    """The walk ends where joblib's does: what follows the arrays is still read."""
    chance = random.Random(seed)
    dtypes = ["f8", "f4", "i1", ">i4", "b1", "c16", "U7", "S3", "O", "M8[s]", [("a", "f8"), ("b", "i2", (2,))]]
    arrays = []
    for _ in range(8):
        shape = tuple(chance.randrange(0, 5) for _ in range(chance.randrange(0, 4)))
        arrays.append(np.zeros(shape, dtype=chance.choice(dtypes)))
    facts = look(dumped({"arrays": arrays, "last": SGDClassifier()}, protocol=chance.randrange(2, 6)))
    assert (facts["complete"], facts["problem"]) == (True, None)
    assert "sklearn.linear_model._stochastic_gradient.SGDClassifier" in facts["globals"]


def test_big_bytes_are_not_kept():
    data = pickle.dumps([b"x" * 3_000_000, bytearray(3_000_000), np.zeros(500_000)], protocol=5)
    assert look(data)["complete"]


def test_an_xgboost_model_tells_its_version(tmp_path):
    xgboost = pytest.importorskip("xgboost")
    matrix = xgboost.DMatrix(np.eye(4), [0, 1, 0, 1])
    booster = xgboost.train({}, matrix, 2)
    for name, form in (("model.json", "json"), ("model.ubj", "ubj"), ("xgboost-model", "ubj")):
        (tmp_path / name).write_bytes(bytes(booster.save_raw(form)))
        view = inspect(str(tmp_path / name))
        assert (view["kind"], view["runs_code"]) == ("xgboost", False)
        assert view["models"][0]["versions"] == {"xgboost": [xgboost.__version__]}


# Hostile ones


class Evil:
    """Pickles to a call of `function`."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def evils(marker):
    command = "touch %s" % marker
    yield "os.system", pickle.dumps(Evil(os.system, command))
    yield "eval", pickle.dumps(Evil(eval, "open(%r, 'w')" % str(marker)))
    yield "exec", pickle.dumps(Evil(exec, "open(%r, 'w')" % str(marker)), 0)
    yield "subprocess", pickle.dumps(Evil(subprocess.Popen, ["touch", str(marker)]))
    yield "protocol 0", b"cos\nsystem\n(S'" + command.encode() + b"'\ntR."
    yield "INST", b"(S'" + command.encode() + b"'\nios\nsystem\n."
    yield "OBJ", b"(cos\nsystem\nS'" + command.encode() + b"'\no."
    yield (
        "memo",
        b"\x80\x04\x8c\x02os\x940\x8c\x06system\x940h\x00h\x01\x93\x8c%c%s\x85R." % (len(command), command.encode()),
    )
    yield (
        "copy on the stack",
        b"\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c%c%s\x85R." % (len(command), command.encode()),
    )
    yield "build", b"\x80\x02c__builtin__\ngetattr\ncos\nsystem\nX\x04\x00\x00\x00namen\x86R."
    yield "dotted", b"\x80\x04\x8c\x05numpy\x8c\x09os.system\x93\x8c%c%s\x85R." % (len(command), command.encode())
    yield "through numpy", pickle.dumps(Evil(np.load, str(marker)))
    yield "in an object array", dumped([np.array([Evil(os.system, command)], dtype=object)])
    yield "after arrays", dumped([np.zeros(1000), Evil(os.system, command)])
    yield "compressed", dumped([np.zeros(1000), Evil(os.system, command)], compress=3)


def test_hostile_pickles_are_flagged_and_never_run(tmp_path):
    marker = tmp_path / "it-ran"
    for name, data in evils(marker):
        facts = look(data)
        dangers = [flag["global"] for flag in facts["flags"] if flag["level"] == "danger"]
        assert dangers, (name, facts)
        assert not marker.exists(), name
    (tmp_path / "model.joblib").write_bytes(pickle.dumps(Evil(os.system, "touch %s" % marker)))
    view = inspect(str(tmp_path / "model.joblib"))
    assert view["runs_code"] and view["danger"] and not marker.exists()
    with open(tmp_path / "model.joblib", "rb") as file:  # the test would notice: loading it does run
        pickle.load(file)
    assert marker.exists()


def test_a_file_that_trips_the_reader_is_not_called_clean():
    """BUILD on a class fails here; a real load goes on to what follows."""
    facts = look(b"\x80\x04\x8c\x07sklearn\x8c\x01X\x93N}\x86b0cos\nsystem\n.")
    assert not facts["complete"] and facts["flags"][-1]["global"] == "?"


def test_every_pickle_is_said_to_run_code(tmp_path):
    (tmp_path / "model.pkl").write_bytes(pickle.dumps([1, 2]))
    view = inspect(str(tmp_path / "model.pkl"))
    assert view["runs_code"] and not view["danger"] and view["models"][0]["class"] == "builtins.list"


@pytest.mark.parametrize(
    "name, level",
    [
        ("sklearn.svm._classes.SVC", None),
        ("numpy.core.multiarray._reconstruct", None),
        ("collections.OrderedDict", None),
        ("builtins.set", None),
        ("_codecs.encode", None),
        ("functools.partial", None),
        ("copyreg._reconstructor", None),
        ("numpy.random._pickle.__randomstate_ctor", None),
        ("__main__.MyScaler", "unknown"),
        ("my_company.Model", "unknown"),
        ("builtins.getattr", "danger"),
        ("builtins.__import__", "danger"),
        ("functools.reduce", "unknown"),
        ("operator.attrgetter", "unknown"),
        ("importlib.import_module", "danger"),
        ("numpy.f2py.crackfortran.myeval", "danger"),
        ("numpy.testing._private.utils.runstring", "danger"),
        ("joblib.load", "danger"),
        ("torch.hub.load", "danger"),
        ("pandas.io.pickle.read_pickle", "danger"),
        ("cloudpickle.cloudpickle._make_function", "danger"),
        ("types.FunctionType", "danger"),
    ],
)
def test_judge(name, level):
    from inspect_pickle import judge

    module, _, last = name.rpartition(".")
    verdict = judge(module, last)
    assert (verdict and verdict[0]) == level


def test_sizes_that_lie():
    huge = b"\x80\x04\x8e" + (1 << 62).to_bytes(8, "little") + b"x."
    text = b"\x80\x04\x8d" + (1 << 40).to_bytes(8, "little") + b"x."
    frame = b"\x80\x04\x95" + (1 << 40).to_bytes(8, "little") + b"N."
    array = dumped(np.zeros(3)).replace(b"K\x03\x85", b"J\xff\xff\xff\x7f\x85")
    for data in (huge, text, frame, array):
        facts = look(data)
        assert not facts["complete"] and facts["problem"]


def test_a_compression_bomb_is_given_up():
    bomb = zlib.compress(b"\x80\x04" + b"N0" * 20_000_000 + b"N.", 9)
    assert look(bomb, limit=1_000_000)["problem"] == "not looked through: it unpacks to more than the limit"
    assert look(bomb, seconds=0)["problem"] == "not looked through: it takes too long to read"


@pytest.mark.parametrize("seed", range(40))
def test_damaged_files_end_in_a_problem_not_a_crash(tree, tmp_path, seed):
    chance, marker = random.Random(seed), tmp_path / "it-ran"
    sources = [dumped(tree), dumped(tree, compress=3), pickle.dumps(Evil(os.system, "touch %s" % marker))]
    for data in sources:
        for _ in range(10):
            broken = bytearray(data)
            for _ in range(chance.randrange(1, 6)):
                broken[chance.randrange(len(broken))] = chance.randrange(256)
            facts = look(bytes(broken[: chance.randrange(1, len(broken))]) if chance.random() < 0.5 else bytes(broken))
            assert facts["complete"] == (facts["problem"] is None)
            json.dumps(facts)
    assert not marker.exists()


def test_files_that_are_cut_short(tree):
    for data in (dumped(tree), dumped(tree, compress=3), dumped(tree, compress=("gzip", 3))):
        facts = look(data[: len(data) // 2])
        assert facts["problem"] and not facts["complete"]
    assert look(b"")["problem"] == "the file is cut short"
    assert "not a pickle" in look(b"hello, this is text")["problem"]
    assert "lz4" in look(b"\x04\x22\x4d\x18 whatever")["problem"]


# Archives


def test_an_archive(tree, tmp_path):
    script = (
        b"from helper import input_fn\nimport joblib\ndef model_fn(d): pass\noutput_fn = len\nclass predict_fn: pass\n"
    )
    path = tar_of(
        tmp_path / "model.tar.gz",
        [
            ("model.joblib", dumped(tree)),
            ("./code/inference.py", script),
            ("code/requirements.txt", b"# none\nscikit-learn>=1.2  # the model\n\njoblib\n"),
            ("curfew-model.json", b'{"python": "3.11.7", "packages": {"scikit-learn": "1.5"}}'),
            ("notes.txt", b"hello"),
        ],
    )
    view = inspect(str(path))
    assert (view["kind"], view["problem"], view["danger"], view["runs_code"]) == ("tar", None, False, True)
    assert [model["name"] for model in view["models"]] == ["model.joblib"]
    assert view["models"][0]["features"] == 4
    assert view["script"] == {
        "name": "code/inference.py",
        "functions": ["model_fn", "input_fn", "output_fn"],
        "problem": None,
    }
    assert view["requirements"] == ["scikit-learn>=1.2", "joblib"]
    assert view["made_with"]["python"] == "3.11.7"
    assert view["members_total"] == 5 and view["members"][4] == {"name": "notes.txt", "bytes": 5, "type": "file"}
    assert view["bytes"] == path.stat().st_size
    assert view["unpacked_bytes"] == sum(member["bytes"] for member in view["members"])


def test_a_folder_and_a_tar_tell_the_same(tree_dir, tmp_path):
    with tarfile.open(tmp_path / "m.tgz", "w:gz") as archive:
        archive.add(tree_dir, arcname=".")
    folder, packed = inspect(str(tree_dir)), inspect(str(tmp_path / "m.tgz"))
    assert folder["models"] == packed["models"] and folder["kind"] == "folder"


def test_members_that_leave_the_folder(tmp_path):
    def special(name, kind, link=""):
        info = tarfile.TarInfo(name)
        info.type, info.linkname = kind, link
        return info

    members = [
        (special("good/inner", tarfile.SYMTYPE, "../good/other"), None),
        (special("good/back", tarfile.SYMTYPE, "inner"), None),
        (special("../up", tarfile.REGTYPE), "leaves the folder by .."),
        (special("a/../../up", tarfile.REGTYPE), "leaves the folder by .."),
        (special("a\\..\\..\\up", tarfile.REGTYPE), "leaves the folder by .."),
        (special("/etc/passwd", tarfile.REGTYPE), "an absolute path"),
        (special("C:\\x", tarfile.REGTYPE), "an absolute path"),
        (special("link", tarfile.SYMTYPE, "/etc/passwd"), "a link out of the folder"),
        (special("deep/link", tarfile.SYMTYPE, "../../x"), "a link out of the folder"),
        (special("hard", tarfile.LNKTYPE, "../x"), "a link out of the folder"),
        (special("pipe", tarfile.FIFOTYPE), "no plain file"),
        (special("disk", tarfile.BLKTYPE), "no plain file"),
        (special("bad\nname", tarfile.REGTYPE), "control characters in its name"),
        (special("./good/back", tarfile.REGTYPE), "there twice, so the later one hides the earlier"),
    ]
    with tarfile.open(tmp_path / "model.tar.gz", "w:gz") as archive:
        for info, _ in members:
            archive.addfile(info)
    view = inspect(str(tmp_path / "model.tar.gz"))
    assert view["danger"] and view["members_total"] == len(members)
    assert {(each["name"], each["why"]) for each in view["unsafe_members"]} == {
        (info.name, why) for info, why in members if why
    }


@pytest.mark.parametrize("cut", [0.0, 0.01, 0.5, 0.99])
def test_an_archive_that_is_cut_short(tree, tmp_path, cut):
    path = tar_of(tmp_path / "model.tar.gz", [("model.joblib", dumped(tree)), ("b", os.urandom(5000))])
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * cut)])
    assert inspect(str(path))["problem"].startswith("not an archive, or one that is cut short")


@pytest.mark.parametrize(
    "data", [b"hello", b"\x1f\x8b\x08 broken", gzip.compress(b"hello"), bz2.compress(b"x"), lzma.compress(b"x")]
)
def test_what_is_no_archive(tmp_path, data):
    (tmp_path / "model.tar.gz").write_bytes(data)
    assert inspect(str(tmp_path / "model.tar.gz"))["problem"]


def test_a_script_that_does_not_parse(tmp_path):
    path = tar_of(tmp_path / "m.tar", [("code/inference.py", b"def model_fn(:\n"), ("curfew-model.json", b"[")], "w")
    view = inspect(str(path))
    assert view["script"]["problem"].startswith("not valid Python in line 1") and view["made_with"] is None


def test_zipped_models(tmp_path):
    def zipped(name, files):
        with zipfile.ZipFile(tmp_path / name, "w") as archive:
            for member, data in files.items():
                archive.writestr(member, data)
        return inspect(str(tmp_path / name))

    keras = zipped("a.keras", {"metadata.json": '{"keras_version": "3.5.0"}', "config.json": "{}"})
    assert keras["models"][0]["versions"] == {"keras": ["3.5.0"]} and not keras["danger"]
    lambdas = zipped("b.keras", {"metadata.json": "{}", "config.json": '{"class_name": "Lambda"}'})
    assert lambdas["danger"]
    torch = zipped("c.pt", {"archive/data.pkl": pickle.dumps(Evil(os.system, "true"))})
    assert (torch["kind"], torch["runs_code"], torch["danger"]) == ("torch", True, True)
    (tmp_path / "d.keras").write_bytes(b"PK\x03\x04 no")
    assert "damaged" in inspect(str(tmp_path / "d.keras"))["models"][0]["problem"]


# As a command


def run(*arguments):
    command = [sys.executable, "-I", str(RUNNERS / "inspect_model.py"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def test_command(tree_dir, tmp_path):
    done = run(tree_dir / "model.joblib")
    assert done.returncode == 0 and json.loads(done.stdout)["models"][0]["features"] == 4 and done.stderr == ""
    gone = run(tmp_path / "none")
    assert gone.returncode == 1 and json.loads(gone.stdout)["problem"] == "cannot be read: No such file or directory"
    assert run().returncode == 2
