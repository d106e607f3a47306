"""What a log's lines are made of: bytes to lines, what stands before a message, numbers, the meaning of names.

Part of `curfew_recognise.py`, which says what holds for all of it.
"""

import re

MOST_NAMES, MOST_RANKS, MOST_WORDS = 20_000, 4_096, 60_000
LONGEST_LINE, LONGEST_NAME, MOST_COLUMNS = 1 << 20, 120, 200
METRIC, UNKNOWN, STEP, EPOCH, RANK, OTHER = "metric", "unknown", "step", "epoch", "rank", "other"
SETTING, TALLY = "setting", "tally"

METRICS = frozenset("""loss losses acc accuracy auc auroc auprc ap map map50 f1 fbeta f2 mse rmse mae
mape smape rmsle msle mslr medae error err logloss mlogloss nll nlpd bce ce crossentropy entropy xent
perplexity ppl bpc bpb bleu rouge rouge1 rouge2 rougel meteor chrf wer cer ter em iou miou dice jaccard
precision recall specificity sensitivity score rew reward rewards return returns kl kld elbo grad gradnorm
gnorm norm lr r2 mcc kappa ndcg mrr psnr ssim lpips fid pesq stoi top1 top5 acc1 acc5 spearman pearson
spearmanr corr correlation cost objective obj likelihood loglik ll residual deviance gini hinge huber
quantile poisson binary_logloss l1 l2 ks lift silhouette inertia distance divergence penalty reg improve
improvement regret bias variance energy""".split())
METRIC_PAIRS = frozenset({("learning", "rate"), ("positive", "rate"), ("negative", "rate"), ("error", "rate")})
TIMES = frozenset("""time times eta elapsed remaining duration runtime sec secs second seconds ms msec
minute minutes hour hours timestamp ts date dur took wall walltime clock latency asctime datetime day
created uptime""".split())
RATES = frozenset("ips fps throughput speed qps tps wps ups mfu tflops flops gflops hz utilization".split())
COUNTS = frozenset("""batch batches bs size sizes samples sample examples n num nb count counts cnt
total totals token tokens params param parameters rows row cols columns features feature seed port pid
gpu gpus cpu cpus device devices cuda mem memory vram ram worker workers world node nodes version v fold
trial trials patience seen epochs steps iters iterations rounds layers layer dim dims hidden width
height depth line lineno id ids index idx year month files file images correct checkpoint ckpt tree
trees leaf leaves nnz nnzs t shape length len max min limit bytes classes class labels label folds jobs
job level thread threads process processes bins bin args arg code status exit errno host url http https
python torch keras numpy tensorflow jax default momentum dropout decay warmup gamma alpha units
data skipped batchsize instances targets bsz wpb oom gb progress""".split())
SPLITS = frozenset("""train training val valid validation validating test testing eval evaluation
evaluating evaluate dev""".split())
SETTINGS = frozenset("lr reg penalty weight weights".split())
TALLIES = frozenset("""steps timestep timesteps total_timesteps num_timesteps episode episodes frame frames
trial generation gen""".split())
SETTINGS_IN = frozenset("config params parameters args hparams hyperparameters settings".split())
FILLERS = frozenset("""finished the a an with and at is of for on in to got has had have was are current now then
new info debug warning warn error critical root main after from by so got: this its your my our we it""".split())
NOT_NOW = frozenset("best last max num total of per every each until warmup n no".split())
QUALIFIERS = SPLITS | frozenset("avg avg. average mean best final total running smoothed median macro micro".split())
SOURCES = (".py", ".cc", ".cpp", ".rs", ".c", ".h", ".go")
KNOWN_ENDS = ("loss", "score", "accuracy", "error", "reward", "entropy")
PARTS = re.compile("[A-Za-z0-9\x80-\xff]+")
CAMEL = re.compile("(?<=[a-z])(?=[A-Z])")


def lower(text):
    """ASCII only: `str.lower` would change letters that are halves of others here."""
    return "".join(c.lower() if c < "\x80" else c for c in text) if not text.isascii() else text.lower()


