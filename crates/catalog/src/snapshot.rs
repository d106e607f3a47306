//! The embedded snapshot: what is known without any account, with source and date on every row.

use crate::facts::{self, BadTable, Image, Perf, QuotaFact, ResourceRate};
use crate::offers::Catalog;
use crate::pack::{self, BadPack, Pack};
use crate::{Builder, facts::add_instances};
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::path::Path;
use std::sync::LazyLock;

/// Made by `cargo run -p curfew-catalog --example make_snapshot`; see assets/prices/README.md.
static BYTES: &[u8] = include_bytes!("../../../assets/prices/snapshot.bin");

const OFFERS: &str = "offers";
const RATES: &str = "rates";
const QUOTAS: &str = "quotas";
const IMAGES: &str = "images";
const PERF: &str = "perf";
const ABOUT: &str = "about";

/// What a snapshot or a cache file says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// How many offers.
    pub offers: usize,
    /// How many machine types.
    pub machines: usize,
    /// The newest price date.
    pub newest: Option<jiff::civil::Date>,
    /// The oldest price date.
    pub oldest: Option<jiff::civil::Date>,
}

/// The embedded offers. Reading takes a few milliseconds: keep the result.
pub fn embedded() -> Catalog {
    read(BYTES).expect("the embedded snapshot is tested")
}
/// What the embedded snapshot says of itself.
pub fn about() -> About {
    let text = Pack::open(BYTES).and_then(|p| p.text(ABOUT)).expect("the embedded snapshot is tested");
    serde_json::from_str(&text).expect("the embedded snapshot is tested")
}
fn read(bytes: &[u8]) -> Result<Catalog, BadPack> {
    pack::read_catalog(&Pack::open(bytes)?.section(OFFERS)?)
}

fn embedded_table<T: serde::de::DeserializeOwned>(section: &'static str) -> Vec<T> {
    let bytes = Pack::open(BYTES).and_then(|p| p.section(section)).expect("the embedded snapshot is tested");
    facts::table(bytes.as_slice()).expect("the embedded snapshot is tested")
}

/// What other things cost: disks, transfer, addresses, clusters …
pub fn resource_rates() -> &'static [ResourceRate] {
    static TABLE: LazyLock<Vec<ResourceRate>> = LazyLock::new(|| embedded_table(RATES));
    &TABLE
}
/// Quotas by code and name, with what a new account has where that is known.
pub fn quotas() -> &'static [QuotaFact] {
    static TABLE: LazyLock<Vec<QuotaFact>> = LazyLock::new(|| embedded_table(QUOTAS));
    &TABLE
}
/// Container images for training and serving.
pub fn images() -> &'static [Image] {
    static TABLE: LazyLock<Vec<Image>> = LazyLock::new(|| embedded_table(IMAGES));
    &TABLE
}
/// Published throughput of accelerators.
pub fn perf() -> &'static [Perf] {
    static TABLE: LazyLock<Vec<Perf>> = LazyLock::new(|| embedded_table(PERF));
    &TABLE
}

/// Published throughput of one kind.
pub fn perf_of(kind: &str) -> Option<&'static Perf> {
    static BY_KIND: LazyLock<FxHashMap<&'static str, &'static Perf>> =
        LazyLock::new(|| perf().iter().map(|p| (p.accelerator_name.as_str(), p)).collect());
    BY_KIND.get(kind).copied()
}

/// Makes a snapshot of a folder of facts and of further rates (same columns as resource_rates.csv). The build step.
pub fn make(facts: &Path, more_rates: &Path) -> Result<(Vec<u8>, About), MakeError> {
    let open =
        |path: std::path::PathBuf| File::open(&path).map_err(|e| MakeError(path.display().to_string(), e.to_string()));
    let bad = |name: &str| {
        let name = name.to_owned();
        move |e: BadTable| MakeError(name, e.to_string())
    };
    let mut builder = Builder::new();
    add_instances(&mut builder, open(facts.join("instances.csv"))?).map_err(bad("instances.csv"))?;
    let catalog = builder.build();
    if let Some(note) = catalog.notes().first() {
        return Err(MakeError("instances.csv".into(), format!("{}: {}", note.about, note.says)));
    }
    // Read once as they will be read later, so that a row that cannot be is an error here and not at somebody's start.
    let mut rates = text(open(facts.join("resource_rates.csv"))?)?;
    let more = text(open(more_rates.to_owned())?)?;
    rates.push_str(more.split_once('\n').map_or("", |(_, rows)| rows));
    facts::table::<ResourceRate>(rates.as_bytes()).map_err(bad("resource_rates.csv"))?;
    let quotas = text(open(facts.join("quotas.csv"))?)?;
    facts::table::<QuotaFact>(quotas.as_bytes()).map_err(bad("quotas.csv"))?;
    let images = text(open(facts.join("training_images.csv"))?)?;
    facts::table::<Image>(images.as_bytes()).map_err(bad("training_images.csv"))?;
    let perf = text(open(facts.join("gpu_perf.csv"))?)?;
    facts::table::<Perf>(perf.as_bytes()).map_err(bad("gpu_perf.csv"))?;
    let dates = ["aws", "gcp"].map(|cloud| catalog.dates(cloud));
    let about = About {
        offers: catalog.len(),
        machines: catalog.specs().len(),
        newest: dates.iter().flatten().map(|d| d.0).max(),
        oldest: dates.iter().flatten().map(|d| d.1).min(),
    };
    let about_text = serde_json::to_string(&about).map_err(|e| MakeError(ABOUT.into(), e.to_string()))?;
    let offers = pack::write_catalog(&catalog);
    let bytes = pack::pack(
        &[
            (ABOUT, about_text.as_bytes()),
            (OFFERS, &offers),
            (RATES, rates.as_bytes()),
            (QUOTAS, quotas.as_bytes()),
            (IMAGES, images.as_bytes()),
            (PERF, perf.as_bytes()),
        ],
        9,
    );
    Ok((bytes, about))
}

fn text(mut file: File) -> Result<String, MakeError> {
    let mut text = String::new();
    std::io::Read::read_to_string(&mut file, &mut text).map_err(|e| MakeError("a table".into(), e.to_string()))?;
    Ok(text)
}

/// Why no snapshot could be made.
#[derive(Debug, thiserror::Error)]
#[error("{0}: {1}")]
pub struct MakeError(String, String);
