//! Embeds the font that npm brought (`node_modules`, locked by `package-lock.json`), so that a figure looks the same on
//! a machine without fonts. Without those files the build ends with the one command that brings them.

use std::path::Path;

const FONTS: &[(&str, &str)] = &[
    ("CURFEW_FONT_REGULAR", "@expo-google-fonts/inter/400Regular/Inter_400Regular.ttf"),
    ("CURFEW_FONT_BOLD", "@expo-google-fonts/inter/600SemiBold/Inter_600SemiBold.ttf"),
];

fn main() {
    let here = std::env::var("CARGO_MANIFEST_DIR").expect("cargo sets CARGO_MANIFEST_DIR");
    let modules = Path::new(&here).join("node_modules");
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=package-lock.json");
    for (name, from) in FONTS {
        let path = modules.join(from);
        println!("cargo::rerun-if-changed={}", path.display());
        if !path.is_file() {
            println!(
                "cargo::error=crates/figures/node_modules/{from} is missing. \
                 Bring the locked files with: npm ci --prefix crates/figures"
            );
            return;
        }
        println!("cargo::rustc-env={name}={}", path.display());
    }
}