def is_held_out(name):
    """Whether a name says that its values are of data held out from training."""
    return any(word in SPLITS and not word.startswith("train") for word in re.split("[^a-z0-9]+", lower(name)))


def classify(name):
    """What a printed name stands for, judged by its words."""
    parts = [lower(part) for run in PARTS.findall(name) for part in CAMEL.split(run)]
    if not parts or name.endswith(SOURCES) or "\\" in name:
        return OTHER
    some = set(parts)
    counted = bool(some & {"num", "count", "cnt", "n", "number"})
    timed = bool(some & TIMES) or "per" in some or name.endswith(("/s", "/sec"))
    known = (
        bool(some & METRICS)
        or any(lower(run) in METRICS for run in re.findall("[A-Za-z0-9]+", name))  # mIoU
        or any(pair in METRIC_PAIRS for pair in zip(parts, parts[1:]))
        or any(part[-1:].isdigit() and part.rstrip("0123456789") in METRICS for part in parts)
        or any(len(part) > 4 and part.endswith(KNOWN_ENDS) for part in parts)
    )
    if known and not counted and not timed:
        return SETTING if some & SETTINGS or ("learning", "rate") in zip(parts, parts[1:]) else METRIC
    if name.endswith(")") and parts[-1] in SPLITS and len(parts) > 1:  # Epoch(train), Iter(val)
        parts = parts[:-1]
    if lower(name) in TALLIES:
        return TALLY
    last, before = parts[-1], parts[:-1]
    qualified = any(part in NOT_NOW for part in before)
    if last in ("epoch", "ep", "epoche", "epoca"):
        return OTHER if qualified else EPOCH
    if last in ("step", "iter", "iteration", "it", "round", "globalstep", "update", "updates") or (
        last == "batch" and set(parts) <= {"batch", "train", "training"}
    ):
        return OTHER if qualified else STEP
    if last == "rank" and len(parts) <= 2:
        return RANK if len(parts) == 1 or parts[0] == "global" else OTHER
    return OTHER if timed or counted or some & RATES or some & COUNTS else UNKNOWN


CONTROL = re.compile(rb"[\n\r\x1b\x08]")
TEXT, ESCAPE, SEQUENCE, TITLE, TITLE_ESCAPE = range(5)


class Lines:
    """Bytes to lines as a terminal shows them: each redraw of a progress bar is a line."""

    def __init__(self):
        self.line, self.state, self.backspaces = bytearray(), TEXT, 0

    def push(self, data):
        at = 0
        while at < len(data):
            if self.state == TEXT and not self.backspaces:
                found = CONTROL.search(data, at)
                stop = found.start() if found else len(data)
                self._keep(data[at:stop])
                if not found:
                    return
                at = stop
            yield from self._byte(data[at])
            at += 1

    def finish(self):
        yield from self._end()
        self.state = TEXT

    def _keep(self, data):
        self.line += data[: LONGEST_LINE - len(self.line)]

    def _end(self):
        if self.line:
            yield self.line.decode("latin-1")
            self.line.clear()
        self.backspaces = 0

    def _byte(self, byte):
        if byte in b"\n\r":
            self.state = TEXT
            yield from self._end()
        elif self.state == TEXT:
            if byte == 0x1B:
                self.state = ESCAPE
            elif byte == 0x08:
                self.backspaces += 1
            else:
                yield from self._erase()
                self._keep(bytes([byte]))
        elif self.state == ESCAPE:
            self.state = {0x5B: SEQUENCE, 0x5D: TITLE}.get(byte, TEXT)
        elif self.state == SEQUENCE and not 0x20 <= byte <= 0x3F:
            self.state = TEXT
            if byte == 0x43:
                yield from self._erase()
                self._keep(b" ")
            elif byte != 0x6D and chr(byte).isascii() and chr(byte).isalpha():
                yield from self._end()
        elif self.state == TITLE:
            self.state = {0x07: TEXT, 0x1B: TITLE_ESCAPE}.get(byte, TITLE)
        elif self.state == TITLE_ESCAPE:
            self.state = TEXT if byte == 0x5C else TITLE

    def _erase(self):
        if not self.backspaces:
            return
        if self.backspaces >= sum(byte & 0xC0 != 0x80 for byte in self.line):
            yield from self._end()
            return
        for _ in range(self.backspaces):
            while self.line and self.line.pop() & 0xC0 == 0x80:
                pass
        self.backspaces = 0


