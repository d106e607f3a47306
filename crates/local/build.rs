//! Lists the runners and labs, so that they are embedded by name and a new file is not missed.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() {
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("set by cargo")).join("../../assets");
    let mut files = Vec::new();
    for part in ["runners", "labs"] {
        println!("cargo::rerun-if-changed={}", root.join(part).display());
        walk(&root, Path::new(part), &mut files);
    }
    files.sort();
    let mut code = String::from("[\n");
    for file in files {
        let path = root.join(&file);
        writeln!(code, "    ({file:?}, include_bytes!({:?}).as_slice()),", path.display().to_string())
            .expect("a String takes all");
    }
    code.push_str("]\n");
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("set by cargo")).join("assets.rs");
    fs::write(out, code).expect("OUT_DIR is writable");
}

fn walk(root: &Path, part: &Path, files: &mut Vec<String>) {
    for entry in fs::read_dir(root.join(part)).expect("assets are in the repository") {
        let entry = entry.expect("assets are readable");
        let name = entry.file_name().into_string().expect("asset names are plain");
        // What Python and test tools leave beside the sources is not an asset.
        if name.starts_with('.') || name == "__pycache__" || name == "tests" {
            continue;
        }
        let path = part.join(&name);
        if entry.path().is_dir() {
            walk(root, &path, files);
        } else {
            files.push(path.to_str().expect("asset names are plain").replace('\\', "/"));
        }
    }
}
