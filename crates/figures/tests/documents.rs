//! What comes out: SVG that parses and says what it should, PNG of the right size, PDF whose text can be read.

use curfew_core::lab::{CleanState, LabReport, LabSession, Started};
use curfew_core::money::Total;
use curfew_core::plan::PlanItem;
use curfew_core::resource::{RemovalStep, ResourceKey};
use curfew_core::run::{RunSpec, StopRules};
use curfew_core::verdict::Verdict;
use curfew_core::{AccountId, Cost, ErrorKind, Gap, HourlyRate, Money, Timestamp};
use curfew_figures::{DOUBLE_COLUMN_MM, FigureOptions, Format, proof_pdf, run_figure, run_figure_bytes};
use curfew_series::Point;
use curfew_series::store::Writer;
use jiff::tz::TimeZone;
use lopdf::content::Content;
use lopdf::{Dictionary, Document, Object};
use rust_decimal::Decimal;
use std::collections::{BTreeMap, HashMap};
use std::path::Path;

const NASTY: &str = "Iris <b>&\"'</b>\u{1b}[31m\u{202e}";

fn series(dir: &Path, points: &[(&str, u64, f64)]) {
    let mut writer = Writer::open(dir).unwrap();
    for (at, (metric, step, value)) in (0i64..).zip(points) {
        let time_ms = 1_795_282_200_000 + at * 1000;
        writer.append(&Point { metric, rank: None, step: Some(*step), epoch: None, time_ms, value: *value }).unwrap();
    }
    writer.flush().unwrap();
}

fn spec(dir: &Path) -> RunSpec {
    RunSpec {
        id: "iris-7f3a".parse().unwrap(),
        name: NASTY.into(),
        dir: dir.into(),
        entry: "train.py".into(),
        data: Vec::new(),
        hyper: BTreeMap::new(),
        machine: "local".parse().unwrap(),
        curfew: Timestamp::UNIX_EPOCH,
        stop: StopRules::default(),
        options: std::collections::BTreeMap::new(),
        intent: "i".parse().unwrap(),
        owner: "ada".into(),
        project: None,
    }
}

/// A run with training and validation loss, a spike, a NaN, and a restart from step 40.
fn run() -> tempfile::TempDir {
    let room = tempfile::tempdir().unwrap();
    let mut points = Vec::new();
    for step in (0..60).chain(40..100) {
        let value = match step {
            20 => 7.5,
            70 => f64::NAN,
            step => 2.0 / (1.0 + step as f64 / 10.0),
        };
        points.push(("loss", step, value));
        if step % 10 == 9 {
            points.push(("val_loss", step, 2.2 / (1.0 + step as f64 / 10.0)));
            points.push(("accuracy", step, step as f64 / 100.0));
        }
    }
    series(room.path(), &points);
    room
}

fn draw(room: &Path, format: Format, options: &FigureOptions) -> Vec<u8> {
    run_figure_bytes(&[(room, &spec(room))], format, options).unwrap()
}

fn texts(svg: &str) -> Vec<String> {
    let doc = roxmltree::Document::parse(svg).unwrap();
    let texts = doc.descendants().filter(|node| node.has_tag_name("text"));
    texts.map(|node| node.text().unwrap_or_default().trim().to_owned()).collect()
}

