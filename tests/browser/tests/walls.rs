//! Who may know whom: DESIGN.md's walls between our own crates, and which crate alone names a toolkit or an SDK. What is
//! reached through others is held by deny.toml; this is about what a Cargo.toml names.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use serde_json::Value;

/// Each crate and the crates of ours that it may name. A crate that is not here may not be added unnoticed.
const MAY_KNOW: &[(&str, &[&str])] = &[
    ("curfew-core", &[]),
    ("curfew-series", &["curfew-core"]),
    ("curfew-catalog", &["curfew-core"]),
    ("curfew-figures", &["curfew-core", "curfew-series"]),
    ("curfew-local", &["curfew-core", "curfew-series"]),
    ("curfew-aws", &["curfew-core", "curfew-series"]),
    ("curfew-gcp", &["curfew-core", "curfew-series"]),
    ("curfew-keychain", &["curfew-core"]),
    ("curfew-contract", &["curfew-core"]),
    ("curfew-engine", &["curfew-core", "curfew-series", "curfew-catalog"]),
    (
        "curfew-providers",
        &["curfew-core", "curfew-engine", "curfew-keychain", "curfew-local", "curfew-aws", "curfew-gcp"],
    ),
    ("curfew-ui", &["curfew-core", "curfew-series", "curfew-catalog", "curfew-figures", "curfew-engine"]),
    ("curfew-monitor", &["curfew-core", "curfew-series", "curfew-figures"]),
    ("curfew-desktop", SHELLS),
    ("curfew-cli", COMMAND),
    ("curfew-browser-tests", &[]),
];

/// The two that put the parts together. They reach a provider through the list of providers only.
const SHELLS: &[&str] = &[
    "curfew-core",
    "curfew-series",
    "curfew-catalog",
    "curfew-figures",
    "curfew-engine",
    "curfew-providers",
    "curfew-ui",
];

/// The command also opens the monitor (docs/adr/0005).
const COMMAND: &[&str] = &[
    "curfew-core",
    "curfew-series",
    "curfew-catalog",
    "curfew-figures",
    "curfew-engine",
    "curfew-monitor",
    "curfew-providers",
    "curfew-ui",
];

/// Crates of others (a trailing `*` is any ending) and the only ones of ours that may name them.
const ONLY: &[(&str, &[&str])] = &[
    ("tauri*", &["curfew-desktop"]),
    ("wry", &["curfew-desktop"]),
    ("gtk*", &["curfew-desktop"]),
    ("webkit2gtk*", &["curfew-desktop"]),
    ("notify-rust", &["curfew-desktop"]),
    ("egui*", &["curfew-monitor"]),
    ("eframe", &["curfew-monitor"]),
    ("plotters*", &["curfew-figures"]),
    ("aws-*", &["curfew-aws"]),
    ("google-cloud-*", &["curfew-gcp"]),
    ("keyring*", &["curfew-keychain"]),
    ("rusqlite", &["curfew-engine"]),
    ("askama*", &["curfew-ui"]),
];

/// Crates without a runtime, without a network.
const NO_RUNTIME: &[&str] = &["curfew-core", "curfew-series", "curfew-catalog", "curfew-figures"];
const RUNTIME: &[&str] = &["tokio*", "async-std", "smol", "hyper*", "reqwest*", "ureq*", "axum*", "rusqlite"];

/// Each crate of ours and what its Cargo.toml names, apart from what only its tests name.
fn named() -> BTreeMap<String, BTreeSet<String>> {
    let out = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1", "--manifest-path"])
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/../../Cargo.toml"))
        .output()
        .expect("cargo is there: it runs this test");
    let metadata: Value = serde_json::from_slice(&out.stdout).expect("cargo metadata is JSON");
    let text = |value: &Value| value.as_str().expect("a name is text").to_owned();
    let packages = metadata["packages"].as_array().expect("a workspace has packages");
    packages
        .iter()
        .map(|package| {
            let dependencies = package["dependencies"].as_array().expect("a package has a list of dependencies");
            let names = dependencies.iter().filter(|d| d["kind"] != "dev").map(|d| text(&d["name"])).collect();
            (text(&package["name"]), names)
        })
        .collect()
}

fn fits(pattern: &str, name: &str) -> bool {
    pattern.strip_suffix('*').map_or(pattern == name, |start| name.starts_with(start))
}

/// What `named` says against the walls, one sentence each.
fn broken(named: &BTreeMap<String, BTreeSet<String>>) -> Vec<String> {
    let mut broken = Vec::new();
    for (package, names) in named {
        let Some((_, may)) = MAY_KNOW.iter().find(|(known, _)| known == package) else {
            broken.push(format!("{package} is new: say in walls.rs whom it may know"));
            continue;
        };
        for name in names {
            if name.starts_with("curfew-") && !may.contains(&name.as_str()) {
                broken.push(format!("{package} may not know {name}"));
            }
            for (pattern, only) in ONLY {
                if fits(pattern, name) && !only.contains(&package.as_str()) {
                    broken.push(format!("{package} names {name}, which only {} may", only.join(", ")));
                }
            }
            if NO_RUNTIME.contains(&package.as_str()) && RUNTIME.iter().any(|pattern| fits(pattern, name)) {
                broken.push(format!("{package} names {name}, and may have no runtime and no network"));
            }
        }
    }
    broken
}

#[test]
fn the_walls_stand() {
    let broken = broken(&named());
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn a_hole_in_a_wall_is_seen() {
    let check = |package: &str, name: &str, expect: &str| {
        let named = BTreeMap::from([(package.to_owned(), BTreeSet::from([name.to_owned()]))]);
        assert_eq!(broken(&named).join("; "), expect);
    };
    check("curfew-engine", "curfew-series", "");
    check("curfew-engine", "curfew-local", "curfew-engine may not know curfew-local");
    check("curfew-ui", "curfew-providers", "curfew-ui may not know curfew-providers");
    check("curfew-cli", "curfew-aws", "curfew-cli may not know curfew-aws");
    check("curfew-ui", "aws-sdk-ec2", "curfew-ui names aws-sdk-ec2, which only curfew-aws may");
    check("curfew-ui", "tauri", "curfew-ui names tauri, which only curfew-desktop may");
    check("curfew-core", "tokio", "curfew-core names tokio, and may have no runtime and no network");
    check("curfew-local", "tokio", "");
    check("curfew-new", "serde", "curfew-new is new: say in walls.rs whom it may know");
}
