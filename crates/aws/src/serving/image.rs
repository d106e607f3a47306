//! Which image serves a model.

use super::{Bring, bring, mode};
use crate::aws::Inner;
use crate::images::{self, Chosen};
use crate::machines;
use curfew_core::endpoint::{EndpointSpec, ModelSource};
use curfew_core::{Cx, RegionName, Result};

impl Inner {
    /// The image that serves it: of the framework and version that the model was made with, as far as that is known.
    pub(super) async fn serving_image(
        &self,
        cx: &Cx,
        spec: &EndpointSpec,
        region: &RegionName,
    ) -> Result<(Chosen, Option<String>)> {
        let gpu = mode::machine(spec)?.is_some_and(machines::has_gpu);
        if let ModelSource::Run { run, archive } = &spec.model
            && archive.starts_with("s3://")
            && let Some(record) = self.run_record(cx, region, run).await?
        {
            if record.image.framework == "own" {
                return Ok((record.image, None));
            }
            return images::to_serve(&record.image, gpu, region.as_str());
        }
        let made = match bring(spec)? {
            Bring::There(_) => None,
            Bring::Archive(path) | Bring::File(path) => {
                let sniffed = tokio::task::spawn_blocking(move || crate::pack::framework_in(&path)).await;
                sniffed.unwrap_or_default()
            }
        };
        let known = made.is_some();
        let (framework, version) = made.unwrap_or(("sklearn", None));
        let Some(version) = version else {
            let (chosen, _) = images::pick(framework, None, images::INFERENCE, gpu, region.as_str())?;
            let word = if known {
                format!(
                    "Which version of {framework} made this model is not known; it is served by {}.",
                    chosen.version
                )
            } else {
                format!("It is not known what made this model; it is served by {framework} {}.", chosen.version)
            };
            return Ok((chosen, Some(word)));
        };
        let trained = Chosen { framework: framework.into(), version: version.clone(), uri: String::new() };
        let (chosen, word) = images::to_serve(&trained, gpu, region.as_str())?;
        // The third number makes no difference to what can be loaded.
        let same = images::numbers(&chosen.version).get(..2) == images::numbers(&version).get(..2);
        let word = word.filter(|_| !same);
        Ok((chosen, word))
    }
}
