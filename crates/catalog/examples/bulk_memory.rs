//! Streams a bulk offer file of 300 MB (or as many MB as the argument says) and prints the time and the most memory held:
//! `cargo run --release -p curfew-catalog --example bulk_memory`.

#[path = "../benches/support/bulk.rs"]
mod bulk;

use curfew_catalog::{Catalog, feeds};
use std::io::Read;
use std::time::Instant;

fn main() {
    let mb: usize = std::env::args().nth(1).and_then(|n| n.parse().ok()).unwrap_or(300);
    // One product with its two terms is about 1.9 kB; one in eighty is a machine of ours, as in the real EC2 file.
    let products = mb * 1_000_000 / 1_880;
    let mut file = Count { inner: bulk::BulkJson::new(products, 80), bytes: 0 };
    let start = Instant::now();
    let feed = feeds::bulk_json(&mut file, &Catalog::default()).expect("a file of the documented shape");
    println!(
        "{} MB, {} products, {} offers in {:.1} s, at most {:?} MB of memory",
        file.bytes / 1_000_000,
        feed.report.seen,
        feed.report.offers,
        start.elapsed().as_secs_f64(),
        bulk::peak_mb()
    );
}

struct Count<R> {
    inner: R,
    bytes: usize,
}
impl<R: Read> Read for Count<R> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let n = self.inner.read(into)?;
        self.bytes += n;
        Ok(n)
    }
}
