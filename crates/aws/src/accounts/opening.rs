//! Opening what is connected: from a record, or the environment, to an account that can be asked.

use super::connections::Connections;
use super::environment::{environment_mark, life_of_environment, life_of_keys, profile_mark, ready_made, regions};
use super::files::{self, Files, profile_of_environment};
use super::records::{From, Note, Record, mark};
use super::{Keys, Settings, SsoRole, given, identity, load};
use crate::Aws;
use curfew_core::connect::{Account, AccountFacts, Opened, Renewal};
use curfew_core::provider::Provider;
use curfew_core::{Cx, Error, ErrorKind, Result, Timestamp, say};
use std::sync::{Arc, PoisonError};

impl Connections {
    /// The account with these settings; the same one as before where nothing has changed.
    async fn aws(&self, settings: Settings, account: &str) -> Result<Arc<Aws>> {
        let keys = settings.keys.as_ref().map(|k| (&k.id, &k.secret, &k.session));
        let life = format!("{:?}", settings.life);
        // A profile's keys come from the files, so another state of these is another client.
        let files = if settings.keys.is_some() { String::new() } else { files::stamp() };
        let all =
            mark((account, keys, &settings.sso, &settings.title, &settings.profile, &settings.region, life, files));
        let known = self.open.lock().unwrap_or_else(PoisonError::into_inner).get(&all).cloned();
        if let Some(known) = known {
            return Ok(known);
        }
        let config = load(&settings).await?;
        let settings = Settings { kept: Some(self.kept.clone()), ..settings };
        let aws = Arc::new(Aws::new(settings, config, account.to_owned())?);
        self.open.lock().unwrap_or_else(PoisonError::into_inner).insert(all, aws.clone());
        Ok(aws)
    }

    pub(super) async fn open_record(
        &self,
        files: &Files,
        record: &Record,
        cx: &Cx,
    ) -> Result<Account, (AccountFacts, Error)> {
        let mut facts = self.facts(record, cx);
        match self.settings_of(files, record, cx).await {
            Ok(settings) => match self.aws(settings, &record.account).await {
                Ok(aws) => {
                    facts.home = Some(aws.inner.home.clone());
                    Ok(Account { facts, provider: aws })
                }
                Err(e) => Err((facts, e)),
            },
            Err(e) => Err((facts, e)),
        }
    }

    async fn settings_of(&self, files: &Files, record: &Record, cx: &Cx) -> Result<Settings> {
        let title = Some(record.name.clone().unwrap_or_else(|| record.account.clone()));
        let base = Settings { title, region: record.region.clone(), regions: regions(), ..Settings::default() };
        match &record.from {
            From::Profile { profile, mark: seen } => {
                if !files.has(profile) {
                    let message = format!("the profile “{}” is no longer in ~/.aws", say::clean(profile, 60));
                    return Err(Error::new(ErrorKind::NotFound, "connect AWS", message)
                        .next("Put it back, or remove the account under Settings, Accounts, and connect it anew"));
                }
                let life = files.life(profile, cx.now());
                // Accounts side by side each have their own region: AWS_REGION is about the environment's.
                let region = base.region.clone().or_else(|| files.region(profile));
                let settings = Settings { profile: Some(profile.clone()), life, region, ..base };
                let now = profile_mark(profile);
                if now != *seen {
                    self.same_account(record, &settings, now).await?;
                }
                Ok(settings)
            }
            From::Sso { session, role } => {
                let at = files.session(session).map_err(|why| {
                    Error::new(ErrorKind::NotFound, "connect AWS", format!("it signs in by ~/.aws, and {why}"))
                        .next("Put it back, or remove the account under Settings, Accounts, and connect it anew")
                })?;
                let life = files::life_of_session(&at, cx.now());
                let region = base.region.clone().or_else(|| Some(at.region.clone()));
                let chosen = sso_role(session, &record.account, role, at);
                Ok(Settings { sso: Some(chosen), life, region, ..base })
            }
            From::Keys { temporary, pasted, until, this_session_only, .. } => {
                let Some(keys) = self.secret(&record.account).await?.as_ref().and_then(Keys::of_secret) else {
                    let message = match this_session_only {
                        Some(why) => format!("its keys were kept for an earlier session of Curfew only ({why})"),
                        None => "its keys are not in the keychain any more, or the keychain is locked".into(),
                    };
                    return Err(Error::new(ErrorKind::CredentialsExpired, "connect AWS", message)
                        .next("Paste keys again under Settings, Accounts; nothing else is lost"));
                };
                Ok(Settings { keys: Some(keys), life: life_of_keys(*temporary, *until, *pasted), ..base })
            }
        }
    }

