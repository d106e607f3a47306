"""Read a pickle, or a model saved by joblib, without running anything that it asks for.

A pickle is a program for a small stack machine; what makes it dangerous is that it may name any function and call it.
Here the machine runs with every name bound to an inert `Stub`, so the whole graph can be walked (classes, versions,
settings) and every name that a real load would import is known, however it was put together. joblib writes raw array
bytes between the instructions; those are skipped, as its own loader would read them.

What this cannot tell: whether code that the named packages run is harmless. A model that is not flagged is not proven
safe, it only names nothing that is known to be used for harm.
"""

import bz2
import gzip
import io
import lzma
import pickle
import time
import zlib

BIG = 1 << 16  # strings of bytes above this are skipped, not kept: they are weights
PIECE = 1 << 28  # no text or frame of an honest model is longer


class Stub:
    """Stands for any object of the pickle: `ref` is its class or function, `args` and `state` what it is made from."""

    ref, args, state = "?", (), None

    def __new__(cls, *args, **_kwargs):
        made = object.__new__(cls)
        made.args = args
        return made

    def __init__(self, *_args, **_kwargs):
        pass

    def __call__(self, *args, **_kwargs):
        return Stub(self, *args)

    def __setstate__(self, state):
        self.state = state

    def __setitem__(self, key, value):
        pass

    def append(self, _value):
        pass

    extend = update = add = append


class Reconstructor(Stub):
    """copyreg._reconstructor(class, base, state): how protocols 0 and 1 make an object of a class."""

    def __new__(cls, kind=None, *_args, **_kwargs):
        return kind() if isinstance(kind, type) and issubclass(kind, Stub) else Stub.__new__(cls, kind)


class Cut(Exception):
    """The reading was given up: too long, too big."""


class Source:
    """A stream that gives up at a deadline or after `limit` bytes, whatever the pickle says about its own size."""

    def __init__(self, stream, deadline, limit):
        self.stream, self.deadline, self.left = stream, deadline, limit

    def checked(self, data):
        self.left -= len(data)
        if self.left < 0:
            raise Cut("it unpacks to more than the limit")
        if time.monotonic() > self.deadline:
            raise Cut("it takes too long to read")
        return data

    def read(self, size):
        if size > PIECE:
            raise Cut("it holds a single piece of %d bytes" % size)
        if size > self.left:
            raise Cut("it unpacks to more than the limit")
        return self.checked(self.stream.read(size))

    def readline(self):
        return self.checked(self.stream.readline(BIG))

    def readinto(self, buffer):
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def skip(self, size):
        while size > 0:
            data = self.read(min(size, 1 << 20))
            if not data:
                raise EOFError("the file ends inside an array")
            size -= len(data)


class Walker(pickle._Unpickler):  # the pure Python one, as joblib's: its steps can be replaced one by one
    dispatch = dict(pickle._Unpickler.dispatch)

    def __init__(self, source, found=None):
        super().__init__(source, encoding="latin1")
        self.source = source
        self.found = found if found is not None else {"globals": set(), "sklearn": set(), "features": [], "arrays": 0}
        self.kinds = {}

    def find_class(self, module, name):
        ref = "%s.%s" % (module, name)
        self.found["globals"].add((str(module), str(name)))
        if ref not in self.kinds:
            base = Reconstructor if name == "_reconstructor" else Stub
            self.kinds[ref] = type("Stub", (base,), {"ref": ref})
        return self.kinds[ref]

    def persistent_load(self, pid):
        return Stub(pid)

    def get_extension(self, code):
        self.append(self.find_class("copyreg", "extension %d" % code))

    def load_build(self):
        super().load_build()
        top = self.stack[-1]
        state = getattr(top, "state", None)
        if isinstance(state, dict):
            version, features = state.get("_sklearn_version"), state.get("n_features_in_")
            if isinstance(version, str):
                self.found["sklearn"].add(version)
            if isinstance(features, int):
                self.found["features"].append((top.ref, features))
        if getattr(top, "ref", "").endswith("joblib.numpy_pickle.NumpyArrayWrapper"):  # also sklearn.externals.joblib
            self.found["arrays"] += 1
            self.stack[-1] = self.skip_array(state)

    dispatch[pickle.BUILD[0]] = load_build

    def skip_array(self, wrapper):
        size, has_objects = item_size(wrapper["dtype"])
        if has_objects:  # a pickle of its own
            return Walker(self.source, self.found).load()
        if wrapper.get("numpy_array_alignment_bytes") is not None:
            self.source.skip(self.source.read(1)[0])
        count = 1
        for length in wrapper["shape"]:
            count *= whole(length)
        self.source.skip(count * size)
        return Stub()

    def skip_or_read(self, size, wrap):
        if size <= BIG:
            return self.append(wrap(self.read(size)))
        while size > 0:
            data = self.read(min(size, 1 << 20))
            if not data:
                raise EOFError("the file ends inside a string of bytes")
            size -= len(data)
        self.append(Stub())

    def load_binbytes(self):
        self.skip_or_read(int.from_bytes(self.read(4), "little"), bytes)

    def load_binbytes8(self):
        self.skip_or_read(int.from_bytes(self.read(8), "little"), bytes)

    def load_bytearray8(self):
        self.skip_or_read(int.from_bytes(self.read(8), "little"), bytearray)

    dispatch[pickle.BINBYTES[0]] = load_binbytes
    dispatch[pickle.BINBYTES8[0]] = load_binbytes8
    dispatch[pickle.BYTEARRAY8[0]] = load_bytearray8

    def load_readonly_buffer(self):
        pass

    dispatch[pickle.READONLY_BUFFER[0]] = load_readonly_buffer


