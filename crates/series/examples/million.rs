//! The same event file as TensorBoard reads in `tests/libraries/tensorboard_million.py`: how long until its curve is there,
//! how many of its points are kept, and whether the one spike among them is.
//!
//! `cargo run --release -p curfew-series --example million -- FILE`

use curfew_series::store::{Reader, Window, Writer};
use curfew_series::{Axis, tbevents};
use std::io;
use std::time::Instant;

fn main() -> io::Result<()> {
    let file = std::env::args_os().nth(1).ok_or_else(|| io::Error::other("name the event file"))?;
    let dir = tempfile::tempdir()?;
    let began = Instant::now();
    let mut writer = Writer::open(dir.path()).map_err(io::Error::other)?;
    let mut failed = None;
    tbevents::read(std::path::Path::new(&file), 0, &mut |point| {
        if let Err(error) = writer.append(&point) {
            failed.get_or_insert(error);
        }
    })
    .map_err(io::Error::other)?;
    failed.map_or(Ok(()), Err).and_then(|()| writer.flush()).map_err(io::Error::other)?;
    drop(writer);
    println!("read and kept in {:.0} ms", began.elapsed().as_secs_f64() * 1e3);
    let began = Instant::now();
    let reader = Reader::open(dir.path()).map_err(io::Error::other)?;
    let metric = reader.metrics().into_iter().next().ok_or_else(|| io::Error::other("the file has no metric"))?;
    let view = reader.view(metric.id, &Window::whole(Axis::Step, 1_000)).map_err(io::Error::other)?;
    let took = began.elapsed().as_secs_f64() * 1e3;
    let most = view.buckets.iter().map(|bucket| bucket.max).fold(f64::NEG_INFINITY, f64::max);
    println!("opened and seen, 1,000 wide, in {took:.2} ms: {} points kept, the greatest is {most}", metric.count);
    Ok(())
}
