//! What a printed name means: a metric, a step, an epoch, a count, a time, a rate.

/// What a name stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// A word known to name a metric: kept wherever it stands.
    Metric,
    /// Nothing is known of it: kept where its line speaks of training, or once its value has changed.
    Unknown,
    Step,
    Epoch,
    Rank,
    /// A count, a size, a time, a rate, a setting: not a metric.
    Other,
}

const METRICS: &[&str] = &[
    "loss",
    "losses",
    "acc",
    "accuracy",
    "auc",
    "auroc",
    "auprc",
    "ap",
    "map",
    "map50",
    "f1",
    "fbeta",
    "f2",
    "mse",
    "rmse",
    "mae",
    "mape",
    "smape",
    "rmsle",
    "msle",
    "mslr",
    "medae",
    "error",
    "err",
    "logloss",
    "mlogloss",
    "nll",
    "nlpd",
    "bce",
    "ce",
    "crossentropy",
    "entropy",
    "xent",
    "perplexity",
    "ppl",
    "bpc",
    "bpb",
    "bleu",
    "rouge",
    "rouge1",
    "rouge2",
    "rougel",
    "meteor",
    "chrf",
    "wer",
    "cer",
    "ter",
    "em",
    "iou",
    "miou",
    "dice",
    "jaccard",
    "precision",
    "recall",
    "specificity",
    "sensitivity",
    "score",
    "reward",
    "rewards",
    "return",
    "returns",
    "kl",
    "kld",
    "elbo",
    "grad",
    "gradnorm",
    "gnorm",
    "norm",
    "lr",
    "r2",
    "mcc",
    "kappa",
    "ndcg",
    "mrr",
    "psnr",
    "ssim",
    "lpips",
    "fid",
    "pesq",
    "stoi",
    "top1",
    "top5",
    "acc1",
    "acc5",
    "spearman",
    "pearson",
    "spearmanr",
    "corr",
    "correlation",
    "cost",
    "objective",
    "obj",
    "likelihood",
    "loglik",
    "ll",
    "residual",
    "deviance",
    "gini",
    "hinge",
    "huber",
    "quantile",
    "poisson",
    "binary_logloss",
    "l1",
    "l2",
    "ks",
    "lift",
    "silhouette",
    "inertia",
    "distance",
    "divergence",
    "penalty",
    "reg",
    "improve",
    "improvement",
    "regret",
    "bias",
    "variance",
    "energy",
];

/// Together they name a metric that none of them names alone.
const METRIC_PAIRS: &[(&str, &str)] =
    &[("learning", "rate"), ("positive", "rate"), ("negative", "rate"), ("error", "rate")];

const TIMES: &[&str] = &[
    "time",
    "times",
    "eta",
    "elapsed",
    "remaining",
    "duration",
    "runtime",
    "sec",
    "secs",
    "second",
    "seconds",
    "ms",
    "msec",
    "minute",
    "minutes",
    "hour",
    "hours",
    "timestamp",
    "ts",
    "date",
    "dur",
    "took",
    "wall",
    "walltime",
    "clock",
    "latency",
    "asctime",
    "datetime",
    "day",
    "created",
    "uptime",
];

const RATES: &[&str] = &[
    "ips",
    "fps",
    "throughput",
    "speed",
    "qps",
    "tps",
    "wps",
    "ups",
    "mfu",
    "tflops",
    "flops",
    "gflops",
    "hz",
    "utilization",
];

