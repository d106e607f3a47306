//! Model care: with which Python and packages a model is served, and what to say or ask before it is loaded.

use crate::local::Inner;
use crate::machine::output_within;
use crate::model::MadeWith;
use crate::orders::Orders;
use crate::python::{Interpreter, Version};
use crate::supervise::Prepared;
use crate::training::read_requirements;
use crate::unpack;
use crate::venv::{Environment, Packages, Place};
use crate::{assets, machine, model};
use curfew_core::endpoint::{EndpointSpec, ModelSource};
use curfew_core::provider::Caution;
use curfew_core::{Error, Result, say};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// Where the bytes of a model come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Bytes {
    Archive(PathBuf),
    File(PathBuf),
}

/// What is known of a model before it is loaded.
pub(crate) struct Known {
    pub bytes: Bytes,
    /// Size once unpacked.
    pub unpacked: u64,
    /// The environment of the run that made it, where that run is here.
    run: Option<Environment>,
    /// Versions: of Python, and of packages by name.
    python: Option<Version>,
    packages: BTreeMap<String, String>,
    requirements: Option<String>,
    has_script: bool,
    /// Loading it runs code of its maker's choice.
    runs_code: bool,
    /// What it would do that no model needs.
    danger: Vec<String>,
}

/// What inspect_model.py says, as far as it is used here.
#[derive(Debug, Deserialize)]
struct Inspection {
    problem: Option<String>,
    #[serde(default)]
    models: Vec<Inspected>,
    #[serde(default)]
    runs_code: bool,
    #[serde(default)]
    danger: bool,
}
#[derive(Debug, Deserialize)]
struct Inspected {
    #[serde(default)]
    packages: Vec<String>,
    #[serde(default)]
    versions: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    flags: Vec<Flag>,
}
#[derive(Debug, Deserialize)]
struct Flag {
    global: String,
    level: String,
    why: String,
}

/// Room that stays free on the disk.
const KEEP_FREE: u64 = 200 << 20;

impl Inner {
    /// What the disk has room for.
    pub(crate) fn room(&self) -> u64 {
        let mut place = self.home.root();
        while !place.exists() {
            let Some(parent) = place.parent() else { break };
            place = parent;
        }
        machine::free_bytes(place).unwrap_or(u64::MAX).saturating_sub(KEEP_FREE)
    }

    /// Looks at the model without loading it. Errors name the field `model`.
    pub(crate) fn know(&self, spec: &EndpointSpec) -> Result<Known> {
        let (path, bare) = match &spec.model {
            ModelSource::Run { archive, .. } => (local_path(archive)?, false),
            ModelSource::Archive { path } => (path.clone(), false),
            ModelSource::File { path } => (path.clone(), true),
        };
        if !path.is_absolute() {
            return Err(Error::input("model", "the model has to be an absolute path"));
        }
        if bare {
            return self.know_file(&path);
        }
        let contents = unpack::look_through(&path, self.room())?;
        let made_with: Option<MadeWith> = contents.made_with.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let run = self.run_of(&path);
        let mut known = Known {
            bytes: Bytes::Archive(path.clone()),
            unpacked: contents.bytes,
            python: made_with.as_ref().and_then(|m| Version::parse(&m.python)),
            packages: made_with.map(|m| m.packages).unwrap_or_default(),
            requirements: contents.requirements,
            has_script: contents.has_script,
            runs_code: false,
            danger: Vec::new(),
            run,
        };
        if known.run.is_none() {
            self.inspect(&path, &mut known)?;
        }
        Ok(known)
    }

