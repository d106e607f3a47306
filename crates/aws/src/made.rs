//! What a model was made with, read from its file without loading it: what Curfew has put beside it, else what its pickles
//! name. A pickle tells no Python version; scikit-learn's tell theirs.

use serde::Deserialize;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// What is known of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Made {
    /// As AWS names it: `sklearn`, `pytorch`.
    pub framework: Option<&'static str>,
    /// The framework's version: "1.5.2".
    pub version: Option<String>,
    /// Python's: "3.11.7".
    pub python: Option<String>,
}

/// How much is looked through.
const MOST: u64 = 8 << 20;

/// Frameworks: AWS's name, the package's, and what speaks for it in a pickle or archive; the first that is found.
const KNOWN: [(&str, &str, &[u8]); 5] = [
    ("sklearn", "scikit-learn", b"sklearn."),
    ("xgboost", "xgboost", b"xgboost"),
    ("tensorflow", "tensorflow", b"saved_model.pb"),
    ("pytorch", "torch", b"torch"),
    ("tensorflow", "tensorflow", b"keras"),
];

/// What every run on a computer with Curfew packs along (crates/local: `curfew-model.json`).
#[derive(Debug, Deserialize)]
struct Note {
    python: String,
    #[serde(default)]
    packages: BTreeMap<String, String>,
}

/// Of a model.tar.gz or a bare model file; what cannot be read is not known.
pub(crate) fn of(path: &Path) -> Made {
    let mut start = [0; 2];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut start));
    if read.is_err() {
        return Made::default();
    }
    let name = path.to_string_lossy();
    let archive = name.ends_with(".tar.gz") || name.ends_with(".tgz");
    let Ok(file) = File::open(path) else { return Made::default() };
    let mut text = Vec::new();
    // What joblib has packed: gzip by its mark, zlib by its first byte and a check sum of the two.
    let read = match start {
        [0x1f, 0x8b] => flate2::read::GzDecoder::new(file).take(MOST).read_to_end(&mut text),
        [0x78, _] if (u16::from_be_bytes(start)).is_multiple_of(31) => {
            flate2::read::ZlibDecoder::new(file).take(MOST).read_to_end(&mut text)
        }
        _ => file.take(MOST).read_to_end(&mut text),
    };
    // One that breaks off has told something too.
    if read.is_err() && text.is_empty() {
        return Made::default();
    }
    let mut made = sniffed(&text);
    if let Some(note) = archive.then(|| note(path)).flatten() {
        let of = |package: &str| note.packages.get(package).filter(|v| !v.is_empty()).cloned();
        made.framework = made.framework.or_else(|| KNOWN.iter().find(|k| of(k.1).is_some()).map(|k| k.0));
        let package = KNOWN.iter().find(|k| Some(k.0) == made.framework).map(|k| k.1);
        made.version = made.version.or_else(|| package.and_then(of));
        made.python = Some(note.python);
    }
    made
}

fn note(archive: &Path) -> Option<Note> {
    let mut tar = tar::Archive::new(flate2::read::GzDecoder::new(File::open(archive).ok()?));
    for entry in tar.entries().ok()? {
        let mut entry = entry.ok()?;
        let wanted = entry.path().ok()?.file_name().is_some_and(|n| n == "curfew-model.json");
        if wanted {
            let mut text = String::new();
            entry.by_ref().take(1 << 20).read_to_string(&mut text).ok()?;
            return serde_json::from_str(&text).ok();
        }
    }
    None
}

fn sniffed(text: &[u8]) -> Made {
    const VERSION: &[u8] = b"_sklearn_version";
    let at = |word: &[u8]| text.windows(word.len()).position(|w| w == word);
    if let Some(at) = at(VERSION) {
        let from = at + VERSION.len();
        // The value follows within some bytes, as digits and dots.
        let tail = String::from_utf8_lossy(&text[from..text.len().min(from + 32)]).into_owned();
        let digits = |c: char| c.is_ascii_digit() || c == '.';
        let version = tail.split(|c: char| !digits(c)).find(|w| w.contains('.') && w.len() > 2);
        let version = version.map(|v| v.trim_matches('.').to_owned());
        return Made { framework: Some("sklearn"), version, python: None };
    }
    let framework = KNOWN.iter().find(|(_, _, word)| at(word).is_some()).map(|(framework, ..)| *framework);
    Made { framework, ..Made::default() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pack::{Entry, tar_gz};
    use std::io::Write;

    /// As scikit-learn 1.2.2 ends an estimator.
    const PICKLE: &[u8] = b"\x80\x05\x8c\x0fsklearn.svm.svc\x8c\x10_sklearn_version\x94\x8c\x051.2.2\x94ub.";

    fn check(name: &str, bytes: &[u8], expect: (Option<&'static str>, Option<&str>, Option<&str>)) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        let made = of(&path);
        assert_eq!((made.framework, made.version.as_deref(), made.python.as_deref()), expect, "{name}");
    }

    #[test]
    fn files_tell() {
        check("model.joblib", PICKLE, (Some("sklearn"), Some("1.2.2"), None));
        let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
        zlib.write_all(PICKLE).unwrap();
        check("packed.joblib", &zlib.finish().unwrap(), (Some("sklearn"), Some("1.2.2"), None));
        check("model.pt", b"PK..torch._utils", (Some("pytorch"), None, None));
        check("model.bin", b"nothing that is known", (None, None, None));
        check("empty", b"", (None, None, None));
        check("broken.tar.gz", b"\x1f\x8b no", (None, None, None));
    }

    #[test]
    fn archives_of_ours_tell_more() {
        let dir = tempfile::tempdir().unwrap();
        let (note, weights) = (dir.path().join("note"), dir.path().join("w"));
        std::fs::write(&note, r#"{"python":"3.9.18","packages":{"torch":"2.3.1"},"more":1}"#).unwrap();
        std::fs::write(&weights, "PK..torch._utils").unwrap();
        let entry = |from: &Path, to: &str| Entry { from: from.into(), to: to.into(), size: 0 };
        let archive = dir.path().join("model.tar.gz");
        tar_gz(&[entry(&weights, "model.pt"), entry(&note, "curfew-model.json")], &[], &archive).unwrap();
        let expect = Made { framework: Some("pytorch"), version: Some("2.3.1".into()), python: Some("3.9.18".into()) };
        assert_eq!(of(&archive), expect);
    }
}
