//! Connecting an account by clicks: temporary keys pasted, run out, pasted again; against the stand-in of tests/cloud.

use curfew_browser_tests::{Home, Look, Page, Served, StandIn, chromium};
use serde_json::json;

const BLOCK: &str = "[default]\naws_access_key_id=ASIAPLANTEDPLANTED00\naws_secret_access_key=planted-secret/+0123456789\n\
    aws_session_token=planted-token//0123456789==\n";

const LOOKS: &[(&str, Look)] = &[
    ("light", Look::light(1400, 900)),
    ("dark", Look::dark(1400, 900)),
    ("narrow-light", Look::light(1000, 700)),
    ("narrow-dark", Look::dark(1000, 700)),
];

async fn in_every_look(page: &Page, name: &str) {
    for (look_name, look) in LOOKS {
        page.look(*look).await;
        page.shot(&format!("accounts-{name}-{look_name}")).await;
        page.axe().await;
        page.until("return document.documentElement.scrollWidth <= innerWidth").await;
        assert!(
            !page
                .js("return document.documentElement.outerHTML")
                .await
                .as_str()
                .unwrap_or_default()
                .contains("planted")
        );
    }
    page.look(Look::light(1400, 900)).await;
}

/// A folder with a profile that is ready, one that has to be signed in to, and one that is half.
fn profiles(home: &Home) -> Vec<(String, String)> {
    let aws = home.path().join("user/.aws");
    std::fs::create_dir_all(&aws).expect("a folder can be made");
    let config = "[profile research]\nsso_session = corp\nsso_account_id = 123456789012\nsso_role_name = Researcher\n\
        region = eu-west-1\n[sso-session corp]\nsso_start_url = https://x.awsapps.com/start\nsso_region = eu-west-1\n\
        sso_registration_scopes = sso:account:access\n[profile half]\nregion = eu-west-1\n";
    std::fs::write(aws.join("config"), config).expect("a file can be written");
    let path = |name: &str| home.path().join(name).display().to_string();
    vec![
        ("HOME".into(), path("user")),
        ("AWS_CONFIG_FILE".into(), path("user/.aws/config")),
        ("AWS_SHARED_CREDENTIALS_FILE".into(), path("user/.aws/credentials")),
        // Keys of the environment would be an account already.
        ("AWS_ACCESS_KEY_ID".into(), String::new()),
        ("AWS_SECRET_ACCESS_KEY".into(), String::new()),
        ("CURFEW_NO_KEYCHAIN".into(), "1".into()),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn temporary_keys_from_paste_to_expiry_and_back() {
    let aws = StandIn::up();
    let home = Home::new();
    let mut environment = aws.exports.clone();
    environment.extend(profiles(&home));
    let of = |name: &str| aws.exports.iter().find(|(n, _)| n == name).map(|(_, v)| v.clone()).unwrap_or_default();
    let second = format!(
        "[second]\naws_access_key_id = {}\naws_secret_access_key = {}\nmfa_serial = arn:aws:iam::123456789012:mfa/ada\n",
        of("AWS_ACCESS_KEY_ID"),
        of("AWS_SECRET_ACCESS_KEY")
    );
    std::fs::write(home.path().join("user/.aws/credentials"), second).expect("a file can be written");
    let panel = Served::with(home, &environment).await;
    let page = chromium(&panel, Look::light(1400, 900)).await;

    page.click("Settings").await;
    page.click("Connect, sign in, remove").await;
    page.see("No cloud is connected.").await;
    page.see("Not signed in.").await;
    page.see("It has no keys.").await;
    in_every_look(&page, "none").await;

    // Wrong first: the sentence stands at its field, and what is no secret is still there.
    page.fill("Access key ID", "hello").await;
    page.fill("Call it", "class").await;
    page.expect_fault("422");
    page.click("Connect").await;
    page.see("This is no access key ID").await;
    page.until(
        "return document.getElementById('name').value === 'class' && document.getElementById('key_id').value === ''",
    )
    .await;
    in_every_look(&page, "wrong").await;

    page.fill("All of it at once", BLOCK).await;
    page.click("Connect").await;
    page.see("1 account is connected.").await;
    page.see("AWS · class").await;
    page.see("left at most").await;
    page.see("Its keys are kept for this session only").await;
    in_every_look(&page, "connected").await;

    // A curfew that outlives the keys is warned of before the price button.
    page.click("Train").await;
    page.fill("Script folder", &curfew_browser_tests::journeys::iris_folder().display().to_string()).await;
    page.click_css("#machine option[value='aws:sagemaker:us-east-1:ml.m5.xlarge']").await;
    page.fill("Curfew", "20h").await;
    page.press("\u{e004}").await;
    page.see("The keys of AWS · class end").await;
    page.see("Curfew cannot watch it or stop it").await;
    page.shot("accounts-caution").await;

    // The session ends.
    aws.control("clock", &json!({ "expired_keys": ["ASIAPLANTEDPLANTED00"] }));
    page.click("Sweep").await;
    page.click("Read everything again").await;
    page.see("the keys of AWS · class have run out").await;
    page.shot("accounts-gap").await;
    page.click("Today").await;
    page.see("keys refused since").await;
    in_every_look(&page, "today").await;
    page.click("Accounts").await;
    page.see("keys refused").await;
    in_every_look(&page, "expired").await;

    // The same keys again are refused at their field; new ones keep the account's name.
    page.expect_fault("422");
    page.fill("All of it at once", BLOCK).await;
    page.click("Connect").await;
    page.see("These keys have run out already").await;
    page.fill("All of it at once", &BLOCK.replace("PLANTED00", "PLANTED11")).await;
    page.click("Connect").await;
    page.see("1 account is connected.").await;
    page.see("…ED11").await;
    page.gone("keys refused").await;
    page.see("AWS · class").await;

    // A sign-in: the code is shown, the user allows it elsewhere, and the page goes on by itself.
    page.click("Sign in to profile research").await;
    page.see("check that the page shows this code").await;
    in_every_look(&page, "signing").await;
    aws.control("clock", &json!({ "sso": "allow" }));
    page.until("return document.querySelector('[data-found=\"profile research\"]')?.innerText.includes('connected')")
        .await;
    page.until("return !document.querySelector('[data-signing]')").await;

    // What the session opens beside the profile that names it.
    let opens = json!({ "123456789012": { "name": "vision", "roles": ["Reader", "Researcher"] },
        "210987654321": { "name": "teaching", "roles": ["Student"] } });
    aws.control("data", &json!({ "sso.accounts": opens }));
    page.click("Choose an account… of SSO session corp").await;
    page.see("Nothing is written into ~/.aws.").await;
    page.until("return document.querySelectorAll('#dialog [data-choice]').length === 3").await;
    page.see("teaching, 210987654321 as Student").await;
    in_every_look(&page, "choose").await;
    page.click("Close").await;

    // A code of a second factor: a wrong one is told at its field, and is not given back.
    page.click("Give a code… for profile second").await;
    page.see("arn:aws:iam::123456789012:mfa/ada").await;
    page.fill("Code", "000000").await;
    page.expect_fault("422");
    page.click_css("#dialog-do").await;
    page.see("AWS does not take this code").await;
    page.until("return document.getElementById('ask-code').value === ''").await;
    in_every_look(&page, "code").await;
    page.fill("Code", "123456").await;
    page.click_css("#dialog-do").await;
    page.see("a session of profile second").await;
    page.see("opened").await;
    page.shot("accounts-coded").await;

    page.see("AWS · class").await;
    page.click("Remove… AWS · class").await;
    page.see("Nothing that Curfew knows of runs there.").await;
    page.shot("accounts-remove").await;
    page.click("Remove the account").await;
    page.see("No cloud is connected.").await;

    let kept = std::process::Command::new("grep")
        .args(["-rl", "-e", "planted", "-e", "PLANTED"])
        .arg(panel.home.path())
        .output();
    assert_eq!(String::from_utf8_lossy(&kept.expect("grep is there").stdout), "", "no secret is in any file");
    aws.no_bad_request();
    page.done().await;
}
