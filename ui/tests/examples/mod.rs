//! Fixed things to draw: what the snapshots hold and what the gallery serves. Names are made up and nasty on purpose.

pub(crate) mod account;
pub(crate) mod accounts;
pub(crate) mod machines;
pub(crate) mod pages;

use curfew_core::endpoint::{EndpointSpec, EndpointState, EndpointStatus, ModelSource, Traffic};
use curfew_core::lab::{CleanState, LabReport, LabSession, Started};
use curfew_core::money::Total;
use curfew_core::plan::{Outcome, OutcomeResult, Plan, PlanItem};
use curfew_core::resource::{Evidence, RemovalStep, Resource, ResourceKey};
use curfew_core::run::{Channel, Failure, RunSpec, RunState, RunStatus, StopRules};
use curfew_core::verdict::judge;
use curfew_core::{
    AccountId, CloudId, Cost, Curfew, Enforcer, ErrorKind, Gap, HourlyRate, MachineRef, Money, RegionName, Timestamp,
};
use curfew_engine::{EndpointView, Finish, MetricNow, NightRow, RunView, SweepReport, SweepRow, Today};
use curfew_ui::pages::parts::{Name, Spark};
use curfew_ui::pages::shell::{AccountDot, Shell};
use curfew_ui::views::shell::{Place, shell};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Zoned};
use rust_decimal::Decimal;

/// A name that a page must not believe.
pub(crate) const NASTY: &str = "<b>&\"'</b><script>alert(1)</script>\u{1b}[31m\u{202e}evil\u{0}";
/// A name that does not fit.
pub(crate) const LONG: &str = "a-run-whose-name-goes-on-and-on-because-somebody-put-every-hyperparameter-into-it-lr-0.0003-bs-512-wd-1e-5-seed-1936";

/// Friday, 20 November 2026, 18:30 in Berlin.
pub(crate) fn now() -> Zoned {
    "2026-11-20T18:30:00+01:00[Europe/Berlin]".parse().unwrap()
}
pub(crate) fn at(minutes: i64) -> Timestamp {
    now().timestamp() + SignedDuration::from_mins(minutes)
}
pub(crate) fn zone() -> TimeZone {
    now().time_zone().clone()
}

pub(crate) fn estimated(cents: i64) -> Cost<HourlyRate> {
    let amount = HourlyRate::usd(Decimal::new(cents, 2));
    Cost::Estimated { amount, as_of: at(-600), basis: "list price eu-west-1".into() }
}
pub(crate) fn spent(cents: i64) -> Cost<Money> {
    Cost::Estimated {
        amount: Money::usd(Decimal::new(cents, 2)),
        as_of: at(-600),
        basis: "list price eu-west-1".into(),
    }
}
pub(crate) fn free<T>() -> Cost<T> {
    Cost::NotBilled { note: "electricity not counted".into() }
}
pub(crate) fn unknown<T>() -> Cost<T> {
    Cost::Unknown { why: "no price is listed for this size".into() }
}

