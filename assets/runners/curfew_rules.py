"""When a run should stop by itself, for the entry point of a run in a cloud: reads its output and says why.

Standard library only, Python 3.8 and later; the files `curfew_*.py` travel together. Held equal to `crates/series` by
`crates/series/vectors/*.json`: the rules are its `Rule` as JSON, the definitions the `[metrics]` table of curfew.toml.

    stops = Stops([{"rule": "not-a-number"}, {"rule": "spend", "usd": 5.0}], usd_per_hour=1.2)
    for piece in output:
        why = stops.read(piece) or stops.check(seconds_so_far)
        if why:
            ...  # "loss is not a number at step 120": stop because of that

Or in a pipe, which answers once and passes everything through:
`train.py 2>&1 | python3 curfew_rules.py '[{"rule": "not-a-number"}]'`; it ends with 3 where a rule is met.
"""

import json
import os
import sys
import time
from decimal import Decimal

from curfew_recognise import Recogniser

LOWER = frozenset("""loss losses mse rmse mae mape smape rmsle msle error err logloss mlogloss nll bce ce
crossentropy xent entropy perplexity ppl bpc bpb wer cer ter kl kld fid lpips cost hinge huber l1 l2 deviance
inertia regret residual learn poisson quantile distance penalty""".split())
HIGHER = frozenset("""acc accuracy auc auroc auprc ap map f1 fbeta f2 precision recall bleu rouge meteor chrf em iou
miou dice jaccard specificity sensitivity score reward rewards return returns elbo r2 mcc kappa ndcg mrr psnr ssim
spearman pearson top1 top5 acc1 acc5 likelihood loglik silhouette hit hits map50 gini""".split())


FREE = 5  # seconds of reading that are free at the start, where most is to be learnt


def words(name):
    """The words of a name in small letters, parted at signs and spaces."""
    return "".join(sign if sign.isalnum() else " " for sign in name).lower().split()


def higher_is_better(name):
    """Whether a larger value is the better one; None where the name does not tell."""
    said = words(name)
    if any(word in LOWER or word.endswith(("loss", "error")) for word in said):
        return False
    return True if any(word in HIGHER or word.endswith(("score", "accuracy")) for word in said) else None


def is_loss(name):
    return any("loss" in word for word in words(name))


def shown(value):
    """A number as Rust shows it: the shortest that reads back, without an exponent."""
    text = format(Decimal(repr(float(value))), "f")
    return text[:-2] if text.endswith(".0") else text


def not_finite(value):
    return value != value or value in (float("inf"), -float("inf"))


class Watch:
    """Watches points with rules. The first rule that is met is reported, once, as (which rule, why)."""

    def __init__(self, rules):
        self.rules, self.best, self.stopped = rules, {}, False
        self.losses = {}  # the loss that a rule without a name has chosen

    def see(self, metric, rank, step, epoch, value):
        if self.stopped:
            return None
        for at, rule in enumerate(self.rules):
            why = None
            if rule["rule"] == "not-a-number":
                why = self._not_a_number(rule.get("metric"), metric, step, epoch, value)
            elif rule["rule"] == "flat":
                named = rule.get("metric") or self.losses.get(at)
                if named is None and is_loss(metric):
                    named = self.losses[at] = metric
                if named == metric:
                    why = self._flat((at, rank), rule, metric, epoch, value)
            if why:
                self.stopped = True
                return at, why
        return None

    def check(self, elapsed_seconds, spent_usd=None):
        """Takes what the run has taken and cost so far; a cost that is not known (None) meets no limit."""
        if self.stopped:
            return None
        for at, rule in enumerate(self.rules):
            why = None
            if rule["rule"] == "spend" and spent_usd is not None and spent_usd >= rule["usd"]:
                why = f"it has cost ${spent_usd:.2f}, its limit is ${rule['usd']:.2f}"
            elif rule["rule"] == "time" and elapsed_seconds >= rule["seconds"]:
                why = f"it has run for {elapsed_seconds:.0f} s, its limit is {rule['seconds']:.0f} s"
            if why:
                self.stopped = True
                return at, why
        return None

    @staticmethod
    def _not_a_number(named, metric, step, epoch, value):
        watched = named == metric if named is not None else higher_is_better(metric) is False
        if not watched or not not_finite(value):
            return None
        place = f" at step {step}" if step is not None else f" in epoch {shown(epoch)}" if epoch is not None else ""
        return f"{metric} is {'not a number' if value != value else 'infinite'}{place}"

    def _flat(self, key, rule, metric, epoch, value):
        if not_finite(value):
            return None
        higher = higher_is_better(metric) or False
        known = self.best.setdefault(key, [value, epoch or 0.0, -1.0])  # best value, where, how many points
        known[2] += 1
        now = epoch if epoch is not None else known[2]
        gain = value - known[0] if higher else known[0] - value
        # A restart from a checkpoint goes back in epochs; the wait starts anew from there.
        if gain > rule.get("min_delta", 0.0) or now < known[1]:
            known[1] = now
            if gain > 0:
                known[0] = value
        waited = now - known[1]
        if waited < rule["epochs"]:
            return None
        unit = "epochs" if epoch is not None else "values"
        return f"{metric} has not become better than {shown(known[0])} for {shown(waited)} {unit}"


