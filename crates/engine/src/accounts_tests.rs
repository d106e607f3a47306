//! Accounts that come and go under a running engine, and keys that run out.

use crate::tests::{Hand, Stage};
use crate::{Engine, Opening, owner::Owner};
use async_trait::async_trait;
use curfew_contract::scripted::Scripted;
use curfew_core::connect::{
    Account, AccountFacts, Connection, Connector, Found, FoundState, KeyLife, Opened, PasteSheet, Renewal, SignIn, Way,
};
use curfew_core::lab::CleanState;
use curfew_core::provider::Provider;
use curfew_core::run::RunState;
use curfew_core::{AccountId, Clock, CloudId, Cx, Error, ErrorKind, Home, Result};
use jiff::SignedDuration;
use std::sync::{Arc, Mutex};

/// A cloud whose accounts a test puts in and takes out.
struct Hall {
    cloud: CloudId,
    there: Mutex<Vec<Scripted>>,
    /// To be had by connecting: `profile NAME`.
    found: Mutex<Vec<(String, Scripted, FoundState)>>,
    stamp: Mutex<u32>,
}

impl Hall {
    fn new() -> Arc<Self> {
        let cloud = CloudId::new("far").unwrap();
        Arc::new(Self { cloud, there: Mutex::default(), found: Mutex::default(), stamp: Mutex::default() })
    }
    fn set(&self, accounts: Vec<Scripted>) {
        *self.there.lock().unwrap() = accounts;
        *self.stamp.lock().unwrap() += 1;
    }
    fn facts(&self, of: &Scripted) -> AccountFacts {
        AccountFacts {
            cloud: self.cloud.clone(),
            account: of.account().clone(),
            title: of.title(),
            who: None,
            home: None,
            source: "a test".into(),
            also: Vec::new(),
            this_session_only: None,
            removable: of.account().0 != "stays",
            renewal: Renewal::Paste,
        }
    }
}

#[async_trait]
impl Connector for Hall {
    fn cloud(&self) -> &CloudId {
        &self.cloud
    }
    fn title(&self) -> &'static str {
        "Far"
    }
    fn paste(&self) -> PasteSheet {
        PasteSheet { title: "Paste", says: "", fields: &[] }
    }
    fn found(&self, _: &Cx) -> Result<Vec<Found>> {
        let found = self.found.lock().unwrap();
        let one = |(id, _, state): &(String, Scripted, FoundState)| Found {
            id: id.clone(),
            name: id.clone(),
            title: id.clone(),
            says: String::new(),
            state: state.clone(),
            signs_in: true,
            chooses: false,
            connects: true,
        };
        Ok(found.iter().map(one).collect())
    }
    fn stamp(&self) -> String {
        self.stamp.lock().unwrap().to_string()
    }
    async fn open(&self, _: &Cx) -> Opened {
        let there = self.there.lock().unwrap();
        let one = |p: &Scripted| Account { facts: self.facts(p), provider: Arc::new(p.clone()) };
        Opened { accounts: there.iter().map(one).collect(), problems: Vec::new() }
    }
    async fn connect(&self, _: &Cx, connection: &Connection) -> Result<AccountFacts> {
        let Way::Found { id } = &connection.way else { return Err(Error::input("block", "nothing was pasted")) };
        let found = self.found.lock().unwrap().iter().find(|(f, ..)| f == id).map(|(_, p, _)| p.clone());
        let account = found.ok_or_else(|| Error::input("profile", "there is none of that name"))?;
        let facts = self.facts(&account);
        self.there.lock().unwrap().push(account);
        *self.stamp.lock().unwrap() += 1;
        Ok(facts)
    }
    async fn sign_in(&self, cx: &Cx, id: &str) -> Result<SignIn> {
        let mut found = self.found.lock().unwrap();
        let refused = id == "refused";
        if let Some((.., state)) = found.iter_mut().find(|(f, ..)| f == id) {
            *state = FoundState::Ready;
        }
        let done = async move {
            if refused { Err(Error::new(ErrorKind::PermissionDenied, "sign in", "it was refused")) } else { Ok(()) }
        };
        Ok(SignIn { code: format!("CODE-{id}"), url: "https://x/".into(), until: cx.now(), done: Box::pin(done) })
    }
    async fn forget(&self, account: &AccountId) -> Result<()> {
        self.there.lock().unwrap().retain(|p| p.account() != account);
        *self.stamp.lock().unwrap() += 1;
        Ok(())
    }
}

fn engine(stage: &Stage, hall: &Arc<Hall>) -> Arc<Engine> {
    let store = crate::store::Store::open(&stage.dir.path().join("home.db")).unwrap();
    let clock: Arc<Hand> = stage.clock.clone();
    let opening = Opening {
        providers: vec![Arc::new(stage.cloud.clone())],
        connectors: vec![hall.clone()],
        ..Opening::default()
    };
    Arc::new(Engine::over(Home::at(stage.dir.path()), store, opening, clock, Owner::me()))
}

