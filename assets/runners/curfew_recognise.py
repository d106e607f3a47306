"""Finds metrics in a log, as `crates/series` does: for the entry point of a run in a cloud.

Standard library only, Python 3.8 and later. Held equal to the Rust by `crates/series/vectors/*.json`; the reasons for
each rule stand there. A line is handled as text with one character a byte (Latin-1), so that both read the same bytes.

    recogniser = Recogniser()
    for metric, rank, step, epoch, value in recogniser.push(b"epoch 3 loss=0.41\\n"): ...
"""

import re
import struct

from curfew_scan import EDGE, SAYS, Boxed, Line, Scanner, Table
from curfew_words import METRIC, MOST_NAMES, MOST_RANKS, MOST_WORDS, Lines, Prefix, classify, is_held_out, number


def whole(value):
    """A count as Rust's `as u64` makes it."""
    return 0 if value != value else int(max(0, min(value, (1 << 64) - 1)))


def bits(value):
    """Equal for equal values, NaN included."""
    return struct.pack("<d", value)


class Context:
    """Where one process of a run stands: steps and epochs as printed, to the step of the whole run."""

    def __init__(self):
        self.epoch = self.epochs_total = self.first_epoch = None
        self.step = self.step_epoch = self.per_loop = None
        self.printed_step = self.stride = self.base = 0
        self.bases, self.counts_within, self.step_since_epoch, self.aside = {}, False, False, False
        self.bar_values = self.tally = None

    def place(self, line):
        """(step, epoch, whether the line is of another loop than the training's)"""
        if line.epoch is not None:
            self.see_epoch(*line.epoch)
        if line.step is not None:
            if line.bar and not line.pairs:
                return self.step, self.epoch, False
            self.see_step(*line.step, line.bar)
            self.tally = None
        elif line.tally and line.pairs and line.epoch is None and (self.step is None or self.tally == line.tally[0]):
            self.tally = line.tally[0]
            self.see_step(line.tally[1], None, False)
        epoch = self.epoch
        if line.bar and not self.aside and epoch is not None and line.step[1] and epoch == epoch // 1:
            done = line.step[0] / line.step[1]
            at = (epoch if self.first_epoch == 0 else epoch - 1) + done
            # Away from zero at halves, as Rust rounds.
            epoch = float((at * 1e6 + 0.5) // 1) / 1e6
        aside = (line.bar or line.starred) and self.aside
        if aside and self.first_epoch == 0:
            # What is measured after an epoch stands at its end, where its last step stands.
            epoch += 1
        return self.step, epoch, aside

    def see_epoch(self, value, total):
        if self.epoch != value:
            if not self.step_since_epoch:
                self.step = None
            self.step_since_epoch = self.aside = False
        if self.first_epoch is None:
            self.first_epoch = value
        self.epoch = value
        self.epochs_total = total if total is not None else self.epochs_total

    def see_step(self, value, total, bar):
        printed, now, then = whole(value), self.epoch, self.step_epoch
        later = now is not None and (now > then if then is not None else self.step is not None)
        earlier = now is not None and then is not None and now < then
        known = then is not None or self.step is not None
        if bar and known and not later and not earlier and self.is_aside(printed, total):
            return
        if later and printed <= self.printed_step:
            self.counts_within = True
            if self.per_loop is not None and self.printed_step <= self.per_loop:
                self.base += self.per_loop
            elif self.step is not None:
                stride = max(self.stride, 1)
                self.base = self.step + stride - min(printed, stride)
        elif earlier:
            self.base = self.bases.get(whole(now), self.base)
        if now is not None and (then != now or not self.bases) and len(self.bases) < 100_000:
            self.bases.setdefault(whole(now), self.base)
        self.stride = max(printed - self.printed_step, 0)
        self.printed_step = printed
        self.step = min(self.base + printed, (1 << 64) - 1)
        self.step_epoch, self.per_loop = now, total
        self.counts_within |= bar and now is not None
        self.step_since_epoch = True

    def is_aside(self, printed, total):
        if total != self.per_loop:
            self.aside = self.per_loop is not None
        elif self.epoch is not None:
            # Keras on JAX may show a step after later ones: only a bar that was full and starts anew is another loop's.
            self.aside |= printed < self.printed_step == total
        else:
            self.aside = False
            if printed < self.printed_step == total:
                self.base += self.printed_step
                self.counts_within = True
        return self.aside

    def is_repeated(self, text, line):
        values, step = [(name, bits(value)) for name, _, value in line.pairs], self.step or 0
        before, self.bar_values = self.bar_values, (values, step)
        if before and before[0] == values and before[1] <= step <= before[1] + ("%|" in text):
            self.bar_values = before
            return True
        return False


class Name:
    """What is known of a name as a metric."""

    __slots__ = ("kept", "confirmed", "pending", "latest", "held_out", "last_shown")

    def __init__(self, kept, confirmed, held_out):
        self.kept, self.confirmed, self.pending, self.latest = kept, confirmed, None, None
        self.held_out, self.last_shown = held_out, None

    def give(self, seen, told, bar):
        """A value of this name to points, unless nothing is known of the name yet, or it is hidden."""
        if self.kept is None:
            return
        self.confirmed |= told
        if not self.confirmed:
            if self.pending is None:
                self.pending = seen
                return
            if bits(self.pending[0]) == bits(seen[0]):
                return
            self.confirmed = True
        mark = (seen[1], seen[2], bits(seen[0]))
        if bar and self.latest == mark:
            return
        self.latest = mark
        first, self.pending = self.pending, None
        for value, rank, step, epoch in ([first] if first else []) + [seen]:
            yield self.kept, rank, step, epoch, value


class Recogniser:
    """Reads a log as it grows. `definitions` is the `[metrics]` table of curfew.toml."""

    def __init__(self, definitions=None):
        said = definitions or {}
        self.define, self.unread = [], []  # (name, expression), (name, why it is none here)
        for one in said.get("define", []):
            try:
                self.define.append((one["name"], re.compile(one["regex"].encode())))
            except (re.error, OverflowError, RecursionError) as error:
                # Rust's expressions and Python's are not quite the same.
                self.unread.append((one["name"], str(error)))
        recognises = said.get("recognise")
        self.recognises = not said.get("define") if recognises is None else recognises
        self.rename, self.hide = said.get("rename", {}), set(said.get("hide", []))
        merges = said.get("merge", {})
        self.merge = {name: into for into in sorted(merges, reverse=True) for name in merges[into]}
        self.keep = {name.encode().decode("latin-1") for name in said.get("keep", [])}
        self.lines, self.table, self.skip_next, self.boxed = Lines(), Table(), False, Boxed()
        self.decimal_comma, self.at = False, (None, None, None)  # where the last line stood: rank, step, epoch
        self.classes, self.names, self.names_dropped = {}, {}, 0
        self.contexts = {None: Context()}

    def push(self, data):
        """Reads the next bytes; yields (metric, rank, step, epoch, value)."""
        for text in self.lines.push(data):
            yield from self._read(text)

    def finish(self):
        """Reads a last line that has no end, once the run is over."""
        for text in self.lines.finish():
            yield from self._read(text)
        if self.boxed.rows:
            yield from self._end_box(Prefix(""), "")
        for known in self.names.values():
            if known.last_shown:
                yield from known.give(*known.last_shown)
                known.last_shown = None

    def _class_of(self, name):
        means = self.classes.get(name)
        if means is None:
            if len(self.classes) > MOST_WORDS:
                self.classes.clear()
            means = self.classes[name] = METRIC if name in self.keep else classify(name)
        return means

    def _kept(self, printed):
        name = self.merge.get(printed) or self.rename.get(printed, printed)
        return None if name in self.hide else name

    def _read(self, text):
        yield from self._recognise(text)
        # Searched in the whole line: SageMaker's own definitions for XGBoost start at the round.
        for name, regex in self.define:
            found = regex.search(text.encode("latin-1"))
            if found:
                group = found.group(1) if regex.groups and found.group(1) is not None else found.group()
                value = number(group.decode("latin-1").strip(" \t\n\r\x0c"), 0)
                if value:
                    yield (name, *self.at, value[0])

    def _end_box(self, before, text):
        line = Line()
        self.boxed.end(line, self._class_of)
        return self._give(text, Prefix(""), line, line.settle(before))

    def _recognise(self, text):
        if self.skip_next:
            self.skip_next = False
            return
        before = Prefix(text)
        text = text[before.end :]
        if text[:1] == "|" and self.boxed.see_row(text):
            return
        if self.boxed.rows:
            yield from self._end_box(before, text)
            if EDGE.match(text.strip(" \t\n\r\x0c")):
                return
        if text.lstrip(" \t\n\r\x0c").startswith("Trial "):
            # Optuna says the best value so far once more.
            text = text.rpartition(". Best is trial ")[0] or text
        if is_aside(text):
            self.skip_next = text.endswith(("teration is:", "teration:"))
            return
        if self.table.see_header(text):
            return
        line = Line()
        if not self.table.see_row(text, line):
            line = Line()
            if SAYS.search(text):
                Scanner(text, line, self._class_of, self).run()
        line.starred = text.lstrip(" \t\n\r\x0c").startswith("* ")
        yield from self._give(text, before, line, line.settle(before))

    def _give(self, text, before, line, rank):
        if rank not in self.contexts:
            if len(self.contexts) < MOST_RANKS:
                self.contexts[rank] = Context()
        context = self.contexts.get(rank) or self.contexts[None]
        step, epoch, aside = context.place(line)
        self.at = rank, step, epoch
        if not self.recognises or not line.pairs or (line.bar and context.is_repeated(text, line)):
            return
        told = line.step is not None or line.epoch is not None or any(means == METRIC for _, means, _ in line.pairs)
        # In a bar that names its epoch: whether it is full.
        full = whole(line.step[0]) == line.step[1] if line.bar and line.epoch is not None and not aside else None
        for name, means, value in line.pairs:
            name = "evaluate " + name if aside and not is_held_out(name) else name
            if not (before.round is not None and name == "best"):
                yield from self._take(name, means, (value, rank, step, epoch), told, line.bar, full)

    def _take(self, name, means, seen, told, bar, full):
        known = self.names.get(name)
        if known is None:
            if len(self.names) >= MOST_NAMES:
                self.names_dropped += 1
                return
            printed = name.encode("latin-1").decode("utf-8", "replace")
            known = self.names[name] = Name(self._kept(printed), means == METRIC, is_held_out(printed))
        if full is None or not known.held_out:
            yield from known.give(seen, told, bar)
            return
        # A bar shows the last measurement again in each step of the next epoch: the last full bar has the epoch's own.
        shown, known.last_shown = known.last_shown, (seen, told, bar) if full else None
        if shown and not (full and (shown[0][1], shown[0][3]) == (seen[1], seen[3])):
            yield from known.give(*shown)


def is_aside(text):
    """Lines that look like results and are not."""
    return (
        text.startswith(("[LightGBM]", "Namespace(", "Early stopping, best iteration is:", "wandb: "))
        or text.startswith("Did not meet early stopping. Best iteration is:")
        or text == "Best iteration:"
    )
