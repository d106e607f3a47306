//! The curves of a run as a person handles them: zoom that live values do not break, axes, figures, comparison,
//! definitions, and scripts that print what no script should.

use curfew_browser_tests::{Look, Page, Served, chromium};
use fantoccini::actions::{InputSource as _, MOUSE_BUTTON_LEFT, MouseActions, PointerAction};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::time::Duration;

/// A script that prints as many steps as stand in its gate's file, and ends at "end".
const GATED: &str = r"
import argparse, math, os, time
p = argparse.ArgumentParser()
p.add_argument('--gate'); p.add_argument('--lr', type=float, default=0.1)
a, _ = p.parse_known_args()
done = 0
while True:
    try: said = open(a.gate).read().strip()
    except OSError: said = ''
    if said == 'end': break
    while said and done < int(said):
        done += 1
        loss = a.lr + 2 * math.exp(-done / 100) + (5 if done == 150 else 0)
        print(f'epoch {done // 20}/60 step {done} loss={loss:.5f}', flush=True)
        if done % 20 == 0: print(f'val_loss={loss * 1.1:.5f} acc={1 - loss / 8:.5f}', flush=True)
    time.sleep(0.01)
";

struct Gate(PathBuf);

impl Gate {
    fn say(&self, what: &str) {
        // Whole or not at all: the script may look at any time.
        let part = self.0.with_extension("part");
        std::fs::write(&part, what).unwrap();
        std::fs::rename(&part, &self.0).unwrap();
    }
}

/// A script folder in the panel's home.
pub(crate) fn folder(panel: &Served, name: &str, script: &str) -> PathBuf {
    let folder = panel.home.path().join("scripts").join(name);
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("train.py"), script).unwrap();
    folder
}

/// Starts a run by the command line; answers its id.
pub(crate) fn train(panel: &Served, folder: &std::path::Path, name: &str, more: &[&str]) -> String {
    let mut arguments = vec!["--json", "train", folder.to_str().unwrap(), "--name", name];
    arguments.extend(more);
    let out = panel.home.curfew(&arguments);
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    let last: Value = serde_json::from_slice(&out.stdout).expect("JSON");
    last["id"].as_str().unwrap().to_owned()
}

async fn number(page: &Page, script: &str) -> f64 {
    page.js(&format!("return {script}")).await.as_f64().unwrap_or(f64::NAN)
}

/// Drags over the chart from one share of its width to another.
pub(crate) async fn drag(page: &Page, chart: &str, from: f64, to: f64) {
    let over = format!("{chart} .u-over");
    let script = format!(
        "document.querySelector('{over}').scrollIntoView({{ block: 'center' }}); return document.querySelector('{over}').clientWidth"
    );
    let width = page.js(&script).await.as_f64().unwrap();
    let element = page.css(&over).await;
    // From the element's middle.
    let to_share = |share: f64| PointerAction::MoveToElement {
        element: element.clone(),
        duration: Some(Duration::from_millis(50)),
        x: width * (share - 0.5),
        y: 0.0,
    };
    let mouse = MouseActions::new("mouse".into())
        .then(to_share(from))
        .then(PointerAction::Down { button: MOUSE_BUTTON_LEFT })
        .then(to_share(f64::midpoint(from, to)))
        .then(to_share(to))
        .then(PointerAction::Up { button: MOUSE_BUTTON_LEFT });
    page.client().perform_actions(mouse).await.expect("the mouse drags");
}

pub(crate) const POINTS: &str = "document.getElementById('chart').curfew.points()";
pub(crate) const ZOOM: &str = "document.getElementById('chart').curfew.zoom()";