fn titles(engine: &Engine) -> Vec<String> {
    engine.providers().iter().map(|p| p.title()).collect()
}

#[tokio::test]
async fn accounts_come_and_go_without_a_restart() {
    let (stage, hall) = (Stage::new(), Hall::new());
    let engine = engine(&stage, &hall);
    let cx = engine.cx();
    let cursor = engine.cursor().await.unwrap();
    assert_eq!(titles(&engine), ["local · scripted"]);
    hall.set(vec![Scripted::new("far").of_account("one"), Scripted::new("far").of_account("two")]);
    engine.follow_accounts(&cx).await.unwrap();
    assert_eq!(titles(&engine), ["local · scripted", "far · one", "far · two"]);
    let told = engine.cursor().await.unwrap();
    assert_ne!(told, cursor, "pages hear of it");
    engine.follow_accounts(&cx).await.unwrap();
    assert_eq!(engine.cursor().await.unwrap(), told, "nothing new, nothing told");

    // A run belongs to its account, whatever comes first later.
    let mut request = stage.request();
    request.machine = Some("far@two:big".into());
    let (spec, _) = engine.plan_run(&cx, &request).await.unwrap();
    let run = engine.launch(&cx, &spec).await.unwrap();
    assert_eq!(run.place, "far · two");
    let two = hall.there.lock().unwrap()[1].clone();
    assert_eq!((two.running(), hall.there.lock().unwrap()[0].running()), (1, 0));
    engine.stop_run(&cx, &spec.id, "enough").await.unwrap();
    assert_eq!(two.running(), 0);
    request.machine = Some("far@three:big".into());
    let wrong = engine.plan_run(&cx, &request).await.unwrap_err();
    assert_eq!(wrong.0[0].field(), Some("machine"));

    let report = engine.sweep(&cx).await.unwrap();
    assert_eq!((report.read.len(), report.gaps.len()), (3, 0));
    engine.forget_account(&cx, "far", &AccountId("two".into())).await.unwrap();
    assert_eq!(titles(&engine), ["local · scripted", "far · one"]);
    assert_eq!(engine.sweep(&cx).await.unwrap().read.len(), 2);
    assert_eq!(engine.run(&cx, &spec.id).await.unwrap().place, "far two (not connected)");
    let gone = engine.forget_account(&cx, "far", &AccountId("two".into())).await.unwrap_err();
    assert_eq!(gone.kind(), ErrorKind::NotFound);
    hall.set(vec![Scripted::new("far").of_account("stays")]);
    engine.follow_accounts(&cx).await.unwrap();
    let stays = engine.forget_account(&cx, "far", &AccountId("stays".into())).await.unwrap_err();
    assert_eq!(stays.kind(), ErrorKind::Unsupported);
}

#[tokio::test]
async fn keys_that_run_out_are_a_gap_and_are_not_hammered() {
    let (stage, hall) = (Stage::new(), Hall::new());
    let engine = engine(&stage, &hall);
    let cx = engine.cx();
    let account = Scripted::new("far").of_account("lab");
    hall.set(vec![account.clone()]);
    engine.follow_accounts(&cx).await.unwrap();
    let lab = engine.lab_start(&cx, "class").await.unwrap();
    let mut request = stage.request();
    request.machine = Some("far:big".into());
    let (spec, _) = engine.plan_run(&cx, &request).await.unwrap();
    engine.launch(&cx, &spec).await.unwrap();

    account.world().refused = true;
    engine.turn(&cx).await.unwrap();
    let view = engine.account_views().remove(0);
    assert_eq!(view.refused_since, Some(cx.now()));
    let before = account.calls();
    for _ in 0..100 {
        stage.clock.forward(SignedDuration::from_secs(2));
        engine.turn(&cx).await.unwrap();
        engine.read_all(&cx).await.unwrap();
    }
    assert_eq!(account.calls(), before, "left alone for some minutes");
    stage.clock.forward(SignedDuration::from_mins(5));
    engine.turn(&cx).await.unwrap();
    assert!(account.calls() > before, "and then tried again");

    // Somebody asks: it is tried, cut short, and told as one thing that was not read.
    let before = account.calls();
    let report = engine.sweep(&cx).await.unwrap();
    assert_eq!(account.calls(), before + 1, "the second list is not tried any more");
    let [gap] = &report.gaps[..] else { panic!("{:?}", report.gaps) };
    assert_eq!((gap.kind, gap.what.as_str()), (ErrorKind::CredentialsExpired, "far · lab, 2 lists"));
    assert!(gap.reason.contains("is billed") && gap.reason.contains("Paste new keys"), "{}", gap.reason);
    let checked = engine.lab_check(&cx, &lab.id).await.unwrap();
    assert_eq!(checked.state, CleanState::NotFullyChecked { gaps: 1 });
    assert_eq!(engine.run(&cx, &spec.id).await.unwrap().status.state, RunState::Running, "nothing is lost");

    // New keys: another provider of the same account over the same world.
    account.world().refused = false;
    hall.set(vec![account.clone()]);
    engine.follow_accounts(&cx).await.unwrap();
    assert_eq!(engine.account_views()[0].refused_since, None);
    assert!(engine.sweep(&cx).await.unwrap().gaps.is_empty());
    engine.stop_run(&cx, &spec.id, "enough").await.unwrap();
    assert_eq!(account.running(), 0);
}

