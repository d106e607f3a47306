//! Every page from fixed views, by name.

use super::account as rights;
use super::machines as by_hand;
use super::{
    Decimal, EndpointState, Enforcer, ErrorKind, LONG, MODES, NASTY, Name, RUN_OPTIONS, ResourceKey, RunState, RunView,
    at, dear_run, endpoint, failed_run, frame, free, lab_report, many_runs, now, outcomes, plan, report, run, session,
    spark, today_dear, today_empty, today_local, zone,
};
use curfew_core::provider::{Caution, Quote};
use curfew_core::{Cost, Error, Home};
use curfew_ui::fields::Fields;
use curfew_ui::pages::Html;
use curfew_ui::pages::dialog::{Asked, Confirm};
use curfew_ui::pages::endpoints::Endpoints;
use curfew_ui::pages::fault::Fault;
use curfew_ui::pages::figure::{Export, SaveFigure, Saved};
use curfew_ui::pages::labs::{Guided, Labs};
use curfew_ui::pages::machines::Machines as MachinesPage;
use curfew_ui::pages::parts::{Field, Text, Told};
use curfew_ui::pages::run::MetricRow;
use curfew_ui::pages::settings::Settings as SettingsPage;
use curfew_ui::pages::train::{RunsAsk, Train};
use curfew_ui::views;
use curfew_ui::views::train::Choices;

