//! A guided lab: a folder with a `lab.toml`, read like a worksheet. Texts are shown as they stand.

use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A lab.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct LabSheet {
    /// Its name in `curfew lab NAME`.
    pub id: String,
    /// For people.
    pub title: String,
    /// What it teaches, in a sentence or two.
    pub summary: String,
    /// How long it takes.
    pub minutes: u32,
    /// What is trained.
    pub train: LabTrain,
    /// What is deployed.
    pub deploy: LabDeploy,
    /// What is asked.
    pub predict: LabPredict,
    /// The steps, in order.
    #[serde(rename = "step")]
    pub steps: Vec<LabStep>,
    /// The folder that holds lab.toml; filled in by whoever reads it.
    #[serde(skip)]
    pub dir: PathBuf,
}

/// What a lab trains.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct LabTrain {
    /// The script folder, relative to the lab's.
    pub folder: String,
    /// The entry script.
    pub entry: String,
    /// The data's channel.
    pub channel: String,
    /// The data file, relative to the lab's folder.
    pub data: String,
    /// Numbers or texts.
    pub hyperparameters: BTreeMap<String, toml::Value>,
}

/// What a lab deploys.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct LabDeploy {
    /// The inference script, relative to the lab's folder.
    pub script: String,
}

/// What a lab asks its model.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct LabPredict {
    /// `text/csv`.
    pub content_type: String,
    /// The body.
    pub input: String,
    /// Where in the JSON answer the result stands: `predictions.0.species`.
    pub answer: String,
    /// What it should be.
    pub expect: String,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct LabStep {
    /// What the product does for it: start, train, deploy, predict, sweep, end.
    pub verb: String,
    /// Headline.
    pub title: String,
    /// A paragraph.
    pub text: String,
}

impl LabSheet {
    /// Reads a lab.toml that lies in `dir`.
    pub fn parse(text: &str, dir: &Path) -> Result<Self, String> {
        let mut sheet: Self = toml::from_str(text).map_err(|e| e.to_string())?;
        sheet.dir = dir.to_path_buf();
        Ok(sheet)
    }
    /// The hyperparameters as `key=value`.
    pub fn hyper(&self) -> Vec<String> {
        let text = |v: &toml::Value| v.as_str().map_or_else(|| v.to_string(), str::to_owned);
        self.train.hyperparameters.iter().map(|(k, v)| format!("{k}={}", text(v))).collect()
    }
    /// The script folder.
    pub fn script_dir(&self) -> PathBuf {
        self.dir.join(&self.train.folder)
    }
    /// The answer within a model's JSON reply, if it is there.
    pub fn answer_in(&self, reply: &serde_json::Value) -> Option<String> {
        let mut at = reply;
        for part in self.predict.answer.split('.') {
            at = match part.parse::<usize>() {
                Ok(i) => at.get(i)?,
                Err(_) => at.get(part)?,
            };
        }
        Some(at.as_str().map_or_else(|| at.to_string(), str::to_owned))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_iris_lab_reads() {
        let sheet =
            LabSheet::parse(include_str!("../../../assets/labs/iris/lab.toml"), Path::new("/labs/iris")).unwrap();
        assert_eq!(sheet.id, "iris");
        assert!(sheet.hyper().contains(&"learning-rate=0.003".to_owned()), "{:?}", sheet.hyper());
        let verbs: Vec<&str> = sheet.steps.iter().map(|s| s.verb.as_str()).collect();
        assert_eq!(verbs, ["start", "train", "deploy", "predict", "sweep", "end"]);
        let reply = serde_json::json!({"predictions": [{"species": "setosa"}]});
        assert_eq!(sheet.answer_in(&reply).as_deref(), Some("setosa"));
        assert_eq!(sheet.answer_in(&serde_json::json!([])), None);
    }
}
