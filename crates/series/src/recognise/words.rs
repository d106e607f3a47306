//! What a printed name means: a metric, a step, an epoch, a count, a time, a rate.

use super::vocabulary::{COUNTS, FILLERS, METRIC_PAIRS, METRICS, NOT_NOW, RATES, SETTINGS, SPLITS, TALLIES, TIMES};

/// What a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// A word known to name a metric: kept wherever it stands.
    Metric,
    /// A metric that is printed as a setting as well, such as the learning rate: kept as what is not known is.
    Setting,
    /// Nothing is known of it: kept where its line speaks of training, or once its value has changed.
    Unknown,
    Step,
    /// Episodes, frames, trials: the step where no other is printed.
    Tally,
    Epoch,
    Rank,
    /// A count, a size, a time, a rate, a setting: not a metric.
    Other,
}

fn has(words: &[&str], word: &[u8]) -> bool {
    words.iter().any(|known| known.as_bytes().eq_ignore_ascii_case(word))
}

/// Whether a name says that its values are of data held out from training.
pub(super) fn is_held_out(name: &[u8]) -> bool {
    let mut words = name.split(|byte| !byte.is_ascii_alphanumeric());
    words.any(|word| is_split(word) && !word.get(..5).is_some_and(|start| start.eq_ignore_ascii_case(b"train")))
}

/// Whether the word says which data a value is of: train, validation, test.
pub(super) fn is_split(word: &[u8]) -> bool {
    has(SPLITS, word)
}

/// Which of the counts a name is that may stand for the step.
pub(super) fn tally(name: &[u8]) -> Option<usize> {
    TALLIES.iter().position(|known| known.as_bytes().eq_ignore_ascii_case(name))
}

/// Whether what stands in an object of this name is settings: `params: {'lr': 0.1}`.
pub(super) fn is_of_settings(name: &[u8]) -> bool {
    let last = name.rsplit(|byte| !byte.is_ascii_alphanumeric()).next().unwrap_or(name);
    has(&["config", "params", "parameters", "args", "hparams", "hyperparameters", "settings"], last)
}

pub(super) fn is_filler(word: &[u8]) -> bool {
    has(FILLERS, word)
}

/// Words that may stand before a metric's name without a separator after it ("average loss 0.4").
pub(super) fn is_qualifier(word: &[u8]) -> bool {
    is_split(word)
        || has(
            &[
                "avg", "avg.", "average", "mean", "best", "final", "total", "running", "smoothed", "median", "macro",
                "micro",
            ],
            word,
        )
}

/// Splits a name where its words meet: at signs, and where a capital follows a small letter.
fn parts(name: &[u8]) -> Vec<&[u8]> {
    let mut parts = Vec::with_capacity(6);
    let mut start = 0;
    for at in 0..=name.len() {
        let ends = at == name.len() || !(name[at].is_ascii_alphanumeric() || name[at] >= 0x80);
        let camel = !ends && at > start && name[at].is_ascii_uppercase() && name[at - 1].is_ascii_lowercase();
        if ends || camel {
            if at > start {
                parts.push(&name[start..at]);
            }
            start = if ends { at + 1 } else { at };
        }
    }
    parts
}

