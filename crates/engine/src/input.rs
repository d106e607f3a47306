//! What a form or a command line says, checked field by field. All that is wrong is told at once, and the text stays.

use curfew_core::curfew::CurfewSpec;
use curfew_core::run::Channel;
use curfew_core::{Cx, Error, Money, Project, policy::Policy, say};
use jiff::{SignedDuration, Timestamp};
use rust_decimal::Decimal;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Every field that is wrong, one error each.
#[derive(Debug)]
pub struct FieldErrors(pub Vec<Error>);

impl From<Error> for FieldErrors {
    fn from(error: Error) -> Self {
        Self(vec![error])
    }
}

impl FieldErrors {
    /// The first, for places that show one.
    pub fn into_first(self) -> Error {
        self.0.into_iter().next().unwrap_or_else(|| Error::input("form", "something is missing"))
    }
}

/// Collects errors while the rest is still checked.
#[derive(Default)]
pub(crate) struct Checks(Vec<Error>);

impl Checks {
    pub(crate) fn take<T>(&mut self, result: Result<T, Error>) -> Option<T> {
        result.map_err(|e| self.0.push(e)).ok()
    }
    pub(crate) fn all(&mut self, errors: Vec<Error>) {
        self.0.extend(errors);
    }
    pub(crate) fn done(self) -> Result<(), FieldErrors> {
        if self.0.is_empty() { Ok(()) } else { Err(FieldErrors(self.0)) }
    }
}

/// The text of an optional field; blanks count as not given.
pub(crate) fn given(text: Option<&String>) -> Option<&str> {
    text.map(|t| t.trim()).filter(|t| !t.is_empty())
}

/// An absolute path of an existing folder; `~` is the home folder.
pub(crate) fn folder(text: &str) -> Result<PathBuf, Error> {
    if text.trim().is_empty() {
        return Err(Error::input("dir", "choose the folder that holds your training script"));
    }
    let path = absolute("dir", text)?;
    match std::fs::metadata(&path) {
        Ok(m) if m.is_dir() => Ok(path),
        Ok(_) => Err(Error::input("dir", format!("“{}” is a file; give the folder that holds it", shown(&path)))),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            Err(Error::input("dir", format!("there is no folder “{}”", shown(&path))))
        }
        Err(e) => Err(Error::io("open the script folder", shown(&path), e).at("dir")),
    }
}

pub(crate) fn file(field: &'static str, text: &str) -> Result<PathBuf, Error> {
    let path = absolute(field, text)?;
    match std::fs::metadata(&path) {
        Ok(m) if m.is_file() => Ok(path),
        Ok(_) => Err(Error::input(field, format!("“{}” is a folder; give a file", shown(&path)))),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
            Err(Error::input(field, format!("there is no file “{}”", shown(&path))))
        }
        Err(e) => Err(Error::io("open the file", shown(&path), e).at(field)),
    }
}

fn absolute(field: &'static str, text: &str) -> Result<PathBuf, Error> {
    let text = text.trim();
    let path = match text.strip_prefix("~/") {
        Some(rest) => {
            std::env::home_dir().ok_or_else(|| Error::input(field, "the home folder is not known"))?.join(rest)
        }
        None => PathBuf::from(text),
    };
    std::path::absolute(&path).map_err(|e| Error::io("read the path", say::clean(text, 200), e).at(field))
}

pub(crate) fn shown(path: &Path) -> String {
    say::clean(&path.to_string_lossy(), 200)
}

/// The entry script within `dir`; where none is named, `train.py`, else the only Python file there.
pub(crate) fn entry(dir: &Path, named: Option<&str>) -> Result<String, Error> {
    if let Some(name) = named {
        let inside = Path::new(name).components().all(|c| matches!(c, std::path::Component::Normal(_)));
        if !inside {
            return Err(Error::input(
                "entry",
                "the entry script lies in the script folder; give its name there, such as train.py",
            ));
        }
        if dir.join(name).is_file() {
            return Ok(name.to_owned());
        }
        return Err(Error::input("entry", format!("there is no “{}” in {}", say::clean(name, 80), shown(dir))));
    }
    if dir.join("train.py").is_file() {
        return Ok("train.py".into());
    }
    let mut scripts: Vec<String> = std::fs::read_dir(dir)
        .map_err(|e| Error::io("look for the script", shown(dir), e).at("dir"))?
        .filter_map(Result::ok)
        .filter_map(|f| f.file_name().into_string().ok())
        .filter(|n| Path::new(n).extension().is_some_and(|e| e == "py"))
        .collect();
    scripts.sort();
    match scripts.as_slice() {
        [one] => Ok(one.clone()),
        [] => Err(Error::input("entry", format!("there is no Python script in {}", shown(dir)))
            .next("Choose the folder that holds train.py, or name the script to start")),
        many => Err(Error::input(
            "entry",
            format!("there is no train.py, and {} other scripts: say which one starts", many.len()),
        )
        .with("scripts", say::clean(&many.join(", "), 300))),
    }
}

