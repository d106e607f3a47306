//! Framework images: which one fits a script, and where a region keeps it. The lists are those of AWS's own Python SDK
//! (assets/aws/README.md says which version).

use curfew_core::provider::Caution;
use curfew_core::{Error, Result, say};
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::sync::LazyLock;

const IMAGES: &str = include_str!("../../../assets/aws/images.csv");
const REGISTRIES: &str = include_str!("../../../assets/aws/registries.csv");

/// One framework image, without its region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Image {
    pub framework: &'static str,
    pub scope: &'static str,
    pub version: &'static str,
    pub python: &'static str,
    pub processor: &'static str,
    repository: &'static str,
    tag: &'static str,
    pub end_of_support: Option<jiff::civil::Date>,
}

static ALL: LazyLock<Vec<Image>> = LazyLock::new(|| {
    let row = |line: &'static str| {
        let f: Vec<&str> = line.split(',').collect();
        Image {
            framework: f[0],
            scope: f[1],
            version: f[2],
            python: f[3],
            processor: f[4],
            repository: f[5],
            tag: f[6],
            end_of_support: f[8].parse().ok(),
        }
    };
    IMAGES.lines().skip(1).map(row).collect()
});

/// What a run or endpoint was given, noted beside it, so that a model is served by what it was trained with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Chosen {
    /// `sklearn`, `pytorch`, …, or `own`.
    pub framework: String,
    /// As AWS numbers it: "1.4-2".
    pub version: String,
    /// The address in the registry.
    pub uri: String,
}

/// `training` or `inference`.
pub(crate) const TRAINING: &str = "training";
pub(crate) const INFERENCE: &str = "inference";

/// What a script asks of its machine in `curfew.toml`: `[image]` with `uri`, or `framework` and `version`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub(crate) struct Wish {
    pub uri: Option<String>,
    pub framework: Option<String>,
    pub version: Option<String>,
}

impl Image {
    fn uri(&self, region: &str) -> Result<String> {
        let family = if self.repository.starts_with("sagemaker-") { "classic" } else { "dlc" };
        let account = REGISTRIES.lines().skip(1).find_map(|line| {
            let mut fields = line.split(',');
            (fields.next() == Some(family) && fields.next() == Some(region)).then(|| fields.next())?
        });
        let account = account.ok_or_else(|| {
            Error::input("machine", format!("it is not known where {region} keeps AWS's framework images"))
                .next("Name the image in curfew.toml: [image] uri = \"…\"")
        })?;
        Ok(format!("{account}.dkr.ecr.{region}.amazonaws.com/{}:{}", self.repository, self.tag))
    }
}

/// The image for a framework on a machine: the wished version, else the newest.
pub(crate) fn pick(framework: &str, version: Option<&str>, scope: &str, gpu: bool, region: &str) -> Result<Chosen> {
    let processor = if gpu { "gpu" } else { "cpu" };
    let of_framework = || ALL.iter().filter(|i| i.framework == framework && i.scope == scope);
    if of_framework().next().is_none() {
        let known: std::collections::BTreeSet<&str> = ALL.iter().map(|i| i.framework).collect();
        let known = known.into_iter().collect::<Vec<_>>().join(", ");
        return Err(Error::input("dir", format!("there is no framework image “{}”", say::clean(framework, 40)))
            .next(format!("curfew.toml may name {known}, or an image by its uri")));
    }
    let fits = |i: &&Image| version.is_none_or(|v| i.version == v || i.version.starts_with(&format!("{v}.")));
    // Of a framework that has no GPU image the CPU image runs there too. Of two builds the one on the newer Python.
    let mut found: Vec<&Image> = of_framework().filter(fits).collect();
    if found.is_empty() {
        let versions: Vec<&str> = of_framework().map(|i| i.version).collect();
        let what = say::clean(version.unwrap_or_default(), 40);
        return Err(Error::input("dir", format!("there is no image of {framework} {what} for {scope}"))
            .next(format!("There is: {}", versions.join(", "))));
    }
    if found.iter().any(|i| i.processor == processor) {
        found.retain(|i| i.processor == processor);
    }
    let best = found.into_iter().max_by_key(|i| numbers(i.version)).expect("it was not empty");
    Ok(Chosen { framework: framework.to_owned(), version: best.version.to_owned(), uri: best.uri(region)? })
}

