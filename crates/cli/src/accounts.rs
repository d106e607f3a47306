//! accounts, account add, account rm, account sign-in. Which clouds there are, and what their things are called, is told by
//! their connectors.

use crate::app;
use crate::args::{AccountAdd, AccountVerb};
use crate::out::{self, Exit, Failed, line, note, print_json, table};
use curfew_core::connect::{AccountFacts, Connection, Connector, FieldKind, Found, FoundState, Secret, Way};
use curfew_core::{Cx, Error, ErrorKind, Notice, say};
use curfew_engine::{AccountView, Engine};
use std::io::Read;
use std::sync::Arc;

/// More than any keys: what is longer is something else.
const MOST: u64 = 64 << 10;

pub(crate) async fn list(json: bool) -> Result<Exit, Failed> {
    let engine = app::engine()?;
    let cx = engine.cx();
    let accounts = engine.account_views();
    let mut found = Vec::new();
    let mut unread = Vec::new();
    for connector in engine.connectors() {
        match engine.found_accounts(&cx, connector).await {
            Ok(here) => found.extend(here.into_iter().map(|f| (connector.clone(), f))),
            Err(e) => unread.push(e),
        }
    }
    let problems: Vec<Notice> = engine.account_problems().iter().map(|p| Notice::from(&*p.error)).collect();
    if json {
        let found: Vec<_> = found
            .iter()
            .map(|(c, f)| {
                let mut value = serde_json::to_value(f).unwrap_or_default();
                value["cloud"] = c.cloud().to_string().into();
                value
            })
            .collect();
        print_json(&serde_json::json!({ "accounts": accounts, "found": found, "problems": problems }));
    } else {
        show(&accounts, &found, &cx);
    }
    for error in &unread {
        note(format!("Could not be read: {error}"));
    }
    Ok(if unread.is_empty() && problems.is_empty() { Exit::Done } else { Exit::NotRead })
}

fn show(accounts: &[AccountView], found: &[(Arc<dyn Connector>, Found)], cx: &Cx) {
    let now = cx.clock().local();
    if accounts.is_empty() {
        note("No cloud is connected. Connect one with: curfew account add --profile NAME, or --keys.");
    } else {
        let row = |v: &AccountView| {
            let f = &v.facts;
            let keys = match (&v.problem, v.refused_since) {
                (Some(why), _) => format!("not connected: {why}"),
                (None, Some(since)) => format!("refused since {}", say::when(since, &now)),
                (None, None) => v.keys.says(&now),
            };
            let home = f.home.as_ref().map(ToString::to_string).unwrap_or_default();
            vec![
                f.title.clone(),
                f.account.to_string(),
                f.who.clone().unwrap_or_default(),
                home,
                f.source.clone(),
                keys,
            ]
        };
        table(
            &["NAME", "ACCOUNT", "WHO", "HOME", "KEYS FROM", "KEYS LAST"],
            &accounts.iter().map(row).collect::<Vec<_>>(),
        );
    }
    if found.is_empty() {
        return;
    }
    line("");
    let state = |f: &Found| match &f.state {
        FoundState::Ready => "ready".to_owned(),
        FoundState::Connected => "connected".to_owned(),
        FoundState::SignIn { says } => format!("sign in: {says}"),
        FoundState::Code { says } => format!("needs a code: {says}"),
        FoundState::Incomplete { says } => format!("incomplete: {says}"),
    };
    let rows: Vec<_> =
        found.iter().map(|(c, f)| vec![c.title().to_owned(), f.title.clone(), f.says.clone(), state(f)]).collect();
    table(&["FOUND", "", "WHAT", "STATE"], &rows);
}

pub(crate) async fn account(verb: AccountVerb, json: bool) -> Result<Exit, Failed> {
    let engine = app::engine()?;
    match verb {
        AccountVerb::Set(verb) => crate::account::account(verb, json).await,
        AccountVerb::Add(add) => self::add(&engine, add, json).await,
        AccountVerb::Rm { account, yes } => remove(&engine, &account, yes, json).await,
        AccountVerb::SignIn { profile } => sign_in(&engine, &profile, json).await,
        AccountVerb::Choose { session } => choose(&engine, &session, json).await,
    }
}

/// What was found under a name or an id, over all clouds.
async fn named(
    engine: &Engine,
    name: &str,
    fits: impl Fn(&Found) -> bool,
) -> Result<(Arc<dyn Connector>, Found), Error> {
    for connector in engine.connectors() {
        let found = engine.found_accounts(&engine.cx(), connector).await?;
        let mut fitting = found.into_iter().filter(&fits);
        if let Some(found) = fitting.find(|f| f.name == name || f.id == name) {
            return Ok((connector.clone(), found));
        }
    }
    Err(Error::input("profile", format!("there is no “{}” here", say::clean(name, 80)))
        .next("See what there is with curfew accounts"))
}