    fn know_file(&self, path: &Path) -> Result<Known> {
        let shown = say::clean(&path.display().to_string(), 200);
        let bytes = match path.metadata() {
            Ok(m) if m.is_file() && m.len() > 0 => m.len(),
            Ok(m) if m.is_file() => return Err(Error::input("model", format!("{shown} is empty"))),
            Ok(_) => {
                return Err(Error::input("model", format!("{shown} is no file; give a model file or a model.tar.gz")));
            }
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                return Err(Error::input("model", format!("there is no {shown}")));
            }
            Err(e) => return Err(Error::input("model", format!("{shown} cannot be read: {e}"))),
        };
        let mut known = Known {
            bytes: Bytes::File(path.to_owned()),
            unpacked: bytes,
            run: None,
            python: None,
            packages: BTreeMap::new(),
            requirements: None,
            has_script: false,
            runs_code: false,
            danger: Vec::new(),
        };
        self.inspect(path, &mut known)?;
        Ok(known)
    }

    /// The environment of the run here that packed this archive.
    fn run_of(&self, archive: &Path) -> Option<Environment> {
        let archive = archive.canonicalize().ok()?;
        let runs = self.home.runs().canonicalize().ok()?;
        let below = archive.strip_prefix(&runs).ok()?;
        let mut parts = below.components();
        let id = parts.next()?.as_os_str().to_str()?;
        let named = parts.as_path() == Path::new("model.tar.gz");
        let folder = self.run_folder(&curfew_core::RunId::new(id).ok()?);
        // Ours is what our supervisor packed, not a file that somebody put into the folder of a failed run.
        let record = folder.record::<curfew_core::run::RunState>().ok()??;
        let orders = folder.orders::<Orders>().ok()??;
        (named && record.model.is_some()).then_some(orders.environment)
    }

    /// What a model of unknown origin says of itself, read without running any of it.
    fn inspect(&self, path: &Path, known: &mut Known) -> Result<()> {
        let python = self.pythons.usual(&self.settings)?;
        let assets = assets::ensure(&self.home)?;
        let mut command = Command::new(python.path);
        command.arg("-I").arg(assets.join("runners/inspect_model.py")).arg(path).current_dir("/");
        let text = output_within(&mut command, Duration::from_mins(1)).map(|(_, text)| text);
        let found: Option<Inspection> = text.and_then(|text| serde_json::from_str(&text).ok());
        let Some(found) = found else {
            // What could not be looked into is taken for what it may be.
            known.runs_code = true;
            return Ok(());
        };
        if let (Some(problem), Bytes::File(_)) = (&found.problem, &known.bytes) {
            let error =
                Error::input("model", format!("this is not a model that can be served: {}", say::clean(problem, 200)));
            return Err(error.next("Give a model.tar.gz, or a file saved by joblib, pickle or XGBoost"));
        }
        known.runs_code = found.runs_code;
        for model in found.models {
            for (package, versions) in model.versions {
                if let [version] = versions.as_slice() {
                    known.packages.entry(package_name(&package)).or_insert_with(|| version.clone());
                }
            }
            // Needed for loading, in whatever version.
            for package in model.packages.iter().filter(|p| INSTALLABLE.contains(&package_name(p).as_str())) {
                known.packages.entry(package_name(package)).or_default();
            }
            let bad = model.flags.into_iter().filter(|f| f.level == "danger");
            known.danger.extend(bad.map(|f| format!("{} ({})", say::clean(&f.global, 80), say::clean(&f.why, 120))));
        }
        if found.danger && known.danger.is_empty() {
            known.danger.push("something that no model needs".into());
        }
        Ok(())
    }

    /// With what it is served, and what to say first.
    pub(crate) fn plan_serving(&self, spec: &EndpointSpec, known: &Known) -> Result<(Environment, Vec<Caution>)> {
        let mut cautions = Self::warnings(spec, known);
        let usual = self.pythons.usual(&self.settings)?;
        let beside_script = match &spec.script {
            Some(script) => read_requirements(&script.with_file_name("requirements.txt"))?.filter(|_| script.is_file()),
            None => None,
        };
        // The script folder of the run itself, mostly.
        let beside_script = beside_script.filter(|text| {
            known.run.as_ref().and_then(|run| run.packages.as_ref()).is_none_or(|p| p.requirements != *text)
        });

        if let (Some(environment), None) = (&known.run, &beside_script) {
            let mut environment = environment.clone();
            let here = self.pythons.ask(&environment.interpreter.path).ok();
            if let Some(interpreter) = here.filter(|i| i.version.same_minor(environment.interpreter.version)) {
                environment.interpreter = interpreter;
                let ready = |e: &Environment| {
                    e.key().is_none_or(|key| matches!(Place::of(&self.home.venvs(), &key).ready(), Ok(Some(_))))
                };
                if environment.packages.is_some() && !ready(&environment) {
                    // Removed since: made again with the versions of then, not with those of today.
                    pin(&mut environment, &known.packages);
                    cautions.push(installs(&environment));
                }
                if environment.packages.is_some() || self.has(&environment.interpreter, &known.packages) {
                    return Ok((environment, cautions));
                }
            }
        }

        let interpreter = self.fitting(usual, known, &mut cautions);
        let asked = beside_script.or_else(|| known.requirements.clone());
        let mut environment = Environment { interpreter, packages: None };
        if let Some(packages) = asked.as_deref().and_then(|text| Packages::of(text, spec.id.as_str())) {
            environment.packages = Some(packages);
            pin(&mut environment, &known.packages);
        } else if !known.packages.is_empty() && !self.has(&environment.interpreter, &known.packages) {
            let lines: Vec<String> = known.packages.iter().map(|(name, version)| requirement(name, version)).collect();
            environment.packages = Packages::of(&lines.join("\n"), spec.id.as_str());
        }
        let built = environment.key().map(|key| Place::of(&self.home.venvs(), &key).ready());
        if built.is_some_and(|ready| !matches!(ready, Ok(Some(_)))) {
            cautions.push(installs(&environment));
        }
        if known.packages.is_empty() && environment.packages.is_none() {
            cautions.push(Caution {
                code: "versions-not-known".into(),
                says: format!(
                    "The model does not say what it was made with; it is served with Python {} and what that has installed.",
                    environment.interpreter.version
                ),
                risk: "Loading it may fail; put a requirements.txt beside the inference script to say what it needs.".into(),
                ask: false,
            });
        }
        Ok((environment, cautions))
    }

    /// The interpreter of the model's own minor version, else the usual one and a question.
    fn fitting(&self, usual: Interpreter, known: &Known, cautions: &mut Vec<Caution>) -> Interpreter {
        let Some(wanted) = known.python else { return usual };
        if let Some(found) = self.pythons.with_minor(usual.clone(), wanted) {
            return found;
        }
        cautions.push(Caution {
            code: "python-version".into(),
            says: format!(
                "The model was made with Python {}, and this computer has Python {}.",
                wanted.minor_line(),
                usual.version.minor_line()
            ),
            risk: "It may fail to load, or answer differently, without saying so.".into(),
            ask: true,
        });
        usual
    }

    fn warnings(spec: &EndpointSpec, known: &Known) -> Vec<Caution> {
        let mut cautions = Vec::new();
        if known.run.is_some() {
            return cautions;
        }
        if known.runs_code {
            cautions.push(Caution {
                code: "foreign-pickle".into(),
                says: "This model was not made by a run on this computer, and it is a pickle: loading it runs code."
                    .into(),
                risk: "Whoever made it can do anything here that you can; go on only if you trust where it is from."
                    .into(),
                ask: true,
            });
        } else if known.has_script && spec.script.is_none() {
            cautions.push(Caution {
                code: "foreign-code".into(),
                says: "This model brings its own inference.py, which was not made by a run on this computer.".into(),
                risk: "Whoever made it can do anything here that you can; go on only if you trust where it is from."
                    .into(),
                ask: true,
            });
        }
        if !known.danger.is_empty() {
            cautions.push(Caution {
                code: "dangerous-model".into(),
                says: format!("Loading this model would use {}.", known.danger.join(", ")),
                risk: "No model needs this; it looks like an attack.".into(),
                ask: true,
            });
        }
        cautions
    }

    /// Has this interpreter all of these, each in the same minor version?
    fn has(&self, interpreter: &Interpreter, packages: &BTreeMap<String, String>) -> bool {
        if packages.is_empty() {
            return true;
        }
        let Ok(assets) = assets::ensure(&self.home) else { return false };
        let prepared = Prepared { python: interpreter.path.clone(), venv: None, key: None };
        let Some(there) = model::probe(&assets, &prepared) else { return false };
        packages.iter().all(|(name, wanted)| {
            there.packages.get(name).is_some_and(|has| wanted.is_empty() || same_minor(has, wanted))
        })
    }
}