/// The image that serves what `trained` trained: the same version, else the nearest that is not older, with a word on it.
pub(crate) fn to_serve(trained: &Chosen, gpu: bool, region: &str) -> Result<(Chosen, Option<String>)> {
    let same = pick(&trained.framework, Some(&trained.version), INFERENCE, gpu, region);
    if let Ok(chosen) = same {
        return Ok((chosen, None));
    }
    let wanted = numbers(&trained.version);
    let versions = ALL.iter().filter(|i| i.framework == trained.framework && i.scope == INFERENCE);
    let mut versions: Vec<&str> = versions.map(|i| i.version).collect();
    versions.sort_by_key(|v| numbers(v));
    // The third number is AWS's own count or a mended fault: the newest of the same first two fits.
    let same = versions.iter().rev().find(|v| numbers(v).get(..2) == wanted.get(..2));
    let nearest = same.or_else(|| versions.iter().find(|v| numbers(v) >= wanted)).or(versions.last());
    let chosen = pick(&trained.framework, nearest.copied(), INFERENCE, gpu, region)?;
    let word = format!(
        "AWS has no image to serve {} {}; the nearest is {}.",
        trained.framework, trained.version, chosen.version
    );
    Ok((chosen, Some(word)))
}

/// The Python of an image: "3.12". `None` where AWS's list does not tell ("py3").
pub(crate) fn python(chosen: &Chosen, scope: &str) -> Option<String> {
    let mut builds = ALL.iter().filter(|i| i.framework == chosen.framework && i.version == chosen.version);
    let image = builds.find(|i| i.scope == scope)?;
    // Of two builds of one version, the version has it: "1.4-2-py312".
    let python = image.version.rsplit('-').find(|part| part.starts_with("py")).unwrap_or(image.python);
    let digits = python.strip_prefix("py")?;
    let (major, minor) = digits.split_at_checked(1).filter(|(_, minor)| !minor.is_empty())?;
    Some(format!("{major}.{minor}"))
}

/// Until when AWS mends an image; `None`: it names no end.
pub(crate) fn end_of_support(chosen: &Chosen, scope: &str) -> Option<jiff::civil::Date> {
    let same = |i: &&Image| i.framework == chosen.framework && i.version == chosen.version && i.scope == scope;
    ALL.iter().find(same)?.end_of_support
}

/// The word on an image that AWS no longer mends; nothing where no end is known.
pub(crate) fn past_support(chosen: &Chosen, scope: &str, today: jiff::civil::Date) -> Option<Caution> {
    let end = end_of_support(chosen, scope).filter(|end| *end < today)?;
    let newest = ALL.iter().filter(|i| i.framework == chosen.framework && i.scope == scope);
    let newest = newest.filter(|i| i.end_of_support.is_some_and(|end| end >= today)).max_by_key(|i| numbers(i.version));
    let next = newest
        .map_or_else(String::new, |i| format!(" {} is mended until {}.", i.version, i.end_of_support.unwrap_or(end)));
    Some(Caution {
        code: "image-support".into(),
        says: format!("AWS no longer mends the image of {} {} (since {end}).", chosen.framework, chosen.version),
        risk: format!("It may have known security faults.{next}"),
        ask: false,
    })
}

/// The numbers of a version, for comparing: "1.4-2-py312" is [1, 4, 2, 312].
pub(crate) fn numbers(version: &str) -> Vec<u64> {
    version.split(|c: char| !c.is_ascii_digit()).filter_map(|n| n.parse().ok()).collect()
}

/// What a script imports or requires, by what AWS has images of. First match wins: a Hugging Face script imports torch
/// too, and nearly every script imports scikit-learn for something.
const IMPORTS: &[(&str, &[&str])] = &[
    ("huggingface", &["transformers"]),
    ("tensorflow", &["tensorflow", "keras"]),
    ("pytorch", &["torch", "lightning", "pytorch_lightning"]),
    ("xgboost", &["xgboost"]),
    ("sklearn", &["sklearn", "scikit-learn", "joblib"]),
];

/// The framework that a script folder is written for; scikit-learn's small image where nothing tells.
pub(crate) fn framework_of(dir: &Path, entry: &str) -> &'static str {
    let read = |name: &str| std::fs::read_to_string(dir.join(name)).unwrap_or_default();
    let (script, requirements) = (read(entry), read("requirements.txt"));
    let imported = |module: &str| {
        script.lines().map(str::trim_start).any(|line| {
            let rest = line.strip_prefix("import ").or_else(|| line.strip_prefix("from "));
            rest.is_some_and(|r| first_word(r) == module)
        })
    };
    let required = |package: &str| requirements.lines().any(|line| first_word(line.trim_start()) == package);
    let found = IMPORTS.iter().find(|(_, modules)| modules.iter().any(|m| imported(m) || required(m)));
    found.map_or("sklearn", |(framework, _)| framework)
}