pub(crate) fn run(id: &str, name: &str, state: RunState) -> RunView {
    let going = !state.is_over();
    let enforcer = Enforcer::Supervisor;
    RunView {
        spec: RunSpec {
            id: id.parse().unwrap(),
            name: name.into(),
            dir: "/home/lab-03/projects/iris".into(),
            entry: "train.py".into(),
            data: vec![Channel { name: "training".into(), source: "/home/lab-03/data/iris.csv".into() }],
            hyper: [("epochs", "60"), ("learning-rate", "0.003")].map(|(k, v)| (k.into(), v.into())).into(),
            machine: MachineRef::local(),
            curfew: at(215),
            stop: StopRules { not_a_number: true, flat_epochs: Some(5), metric: None, spend: None, time: None },
            options: std::collections::BTreeMap::new(),
            intent: "i-abc".parse().unwrap(),
            owner: "lab-03@workstation".into(),
            project: None,
        },
        status: RunStatus {
            state,
            detail: (state == RunState::Starting).then(|| "installing requirements".into()),
            progress: None,
            failure: None,
            ended_by: (state == RunState::Stopped).then(|| "its curfew came".into()),
            created: at(-78),
            started: (state != RunState::Queued && state != RunState::Starting).then(|| at(-77)),
            ended: (!going).then(|| at(-12)),
            exit_code: (state == RunState::Completed).then_some(0),
            model: (state == RunState::Completed).then(|| format!("/home/lab-03/.curfew/runs/{id}/model.tar.gz")),
            curfew: going.then(|| Curfew { at: at(215), enforcer }),
            rate: free(),
            so_far: free(),
            spot: None,
        },
        place: "This computer".into(),
        lab: None,
        loss: Some(MetricNow { name: "loss".into(), count: 1860, last: 0.412, best: 0.388 }),
        epochs: Some((31.0, Some(60.0))),
        finish: (state == RunState::Running).then(|| Finish {
            unit: "epochs",
            done: 31.0,
            total: 60.0,
            per_second: 0.0065,
            at: at(74),
            soonest: at(69),
            latest: Some(at(81)),
            stuck_since: None,
            curfew_first: false,
        }),
    }
}

pub(crate) fn failed_run() -> RunView {
    let mut view = run("broken-4k2m", "broken", RunState::Failed);
    view.loss = None;
    view.epochs = None;
    view.finish = None;
    view.status.exit_code = Some(1);
    view.status.failure = Some(Failure {
        what: "The script ended with exit code 1.".into(),
        next: "Read the log's end below, correct the script, and run it again.".into(),
        log_end: vec![
            "Traceback (most recent call last):".into(),
            "  File \"train.py\", line 12, in <module>".into(),
            "ModuleNotFoundError: No module named '<b>sklearn</b>'".into(),
        ],
    });
    view
}

/// A run on a cloud that costs money.
pub(crate) fn dear_run() -> RunView {
    let mut view = run("resnet-sweep-14", "resnet-sweep-14", RunState::Running);
    view.place = "AWS · vision-lab".into();
    view.spec.machine = "aws:sagemaker:eu-west-1:ml.g5.xlarge:spot".parse().unwrap();
    view.spec.stop.spend = Some(Money::usd(Decimal::new(500, 2)));
    view.status.rate = estimated(49);
    view.status.so_far = spent(188);
    view.status.curfew = Some(Curfew { at: at(215), enforcer: Enforcer::Cloud { name: "AWS".into() } });
    view
}

pub(crate) fn many_runs(n: usize) -> Vec<RunView> {
    let states = [RunState::Completed, RunState::Failed, RunState::Stopped, RunState::Running, RunState::Lost];
    (0..n)
        .map(|i| {
            let ago = -7 * i64::try_from(i).unwrap();
            let mut view = run(&format!("sweep-{i}"), &format!("sweep {i}"), states[i % states.len()]);
            view.status.created = at(ago);
            view.status.started = Some(at(ago));
            view.status.ended = view.status.ended.map(|_| at(ago + 5));
            view.loss = Some(MetricNow {
                name: "loss".into(),
                count: 10,
                last: 1.0 / (i + 1) as f64,
                best: 0.5 / (i + 1) as f64,
            });
            view
        })
        .collect()
}

pub(crate) fn resource(name: &str, kind: &str, title: &str, evidence: Vec<Evidence>) -> Resource {
    Resource {
        key: ResourceKey {
            cloud: CloudId::new("local").unwrap(),
            account: AccountId("this-computer".into()),
            region: RegionName::new("here").unwrap(),
            kind: kind.into(),
            id: name.into(),
        },
        name: name.into(),
        kind_title: title.into(),
        state: "ready".into(),
        created: Some(at(-60 * 24 * 3)),
        owner: Some("lab-03".into()),
        size: None,
        bytes: Some(1_288_490_188),
        rate: free(),
        so_far: free(),
        evidence,
        curfew: None,
        intent: None,
        keep_until: None,
        steps: vec![RemovalStep {
            verb: "delete".into(),
            says: "Delete 1.2 GiB of files".into(),
            reversible: false,
            artefacts: None,
        }],
        fingerprint: "1".into(),
    }
}