/// What may be installed by the name that a pickle imports; others could be anyone's package on the index.
const INSTALLABLE: &[&str] =
    &["catboost", "joblib", "keras", "lightgbm", "numpy", "onnxruntime", "pandas", "scikit-learn", "scipy", "xgboost"];

/// The name on the package index of what is imported.
fn package_name(imported: &str) -> String {
    match imported {
        "sklearn" => "scikit-learn".into(),
        other => other.to_lowercase().replace('_', "-"),
    }
}

/// "2.1.0+cu121" is a build that the index does not have.
fn requirement(name: &str, version: &str) -> String {
    let version = version.split('+').next().unwrap_or(version);
    let plain = version.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.');
    if version.is_empty() || !plain { name.to_owned() } else { format!("{name}=={version}") }
}

fn pin(environment: &mut Environment, versions: &BTreeMap<String, String>) {
    if let Some(packages) = &mut environment.packages {
        let pins = versions.iter().filter(|(_, version)| !version.is_empty());
        packages.constraints = pins.map(|(name, version)| requirement(name, version)).collect();
    }
}

fn same_minor(a: &str, b: &str) -> bool {
    let minor = |text: &str| {
        let mut parts = text.split(['.', '+']).take(2).map(str::to_owned);
        (parts.next(), parts.next())
    };
    minor(a) == minor(b)
}