    /// The files have changed since the profile was seen to be this account: is it still? That nobody can be asked now says
    /// nothing against it.
    async fn same_account(&self, record: &Record, settings: &Settings, now: u64) -> Result<()> {
        let config = load(settings).await?;
        let Ok(who) = identity(&config).await else { return Ok(()) };
        if who.account != record.account {
            let profile = settings.profile.as_deref().unwrap_or_default();
            let message = format!(
                "the profile “{}” belongs to the account {} now, and was {}",
                say::clean(profile, 60),
                who.account,
                record.account
            );
            return Err(Error::new(ErrorKind::Conflict, "connect AWS", message)
                .next("Connect it again for the new account; what runs in the old one goes on, and is billed"));
        }
        self.records.change(|list| {
            if let Some(Record { from: From::Profile { mark, .. }, .. }) =
                list.iter_mut().find(|r| r.account == record.account)
            {
                *mark = now;
            }
        })
    }

    /// The account that needs no set-up: keys in the environment, or a default profile.
    pub(super) async fn ready_made(&self, files: &Files, cx: &Cx) -> Option<Result<Account>> {
        let (settings, source) = ready_made(files, cx)?;
        Some(self.open_ready_made(settings, source, files, cx).await)
    }
    async fn open_ready_made(&self, mut settings: Settings, source: String, files: &Files, cx: &Cx) -> Result<Account> {
        let mark = environment_mark();
        let note = if let Some(note) = self.records.note(mark) {
            note
        } else {
            let who = identity(&load(&settings).await?).await?;
            let note = Note::new(who, cx.now());
            self.records.put_note(mark, &note);
            note
        };
        settings.life = life_of_environment(files, note.seen, cx.now());
        let aws = self.aws(settings, &note.account).await?;
        let sso = files.sso_of(&profile_of_environment()).is_some() && given("AWS_ACCESS_KEY_ID").is_none();
        let renewal = if sso {
            Renewal::SignIn { id: format!("profile {}", profile_of_environment()) }
        } else {
            Renewal::Elsewhere { says: format!("Renew the keys where they come from: {source}") }
        };
        let facts = AccountFacts {
            cloud: self.cloud.clone(),
            account: aws.account().clone(),
            title: aws.title(),
            who: Some(note.arn).filter(|a| !a.is_empty()),
            home: Some(aws.inner.home.clone()),
            source,
            also: Vec::new(),
            this_session_only: None,
            removable: false,
            renewal,
        };
        Ok(Account { facts, provider: aws })
    }
}

/// Puts the account of the environment beside the connected ones. It comes first, since whoever sets the environment for one
/// command means it; reached twice, it is one.
pub(super) fn merge(opened: &mut Opened, account: Account, now: Timestamp) {
    let number = account.facts.account.clone();
    let same = |f: &AccountFacts| f.account == number;
    if let Some(at) = opened.accounts.iter().position(|a| same(&a.facts)) {
        let mut known = opened.accounts.remove(at);
        if known.provider.key_life().is_over(now) {
            known.provider = account.provider;
        }
        known.facts.also.push(account.facts.source);
        opened.accounts.insert(0, known);
        return;
    }
    let mut account = account;
    if let Some(at) = opened.problems.iter().position(|p| p.facts.as_ref().is_some_and(same)) {
        // Its own keys are gone, and the environment's are here: it is connected, under its name.
        let facts = opened.problems.remove(at).facts;
        account.facts = facts.map_or(account.facts.clone(), |f| AccountFacts {
            also: vec![f.source],
            source: account.facts.source.clone(),
            home: account.facts.home.clone(),
            this_session_only: None,
            ..f
        });
    }
    opened.accounts.insert(0, account);
}

pub(super) fn sso_role(session: &str, account: &str, role: &str, at: files::SsoAt) -> SsoRole {
    SsoRole {
        account: account.to_owned(),
        role: role.to_owned(),
        session: session.to_owned(),
        start_url: at.start_url,
        region: at.region,
    }
}