def whole(number):
    """A dimension: an int, or a NumPy scalar as (dtype, bytes)."""
    if isinstance(number, Stub):
        return int.from_bytes(number.args[1], "little", signed=True)
    return int(number)


def item_size(dtype):
    """(bytes of one item, whether items are Python objects) of a pickled numpy.dtype."""
    code = dtype.args[0] if isinstance(dtype, Stub) and dtype.args else None
    if not isinstance(code, str) or not code[1:].isdigit():
        raise pickle.UnpicklingError("an array of an unknown type")
    flags = dtype.state[7] if isinstance(dtype.state, tuple) and len(dtype.state) > 7 else 0
    size = int(code[1:]) * (4 if code[0] == "U" else 1)
    return size, code[0] == "O" or bool(flags & 1)


# What a name means

# Whole modules that act on the machine, load code, or build code from data.
DANGEROUS_MODULES = {
    "os", "posix", "nt", "subprocess", "sys", "shutil", "socket", "ctypes", "_ctypes", "importlib", "_imp", "imp",
    "pkgutil", "runpy", "pty", "code", "codeop", "commands", "popen2", "webbrowser", "urllib", "http", "ftplib",
    "smtplib", "asyncio", "multiprocessing", "signal", "tempfile", "pathlib", "io", "_io", "pickle", "_pickle",
    "cPickle", "marshal", "types", "dill", "cloudpickle", "timeit", "profile", "cProfile", "trace", "bdb", "pdb", "pip",
    "setuptools", "distutils", "ensurepip", "venv", "zipimport", "gc", "inspect", "platform", "requests", "httpx",
    "aiohttp", "paramiko", "test", "doctest", "idlelib", "site", "sysconfig", "atexit", "threading", "_thread",
}  # fmt: skip
SAFE_BUILTINS = {
    "object", "set", "frozenset", "list", "dict", "tuple", "int", "float", "complex", "bool", "str", "bytes",
    "bytearray", "slice", "range", "type", "unicode", "long", "xrange", "Ellipsis", "NotImplemented", "None", "len",
    "abs", "min", "max", "sum", "round", "sorted", "reversed", "enumerate", "zip",
}  # fmt: skip
# Functions of well-known packages that run what they are given.
DANGEROUS_NAMES = {
    "runstring", "rundocs", "exec_command", "eval", "exec", "execfile", "read_pickle", "load", "loads", "_load",
    "loadtxt", "genfromtxt", "system", "popen", "compile_f2py", "check_call", "import_module", "attrgetter",
    "methodcaller", "reduce", "_load_from_bytes", "download", "urlopen", "fromfile", "memmap", "save", "savez",
    "tofile", "dump",
}  # fmt: skip
KNOWN_PACKAGES = {
    "sklearn", "numpy", "scipy", "joblib", "pandas", "xgboost", "lightgbm", "catboost", "torch", "imblearn",
    "category_encoders", "statsmodels", "threadpoolctl", "skops", "keras", "tensorflow", "transformers", "tokenizers",
    "pyarrow", "narwhals", "polars",
}  # fmt: skip
ALLOWED_STANDARD = {
    "collections": {"OrderedDict", "defaultdict", "Counter", "deque"},
    "copyreg": {"_reconstructor", "__newobj__", "__newobj_ex__"},
    "copy_reg": {"_reconstructor", "__newobj__", "__newobj_ex__"},
    "_codecs": {"encode"},
    "datetime": {"date", "datetime", "time", "timedelta", "timezone"},
    "decimal": {"Decimal"},
    "fractions": {"Fraction"},
    "functools": {"partial"},
    "array": {"array", "_array_reconstructor"},
    "random": {"Random"},
    "operator": {"itemgetter"},
    "re": {"_compile"},
    "uuid": {"UUID"},
    "zoneinfo": {"ZoneInfo", "ZoneInfo._unpickle"},
}


