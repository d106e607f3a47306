//! Picking against the plainest possible picker, on random catalogues and questions.

#[path = "../benches/support/mod.rs"]
mod support;

use curfew_catalog::limits::new_account_levels;
use curfew_catalog::{
    AcceleratorNeed, Accelerators, Assumptions, Band, Barred, BudgetLeft, Catalog, Data, DataAt, Interruptions, Limits,
    Need, Order, Question, Rates, Row, Rules, Saving, Seen, SpotSeen, Trial, Usd, Work, need::Span, snapshot,
};
use proptest::prelude::*;
use rust_decimal::Decimal;
use std::sync::LazyLock;

static EMBEDDED: LazyLock<Catalog> = LazyLock::new(snapshot::embedded);
static SYNTHETIC: LazyLock<Catalog> = LazyLock::new(|| support::offers(20_000));

#[derive(Debug, Clone)]
struct Asked {
    synthetic: bool,
    need: Need,
    work: Work,
    rules: (Option<i64>, Option<i64>, bool, bool),
    spot_seen: bool,
    time_left_ms: Option<i64>,
    hourly_value: Option<Usd>,
    budget: Option<Usd>,
    order: Order,
    descending: bool,
    barred: Barred,
    take: usize,
}

fn needs() -> impl Strategy<Value = Need> {
    let accelerators = prop_oneof![
        Just(Accelerators::Any),
        Just(Accelerators::None),
        (1i64..9, proptest::option::of(1i64..90)).prop_map(|(n, gib)| Accelerators::Some(AcceleratorNeed {
            count: Span::at_least(n.into()),
            memory_gib: gib.map(Into::into),
            ..AcceleratorNeed::default()
        })),
    ];
    let list = |of: &'static [&'static str]| {
        proptest::option::of(proptest::sample::select(of)).prop_map(|x| x.map(str::to_owned).into_iter().collect())
    };
    let places = (
        list(&["aws", "gcp"]),
        list(&["ec2", "gce", "sagemaker", "vertex"]),
        list(&["us-east-1", "us-central1", "eu-west-1", "us-central-3"]),
    );
    let bounds =
        (proptest::option::of(1u32..64), proptest::option::of(any::<bool>()), proptest::option::of(1i64..5000));
    (accelerators, places, bounds, proptest::option::of(1i64..20_000), proptest::option::of(1i64..500)).prop_map(
        |(accelerators, (clouds, services, regions), (vcpus, spot, cents), total, gb)| Need {
            accelerators,
            clouds,
            services,
            regions,
            vcpus: Span { min: vcpus, max: None },
            spot,
            max_usd_per_hour: cents.map(Usd::from_cents),
            max_usd: total.map(Usd::from_cents),
            data: gb.map(|gb| Data {
                gb: gb.into(),
                at: DataAt::Cloud { cloud: "aws".into(), region: Some("us-east-1".into()) },
            }),
            ..Need::default()
        },
    )
}

fn works() -> impl Strategy<Value = Work> {
    let trial = (1_000i64..100_000_000, 0.5f64..8.0, any::<bool>()).prop_map(|(ms, busy, accelerated)| {
        let on = Seen { machine: "here".into(), vcpus: 8, busy: Some(busy), accelerator: None };
        let accelerators = accelerated.then(|| 1.into());
        Work { trial: Some(Trial { on, whole: Band::exact(ms) }), accelerators, ..Work::default() }
    });
    prop_oneof![Just(Work::default()), (1_000i64..100_000_000).prop_map(Work::stated), trial]
}

fn asked() -> impl Strategy<Value = Asked> {
    let order = proptest::sample::select(vec![
        Order::Best,
        Order::Money,
        Order::PerHour,
        Order::DoneIn,
        Order::Machine,
        Order::Vcpus,
        Order::Memory,
        Order::Accelerators,
    ]);
    let barred = proptest::sample::select(vec![Barred::InPlace, Barred::Last, Barred::Hidden]);
    let rules = (proptest::option::of(1i64..50), proptest::option::of(1i64..50), any::<bool>(), any::<bool>());
    let left = proptest::option::of(prop_oneof![1 => Just(0), 4 => 1i64..10_000]);
    let rest = (proptest::option::of(1_000i64..200_000_000), proptest::option::of(1i64..10_000), left);
    let shown = (order, any::<bool>(), barred, 0usize..400);
    let kept = (any::<bool>(), any::<bool>());
    (kept, needs(), works(), rules, rest, shown).prop_map(
        |(
            (synthetic, spot_seen),
            need,
            work,
            rules,
            (time_left_ms, value, budget),
            (order, descending, barred, take),
        )| Asked {
            synthetic,
            need,
            work,
            rules,
            spot_seen,
            time_left_ms,
            hourly_value: value.map(Usd::from_cents),
            budget: budget.map(Usd::from_cents),
            order,
            descending,
            barred,
            take,
        },
    )
}