pub(crate) fn dear_resource() -> Resource {
    let never = Evidence::LastUsed { at: at(-60 * 24 * 9), how: "CloudWatch Invocations".into() };
    let mut r = resource("iris-demo-endpoint", "sagemaker-endpoint", "SageMaker endpoint", vec![never]);
    r.key.cloud = CloudId::new("aws").unwrap();
    r.key.account = AccountId("123456789012".into());
    r.key.region = RegionName::new("eu-west-1").unwrap();
    r.state = "in service".into();
    r.size = Some("ml.m5.xlarge × 1".into());
    r.bytes = None;
    r.rate = estimated(27);
    r.so_far = spent(5800);
    r.steps = ["End the endpoint", "Delete its configuration", "Delete its model"]
        .map(|says| RemovalStep { verb: "delete".into(), says: says.into(), reversible: false, artefacts: None })
        .into();
    r
}

pub(crate) fn sweep_row(resource: Resource, place: &str) -> SweepRow {
    SweepRow { judged: judge(&resource, now().timestamp()), place: place.into(), resource }
}

pub(crate) fn gap() -> Gap {
    Gap {
        cloud: CloudId::new("aws").unwrap(),
        account: AccountId("123456789012".into()),
        region: Some(RegionName::new("ap-southeast-2").unwrap()),
        what: "SageMaker endpoints".into(),
        reason: "this account may not list endpoints there".into(),
        kind: ErrorKind::PermissionDenied,
    }
}

pub(crate) fn report() -> SweepReport {
    let mut kept = resource("keep-me", "venv", "virtual environment", vec![]);
    kept.keep_until = Some(at(60 * 24 * 13));
    let mut active =
        resource("iris-7f3a", "run", "training run", vec![Evidence::Active { what: "a script runs".into() }]);
    active.curfew = Some(Curfew { at: at(215), enforcer: Enforcer::Supervisor });
    active.state = "running".into();
    let orphan = Evidence::Orphan { of: "its supervisor died".into() };
    let rebuild = Evidence::Rebuildable { how: "requirements are installed again when needed".into() };
    let mut odd = resource("vol-0c12", "volume", "EBS volume", vec![]);
    odd.rate = unknown();
    odd.so_far = unknown();
    let rows = vec![
        sweep_row(dear_resource(), "AWS · vision-lab"),
        sweep_row(resource("server-4211", "endpoint", "endpoint", vec![orphan]), "This computer"),
        sweep_row(resource(NASTY, "venv", "virtual environment", vec![rebuild]), "This computer"),
        sweep_row(odd, "AWS · vision-lab"),
        sweep_row(active, "This computer"),
        sweep_row(kept, "This computer"),
    ];
    SweepReport {
        at: at(-3),
        rate: Total::of_rates(rows.iter().map(|r| &r.resource.rate)),
        rows,
        gaps: vec![gap()],
        read: vec![
            "This computer: training runs, endpoints, virtual environments".into(),
            "AWS · vision-lab: SageMaker endpoints, EBS volumes".into(),
        ],
    }
}

/// As a provider with a choice and a number to ask for offers them.
pub(crate) static RUN_OPTIONS: [curfew_core::run::RunOption; 2] = [
    curfew_core::run::RunOption {
        name: "instances",
        title: "Machines",
        hint: "How many of this machine work together",
        usual: "1",
        choices: &[],
    },
    curfew_core::run::RunOption {
        name: "input_mode",
        title: "How data come",
        hint: "File: copied first",
        usual: "File",
        choices: &[("File", "File"), ("Pipe", "as a pipe")],
    },
];