NUMBER = re.compile(r"[+-]?(?:([1-9]\d{0,2}(?:,\d{3}(?!\d))+|\d+)(\.\d+)?|(\.\d+))([eE][+-]?\d{1,5}(?!\d))?", re.A)
NAMED = re.compile(r"([+-]?)(nan|inf|infinity)(?![A-Za-z])", re.I | re.A)


def number(text, at):
    """The number at `at`: its value, its whole value where printed so, and where it ends."""
    found = NUMBER.match(text, at)
    if found:
        digits = found.group().replace(",", "")
        plain = not (found.group(2) or found.group(3) or found.group(4) or digits[0] == "-")
        whole = int(digits) if plain and len(digits.lstrip("+").lstrip("0")) <= 19 else None
        return float(digits), whole, found.end()
    found = NAMED.match(text, at)
    return (float(found.group()), None, found.end()) if found else None


NO_UNIT, PERCENT, A_TIME, A_RATE, A_SIZE, NOT_A_NUMBER = range(6)
UNIT_WORD = re.compile(r"[A-Za-z0-9/_]*")
TIME_UNITS = frozenset("s ms us ns m h d sec secs min mins hr hrs seconds minutes hours".split())
SIZE_UNITS = frozenset("k K M G T B KB MB GB TB kB KiB MiB GiB TiB b px x W C".split())


def unit(text, at):
    """What follows a number, and where that ends."""
    first, second = text[at : at + 1], text[at + 1 : at + 2]
    if first == "%":
        return PERCENT, at + 1
    if first and first in ".-:" and second.isdigit() and second.isascii():
        return NOT_A_NUMBER, at + 1
    if first == "\xc2" and second == "\xb5":
        return A_TIME, at + 2
    if not (first == "_" or (first.isalpha() and first.isascii())):
        return NO_UNIT, at
    word = UNIT_WORD.match(text, at).group()
    end = at + len(word)
    if word in TIME_UNITS:
        return A_TIME, end
    if word in SIZE_UNITS:
        return A_SIZE, end
    if "/" in word:
        return A_RATE, end
    return (A_TIME if all(c in "0123456789hmsd" for c in word) else NOT_A_NUMBER), end


CLOCK = r"\d\d:\d\d:\d\d(?![\d:])(?:[.,]\d*)?(?:Z|[+-][\d:]*)?"
DATE = r"(?:\d{4}-\d\d-\d\d|\d{4}/\d\d/\d\d|\d\d/\d\d/\d{4}|\d\d\.\d\d\.\d{4}|\d\d-\d\d-\d{4})(?!\d)"
WHEN = re.compile(rf"{DATE}(?:[ T_]{CLOCK})?|\d\d/\d\d {CLOCK}|{CLOCK}", re.A)
LEVEL = r"(?:DEBUG|INFO|WARNING|WARN|ERROR|CRITICAL|FATAL|NOTICE|TRACE|NOTSET|STDOUT|STDERR)"
IS_LEVEL = re.compile(LEVEL + r"(?![^ :|])", re.I)
LEVEL_FIRST = re.compile(LEVEL + r"(?![A-Za-z])(?::(?:[A-Za-z0-9._]+:(?!\d))?|[ \t\]])", re.I | re.A)
GLOG = re.compile(r"[IWEF]\d{4}(?!\d)[^\]]{0,95}\]", re.A)
SYSLOG = re.compile(r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) *\d{1,2}[^\d]" + CLOCK, re.I | re.A)
ALGO = re.compile(r"[A-Za-z]+-(\d+)[A-Za-z0-9-]* +\|", re.A)
RANK_WORD = re.compile(r"rank *(\d+)[:\]|,]", re.I | re.A)
RAY = re.compile(r"\((?=[^)]* pid=)[^)]{0,98}\)")
MARKS = "rank|default|trainer|worker|node|process|proc|localrank|gpu"
MARK = re.compile(rf"(?:{MARKS})[ \t]*[:=]?[ \t]*(\d+)$", re.I | re.A)
LETTER_LEVEL = re.compile(rf"[DIWECF] (?:{WHEN.pattern})", re.A)
SOURCE_LINE = re.compile(r"[A-Za-z0-9_.<>]+:(?!\d)[A-Za-z0-9_.<>]+:\d+(?= [-|] )", re.A)
PLACE = re.compile(r"(\d+),[ \t\n\r\x0c]*(\d+)$", re.A)
COUNTED = re.compile(r"(\d+):(\t|#011| )", re.A)


