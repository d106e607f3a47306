//! Every page as it is drawn, held by snapshots; and what must be true of each of them.

mod examples;
mod support;

use curfew_core::run::RunState;
use curfew_ui::fields::Fields;
use curfew_ui::pages::Html;
use curfew_ui::pages::parts::{Name, Told};
use curfew_ui::pages::train::{RunsAsk, Train};
use curfew_ui::views;
use examples::pages::{all, choices, metrics};
use examples::{NASTY, frame, many_runs, now, run, today_local};
use proptest::prelude::*;
use std::collections::HashSet;
use support::tags;

/// What stands in `main`, which is what differs between pages.
fn main_of(html: &str) -> &str {
    match (html.find("<div id=\"page\""), html.find("</main>")) {
        (Some(from), Some(to)) => &html[from..to],
        _ => html,
    }
}

#[test]
fn pages_look_as_they_did() {
    for (name, html) in all() {
        // A thousand rows are held by their number, not by their text.
        if !name.ends_with("-1000") {
            insta::assert_snapshot!(name, main_of(&html));
        }
    }
    let (_, html) = all().into_iter().find(|(name, _)| *name == "today-dear").unwrap();
    insta::assert_snapshot!("frame", html.replace(main_of(&html), "[page]\n"));
}

#[test]
fn what_was_pasted_is_never_given_back() {
    for (page, html) in all() {
        assert!(!html.contains("planted"), "{page}");
    }
    let (_, html) = all().into_iter().find(|(name, _)| *name == "accounts-wrong").unwrap();
    assert!(
        html.contains("My lab") && html.contains("value=\"Europe\"") && html.contains("no region of AWS"),
        "{html}"
    );
}

#[test]
fn nothing_of_a_page_breaks_the_policy() {
    for (page, html) in all() {
        for tag in tags(&html) {
            let at = format!("{page}: <{} {:?}>", tag.name, tag.attrs);
            assert_ne!(tag.name, "style", "{at}: inline style");
            if tag.name == "script" && !tag.close {
                assert!(tag.get("src").is_some_and(|src| src.starts_with("/static/")), "{at}: inline script");
            }
            for (name, value) in &tag.attrs {
                assert_ne!(name, "style", "{at}");
                assert!(!name.starts_with("on") && !name.starts_with("hx-on"), "{at}: a handler in the page");
                if matches!(name.as_str(), "href" | "src" | "action" | "hx-get" | "hx-post" | "data-live-from") {
                    let local = value.is_empty()
                        || value.starts_with('#')
                        || (value.starts_with('/') && !value.starts_with("//"));
                    assert!(local, "{at}: not root-relative");
                }
            }
        }
    }
}

#[test]
fn names_from_outside_stay_text() {
    for (page, html) in all() {
        for bad in ["<b>&", "<script>alert", "\u{1b}", "\u{202e}", "\u{0}"] {
            assert!(!html.contains(bad), "{page} holds {bad:?}");
        }
    }
    let (_, html) = all().into_iter().find(|(name, _)| *name == "run-done").unwrap();
    assert!(html.contains("&#60;script&#62;alert(1)"), "the name is shown as text");
}

#[test]
fn every_control_has_a_name_and_every_id_is_one() {
    for (page, html) in all() {
        let tags = tags(&html);
        let mut ids = HashSet::new();
        for tag in tags.iter().filter(|t| !t.close) {
            if let Some(id) = tag.get("id") {
                assert!(ids.insert(id.to_owned()), "{page}: the id {id} stands twice");
            }
        }
        let labelled: HashSet<&str> = tags.iter().filter_map(|t| t.get("for")).collect();
        let mut in_label = 0_i32;
        let mut in_template = 0_i32;
        for tag in &tags {
            match tag.name.as_str() {
                "label" => in_label += if tag.close { -1 } else { 1 },
                "template" => in_template += if tag.close { -1 } else { 1 },
                "input" | "select" | "textarea" if !tag.close && tag.get("type") != Some("hidden") => {
                    let named = tag.get("aria-label").is_some_and(|l| !l.is_empty())
                        || tag.get("id").is_some_and(|id| labelled.contains(id))
                        || in_label > 0;
                    assert!(named, "{page}: {:?} has no label", tag.attrs);
                }
                "svg" if !tag.close => {
                    let told =
                        tag.get("aria-hidden") == Some("true") || tag.get("aria-label").is_some_and(|l| !l.is_empty());
                    assert!(told, "{page}: a picture without words: {:?}", tag.attrs);
                }
                _ => {}
            }
            // The dialog is named by what is fetched into it.
            let named_later = in_template > 0 || tag.get("id") == Some("dialog");
            for (name, value) in tag.attrs.iter().filter(|_| !named_later) {
                if matches!(name.as_str(), "aria-describedby" | "aria-labelledby" | "list") {
                    for id in value.split_whitespace() {
                        assert!(ids.contains(id), "{page}: {name} names {id}, which is not there");
                    }
                }
            }
        }
        assert_eq!((in_label, in_template), (0, 0), "{page}");
    }
}

/// Live parts are found by id, and a chart never sits inside one.
#[test]
fn live_parts_have_ids_and_hold_no_chart() {
    for (page, html) in all() {
        let mut open: Vec<(String, bool)> = Vec::new();
        for tag in tags(&html) {
            let void = ["meta", "link", "input", "br", "rect", "path", "circle", "line", "option"]
                .contains(&tag.name.as_str());
            let live = tag.attrs.iter().any(|(n, _)| n == "data-live");
            assert!(!live || tag.get("id").is_some(), "{page}: a live part without an id");
            if ["chart", "log", "lab-answer", "dialog", "launch", "deploy-form"].contains(&tag.get("id").unwrap_or(""))
            {
                assert!(!open.iter().any(|(_, live)| *live), "{page}: {:?} sits in a live part", tag.get("id"));
            }
            if tag.close {
                if let Some(at) = open.iter().rposition(|(name, _)| *name == tag.name) {
                    open.truncate(at);
                }
            } else if !void {
                open.push((tag.name.clone(), live));
            }
        }
    }
}

