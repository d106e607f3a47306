//! Embeds what npm brought (`ui/node_modules`, locked by `ui/package-lock.json`), so that the binary loads nothing
//! from a network. Without those files the build ends with the one command that brings them.

use std::fmt::Write as _;
use std::path::Path;

/// Name it is served under, where npm puts it, content type.
const VENDORED: &[(&str, &str, &str)] = &[
    ("htmx.js", "htmx.org/dist/htmx.min.js", JS),
    ("idiomorph.js", "idiomorph/dist/idiomorph-ext.min.js", JS),
    ("uplot.js", "uplot/dist/uPlot.iife.min.js", JS),
    ("uplot.css", "uplot/dist/uPlot.min.css", "text/css; charset=utf-8"),
    ("inter-latin.woff2", "@fontsource-variable/inter/files/inter-latin-wght-normal.woff2", WOFF2),
    ("inter-latin-ext.woff2", "@fontsource-variable/inter/files/inter-latin-ext-wght-normal.woff2", WOFF2),
    ("inter-greek.woff2", "@fontsource-variable/inter/files/inter-greek-wght-normal.woff2", WOFF2),
    ("inter-cyrillic.woff2", "@fontsource-variable/inter/files/inter-cyrillic-wght-normal.woff2", WOFF2),
    ("inter-vietnamese.woff2", "@fontsource-variable/inter/files/inter-vietnamese-wght-normal.woff2", WOFF2),
];
const JS: &str = "text/javascript; charset=utf-8";
const WOFF2: &str = "font/woff2";

fn main() {
    let here = std::env::var("CARGO_MANIFEST_DIR").expect("cargo sets CARGO_MANIFEST_DIR");
    let modules = Path::new(&here).join("node_modules");
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=package-lock.json");
    let mut list = String::from("&[\n");
    for (name, from, kind) in VENDORED {
        let path = modules.join(from);
        println!("cargo::rerun-if-changed={}", path.display());
        if !path.is_file() {
            println!("cargo::error=ui/node_modules/{from} is missing. Bring the locked files with: npm ci --prefix ui");
            return;
        }
        writeln!(list, "    ({name:?}, {kind:?}, include_bytes!({:?})),", path.display().to_string())
            .expect("writing to a String cannot fail");
    }
    list.push_str("]\n");
    let out = std::env::var("OUT_DIR").expect("cargo sets OUT_DIR");
    std::fs::write(Path::new(&out).join("vendored.rs"), list).expect("OUT_DIR is writable");
}