class Prefix:
    """What stands before a message: where that starts, a rank, a booster's round, a number of unclear meaning."""

    __slots__ = ("end", "rank", "round", "numbered", "place")

    def __init__(self, text):
        self.end, self.rank, self.round, self.numbered, self.place = 0, None, None, None, None
        for _ in range(6):
            at = self.end
            while text[at : at + 1] in (" ", "\t"):
                at += 1
            first = text[at : at + 1]
            if not first:
                break
            if first == "[":
                end = self._bracket(text, at)
            elif first in "0123456789":
                end = self._digits(text, at)
            elif first == "(":
                found = RAY.match(text, at)
                end = found.end() if found else at
            elif first == "_" or (first.isascii() and first.isalpha()):
                end = self._word(text, at)
            else:
                end = at + 2 if first in "-|:" and self.end and text[at + 1 : at + 2] == " " else at
            if end == at:
                break
            self.end = end
            if self.round is not None or self.numbered is not None or self.place:
                break

    def _see_rank(self, digits):
        self.rank = int(digits) if digits.isdigit() and int(digits) < 1 << 32 else None

    def _bracket(self, text, at):
        close = text.find("]", at + 1, at + 80)
        if close < 0:
            return at
        word, end = text[at + 1 : close].strip(" \t\n\r\x0c"), close + 1
        for mark in ("<stdout>:", "<stderr>:", "<stdout>", "<stderr>"):
            if text.startswith(mark, end):
                parts = word.split(",")
                said = [part[8:] for part in parts if part.startswith("mpirank:")]
                self._see_rank((said or parts[1:2] or [word])[0])
                return end + len(mark)
        if word and all(c in "0123456789" for c in word):
            tab = 1 if text[end : end + 1] == "\t" else 4 if text.startswith("#011", end) else 0
            if tab:
                self.round = int(word)
                return end + tab
            if text.startswith(' "', end):  # R counts the elements of what it prints.
                return end + 1
            if text[end : end + 1] in (":", " "):
                self.numbered = int(word)
                return end + 1
            return at
        found = PLACE.match(word) if text[end : end + 1] == " " else None
        if found:
            self.place = int(found.group(1)), int(found.group(2))
            return end + 1
        if LETTER_LEVEL.match(word):
            return end
        found = MARK.match(word)
        if found:
            self._see_rank(found.group(1))
            return end + (text[end : end + 1] == ":")
        return end if IS_LEVEL.match(word) or WHEN.match(word) or ".py:" in word or ".cc:" in word else at

    def _digits(self, text, at):
        found = WHEN.match(text, at)
        if found:
            return found.end()
        found = COUNTED.match(text, at)
        if not found or (found.group(2) == " " and len(found.group(1)) > 9):
            return at
        if found.group(2) == " ":
            self.numbered = int(found.group(1))
        else:
            self.round = int(found.group(1))
        return found.end()

    def _word(self, text, at):
        for shape in (SOURCE_LINE, LEVEL_FIRST, GLOG, SYSLOG):
            found = shape.match(text, at)
            if found:
                return found.end()
        found = ALGO.match(text, at) or RANK_WORD.match(text, at)
        if not found:
            return at
        self._see_rank(found.group(1))
        return found.end()
