//! A large upload as its run's page shows it, light and dark, against the stand-in of tests/cloud with a slow S3.

use curfew_browser_tests::{Home, Look, Page, Served, StandIn, chromium, journeys};
use serde_json::json;

/// Ten parts, of which four travel at once.
const SIZE: u64 = 160 << 20;

async fn asked(page: &Page, data: &std::path::Path, name: &str) {
    page.click("Train").await;
    page.fill("Script folder", &journeys::iris_folder().display().to_string()).await;
    page.fill("Name", name).await;
    page.click("Add a channel").await;
    page.fill("Channel", "pictures").await;
    page.fill("File or folder of this channel", &data.display().to_string()).await;
    page.click_css("#machine option[value='aws:sagemaker:us-east-1:ml.m5.xlarge']").await;
    page.click("Start the run").await;
    page.until("return location.pathname.startsWith('/runs/')").await;
}

async fn came(page: &Page) -> u64 {
    page.js("return document.getElementById('upload-bar')?.value ?? 0").await.as_u64().expect("a number of bytes")
}

#[tokio::test(flavor = "multi_thread")]
async fn how_far_an_upload_has_come() {
    let aws = StandIn::up();
    let home = Home::new();
    let data = home.path().join("pictures");
    std::fs::create_dir_all(&data).expect("a folder can be made");
    let file = std::fs::File::create(data.join("train.bin")).expect("a file can be made");
    file.set_len(SIZE).expect("it can be as long");
    let panel = Served::with(home, &aws.exports).await;
    let page = chromium(&panel, Look::light(1400, 900)).await;

    // Slow, and one part is lost on the way.
    aws.control("fault", &json!({ "op": "UploadPart", "kind": "drop", "count": 1 }));
    aws.control("fault", &json!({ "op": "UploadPart", "delay_s": 3, "count": 100 }));
    asked(&page, &data, "pictures").await;
    page.see("Uploading the data of “pictures”").await;
    page.see("of 160.0 MiB").await;
    page.see("A machine is asked for once all of it is there").await;
    page.until("const bar = document.getElementById('upload-bar'); return bar.value > 0 && bar.value < bar.max").await;
    let first = came(&page).await;
    for (name, look) in [("light", Look::light(1400, 900)), ("dark", Look::dark(1000, 700))] {
        page.look(look).await;
        page.shot(&format!("upload-{name}")).await;
        page.axe().await;
        page.until("return document.documentElement.scrollWidth <= innerWidth").await;
    }
    page.look(Look::light(1400, 900)).await;
    // The page follows by itself, to the end, and then to the run.
    page.until(&format!("const bar = document.getElementById('upload-bar'); return !bar || bar.value > {first}")).await;
    page.until("return !document.getElementById('upload-bar')").await;
    page.until("return ['starting', 'running', 'failed', 'completed'].includes(document.getElementById('state').dataset.state)")
        .await;

    // The list tells it too; and a stop while it is on its way ends it before anything began.
    aws.control("fault", &json!([]));
    aws.control("fault", &json!({ "op": "UploadPart", "delay_s": 3, "count": 100 }));
    asked(&page, &data, "regretted").await;
    page.until("return document.getElementById('upload-bar')?.value > 0").await;
    page.click("Stop…").await;
    page.see("Nothing has begun, and no machine is billed").await;
    page.shot("upload-stop").await;
    page.click("Stop the run").await;
    page.until("return document.getElementById('state').dataset.state === 'stopping'").await;
    page.until("return document.getElementById('state').dataset.state === 'stopped'").await;
    page.see("you stopped it").await;
    page.shot("upload-stopped").await;
    assert_eq!(aws.calls("CreateTrainingJob"), 1, "only the first one became a job");
    aws.no_bad_request();
    page.done().await;
}
