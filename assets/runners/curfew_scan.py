"""One line to name and value pairs, a step, an epoch, a rank; and tables that name their columns once.

Part of `curfew_recognise.py`, which says what holds for all of it.
"""

import re

from curfew_words import (
    EPOCH, FILLERS, LONGEST_NAME, METRIC, MOST_COLUMNS, NO_UNIT, NOT_A_NUMBER, PERCENT, QUALIFIERS, RANK, SETTING,
    SETTINGS_IN, SPLITS, STEP, TALLY, UNKNOWN, classify, is_held_out, lower, number, unit,
)  # fmt: skip

IN_NAME = re.compile("[A-Za-z0-9_/.@\\-%#+'\x80-\xc1\xc3-\xe1\xe3-\xee\xf0-\xf4]*")
LETTERS = frozenset(re.findall("[_a-zA-Z\xc3-\xe1\xe3-\xee\xf0]", "".join(map(chr, range(256)))))
# Without a digit or one of these a line says nothing.
SAYS = re.compile("[0-9]|(?<![A-Za-z])(?:nan|inf)", re.I | re.A)
SPACES = re.compile(" *")
BLANKS = re.compile("[ \t]*")
WRAPPER = re.compile(r"[A-Za-z0-9.]{1,20}(?=\()")
WRAPPERS = ("tensor", "array", "float64", "float32", "float16", "float", "bfloat16", "scalar")
DECIMAL_COMMA = re.compile(r"[+-]?(\d+)(,\d+)(?![,.]?\d)", re.A)
BAR_AHEAD = re.compile(r" *(?:\([^)]{0,7}\) *)?\[ *\d+/", re.A)
STEP_AHEAD = re.compile(r"\]\[\d", re.A)
BAR_BEHIND = re.compile(r":[ \t\n\r\x0c]*\d+%", re.A)
EPOCH_OF = re.compile(r"\d+/(\d+)$", re.A)
DONE_OF = re.compile(r"(?<![^ |[])(\d+)/(\d+)(?![^ |[])", re.A)
BOX_NAME = re.compile("[A-Za-z_][^:=]*$")
EDGE = re.compile(r"[-+|=:]{5,}$")
SET_WORDS = ("set", "dataset", "metrics", "results", "step", "phase", "epoch")


class Line:
    """What one line says."""

    __slots__ = ("pairs", "step", "bar", "epoch", "rank", "scopes", "tally", "starred")

    def __init__(self):
        self.pairs, self.scopes = [], []  # (name, class, value)
        self.step = self.epoch = None  # (value, total)
        self.tally, self.starred = None, False  # (name, value)
        self.bar, self.rank = False, None

    def settle(self, before):
        rank = before.rank if before.rank is not None else self.rank
        if before.place and self.step is None and self.epoch is None and self.pairs:
            self.epoch, self.step = (float(before.place[0]), None), (float(before.place[1]), None)
        if before.round is not None:
            self.step, self.bar = (float(before.round), None), False
        elif before.numbered is not None:
            if self.step is None and self.epoch is None:
                self.step = (float(before.numbered), None) if self.pairs else None
            elif rank is None and before.numbered < 1 << 32:
                rank = before.numbered
        return rank


