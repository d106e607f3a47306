//! Rows opened up: arithmetic that adds up, bars with their way out, and the sentence behind the best row.

use curfew_catalog::limits::new_account_levels;
use curfew_catalog::{
    Assumptions, Band, Barred, BudgetLeft, Builder, Buy, Catalog, Interruptions, Limits, Need, NewOffer, Order,
    Question, QuotaLevel, QuotaOrigin, Rate, Rates, Rules, Saving, Seen, Slot, Spec, SpotSeen, Term, Trial, Usd,
    Vocabulary, WayOut, Work, snapshot,
};
use std::fmt::Write as _;
use std::sync::LazyLock;

/// The embedded offers with this computer among them.
static CATALOG: LazyLock<Catalog> = LazyLock::new(|| {
    let mut builder = Builder::from_catalog(&snapshot::embedded());
    let slot = Slot {
        cloud: "local".into(),
        service: "local".into(),
        component: None,
        region: "here".into(),
        zone: None,
        buy: Buy::OnDemand,
    };
    builder.spec(Spec { vcpus: Some(8), memory_gib: Some(16.into()), ..Spec::named("local", "here") });
    let rate = Some(Rate::from_pico(0));
    builder.offer(&NewOffer { slot, machine: "here", rate, as_of: None, source: "this computer" });
    builder.build()
});

/// The design's question: a job tried on this computer, which would take it 9 h 40 m.
fn tried() -> Work {
    let on = Seen { machine: "here".into(), vcpus: 8, busy: Some(7.6), accelerator: None };
    let whole = Band { ms: 34_800_000, low_ms: 33_000_000, high_ms: 36_500_000 };
    Work { trial: Some(Trial { on, whole }), accelerators: Some(1.into()), ..Work::default() }
}

struct Asked {
    need: Need,
    work: Work,
    limits: Limits,
    assume: Assumptions,
}

impl Asked {
    fn new(words: &str, work: Work, rules: Rules) -> Self {
        let need = Vocabulary::new(&CATALOG).read(words).need().unwrap().clone();
        Self { need, work, limits: Limits::new(&CATALOG, rules), assume: Assumptions::default() }
    }
    fn question(&self) -> Question<'_> {
        Question {
            need: &self.need,
            work: &self.work,
            limits: &self.limits,
            rates: Rates::embedded(),
            assume: &self.assume,
            time_left_ms: Some(7 * 3_600_000),
            hourly_value: Some(Usd::from_cents(5000)),
            budget: None,
            order: Order::Best,
            descending: false,
            barred: Barred::InPlace,
            take: 10,
        }
    }
    fn explain(&self, key: &str) -> String {
        let question = self.question();
        let offer = CATALOG.find(&key.parse().unwrap())[0];
        let e = CATALOG.explain(&question, offer.id);
        let mut says = format!("{}\n", e.key);
        e.terms.iter().for_each(adds_up);
        e.terms.iter().for_each(|t| tell(t, 1, &mut says));
        let _ = writeln!(says, "  done in {:?} ms", e.row.times.map(|t| t.done));
        for r in &e.reasons {
            let _ = writeln!(says, "  barred [{}] {}: {}", r.code, r.tag, r.says);
        }
        for c in &e.cautions {
            let _ = writeln!(says, "  caution: {c}");
        }
        says
    }
}

fn tell(term: &Term, depth: usize, into: &mut String) {
    let usd = term.usd.map_or("unknown".to_owned(), |u| u.to_string());
    let basis = term.basis.as_deref().map(|b| format!("  [{b}]")).unwrap_or_default();
    let _ = writeln!(into, "{}{} {usd} = {}{basis}", "  ".repeat(depth), term.label, term.how);
    term.parts.iter().for_each(|p| tell(p, depth + 1, into));
}

/// The parts of every term add up to it, to the last picodollar.
fn adds_up(term: &Term) {
    if let Some(usd) = term.usd.filter(|_| !term.parts.is_empty()) {
        assert_eq!(usd, term.parts.iter().map(|p| p.usd.unwrap()).sum::<Usd>(), "{}", term.label);
    }
    term.parts.iter().for_each(adds_up);
}

