//! Every page in Chromium over `curfew serve`: light and dark, wide and narrow, no fault, nothing for axe to find.

use curfew_browser_tests::{Look, Served, chromium, journeys};

const PAGES: &[(&str, &str)] = &[
    ("/", "today"),
    ("/machines", "machines"),
    ("/train", "train"),
    ("/compare", "compare"),
    ("/endpoints", "endpoints"),
    ("/sweep", "sweep"),
    ("/labs", "labs"),
    ("/labs/iris", "lab"),
    ("/settings", "settings"),
    ("/accounts", "accounts"),
];

const LOOKS: &[(&str, Look)] = &[
    ("light", Look::light(1400, 900)),
    ("dark", Look::dark(1400, 900)),
    ("narrow-light", Look::light(1000, 700)),
    ("narrow-dark", Look::dark(1000, 700)),
];

#[tokio::test(flavor = "multi_thread")]
async fn every_page_is_sound_in_every_look() {
    let panel = Served::start().await;
    let page = chromium(&panel, Look::light(1400, 900)).await;
    for (path, name) in PAGES {
        page.open(path).await;
        page.css("h1").await;
        for (look_name, look) in LOOKS {
            page.look(*look).await;
            page.shot(&format!("page-{name}-{look_name}")).await;
            page.axe().await;
            // Nothing is cut off to the right: a page that scrolls sideways has outgrown its window.
            page.until("return document.documentElement.scrollWidth <= innerWidth").await;
        }
    }
    page.done().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rail_leads_everywhere_by_keyboard() {
    let panel = Served::start().await;
    let page = chromium(&panel, Look::light(1400, 900)).await;
    // The first Tab offers to skip the rail.
    page.press("\u{e004}").await;
    assert_eq!(page.focused().await, "Skip to the page");
    for name in ["Today", "Machines", "Train", "Endpoints", "Sweep", "Labs", "Settings"] {
        page.press("\u{e004}").await;
        assert_eq!(page.focused().await, name);
        // What has the focus shows it.
        page.until("return getComputedStyle(document.activeElement).outlineStyle !== 'none'").await;
    }
    page.press("\u{e007}").await;
    page.until("return location.pathname === '/settings'").await;
    page.done().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn iris_by_hand_ends_clean() {
    let panel = Served::start().await;
    let page = chromium(&panel, Look::light(1400, 900)).await;
    journeys::iris_by_hand(&page, "panel-iris").await;
    page.done().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_guided_lab_ends_clean() {
    let panel = Served::start().await;
    let page = chromium(&panel, Look::dark(1400, 900)).await;
    journeys::iris_guided(&page, "panel-lab").await;
    page.done().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_door_lets_nobody_in_without_the_token() {
    let panel = Served::start().await;
    let bare = panel.address.split_once("/?").unwrap().0;
    let page = chromium(&panel, Look::light(1000, 700)).await;
    // The token is a cookie after the first visit, so a plain address works in this browser…
    page.go(&format!("{bare}/settings")).await;
    page.see("Settings").await;
    page.until("return !location.search.includes('token') && !document.cookie.includes('token')").await;
    // …and in no other.
    page.client().delete_all_cookies().await.unwrap();
    page.expect_fault("401");
    page.expect_fault("403");
    page.go(&format!("{bare}/settings")).await;
    page.gone("Team policy").await;
    page.done().await;
}