def judge(module, name):
    """Why a name is flagged, as (level, reason); None for one that models usually name."""
    top, last = module.partition(".")[0], name.rpartition(".")[2]
    if top in ("builtins", "__builtin__"):
        return None if name in SAFE_BUILTINS else ("danger", "a built-in that can run or reach anything")
    if top == "__main__":
        return ("unknown", "defined in the script that saved the model, so it loads only where that class is defined")
    if top in DANGEROUS_MODULES:
        return ("danger", "acts on the machine or brings its own code")
    if name in ALLOWED_STANDARD.get(module, ()):
        return None
    if name.partition(".")[0] in DANGEROUS_MODULES or (last.startswith("__") and last.endswith("__")):
        return ("danger", "reaches through a module to another")
    if top in KNOWN_PACKAGES:
        inner = {"f2py", "distutils", "hub", "testing", "ctypeslib"} & set(module.split("."))
        if last in DANGEROUS_NAMES or inner:
            return ("danger", "runs or loads what it is given")
        return None
    return ("unknown", "not what models usually name")


COMPRESSIONS = (
    (b"\x1f\x8b", "gzip", lambda stream: gzip.GzipFile(fileobj=stream)),
    (b"BZ", "bz2", bz2.BZ2File),
    (b"\xfd7zXZ", "xz", lzma.LZMAFile),
    (b"\x5d\x00", "lzma", lambda stream: lzma.LZMAFile(stream, format=lzma.FORMAT_ALONE)),
)


class Inflate(io.RawIOBase):
    """A zlib stream, joblib's default compression, which the standard library opens only as gzip."""

    def __init__(self, stream):
        self.stream, self.engine = stream, zlib.decompressobj()

    def readable(self):
        return True

    def readinto(self, buffer):
        while not self.engine.eof:
            held = self.engine.unconsumed_tail or self.stream.read(1 << 16)
            data = self.engine.decompress(held, len(buffer))
            if data:
                buffer[: len(data)] = data
                return len(data)
            if not held:
                raise EOFError("the compressed data end early")
        return 0


def decompressed(stream):
    """(stream of the pickle itself, name of the compression or None)."""
    head = stream.peek(8)[:8]
    if head[:1] == b"\x78":
        return io.BufferedReader(Inflate(stream)), "zlib"
    for magic, name, open_it in COMPRESSIONS:
        if head.startswith(magic):
            return io.BufferedReader(open_it(stream)), name
    if head.startswith(b"\x04\x22\x4d\x18"):
        raise Cut("it is compressed with lz4, which Python's standard library cannot read")
    return stream, None


def class_of(value):
    if isinstance(value, Stub):
        return value.ref if value.ref != "?" else None
    return "builtins." + type(value).__name__


def examine(stream, seconds=20, limit=1 << 34):
    """Everything that can be told of one pickle or joblib file, as a dict for JSON. `stream` has read and peek."""
    facts = {"kind": "pickle", "compression": None, "class": None, "features": None, "complete": False, "problem": None}
    walker = None
    try:
        plain, facts["compression"] = decompressed(stream)
        walker = Walker(Source(plain, time.monotonic() + seconds, limit))
        top = walker.load()
        facts.update({"class": class_of(top), "complete": True})
        facts["features"] = next((n for ref, n in walker.found["features"] if ref == facts["class"]), None)
        if facts["features"] is None and walker.found["features"]:  # a pipeline: its first step sees the data
            facts["features"] = walker.found["features"][0][1]
    except Cut as error:
        facts["problem"] = "not looked through: %s" % error
    except EOFError:
        facts["problem"] = "the file is cut short"
    except Exception as error:  # a hostile stream can make the machine trip over anything
        why = "%s: %s" % (type(error).__name__, " ".join(str(error).split())[:120])
        facts["problem"] = "not a pickle, or a damaged one (%s)" % why
    found = walker.found if walker else {"globals": set(), "sklearn": set(), "arrays": 0}
    names = sorted(found["globals"])
    if found["arrays"] or any(module.startswith("joblib.numpy_pickle") for module, _ in names) or facts["compression"]:
        facts["kind"] = "joblib"
    facts["globals"] = ["%s.%s" % pair for pair in names]
    facts["packages"] = sorted({module.partition(".")[0] for module, _ in names})
    judged = [(pair, judge(*pair)) for pair in names]
    facts["flags"] = [
        {"global": "%s.%s" % pair, "level": verdict[0], "why": verdict[1]} for pair, verdict in judged if verdict
    ]
    if not facts["complete"]:  # a file may be made to trip this reader, and not the real one
        why = "it could not be read to its end, so what it would run is not known"
        facts["flags"].append({"global": "?", "level": "unknown", "why": why})
    facts["versions"] = {"scikit-learn": sorted(found["sklearn"])} if found["sklearn"] else {}
    if any(module.startswith("numpy._core") for module, _ in names):
        facts["versions"]["numpy"] = [">=2"]
    elif any(module.startswith("numpy.core") for module, _ in names):
        facts["versions"]["numpy"] = ["<2"]
    return facts