pub(crate) fn all() -> Vec<(&'static str, String)> {
    let mut pages = Vec::new();
    let mut add = |name: &'static str, page: &dyn Fn() -> Html| pages.push((name, page().into_string()));
    let (local, dear, empty) = (today_local(), today_dear(), today_empty());
    let choices = choices();

    add("today-local", &|| {
        let sparks = [("iris-7f3a".to_owned(), spark())];
        Html::of(&views::today::today(frame(&local, "today", "Today"), &local, &sparks, false))
    });
    add("today-dear", &|| {
        let sparks = [("resnet-sweep-14".to_owned(), spark())];
        Html::of(&views::today::today(frame(&dear, "today", "Today"), &dear, &sparks, false))
    });
    add("today-first", &|| Html::of(&views::today::today(frame(&empty, "today", "Today"), &empty, &[], true)));

    let train = |form, runs: &[RunView], ask| {
        let runs = views::train::runs(runs, ask, &now());
        Html::of(&Train { shell: frame(&local, "train", "Train"), form, runs })
    };
    let some = || {
        vec![
            run("iris-7f3a", "iris", RunState::Running),
            dear_run(),
            failed_run(),
            run("nasty-1", NASTY, RunState::Stopped),
            run("long-1", LONG, RunState::Completed),
            run("q-1", "waits", RunState::Queued),
        ]
    };
    add("train", &|| train(views::train::launcher(&Fields::default(), &choices), &some(), RunsAsk::default()));
    add("train-empty", &|| train(views::train::launcher(&Fields::default(), &choices), &[], RunsAsk::default()));
    add("train-1000", &|| {
        train(views::train::launcher(&Fields::default(), &choices), &many_runs(1000), RunsAsk::default())
    });
    add("train-filtered", &|| {
        let ask = views::train::ask(&Fields::parse(b"q=sweep+1&state=failed&sort=loss&down="));
        train(views::train::launcher(&Fields::default(), &choices), &many_runs(100), ask)
    });
    let over_budget = || {
        let what = "it would cost at most $15.28 ($3.82 an hour for 4 h 00 m), and $3.20 is left of this month’s $100.00 for \
                    project “vision” ($90.00 spent, up to $6.80 for what is there now)";
        Error::new(ErrorKind::Policy, "check the budget", what).at("machine").next(
            "Give it a curfew of 50m or less, choose a cheaper machine, or ask your lead for more \
             (monthly_budget_usd.projects in the policy file)",
        )
    };
    add("train-over-budget", &|| {
        let typed = Fields::parse(b"dir=/home/lab-03/iris&machine=aws:ml.g5.xlarge&curfew=4h&project=vision");
        let form = views::train::launcher(&typed, &choices);
        train(views::train::with_errors(form, &[over_budget()]), &[], RunsAsk::default())
    });
    add("train-wrong", &|| {
        let typed = Fields::parse(
            "dir=/no/such/%3Cb%3E&entry=../x.py&name=n&channel=&source=/gone&hyper_key=a&hyper_value=1&hyper_key=a%3Bb&hyper_value=%22%3E%3Cb%3E\
             &curfew=2020-01-01+22:00&spend=many&stop_on_nan=on&flat_epochs=x&machine=local"
                .as_bytes(),
        );
        let errors = [
            Error::input("dir", "there is no folder “/no/such/<b>”"),
            Error::input("entry", "the entry script lies in the script folder; give its name there, such as train.py"),
            Error::input("data", "there is no data at “/gone”"),
            Error::input("hyper", "the hyperparameter “a;b=\"><b>” has a name that no script can take"),
            Error::input("curfew", "the curfew 2020-01-01 22:00 is in the past"),
            Error::input("spend", "“many” is not an amount; write 5 or $5.00"),
            Error::input("flat_epochs", "the number of flat epochs is a whole number from 1 on"),
            Error::new(ErrorKind::DiskFull, "start the run", "no space left on device").with("path", "/home"),
        ];
        train(views::train::with_errors(views::train::launcher(&typed, &choices), &errors), &[], RunsAsk::default())
    });

    add("run", &|| Html::of(&views::run::run(frame(&local, "train", "iris"), &local.training[0], metrics())));
    add("run-dear", &|| Html::of(&views::run::run(frame(&dear, "train", "resnet"), &dear_run(), metrics())));
    add("run-failed", &|| Html::of(&views::run::run(frame(&local, "train", "broken"), &failed_run(), vec![])));
    add("dialog-artefacts", &|| {
        Html::of(&Confirm {
            title: Name::from("Remove “iris-demo”?"),
            says: vec![
                "Delete the endpoint; it stops billing then. This cannot be undone.".into(),
                "Its files stay, 12.0 MiB in s3://lab<b>/: $0.0003 a month (estimated: S3 Standard).".into(),
            ],
            post: "/endpoints/iris-demo/remove".into(),
            tick: Some(curfew_ui::pages::dialog::Tick {
                id: "artefacts",
                label: "Delete its files and its log too: 12.0 MiB in s3://lab<b>/".into(),
                on: false,
                href: "/endpoints/iris-demo/remove".into(),
            }),
            does: "Remove",
            leaves: "Keep it",
            ends: true,
            ..Confirm::default()
        })
    });
    add("run-uploading", &|| {
        let mut view = run("vision-3k9d", "vision", RunState::Queued);
        (view.loss, view.epochs) = (None, None);
        let what = "uploading the data of “train-<b>&”".to_owned();
        view.status.progress = Some(curfew_core::Progress { what, done: 1_234_567_890, total: 3_865_470_566 });
        view.status.detail = view.status.progress.as_ref().map(ToString::to_string);
        view.status.rate = Cost::NotBilled { note: "it has not begun".into() };
        view.status.so_far = Cost::NotBilled { note: "it has not begun".into() };
        Html::of(&views::run::run(frame(&local, "train", "vision"), &view, vec![]))
    });
    add("run-done", &|| {
        let mut view = run("iris-7f3a", NASTY, RunState::Completed);
        view.epochs = Some((60.0, Some(60.0)));
        Html::of(&views::run::run(frame(&local, "train", "done"), &view, metrics()))
    });

    add("figure", &|| {
        let state = "x=step&metric=loss&metric=val_loss&smoothing=0.6".to_owned();
        let says = "loss, val_loss by step, smoothed 0.6, as in the chart.".into();
        Html::of(&SaveFigure { at: "/runs/iris-7f3a/figure".into(), can_save: false, state, says, told: vec![] })
    });
    add("export", &|| {
        let says = "All 1,860 points of 3 metrics: nothing is sampled or cut.".into();
        Html::of(&Export { id: "iris-7f3a".into(), can_save: true, says, told: vec![] })
    });
    add("saved", &|| Html::of(&Saved { path: Some(Name::from("/home/lab-03/iris-7f3a.svg")) }));
    let comparison = |n: usize, chosen: &[usize]| {
        let mut all = many_runs(n);
        for (i, run) in all.iter_mut().enumerate() {
            run.spec.hyper.insert("learning-rate".into(), format!("{}", [0.1, 0.01, 0.001][i % 3]));
            run.spec.hyper.insert("opt<b>".into(), if i == 0 { NASTY.into() } else { "adam".into() });
        }
        let ids: Vec<_> = chosen.iter().map(|i| all[*i].spec.id.clone()).collect();
        let metrics: Vec<_> =
            (0..ids.len()).map(|i| vec![metric("loss", 0.5 - i as f64 / 10.0), metric("acc", 0.8)]).collect();
        let names = [("loss".to_owned(), ids.len()), ("acc".to_owned(), ids.len())];
        let shell = frame(&local, "train", "Compare runs");
        Html::of(&views::compare::compare(shell, &all, &ids, &metrics, &names))
    };
    add("compare", &|| comparison(6, &[0, 1, 2]));
    add("compare-none", &|| comparison(0, &[]));
    add("compare-1000", &|| comparison(1000, &[1, 2]));

    let endpoints = || {
        vec![
            endpoint("iris-demo", EndpointState::InService),
            endpoint("coming", EndpointState::Creating),
            endpoint("gone", EndpointState::Stopped),
        ]
    };
    let deploy = |typed: &str| {
        let modes = &MODES;
        views::endpoint::deploy(&Fields::parse(typed.as_bytes()), &choices, modes, &some(), &now())
    };
    add("endpoints", &|| {
        let rows = endpoints().iter().map(|e| views::endpoint::row(e, &now())).collect();
        Html::of(&Endpoints { shell: frame(&local, "endpoints", "Endpoints"), rows, form: deploy("") })
    });
    add("endpoints-caution", &|| {
        let form = deploy("model=/home/lab-03/m%3Cb%3E.pkl&name=demo");
        let form = views::endpoint::with_cautions(form, &quote(), &[], at(330), &now());
        Html::of(&Endpoints { shell: frame(&local, "endpoints", "Endpoints"), rows: vec![], form })
    });
    add("endpoints-over-budget", &|| {
        let form = deploy("model=iris-7f3a&name=demo&machine=aws:ml.g5.xlarge&curfew=4h&project=vision");
        let form = views::endpoint::with_errors(form, &[over_budget()]);
        Html::of(&Endpoints { shell: frame(&local, "endpoints", "Endpoints"), rows: vec![], form })
    });
    add("endpoints-mode", &|| {
        let mut form = deploy("model=iris-7f3a&mode=by-request&memory=1500");
        let error = MODES[1].fields[0].number("1500").unwrap_err();
        let mut quote = quote();
        quote.cautions.clear();
        quote.rate = curfew_core::Cost::NotBilled { note: "it costs nothing while nobody asks".into() };
        let (of, why) = ("a second of answering", "the price list here has no such price");
        let use_price = |of: &str, why: &str| curfew_core::provider::UsePrice {
            of: of.into(),
            cost: Cost::Unknown { why: why.into() },
        };
        quote.by_use = vec![use_price(of, why), use_price("a day", "say how many requests a day")];
        form = views::endpoint::with_cautions(form, &quote, &[], at(330), &now());
        form = views::endpoint::with_errors(form, &[error]);
        Html::of(&Endpoints { shell: frame(&local, "endpoints", "Endpoints"), rows: vec![], form })
    });
    let id: curfew_core::EndpointId = "iris-demo".parse().unwrap();
    let id = &id;
    add("figures", &|| Html::of(&views::serving::figures(id, Ok(Some(figures())), &now())));
    add("figures-unread", &|| {
        let error = Error::new(ErrorKind::PermissionDenied, "read how it is used", "this account may not do that");
        Html::of(&views::serving::figures(id, Err(error), &now()))
    });
    let ticket = curfew_core::endpoint::Ticket { id: "17~a.out~b".into(), place: "s3://lab/answers/a<b>.out".into() };
    let ticket = &ticket;
    add("answer-later", &|| Html::of(&views::serving::later(id, ticket, Ok(None))));
    let ask = |typed: &str| views::endpoint::ask("iris-demo", &Fields::parse(typed.as_bytes()));
    add("endpoint", &|| {
        let mut ask = ask("kind=csv&body=5.1,3.5,1.4,0.2");
        let reply = curfew_core::endpoint::Reply {
            content_type: "application/json".into(),
            body: br#"{"predictions":[{"species":"<b>setosa</b>","probabilities":{"setosa":0.97}}]}"#.to_vec(),
            latency_ms: 3,
        };
        ask.answer = Some(views::endpoint::answer(&reply));
        let shell = frame(&local, "endpoints", "iris-demo");
        Html::of(&views::endpoint::endpoint(shell, &endpoint("iris-demo", EndpointState::InService), ask))
    });
    add("endpoint-wrong", &|| {
        let mut ask = ask("kind=numbers&number=1&number=x");
        ask.numbers_wrong = "“x” is not a number; write 5.1.".into();
        let shell = frame(&local, "endpoints", "gone");
        Html::of(&views::endpoint::endpoint(shell, &endpoint("gone", EndpointState::Stopped), ask))
    });

    add("sweep", &|| Html::of(&views::sweep::sweep(frame(&dear, "sweep", "Sweep"), Some(&report()))));
    add("sweep-empty", &|| Html::of(&views::sweep::sweep(frame(&empty, "sweep", "Sweep"), None)));
    let place = |key: &ResourceKey| {
        if key.cloud.as_str() == "local" { "This computer".into() } else { "AWS · vision-lab".into() }
    };
    add("plan", &|| Html::of(&views::sweep::plan(frame(&dear, "sweep", "Plan"), &plan(), place, None)));
    add("plan-done", &|| {
        Html::of(&views::sweep::plan(frame(&dear, "sweep", "Plan"), &plan(), place, Some(&outcomes())))
    });

    add("labs", &|| {
        let (on, clean) = (lab_report(false), lab_report(true));
        Html::of(&Labs {
            guided: vec![views::labs::card(&sheet())],
            name: Field::default(),
            on: Some(views::labs::row(&on.session, Some(&on), &now())),
            past: vec![views::labs::row(&clean.session, Some(&clean), &now())],
            told: vec![],
            shell: frame(&dear, "labs", "Labs"),
        })
    });
    let guided = |done: &views::labs::Done<'_>| {
        Html::of(&Guided {
            id: Name::from("iris"),
            title: Name(sheet().title),
            summary: Text(sheet().summary),
            steps: views::labs::steps(&sheet(), done),
            other: None,
            told: vec![],
            shell: frame(&local, "labs", "Iris"),
        })
    };
    add("lab-start", &|| guided(&views::labs::Done::default()));
    add("lab-middle", &|| {
        let session = session();
        guided(&views::labs::Done { session: Some(&session), run: Some(&local.training[0]), ..Default::default() })
    });
    add("session-left", &|| {
        let report = lab_report(false);
        let outcomes = outcomes();
        Html::of(&views::labs::session(frame(&dear, "labs", "End"), &report.session, Some(&report), &outcomes, false))
    });
    add("session-clean", &|| {
        let report = lab_report(true);
        Html::of(&views::labs::session(frame(&local, "labs", "End"), &report.session, Some(&report), &[], true))
    });
    add("proof", &|| Html::of(&views::labs::proof(&lab_report(false), &zone(), None)));

    let settings = |power, policy: &Result<curfew_core::policy::Policy, Error>| {
        let kept = curfew_engine::Settings { power, ..Default::default() };
        let home = Home::at("/home/lab-03/.local/share/curfew");
        Html::of(&SettingsPage {
            shell: frame(&local, "settings", "Settings"),
            accounts: vec![curfew_ui::pages::settings::Account {
                title: "This computer".into(),
                id: "local · this-computer".into(),
                does: "trains, serves models, is swept".into(),
                href: String::new(),
            }],
            power: views::settings::power(&kept),
            habits: views::settings::habits(&kept, Some(false)),
            policy: views::settings::policy(&home.policy(), policy.is_err(), policy),
            home: Name("/home/lab-03/.local/share/curfew".into()),
            journal: views::settings::journal(curfew_engine::JournalMode::Delete),
            looping: "a Curfew process of this folder looks at what runs, sweeps and enforces".into(),
        })
    };
    add("settings", &|| settings(None, &Ok(curfew_core::policy::Policy::default())));
    add("settings-wrong", &|| {
        let power = curfew_engine::Power { watts: 85.into(), usd_per_kwh: Decimal::new(30, 2) };
        let error = Error::new(
            ErrorKind::Policy,
            "read the team policy",
            "the policy file has an error at line 2, column 1: unknown field `max_usd_per_our`",
        );
        settings(Some(power), &Err(error.next("Correct policy.toml, or remove it")))
    });
    for (name, page) in super::accounts::all(&local) {
        add(name, &|| page.clone());
    }
    let machines = |form, found| {
        let shell = frame(&local, "machines", "Machines");
        Html::of(&MachinesPage { shell, form, found })
    };
    add("machines", &|| machines(by_hand::form(), by_hand::found()));
    add("machines-none", &|| {
        let (form, found) = by_hand::nothing();
        machines(form, found)
    });
    add("machine-show", &|| Html::of(&by_hand::show()));
    add("machine-ask", &|| Html::of(&by_hand::ask()));
    add("machines-compare", &|| Html::of(&by_hand::compare()));
    add("machines-picture", &|| Html::of(&by_hand::picture()));
    let account = || frame(&local, "settings", "AWS · vision-lab");
    add("account", &|| Html::of(&views::account::account(account(), &rights::known(), None, false)));
    add("account-need", &|| {
        let need = Some("sagemaker:CreateTrainingJob");
        Html::of(&views::account::account(account(), &rights::known(), need, true))
    });
    add("account-may", &|| Html::of(&rights::may()));
    add("account-role", &|| Html::of(&rights::role()));
    add("account-bucket", &|| Html::of(&rights::bucket_refused()));
    add("account-make", &|| Html::of(&rights::make()));
    add("notice-rights", &|| Html::of(&curfew_ui::pages::fault::Notice { told: Told::from(&rights::refused()) }));
    add("fault", &|| {
        let error = Error::new(ErrorKind::NotFound, "find the run", format!("there is no run “{NASTY}”"));
        let shell = frame(&local, "", "Not found");
        Html::of(&Fault { shell, title: "Not found".into(), told: Told::from(&error) })
    });
    add("dialog-stop", &|| {
        Html::of(&Confirm {
            title: Name::from(NASTY),
            says: vec![Text::from("The script is asked to end.")],
            post: "/runs/iris-7f3a/stop".into(),
            does: "Stop the run",
            leaves: "Let it run",
            ends: true,
            ..Confirm::default()
        })
    });
    add("dialog-extend", &|| {
        Html::of(&Confirm {
            title: Name::from("Extend “iris”"),
            post: "/runs/iris-7f3a/extend".into(),
            ask: Some(Asked {
                id: "curfew",
                label: "New curfew",
                hint: "2h from now".into(),
                field: Field { value: "\"><b>soon".into(), wrong: "“soon” is not a curfew.".into() },
                choices: vec!["1h"],
            }),
            does: "Extend",
            leaves: "Leave it",
            ..Confirm::default()
        })
    });
    pages
}

