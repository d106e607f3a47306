//! What a chart says of itself, how often it is drawn, and how runs are picked to compare.

use crate::loss::{POINTS, ZOOM, drag, folder, train};
use curfew_browser_tests::{Look, Served, chromium};

/// A spike, a NaN, a way back to a checkpoint, and a metric that goes below zero.
const ODD: &str = r"
for step in [*range(150), *range(120, 200)]:
    loss = 'nan' if step == 50 else 1e6 if step == 100 else 1 + 1 / (1 + step)
    print(f'step {step} loss={loss} margin={step - 100}')
";

#[tokio::test(flavor = "multi_thread")]
async fn what_a_picture_leaves_out_is_said_beside_it() {
    let panel = Served::start().await;
    let script = folder(&panel, "odd", ODD);
    let run = train(&panel, &script, "odd", &["--wait"]);
    let page = chromium(&panel, Look::light(1400, 900)).await;
    page.open(&format!("/runs/{run}")).await;
    page.until(&format!("return {POINTS} === 230")).await;
    page.see("× not a number or infinite: loss, first at step 50.").await;
    page.see("Went back to a checkpoint at step 120; what it did again is dashed.").await;
    page.see("Few values, as far as 1,000,000, flatten the rest: tick “outliers out of scale”.").await;

    // Smoothed with the spike, the line is pulled up for long; out of scale it takes no part.
    let after =
        "const c = document.getElementById('chart').curfew.curves()[0]; const y = c.line[c.x.indexOf(105)]; return";
    page.choose("Smoothing", "smooth 0.99").await;
    page.until(&format!("{after} y > 100")).await;
    page.click("outliers out of scale").await;
    page.until(&format!("{after} y > 1 && y < 2")).await;
    page.see("▲▼ out of scale: as far as 1,000,000.").await;

    // Moved with the mouse: the same width, another place.
    drag(&page, "#chart", 0.5, 0.75).await;
    page.until(&format!("return {ZOOM} !== null")).await;
    let width = page.js(&format!("window.zoomed = {ZOOM}; return zoomed[1] - zoomed[0]")).await.as_f64().unwrap();
    shift_drag(&page).await;
    page.until(&format!("return {ZOOM}[0] > zoomed[0] + 5")).await;
    let now = page.js(&format!("return {ZOOM}[1] - {ZOOM}[0]")).await.as_f64().unwrap();
    assert!((now - width).abs() < 1e-6, "{now} {width}");
    page.click("Whole run").await;

    page.click_css("#chart-names input[value=margin]").await;
    page.until("return document.getElementById('chart-what').textContent === 'loss, margin'").await;
    page.choose("Scale", "log y").await;
    page.see("Not drawn on a log scale: what is zero or below in margin.").await;
    page.choose("Scale across", "log x").await;
    page.see("A log scale begins above zero: the first step is not drawn.").await;
    // Told apart by their strokes too.
    page.until(
        "const [a, b] = document.getElementById('chart').curfew.curves(); return a.dash.join() !== b.dash.join()",
    )
    .await;
    let says = page.js("return document.getElementById('chart-says').textContent").await;
    assert!(says.as_str().unwrap().contains("1 not finite"), "{says}");
    page.axe().await;
    page.shot("loss-odd").await;
    page.done().await;
}