/// As a provider with two ways to serve offers them.
pub(crate) static MODES: [curfew_core::ServingMode; 2] = [
    curfew_core::mode::REAL_TIME,
    curfew_core::ServingMode {
        id: "by-request",
        title: "By request",
        says: "Costs nothing while nobody asks; each request is billed by its time and the memory.",
        machine: false,
        later: true,
        fields: &[curfew_core::ModeField {
            name: "memory",
            title: "Memory",
            unit: "MB",
            hint: "1024 to 6144 in steps of 1024",
            usual: Some(2048),
            from: 1024,
            to: 6144,
            step: 1024,
        }],
    },
];

pub(crate) fn endpoint(id: &str, state: EndpointState) -> EndpointView {
    let over = state.is_over();
    EndpointView {
        spec: EndpointSpec {
            id: id.parse().unwrap(),
            model: ModelSource::Run { run: "iris-7f3a".parse().unwrap(), archive: "/home/lab-03/model.tar.gz".into() },
            script: Some("/home/lab-03/projects/iris/inference.py".into()),
            machine: MachineRef::local(),
            mode: curfew_core::Mode::default(),
            curfew: at(330),
            confirmed: vec![],
            intent: "i-def".parse().unwrap(),
            owner: "lab-03@workstation".into(),
            project: None,
        },
        status: EndpointStatus {
            state,
            detail: (state == EndpointState::Creating).then(|| "loading the model".into()),
            failure: None,
            ended_by: over.then(|| "you ended it".into()),
            created: at(-41),
            ended: over.then(|| at(-2)),
            url: (!over).then(|| "http://127.0.0.1:41231".into()),
            traffic: Some(Traffic {
                requests: 1204,
                errors: 3,
                last_request: Some(at(-4)),
                p50_ms: Some(3.1),
                p90_ms: Some(7.9),
                p99_ms: Some(22.0),
                memory_bytes: Some(187_000_000),
            }),
            curfew: (!over).then(|| Curfew { at: at(330), enforcer: Enforcer::Supervisor }),
            rate: free(),
            so_far: free(),
            versions: vec![("python".into(), "3.11.7".into()), ("scikit-learn".into(), "1.5.2".into())],
        },
        place: "This computer".into(),
        mode: Some(curfew_core::mode::REAL_TIME),
        lab: None,
    }
}

/// Today on a computer alone: nothing is billed.
pub(crate) fn today_local() -> Today {
    let run = run("iris-7f3a", "iris", RunState::Running);
    let endpoint = endpoint("iris-demo", EndpointState::InService);
    Today {
        accounts: Vec::new(),
        account_problems: Vec::new(),
        now: now().timestamp(),
        rate: Total::of_rates([&run.status.rate, &endpoint.status.rate]),
        running: 2,
        no_curfew: 0,
        today: Total::of([&run.status.so_far, &endpoint.status.so_far]),
        needs_you: vec![],
        gaps: vec![],
        swept: Some(at(-3)),
        night: vec![night("iris", "run", Some(215)), night("iris-demo", "endpoint", Some(330))],
        training: vec![run],
        serving: vec![endpoint],
        lab: None,
    }
}

fn night(name: &str, what: &'static str, minutes: Option<i64>) -> NightRow {
    NightRow {
        name: name.into(),
        what,
        id: "iris-7f3a".into(),
        place: "This computer".into(),
        at: minutes.map(at),
        enforcer: minutes.map(|_| Enforcer::Supervisor),
    }
}

/// Today with clouds, money, forgotten things and gaps.
pub(crate) fn today_dear() -> Today {
    let run = dear_run();
    let report = report();
    Today {
        accounts: Vec::new(),
        account_problems: Vec::new(),
        rate: Total::of_rates([&run.status.rate, &estimated(338), &unknown(), &free()]),
        running: 7,
        no_curfew: 2,
        today: Total::of([&run.status.so_far, &spent(3932), &free()]),
        needs_you: report.rows.iter().filter(|r| r.judged.verdict.needs_you()).cloned().collect(),
        gaps: report.gaps,
        night: vec![
            night("iris (this computer)", "run", Some(8)),
            night("lab-03 workspace", "run", Some(210)),
            night("resnet-sweep-14", "run", Some(215)),
            night(LONG, "run", Some(60 * 30)),
            night("iris-demo-endpoint", "endpoint", None),
            night(NASTY, "endpoint", None),
        ],
        training: vec![run, super_named()],
        lab: Some(session()),
        ..today_local()
    }
}

