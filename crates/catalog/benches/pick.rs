//! Loading and picking: `cargo bench -p curfew-catalog`. Percentiles are in `examples/speed.rs`; figures in BENCH.md.

mod support;

use criterion::{Criterion, criterion_group, criterion_main};
use curfew_catalog::{Assumptions, Barred, Limits, Order, Question, Rates, Usd, Vocabulary, Work, snapshot};
use std::hint::black_box;

fn benches(c: &mut Criterion) {
    c.bench_function("load the snapshot", |b| b.iter(|| black_box(snapshot::embedded().len())));
    let embedded = snapshot::embedded();
    let words = Vocabulary::new(&embedded);
    c.bench_function("read a need", |b| b.iter(|| black_box(words.read("1 GPU, 12 GiB or more, under $5 an hour"))));
    let million = support::offers(1_000_000);
    for (name, catalog) in [("snapshot", &embedded), ("1,000,000 offers", &million)] {
        for text in ["", "1 GPU, 12 GiB or more", "spot under $1 an hour"] {
            let need = words.read(text).need;
            let (limits, assume, work) = (Limits::none(catalog), Assumptions::default(), Work::stated(7_200_000));
            let question = Question {
                need: &need,
                work: &work,
                limits: &limits,
                rates: Rates::embedded(),
                assume: &assume,
                time_left_ms: Some(6 * 3_600_000),
                hourly_value: Some(Usd::from_cents(5000)),
                budget: None,
                order: Order::Best,
                descending: false,
                barred: Barred::InPlace,
                take: 200,
            };
            let shown = if text.is_empty() { "anything" } else { text };
            c.bench_function(&format!("{name}: {shown}"), |b| b.iter(|| black_box(catalog.pick(&question).rows.len())));
        }
    }
}

criterion_group!(all, benches);
criterion_main!(all);