/// Every fitting row, exactly, in row order.
fn plainly(catalog: &Catalog, question: &Question<'_>) -> Vec<Row> {
    let fitting = catalog.iter().filter(|o| question.need.fits_spec(o.spec) && question.need.fits_slot(o.slot));
    catalog
        .compare(question, fitting.map(|o| o.id))
        .into_iter()
        .filter(|row| {
            let rate = row.charge.rate().map(curfew_catalog::Rate::usd);
            question.need.max_usd_per_hour.is_none_or(|cap| rate.is_some_and(|r| r <= cap))
        })
        .collect()
}

fn near(a: Option<Usd>, b: Option<Usd>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => (a - b).pico().abs() <= 10 + a.pico().abs() / 1_000_000_000_000,
        (a, b) => a == b,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn the_fast_pick_is_the_plain_one(asked in asked()) {
        let catalog = if asked.synthetic { &*SYNTHETIC } else { &*EMBEDDED };
        let (price, spot_above, quotas, one_region) = asked.rules;
        let mut rules = Rules { defaults_bar: quotas, quotas: new_account_levels(), ..Rules::default() };
        rules.policy.max_usd_per_hour = price.map(Into::into);
        rules.policy.spot_above_usd_per_hour = spot_above.map(Into::into);
        if one_region {
            rules.policy.regions = vec!["us-east-1".into(), "us-central1".into()];
        }
        let limits = Limits::new(catalog, rules);
        let mut assume = Assumptions::default();
        if asked.spot_seen {
            let saving = |percent| Some(Saving { fraction: Decimal::new(percent, 2), runs: 4 });
            let often = Interruptions { seen: 9, trained_ms: 36_000_000, runs: 4 };
            let seen = |name: &str, saving, interruptions| {
                let (cloud, name) = ("aws".into(), name.into());
                SpotSeen { cloud, name, saving, interruptions }
            };
            assume.spot = vec![
                seen("ml.g5", saving(63), None),
                seen("ml.g5.xlarge", saving(20), Some(often)),
                seen("ml.m5", saving(70), Some(Interruptions { seen: 0, ..often })),
                seen("g5", None, Some(often)),
            ];
        }
        let question = Question {
            need: &asked.need,
            work: &asked.work,
            limits: &limits,
            rates: Rates::embedded(),
            assume: &assume,
            time_left_ms: asked.time_left_ms,
            hourly_value: asked.hourly_value,
            budget: asked.budget.map(|left| BudgetLeft { left, whose: "you", rule: "monthly_budget_usd.people" }),
            order: asked.order,
            descending: asked.descending,
            barred: asked.barred,
            take: asked.take,
        };
        let picked = catalog.pick(&question);
        let all = plainly(catalog, &question);
        let timeless = asked.work.is_unknown();
        prop_assert_eq!(picked.fitting, all.len());
        prop_assert_eq!(picked.unpriced, all.iter().filter(|r| r.charge.rate().is_none()).count());
        let money = |r: &Row| if timeless { r.charge.rate().map(curfew_catalog::Rate::usd) } else { r.costs.map(|c| c.total) };
        let whole = |r: &Row| if timeless { money(r) } else { r.costs.map(|c| c.with_waiting()) };
        let open: Vec<&Row> = all.iter().filter(|r| !r.is_barred() && money(r).is_some()).collect();

        // Barred rows are never best, and nothing open is better.
        for row in picked.best.iter().chain(&picked.cheapest).chain(&picked.soonest).chain(&picked.front) {
            prop_assert!(!row.is_barred());
        }
        prop_assert!(near(picked.best.as_ref().and_then(whole), open.iter().filter_map(|r| whole(r)).min()));
        prop_assert!(near(picked.cheapest.as_ref().and_then(money), open.iter().filter_map(|r| money(r)).min()));
        let done = |r: &Row| r.times.map(|t| t.done.ms);
        if !timeless {
            prop_assert_eq!(picked.soonest.as_ref().and_then(done), open.iter().filter_map(|r| done(r)).min());
            // The front: nothing open is both cheaper and sooner, and whatever is not on it is beaten by something on it.
            for row in &open {
                let beaten = picked.front.iter().any(|f| done(f) <= done(row) && f.costs.unwrap().total <= row.costs.unwrap().total + Usd::from_pico(100));
                prop_assert!(beaten, "{:?} is missing from the front", row);
            }
            for pair in picked.front.windows(2) {
                prop_assert!(done(&pair[0]) < done(&pair[1]) && money(&pair[0]) > money(&pair[1]));
            }
        }

        // The list: right length, each row once, sorted, and nothing left out that belongs before its last row.
        let shown: Vec<&Row> = all.iter().filter(|r| asked.barred != Barred::Hidden || !r.is_barred()).collect();
        prop_assert_eq!(picked.rows.len(), asked.take.min(shown.len()));
        let mut ids: Vec<_> = picked.rows.iter().map(|r| r.id).collect();
        ids.sort();
        ids.dedup();
        prop_assert_eq!(ids.len(), picked.rows.len());
        let key = |r: &Row| -> Option<i128> {
            let spec = catalog.offer(r.id).spec;
            let scaled = |d: Option<Decimal>| {
                let thousandths = d.unwrap_or(-Decimal::ONE) * Decimal::ONE_THOUSAND;
                Some(thousandths.trunc().mantissa())
            };
            let key = match asked.order {
                Order::Best => whole(r).map(Usd::pico),
                Order::Money => money(r).map(Usd::pico),
                Order::PerHour => r.charge.rate().map(|r| r.usd().pico()),
                Order::DoneIn => done(r).filter(|_| !timeless).map(i128::from),
                Order::Machine => catalog.specs().iter().position(|s| s == spec).map(|i| i as i128),
                Order::Vcpus => Some(spec.vcpus.map_or(-1, i128::from)),
                Order::Memory => scaled(spec.memory_gib),
                Order::Accelerators => scaled(Some(spec.accelerator.as_ref().map_or(0.into(), |a| a.count))),
            };
            key.map(|k| if asked.descending { -k } else { k })
        };
        let place = |r: &Row| (key(r).is_none(), asked.barred == Barred::Last && r.is_barred() && key(r).is_some(), key(r));
        let mut expect: Vec<_> = shown.iter().map(|r| place(r)).collect();
        expect.sort();
        for (row, want) in picked.rows.iter().zip(&expect) {
            let got = place(row);
            let close = match (got.2, want.2) {
                (Some(a), Some(b)) => (a - b).abs() <= 10 + a.abs() / 1_000_000_000_000,
                (a, b) => a == b,
            };
            prop_assert!(close && (got.0, got.1) == (want.0, want.1), "{:?} instead of {:?}", got, want);
        }
    }

    /// Ranking is a total order: however many rows are asked for, the first are the same, so that a list can be read on
    /// from where it was left.
    #[test]
    fn the_first_rows_are_the_same_however_many_are_read(asked in asked(), few in 1usize..120, more in 1usize..200) {
        let catalog = if asked.synthetic { &*SYNTHETIC } else { &*EMBEDDED };
        let limits = Limits::new(catalog, Rules { defaults_bar: true, quotas: new_account_levels(), ..Rules::default() });
        let assume = Assumptions::default();
        let ids = |take| {
            let question = Question {
                need: &asked.need, work: &asked.work, limits: &limits, rates: Rates::embedded(), assume: &assume,
                time_left_ms: asked.time_left_ms, hourly_value: asked.hourly_value, budget: None, order: asked.order,
                descending: asked.descending, barred: asked.barred, take,
            };
            catalog.pick(&question).rows.iter().map(|r| r.id).collect::<Vec<_>>()
        };
        let (first, all) = (ids(few), ids(few + more));
        prop_assert_eq!(&first[..], &all[..first.len()]);
    }

    #[test]
    fn a_constraint_never_adds_rows(wide in needs(), more in needs()) {
        let mut narrow = wide.clone();
        if narrow.accelerators == Accelerators::Any { narrow.accelerators = more.accelerators; }
        if narrow.clouds.is_empty() { narrow.clouds = more.clouds; }
        if narrow.services.is_empty() { narrow.services = more.services; }
        if narrow.regions.is_empty() { narrow.regions = more.regions; }
        narrow.spot = narrow.spot.or(more.spot);
        narrow.vcpus.min = narrow.vcpus.min.max(more.vcpus.min);
        narrow.max_usd_per_hour = match (narrow.max_usd_per_hour, more.max_usd_per_hour) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        let limits = Limits::none(&EMBEDDED);
        let (work, assume) = (Work::stated(3_600_000), Assumptions::default());
        let rows = |need: &Need| {
            let question = Question {
                need, work: &work, limits: &limits, rates: Rates::embedded(), assume: &assume, time_left_ms: None,
                hourly_value: None, budget: None, order: Order::Money, descending: false, barred: Barred::InPlace, take: usize::MAX,
            };
            let mut ids: Vec<_> = EMBEDDED.pick(&question).rows.iter().map(|r| r.id).collect();
            ids.sort();
            ids
        };
        let (all, fewer) = (rows(&wide), rows(&narrow));
        prop_assert!(fewer.iter().all(|id| all.binary_search(id).is_ok()));
    }
}
