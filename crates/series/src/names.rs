//! What a metric's name tells: which way is better, which data it is of.

/// Which data a metric is measured on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Split {
    /// The name says train, or nothing.
    Train,
    /// The name says val, valid, validation, eval or dev.
    Validation,
    /// The name says test.
    Test,
}

/// Words of a name, split at signs and spaces, in lower case.
fn words(name: &str) -> impl Iterator<Item = String> + '_ {
    name.split(|sign: char| !sign.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_lowercase)
}

fn split_of(word: &str) -> Option<Split> {
    match word {
        "train" | "training" | "learn" => Some(Split::Train),
        "test" | "testing" => Some(Split::Test),
        "val" | "valid" | "validation" | "validating" | "eval" | "evaluate" | "evaluation" | "dev" | "validate" => {
            Some(Split::Validation)
        }
        // LightGBM's "valid_0's", XGBoost's "validation_0".
        _ => word
            .strip_prefix("valid")
            .filter(|rest| rest.bytes().all(|byte| byte.is_ascii_digit()))
            .map(|_| Split::Validation),
    }
}

/// The metric without the words that say which data it is of, and those data: `val_loss` and `train/loss` are both
/// `loss`, so that a picture can show them together.
pub fn family(name: &str) -> (String, Split) {
    let mut split = Split::Train;
    let mut base = Vec::new();
    let mut after_split = false;
    for word in words(name) {
        if let Some(found) = split_of(&word) {
            split = found;
            after_split = true;
        } else if after_split && (word == "s" || word.bytes().all(|byte| byte.is_ascii_digit())) {
            // training's, valid_0's
        } else {
            after_split = false;
            base.push(word);
        }
    }
    (if base.is_empty() { "value".into() } else { base.join("_") }, split)
}

/// Whether the name is a loss's, in training or validation.
pub fn is_loss(name: &str) -> bool {
    words(name).any(|word| word.contains("loss"))
}

/// How much a metric is what a picture shows where nobody chose, least first: the loss, other losses, what else is to be
/// lowered, scores, the rest.
pub fn prominence(name: &str) -> u8 {
    let (base, _) = family(name);
    match higher_is_better(name) {
        _ if base == "loss" => 0,
        Some(false) if base.contains("loss") => 1,
        Some(false) => 2,
        Some(true) => 3,
        None => 4,
    }
}

/// Whether a larger value is the better one, where the name tells.
pub fn higher_is_better(name: &str) -> Option<bool> {
    const HIGHER: &[&str] = &[
        "acc",
        "accuracy",
        "auc",
        "auroc",
        "auprc",
        "ap",
        "map",
        "f1",
        "fbeta",
        "f2",
        "precision",
        "recall",
        "bleu",
        "rouge",
        "meteor",
        "chrf",
        "em",
        "iou",
        "miou",
        "dice",
        "jaccard",
        "specificity",
        "sensitivity",
        "score",
        "reward",
        "rewards",
        "return",
        "returns",
        "elbo",
        "r2",
        "mcc",
        "kappa",
        "ndcg",
        "mrr",
        "psnr",
        "ssim",
        "spearman",
        "pearson",
        "top1",
        "top5",
        "acc1",
        "acc5",
        "likelihood",
        "loglik",
        "silhouette",
        "hit",
        "hits",
        "map50",
        "gini",
    ];
    const LOWER: &[&str] = &[
        "loss",
        "losses",
        "mse",
        "rmse",
        "mae",
        "mape",
        "smape",
        "rmsle",
        "msle",
        "error",
        "err",
        "logloss",
        "mlogloss",
        "nll",
        "bce",
        "ce",
        "crossentropy",
        "xent",
        "entropy",
        "perplexity",
        "ppl",
        "bpc",
        "bpb",
        "wer",
        "cer",
        "ter",
        "kl",
        "kld",
        "fid",
        "lpips",
        "cost",
        "hinge",
        "huber",
        "l1",
        "l2",
        "deviance",
        "inertia",
        "regret",
        "residual",
        "learn",
        "poisson",
        "quantile",
        "distance",
        "penalty",
    ];
    let words: Vec<String> = words(name).collect();
    // "f1 loss" and "accuracy error" are to be lowered.
    let any = |known: &[&str]| words.iter().any(|word| known.contains(&word.as_str()));
    if any(LOWER) || words.iter().any(|word| word.ends_with("loss") || word.ends_with("error")) {
        Some(false)
    } else if any(HIGHER) || words.iter().any(|word| word.ends_with("score") || word.ends_with("accuracy")) {
        Some(true)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, base: &str, split: Split, higher: Option<bool>) {
        assert_eq!(family(name), (base.to_owned(), split), "{name}");
        assert_eq!(higher_is_better(name), higher, "{name}");
    }

    #[test]
    fn names_pair_up_and_point_somewhere() {
        check("loss", "loss", Split::Train, Some(false));
        check("val_loss", "loss", Split::Validation, Some(false));
        check("Train Loss", "loss", Split::Train, Some(false));
        check("valid_0's binary_logloss", "binary_logloss", Split::Validation, Some(false));
        check("training's binary_logloss", "binary_logloss", Split::Train, Some(false));
        check("validation_0-auc", "auc", Split::Validation, Some(true));
        check("eval_accuracy", "accuracy", Split::Validation, Some(true));
        check("test", "value", Split::Test, None);
        check("lr", "lr", Split::Train, None);
    }
}