/// What a script folder's curfew.toml says of its project.
#[derive(serde::Deserialize)]
struct OfFolder {
    project: Option<Project>,
}

/// The project that was typed; where none was, the one that the script folder's curfew.toml says.
pub(crate) fn project(typed: Option<&str>, dir: Option<&Path>) -> Result<Option<Project>, Error> {
    if let Some(text) = typed {
        return Project::new(text).map(Some).map_err(|e| Error::input("project", e.to_string()));
    }
    let Some(dir) = dir else { return Ok(None) };
    let text = match std::fs::read_to_string(dir.join("curfew.toml")) {
        Ok(text) => text,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(Error::io("read curfew.toml", "curfew.toml cannot be read", e).at("dir")),
    };
    toml::from_str::<OfFolder>(&text)
        .map(|of| of.project)
        .map_err(|e| Error::input("dir", format!("curfew.toml is wrong: {}", e.message())))
}

/// `k=v` pairs as SageMaker takes them: keys up to 256 characters, values up to 2,500 (HyperParameters in CreateTrainingJob).
pub(crate) fn hyper(pairs: &[String]) -> Result<BTreeMap<String, String>, Error> {
    let mut map = BTreeMap::new();
    for pair in pairs.iter().map(|p| p.trim()).filter(|p| !p.is_empty()) {
        let bad =
            |why: &str| Err(Error::input("hyper", format!("the hyperparameter “{}” {why}", say::clean(pair, 80))));
        let Some((key, value)) = pair.split_once('=') else { return bad("has no “=”; write learning-rate=0.01") };
        let key = key.trim().trim_start_matches("--");
        let fits = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if key.is_empty() || key.len() > 256 || !key.chars().all(fits) || key.starts_with('-') {
            return bad("has a name that no script can take; use letters, digits, - and _");
        }
        if value.len() > 2500 || value.contains('\0') {
            return bad("has a value of more than 2,500 characters");
        }
        if map.insert(key.to_owned(), value.trim().to_owned()).is_some() {
            return bad("is given twice");
        }
    }
    if map.len() > 100 {
        return Err(Error::input("hyper", "there are more than 100 hyperparameters, the most that SageMaker takes"));
    }
    Ok(map)
}

/// `[NAME=]PATH`; the channel is `training` by default.
pub(crate) fn channels(given: &[String]) -> Result<Vec<Channel>, Error> {
    let mut channels: Vec<Channel> = Vec::new();
    for text in given.iter().map(|t| t.trim()).filter(|t| !t.is_empty()) {
        let named = text.split_once('=').filter(|(n, _)| {
            !n.is_empty() && n.len() <= 64 && n.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
        });
        // "a=b" is a name and a path, unless a file of that very name exists.
        let (name, source) = match named {
            Some((name, path)) if !Path::new(text).exists() => (name, path),
            _ => ("training", text),
        };
        if channels.iter().any(|c| c.name == name) {
            return Err(Error::input("data", format!("the channel “{name}” is given twice; write NAME=PATH")));
        }
        if source.trim().is_empty() {
            let says = format!("say where the data of the channel “{name}” lies, or remove its row");
            return Err(Error::input("data", says));
        }
        let source = if source.contains("://") {
            source.to_owned()
        } else {
            let path = absolute("data", source)?;
            if !path.exists() {
                return Err(Error::input("data", format!("there is no data at “{}”", shown(&path))));
            }
            path.to_str().ok_or_else(|| Error::input("data", "the path of the data is not valid UTF-8"))?.to_owned()
        };
        channels.push(Channel { name: name.to_owned(), source });
    }
    Ok(channels)
}

/// The instant of a curfew, within policy.
pub(crate) fn curfew(cx: &Cx, policy: &Policy, text: Option<&str>, default: &CurfewSpec) -> Result<Timestamp, Error> {
    let now = cx.clock().local();
    let at_field = |e: curfew_core::curfew::BadCurfew| Error::input("curfew", e.to_string());
    let said = text.is_some();
    let spec = text.map_or_else(|| Ok(default.clone()), str::parse).map_err(at_field)?;
    let at = spec.resolve(&now).map_err(at_field)?;
    let limit = policy.longest_curfew.resolve(&now).map_err(at_field)?;
    if at > limit {
        if !said {
            return Ok(limit);
        }
        return Err(Error::input("curfew", format!("your team's longest curfew is {}", policy.longest_curfew))
            .next(format!("Choose one until {}, and extend it later", say::when(limit, &now))));
    }
    Ok(at)
}