/// What a name stands for, judged by its words.
pub(super) fn classify(name: &[u8]) -> Class {
    let parts = parts(name);
    let Some(last) = parts.last() else { return Class::Other };
    // train.py:57, 0.0.0.0:80
    if [".py", ".cc", ".cpp", ".rs", ".c", ".h", ".go"].iter().any(|end| name.ends_with(end.as_bytes()))
        || name.contains(&b'\\')
    {
        return Class::Other;
    }
    let any = |words: &[&str]| parts.iter().any(|part| has(words, part));
    let counted = any(&["num", "count", "cnt", "n", "number"]);
    let timed = any(TIMES) || any(&["per"]) || name.ends_with(b"/s") || name.ends_with(b"/sec");
    let known = any(METRICS)
        // mIoU
        || name.split(|byte| !byte.is_ascii_alphanumeric()).any(|run| has(METRICS, run))
        || parts.windows(2).any(|pair| METRIC_PAIRS.iter().any(|(a, b)| pair[0].eq_ignore_ascii_case(a.as_bytes()) && pair[1].eq_ignore_ascii_case(b.as_bytes())))
        // trailing digits: loss2, acc5, map50
        || parts.iter().any(|part| { let word = part.trim_ascii_end_digits(); word.len() < part.len() && has(METRICS, word) })
        // valoss, trainloss, avgloss, f1score, gradnorm
        || parts.iter().any(|part| part.len() > 4 && [&b"loss"[..], b"score", b"accuracy", b"error", b"reward", b"entropy"].iter().any(|end| ends_with_ignoring_case(part, end)));
    if known && !counted && !timed {
        let setting = any(SETTINGS)
            || parts
                .windows(2)
                .any(|pair| pair[0].eq_ignore_ascii_case(b"learning") && pair[1].eq_ignore_ascii_case(b"rate"));
        return if setting { Class::Setting } else { Class::Metric };
    }
    // Epoch(train), Iter(val): what the data are stands last.
    let (last, parts) = match &parts[..] {
        [before @ .., of] if name.ends_with(b")") && is_split(of) && !before.is_empty() => {
            (before[before.len() - 1], before)
        }
        all => (*last, all),
    };
    if has(TALLIES, name) {
        return Class::Tally;
    }
    let is = |words: &[&str]| has(words, last);
    let qualified = parts[..parts.len() - 1].iter().any(|part| has(NOT_NOW, part));
    if is(&["epoch", "ep", "epoche", "epoca"]) {
        return if qualified { Class::Other } else { Class::Epoch };
    }
    if is(&["step", "iter", "iteration", "it", "round", "globalstep", "update", "updates"])
        || (is(&["batch"]) && parts.iter().all(|part| has(&["batch", "train", "training"], part)))
    {
        return if qualified { Class::Other } else { Class::Step };
    }
    if is(&["rank"]) && parts.len() <= 2 {
        return if parts.len() == 1 || has(&["global"], parts[0]) { Class::Rank } else { Class::Other };
    }
    if timed || counted || any(RATES) || any(COUNTS) {
        return Class::Other;
    }
    Class::Unknown
}

fn ends_with_ignoring_case(text: &[u8], end: &[u8]) -> bool {
    text.len() >= end.len() && text[text.len() - end.len()..].eq_ignore_ascii_case(end)
}

trait TrimDigits {
    fn trim_ascii_end_digits(&self) -> &[u8];
}

impl TrimDigits for &[u8] {
    fn trim_ascii_end_digits(&self) -> &[u8] {
        let digits = self.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
        &self[..self.len() - digits]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(expect: Class, names: &[&str]) {
        for name in names {
            assert_eq!(classify(name.as_bytes()), expect, "{name}");
        }
    }

    #[test]
    fn names_are_told_apart() {
        check(
            Class::Metric,
            &[
                "loss",
                "val_loss",
                "Train Loss",
                "Avg. loss",
                "train-logloss",
                "training's binary_logloss",
                "grad_norm",
                "data_loss",
                "mIoU",
                "val/mAP50-95",
                "eval/f1",
                "loss_epoch",
                "step_loss",
                "epoch_loss",
                "valLoss",
                "OOB Improve",
                "top1",
                "AUC",
                "d_loss",
                "token_accuracy",
                "L2",
                "avgloss",
                "precision@5",
                "false positive rate",
            ],
        );
        check(Class::Setting, &["lr", "learning_rate", "Learning rate", "lr/group0", "loss_weight", "reg_lambda"]);
        check(Class::Epoch, &["epoch", "Epoch", "Train Epoch", "ep", "Epoch(train)", "Epoche"]);
        check(Class::Tally, &["episode", "Episodes", "total_timesteps", "steps", "Trial"]);
        check(
            Class::Step,
            &["step", "global_step", "iter", "Iteration", "Training step", "batch", "Round", "Iter(val)"],
        );
        check(Class::Rank, &["rank", "global_rank"]);
        check(
            Class::Other,
            &[
                "train_runtime",
                "train_samples_per_second",
                "it/s",
                "tokens/s",
                "batch_size",
                "num_workers",
                "Remaining Time",
                "best_epoch",
                "total",
                "remaining",
                "NNZs",
                "T",
                "v_num",
                "max_steps",
                "n_epochs",
                "train.py",
                "seed",
                "step_time",
                "lineno",
                "timestamp",
                "data_time",
                "num_errors",
                "Batchsize",
                "wpb",
                "data",
                "skipped",
                "Episode length",
                "local_rank",
                "gpu_mem",
                "eta",
            ],
        );
        check(Class::Unknown, &["sharpness", "foo", "learn", "alignment/uniformity"]);
    }
}
