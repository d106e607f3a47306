//! The window's own promises, tried on the shell alone (src-tauri/examples/shell.rs): no engine, no cloud.

use curfew_browser_tests::{
    Desktop, Look, Options, Page, Process, close_window, eventually, eventually_some, program, size_of, type_keys,
    window_on_screen, windows,
};
use serde_json::json;

fn shell() -> Options {
    Options::new(program("CURFEW_SHELL_BIN"))
}

/// Sets what runs, as the shell reads it.
fn runs(desktop: &Desktop, headline: &str, running: &[(&str, &str, bool)]) {
    let state = json!({ "headline": headline, "running": running });
    let file = desktop.home.path().join("tray.json");
    std::fs::write(file.with_extension("new"), state.to_string()).unwrap();
    std::fs::rename(file.with_extension("new"), file).unwrap();
}

async fn opened(desktop: &Desktop) -> Page {
    let page = desktop.open(&shell()).await;
    page.see("Shell").await;
    page
}

/// Waits until the program has ended of itself, and has said so.
async fn left(desktop: &Desktop) {
    eventually("the program to leave", async || desktop.home.path().join("left").exists()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_is_sent_and_answered() {
    let desktop = Desktop::new().await;
    let page = opened(&desktop).await;
    page.fill("Say", "loss=0.4 & <b>").await;
    page.click("Send").await;
    page.see("Said loss=0.4 & <b>").await;
    page.shot("shell-said").await;
    page.done().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_window_stays_in_the_panel() {
    let desktop = Desktop::new().await;
    let page = opened(&desktop).await;
    page.click("Away").await;
    for elsewhere in ["https://example.com/", "file:///etc/passwd", "about:blank", "tauri://localhost/"] {
        page.js_with("location.href = arguments[0]", vec![json!(elsewhere)]).await;
        // Refused navigations leave nothing to wait for, so a round trip to the page is.
        page.see("Shell").await;
        assert_eq!(page.client().current_url().await.unwrap().as_str(), "panel://localhost/");
    }
    page.click("New").await;
    page.see("new").await;
    assert_eq!(page.path().await, "/here/new");
    assert_eq!(page.client().windows().await.unwrap().len(), 1);
    page.expect_fault("Not allowed to load local resource: file:///etc/passwd");
    page.done().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_policy_is_enforced_and_violations_are_seen() {
    let desktop = Desktop::new().await;
    let page = opened(&desktop).await;
    page.open("/inline").await;
    assert_eq!(page.client().title().await.unwrap(), "Inline", "an inline script ran");
    eventually("the violation to be told", async || page.faults().await.iter().any(|f| f.contains("SECURITY"))).await;
    page.open("/remote").await;
    eventually("the refused picture to be told", async || {
        page.faults().await.iter().any(|f| f.contains("example.com"))
    })
    .await;
    page.expect_fault("CONSOLE SECURITY ERROR Refused to");
    page.done().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_webview_has_no_powers() {
    let desktop = Desktop::new().await;
    let page = opened(&desktop).await;
    let call = "const done = arguments[arguments.length - 1];
        const tauri = window.__TAURI_INTERNALS__;
        if (!tauri) done('absent'); else tauri.invoke(arguments[0], arguments[1])
            .then((value) => done('ALLOWED ' + JSON.stringify(value)), (error) => done('refused ' + error));";
    for (command, arguments) in [
        ("plugin:app|version", json!({})),
        ("plugin:window|close", json!({ "label": "main" })),
        ("plugin:window|set_title", json!({ "label": "main", "value": "x" })),
        ("plugin:webview|create_webview_window", json!({ "options": { "label": "x", "url": "https://example.com" } })),
        ("plugin:path|resolve_directory", json!({ "directory": 21, "path": "" })),
        ("plugin:event|emit", json!({ "event": "x", "payload": null })),
        ("plugin:tray|new", json!({ "options": {} })),
        ("supervise", json!({})),
    ] {
        let answer = page.client().execute_async(call, vec![json!(command), arguments]).await.unwrap();
        let answer = answer.as_str().unwrap();
        assert!(answer.starts_with("refused") || answer == "absent", "{command}: {answer}");
    }
    page.expect_fault("ipc://");
    page.done().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tray_shows_the_money_and_what_runs() {
    let desktop = Desktop::new().await;
    let tray = desktop.bus.tray(true).await;
    runs(&desktop, "$3.87 an hour now", &[("iris_1 · epoch 3 of 50 · R&D", "/here/iris", true)]);
    let page = opened(&desktop).await;
    tray.icon().await;
    let labels = |menu: &[curfew_browser_tests::Item]| menu.iter().map(|i| i.label.clone()).collect::<Vec<_>>();
    let menu = tray.menu_with("the run in the menu", |menu| menu.iter().any(|i| i.label.contains("iris"))).await;
    assert_eq!(labels(&menu), ["$3.87 an hour now", "", "iris_1 · epoch 3 of 50 · R&D", "", "Open Curfew", "Quit…"]);
    eventually("the title", async || tray.title().await == "$3.87 an hour now").await;

    tray.choose("iris_1 · epoch 3 of 50 · R&D").await;
    eventually("the run's page", async || page.path().await == "/here/iris").await;

    runs(&desktop, "nothing billed", &[]);
    let menu = tray.menu_with("nothing billed", |menu| menu.iter().any(|i| i.label == "nothing billed")).await;
    assert_eq!(labels(&menu), ["nothing billed", "", "Open Curfew", "Quit…"]);
    eventually("the title", async || tray.title().await == "nothing billed").await;
    page.done().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_tray_closing_hides_and_the_tray_brings_back() {
    let desktop = Desktop::new().await;
    let tray = desktop.bus.tray(true).await;
    runs(&desktop, "nothing billed", &[]);
    let page = opened(&desktop).await;
    tray.icon().await;
    page.fill("Say", "half filled").await;
    close_window("Shell").await;
    window_on_screen("Shell", false).await;
    // What is typed and not sent is not lost: the page is only hidden.
    tray.choose("Open Curfew").await;
    window_on_screen("Shell", true).await;
    assert_eq!(page.js("return document.querySelector('input').value").await, "half filled");
    // Nothing runs, so quitting does not ask.
    tray.choose("Quit…").await;
    left(&desktop).await;
    page.abandon();
}

/// WebKit's processes that show pages.
fn page_processes(process: &Process) -> usize {
    process.tree().iter().filter(|(_, name)| name.starts_with("WebKitWebProces")).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn in_the_tray_webkit_is_ended_and_the_page_comes_back() {
    let desktop = Desktop::new().await;
    let tray = desktop.bus.tray(true).await;
    runs(&desktop, "nothing billed", &[("iris", "/here/iris", false)]);
    // Without WebDriver, which would hold what it has opened.
    let process = desktop.start(&shell(), "away.log");
    tray.icon().await;
    window_on_screen("Shell", true).await;
    tray.menu_with("the run in the menu", |menu| menu.iter().any(|i| i.label == "iris")).await;
    tray.choose("iris").await;
    window_on_screen("iris", true).await;
    let resize = ["search", "--sync", "--onlyvisible", "--name", "^iris$", "windowsize", "--sync", "1111", "777"];
    type_keys(&resize);
    assert!(page_processes(&process) > 0);

    close_window("iris").await;
    window_on_screen("iris", false).await;
    eventually("WebKit's pages to be ended", async || page_processes(&process) == 0).await;

    // The same page, at the same size.
    tray.choose("Open Curfew").await;
    window_on_screen("iris", true).await;
    assert!(page_processes(&process) > 0);
    eventually("the size that it had", async || size_of("iris") == Some((1111, 777))).await;

    // What is asked for comes first.
    close_window("iris").await;
    eventually("WebKit's pages to be ended again", async || page_processes(&process) == 0).await;
    let mut second = shell();
    second.arguments = vec!["/here/there".to_owned()];
    assert!(desktop.start(&second, "second.log").end().await.success());
    window_on_screen("there", true).await;
    assert_eq!(windows().len(), 1, "{:?}", windows());
    close_window("there").await;
    eventually("WebKit's pages to be ended for good", async || page_processes(&process) == 0).await;
    tray.choose("Quit…").await;
    left(&desktop).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_tray_closing_asks() {
    let desktop = Desktop::new().await;
    let page = opened(&desktop).await;
    // Escape and "Stay" change nothing.
    close_window("Shell").await;
    page.other_window().await;
    page.see("Close the panel?").await;
    page.see("Nothing runs on this computer.").await;
    page.axe().await;
    page.shot("shell-close").await;
    page.press("\u{e00c}").await;
    page.last_window().await;
    window_on_screen("Shell", true).await;
    close_window("Shell").await;
    page.other_window().await;
    page.click("Stay").await;
    page.last_window().await;
    window_on_screen("Shell", true).await;
    // In the background it is found again by a second start.
    close_window("Shell").await;
    page.other_window().await;
    page.click("Keep in background").await;
    window_on_screen("Shell", false).await;
    let mut second = desktop.start(&shell(), "second.log");
    assert!(second.end().await.success());
    window_on_screen("Shell", true).await;
    page.last_window().await;
    close_window("Shell").await;
    page.other_window().await;
    page.click_to_leave("Quit").await;
    left(&desktop).await;
    page.abandon();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tray_that_nobody_draws_is_no_tray() {
    let desktop = Desktop::new().await;
    let tray = desktop.bus.tray(false).await;
    let page = opened(&desktop).await;
    close_window("Shell").await;
    page.other_window().await;
    page.see("Close the panel?").await;
    assert!(tray.is_empty());
    page.click("Stay").await;
    page.last_window().await;
    page.done().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tray_that_goes_away_is_noticed() {
    let desktop = Desktop::new().await;
    let tray = desktop.bus.tray(true).await;
    let page = opened(&desktop).await;
    tray.icon().await;
    tray.leave().await;
    close_window("Shell").await;
    page.other_window().await;
    page.see("Close the panel?").await;
    page.click("Stay").await;
    page.last_window().await;
    page.done().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn quitting_asks_while_something_local_runs() {
    let desktop = Desktop::new().await;
    let tray = desktop.bus.tray(true).await;
    let names = [("iris <b>", "/here/iris", true), ("resnet on AWS", "/here/resnet", false)];
    runs(&desktop, "$1.20 an hour now", &names);
    let mut dark = shell();
    dark.look = Look::dark(1000, 700);
    let page = desktop.open(&dark).await;
    tray.choose("Quit…").await;
    page.other_window().await;
    page.see("Quit Curfew?").await;
    page.see("1 thing still runs on this computer: iris <b>").await;
    assert!(!page.text().await.contains("resnet"));
    page.axe().await;
    page.shot("shell-quit-dark").await;
    page.click("Stay").await;
    page.last_window().await;
    page.see("Shell").await;
    // The question also comes when the window itself is hidden.
    close_window("Shell").await;
    window_on_screen("Shell", false).await;
    tray.choose("Quit…").await;
    page.other_window().await;
    page.click_to_leave("End it and quit").await;
    left(&desktop).await;
    assert_eq!(std::fs::read_to_string(desktop.home.path().join("tray.json")).unwrap(), "{}");
    page.abandon();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_notification_opens_its_page() {
    let desktop = Desktop::new().await;
    let page = opened(&desktop).await;
    page.click("Notify").await;
    page.see("nobody is there").await;

    let server = desktop.bus.notifications().await;
    page.open("/").await;
    page.click("Notify").await;
    page.see("shown").await;
    let note = server.note("iris").await;
    assert_eq!(note.title, "iris <b>ended</b>");
    assert_eq!(note.body, "It cost $0.12 &amp; went home at 22:00.");
    server.press(&note, "Look at it").await;
    eventually("the button's page", async || page.path().await == "/here/look").await;

    page.open("/").await;
    page.click("Notify").await;
    page.see("shown").await;
    let note = eventually_some("a second notification", async || server.all().get(1).cloned()).await;
    server.press(&note, "Open Curfew").await;
    eventually("the notification's page", async || page.path().await == "/here/run").await;
    page.done().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_start_brings_the_first_to_the_front() {
    let desktop = Desktop::new().await;
    let page = opened(&desktop).await;
    let mut second = shell();
    second.arguments = vec!["/here/there".to_owned()];
    let mut process = desktop.start(&second, "second.log");
    assert!(process.end().await.success());
    let said = std::fs::read_to_string(desktop.home.path().join("second.log")).unwrap();
    assert!(said.contains("already open with this home"), "{said}");
    eventually("the page that was asked for", async || page.path().await == "/here/there").await;
    // Another home is another window.
    let other = Desktop::new().await;
    let page_too = opened(&other).await;
    page_too.done().await;
    page.done().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_window_comes_back_where_it_was() {
    let desktop = Desktop::new().await;
    let mut process = desktop.start(&shell(), "first.log");
    window_on_screen("Shell", true).await;
    type_keys(&["search", "--sync", "--onlyvisible", "--name", "^Shell$", "windowsize", "--sync", "1111", "777"]);
    let file = desktop.home.path().join("desktop/window.json");
    let kept = || serde_json::from_slice::<serde_json::Value>(&std::fs::read(&file).ok()?).ok();
    let size = |kept: &serde_json::Value| (kept["width"].as_f64(), kept["height"].as_f64());
    // The window hears of its size from the desktop, and writes it down once it stays; also for one that is killed.
    eventually("the size to be kept", async || kept().is_some_and(|k| size(&k) == (Some(1111.0), Some(777.0)))).await;
    process.signal(rustix::process::Signal::TERM);
    assert!(process.end().await.success());
    left(&desktop).await;
    assert_eq!(size(&kept().unwrap()), (Some(1111.0), Some(777.0)));
    let page = opened(&desktop).await;
    page.until("return innerWidth === 1111 && innerHeight === 777").await;
    page.done().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_home_that_does_not_open_is_explained_in_the_window() {
    let desktop = Desktop::new().await;
    std::fs::write(desktop.home.path().join("broken"), "").unwrap();
    let page = desktop.open(&shell()).await;
    page.see("Curfew could not open").await;
    page.see("The store in <home> is locked by another program.").await;
    page.axe().await;
    page.shot("shell-broken").await;
    page.done().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hidden_needs_a_tray() {
    let desktop = Desktop::new().await;
    let mut hidden = shell();
    hidden.arguments = vec!["--hidden".to_owned()];
    let process = desktop.start(&hidden, "shown.log");
    window_on_screen("Shell", true).await;
    drop(process);

    let desktop = Desktop::new().await;
    let tray = desktop.bus.tray(true).await;
    let process = desktop.start(&hidden, "hidden.log");
    tray.icon().await;
    window_on_screen("Shell", false).await;
    assert_eq!(page_processes(&process), 0);
    tray.choose("Open Curfew").await;
    window_on_screen("Shell", true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_is_chosen_in_the_desktops_dialog() {
    let desktop = Desktop::new().await;
    std::fs::create_dir(desktop.home.path().join("my scripts")).unwrap();
    let page = opened(&desktop).await;
    page.js("setTimeout(() => document.getElementById('pick').click(), 0)").await;
    window_on_screen("Choose a script folder", true).await;
    let folder = desktop.home.path().join("my scripts");
    type_keys(&["search", "--sync", "--onlyvisible", "--name", "Choose a script folder", "windowfocus", "--sync"]);
    type_keys(&["type", "--delay", "15", &folder.display().to_string()]);
    type_keys(&["key", "Return"]);
    page.see(&format!("Picked {}", folder.display())).await;

    page.open("/").await;
    page.js("setTimeout(() => document.getElementById('save').click(), 0)").await;
    window_on_screen("Save the report", true).await;
    type_keys(&["search", "--sync", "--onlyvisible", "--name", "Save the report", "windowfocus", "--sync"]);
    type_keys(&["key", "Return"]);
    let saved = desktop.home.path().join("report.html");
    page.see(&format!("Saved {}", saved.display())).await;
    assert_eq!(std::fs::read(saved).unwrap(), b"all clean");

    page.open("/").await;
    page.js("setTimeout(() => document.getElementById('pick').click(), 0)").await;
    window_on_screen("Choose a script folder", true).await;
    close_window("Choose a script folder").await;
    page.see("Picked nothing").await;
    page.done().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_it_cannot_open_it_says_why() {
    let desktop = Desktop::new().await;
    let ends = async |change: &dyn Fn(&mut std::process::Command), expect: &str| {
        let mut command = std::process::Command::new(program("CURFEW_SHELL_BIN"));
        command.env("CURFEW_HOME", desktop.home.path());
        change(&mut command);
        let out = command.output().unwrap();
        let said = String::from_utf8_lossy(&out.stderr);
        assert_eq!(out.status.code(), Some(1), "{said}");
        assert!(said.contains(expect), "{said}");
    };
    ends(&|command| _ = command.env_remove("DISPLAY").env_remove("WAYLAND_DISPLAY"), "`curfew serve` shows").await;
    let file = desktop.home.path().join("file");
    std::fs::write(&file, "").unwrap();
    ends(&|command| _ = command.env("CURFEW_HOME", &file), "cannot write to its home").await;
}
