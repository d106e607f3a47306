//! The picker's pages by hand: the six rows of the design, and none.

use super::{LONG, NASTY};
use curfew_ui::pages::machines::{
    Ask, Compare, FacetView, Form, Found, MachineRow, NearLine, Picture, Rows, Show, Table, TermLine, Way,
};
use curfew_ui::pages::parts::{Field, Name, Text};

pub(crate) fn form() -> Form {
    Form {
        heading: Name::from("For “iris-resnet”, timed on this computer for 40 s 1 hour ago."),
        words: Field::of("1 GPU, 12 GiB or more"),
        job: Field::of("0011223344556677"),
        jobs: vec![
            ("0011223344556677".into(), Name::from("iris-resnet · timed on this computer for 40 s 1 hour ago")),
            ("8899".into(), Name::from(NASTY)),
        ],
        ready_by: Field::of("today 21:00"),
        max_usd: Field::of("$5.00"),
        hour_usd: Field::of("$50"),
        hour_default: "not counted".into(),
        ..Form::default()
    }
}

/// Name, what it has, tag, then hour, done, finish, total, waiting.
type Line = (&'static str, &'static str, Option<(&'static str, &'static str)>, [&'static str; 5]);

fn row(at: usize, (name, sub, tag, [hour, done, finish, total, waiting]): Line) -> MachineRow {
    let lost = tag.is_some_and(|(class, _)| class == "lost");
    MachineRow {
        key: Name(format!("aws:ec2:us-east-1:machine-{at}")),
        name: Name::from(name),
        sub: Name::from(sub),
        tags: tag.into_iter().map(|(class, says)| (class, Name::from(says))).collect(),
        hour: hour.into(),
        done: done.into(),
        finish: finish.into(),
        total: total.into(),
        waiting: waiting.into(),
        best: tag.is_some_and(|(class, _)| class == "home"),
        barred: lost,
        ask: lost && at > 0,
        href: format!("/train?machine=aws%3Aec2%3Aus-east-1%3Amachine-{at}"),
    }
}

pub(crate) fn found() -> Found {
    let lines: [Line; 6] = [
        (
            "This computer",
            "8 vCPU · 15.6 GiB · no GPU",
            Some(("lost", "ready tomorrow 04:20")),
            ["–", "9 h 40 m", "not billed", "not billed", "$483"],
        ),
        (
            "AWS g4dn.xlarge, spot",
            "T4 · 4 vCPU · 16 GiB · us-east-1",
            Some(("info", "cheapest in time")),
            ["$0.22", "1 h 52 m", "$0.41", "$0.48", "$93"],
        ),
        (
            "Google g2-standard-4",
            "L4 · 4 vCPU · 16 GiB · europe-west4",
            None,
            ["$0.71", "1 h 04 m", "$0.76", "$0.86", "$53"],
        ),
        (
            "AWS ml.g5.xlarge",
            "A10G · 4 vCPU · 16 GiB · us-west-2 · SageMaker training",
            Some(("home", "best with your time")),
            ["$1.41", "58 m", "$1.36", "$1.42", "$48"],
        ),
        (
            "AWS p3.2xlarge",
            "V100 · 8 vCPU · 61 GiB · eu-west-1",
            Some(("lost", "quota here is 0 · ask for 8")),
            ["$3.31", "44 m", "$2.43", "$2.60", "$37"],
        ),
        (LONG, NASTY, Some(("lost", NASTY)), ["$32.77", "11 m", "$6.01", "unknown", "$9"]),
    ];
    let rows = lines.into_iter().enumerate().map(|(at, line)| row(at, line)).collect();
    let option = |value: &str, count, chosen| (Name::from(value), Name::from(value), count, chosen);
    Found {
        title: "6 of 9,654 offers".into(),
        prices: "built-in prices up to 27 Oct 2026 · answered in 0.2 ms".into(),
        wrong: vec![("words", String::new()), ("max_usd", String::new())],
        why: "AWS ml.g5.xlarge, us-west-2 comes to $1.42 and is done in 58 m: $0.94 more than AWS g4dn.xlarge, spot, \
              us-east-1, but 54 m sooner, which is worth $45.00 of your time, within your $5.00."
            .into(),
        has_best: true,
        footnote: "“Done in” is measured on this computer and scaled by published throughput.".into(),
        notes: vec![(
            Name::from("aws AmazonEC2 us-east-1"),
            Text::from("could not be refreshed 2 hours ago (no connection); its prices of 1 day ago are kept"),
        )],
        facets: vec![
            FacetView {
                id: "cloud",
                title: "Cloud",
                chosen: 1,
                options: vec![option("aws", 4, true), option("gcp", 1, false), option("local", 1, false)],
            },
            FacetView {
                id: "region",
                title: "Region",
                chosen: 0,
                options: vec![option("us-east-1", 2, false), option(NASTY, 1, false)],
            },
        ],
        ways: vec![Way { text: Name::from("spot"), says: Name::from("cheaper, may be taken away"), from: 6, to: 8 }],
        table: Table { rows: 6, first: Rows { from: 0, rows }, sort: "per-hour".into(), down: true },
        ..Found::default()
    }
}

/// A need that nothing meets.
pub(crate) fn nothing() -> (Form, Found) {
    let wrong = "“spto” (character 7) is not a word that is understood here; did you mean “spot”?";
    let form = Form {
        words: Field { value: "h100 spto under $1 an hour".into(), wrong: wrong.into() },
        jobs: Vec::new(),
        ..form()
    };
    let found = Found {
        title: "0 of 9,654 offers".into(),
        wrong: vec![("words", wrong.into())],
        why: "Nothing fits this need.".into(),
        has_best: false,
        notes: vec![(Name::from("Left out:"), Text::from("20 more might fit, but their price is not known"))],
        near: vec![NearLine {
            instead_of: Name::from("at most $1 an hour"),
            there_is: Name::from("the cheapest is 3.238754 USD an hour"),
            fitting: 131,
            example: (
                "gcp:gce:us-central1:a3-highgpu-1g:spot".into(),
                Name::from("Google a3-highgpu-1g, spot, us-central1"),
            ),
        }],
        facets: Vec::new(),
        table: Table::default(),
        ..found()
    };
    (form, found)
}

pub(crate) fn show() -> Show {
    let term = |depth, label, usd: &str, how: &str, basis: &str| TermLine {
        depth,
        label,
        usd: usd.into(),
        how: Name::from(how),
        basis: Name::from(basis),
    };
    Show {
        name: Name::from("AWS g5.xlarge, us-east-1"),
        key: Name::from("aws:ec2:us-east-1:g5.xlarge"),
        facts: vec![("Price", Name::from("1.006 USD an hour")), ("Source", Name::from(NASTY))],
        score: "/machines/placement?key=aws%3Aec2%3Aus-east-1%3Ag5.xlarge%3Aspot".into(),
        time: vec![
            Text::from("2 h 02 m: 2 h of work, 2 m to start, 30 s in the queue."),
            Text::from("Your own number."),
        ],
        terms: vec![
            term(0, "to finish", "2.05221826484 USD", "machine + start-up + disk", ""),
            term(1, "machine", "2.012 USD", "1.006 USD × 2 h", "list price of 2026-07-20"),
        ],
        reasons: vec![Text::from("A new account starts with 0 vCPU, and this machine takes 4.")],
        cautions: vec![Text::from("It may be taken away; without checkpoints the job then starts over.")],
        ask: true,
        train: "/train?machine=aws%3Aec2%3Aus-east-1%3Ag5.xlarge".into(),
        deploy: "/endpoints?machine=aws%3Aec2%3Aus-east-1%3Ag5.xlarge".into(),
    }
}

pub(crate) fn compare() -> Compare {
    let cell = |text: &str, best| (Name::from(text), best);
    Compare {
        heads: vec![
            (Name::from("aws:ec2:us-east-1:g5.xlarge"), Name::from("AWS g5.xlarge")),
            (Name::from("local"), Name::from(NASTY)),
        ],
        lines: vec![
            ("An hour", vec![cell("$1.01", false), cell("–", true)]),
            ("Barred", vec![cell("quota here is 0 · ask for 4", false), cell("no", false)]),
        ],
        wrong: String::new(),
    }
}

pub(crate) fn ask() -> Ask {
    Ask {
        name: Name::from("AWS g5.xlarge, us-east-1"),
        says: vec![Text::from("A new account starts with 0 vCPU, and this machine takes 4.")],
        asks: Text::from("Ask for 4 vCPU of “Running On-Demand G and VT instances” in us-east-1."),
        fields: vec![("Code", Name::from("L-DB2E81BA")), ("Ask for", Name::from("4 vCPU"))],
        reason: "I train machine learning models.".into(),
        url: "https://us-east-1.console.aws.amazon.com/servicequotas/home/services/ec2/quotas/L-DB2E81BA".into(),
        can_open: true,
        unconnected: false,
        accounts: vec![("123456789012".into(), Name::from(NASTY))],
        hidden: vec![("key", "aws:ec2:us-east-1:g5.xlarge".into())],
        done: vec![Text::from("4 vCPU are asked for: the request is pending.")],
        told: Vec::new(),
    }
}

pub(crate) fn picture() -> Picture {
    Picture {
        dots: vec![("100.0".into(), "200.0".into(), "dot"), ("300.0".into(), "100.0".into(), "dot barred")],
        line: "M100.0 200.0H300.0V240.0".into(),
        marked: vec![("100.0".into(), "200.0".into(), Name::from("local"), Name::from(NASTY))],
        times: vec![("100.0".into(), "1 h".into())],
        money: vec![("200.0".into(), "$1".into())],
        says: "On the line, soonest first: AWS g5.xlarge: $1.42, done in 58 m.".into(),
        none: String::new(),
    }
}
