//! The product in its real window: WebKitGTK, panel://, tray and notifications.

use std::time::Duration;

use curfew_browser_tests::{Desktop, Look, Options, close_window, eventually, journeys, program, window_on_screen};

fn desktop_program() -> Options {
    Options::new(program("CURFEW_DESKTOP_BIN"))
}

#[tokio::test(flavor = "multi_thread")]
async fn iris_by_hand_ends_clean_in_the_window() {
    let desktop = Desktop::new().await;
    let tray = desktop.bus.tray(true).await;
    let server = desktop.bus.notifications().await;
    let page = desktop.open(&desktop_program()).await;
    page.see("Today").await;
    journeys::iris_by_hand(&page, "window-iris").await;
    // The run's end was told, and the tray knows that nothing is left.
    server.note("iris").await;
    tray.menu_with("an empty tray", |menu| !menu.iter().any(|item| item.label.contains("iris"))).await;
    page.done().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_is_sound_in_the_window_in_the_dark() {
    let desktop = Desktop::new().await;
    let mut options = desktop_program();
    options.look = Look::dark(1000, 700);
    let page = desktop.open(&options).await;
    page.until("return matchMedia('(prefers-color-scheme: dark)').matches").await;
    for (path, name) in
        [("/", "today"), ("/train", "train"), ("/endpoints", "endpoints"), ("/sweep", "sweep"), ("/labs", "labs")]
    {
        page.open(path).await;
        page.css("h1").await;
        page.axe().await;
        page.shot(&format!("window-{name}-dark")).await;
    }
    page.done().await;
}

/// A script that trains until it is told to stop.
const ENDLESS: &str = "import time\nstep = 0\nwhile True:\n    step += 1\n    print(f'loss={1 / step:.4f}', flush=True)\n    time.sleep(0.2)\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_run_outlives_the_panel_and_is_picked_up_again() {
    let desktop = Desktop::new().await;
    let tray = desktop.bus.tray(true).await;
    let scripts = desktop.home.path().join("endless");
    std::fs::create_dir(&scripts).unwrap();
    std::fs::write(scripts.join("train.py"), ENDLESS).unwrap();

    let page = desktop.open(&desktop_program()).await;
    page.patience(Duration::from_mins(5));
    page.click("Train").await;
    page.fill("Script folder", &scripts.display().to_string()).await;
    page.click("Start the run").await;
    page.until("return document.getElementById('state')?.dataset.state === 'running'").await;
    let path = page.path().await;
    // Closing only hides it; quitting asks, because something runs here.
    let title = page.client().title().await.unwrap();
    close_window(&title).await;
    tray.menu_with("the run in the tray", |menu| menu.iter().any(|item| item.label.contains("endless"))).await;
    tray.choose("Quit…").await;
    page.other_window().await;
    page.see("1 thing still runs on this computer").await;
    page.click_to_leave("Quit, let it run").await;
    page.abandon();
    let runs = || {
        let out = desktop.home.curfew(&["runs", "--json"]);
        String::from_utf8_lossy(&out.stdout).into_owned()
    };
    assert!(runs().contains("\"running\""), "{}", runs());

    let page = desktop.open(&desktop_program()).await;
    page.patience(Duration::from_mins(5));
    page.open(&path).await;
    page.until("return document.getElementById('state')?.dataset.state === 'running'").await;

    // A window of its own shows it, until that is closed; the page goes on.
    page.click("Pop out").await;
    window_on_screen("endless – Curfew", true).await;
    close_window("endless – Curfew").await;
    window_on_screen("endless – Curfew", false).await;

    page.click("Stop…").await;
    page.click("Stop").await;
    page.until("return document.getElementById('state')?.dataset.state === 'stopped'").await;
    eventually("the run to be stopped for the command too", async || runs().contains("\"stopped\"")).await;
    page.done().await;
}