const COUNTS: &[&str] = &[
    "batch",
    "batches",
    "bs",
    "size",
    "sizes",
    "samples",
    "sample",
    "examples",
    "n",
    "num",
    "nb",
    "count",
    "counts",
    "cnt",
    "total",
    "totals",
    "token",
    "tokens",
    "params",
    "param",
    "parameters",
    "rows",
    "row",
    "cols",
    "columns",
    "features",
    "feature",
    "seed",
    "port",
    "pid",
    "gpu",
    "gpus",
    "cpu",
    "cpus",
    "device",
    "devices",
    "cuda",
    "mem",
    "memory",
    "vram",
    "ram",
    "worker",
    "workers",
    "world",
    "node",
    "nodes",
    "version",
    "v",
    "fold",
    "trial",
    "trials",
    "patience",
    "seen",
    "epochs",
    "steps",
    "iters",
    "iterations",
    "rounds",
    "layers",
    "layer",
    "dim",
    "dims",
    "hidden",
    "width",
    "height",
    "depth",
    "line",
    "lineno",
    "id",
    "ids",
    "index",
    "idx",
    "year",
    "month",
    "files",
    "file",
    "images",
    "correct",
    "checkpoint",
    "ckpt",
    "tree",
    "trees",
    "leaf",
    "leaves",
    "nnz",
    "nnzs",
    "t",
    "shape",
    "length",
    "len",
    "max",
    "min",
    "limit",
    "bytes",
    "classes",
    "class",
    "labels",
    "label",
    "folds",
    "jobs",
    "job",
    "level",
    "thread",
    "threads",
    "process",
    "processes",
    "bins",
    "bin",
    "args",
    "arg",
    "code",
    "status",
    "exit",
    "errno",
    "host",
    "url",
    "http",
    "https",
    "python",
    "torch",
    "keras",
    "numpy",
    "tensorflow",
    "jax",
    "default",
    "momentum",
    "dropout",
    "decay",
    "warmup",
    "gamma",
    "alpha",
    "units",
];

/// Words that say which data a value is of, and the one they are shown as.
const SPLITS: &[&str] = &[
    "train",
    "training",
    "val",
    "valid",
    "validation",
    "validating",
    "test",
    "testing",
    "eval",
    "evaluation",
    "evaluating",
    "evaluate",
    "dev",
];

/// Words before a name that are not part of it: log levels, logger names, little words.
const FILLERS: &[&str] = &[
    "the", "a", "an", "with", "and", "at", "is", "of", "for", "on", "in", "to", "got", "has", "had", "have", "was",
    "are", "current", "now", "then", "new", "info", "debug", "warning", "warn", "error", "critical", "root", "main",
    "after", "from", "by", "so", "got:", "this", "its", "your", "my", "our", "we", "it",
];

/// Words that make "epoch 3" something else than the epoch the run is in.
const NOT_NOW: &[&str] =
    &["best", "last", "max", "num", "total", "of", "per", "every", "each", "until", "warmup", "n", "no"];

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
        || parts.windows(2).any(|pair| METRIC_PAIRS.iter().any(|(a, b)| pair[0].eq_ignore_ascii_case(a.as_bytes()) && pair[1].eq_ignore_ascii_case(b.as_bytes())))
        // trailing digits: loss2, acc5, map50
        || parts.iter().any(|part| { let word = part.trim_ascii_end_digits(); word.len() < part.len() && has(METRICS, word) })
        // valoss, trainloss, avgloss, f1score, gradnorm
        || parts.iter().any(|part| part.len() > 4 && [&b"loss"[..], b"score", b"accuracy", b"error", b"reward", b"entropy"].iter().any(|end| ends_with_ignoring_case(part, end)));
    if known && !counted && !timed {
        return Class::Metric;
    }
    let is = |words: &[&str]| has(words, last);
    let qualified = parts[..parts.len() - 1].iter().any(|part| has(NOT_NOW, part));
    if is(&["epoch", "ep"]) {
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
                "lr",
                "learning_rate",
                "grad_norm",
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
        check(Class::Epoch, &["epoch", "Epoch", "Train Epoch", "ep"]);
        check(Class::Step, &["step", "global_step", "iter", "Iteration", "Training step", "batch", "Round"]);
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
                "local_rank",
                "gpu_mem",
                "eta",
            ],
        );
        check(Class::Unknown, &["sharpness", "foo", "learn", "alignment/uniformity"]);
    }
}
