//! What a person does from end to end, the same in Chromium and in the real window.

use std::path::PathBuf;
use std::time::Duration;

use crate::page::Page;

/// A first training installs its packages, and the machine may be busy.
const SLOW: Duration = Duration::from_mins(10);

/// The lab's folder in this repository: what a person has on their disk.
pub fn iris_folder() -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../assets/labs/iris");
    folder.canonicalize().expect("the Iris lab is in this repository")
}

/// Launches Iris on the Train screen, watches at least ten points of its loss arrive, deploys it, asks it about one
/// flower, sweeps all of it up and ends on a Sweep with nothing in it. Pictures are kept as `{name}-…`.
pub async fn iris_by_hand(page: &Page, name: &str) {
    iris_on(page, name, None).await;
}

/// The same on AWS, with the same clicks and another machine chosen.
pub async fn iris_on_aws(page: &Page, name: &str) {
    let on = On { train: "aws:sagemaker:us-east-1:ml.m5.xlarge", serve: "aws:sagemaker:us-east-1:ml.m5.large" };
    iris_on(page, name, Some(on)).await;
}

/// Machines to choose, by the value of their option.
struct On {
    train: &'static str,
    serve: &'static str,
}

async fn iris_on(page: &Page, name: &str, on: Option<On>) {
    page.patience(SLOW);
    let folder = iris_folder();
    let shot = async |what: &str| _ = page.shot(&format!("{name}-{what}")).await;

    page.click("Train").await;
    page.see("Script folder").await;
    page.fill("Script folder", &folder.display().to_string()).await;
    page.fill("Name", "iris").await;
    page.click("Add a channel").await;
    page.fill("Channel", "training").await;
    page.fill("File or folder of this channel", &folder.join("iris.csv").display().to_string()).await;
    if let Some(machine) = &on {
        page.click_css(&format!("#machine option[value='{}']", machine.train)).await;
    }
    shot("launcher").await;
    page.click("Start the run").await;

    page.until("return location.pathname.startsWith('/runs/')").await;
    page.until(POINTS).await;
    page.axe().await;
    shot("running").await;
    page.until("return document.getElementById('state')?.dataset.state === 'completed'").await;
    page.see("flowers to learn from").await;
    shot("completed").await;

    page.click("Deploy…").await;
    page.until("return location.pathname === '/endpoints'").await;
    page.fill("Name", "iris-endpoint").await;
    if let Some(machine) = &on {
        // AWS's scikit-learn image has no default script; the lab's own says what to answer.
        page.fill("Script", &folder.join("inference.py").display().to_string()).await;
        page.click_css(&format!("#machine option[value='{}']", machine.serve)).await;
        shot("deploy").await;
    }
    page.click("Deploy").await;
    page.until("return location.pathname === '/endpoints/iris-endpoint'").await;
    page.until("return document.getElementById('state')?.dataset.state === 'in service'").await;
    page.fill("Body", "5.1,3.5,1.4,0.2").await;
    page.click("Ask the model").await;
    page.see("setosa").await;
    page.axe().await;
    shot("predicted").await;

    if on.is_some() {
        // Its files stay unless they are asked for: the dialog says so, and asks anew with the tick.
        page.click_css("#remove").await;
        page.see("Its files stay, ").await;
        page.axe().await;
        shot("delete").await;
        page.click_css("#tick-artefacts").await;
        page.gone("Its files stay, ").await;
        page.until("return document.getElementById('tick-artefacts').checked").await;
        shot("delete-all").await;
        page.click("Keep it").await;
    }
    page.click("Sweep").await;
    page.click("Read everything again").await;
    page.until("return document.querySelectorAll('#sweep-rows [data-row]').length > 0").await;
    page.axe().await;
    shot("sweep").await;
    // Row by row, as a person ticks them: each row's box says "Choose NAME".
    let keys = page.js("return [...document.querySelectorAll('#sweep-rows input[name=key]')].map(i => i.value)").await;
    let keys: Vec<&str> = keys.as_array().expect("a list").iter().filter_map(|k| k.as_str()).collect();
    assert!(keys.len() >= if on.is_some() { 4 } else { 2 }, "the run and the endpoint are to be swept, not {keys:?}");
    for key in keys {
        page.click_css(&format!("#sweep-rows input[name=key][value='{key}']")).await;
    }
    page.click("Review plan…").await;
    page.see("This will be done, in this order").await;
    page.axe().await;
    shot("plan").await;
    page.click("Run this plan").await;
    page.see("What was done").await;
    shot("swept").await;
    page.click("To the sweep").await;
    page.click("Read everything again").await;
    page.see("Nothing is there: no run, no endpoint, no file of theirs.").await;
    page.axe().await;
    shot("clean").await;
}

/// At least ten points of one metric are in, and the chart draws them.
const POINTS: &str = "const points = [...document.querySelectorAll('#metrics-list [data-metric] td:last-child')]
    .map((cell) => Number(cell.textContent.replace(/[^0-9]/g, '')));
return Math.max(0, ...points) >= 10 && !!document.querySelector('#chart canvas');";

/// Does the guided Iris lab by its buttons, to "All clean".
pub async fn iris_guided(page: &Page, name: &str) {
    page.patience(SLOW);
    let shot = async |what: &str| _ = page.shot(&format!("{name}-{what}")).await;
    let done = async |step: &str| {
        page.until(&format!("return document.getElementById('step-{step}')?.dataset.progress === 'done'")).await;
    };
    let act = async |step: &str| page.click_css(&format!("#do-{step}")).await;

    page.click("Labs").await;
    page.axe().await;
    shot("labs").await;
    page.click_css("#lab-iris").await;
    page.until("return location.pathname === '/labs/iris'").await;
    page.axe().await;
    act("start").await;
    done("start").await;
    act("train").await;
    done("train").await;
    act("deploy").await;
    done("deploy").await;
    act("predict").await;
    page.see("setosa").await;
    page.axe().await;
    shot("predicted").await;
    act("end").await;
    page.until("return location.pathname.startsWith('/labs/sessions/')").await;
    page.click("End it all…").await;
    page.click("End it all").await;
    page.see("All clean").await;
    page.axe().await;
    shot("clean").await;
}