class Scanner:
    """Reads the pairs, step, epoch and rank of one line."""

    def __init__(self, text, line, class_of, habits):
        self.text, self.line, self.class_of, self.habits = text, line, class_of, habits
        self.words, self.end, self.label = [], 0, ""  # starts of the last three words

    def run(self):
        text, at, size = self.text, 0, len(self.text)
        while at < size:
            sign = text[at]
            if sign in LETTERS:
                at = self.word(at)
            elif sign == " ":
                at += 1
                if at < size and text[at] == " ":
                    self.close_words()
            elif "0" <= sign <= "9":
                at = self.bare_number(at)
            elif sign in "\"'`":
                at = self.quoted(at)
            else:
                if sign == "}" and self.line.scopes:
                    self.line.scopes.pop()
                self.close_words()
                at += 4 if text.startswith("#011", at) else 1

    def close_words(self):
        if self.words:
            self.take_label()
            self.words = []

    def take_label(self):
        count = len(self.words)
        if count == 1:
            word = self.text[self.words[0] : self.end]
        elif count == 2 and lower(self.text[self.words[1] : self.end]) in SET_WORDS:
            word = self.text[self.words[0] : self.words[1] - 1]
        else:
            return
        if lower(word) in SPLITS:
            self.label = word

    def push_word(self, start, end):
        if self.words and start != self.end + 1:
            self.close_words()
        self.words = self.words[-2:] + [start]
        self.end = end

    def spaces(self, at):
        if self.text[at : at + 1] != " ":
            return at
        return SPACES.match(self.text, at).end()

    def at(self, at):
        return self.text[at : at + 1]

    def quoted(self, at):
        text, quote = self.text, self.text[at]
        close = text.find(quote, at + 1, at + 2 + LONGEST_NAME)
        self.close_words()
        if close <= at + 1 or self.at(self.spaces(close + 1)) != ":":
            return at + 1
        self.words, self.end = [at + 1], close
        return self.separator(self.spaces(close + 1))

    def word(self, start):
        text = self.text
        end = IN_NAME.match(text, start + 1).end()
        while end > start + 1 and text[end - 1] in "/-+'.":
            if text[end - 1] == "." and end - start <= 5:
                break
            end -= 1
        if self.at(end) == "(":
            inner = min(IN_NAME.match(text, end + 1).end(), end + 25)
            if inner > end + 1 and self.at(inner) == ")" and self.at(inner + 1) in (":", "=", " "):
                end = inner + 1
        if end - start > LONGEST_NAME:
            self.words = []
            return end
        self.push_word(start, end)
        after = self.spaces(end)
        sign = self.at(after)
        if sign and sign in ":=":
            return self.separator(after)
        if sign == "\xef" and text.startswith(("\xef\xbc\x9a", "\xef\xbc\x9d"), after):
            return self.separator(after + 2)
        if sign and after > end and sign in "0123456789-+.[(#nNiI":
            return self.space_value(after)
        return end

    def separator(self, at):
        text, then = self.text, at + 1
        sign = self.at(then)
        if sign and sign in "=>":
            then += 1
        elif sign == ":" or text.startswith("//", then):
            self.words = []
            return then + 1
        then = BLANKS.match(text, then).end()
        if self.at(then) == "{":
            self.line.scopes.append(text[self.words[0] : self.end])
            self.words = []
            return then + 1
        start, bracketed = self.wrapped(then)
        found = number(text, start)
        if found and not bracketed:
            return self.value(self.with_decimal_comma(start, found), True)
        if found and self.at(self.spaces(found[2] + (self.at(found[2]) == "."))) == "]":  # NumPy: [21.]
            return self.value(found, True)
        self.take_label()
        self.words = []
        return then

    def wrapped(self, at):
        if self.at(at) in ('"', "'"):
            at += 1
        found = WRAPPER.match(self.text, at)
        if found and found.group().lower().endswith(WRAPPERS):
            at = found.end() + 1
        bracketed = self.at(at) == "["
        while self.at(at) == "[":
            at += 1
        return self.spaces(at) if bracketed else at, bracketed

    def space_value(self, at):
        kind = self.class_of(self.text[self.words[-1] : self.end])
        counted = kind in (STEP, EPOCH, TALLY)
        if not counted and kind not in (METRIC, SETTING, RANK):
            return self.end
        if counted and self.at(at) in ("[", "(", "#"):
            at = self.spaces(at + 1)
        found = number(self.text, at)
        return self.value(found, False) if found else self.end

    def value(self, found, separated):
        kind, end = unit(self.text, found[2])
        if kind == NOT_A_NUMBER:
            self.words = []
            return self.skip_token(end)
        total, end = self.total(end) if kind == NO_UNIT else (None, end)
        if separated and self.is_epoch_of_label(found, end):
            self.take_label()
            self.line.epoch = self.line.epoch or (found[0], total)
            self.words = []
            return end
        first = self.first(separated)
        if first is not None:
            self.keep(self.text[first : self.end], found, kind, total)
        self.words = []
        return end

    def with_decimal_comma(self, start, found):
        said = DECIMAL_COMMA.match(self.text, start)
        if not said:
            return found
        thousands = found[2] > said.end(1)
        if thousands and not (self.habits.decimal_comma and found[2] == said.end(2)):
            return found
        first = self.first(True)
        if first is None or self.class_of(self.text[first : self.end]) not in (METRIC, SETTING, UNKNOWN):
            return found
        self.habits.decimal_comma = True
        value, count, end = number(self.text[start : start + 64].replace(",", ".", 1), 0)
        return value, count, start + end

    def is_epoch_of_label(self, found, end):
        if len(self.words) != 1 or found[1] is None or lower(self.text[self.words[0] : self.end]) not in SPLITS:
            return False
        return bool(BAR_AHEAD.match(self.text, end))

    def total(self, end):
        at = self.spaces(end)
        if self.at(at) == "/":
            at += 1
        elif self.text.startswith("of ", at):
            at += 3
        else:
            return None, end
        found = number(self.text, self.spaces(at))
        if not found or self.at(found[2]) == "/" or unit(self.text, found[2])[0] == NOT_A_NUMBER:
            return None, end
        return found[1], found[2]

    def first(self, separated):
        words = self.words
        ends = [start - 1 for start in words[1:]] + [self.end]
        said = [lower(self.text[start:end]) for start, end in zip(words, ends)]
        if separated:
            at = 0
            while at + 1 < len(words) and said[at] in FILLERS:
                at += 1
        else:
            at = len(words) - 1
            while at > 0 and said[at - 1] in QUALIFIERS:
                at -= 1
        return words[at] if words else None

    def keep(self, name, found, kind, total):
        line, (value, count, _) = self.line, found
        means = self.class_of(name)
        inner = data_in_brackets(name) if means in (STEP, EPOCH) else ""
        if means == STEP and inner and is_held_out(inner):
            self.label = inner  # Iter(val) counts the steps of an evaluation
        elif means == STEP and kind == NO_UNIT:
            self.label = inner or self.label
            if line.step is None and (count is not None or value == value // 1):
                line.step = (float(count) if count is not None else value, total)
        elif means == EPOCH and kind == NO_UNIT and 0 <= value < float("inf"):
            if line.epoch is None:
                line.epoch = (value, total)
            first = name.split(" ")[0]
            if lower(first) in SPLITS:
                self.label = first
            else:
                self.label = inner or self.label
        elif means == TALLY and kind == NO_UNIT:
            if line.tally is None and count is not None:
                line.tally = (lower(name), float(count))
        elif means == RANK:
            if count is not None and count < 1 << 32:
                line.rank = count
        elif means in (METRIC, SETTING, UNKNOWN) and kind in (NO_UNIT, PERCENT):
            if line.scopes and lower(re.split("[^A-Za-z0-9]", line.scopes[-1])[-1]) in SETTINGS_IN:
                return
            if total is not None:
                if means != METRIC or total == 0:
                    return
                value /= total
            line.pairs.append((self.full_name(name), means, value))

    def full_name(self, name):
        if self.line.scopes:
            return ".".join(self.line.scopes + [name])
        if not self.label:
            return name
        if any(lower(word) in SPLITS or lower(word) == "lr" for word in re.split("[^A-Za-z0-9]", name)):
            return name
        return self.label + " " + name

    def skip_token(self, at):
        while at < len(self.text):
            end = IN_NAME.match(self.text, at).end()
            if end == at and self.text[at] != ":":
                break
            at = max(end, at + 1)
        return at

    def bare_number(self, at):
        self.close_words()
        text, found = self.text, number(self.text, at)
        if not found:
            return at + 1
        before = text[at - 1] if at else " "
        spaced = text.startswith(" / ", found[2])  # fairseq: 2800 / 160368
        if found[1] is not None and self.at(found[2] + spaced) == "/" and before in " |[(":
            total = number(text, found[2] + 1 + 2 * spaced)
            if total and total[1] is not None and before == "[" and found[1] <= total[1]:
                # [0/25][100/1583]: the epoch before the step
                if STEP_AHEAD.match(text, total[2]) and self.line.epoch is None and self.line.step is None:
                    self.line.epoch = float(found[1]), total[1]
                    return total[2] + 1
            if total and total[1] is not None and self.at(total[2]) in ("", " ", "[", "]", "(", ")", "|", ",", "\0"):
                if found[1] <= total[1] and total[1] > 0:
                    if self.line.step is None:
                        self.line.step, self.line.bar = (float(found[1]), total[1]), True
                    return total[2]
        return self.skip_token(unit(text, found[2])[1])


def data_in_brackets(name):
    """Which data a count is of, where the name says so: `Epoch(train)`."""
    inner = name[name.find("(") + 1 : -1] if name.endswith(")") and "(" in name else ""
    return inner if lower(inner) in SPLITS else ""


HEADER = re.compile(r"[ |\t]*([A-Za-z_]+)(?:[,\t|]| [ |\t])")


def cells(text, comma, header):
    """(where, what) of each cell: parted by `|`, by commas, or by tabs and spaces."""
    bars = "|" in text
    ends = "[|" + ("," if comma else "" if bars else "\t") + "]"
    if not comma and not bars:
        ends += "| (?= |$)" if header else "| "
    at = 0
    for piece in re.finditer(f"(.*?)(?:{ends}|$)", text, re.S):
        cell = piece.group(1).strip(" \t\n\r\x0c")
        at = piece.start(1)
        if cell:
            yield at + len(piece.group(1)) - len(piece.group(1).lstrip(" \t\n\r\x0c")), cell


class Table:
    """Tables that name their columns once."""

    def __init__(self):
        self.columns, self.comma, self.measures = [], False, []

    def see_header(self, text):
        rest = text.lstrip(" |\t")
        if rest.startswith("Class "):
            return self._see_measures(rest)
        if rest.startswith("E ") and rest[1:].lstrip(" \t\n\r\x0c").startswith("# "):
            said = {"E": EPOCH, "#": STEP, "SCORE": METRIC}
            first = len(text) - len(rest)
            self.comma, self.columns = False, [
                (cell, said.get(cell) or classify(cell), first + start, first + start + len(cell))
                for start, cell in list(cells(rest, False, True))[:MOST_COLUMNS]
            ]
            return True
        found = HEADER.match(text)
        if not found or classify(found.group(1)) not in (EPOCH, STEP):
            return False
        comma, columns = "," in text[found.start(1) :], []
        for start, cell in cells(text, comma, True):
            named = cell[0] == "_" or cell[0] >= "\x80" or (cell[0].isascii() and cell[0].isalpha())
            if not named or ":" in cell or "=" in cell or len(columns) == MOST_COLUMNS:
                return False
            columns.append((cell, classify(cell), start, start + len(cell)))
        if len(columns) < 2:
            return False
        self.columns, self.comma = columns, comma
        return True

    def _see_measures(self, rest):
        """YOLO's header of a validation: `Class  Images  Instances  Box(P  R  mAP50  mAP50-95): 100%|…`."""
        words = [word for word in re.split("[ \t\n\r\x0c]+", rest.split(": ")[0]) if word]
        if words[:2] != ["Class", "Images"]:
            return False
        group, self.measures = "", []
        for word in words[3 : 3 + MOST_COLUMNS]:
            if "(" in word:
                group, _, word = word.partition("(")
            word = word[:-1] if word.endswith(")") else word
            word = {"P": "precision", "R": "recall"}.get(word, word)
            self.measures.append("val " + group + (" " if group else "") + word)
        return bool(self.measures)

    def _see_measured(self, rest, line):
        row = [word for word in re.split("[ \t\n\r\x0c]+", rest) if word][3:]
        found = [number(cell, 0) for cell in row]
        if len(row) != len(self.measures) or any(not one or one[2] != len(cell) for one, cell in zip(found, row)):
            return False
        line.pairs = [(name, METRIC, one[0]) for name, one in zip(self.measures, found)]
        return True

    def see_row(self, text, line):
        if self.measures:
            rest = text.strip(" \t\n\r\x0c")
            if rest.startswith("all ") and self._see_measured(rest, line):
                return True
        first = text.lstrip(" |\t")[:1]
        if not self.columns or not first or first not in "0123456789":
            return False
        bar = BAR_BEHIND.search(text)
        ends = bar.start() if bar and "%" not in text[: bar.start()] else len(text)
        text, behind = text[:ends], text[ends:]
        row = list(cells(text, self.comma, False))
        if not 2 <= len(row) <= len(self.columns):
            return False
        complete, seen = len(row) == len(self.columns), False
        for at, (start, cell) in enumerate(row):
            if complete:
                column = self.columns[at]
            else:
                over = [c for c in self.columns if start < c[3] and c[2] < start + len(cell)]
                if not over:
                    continue
                column = over[0]
            found = number(cell, 0)
            kind, end = unit(cell, found[2]) if found else (None, 0)
            total = EPOCH_OF.match(cell) if found and column[1] == EPOCH else None
            if total:
                kind, end, total = NO_UNIT, len(cell), int(total.group(1))
            if not found or kind not in (NO_UNIT, PERCENT) or end != len(cell):
                if seen:
                    continue
                return False
            name, means = column[0], column[1]
            if not seen and found[1] is None and means != EPOCH:
                return False
            seen = True
            if means == STEP:
                line.step = line.step or (found[0], None)
            elif means == EPOCH:
                if 0 <= found[0] < float("inf"):
                    line.epoch = line.epoch or (found[0], total)
            elif means in (METRIC, SETTING, UNKNOWN):
                line.pairs.append((name, means, found[0]))
        done = DONE_OF.search(behind) if line.step is None else None
        if done and int(done.group(2)) > 0:
            line.step, line.bar = (float(done.group(1)), int(done.group(2))), True
        return seen


class Boxed:
    """Boxes of names and values, one to a row. The step stands among them: a box is read as one line."""

    def __init__(self):
        self.section, self.rows = "", []

    def see_row(self, text):
        text = text.strip(" \t\n\r\x0c")
        inner = text[1:-1].split("|") if len(text) > 1 and text[0] == text[-1] == "|" else []
        if len(inner) != 2:
            return False
        name, cell = (one.strip(" \t\n\r\x0c") for one in inner)
        if not BOX_NAME.match(name) or len(self.section) + len(name) > LONGEST_NAME:
            return False
        if not cell:
            self.section = name if name.endswith("/") else self.section
            return name.endswith("/")
        found = number(cell, 0)
        kind, end = unit(cell, found[2]) if found else (None, 0)
        if kind not in (NO_UNIT, PERCENT) or end != len(cell):
            return bool(self.rows)
        if len(self.rows) < 500:
            self.rows.append((self.section + name, found[0], found[1]))
        return True

    def end(self, line, class_of):
        for full, value, whole in self.rows:
            own = full.rsplit("/", 1)[-1]
            means = classify(own)
            if means == STEP and whole is not None:
                line.step = line.step or (value, None)
            elif means == EPOCH and 0 <= value < float("inf"):
                line.epoch = line.epoch or (value, None)
            elif means == TALLY and whole is not None:
                line.tally = line.tally or (lower(own), value)
            elif class_of(full) in (METRIC, SETTING, UNKNOWN):
                line.pairs.append((full, class_of(full), value))
        self.section, self.rows = "", []