#[test]
fn arithmetic_opens_up() {
    let mut asked = Asked::new("1 gpu 12 gib, 100 gb data in us-east-1", tried(), Rules::default());
    asked.assume.checkpoint_every_ms = Some(1_800_000);
    let mut all = String::new();
    for key in [
        "gcp:gce:us-central1:g2-standard-4:spot",
        "aws:ec2:us-east-1:g5.xlarge",
        "aws:sagemaker:us-east-1:ml.g5.xlarge:training",
        "aws:sagemaker:us-east-1:ml.g5.xlarge:training:spot",
        "aws:ec2:us-east-1:g5.xlarge:spot",
        "local",
    ] {
        all.push_str(&asked.explain(key));
    }
    insta::assert_snapshot!(all);
}

#[test]
fn rows_as_json() {
    let asked = Asked::new("g5.xlarge on demand in us-east-1", Work::stated(7_200_000), Rules::default());
    let question = asked.question();
    let picked = CATALOG.pick(&question);
    let rows = serde_json::to_string_pretty(&CATALOG.picked_rows(&question, &picked)).unwrap();
    insta::assert_snapshot!(rows);
}

#[test]
fn every_shown_row_adds_up() {
    let asked = Asked::new("gpu, 40 gb data here", tried(), Rules::default());
    let question = Question { take: 300, ..asked.question() };
    for row in CATALOG.pick(&question).rows {
        CATALOG.explain(&question, row.id).terms.iter().for_each(adds_up);
        if let Some(c) = row.costs {
            assert_eq!(c.total, c.machine + c.start_up + c.interruption + c.disk + c.transfer);
        }
    }
}

#[test]
fn bars_say_the_way_out() {
    let mut rules = Rules { quotas: new_account_levels(), defaults_bar: true, ..Rules::default() };
    rules.policy.max_usd_per_hour = Some(5.into());
    rules.policy.spot_above_usd_per_hour = Some(1.into());
    rules.policy.families = ["g5", "p4d", "a2", "n1"].map(str::to_owned).to_vec();
    rules.policy.regions = vec!["us-east-1".into()];
    rules.quotas.push(QuotaLevel {
        cloud: "aws".into(),
        service: "ec2".into(),
        region: Some("us-east-1".into()),
        code: Some("L-417A185B".into()),
        name: "Running On-Demand P instances".into(),
        unit: "vCPU".into(),
        value: Some(96.into()),
        used: Some(8.into()),
        origin: QuotaOrigin::Applied,
    });
    let asked = Asked::new("gpu, at most $3 in all", tried(), rules);
    let all =
        ["aws:ec2:us-east-1:g5.xlarge", "aws:ec2:us-east-1:p4d.24xlarge", "gcp:gce:us-central1:a2-highgpu-1g", "local"]
            .map(|key| asked.explain(key).lines().filter(|l| !l.contains(" = ")).collect::<Vec<_>>().join("\n"))
            .join("\n");
    insta::assert_snapshot!(all);
    let p4d = CATALOG.find(&"aws:ec2:us-east-1:p4d.24xlarge".parse().unwrap())[0];
    let reasons = CATALOG.explain(&asked.question(), p4d.id).reasons;
    let WayOut::AskQuota(ask) = &reasons[0].way_out else { panic!("{reasons:?}") };
    // 96 for the machine beside the 8 that run.
    assert_eq!((ask.code.as_deref(), ask.ask_for.to_string().as_str()), (Some("L-417A185B"), "104"));
}

#[test]
fn a_budget_bars_by_name_and_never_this_computer() {
    let asked = Asked::new("gpu, 40 gb data in us-east-1", tried(), Rules::default());
    let project =
        BudgetLeft { left: Usd::from_cents(310), whose: "project “vision”", rule: "monthly_budget_usd.projects" };
    let question = Question { budget: Some(project), ..asked.question() };
    let reasons = |key: &str, question: &Question<'_>| {
        let offer = CATALOG.find(&key.parse().unwrap())[0];
        CATALOG.explain(question, offer.id).reasons.into_iter().filter(|r| r.code == "budget").collect::<Vec<_>>()
    };
    let found = reasons("aws:ec2:us-east-1:p4d.24xlarge", &question);
    assert_eq!(found[0].tag, "over the $3.10 left for project “vision”");
    assert!(found[0].says.ends_with("of this month's budget $3.10 is left for project “vision”."), "{found:?}");
    let WayOut::AskLead { rule: "monthly_budget_usd.projects", needs } = &found[0].way_out else { panic!("{found:?}") };
    assert!(needs.ends_with(" more this month for project “vision”"), "{needs}");
    let none = Question { budget: Some(BudgetLeft { left: Usd::ZERO, ..project }), ..asked.question() };
    assert_eq!(reasons("local", &none), [], "what costs nothing is never barred by a budget");
    let picked = CATALOG.pick(&Question { take: 10, time_left_ms: None, ..none });
    assert!(picked.best.is_some_and(|best| CATALOG.offer(best.id).is_local()), "{:?}", picked.best);
    // Without a time nothing is reckoned to its end, and nothing is barred by what it would come to.
    let timeless = Asked::new("gpu", Work::default(), Rules::default());
    let question = Question { budget: Some(project), ..timeless.question() };
    assert_eq!(reasons("aws:ec2:us-east-1:p4d.24xlarge", &question), []);
    // Unless nothing is left: then any price is too much.
    let question = Question { budget: none.budget, ..timeless.question() };
    let found = reasons("aws:ec2:us-east-1:g5.xlarge", &question);
    assert!(
        found[0].says.ends_with("an hour, and of this month's budget $0.00 is left for project “vision”."),
        "{found:?}"
    );
    assert_eq!(reasons("local", &question), []);
}