fn first_word(text: &str) -> &str {
    text.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == '-')).next().unwrap_or("")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_have_addresses() {
        let check = |framework: &str, version: Option<&str>, gpu: bool, expect: &str| {
            let got = pick(framework, version, TRAINING, gpu, "us-east-1").map_or_else(|e| e.to_string(), |c| c.uri);
            assert!(got.contains(expect), "{got}");
        };
        check(
            "sklearn",
            None,
            false,
            "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:1.9-0-cpu-py3",
        );
        check("sklearn", Some("1.4-2"), false, "scikit-learn:1.4-2-cpu-py3");
        check("sklearn", None, true, "scikit-learn:1.9-0-cpu-py3");
        check("pytorch", None, true, "763104351884.dkr.ecr.us-east-1.amazonaws.com/pytorch-training:2.10.0-gpu");
        check("pytorch", Some("2.9"), false, "pytorch-training:2.9.0-cpu");
        check("tensorflow", Some("1.15"), false, "no image of tensorflow 1.15");
        check("caffe", None, false, "no framework image “caffe”");
        assert!(pick("sklearn", None, TRAINING, false, "mars-north-1").unwrap_err().message().contains("mars-north-1"));
    }

    #[test]
    fn a_model_is_served_by_its_own_version_or_the_nearest() {
        let trained = |framework: &str, version: &str| Chosen {
            framework: framework.into(),
            version: version.into(),
            uri: String::new(),
        };
        let (same, word) = to_serve(&trained("sklearn", "1.9-0"), false, "us-east-1").unwrap();
        assert_eq!((same.version.as_str(), word), ("1.9-0", None));
        let (near, word) = to_serve(&trained("pytorch", "2.10.0"), false, "us-east-1").unwrap();
        assert!(near.version == "2.6.0" && word.is_some_and(|w| w.contains("pytorch 2.10.0")));
    }

    #[test]
    fn images_past_support() {
        let check = |framework: &str, version: &str, scope: &str, says: Option<&str>, risk: &str| {
            let chosen = Chosen { framework: framework.into(), version: version.into(), uri: String::new() };
            let got = past_support(&chosen, scope, "2026-11-26".parse().unwrap());
            assert_eq!(got.as_ref().map(|c| c.says.as_str()), says);
            assert!(got.is_none_or(|c| c.risk.contains(risk)));
        };
        let old = "AWS no longer mends the image of pytorch 2.9.0 (since 2026-10-15).";
        check("pytorch", "2.9.0", TRAINING, Some(old), "2.10.0 is mended until 2027-01-21.");
        let old = "AWS no longer mends the image of sklearn 1.4-2-py312 (since 2026-10-30).";
        check("sklearn", "1.4-2-py312", INFERENCE, Some(old), "1.9-0 is mended until 2027-07-16.");
        // No PyTorch that is still mended serves.
        let old = "AWS no longer mends the image of pytorch 2.6.0 (since 2026-06-30).";
        check("pytorch", "2.6.0", INFERENCE, Some(old), "faults.");
        check("pytorch", "2.10.0", TRAINING, None, "");
        check("sklearn", "1.9-0", TRAINING, None, "");
        // AWS names no end: nothing is said, and nothing is promised.
        check("sklearn", "1.2-1", TRAINING, None, "");
        check("huggingface", "5.3.0", TRAINING, None, "");
        check("own", "", TRAINING, None, "");
    }

    #[test]
    fn a_script_tells_its_framework() {
        let dir = tempfile::tempdir().unwrap();
        let check = |script: &str, expect: &str| {
            std::fs::write(dir.path().join("train.py"), script).unwrap();
            assert_eq!(framework_of(dir.path(), "train.py"), expect, "{script}");
        };
        check("import os\nprint(1)", "sklearn");
        check("import sklearn\nimport torch", "pytorch");
        check("def f():\n    from transformers import pipeline", "huggingface");
        check("# import torch\nimport torchvision_x", "sklearn");
        check("from tensorflow.keras import layers", "tensorflow");
    }
}