fn installs(environment: &Environment) -> Caution {
    let lines = environment
        .packages
        .iter()
        .flat_map(|p| p.requirements.lines().chain(p.constraints.iter().map(String::as_str)));
    let mut names: Vec<String> =
        lines.map(str::trim).filter(|l| !l.is_empty() && !l.starts_with('#')).map(|l| say::clean(l, 60)).collect();
    names.dedup();
    names.truncate(6);
    Caution {
        code: "installs-requirements".into(),
        says: format!("Installed first, with Python {}: {}.", environment.interpreter.version, names.join(", ")),
        risk: "This takes a while and some disk space, once.".into(),
        ask: false,
    }
}

/// A run's archive as its status named it.
fn local_path(archive: &str) -> Result<PathBuf> {
    if archive.contains("://") {
        let error = Error::input("model", format!("the model {} is not on this computer", say::clean(archive, 200)));
        return Err(error.next("Download it first, or deploy it where it is"));
    }
    if archive.is_empty() {
        return Err(Error::input("model", "this run has left no model"));
    }
    Ok(PathBuf::from(archive))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_become_requirements() {
        let check = |name: &str, version: &str, expect: &str| assert_eq!(requirement(name, version), expect);
        check("torch", "2.1.0+cu121", "torch==2.1.0");
        check("scikit-learn", "1.5.2", "scikit-learn==1.5.2");
        check("numpy", "", "numpy");
        check("numpy", "1; import os", "numpy");
        assert!(same_minor("1.5.2", "1.5.0") && !same_minor("1.5.2", "1.6.0") && same_minor("2.1.0+cpu", "2.1"));
        assert_eq!(package_name("sklearn"), "scikit-learn");
    }
}
