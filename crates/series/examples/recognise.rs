//! Reads a log on stdin and prints the points in it: `python train.py | cargo run -p curfew-series --example recognise`.

use std::io::{self, Read, Write};

fn main() -> io::Result<()> {
    let mut recogniser = curfew_series::Recogniser::new(None).map_err(io::Error::other)?;
    let mut out = io::BufWriter::new(io::stdout().lock());
    let mut print = |point: curfew_series::Point<'_>| {
        let (rank, step, epoch) = (point.rank, point.step, point.epoch);
        let rank = rank.map_or_else(String::new, |rank| format!("[{rank}] "));
        let step = step.map_or_else(|| "-".into(), |step| step.to_string());
        let epoch = epoch.map_or_else(|| "-".into(), |epoch| epoch.to_string());
        // A closed pipe (head) ends the example, nothing more.
        let _ = writeln!(out, "{rank}{}\t{step}\t{epoch}\t{}", point.metric, point.value);
    };
    let mut bytes = vec![0; 1 << 16];
    loop {
        let read = io::stdin().read(&mut bytes)?;
        if read == 0 {
            break;
        }
        recogniser.push(&bytes[..read], 0, &mut print);
    }
    recogniser.finish(0, &mut print);
    drop(out);
    eprintln!("{:?}", recogniser.progress());
    Ok(())
}