pub(crate) fn choices() -> Choices {
    let machines = vec![("local".to_owned(), Name::from("This computer (8 cores, 16 GiB, no GPU)"))];
    let projects = vec![Name::from("vision"), Name::from("nlp<b>")];
    Choices { machines, options: &RUN_OPTIONS, curfew: "4h".into(), projects, can_pick: true }
}

pub(crate) fn metrics() -> Vec<MetricRow> {
    let row = |name: &str, last: &str, best: &str, trend| MetricRow {
        name: Name::from(name),
        last: last.into(),
        best: best.into(),
        trend,
        points: "1,860".into(),
    };
    vec![
        row("loss", "0.412", "0.388", "falling"),
        row("val_loss", "0.455", "0.441", "level"),
        row(NASTY, "0.8312", "0.84", "rising"),
    ]
}

pub(crate) fn figures() -> curfew_core::endpoint::Figures {
    use curfew_core::endpoint::{Figure, Figures};
    let points = |values: &[f64]| (0..).zip(values).map(|(i, v)| (at(i * 10 - 60), *v)).collect();
    let figure = |title: &str, unit: &str, value, of: &str, values: &[f64]| Figure {
        name: title.to_lowercase(),
        title: title.into(),
        unit: unit.into(),
        value,
        of: of.into(),
        points: points(values),
        missing: None,
    };
    let mut gpu = figure("GPU", "%", None, "newest", &[]);
    gpu.missing = Some("AWS has measured nothing yet".into());
    Figures {
        as_of: at(0),
        since: at(-60),
        step_s: 600,
        items: vec![
            figure("Requests", "", Some(1204.0), "in this time", &[3.0, 200.0, 801.0, 200.0]),
            figure("Median latency", "ms", Some(3.11), "newest", &[9.0, 4.0, 3.2, 3.11]),
            gpu,
        ],
    }
}

