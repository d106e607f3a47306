//! Iris on AWS by clicks, against the stand-in of tests/cloud.

use curfew_browser_tests::{Home, Look, Served, StandIn, chromium, journeys};

#[tokio::test(flavor = "multi_thread")]
async fn iris_on_aws_by_hand() {
    let aws = StandIn::up();
    let panel = Served::with(Home::new(), &aws.exports).await;
    let page = chromium(&panel, Look::light(1400, 900)).await;
    journeys::iris_on_aws(&page, "aws").await;
    aws.no_bad_request();
    page.done().await;
}

/// What a new account has no quota for is asked for in the picker, through the account that is connected.
#[tokio::test(flavor = "multi_thread")]
async fn a_quota_is_asked_for_from_the_picker() {
    let aws = StandIn::up();
    let panel = Served::with(Home::new(), &aws.exports).await;
    for look in [Look::light(1400, 900), Look::dark(1000, 700)] {
        let page = chromium(&panel, look).await;
        page.open("/machines?words=1+gpu+ec2+us-east-1&hours=2").await;
        page.until("return !!document.querySelector('#rows [data-ask]')").await;
        page.click_css("#rows [data-ask]").await;
        page.see("Send it for").await;
        page.axe().await;
        page.shot("machine-ask").await;
        page.click_css("#dialog button[name=account]").await;
        // The second time the first request is found: AWS takes one at a time.
        page.see("pending").await;
        page.until("return !document.querySelector('#dialog button[name=account]')").await;
        page.axe().await;
        page.shot("machine-asked").await;
        page.done().await;
    }
    aws.no_bad_request();
}