#[tokio::test]
async fn a_curfew_is_held_although_another_account_cannot_be_told() {
    let (stage, hall) = (Stage::new(), Hall::new());
    let engine = engine(&stage, &hall);
    let cx = engine.cx();
    let account = Scripted::new("far").of_account("lab");
    hall.set(vec![account.clone()]);
    engine.follow_accounts(&cx).await.unwrap();
    for machine in ["local", "far:big"] {
        let mut request = stage.request();
        request.machine = Some(machine.into());
        request.curfew = Some("1h".into());
        let (spec, _) = engine.plan_run(&cx, &request).await.unwrap();
        engine.launch(&cx, &spec).await.unwrap();
    }
    account.world().refused = true;
    stage.clock.forward(SignedDuration::from_hours(2));
    engine.turn(&cx).await.unwrap();
    assert_eq!((stage.cloud.running(), account.running()), (0, 1));
    account.world().refused = false;
    stage.clock.forward(SignedDuration::from_mins(6));
    engine.turn(&cx).await.unwrap();
    assert_eq!(account.running(), 0, "as soon as it can be told");
}

#[tokio::test]
async fn a_curfew_beyond_the_keys_is_cautioned_before_the_price() {
    let (stage, hall) = (Stage::new(), Hall::new());
    let engine = engine(&stage, &hall);
    let cx = engine.cx();
    let check = async |life: KeyLife, curfew: &str, expect: Option<&str>| {
        hall.set(vec![Scripted::new("far").of_account("lab").keyed(life)]);
        engine.follow_accounts(&cx).await.unwrap();
        let mut request = stage.request();
        (request.machine, request.curfew) = (Some("far:big".into()), Some(curfew.into()));
        let (_, quote) = engine.plan_run(&cx, &request).await.unwrap();
        let deploy = crate::DeployRequest {
            model: stage.dir.path().join("model.joblib").display().to_string(),
            machine: request.machine.clone(),
            curfew: request.curfew.clone(),
            ..crate::DeployRequest::default()
        };
        let (_, also) = engine.plan_deploy(&cx, &deploy).await.unwrap();
        for quote in [quote, also] {
            let caution = quote.cautions.iter().find(|c| c.code == "keys-end");
            assert_eq!(caution.map(|c| c.says.as_str()), expect, "{life:?}");
            assert!(
                caution.is_none_or(|c| c.risk.contains("is billed") && c.risk.contains("cannot watch it or stop it"))
            );
        }
    };
    let at = stage.clock.now() + SignedDuration::from_hours(1);
    check(KeyLife::NoEnd, "2h", None).await;
    check(KeyLife::Until { at }, "30m", None).await;
    check(KeyLife::Until { at }, "2h", Some("The keys of far · lab end at 20:30, and this goes home later.")).await;
    check(
        KeyLife::AtMost { at },
        "2h",
        Some("The keys of far · lab end at 20:30 at the latest, and this goes home later."),
    )
    .await;
    check(
        KeyLife::Renewed { at },
        "2h",
        Some("The sign-in to far · lab is sure to last until 20:30 only, and this goes home later."),
    )
    .await;
}

#[tokio::test]
async fn a_sign_in_connects_what_it_was_for() {
    let (stage, hall) = (Stage::new(), Hall::new());
    let engine = engine(&stage, &hall);
    let cx = engine.cx();
    let expired = || FoundState::SignIn { says: "not signed in".into() };
    *hall.found.lock().unwrap() = vec![
        ("lab".into(), Scripted::new("far").of_account("lab"), expired()),
        ("refused".into(), Scripted::new("far").of_account("other"), expired()),
    ];
    let begun = engine.start_sign_in(&cx, "far", "lab").await.unwrap();
    assert_eq!((begun.code.as_str(), begun.failed.is_none()), ("CODE-lab", true));
    engine.start_sign_in(&cx, "far", "refused").await.unwrap();
    // The tasks tell their end by a change in the store.
    loop {
        let cursor = engine.cursor().await.unwrap();
        let left = engine.signing_in();
        if left.len() == 1 && left[0].failed.is_some() {
            assert_eq!(left[0].failed.as_ref().unwrap().message(), "it was refused");
            break;
        }
        engine.changed(cursor, std::time::Duration::from_secs(5)).await.unwrap();
    }
    assert_eq!(titles(&engine), ["local · scripted", "far · lab"]);
    assert!(engine.start_sign_in(&cx, "nowhere", "lab").await.is_err());
}