async fn add(engine: &Engine, add: AccountAdd, json: bool) -> Result<Exit, Failed> {
    let cx = engine.cx();
    let mut code = None;
    let (connector, way) = if let Some(name) = &add.way.profile {
        let (connector, id) = match named(engine, name, |f| f.connects).await {
            Ok((connector, found)) => {
                if let FoundState::Code { says } = &found.state {
                    code = Some(typed_code(&found.title, says)?);
                }
                (connector, found.id)
            }
            // What a session opens is named `session/account/role`, and stands in no file.
            Err(e) => match name.split_once('/') {
                Some((session, _)) => {
                    let (connector, session) = named(engine, session, |f| f.chooses).await?;
                    let mut all = connector.choices(&cx, &session.id).await?.into_iter();
                    (connector.clone(), all.find(|f| f.name == *name || f.id == *name).ok_or(e)?.id)
                }
                None => return Err(e.into()),
            },
        };
        (connector, Way::Found { id })
    } else {
        pasted(engine, add.cloud.as_deref())?
    };
    // This session is this command: keys that last no longer would be listed and could never be used.
    let connection = Connection { way, name: add.name, region: add.region, code, lasting: true };
    let facts = engine.connect(&cx, connector.cloud().as_str(), &connection).await?;
    tell(&facts, json);
    Ok(Exit::Done)
}

/// From stdin, and not from an argument, which others on this computer could read.
fn typed_code(title: &str, says: &str) -> Result<Secret, Error> {
    note(format!("{}: {}.", say::clean(title, 80), say::clean(says, 200)));
    note("Type its six digits, and press Enter.");
    let mut text = String::new();
    std::io::stdin().read_line(&mut text).map_err(|_| Error::input("code", "what came on stdin is no text"))?;
    Ok(Secret::new(text.trim()))
}

async fn choose(engine: &Engine, session: &str, json: bool) -> Result<Exit, Failed> {
    let (connector, found) = named(engine, session, |f| f.chooses).await?;
    let choices = connector.choices(&engine.cx(), &found.id).await?;
    if json {
        print_json(&serde_json::json!({ "choices": choices }));
        return Ok(Exit::Done);
    }
    if choices.is_empty() {
        note(format!("{} opens no account to you.", found.title));
    }
    let state = |f: &Found| if f.state == FoundState::Connected { "connected" } else { "ready" }.to_owned();
    let rows: Vec<_> = choices.iter().map(|f| vec![f.name.clone(), f.title.clone(), state(f)]).collect();
    table(&["ID", "WHAT", "STATE"], &rows);
    Ok(Exit::Done)
}

fn pasted(engine: &Engine, cloud: Option<&str>) -> Result<(Arc<dyn Connector>, Way), Error> {
    use std::io::IsTerminal;
    let mut fitting = engine.connectors().iter().filter(|c| cloud.is_none_or(|cloud| c.cloud().as_str() == cloud));
    let connector = match (fitting.next(), fitting.next()) {
        (Some(only), None) => only.clone(),
        (None, _) => return Err(Error::input("cloud", "there is no such cloud here")),
        (Some(_), Some(_)) => return Err(Error::input("cloud", "say of which cloud the keys are, with --cloud")),
    };
    let field = connector.paste().fields.iter().find(|f| f.kind == FieldKind::Block).map(|f| f.id);
    let field = field.ok_or_else(|| Error::input("keys", "keys of this cloud are connected in the panel"))?;
    if std::io::stdin().is_terminal() {
        note("Paste the keys, then press Ctrl-D on a line of its own. Your terminal shows them as you paste.");
    }
    let mut text = String::new();
    let read = std::io::stdin().take(MOST).read_to_string(&mut text);
    read.map_err(|_| Error::input("keys", "what came on stdin is no text"))?;
    Ok((connector, Way::Pasted(vec![(field.to_owned(), Secret::new(text))])))
}

fn tell(facts: &AccountFacts, json: bool) {
    if json {
        print_json(facts);
        return;
    }
    line(format!("{} is connected: account {}, {}.", facts.title, facts.account, facts.source));
}

async fn remove(engine: &Engine, account: &str, yes: bool, json: bool) -> Result<Exit, Failed> {
    let fits = |v: &&AccountView| v.facts.account.0 == account || v.facts.title == account;
    let views = engine.account_views();
    let view = views.iter().find(fits).ok_or_else(|| {
        let message = format!("no account “{}” is connected", say::clean(account, 60));
        Error::new(ErrorKind::NotFound, "remove the account", message).next("See what there is with curfew accounts")
    })?;
    let facts = &view.facts;
    if !yes && !out::ask(&format!("Remove {}? What runs there goes on and is billed.", facts.title)) {
        return Ok(Exit::Failed);
    }
    engine.forget_account(&engine.cx(), facts.cloud.as_str(), &facts.account).await?;
    if json {
        print_json(&serde_json::json!({ "cloud": facts.cloud, "account": facts.account, "removed": true }));
    } else {
        line(format!("{} is removed, and its keys are no longer in the keychain.", facts.title));
    }
    Ok(Exit::Done)
}

async fn sign_in(engine: &Engine, name: &str, json: bool) -> Result<Exit, Failed> {
    let cx = engine.cx();
    let (connector, found) = named(engine, name, |f| f.signs_in).await?;
    let begun = connector.sign_in(&cx, &found.id).await?;
    note(format!("Open {}", begun.url));
    note(format!(
        "Check that it shows {}, and allow it. Waiting until {}.",
        begun.code,
        say::when(begun.until, &cx.clock().local())
    ));
    begun.done.await?;
    if json {
        print_json(&serde_json::json!({ "signed_in": found.name }));
    } else {
        line(format!("Signed in to {}.", found.title));
    }
    Ok(Exit::Done)
}