def tell(what):
    print(f"[curfew] {what}", file=sys.stderr, flush=True)


class Stops:
    """A run's output and its rules together: why it should stop, once; None until then.

    Reading takes at most `share` of the time that passes (after some seconds at the start); of output that comes faster
    than that, whole lines are passed over, so that a script that prints without end is not held up. None: all is read.
    """

    def __init__(self, rules, definitions=None, usd_per_hour=None, share=0.25):
        self.watch, self.usd_per_hour = Watch(rules), usd_per_hour
        self.share, self.began, self.spent, self.skipped = share, time.monotonic() - FREE / (share or 1), 0.0, False
        # A log is not read for rules that do not look at it.
        looks = any(rule["rule"] in ("not-a-number", "flat") for rule in rules)
        self.recogniser = None
        if looks:
            self.recogniser = Recogniser(definitions)
            for name, error in self.recogniser.unread:
                tell(f"the definition of {name} cannot be used beside the run, which goes on without it: {error}")

    def read(self, data):
        """Takes the next bytes of the output."""
        if not self.recogniser or self.watch.stopped:
            return None
        now = time.monotonic()
        if self.share is not None and self.spent > self.share * (now - self.began):
            # The line that was cut off ends here, so that what follows later is not taken for its end.
            cut, self.skipped = not self.skipped, True
            return self._look(b"\n") if cut else None
        if self.skipped:
            at = data.find(b"\n")
            if at < 0:
                return None
            data, self.skipped = data[at + 1 :], False
        why = self._look(data)
        self.spent += time.monotonic() - now
        return why

    def finish(self):
        return self._look(None) if self.recogniser and not self.watch.stopped else None

    def check(self, seconds):
        """Takes how long the run has gone."""
        spent = None if self.usd_per_hour is None else self.usd_per_hour * seconds / 3600
        met = self.watch.check(seconds, spent)
        return met[1] if met else None

    def _look(self, data):
        met = None
        try:
            # To the end, so that the recogniser stands where the bytes end.
            for point in self.recogniser.finish() if data is None else self.recogniser.push(data):
                met = met or self.watch.see(*point)
        except Exception as error:  # A run never ends because its output could not be read.
            self.recogniser = None
            tell(f"the output is not watched any more, only time and money: {type(error).__name__}: {error}")
        return met[1] if met else None


def main():
    stops = Stops(json.loads(sys.argv[1]), json.loads(sys.argv[2]) if len(sys.argv) > 2 else None)
    began, why = time.monotonic(), None
    while True:
        data = os.read(0, 1 << 16)
        why = stops.read(data) or stops.check(time.monotonic() - began) or (None if data else stops.finish())
        os.write(1, data)
        if why or not data:
            break
    if why:
        print(f"stop because {why}", file=sys.stderr)
        sys.exit(3)


if __name__ == "__main__":
    main()
