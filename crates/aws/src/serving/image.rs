//! Which image serves a model.

use super::{Bring, bring, mode};
use crate::aws::Inner;
use crate::images::{self, Chosen};
use crate::machines;
use crate::made::{self, Made};
use curfew_core::endpoint::{EndpointSpec, ModelSource};
use curfew_core::provider::Caution;
use curfew_core::{Cx, RegionName, Result};

impl Inner {
    /// The image that serves it, of the framework and version that the model was made with as far as that is known; and
    /// what does not fit.
    pub(super) async fn serving_image(
        &self,
        cx: &Cx,
        spec: &EndpointSpec,
        region: &RegionName,
    ) -> Result<(Chosen, Vec<Caution>)> {
        let gpu = mode::machine(spec)?.is_some_and(machines::has_gpu);
        if let ModelSource::Run { run, archive } = &spec.model
            && archive.starts_with("s3://")
            && let Some(record) = self.run_record(cx, region, run).await?
        {
            if record.image.framework == "own" {
                return Ok((record.image, Vec::new()));
            }
            let (chosen, word) = images::to_serve(&record.image, gpu, region.as_str())?;
            let (made, serves) =
                (images::python(&record.image, images::TRAINING), images::python(&chosen, images::INFERENCE));
            let python = made.and_then(|made| other_python(&made, serves.as_deref()));
            return Ok((chosen, word.map(version).into_iter().chain(python).collect()));
        }
        let made = match bring(spec)? {
            Bring::There(_) => Made::default(),
            Bring::Archive(path) | Bring::File(path) => {
                tokio::task::spawn_blocking(move || made::of(&path)).await.unwrap_or_default()
            }
        };
        let (chosen, word) = fitting(&made, gpu, region)?;
        let serves = images::python(&chosen, images::INFERENCE);
        let python = made.python.and_then(|made| other_python(&made, serves.as_deref()));
        Ok((chosen, word.map(version).into_iter().chain(python).collect()))
    }
}

/// The image for what a model tells of itself, with a word on what does not fit.
fn fitting(made: &Made, gpu: bool, region: &RegionName) -> Result<(Chosen, Option<String>)> {
    let framework = made.framework.unwrap_or("sklearn");
    let Some(version) = &made.version else {
        let chosen = images::pick(framework, None, images::INFERENCE, gpu, region.as_str())?;
        let word = match made.framework {
            Some(_) => {
                let serves = &chosen.version;
                format!("Which version of {framework} made this model is not known; it is served by {serves}.")
            }
            None => format!("It is not known what made this model; it is served by {framework} {}.", chosen.version),
        };
        return Ok((chosen, Some(word)));
    };
    let trained = Chosen { framework: framework.into(), version: version.clone(), uri: String::new() };
    let (chosen, word) = images::to_serve(&trained, gpu, region.as_str())?;
    // The third number makes no difference to what can be loaded.
    let same = images::numbers(&chosen.version).get(..2) == images::numbers(version).get(..2);
    Ok((chosen, word.filter(|_| !same)))
}

fn version(says: String) -> Caution {
    let risk = "The model may load with warnings, answer differently, or not load at all.".into();
    Caution { code: "image-version".into(), says, risk, ask: false }
}

/// A caution where the image has another Python than the model was made with, or nobody says which it has.
fn other_python(made: &str, serves: Option<&str>) -> Option<Caution> {
    let minor: String = made.split('.').take(2).collect::<Vec<_>>().join(".");
    let says = match serves {
        Some(serves) if serves == minor => return None,
        Some(serves) => {
            format!("The model was made with Python {minor}, and the image that serves it has Python {serves}.")
        }
        None => format!(
            "The model was made with Python {minor}; which Python the image has that serves it, AWS does not list."
        ),
    };
    let risk = "It may fail to load, or answer differently, without saying so.".into();
    Some(Caution { code: "image-python".into(), says, risk, ask: false })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_said() {
        let check = |framework, made_by: Option<&str>, expect: (&str, Option<&str>)| {
            let made = Made { framework, version: made_by.map(str::to_owned), python: None };
            let (chosen, word) = fitting(&made, false, &"us-east-1".parse().unwrap()).unwrap();
            assert_eq!(chosen.version, expect.0, "{made:?}");
            match expect.1 {
                Some(says) => assert!(word.as_ref().is_some_and(|w| w.contains(says)), "{word:?}"),
                None => assert_eq!(word, None, "{made:?}"),
            }
        };
        check(Some("sklearn"), Some("1.4.1"), ("1.4-2-py312", None));
        check(Some("sklearn"), Some("1.2.2"), ("1.2-1", None));
        check(Some("sklearn"), Some("1.5.2"), ("1.9-0", Some("sklearn 1.5.2; the nearest is 1.9-0")));
        check(Some("sklearn"), None, ("1.9-0", Some("Which version of sklearn made this model is not known")));
        check(None, None, ("1.9-0", Some("It is not known what made this model")));
    }

    #[test]
    fn pythons() {
        let says = |made: &str, serves: Option<&str>| other_python(made, serves).map(|c| c.says);
        let of = |version: &str| {
            let chosen = Chosen { framework: "sklearn".into(), version: version.into(), uri: String::new() };
            images::python(&chosen, images::INFERENCE)
        };
        assert_eq!((of("1.4-2-py312").as_deref(), of("1.9-0")), (Some("3.12"), None));
        assert_eq!(says("3.12.4", Some("3.12")), None);
        assert!(
            says("3.9.18", Some("3.12")).unwrap().contains("Python 3.9, and the image that serves it has Python 3.12")
        );
        assert!(says("3.9", None).unwrap().contains("AWS does not list"));
    }
}
