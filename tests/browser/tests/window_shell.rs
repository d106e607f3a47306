//! The window's own promises, tried on the shell alone (src-tauri/examples/shell.rs): no engine, no cloud.

use curfew_browser_tests::{Desktop, Options, program};

fn shell() -> Options {
    Options::new(program("CURFEW_SHELL_BIN"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_is_sent_and_answered() {
    let desktop = Desktop::new().await;
    let page = desktop.open(&shell()).await;
    page.see("Shell").await;
    page.fill("Say", "loss=0.4 & <b>").await;
    page.click("Send").await;
    page.see("Said loss=0.4 & <b>").await;
    page.shot("shell-said").await;
    page.done().await;
}