#[test]
fn what_was_typed_is_there_again() {
    let (_, html) = all().into_iter().find(|(name, _)| *name == "train-wrong").unwrap();
    let tags = tags(&html);
    let check = |id: &str, value: &str| {
        let field = tags.iter().find(|t| t.get("id") == Some(id)).unwrap();
        assert_eq!(field.get("value"), Some(value), "{id}");
        assert_eq!(field.get("aria-invalid"), Some("true"), "{id}");
    };
    check("dir", "/no/such/&#60;b&#62;");
    check("entry", "../x.py");
    check("curfew", "2020-01-01 22:00");
    check("spend", "many");
    check("flat_epochs", "x");
    let values: Vec<_> =
        tags.iter().filter(|t| t.get("name") == Some("hyper_value")).filter_map(|t| t.get("value")).collect();
    assert_eq!(values, ["1", "&#34;&#62;&#60;b&#62;"]);
    assert!(html.contains("no space left on device") || html.contains("No space left on device"));
}

#[test]
fn a_thousand_runs_are_shown_a_hundred_at_a_time() {
    let check = |query: &str, rows: usize, first: &str, found: usize| {
        let ask = views::train::ask(&Fields::parse(query.as_bytes()));
        let table = views::train::runs(&many_runs(1000), ask, &now());
        let got = (table.rows.len(), table.rows.first().map_or(String::new(), |r| r.id.clone()), table.found);
        assert_eq!(got, (rows, first.to_owned(), found), "{query}");
    };
    check("", 100, "sweep-0", 1000);
    check("show=1000", 1000, "sweep-0", 1000);
    check("sort=loss&down=", 100, "sweep-999", 1000);
    check("sort=loss&down=1", 100, "sweep-0", 1000);
    check("sort=started&down=", 100, "sweep-999", 1000);
    check("sort=name&down=", 100, "sweep-0", 1000);
    check("state=failed", 100, "sweep-1", 200);
    check("q=SWEEP+99", 19, "sweep-99", 19);
    check("q=nothing+fits", 0, "", 0);
    check("sort=nonsense&state=odd&show=x", 100, "sweep-0", 1000);
}

/// What a page is made of, without what it says.
fn shape(html: &str) -> Vec<(String, bool, Vec<String>)> {
    tags(html).into_iter().map(|t| (t.name, t.close, t.attrs.into_iter().map(|(n, _)| n).collect())).collect()
}

fn train_page(text: &str) -> String {
    let mut view = run("iris-1", text, RunState::Stopped);
    view.status.ended_by = Some(text.into());
    view.spec.owner = text.into();
    view.place = text.into();
    let today = today_local();
    let typed = form(text);
    let form = views::train::launcher(&typed, &choices());
    let form = views::train::with_errors(
        form,
        &[curfew_core::Error::input("dir", text), curfew_core::Error::input("none", text)],
    );
    let runs = views::train::runs(&[view], RunsAsk { q: String::new(), ..RunsAsk::default() }, &now());
    Html::of(&Train { shell: frame(&today, "train", "Train"), form, runs }).into_string()
}

fn form(text: &str) -> Fields {
    let mut encoder = curfew_ui::fields::Fields::default();
    for name in ["dir", "entry", "name", "hyper_key", "hyper_value", "channel", "source", "curfew", "spend", "project"]
    {
        encoder.add(name, format!("x{text}"));
    }
    encoder
}

fn run_page(text: &str) -> String {
    let mut view = run("iris-1", text, RunState::Failed);
    view.spec.hyper = [(text.to_owned(), text.to_owned())].into();
    view.status.failure = Some(curfew_core::run::Failure {
        what: text.into(),
        next: text.into(),
        log_end: vec![text.into(), text.into()],
    });
    let mut metrics = metrics();
    metrics[0].name = Name::from(text);
    let today = today_local();
    let mut page = views::run::run(frame(&today, "train", text), &view, metrics);
    page.told = vec![Told::from(&curfew_core::Error::input("dir", text).with("region", text))];
    Html::of(&page).into_string()
}

fn sweep_page(text: &str) -> String {
    let mut report = examples::report();
    report.rows[0].resource.name = text.into();
    report.rows[0].resource.kind_title = text.into();
    report.rows[0].resource.state = text.into();
    report.rows[0].judged.why = vec![text.into()];
    report.rows[0].place = text.into();
    report.gaps[0].reason = text.into();
    report.read = vec![text.into()];
    let today = today_local();
    Html::of(&views::sweep::sweep(frame(&today, "sweep", "Sweep"), Some(&report))).into_string()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// No text changes what a page is made of.
    #[test]
    fn any_text_stays_text(text in prop_oneof![any::<String>(), "[<>&\"' /=a-z]{0,40}"]) {
        for page in [train_page, run_page, sweep_page] {
            prop_assert_eq!(shape(&page(&text)), shape(&page("x")));
        }
    }
}

#[test]
fn the_proof_stands_alone() {
    let html = curfew_ui::proof_html(&examples::lab_report(false), &examples::zone());
    for tag in tags(&html) {
        assert!(tag.get("src").is_none() && tag.get("href").is_none(), "{tag:?} loads something");
    }
    assert!(html.contains("Not clean: 2 things are still there"));
    assert!(html.contains("this account may not list endpoints there"), "the gap is named");
    assert!(!html.contains(NASTY));
}
