//! The picker in Chromium: the list follows each key, rows come as they are scrolled to, "Use" goes to Train.

use curfew_browser_tests::{Look, Page, Served, chromium, journeys};
use std::time::Duration;

/// How many offers fit, as the list says it.
async fn fitting(page: &Page, title: &str) {
    page.until(&format!("return document.getElementById('found-title').textContent === '{title}'")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_follows_each_key_and_use_goes_to_train() {
    let panel = Served::start().await;
    let page = chromium(&panel, Look::light(1400, 900)).await;
    page.click("Machines").await;
    fitting(&page, "9,654 of 9,654 offers").await;
    page.axe().await;
    // Key by key: what is understood is answered, what is being typed is completed.
    page.fill("What it must have", "1 gpu 12 gi").await;
    page.until("return !document.getElementById('ways').hidden").await;
    page.axe().await;
    page.fill("What it must have", "1 gpu 12 gib").await;
    fitting(&page, "1,950 of 9,654 offers").await;
    page.until("return document.getElementById('words').getAttribute('aria-invalid') === null").await;
    page.fill("Or it takes, everywhere", "2").await;
    page.fill("An hour of your time", "50").await;
    page.see("best with your time").await;
    page.until("return !!document.querySelector('#picture svg .front')").await;
    page.axe().await;
    page.shot("machines-found").await;
    // The question is in the address, so it is there again after a reload; what an hour is worth is kept.
    page.until("return location.search.includes('words=1+gpu+12+gib') && location.search.includes('hours=2')").await;

    // A word that is not understood is told at its field, and the list stays.
    page.fill("What it must have", "1 gpu spto ").await;
    page.see("“spto” (character 7) is not a word that is understood here").await;
    page.until("return document.getElementById('words').getAttribute('aria-invalid') === 'true'").await;
    page.axe().await;
    page.fill("What it must have", "spot on demand").await;
    page.see("“spot” and “on demand” exclude each other").await;
    page.fill("What it must have", "4096 vcpu").await;
    page.see("The nearest that exist").await;
    page.axe().await;
    page.shot("machines-none").await;

    // Completed by keys.
    page.fill("What it must have", "t4 sp").await;
    page.until("return !document.getElementById('ways').hidden").await;
    page.press("\u{e015}").await;
    page.press("\u{e007}").await;
    page.until("return document.getElementById('words').value === 't4 spot '").await;
    page.until(
        "return [...document.querySelectorAll('#rows tbody button.name')].every((b) => b.textContent.includes('spot'))",
    )
    .await;

    // Opened up, with its arithmetic.
    page.click_css("#rows tbody tr button.name").await;
    page.see("What it comes to").await;
    page.axe().await;
    page.shot("machines-drawer").await;
    page.click("Close").await;

    // Two side by side.
    page.until("return document.getElementById('dialog').open === false").await;
    page.js("for (const n of [1, 2]) document.querySelector(`#rows tbody tr:nth-child(${n}) [data-pick]`).click()")
        .await;
    page.click("Compare 2…").await;
    page.see("Side by side").await;
    page.axe().await;
    page.click("Close").await;
    page.until("return document.getElementById('dialog').open === false").await;

    // What quota bars says what to ask for and where.
    page.fill("What it must have", "g5.xlarge us-east-1 on demand ec2").await;
    fitting(&page, "1 of 9,654 offers").await;
    page.click_css("#rows [data-ask]").await;
    page.see("Ask for 4 vCPU of “Running On-Demand G and VT instances” in us-east-1.").await;
    page.axe().await;
    page.shot("machines-ask").await;
    page.click("Close").await;
    page.until("return document.getElementById('dialog').open === false").await;

    // Use hands the machine to Train.
    page.fill("What it must have", "g2-standard-4 us-central1 on demand").await;
    page.until("return document.querySelectorAll('#rows tbody tr[data-key]').length === 1").await;
    page.click_css("#rows a.btn").await;
    page.until("return location.pathname === '/train'").await;
    page.until("return document.getElementById('machine').value === 'gcp:gce:us-central1:g2-standard-4'").await;
    page.axe().await;
    page.done().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_rows_are_scrolled_sorted_and_narrowed() {
    let panel = Served::start().await;
    let page = chromium(&panel, Look::dark(1400, 900)).await;
    page.open("/machines?hours=2").await;
    fitting(&page, "9,654 of 9,654 offers").await;
    // To the very end: the last row is the last of all, and what was left behind is let go of.
    page.js("const rows = document.getElementById('rows'); rows.scrollTop = rows.scrollHeight").await;
    page.until("return [...document.querySelectorAll('#rows tr[data-key]')].some((row) => row.ariaRowIndex === '9655' || row.getAttribute('aria-rowindex') === '9655')").await;
    page.until("return document.querySelectorAll('#rows tr[data-key]').length < 1000").await;
    page.axe().await;
    page.shot("machines-end-dark").await;
    page.js("document.getElementById('rows').scrollTop = 200000").await;
    page.until("const box = document.getElementById('rows').getBoundingClientRect(); const at = document.elementFromPoint(box.left + 200, box.top + 200); return !!at?.closest('tr[data-key]')").await;
    // Sorted by a column: up, down, and back.
    page.click_css("#sort-per-hour").await;
    page.until(
        "return document.getElementById('sort-per-hour').closest('th').getAttribute('aria-sort') === 'ascending'",
    )
    .await;
    page.click_css("#sort-per-hour").await;
    page.until(
        "return document.getElementById('sort-per-hour').closest('th').getAttribute('aria-sort') === 'descending'",
    )
    .await;
    page.see("trn2").await;
    page.click_css("#sort-per-hour").await;
    page.until("return document.querySelector('#rows [aria-sort]') === null").await;
    // Narrowed down by a count.
    page.click("Cloud").await;
    page.click_css("#facet-cloud input[value=gcp]").await;
    page.until("return [...document.querySelectorAll('#rows tbody button.name')].every((b) => b.textContent.startsWith('Google'))").await;
    page.until("return document.getElementById('facet-cloud').open && location.search.includes('facet-cloud=gcp')")
        .await;
    page.axe().await;
    page.done().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_script_is_timed_here_first() {
    let panel = Served::start().await;
    let page = chromium(&panel, Look::light(1400, 900)).await;
    page.patience(Duration::from_mins(10));
    page.click("Train").await;
    page.fill("Script folder", &journeys::iris_folder().display().to_string()).await;
    page.click("Time it here first").await;
    page.until("return location.pathname === '/machines'").await;
    page.see("is being timed on this computer").await;
    page.see("timed on this computer for").await;
    page.see("“Done in” is measured on this computer").await;
    page.axe().await;
    page.shot("machines-timed").await;
    // What it left is removed again.
    page.click("Train").await;
    page.see("No run yet.").await;
    page.done().await;
}