/// "$5", "5.00", "5 USD".
pub(crate) fn dollars(field: &'static str, text: &str) -> Result<Money, Error> {
    let plain = text.trim().trim_start_matches('$').trim_end_matches("USD").trim().replace(',', "");
    match plain.parse::<Decimal>() {
        Ok(n) if n > Decimal::ZERO && n <= Decimal::from(1_000_000) => Ok(Money::usd(n)),
        _ => Err(Error::input(field, format!("“{}” is not an amount; write 5 or $5.00", say::clean(text, 40)))),
    }
}

/// "90s", "30 min", "2h".
pub(crate) fn duration(field: &'static str, text: &str) -> Result<SignedDuration, Error> {
    match text.parse::<CurfewSpec>() {
        Ok(CurfewSpec::For(time)) => Ok(time),
        _ => {
            Err(Error::input(field, format!("“{}” is not a length of time; write 30 min or 2h", say::clean(text, 40))))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_hyper(pairs: &[&str], expect: &str) {
        let pairs: Vec<String> = pairs.iter().map(|s| (*s).to_owned()).collect();
        let got = hyper(&pairs).map_or_else(|e| e.to_string(), |m| format!("{m:?}"));
        assert!(got.contains(expect), "{got}");
    }

    #[test]
    fn hyperparameters() {
        check_hyper(&["a=1", "--b = x=y"], r#"{"a": "1", "b": "x=y"}"#);
        check_hyper(&["", "  "], "{}");
        check_hyper(&["epochs"], "has no “=”");
        check_hyper(&["=3"], "has a name that no script can take");
        check_hyper(&["a;rm -rf=3"], "has a name that no script can take");
        check_hyper(&["a=1", "a=2"], "is given twice");
    }

    #[test]
    fn projects_are_typed_or_said_by_the_folder() {
        let dir = tempfile::tempdir().unwrap();
        let check = |file: Option<&str>, typed: Option<&str>, expect: Result<Option<&str>, (&str, &str)>| {
            if let Some(text) = file {
                std::fs::write(dir.path().join("curfew.toml"), text).unwrap();
            }
            match (project(typed, Some(dir.path())), expect) {
                (Ok(got), Ok(expect)) => assert_eq!(got.as_ref().map(Project::as_str), expect),
                (Err(e), Err((field, says))) => {
                    assert_eq!(e.field(), Some(field));
                    assert!(e.message().contains(says), "{e}");
                }
                (got, _) => panic!("{got:?}"),
            }
        };
        check(None, None, Ok(None));
        check(Some("project = \"vision\"\n\n[aws]\ninstances = 2\n"), None, Ok(Some("vision")));
        check(None, Some(" nlp "), Ok(Some("nlp")));
        check(None, Some("a<b"), Err(("project", "“a<b” cannot be a project’s name")));
        check(Some("project = 3"), None, Err(("dir", "curfew.toml is wrong: invalid type")));
        check(Some("project = \"\""), None, Err(("dir", "curfew.toml is wrong: “” cannot be a project’s name")));
        check(Some("[metrics]\n"), None, Ok(None));
        assert_eq!(project(None, None).unwrap(), None);
    }

    #[test]
    fn entries_and_channels() {
        let dir = tempfile::tempdir().unwrap();
        let check = |named: Option<&str>, expect: &str| {
            let got = entry(dir.path(), named).unwrap_or_else(|e| e.to_string());
            assert!(got.contains(expect), "{got}");
        };
        check(None, "there is no Python script");
        std::fs::write(dir.path().join("a.py"), "").unwrap();
        check(None, "a.py");
        std::fs::write(dir.path().join("b.py"), "").unwrap();
        check(None, "2 other scripts");
        check(Some("../b.py"), "lies in the script folder");
        check(Some("c.py"), "there is no “c.py”");
        std::fs::write(dir.path().join("train.py"), "").unwrap();
        check(None, "train.py");
        let path = dir.path().join("a.py").display().to_string();
        let got = channels(&[path.clone(), format!("test={path}")]).unwrap();
        assert_eq!(got.iter().map(|c| c.name.as_str()).collect::<Vec<_>>(), ["training", "test"]);
        assert!(channels(&["nowhere/at/all".into()]).is_err());
        assert!(channels(&["training= ".into()]).unwrap_err().message().contains("or remove its row"));
        assert!(folder(&path).unwrap_err().message().contains("is a file"));
        assert!(folder("/nowhere/at/all").unwrap_err().message().contains("there is no folder"));
    }
}