/// Half a picture's width to the left, which moves what is seen to the right.
async fn shift_drag(page: &curfew_browser_tests::Page) {
    use fantoccini::actions::{
        InputSource as _, KeyAction, KeyActions, MOUSE_BUTTON_LEFT, MouseActions, PointerAction,
    };
    use std::time::Duration;
    let element = page.css("#chart .u-over").await;
    let to = |x: f64| PointerAction::MoveToElement {
        element: element.clone(),
        duration: Some(Duration::from_millis(50)),
        x,
        y: 0.0,
    };
    let keys = KeyActions::new("shift".into())
        .then(KeyAction::Down { value: '\u{e008}' })
        .pause(Duration::ZERO)
        .pause(Duration::ZERO)
        .pause(Duration::ZERO)
        .pause(Duration::ZERO)
        .then(KeyAction::Up { value: '\u{e008}' });
    let mouse = MouseActions::new("mouse".into())
        .pause(Duration::ZERO)
        .then(to(200.0))
        .then(PointerAction::Down { button: MOUSE_BUTTON_LEFT })
        .then(to(-100.0))
        .then(PointerAction::Up { button: MOUSE_BUTTON_LEFT })
        .pause(Duration::ZERO);
    page.client().perform_actions(fantoccini::actions::Actions::from(keys).and(mouse)).await.expect("the mouse drags");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_prints_epochs_alone_is_drawn_by_them() {
    let panel = Served::start().await;
    let script = folder(
        &panel,
        "epochs",
        "for e in range(1, 31):\n    print(f'epoch {e}/30 train_loss={1 / e} eval_loss={2 / e} accuracy={e / 30}')",
    );
    let run = train(&panel, &script, "epochs", &["--wait"]);
    let page = chromium(&panel, Look::light(1400, 900)).await;
    page.open(&format!("/runs/{run}")).await;
    let chart = "document.getElementById('chart').curfew";
    let span = |axis: &str, from: u32| {
        format!(
            "return document.getElementById('chart-x').value === '{axis}' && {chart}.spanX().join() === '{from},{}'",
            from + 29
        )
    };
    page.until(&span("epoch", 1)).await;
    page.until(&format!("return {chart}.metrics().join() === 'train_loss,eval_loss'")).await;
    // Who wants the count of points gets it, and keeps it.
    page.choose("Across", "by step").await;
    page.until(&span("step", 0)).await;
    page.open(&format!("/runs/{run}")).await;
    page.until(&span("step", 0)).await;
    page.done().await;
}

/// A line every hundredth of a second, until its home is gone.
const ENDLESS: &str = r"
import itertools, time
for n in itertools.count():
    print(f'step {n} loss={1 / (1 + n)}', flush=True)
    time.sleep(0.01)
";

/// The shortest time between an answer with news and the next question, in ms. A timer is never early, however slow the
/// machine is.
const GAPS: &str = "const asked = performance.getEntriesByType('resource').filter((e) => e.name.includes('wait=on') && e.responseEnd > 0);
    const gaps = asked.slice(1).map((e, i) => e.startTime - asked[i].responseEnd);
    return gaps.length < 5 ? null : Math.min(...gaps);";

#[tokio::test(flavor = "multi_thread")]
async fn a_chart_is_drawn_as_often_as_it_moves() {
    let panel = Served::start().await;
    let script = folder(&panel, "endless", ENDLESS);
    let run = train(&panel, &script, "endless", &[]);
    let page = chromium(&panel, Look::light(1400, 900)).await;
    page.open(&format!("/runs/{run}")).await;
    page.until(&format!("return {POINTS} > 0 && document.hasFocus()")).await;
    page.js("performance.clearResourceTimings()").await;
    page.until(GAPS).await;
    let young = page.js(GAPS).await.as_f64().unwrap();
    assert!((149.0..500.0).contains(&young), "a young run is followed as fast as it can be seen: {young} ms");

    // The same run, had it begun ten minutes ago.
    page.js("document.getElementById('chart').dataset.beganMs = Date.now() - 600000;
        document.dispatchEvent(new CustomEvent('curfew:page')); performance.clearResourceTimings()")
        .await;
    page.until(GAPS).await;
    let old = page.js(GAPS).await.as_f64().unwrap();
    assert!(old >= 499.0, "{old} ms");

    let check = async |focused: bool, age: u32, speed: &str, expect: u32| {
        let script = format!("return curfewScale.breath({{ focused: {focused}, age: {age}, speed: {speed} }})");
        assert_eq!(page.js(&script).await, expect, "{script}");
    };
    check(true, 0, "Infinity", 150).await;
    check(true, 119_999, "0", 150).await;
    // Later, as often as the newest value moves by a pixel, within bounds.
    check(true, 120_000, "Infinity", 500).await;
    check(true, 120_000, "0.001", 1000).await;
    check(true, 120_000, "0", 2000).await;
    check(true, 120_000, "NaN", 500).await;
    check(false, 0, "1", 1000).await;
    page.click("Stop…").await;
    page.click("Stop the run").await;
    page.until("return document.getElementById('state')?.dataset.state === 'stopped'").await;
    page.done().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_are_picked_in_their_list() {
    let panel = Served::start().await;
    let script = folder(&panel, "short", "for s in range(9):\n    print(f'step {s} loss={1 / (1 + s)}')");
    let names = ["apple", "pear", "plum"];
    let runs = names.map(|name| train(&panel, &script, name, &["--wait"]));
    let page = chromium(&panel, Look::light(1400, 900)).await;
    page.open("/train").await;
    page.click("Compare apple").await;
    page.see("Compare 1…").await;
    // What a filter hides stays chosen.
    page.fill("Filter runs", "pear").await;
    page.until("return document.querySelectorAll('tr[data-run]').length === 1").await;
    page.click("Compare pear").await;
    page.see("Compare 2…").await;
    page.axe().await;
    page.click("Compare 2…").await;
    page.until("return location.pathname === '/compare' && document.querySelectorAll('[data-compared]').length === 2")
        .await;
    let shown = page
        .js("return [...document.querySelectorAll('[data-compared]')].map((row) => row.dataset.compared).sort()")
        .await;
    assert_eq!(shown, serde_json::json!([runs[0], runs[1]]));
    // A long table scrolls in its frame and makes the page no longer.
    page.until(
        "const row = document.querySelector('[data-compared]'); for (let n = 0; n < 200; n++) row.after(row.cloneNode(true));
        const end = document.getElementById('parallel-part').parentElement.getBoundingClientRect().bottom;
        return document.documentElement.scrollHeight <= Math.max(innerHeight, end + scrollY + 60)",
    )
    .await;
    page.open(&page.path().await).await;
    page.click("Save figure…").await;
    page.see("2 runs: loss by step, smoothed 0.6").await;
    page.until(
        "const image = document.getElementById('figure-preview'); return image.complete && image.naturalWidth > 1000",
    )
    .await;
    page.axe().await;
    let saved = "const form = document.getElementById('figure-form');
        const answer = await fetch(form.action + '?' + new URLSearchParams(new FormData(form)));
        const text = await answer.text();
        return [answer.status, text.includes('apple') && text.includes('pear') && !text.includes('plum')];";
    let saved = page.js(&format!("return (async () => {{ {saved} }})()")).await;
    assert_eq!(saved, serde_json::json!([200, true]));
    page.shot("compare-save-figure").await;
    page.click("Close").await;
    // The list of all runs stands back, until it is looked through.
    page.until("return !document.getElementById('choose-part').open").await;
    page.fill("Filter runs", "plum").await;
    page.click("Choose plum").await;
    page.until("return document.querySelectorAll('[data-compared]').length === 3").await;
    page.axe().await;
    page.done().await;
}
