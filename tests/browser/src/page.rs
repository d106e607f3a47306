//! A page under a test's hands: what a person does (read, click by name, fill by label, press keys), screenshots, axe,
//! and the faults that end a test.

use std::cell::{Cell, RefCell};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use base64::Engine as _;
use fantoccini::elements::{Element, ElementRef};
use fantoccini::{Client, Locator};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::desktop::windows;
use crate::driver::{Driver, Extra};
use crate::process::{DEADLINE, LOOK, eventually, eventually_some};
use crate::{chromium, screenshots};

/// Draws frames for two seconds in which nothing is to be seen.
const FRAMES: &str = "const root = document.documentElement;
let left = 120;
const frame = () => {
    left -= 1;
    root.style.opacity = left % 2 ? '0.999' : '1';
    if (left > 0) requestAnimationFrame(frame);
    else root.removeAttribute('style');
};
requestAnimationFrame(frame);";

/// The key in which WebDriver hands over an element.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// How a page is looked at.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    /// Dark colours.
    pub dark: bool,
    /// Width of the page's view, in CSS pixels.
    pub width: u32,
    /// Height of the page's view, in CSS pixels.
    pub height: u32,
}

impl Look {
    /// Light colours.
    pub const fn light(width: u32, height: u32) -> Self {
        Self { dark: false, width, height }
    }

    /// Dark colours.
    pub const fn dark(width: u32, height: u32) -> Self {
        Self { dark: true, width, height }
    }
}

/// Where a page's faults are read.
#[derive(Debug)]
enum Kind {
    Chromium,
    /// The log of the desktop, to which WebKit writes its console.
    WebKit(PathBuf),
}

/// A page. [`Page::done`] ends it.
#[derive(Debug)]
pub struct Page {
    client: Client,
    kind: Kind,
    expected: RefCell<Vec<String>>,
    seen: RefCell<Vec<String>>,
    patience: Cell<Duration>,
    done: bool,
    // In this order: the session's browser goes with its driver, its files after it.
    driver: Driver,
    _room: TempDir,
}

impl Page {
    pub(crate) fn chromium(client: Client, driver: Driver, room: TempDir) -> Self {
        Self::new(client, Kind::Chromium, driver, room)
    }

    pub(crate) fn webkit(client: Client, log: PathBuf, driver: Driver, room: TempDir) -> Self {
        Self::new(client, Kind::WebKit(log), driver, room)
    }

    fn new(client: Client, kind: Kind, driver: Driver, room: TempDir) -> Self {
        let (expected, seen) = (RefCell::default(), RefCell::default());
        Self { client, kind, expected, seen, patience: Cell::new(DEADLINE), done: false, driver, _room: room }
    }

    /// fantoccini's own client, for what is not here.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Lets the waits of this page take longer, for what takes long by its nature: a first training with its packages.
    pub fn patience(&self, longest: Duration) {
        self.patience.set(longest);
    }

    /// Goes to the other window, once it is there: the question before leaving, or back from it.
    pub async fn other_window(&self) {
        let here = self.client.window().await.ok();
        let other = eventually_some("another window", async || {
            self.client.windows().await.ok()?.into_iter().find(|window| Some(window) != here.as_ref())
        })
        .await;
        self.client.switch_to_window(other).await.expect("the window is there");
        self.settled().await;
    }

    /// Waits until only one window is left, and goes to it.
    pub async fn last_window(&self) {
        let last = eventually_some("one window", async || {
            let mut windows = self.client.windows().await.ok()?;
            (windows.len() == 1).then(|| windows.remove(0))
        })
        .await;
        self.client.switch_to_window(last).await.expect("the window is there");
    }

    /// Opens a whole address.
    pub async fn go(&self, address: &str) {
        self.client.goto(address).await.unwrap_or_else(|error| panic!("{address} did not open: {error}"));
        self.settled().await;
    }

    /// Opens a root-relative path of the panel.
    pub async fn open(&self, path: &str) {
        let here = self.client.current_url().await.expect("the page has an address");
        self.go(&format!("{}://{}{path}", here.scheme(), here.authority())).await;
    }

    /// The root-relative path where the page is, with its query.
    pub async fn path(&self) -> String {
        self.js("return location.pathname + location.search").await.as_str().unwrap_or_default().to_owned()
    }

    /// Waits until the document is loaded and its fonts are there.
    async fn settled(&self) {
        self.until("return document.readyState === 'complete' && document.fonts.status === 'loaded'").await;
    }

    /// Runs a script and gives what it returns. Not subject to the page's policy.
    pub async fn js(&self, script: &str) -> Value {
        self.js_with(script, vec![]).await
    }

