//! Measures what the benchmarks promise, percentiles included: `cargo run --release -p curfew-catalog --example speed`.
//! Both clocks are read: the wall's, which is what a user waits for and is only fair on a machine that does nothing
//! else, and the thread's own processor time.

#[path = "../benches/support/mod.rs"]
mod support;

use curfew_catalog::{Assumptions, Catalog, Limits, Need, Order, Question, Rates, Work, snapshot};
use rustix::time::{ClockId, clock_gettime};
use std::time::Instant;

fn main() {
    let load = sample(50, || snapshot::embedded().len());
    println!("snapshot: load                         {load}");
    let embedded = snapshot::embedded();
    let rows = std::env::args().nth(1).and_then(|n| n.parse().ok()).unwrap_or(1_000_000);
    let million = support::offers(rows);
    println!("{} offers: {:.1} bytes each", million.len(), million.bytes() as f64 / million.len() as f64);
    for (name, catalog) in [("snapshot", &embedded), ("synthetic", &million)] {
        for (what, need) in needs() {
            for (how, work) in works() {
                let (limits, assume) = (Limits::none(catalog), Assumptions::default());
                let question = question(&need, &work, &limits, &assume);
                let fitting = catalog.pick(&question).fitting;
                let took = sample(400, || pick(catalog, &question));
                println!("{name}: {what:24} {how:8} {fitting:7} fit  {took}");
            }
        }
    }
}

fn pick(catalog: &Catalog, question: &Question<'_>) -> usize {
    catalog.pick(question).rows.len()
}

fn question<'a>(need: &'a Need, work: &'a Work, limits: &'a Limits, assume: &'a Assumptions) -> Question<'a> {
    Question {
        need,
        work,
        limits,
        rates: Rates::embedded(),
        assume,
        time_left_ms: Some(6 * 3_600_000),
        hourly_value: Some(curfew_catalog::Usd::from_cents(5000)),
        budget: None,
        order: Order::Best,
        descending: false,
        barred: curfew_catalog::Barred::InPlace,
        take: 200,
    }
}

fn needs() -> Vec<(&'static str, Need)> {
    use curfew_catalog::{AcceleratorNeed, Accelerators, Class};
    let gpu = AcceleratorNeed { class: Some(Class::Gpu), memory_gib: Some(12.into()), ..AcceleratorNeed::default() };
    vec![
        ("anything", Need::default()),
        ("1 GPU, 12 GiB or more", Need { accelerators: Accelerators::Some(gpu), ..Need::default() }),
        (
            "spot under $1 an hour",
            Need { spot: Some(true), max_usd_per_hour: Some(curfew_catalog::Usd::from_cents(100)), ..Need::default() },
        ),
    ]
}

fn works() -> Vec<(&'static str, Work)> {
    use curfew_catalog::{Band, Seen, Trial};
    let on = Seen { machine: "here".into(), vcpus: 8, busy: Some(7.5), accelerator: None };
    let whole = Band { ms: 34_800_000, low_ms: 34_000_000, high_ms: 36_000_000 };
    let trial = Work { trial: Some(Trial { on, whole }), accelerators: Some(1.into()), ..Work::default() };
    vec![("by hour", Work::default()), ("2 hours", Work::stated(7_200_000)), ("trial", trial)]
}

/// Median and 99th percentile of that many runs, by the thread's clock and by the wall's.
fn sample<T>(runs: usize, mut run: impl FnMut() -> T) -> String {
    for _ in 0..3 {
        std::hint::black_box(run());
    }
    let (mut own, mut wall) = (Vec::new(), Vec::new());
    for _ in 0..runs {
        let (start, began) = (Instant::now(), processor_ms());
        std::hint::black_box(run());
        own.push(processor_ms() - began);
        wall.push(start.elapsed().as_secs_f64() * 1000.0);
    }
    let at = |of: &mut Vec<f64>, percent: usize| {
        of.sort_by(f64::total_cmp);
        of[(of.len() - 1) * percent / 100]
    };
    let (a, b, c, d) = (at(&mut own, 50), at(&mut own, 99), at(&mut wall, 50), at(&mut wall, 99));
    format!("processor p50 {a:.3} p99 {b:.3} ms   wall p50 {c:.3} p99 {d:.3} ms")
}

fn processor_ms() -> f64 {
    let t = clock_gettime(ClockId::ThreadCPUTime);
    t.tv_sec as f64 * 1000.0 + t.tv_nsec as f64 / 1e6
}