#[tokio::test(flavor = "multi_thread")]
async fn a_zoom_outlives_live_values_and_a_reload() {
    let panel = Served::start().await;
    let script = folder(&panel, "gated", GATED);
    let gate = Gate(panel.home.path().join("gate"));
    gate.say("200");
    let run = train(&panel, &script, "gated", &["--hyper", &format!("gate={}", gate.0.display())]);
    let page = chromium(&panel, Look::light(1400, 900)).await;
    page.open(&format!("/runs/{run}")).await;
    page.until(&format!("return {POINTS} === 210")).await;
    page.see("10 / 60").await;

    // The whole run follows.
    let end = "document.getElementById('chart').curfew.spanX()[1]";
    gate.say("300");
    page.until(&format!("return {POINTS} === 315 && {end} === 300")).await;

    drag(&page, "#chart", 0.25, 0.5).await;
    page.until(&format!("return {ZOOM} !== null && !document.getElementById('chart-reset').hidden")).await;
    let zoom = page.js(&format!("return {ZOOM}")).await;
    let (from, to) = (zoom[0].as_f64().unwrap(), zoom[1].as_f64().unwrap());
    assert!((60.0..90.0).contains(&from) && (135.0..165.0).contains(&to), "{zoom}");
    // Every point of the window is there, the spike too.
    page.until("const c = document.getElementById('chart').curfew.curves()[0]; return c.min.length === 0 && c.line.length > 60").await;
    gate.say("400");
    page.until(&format!("return {POINTS} === 420")).await;
    assert_eq!(page.js(&format!("return {ZOOM}")).await, zoom, "new values do not move it");
    page.shot("loss-zoomed").await;

    // Nor does a reload.
    page.open(&format!("/runs/{run}")).await;
    page.until(&format!("return {POINTS} === 420")).await;
    assert_eq!(page.js(&format!("return {ZOOM}")).await, zoom);
    page.js("document.querySelector('#chart .u-over').dispatchEvent(new MouseEvent('dblclick', { bubbles: true }))")
        .await;
    page.until(&format!("return {ZOOM} === null && {end} === 400")).await;

    // A zoom that touches the newest value goes with it, as wide as it was.
    drag(&page, "#chart", 0.5, 1.0).await;
    page.until(&format!("return {ZOOM} !== null")).await;
    let width = number(&page, &format!("{ZOOM}[1] - {ZOOM}[0]")).await;
    gate.say("500");
    page.until(&format!("return {ZOOM}[1] >= 500")).await;
    assert!((number(&page, &format!("{ZOOM}[1] - {ZOOM}[0]")).await - width).abs() < 1e-6);

    // By keyboard: all of it, then a readout.
    page.click_css("#chart").await;
    page.js("document.getElementById('chart').focus()").await;
    page.press("0").await;
    page.until(&format!("return {ZOOM} === null")).await;
    page.press("\u{e012}").await;
    page.until("return /step .*; loss .*val_loss/.test(document.getElementById('chart-readout').textContent)").await;
    page.axe().await;
    gate.say("end");
    page.until("return document.getElementById('state')?.dataset.state === 'completed'").await;
    page.done().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn axes_smoothing_and_what_is_saved() {
    let panel = Served::start().await;
    let script = folder(&panel, "gated", GATED);
    let gate = Gate(panel.home.path().join("gate"));
    gate.say("400");
    let run = train(&panel, &script, "axes", &["--hyper", &format!("gate={}", gate.0.display())]);
    let page = chromium(&panel, Look::light(1400, 900)).await;
    page.open(&format!("/runs/{run}")).await;
    page.until(&format!("return {POINTS} === 420")).await;
    gate.say("end");
    page.until("return document.getElementById('state')?.dataset.state === 'completed'").await;

    let span = |at| format!("document.getElementById('chart').curfew.span{at}");
    // The spike sets the scale, until it is asked to stay out of it.
    page.until(&format!("return {}()[1] > 5", span("Y"))).await;
    page.click("outliers out of scale").await;
    page.until(&format!("return {}()[1] < 4", span("Y"))).await;
    page.click("outliers out of scale").await;
    page.choose("Scale", "log y").await;
    page.until(&format!("return {}()[0] > 0", span("Y"))).await;
    page.choose("Scale across", "log x").await;
    page.until(&format!("return {}()[0] === 1", span("X"))).await;
    page.choose("Smoothing", "smooth 0.9").await;
    page.until("const c = document.getElementById('chart').curfew.curves()[0]; return c.raw && Math.max(...c.line) < Math.max(...c.raw)").await;
    page.shot("loss-log-smooth").await;
    for (axis, end) in [("by epoch", "=== 20"), ("by elapsed time", ">= 0"), ("by clock", "> 1e12")] {
        page.choose("Across", axis).await;
        page.until(&format!("return {}()[1] {end}", span("X"))).await;
    }
    page.choose("Across", "by step").await;

    // Small pictures under a filter.
    page.click("All metrics in small pictures").await;
    page.until("return document.querySelectorAll('#panels [data-panel] canvas').length === 2").await;
    page.fill("Only metrics with", "ac").await;
    page.until(
        "return [...document.querySelectorAll('#panels [data-panel]')].map((f) => f.dataset.panel).join() === 'acc'",
    )
    .await;
    page.click("Show acc large").await;
    page.until("return document.getElementById('chart').curfew.metrics().join() === 'acc'").await;
    page.axe().await;

    // The figure is what the chart shows.
    page.click("Save figure…").await;
    page.see("acc by step, smoothed 0.9, y logarithmic").await;
    let drawn = |width: u32| {
        format!(
            "const image = document.getElementById('figure-preview'); return image.complete && image.naturalWidth > {width}"
        )
    };
    page.until(&drawn(1000)).await;
    page.choose("Width", "two columns (183 mm)").await;
    page.until(&drawn(2000)).await;
    page.axe().await;
    page.shot("loss-save-figure").await;
    let saved = "const form = document.getElementById('figure-form');
        const answer = await fetch(form.action + '?' + new URLSearchParams(new FormData(form)));
        return [answer.status, answer.headers.get('content-type'), (await answer.text()).includes('acc')];";
    let saved = page.js(&format!("return (async () => {{ {saved} }})()")).await;
    assert_eq!(saved, json!([200, "image/svg+xml", true]));
    page.click("Close").await;
    page.click("Export…").await;
    page.see("All 440 points of 3 metrics").await;
    page.axe().await;
    page.shot("loss-export").await;
    page.done().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_are_compared() {
    let panel = Served::start().await;
    let script = folder(&panel, "gated", GATED);
    let gate = Gate(panel.home.path().join("gate"));
    gate.say("300");
    let hyper = format!("gate={}", gate.0.display());
    let mut runs = Vec::new();
    for (name, lr) in [("low", "lr=0.01"), ("middle", "lr=0.1"), ("again", "lr=0.1")] {
        runs.push(train(&panel, &script, name, &["--hyper", lr, "--hyper", &hyper]));
    }
    let page = chromium(&panel, Look::light(1400, 900)).await;
    for run in &runs {
        page.open(&format!("/runs/{run}")).await;
        page.until(&format!("return {POINTS} === 315")).await;
    }
    gate.say("end");
    page.until("return document.getElementById('state')?.dataset.state === 'completed'").await;
    page.click("Compare…").await;
    page.until("return location.pathname === '/compare' && document.querySelectorAll('[data-compared]').length === 1")
        .await;
    page.click("Choose all shown").await;
    page.until("return document.querySelectorAll('[data-compared]').length === 3 && location.search.split('run=').length === 4").await;
    let best = page.js("return document.querySelector('[data-compared]').dataset.compared").await;
    assert_eq!(best, runs[0].as_str(), "the best first");
    let curves = |n: usize| format!("return document.getElementById('compare-chart').curfew.curves().length === {n}");
    page.until(&curves(3)).await;
    page.until("return document.querySelectorAll('#parallel .run-line').length === 3").await;
    page.choose("Group", "mean by lr").await;
    page.until(
        "return document.getElementById('compare-chart').curfew.curves().join() === '0.01 (1 run),0.1 (2 runs)'",
    )
    .await;
    page.choose("Metric", "acc").await;
    page.until("return document.getElementById('compare-chart').curfew.metric() === 'acc'").await;
    for (name, look) in [("light", Look::light(1400, 900)), ("narrow-dark", Look::dark(1000, 700))] {
        page.look(look).await;
        page.axe().await;
        page.until("return document.documentElement.scrollWidth <= innerWidth").await;
        page.shot(&format!("compare-{name}")).await;
    }
    page.fill("Filter runs", "low").await;
    page.click("Choose none").await;
    page.see("Choose two or more runs above.").await;
    page.done().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_are_named_on_the_screen() {
    let panel = Served::start().await;
    let script =
        folder(&panel, "plain", "for e in range(1, 4):\n    print(f'round {e} quality is {e / 4} loss={1 / e}')");
    let run = train(&panel, &script, "plain", &["--wait"]);
    let page = chromium(&panel, Look::light(1400, 900)).await;
    page.open(&format!("/runs/{run}")).await;
    page.click("Rename, hide, define…").await;
    page.see("Lines that match").await;
    page.axe().await;
    page.fill("Name", "quality").await;
    page.fill("Regular expression", "quality is (").await;
    page.until("return /cannot be read/.test(document.getElementById('lines-wrong')?.textContent)").await;
    page.fill("Regular expression", "quality is ([0-9.]+)").await;
    page.until("return /quality\\s*0.75/.test(document.getElementById('lines').textContent)").await;
    page.fill("Show loss as", "train loss").await;
    page.shot("metrics-defined").await;
    page.click("Save and read the log again").await;
    page.see("The log has been read again.").await;
    page.axe().await;
    assert!(std::fs::read_to_string(script.join("curfew.toml")).unwrap().contains("train loss"));
    page.open(&format!("/runs/{run}")).await;
    page.until("const names = [...document.querySelectorAll('[data-metric]')].map((row) => row.dataset.metric).sort().join(); return names === 'quality,train loss'").await;
    page.done().await;
}

/// 5,000 names, a line of ten megabytes, bytes that are no text: the page stays quick to use and finds what is asked for.
#[tokio::test(flavor = "multi_thread")]
async fn what_no_script_should_print_does_not_stop_the_page() {
    let panel = Served::start().await;
    let script = "import sys
out = sys.stdout.buffer
out.write(b'x' * (10 << 20) + b'\\n' + bytes(range(256)) * 50 + b'\\n')
for step in range(3):
    out.write(b'step %d loss=%f ' % (step, 1 / (step + 1)) + b' '.join(b'layer%d/norm=%d.5' % (n, step) for n in range(5000)) + b'\\n')
out.flush()";
    let script = folder(&panel, "wild", script);
    let run = train(&panel, &script, "wild", &["--wait"]);
    let page = chromium(&panel, Look::light(1000, 700)).await;
    page.open(&format!("/runs/{run}")).await;
    page.until(&format!("return {POINTS} === 3")).await;
    page.see("more, under “All metrics in small pictures”").await;
    page.click("All metrics in small pictures").await;
    page.see("9 of 5,001").await;
    page.fill("Only metrics with", "layer4321/").await;
    page.until("return document.querySelectorAll('#panels [data-panel] canvas').length === 1").await;
    page.see("1 of 1").await;
    page.axe().await;
    page.shot("loss-5000-names").await;
    page.done().await;
}