#[test]
fn a_figure_says_what_it_shows_and_where_it_is_from() {
    let room = run();
    let svg = String::from_utf8(draw(room.path(), Format::Svg, &FigureOptions::default())).unwrap();
    let doc = roxmltree::Document::parse(&svg).unwrap();
    let root = doc.root_element();
    assert_eq!((root.attribute("width"), root.attribute("role")), (Some("89mm"), Some("img")));
    let child = |name| doc.descendants().find(|node| node.has_tag_name(name)).and_then(|node| node.text()).unwrap();
    assert_eq!(child("title"), "loss by step");
    insta::assert_snapshot!(child("desc"), @"loss: last 0.1835 at step 99, best 0.1835, falling. val_loss: last 0.2018 at step 99, best 0.2018, falling.");
    insta::assert_snapshot!(texts(&svg).join("\n"), @r#"
    loss
    val_loss
    0
    2
    4
    6
    0
    20
    40
    60
    80
    Step
    loss
    Run iris-7f3a (Iris <b>&"'</b>\u{1b}[31m\u{202e}), train.py, 2026-11-21 (UTC),
    132 points. ×: not a number or infinite. Thin and pale: before a restart from a
    checkpoint.
    "#);
    assert!(!svg.contains("style="), "a strict content policy takes no inline style");
    for (attribute, node) in doc.descendants().flat_map(|node| node.attributes().map(move |a| (a, node))) {
        assert!(!attribute.value().contains("NaN"), "{node:?}");
    }
}

#[test]
fn the_spike_is_there_and_no_line_goes_backwards() {
    let room = run();
    let svg = String::from_utf8(draw(room.path(), Format::Svg, &FigureOptions::default())).unwrap();
    let doc = roxmltree::Document::parse(&svg).unwrap();
    let lines: Vec<Vec<(i32, i32)>> = doc
        .descendants()
        .filter(|node| node.has_tag_name("polyline") && node.attribute("stroke") == Some("#0072B2"))
        .map(|node| {
            let points = node.attribute("points").unwrap().split_whitespace();
            points.map(|p| p.split_once(',').unwrap()).map(|(x, y)| (x.parse().unwrap(), y.parse().unwrap())).collect()
        })
        .collect();
    for pair in lines.iter().flat_map(|line| line.windows(2)) {
        assert!(pair[0].0 <= pair[1].0, "{pair:?}");
    }
    // The pale line before the restart, the line up to it, from it to the NaN, and from there on.
    let data: Vec<_> = lines.iter().filter(|line| line.len() > 2).collect();
    assert_eq!(data.iter().map(|line| line.len()).collect::<Vec<_>>(), [20, 40, 30, 29]);
    let highest = |line: &[(i32, i32)]| line.iter().map(|(_, y)| *y).min().unwrap();
    let tops: Vec<i32> = data.iter().map(|line| highest(line)).collect();
    assert!(tops[1] < tops[0] && tops[1] < tops[2], "the spike is the highest point: {tops:?}");
}

#[test]
fn every_family_has_its_panel() {
    let room = run();
    let metrics = ["loss", "val_loss", "accuracy"].map(String::from).to_vec();
    let options = FigureOptions { width_mm: DOUBLE_COLUMN_MM, metrics, caption: false, ..FigureOptions::default() };
    let svg = String::from_utf8(draw(room.path(), Format::Svg, &options)).unwrap();
    let texts = texts(&svg);
    assert_eq!(texts.iter().filter(|text| *text == "Step").count(), 2);
    assert!(texts.contains(&"accuracy".into()) && texts.contains(&"val_loss".into()));
    assert!(!svg.contains("iris-7f3a"), "no caption was asked for");
}

#[test]
fn a_png_has_the_size_of_the_paper() {
    let room = run();
    let options = FigureOptions { width_mm: 100.0, height_mm: Some(80.0), dpi: 254, ..FigureOptions::default() };
    let bytes = draw(room.path(), Format::Png, &options);
    let reader = png::Decoder::new(std::io::Cursor::new(&bytes)).read_info().unwrap();
    let info = reader.info();
    // Ten dots to the millimetre.
    assert_eq!((info.width, info.height), (1000, 800));
    let density = info.pixel_dims.unwrap();
    assert_eq!((density.xppu, density.unit), (10_000, png::Unit::Meter));
}

#[test]
fn a_pdf_has_the_size_of_the_paper_and_text_in_it() {
    let room = run();
    let bytes = draw(room.path(), Format::Pdf, &FigureOptions::default());
    assert!(bytes.starts_with(b"%PDF-"));
    let [page] = pages(&bytes).try_into().unwrap_or_else(|pages: Vec<_>| panic!("{} pages", pages.len()));
    for text in ["Run iris-7f3a", "val_loss", "Step", "0\n2\n4\n6\n"] {
        assert!(page.contains(text), "{text}: {page}");
    }
    let doc = Document::load_mem(&bytes).unwrap();
    let (_, id) = doc.get_pages().into_iter().next().unwrap();
    let media = doc.get_dictionary(id).unwrap().get(b"MediaBox").unwrap().as_array().unwrap().clone();
    let width = media[2].as_float().unwrap();
    assert!((width - 89.0 / 25.4 * 72.0).abs() < 0.5, "{width}");
}

#[test]
fn what_cannot_be_drawn_is_said() {
    let empty = tempfile::tempdir().unwrap();
    let room = run();
    let check = |dir: &Path, file: &str, options: &FigureOptions, kind, field: Option<&str>| {
        let format = Format::of(Path::new(file));
        let error = match format {
            Ok(format) => run_figure_bytes(&[(dir, &spec(dir))], format, options).unwrap_err(),
            Err(error) => error,
        };
        assert_eq!((error.kind(), error.field()), (kind, field), "{error}");
        assert!(error.next_step().is_some() || field.is_some(), "{error}");
    };
    let plain = FigureOptions::default();
    check(empty.path(), "a.svg", &plain, ErrorKind::NotFound, None);
    check(room.path(), "a.bmp", &plain, ErrorKind::InvalidInput, Some("output"));
    let metrics = vec!["los\u{7}s".to_owned()];
    check(room.path(), "a.svg", &FigureOptions { metrics, ..plain.clone() }, ErrorKind::InvalidInput, Some("metrics"));
    let options = FigureOptions { width_mm: 1.0, ..plain.clone() };
    check(room.path(), "a.svg", &options, ErrorKind::InvalidInput, Some("width"));
    let options = FigureOptions { width_mm: f64::NAN, ..plain.clone() };
    check(room.path(), "a.svg", &options, ErrorKind::InvalidInput, Some("width"));
    let options = FigureOptions { height_mm: Some(20.0), ..plain.clone() };
    check(room.path(), "a.svg", &options, ErrorKind::InvalidInput, Some("height"));
    let options = FigureOptions { values: Some((2.0, 1.0)), ..plain.clone() };
    check(room.path(), "a.svg", &options, ErrorKind::InvalidInput, Some("values"));
    let options = FigureOptions { range: Some((1e6, 2e6)), ..plain.clone() };
    check(room.path(), "a.svg", &options, ErrorKind::NotFound, None);
    series(empty.path(), &[("loss", 0, f64::NAN), ("loss", 1, f64::INFINITY)]);
    check(empty.path(), "a.svg", &plain, ErrorKind::NotFound, None);
}

#[test]
fn odd_series_are_drawn_all_the_same() {
    let check = |points: &[(&str, u64, f64)], options: FigureOptions| {
        let room = tempfile::tempdir().unwrap();
        series(room.path(), points);
        let svg = String::from_utf8(draw(room.path(), Format::Svg, &options)).unwrap();
        roxmltree::Document::parse(&svg).unwrap();
        draw(room.path(), Format::Png, &FigureOptions { dpi: 72, ..options });
        svg
    };
    let plain = FigureOptions::default;
    check(&[("loss", 5, 0.25)], plain());
    check(&[("loss", 0, 0.0), ("loss", 1, 0.0)], plain());
    check(&[("loss", 0, f64::MAX), ("loss", 1, f64::MIN)], plain());
    check(&[("loss", 0, f64::MIN_POSITIVE), ("loss", u64::MAX, 1e-320)], plain());
    check(
        &[("loss", 0, -1.0), ("loss", 1, 0.0), ("loss", 2, 3.0)],
        FigureOptions { log_y: true, log_x: true, ..plain() },
    );
    let svg = check(&[(NASTY, 0, 1.0), (NASTY, 1, 0.5)], plain());
    assert!(texts(&svg).iter().any(|text| text.contains("\\u{1b}")), "{:?}", texts(&svg));
}

#[test]
fn several_runs_share_a_figure() {
    let (one, other, empty) = (run(), run(), tempfile::tempdir().unwrap());
    let called = |id: &str, name: &str| RunSpec { id: id.parse().unwrap(), name: name.into(), ..spec(one.path()) };
    let draw = |runs: &[(&Path, &RunSpec)], metric: &str| {
        let options =
            FigureOptions { metrics: vec![metric.into()], width_mm: DOUBLE_COLUMN_MM, ..FigureOptions::default() };
        run_figure_bytes(runs, Format::Svg, &options).map(|svg| texts(&String::from_utf8(svg).unwrap()))
    };
    let (a, b, c) = (called("a-1", "fast"), called("b-2", "slow"), called("c-3", "silent"));
    // What has printed nothing is left out.
    let runs = [(one.path(), &a), (other.path(), &b), (empty.path(), &c)];
    let said = draw(&runs, "loss").unwrap();
    assert!(["fast", "slow"].iter().all(|name| said.contains(&(*name).to_owned())), "{said:?}");
    assert!(said.iter().any(|text| text.starts_with("Runs a-1, b-2, 240 points.")), "{said:?}");
    // A name that two have tells nothing.
    let twin = called("b-2", "fast");
    let said = draw(&[(one.path(), &a), (other.path(), &twin)], "loss").unwrap();
    assert!(["a-1", "b-2"].iter().all(|id| said.contains(&(*id).to_owned())), "{said:?}");
    assert_eq!(draw(&runs, "f1").unwrap_err().kind(), ErrorKind::NotFound, "the last one's reason");
    assert_eq!(draw(&[], "loss").unwrap_err().field(), Some("run"));
}

#[test]
fn a_figure_replaces_a_file_whole() {
    let room = run();
    let output = room.path().join("loss.pdf");
    std::fs::write(&output, "before").unwrap();
    run_figure(&[(room.path(), &spec(room.path()))], &output, &FigureOptions::default()).unwrap();
    assert!(std::fs::read(&output).unwrap().starts_with(b"%PDF-"));
    let error = run_figure(&[(&room.path().join("nowhere"), &spec(room.path()))], &output, &FigureOptions::default())
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    assert!(std::fs::read(&output).unwrap().starts_with(b"%PDF-"), "a failure leaves what was there");
}

fn report(started: usize) -> LabReport {
    let at: Timestamp = "2026-11-21T17:30:05Z".parse().unwrap();
    let gap = |n: usize| Gap {
        cloud: "aws".parse().unwrap(),
        account: AccountId("123456789012".into()),
        region: Some("eu-central-1".parse().unwrap()),
        what: format!("gap-{n} {NASTY}"),
        reason: format!("not allowed, {}", "because of a long sentence ".repeat(12)),
        kind: ErrorKind::PermissionDenied,
    };
    let item = PlanItem {
        key: ResourceKey {
            cloud: "aws".parse().unwrap(),
            account: AccountId("123456789012".into()),
            region: "us-east-1".parse().unwrap(),
            kind: "endpoint".into(),
            id: "arn:aws:left-over".into(),
        },
        name: NASTY.into(),
        kind_title: "endpoint".into(),
        verdict: Verdict::Forgotten,
        why: vec!["No request for 9 days".into()],
        rate: Cost::Unknown { why: "no price list".into() },
        bytes: Some(3 << 20),
        steps: vec![RemovalStep {
            verb: "delete".into(),
            says: "Delete the endpoint".into(),
            reversible: false,
            artefacts: None,
        }],
        stays: vec![],
        fingerprint: "f".into(),
        was_active: true,
        read: None,
    };
    let thing = |n: usize| Started {
        what: "training run".into(),
        id: format!("run-{n:04}"),
        name: if n == 3 { "x".repeat(5000) } else { NASTY.into() },
        place: "This computer".into(),
        at,
        state: "removed".into(),
        so_far: if n == 1 {
            Cost::Estimated { amount: Money::usd(Decimal::new(12, 2)), as_of: at, basis: "list price".into() }
        } else {
            Cost::NotBilled { note: "electricity not counted".into() }
        },
    };
    let gaps: Vec<Gap> = (0..12).map(gap).collect();
    let started: Vec<Started> = (0..started).map(thing).collect();
    LabReport {
        session: LabSession { id: "lab-1".parse().unwrap(), name: NASTY.into(), started: at, ended: None },
        checked: at,
        by: format!("ada@{NASTY}"),
        state: CleanState::of(1, &gaps),
        still: Total::<HourlyRate>::of_rates([&item.rate]),
        spent: Total::of(started.iter().map(|thing| &thing.so_far)),
        started,
        left: vec![item],
        gaps,
        read: vec!["This computer: training runs".into()],
    }
}

#[test]
fn a_proof_names_everything_on_as_many_pages_as_it_takes() {
    let zone = TimeZone::get("Europe/Berlin").unwrap();
    let bytes = proof_pdf(&report(60), &zone).unwrap();
    let pages = pages(&bytes);
    assert!(pages.len() > 3, "{} pages", pages.len());
    for (at, page) in pages.iter().enumerate() {
        assert!(page.contains(&format!("Page {} of {}", at + 1, pages.len())), "{page}");
    }
    let whole = pages.concat();
    for n in 0..12 {
        assert!(whole.contains(&format!("gap-{n} ")), "gap {n}");
    }
    for n in 0..60 {
        assert!(whole.contains(&format!("run-{n:04}")), "run {n}");
    }
    let shown = "Iris <b>&\"'</b>\\u{1b}[31m\\u{202e}";
    for text in [
        shown,
        "Not clean: 1 thing is still there, price unknown or not billed",
        "2026-11-21 18:30:05 +01:00 by ada@",
        "Europe/Berlin",
        "1 of unknown price",
        "$0.12 estimated, 59 not billed",
        "Something that costs money may be there.",
        "1. Delete the endpoint (cannot be undone)",
        "arn:aws:left-over",
        "3.00 MiB on disk",
        "This computer: training runs",
    ] {
        assert!(whole.contains(text), "{text}");
    }
}

#[test]
fn a_clean_proof_fits_a_page() {
    let mut report = report(2);
    (report.left, report.gaps) = (Vec::new(), Vec::new());
    report.state = CleanState::of(0, &[]);
    report.still = Total::default();
    report.session.ended = Some(report.checked);
    report.session.name = "Iris".into();
    report.by = "ada@lab".into();
    report.started[0].name = "Iris".into();
    report.started[1].name = "Ирис".into();
    let pages = pages(&proof_pdf(&report, &TimeZone::UTC).unwrap());
    insta::assert_snapshot!(pages.join("\n— next page —\n"), @r"
    Proof of a lab session’s end
    Iris
    All clean: $0.00 an hour still running
    Sessionlab-1
    Began2026-11-21 17:30:05 +00:00
    Ended2026-11-21 17:30:05 +00:00
    Checked2026-11-21 17:30:05 +00:00 by ada@lab
    Times are inUTC (UTC+00:00 at the check)
    Still costsnothing
    Has cost$0.12 estimated, 1 not billed
    Could not be read
    Everything named below could be read: there is no gap.
    Still there
    Nothing.
    Started in this session
    WhatWhereStartedStateCost
    training run: Iris (run-0000)This computer2026-11-21 17:30removednot billed (electricity
    not counted)
    training run: Ирис (run-0001)This computer2026-11-21 17:30removed$0.12 (estimated: list
    price)
    What was read
    This computer: training runs
    Curfew · lab session lab-1 · checked 2026-11-21 17:30:05 +00:00Page 1 of 1
    ");
}

#[test]
fn a_name_that_the_embedded_font_lacks_is_not_lost() {
    let mut report = report(1);
    report.session.name = "鸢尾花".into();
    let whole = pages(&proof_pdf(&report, &TimeZone::UTC).unwrap()).concat();
    // Drawn where the system has a font for it, else written out.
    assert!(whole.contains("鸢尾花") || whole.contains("\\u{9e22}\\u{5c3e}\\u{82b1}"), "{whole}");
}

/// The text of each page of a PDF, one line for each piece that is set.
fn pages(bytes: &[u8]) -> Vec<String> {
    let doc = Document::load_mem(bytes).unwrap();
    let text_of = |id| {
        let page = doc.get_dictionary(id).unwrap();
        let mut out = String::new();
        let content = doc.get_page_content(id);
        read(&doc, &content, resources(&doc, page), &mut out);
        out
    };
    doc.get_pages().into_values().map(text_of).collect()
}

fn resources<'a>(doc: &'a Document, of: &'a Dictionary) -> &'a Dictionary {
    doc.dereference(of.get(b"Resources").unwrap()).unwrap().1.as_dict().unwrap()
}

fn read(doc: &Document, content: &[u8], resources: &Dictionary, out: &mut String) {
    let under = |kind: &[u8], name: &Object| {
        let list = doc.dereference(resources.get(kind).unwrap()).unwrap().1.as_dict().unwrap();
        doc.dereference(list.get(name.as_name().unwrap()).unwrap()).unwrap().1
    };
    // Each glyph names its font anew.
    let mut fonts = HashMap::new();
    let mut font = Vec::new();
    let mut baseline = None;
    for operation in Content::decode(content).unwrap().operations {
        match (operation.operator.as_str(), operation.operands.as_slice()) {
            ("Tf", [name, _]) => {
                font = name.as_name().unwrap().to_vec();
                fonts
                    .entry(font.clone())
                    .or_insert_with(|| under(b"Font", name).as_dict().unwrap().get_font_encoding(doc).unwrap());
            }
            ("Tj", [Object::String(bytes, _)]) => out.push_str(&Document::decode_text(&fonts[&font], bytes).unwrap()),
            // Each glyph is set by itself; those of a line share a baseline.
            ("Tm", [.., y]) => {
                let y = y.as_float().unwrap().to_bits();
                if baseline.is_some_and(|before| before != y) {
                    out.push('\n');
                }
                baseline = Some(y);
            }
            ("Do", [name]) => {
                let form = under(b"XObject", name).as_stream().unwrap();
                let content = form.decompressed_content().unwrap_or_else(|_| form.content.clone());
                read(doc, &content, self::resources(doc, &form.dict), out);
            }
            _ => {}
        }
    }
}
