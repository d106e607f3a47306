//! An account's rights and set-up by clicks, against the stand-in of tests/cloud.

use curfew_browser_tests::{Home, Look, Served, StandIn, chromium, journeys};
use std::time::Duration;

const LOOKS: &[(&str, Look)] = &[
    ("light", Look::light(1400, 900)),
    ("dark", Look::dark(1400, 900)),
    ("narrow-light", Look::light(1000, 700)),
    ("narrow-dark", Look::dark(1000, 700)),
];

#[tokio::test(flavor = "multi_thread")]
async fn what_may_i_do_here() {
    let aws = StandIn::up();
    let panel = Served::with(Home::new(), &aws.exports).await;
    let page = chromium(&panel, Look::light(1400, 900)).await;
    page.patience(Duration::from_mins(2));
    let looks = async |name: &str| {
        for (look_name, look) in LOOKS {
            page.look(*look).await;
            page.shot(&format!("account-{name}-{look_name}")).await;
            page.axe().await;
            page.until("return document.documentElement.scrollWidth <= innerWidth").await;
        }
        page.look(Look::light(1400, 900)).await;
    };

    page.click("Settings").await;
    page.click("Rights and set-up of AWS · 123456789012").await;
    page.until("return location.pathname === '/accounts/aws/123456789012'").await;
    page.until("return document.querySelectorAll('#may tr[data-may=yes]').length === 12").await;
    page.see("The user researcher").await;
    page.until("return document.getElementById('role-used') && document.getElementById('bucket-used')").await;
    looks("fresh").await;

    // The regions are asked for, and a policy is copied.
    page.click("Ask again which are enabled").await;
    page.until("return document.getElementById('regions-read').textContent.split(',').length > 10").await;
    page.click_css("#policy-researcher > summary").await;
    page.click_css("#policy-copy-researcher").await;
    page.until("return document.getElementById('said').textContent !== ''").await;
    page.until("return JSON.parse(document.getElementById('policy-text-researcher').value).Statement.length > 10")
        .await;
    page.axe().await;

    // A role that cannot be one is told at its field; ours is made after its documents were shown.
    page.css("#role-typed").await.send_keys("LabRole").await.unwrap();
    page.expect_fault("422");
    page.click_css("#role-use").await;
    page.until("return document.getElementById('role-typed-wrong').textContent.includes('not the ARN of a role')")
        .await;
    page.until("return document.getElementById('role-typed').value === 'LabRole'").await;
    page.click_css("#role-make").await;
    page.see("Make curfew-sagemaker?").await;
    page.until(
        "return [...document.querySelectorAll('#dialog textarea')].some((t) => t.value.includes('sts:AssumeRole'))",
    )
    .await;
    page.axe().await;
    page.shot("account-make-role").await;
    page.click("Make it").await;
    page.until("return document.getElementById('role-used')?.textContent.includes('role/curfew-sagemaker')").await;
    page.click_css("#bucket-make").await;
    page.click("Make it").await;
    page.until("return document.getElementById('bucket-used')?.textContent.includes('curfew-sagemaker-us-east-1')")
        .await;
    page.until("return document.getElementById('bucket-pick-1')?.checked").await;
    page.until("return document.getElementById('role-pick-1')?.checked").await;
    page.see("closed to the public").await;
    page.until("return document.querySelectorAll('#may tr[data-may=yes]').length === 12").await;
    looks("set-up").await;

    // A launch that AWS refuses names the action and leads here.
    let sentence = "User: arn:aws:iam::123456789012:user/researcher is not authorized to perform: sagemaker:CreateTrainingJob \
                    on resource: arn:aws:sagemaker:us-east-1:123456789012:training-job/iris because no identity-based policy \
                    allows the sagemaker:CreateTrainingJob action";
    aws.fault("CreateTrainingJob", "AccessDeniedException", 400, sentence);
    let folder = journeys::iris_folder();
    page.click("Train").await;
    page.fill("Script folder", &folder.display().to_string()).await;
    page.click_css("#machine option[value='aws:sagemaker:us-east-1:ml.m5.xlarge']").await;
    page.click("Start the run").await;
    page.see("Ask an admin for sagemaker:CreateTrainingJob; the smallest policy that has it is “researcher”.").await;
    page.see("Nothing was started").await;
    page.axe().await;
    page.shot("account-refused").await;
    page.click_css("[data-rights]").await;
    page.until("return location.pathname === '/accounts/aws/123456789012'").await;
    page.see("Refused: sagemaker:CreateTrainingJob").await;
    page.until(
        "return document.getElementById('policy-researcher').open && !document.getElementById('policy-full').open",
    )
    .await;
    page.until("return document.getElementById('may-train')?.dataset.may === 'no'").await;
    looks("need").await;
    aws.no_bad_request();
    page.done().await;
}