pub(crate) fn quote() -> Quote {
    Quote {
        rate: free(),
        cautions: vec![
            Caution {
                code: "foreign-pickle".into(),
                says: "This model is a pickle that was not made here.".into(),
                risk:
                    "Loading a pickle runs code that is in it, with your rights. Use it only if you trust who made it."
                        .into(),
                ask: true,
            },
            Caution {
                code: "python-version".into(),
                says: "It was made with Python 3.9; this computer serves with 3.11.".into(),
                risk: "It may not load, or may answer differently.".into(),
                ask: false,
            },
        ],
        enforcer: Enforcer::Supervisor,
        by_use: vec![],
        longest: None,
    }
}

pub(crate) fn sheet() -> curfew_core::labsheet::LabSheet {
    let text = include_str!("../../../assets/labs/iris/lab.toml");
    curfew_core::labsheet::LabSheet::parse(text, std::path::Path::new("/labs/iris")).unwrap()
}

fn metric(name: &str, value: f64) -> curfew_series::store::Metric {
    curfew_series::store::Metric {
        id: curfew_series::store::MetricId(0),
        name: name.into(),
        rank: None,
        count: 10,
        nan: 0,
        infinite: 0,
        first: 1.0,
        last: value,
        min: value,
        max: 1.0,
        best: Some(value),
        last_step: Some(10),
        last_epoch: None,
        first_time_ms: 0,
        last_time_ms: 0,
        restarts: 0,
    }
}