fn super_named() -> RunView {
    run("nasty-1", NASTY, RunState::Starting)
}

pub(crate) fn today_empty() -> Today {
    Today {
        accounts: Vec::new(),
        account_problems: Vec::new(),
        rate: Total::default(),
        running: 0,
        today: Total::default(),
        night: vec![],
        training: vec![],
        serving: vec![],
        swept: None,
        ..today_local()
    }
}

pub(crate) fn spark() -> Spark {
    Spark::of("loss", (0..60).map(|i| 0.4 + 2.0 * (-f64::from(i) / 12.0).exp()).collect())
}

pub(crate) fn frame(today: &Today, section: &'static str, title: &str) -> Shell {
    let place = Place { section, title: title.into(), live: String::new(), cursor: "7".into() };
    let mut shell = shell(today, &[], zone(), place);
    shell.accounts = vec![
        AccountDot { title: Name::from("AWS · vision-lab"), on: false, says: "1 place could not be read".into() },
        AccountDot { title: Name::from("This computer"), on: true, says: "read at the last sweep".into() },
    ];
    shell
}

pub(crate) fn session() -> LabSession {
    LabSession { id: "lab-10-k3m9".parse().unwrap(), name: "Lab 10".into(), started: at(-92), ended: None }
}

pub(crate) fn plan() -> Plan {
    let item = |r: &Resource| PlanItem {
        key: r.key.clone(),
        name: r.name.clone(),
        kind_title: r.kind_title.clone(),
        verdict: judge(r, now().timestamp()).verdict,
        why: judge(r, now().timestamp()).why,
        rate: r.rate.clone(),
        bytes: r.bytes,
        steps: r.steps.clone(),
        stays: vec![],
        fingerprint: r.fingerprint.clone(),
        was_active: r.is_active(),
        read: None,
    };
    Plan {
        id: "plan-2k4m".parse().unwrap(),
        made: at(0),
        lab: None,
        items: report().rows.iter().take(5).map(|r| item(&r.resource)).collect(),
        gaps: vec![gap()],
    }
}

pub(crate) fn outcomes() -> Vec<Outcome> {
    let results = [
        OutcomeResult::Removed,
        OutcomeResult::AlreadyGone,
        OutcomeResult::Skipped { why: "It has come into use since.".into() },
        OutcomeResult::Failed { why: "the disk is full".into() },
    ];
    let plan = plan();
    plan.items
        .iter()
        .zip(results)
        .map(|(i, result)| Outcome { key: i.key.clone(), name: i.name.clone(), result })
        .collect()
}

pub(crate) fn lab_report(clean: bool) -> LabReport {
    let left = if clean { vec![] } else { plan().items[..2].to_vec() };
    let gaps = if clean { vec![] } else { vec![gap()] };
    LabReport {
        session: LabSession { ended: clean.then(|| at(0)), ..session() },
        checked: at(0),
        by: "lab-03@workstation".into(),
        state: CleanState::of(left.len(), &gaps),
        started: vec![Started {
            what: "training run".into(),
            id: "iris-7f3a".into(),
            name: NASTY.into(),
            place: "This computer".into(),
            at: at(-77),
            state: "completed".into(),
            so_far: free(),
        }],
        still: Total::of_rates(left.iter().map(|i| &i.rate)),
        spent: Total::of([&free()]),
        left,
        gaps,
        read: vec!["This computer: training runs, endpoints, virtual environments".into()],
    }
}