#[test]
fn why_the_best_is_the_best() {
    let why = |words, work, change: fn(&mut Question<'_>)| {
        let asked = Asked::new(words, work, Rules::default());
        let mut question = asked.question();
        change(&mut question);
        CATALOG.why(&question, &CATALOG.pick(&question))
    };
    let all = [
        why("1 gpu 12 gib on demand", tried(), |_| {}),
        why("1 gpu 12 gib on demand", tried(), |q| q.hourly_value = None),
        why("1 gpu 12 gib on demand", tried(), |q| (q.time_left_ms, q.hourly_value) = (None, None)),
        why("1 gpu 12 gib on demand", Work::default(), |_| {}),
        why("b200", tried(), |q| q.time_left_ms = Some(1000)),
        why("h100 under $1 an hour", Work::stated(3_600_000), |_| {}),
        why("t4 on demand", Work::stated(36_000_000), |_| {}),
    ];
    insta::assert_snapshot!(all.join("\n"));
}

#[test]
fn a_managed_spot_saving_of_ones_own_makes_an_estimate() {
    let mut asked = Asked::new("ml.g5.xlarge training spot", Work::stated(3_600_000), Rules::default());
    let id = CATALOG.find(&"aws:sagemaker:us-east-1:ml.g5.xlarge:training:spot".parse().unwrap())[0].id;
    let charge =
        |asked: &Asked| format!("{:?}", CATALOG.row(&asked.question(), id).charge.rate().map(|r| r.to_string()));
    assert_eq!(charge(&asked), "Some(\"1.408\")");
    let seen = |name: &str, fraction: &str, runs| SpotSeen {
        cloud: "aws".into(),
        name: name.into(),
        saving: Some(Saving { fraction: fraction.parse().unwrap(), runs }),
        interruptions: None,
    };
    let explain = |asked: &Asked| asked.explain("aws:sagemaker:us-east-1:ml.g5.xlarge:training:spot");
    // Another family's is not borrowed, nor another cloud's.
    asked.assume.spot = vec![seen("ml.m5", "0.9", 2), SpotSeen { cloud: "gcp".into(), ..seen("ml.g5", "0.9", 2) }];
    assert_eq!(charge(&asked), "Some(\"1.408\")");
    // The family's holds until there is one of the type.
    asked.assume.spot.push(seen("ml.g5", "0.5", 3));
    assert_eq!(charge(&asked), "Some(\"0.704\")");
    assert!(explain(&asked).contains("on demand less the 50 % that your 3 past runs on ml.g5 machines saved"));
    asked.assume.spot.push(seen("ml.g5.xlarge", "0.65", 4));
    assert_eq!(charge(&asked), "Some(\"0.4928\")");
    assert!(explain(&asked).contains("on demand less the 65 % that your 4 past runs on ml.g5.xlarge saved"));
    assert!(explain(&asked).contains("0.05 interruptions an hour (assumed)"));
    // Interruptions by the same rule; each by itself, since a type's runs may tell only one of them.
    let often = Interruptions { seen: 3, trained_ms: 6 * 3_600_000, runs: 5 };
    asked.assume.spot.push(SpotSeen { saving: None, interruptions: Some(often), ..seen("ml.g5", "0", 0) });
    let says = "0.5 interruptions an hour (3 in the 6 h 00 m that your 5 past runs on ml.g5 machines trained)";
    assert!(explain(&asked).contains(says), "{}", explain(&asked));
}
