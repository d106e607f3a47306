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