    /// Runs a script with `arguments[0]…`.
    pub async fn js_with(&self, script: &str, arguments: Vec<Value>) -> Value {
        self.client
            .execute(script, arguments)
            .await
            .unwrap_or_else(|error| panic!("the script failed: {error}\n{script}"))
    }

    /// Waits until a script returns something true.
    pub async fn until(&self, script: &str) {
        // While a page is replaced there is nothing to ask.
        self.wait(&format!("`{script}`"), async || {
            self.client.execute(script, vec![]).await.is_ok_and(|v| is_true(&v))
        })
        .await;
    }

    /// Waits for a condition; at the deadline the test fails with what is on the page instead.
    async fn wait(&self, what: &str, mut look: impl AsyncFnMut() -> bool) {
        let deadline = Instant::now() + self.patience.get();
        while !look().await {
            if Instant::now() > deadline {
                let shown = self.failing().await;
                panic!("waited in vain for {what}. The page says:\n{shown}");
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// The text that is to be seen.
    pub async fn text(&self) -> String {
        self.js("return document.body?.innerText ?? ''").await.as_str().unwrap_or_default().to_owned()
    }

    /// Waits until this text is to be seen.
    pub async fn see(&self, text: &str) {
        self.wait_text(text, true).await;
    }

    /// Waits until this text is not to be seen any more.
    pub async fn gone(&self, text: &str) {
        self.wait_text(text, false).await;
    }

    async fn wait_text(&self, text: &str, wanted: bool) {
        let script = "return (document.body?.innerText ?? '').replace(/\\s+/g, ' ').includes(arguments[0])";
        let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let what = format!("“{text}” to be {}", if wanted { "seen" } else { "gone" });
        self.wait(&what, async || {
            self.client.execute(script, vec![json!(words)]).await.is_ok_and(|seen| is_true(&seen) == wanted)
        })
        .await;
    }

    /// Clicks the button, link or control of this name, once it can be clicked.
    pub async fn click(&self, name: &str) {
        self.on(
            name,
            "a[href],button,summary,input,[role=button],[role=tab],[role=menuitem],[role=switch]",
            async |e| e.click().await.is_ok(),
        )
        .await;
    }

    /// Clicks the first element that matches this CSS, once it can be clicked.
    pub async fn click_css(&self, css: &str) {
        // Between finding and clicking the page may have been read anew.
        self.wait(&format!("a `{css}` that can be clicked"), async || {
            match self.client.find(Locator::Css(css)).await {
                Ok(element) => element.click().await.is_ok(),
                Err(_) => false,
            }
        })
        .await;
    }

    /// Clicks what ends the program. It may be gone before WebDriver has answered, and then no answer ever comes: that
    /// no window of it is left is answer enough.
    pub async fn click_to_leave(&self, name: &str) {
        tokio::select! {
            () = self.click(name) => {}
            () = eventually("the windows to be gone", async || windows().is_empty()) => {}
        }
    }

    /// Replaces what the field of this label holds.
    pub async fn fill(&self, label: &str, text: &str) {
        self.on(label, "input,textarea,[contenteditable]", async |e| {
            e.clear().await.is_ok() && e.send_keys(text).await.is_ok()
        })
        .await;
    }

    /// Chooses an option of the list of this label.
    pub async fn choose(&self, label: &str, option: &str) {
        self.on(label, "select", async |e| e.select_by_label(option).await.is_ok()).await;
    }

    /// Waits for a control of this name and kind (CSS), and for `act` on it to succeed.
    async fn on(&self, name: &str, kind: &str, act: impl AsyncFn(&Element) -> bool) {
        self.wait(&format!("a “{name}” that can be used"), async || match self.named(name, kind).await {
            Some(element) => act(&element).await,
            None => false,
        })
        .await;
    }

    /// The visible element of this accessible name among those that match `kind`; within the topmost dialog if one is
    /// open. A name that only starts so will do if none is equal.
    pub async fn named(&self, name: &str, kind: &str) -> Option<Element> {
        let found = self.client.execute(NAMED, vec![json!(name), json!(kind)]).await.ok()?;
        let id = found.get(ELEMENT)?.as_str()?.to_owned();
        Some(Element::from_element_id(self.client.clone(), ElementRef::from(id)))
    }

    /// Waits for the first element that matches this CSS.
    pub async fn css(&self, css: &str) -> Element {
        eventually_some(css, async || self.client.find(Locator::Css(css)).await.ok()).await
    }

    /// How many elements match this CSS.
    pub async fn count(&self, css: &str) -> usize {
        self.client.find_all(Locator::Css(css)).await.map_or(0, |found| found.len())
    }

    /// Sends keys to whatever has the focus. `fantoccini::key::Key` names the special ones.
    pub async fn press(&self, keys: &str) {
        let active = self.client.active_element().await.expect("a page has an active element");
        active.send_keys(keys).await.unwrap_or_else(|error| panic!("the keys were not taken: {error}"));
    }

    /// The accessible name of what has the focus.
    pub async fn focused(&self) -> String {
        self.js("return document.activeElement?.ariaLabel || document.activeElement?.innerText?.trim() || document.activeElement?.id || document.activeElement?.tagName")
            .await
            .as_str()
            .unwrap_or_default()
            .to_owned()
    }

    /// Changes the colours, and in Chromium the size too.
    pub async fn look(&self, look: Look) {
        match self.kind {
            Kind::Chromium => {
                let value = if look.dark { "dark" } else { "light" };
                let features = json!([{ "name": "prefers-color-scheme", "value": value }]);
                self.cdp("Emulation.setEmulatedMedia", json!({ "features": features })).await;
                self.view(&json!(look.width), &json!(look.height)).await;
            }
            Kind::WebKit(_) => {
                self.client.set_window_size(look.width, look.height).await.expect("the window can be sized");
            }
        }
        let dark = if look.dark { "" } else { "!" };
        self.until(&format!("return {dark}matchMedia('(prefers-color-scheme: dark)').matches")).await;
    }

    /// Keeps a picture of the page as `NAME.png`: the whole document in Chromium, the view in WebKit.
    pub async fn shot(&self, name: &str) -> PathBuf {
        self.settled().await;
        let bytes = match self.kind {
            Kind::Chromium => {
                let view = self.js("return [innerWidth, innerHeight]").await;
                let size = self.cdp("Page.getLayoutMetrics", json!({})).await["cssContentSize"].clone();
                // The view is made as tall as the document, so that what sticks to its edges is drawn to the end.
                let tall = size["height"].as_f64().unwrap_or_default().max(view[1].as_f64().unwrap_or_default());
                self.view(&view[0], &json!(tall.ceil())).await;
                self.js_frame().await;
                let data = self.cdp("Page.captureScreenshot", json!({})).await;
                self.view(&view[0], &view[1]).await;
                let data = data["data"].as_str().expect("a screenshot has data");
                base64::prelude::BASE64_STANDARD.decode(data).expect("a screenshot is base64")
            }
            Kind::WebKit(_) => {
                // WebKit takes its picture with the next frame, and a page in which nothing changes draws none.
                self.js(FRAMES).await;
                self.client.screenshot().await.expect("the window can be drawn")
            }
        };
        let path = screenshots().join(format!("{name}.png"));
        std::fs::write(&path, bytes).expect("a screenshot can be kept");
        path
    }

    /// Sets the size of Chromium's view.
    async fn view(&self, width: &Value, height: &Value) {
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.cdp("Emulation.setDeviceMetricsOverride", size).await;
    }

    /// Waits until two frames are drawn: what reacts to a new size has done so.
    async fn js_frame(&self) {
        let script = "const done = arguments[0]; requestAnimationFrame(() => requestAnimationFrame(() => done(true)));";
        self.client.execute_async(script, vec![]).await.expect("a visible page draws frames");
    }

    /// Keeps a picture of a page that fails a test, and gives its text.
    async fn failing(&self) -> String {
        let test = std::thread::current().name().unwrap_or("test").replace("::", "-");
        if let Ok(bytes) = self.client.screenshot().await {
            _ = std::fs::write(screenshots().join(format!("failed-{test}.png")), bytes);
        }
        let faults = self.faults().await;
        format!("{}\nFaults: {faults:#?}", self.text().await)
    }

    /// Fails the test if axe-core finds something serious or critical on the page.
    ///
    /// # Panics
    /// With what it found and where.
    pub async fn axe(&self) {
        self.settled().await;
        // A button that fades from one colour to another has neither's contrast.
        self.until("return document.getAnimations().every((one) => one.playState !== 'running')").await;
        let source = std::fs::read_to_string(
            PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../ui/node_modules/axe-core/axe.min.js"),
        )
        .expect("axe-core is there; ./test fetches it");
        self.js(&source).await;
        let found =
            self.client.execute_async(AXE, vec![]).await.unwrap_or_else(|error| panic!("axe did not finish: {error}"));
        if let Some(error) = found.as_str() {
            panic!("axe failed: {error}");
        }
        let found = found.as_array().cloned().unwrap_or_default();
        assert!(
            found.is_empty(),
            "axe found on {}:\n{}",
            self.path().await,
            serde_json::to_string_pretty(&found).unwrap_or_default()
        );
    }

    /// A fault that this test provokes: one that contains `part` is not held against the page.
    pub fn expect_fault(&self, part: &str) {
        self.expected.borrow_mut().push(part.to_owned());
    }

    /// What went wrong on the page so far: errors of scripts, refused loads, violations of the policy.
    pub async fn faults(&self) -> Vec<String> {
        let new = match &self.kind {
            // Reading the browser's log empties it.
            Kind::Chromium => {
                let log = self.extra("se/log", json!({ "type": "browser" })).await;
                let new = chromium::faults(&log);
                self.seen.borrow_mut().extend(new);
                self.seen.borrow().clone()
            }
            Kind::WebKit(log) => {
                let said = String::from_utf8_lossy(&std::fs::read(log).unwrap_or_default()).into_owned();
                said.lines().filter(|line| is_webkit_fault(line)).map(str::to_owned).collect()
            }
        };
        let expected = self.expected.borrow();
        new.into_iter().filter(|fault| !expected.iter().any(|part| fault.contains(part.as_str()))).collect()
    }

    /// Ends the page, and fails the test if anything went wrong on it.
    ///
    /// # Panics
    /// With the faults.
    pub async fn done(mut self) {
        let faults = self.faults().await;
        self.done = true;
        _ = self.client.clone().close().await;
        assert!(faults.is_empty(), "the page had faults:\n{}", faults.join("\n"));
    }

    /// Gives the page up without asking for faults, for a test that takes the program away under it.
    pub fn abandon(mut self) {
        self.done = true;
    }

    pub(crate) async fn cdp(&self, method: &str, parameters: Value) -> Value {
        self.extra("goog/cdp/execute", json!({ "cmd": method, "params": parameters })).await
    }

    async fn extra(&self, path: &'static str, body: Value) -> Value {
        self.client
            .issue_cmd(Extra { path, body })
            .await
            .unwrap_or_else(|error| panic!("{path} failed at {}: {error}", self.driver.address))
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        // A page that nobody asked for its faults has not been tested.
        assert!(self.done || std::thread::panicking(), "a test ends its page with done()");
    }
}

fn is_true(value: &Value) -> bool {
    !matches!(value, Value::Null | Value::Bool(false)) && value != &json!(0) && value != &json!("")
}

/// WebKit writes `CONSOLE SOURCE LEVEL message` lines.
fn is_webkit_fault(line: &str) -> bool {
    let Some((_, said)) = line.split_once("CONSOLE ") else { return false };
    let mut words = said.split(' ');
    let (first, second) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let source = !matches!(first, "LOG" | "INFO" | "DEBUG" | "WARN");
    first == "ERROR" || (source && second == "ERROR") || said.contains("Content Security Policy")
}

/// Finds by accessible name, near enough to the standard's computation for controls with text or a label.
const NAMED: &str = r#"
const [want, kind] = arguments;
const norm = (text) => (text ?? "").replace(/\s+/g, " ").trim();
const bare = (label) => {
  const copy = label.cloneNode(true);
  copy.querySelectorAll("input,select,textarea,button").forEach((control) => control.remove());
  return copy.textContent;
};
const name = (e) => {
  const by = e.getAttribute("aria-labelledby");
  if (by) return norm(by.split(/\s+/).map((id) => document.getElementById(id)?.textContent).join(" "));
  if (e.getAttribute("aria-label")) return norm(e.getAttribute("aria-label"));
  if (e.labels?.length) return norm([...e.labels].map(bare).join(" "));
  return norm(e.innerText || (e.type === "submit" || e.type === "button" ? e.value : "") || e.title);
};
const scope = [...document.querySelectorAll("dialog:modal")].at(-1) ?? document;
const all = [...scope.querySelectorAll(kind)].filter((e) => e.checkVisibility({ visibilityProperty: true }) && !e.disabled);
// "Stop…" asks and "Stop" does it: one is never taken for the other while its dialog is still on its way.
const begins = (e) => name(e).startsWith(want) && !name(e).slice(want.length).startsWith("…");
return all.find((e) => name(e) === want) ?? all.find(begins) ?? null;
"#;

const AXE: &str = r#"
const done = arguments[arguments.length - 1];
axe.run(document, { preload: false, resultTypes: ["violations"] }).then(
  (result) => done(result.violations
    .filter((found) => found.impact === "serious" || found.impact === "critical")
    .map((found) => ({ rule: found.id, impact: found.impact, help: found.help,
      where: found.nodes.map((node) => ({ at: node.target.join(" "), html: node.html, why: node.failureSummary })) }))),
  (error) => done(String(error)));
"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_webkit_says_that_is_a_fault() {
        let check = |line: &str, expect: bool| assert_eq!(is_webkit_fault(line), expect, "{line}");
        check("CONSOLE SECURITY ERROR Refused to execute a script because its hash …", true);
        check("panel://localhost/app.js:3:1: CONSOLE JS ERROR TypeError: undefined is not an object", true);
        check("CONSOLE NETWORK ERROR Failed to load resource: the server responded with a status of 404 ()", true);
        check("CONSOLE LOG hello ERROR", false);
        check("Gtk-WARNING **: Locale not supported by C library.", false);
    }
}
