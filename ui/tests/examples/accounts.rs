//! Accounts to draw: connected ones in every state, what is found, a sign-in, a form with something wrong.

use super::{NASTY, at, frame, now, today_local};
use curfew_core::connect::{AccountFacts, FieldKind, FieldSheet, Found, FoundState, KeyLife, PasteSheet, Renewal};
use curfew_core::{AccountId, CloudId, Error, ErrorKind, RegionName};
use curfew_engine::{AccountView, SigningIn, Today};
use curfew_ui::fields::Fields;
use curfew_ui::pages::Html;
use curfew_ui::pages::accounts::Accounts;
use curfew_ui::pages::parts::Told;
use curfew_ui::views;
use std::sync::Arc;

const SHEET: PasteSheet = PasteSheet {
    title: "Paste keys",
    says: "As a learner lab hands them out. They go to the keychain of this computer.",
    fields: &[
        FieldSheet { id: "block", label: "All of it at once", hint: "", example: "[default]", kind: FieldKind::Block },
        FieldSheet { id: "key_id", label: "Access key ID", hint: "", example: "ASIA…", kind: FieldKind::Once },
        FieldSheet { id: "secret", label: "Secret access key", hint: "", example: "", kind: FieldKind::Hidden },
    ],
};

fn aws() -> CloudId {
    CloudId::new("aws").unwrap()
}

fn account(number: &str, name: &str, keys: KeyLife) -> AccountView {
    AccountView {
        facts: AccountFacts {
            cloud: aws(),
            account: AccountId(number.into()),
            title: format!("AWS · {name}"),
            who: Some(format!("arn:aws:sts::{number}:assumed-role/voclabs/user123=ada")),
            home: RegionName::new("eu-west-1").ok(),
            source: "keys …ED00 pasted 14:20, in the system keychain".into(),
            also: Vec::new(),
            this_session_only: None,
            removable: true,
            renewal: Renewal::Paste,
        },
        keys,
        refused_since: None,
        problem: None,
    }
}

/// Connected, refused, kept for the session, not there, from the environment.
pub(crate) fn accounts() -> Vec<AccountView> {
    let mut refused = account("222222222222", "class", KeyLife::AtMost { at: at(300) });
    refused.refused_since = Some(at(-20));
    refused.facts.this_session_only = Some("no keychain answers on this computer".into());
    let mut sso = account("333333333333", NASTY, KeyLife::Renewed { at: at(50) });
    sso.facts.source = "profile research of ~/.aws".into();
    sso.facts.renewal = Renewal::SignIn { id: "profile research".into() };
    let mut gone = account("444444444444", "old", KeyLife::NoEnd);
    gone.problem = Some("the profile “old” is no longer in ~/.aws".into());
    let mut own = account("555555555555", "555555555555", KeyLife::NoEnd);
    own.facts.source = "the environment (AWS_ACCESS_KEY_ID)".into();
    own.facts.also = vec!["the default profile of ~/.aws".into()];
    own.facts.removable = false;
    own.facts.renewal = Renewal::Elsewhere { says: "Renew the keys where they come from: the environment".into() };
    vec![account("111111111111", "vision-lab", KeyLife::Until { at: at(125) }), refused, sso, gone, own]
}

fn found() -> Vec<Found> {
    let one = |name: &str, says: &str, state| Found {
        id: format!("profile {name}"),
        name: name.into(),
        title: format!("profile {name}"),
        says: says.into(),
        state,
        signs_in: true,
        chooses: false,
        connects: true,
    };
    vec![
        one("lab", "keys in the file, eu-west-1", FoundState::Ready),
        Found {
            id: "sso-session corp<b>&".into(),
            title: "SSO session corp".into(),
            signs_in: true,
            connects: false,
            chooses: true,
            ..one("", "no profile uses it", FoundState::Ready)
        },
        one("research", "account 333333333333 as Researcher by SSO", FoundState::Connected),
        one("corp", "account 1 as R by SSO", FoundState::SignIn { says: "the session ran out yesterday 18:20".into() }),
        one("half", "", FoundState::Incomplete { says: "it has no aws_secret_access_key".into() }),
    ]
}

fn page(today: &Today, views: &[AccountView], found: Result<Vec<Found>, Error>, signing: &[SigningIn]) -> Accounts {
    let rows: Vec<_> = views.iter().map(|v| views::accounts::row(v, &now())).collect();
    Accounts {
        shell: frame(today, "settings", "Accounts"),
        sub: views::accounts::sub(&rows),
        told: Vec::new(),
        rows,
        clouds: vec![views::accounts::cloud((&aws(), "AWS"), &SHEET, found, signing, &now())],
        can_open: true,
    }
}

pub(crate) fn all(local: &Today) -> Vec<(&'static str, Html)> {
    let signing = |failed: Option<Error>| SigningIn {
        cloud: aws(),
        id: "profile corp".into(),
        code: "ABCD-EFGH".into(),
        url: "https://device.sso.eu-west-1.amazonaws.com/?user_code=ABCD-EFGH".into(),
        until: at(10),
        failed: failed.map(Arc::new),
    };
    let whole = page(local, &accounts(), Ok(found()), &[signing(None)]);
    let refused = Error::new(ErrorKind::PermissionDenied, "sign in", "the sign-in was refused in the browser");
    let unread = Error::new(ErrorKind::PermissionDenied, "read the profiles", "~/.aws/config: permission denied");
    let mut wrong = page(local, &[], Err(unread), &[signing(Some(refused))]);
    let typed = Fields::parse(b"block=planted&key_id=planted&secret=planted&name=My+lab&region=Europe");
    let error = Error::input("region", "“Europe” is no region of AWS").next("Write it as eu-west-1");
    wrong.clouds[0].paste = views::accounts::paste_wrong(&aws(), &SHEET, &typed, &error);
    let nobody = Error::new(ErrorKind::Unavailable, "ask AWS whose keys these are", "AWS could not be reached");
    wrong.told = vec![Told::from(&nobody)];
    let mut empty = page(local, &[], Ok(Vec::new()), &[]);
    empty.can_open = false;
    let keys = Today { accounts: accounts(), ..today_local() };
    let today = views::today::today(frame(&keys, "today", "Today"), &keys, &[], false);
    vec![
        ("accounts", Html::of(&whole)),
        ("accounts-wrong", Html::of(&wrong)),
        ("accounts-empty", Html::of(&empty)),
        ("accounts-forget", Html::of(&views::accounts::forget(&accounts()[0], 2))),
        ("today-keys", Html::of(&today)),
    ]
}
