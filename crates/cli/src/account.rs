//! account show, may, policy, role, bucket, regions: what an account may do, and what it is set up with.

use crate::app;
use crate::out::{Exit, Failed, line, note, print_json, table};
use clap::{Args, Subcommand};
use curfew_core::access::{Access, Chosen, Level, May, Part, Report};
use curfew_core::provider::Provider;
use curfew_core::{Cx, Error, say};
use curfew_engine::Engine;
use jiff::SignedDuration;
use serde_json::json;

#[derive(Debug, Subcommand)]
pub(crate) enum AccountVerb {
    /// Whose keys these are, and what the account is set up with
    Show(Which),
    /// What may I do here?
    May(Which),
    /// A policy to ask an admin for
    Policy {
        /// read-only, researcher or full
        level: String,
        #[command(flatten)]
        which: Which,
    },
    /// The execution role: which there are, which is used; use another, or make one
    Role(Pick),
    /// The bucket for runs: which there are, which is used; use another, or make one
    Bucket(Pick),
    /// The regions that are enabled, and those that a sweep reads
    Regions {
        /// Ask anew, however young the answer is
        #[arg(long)]
        now: bool,
        #[command(flatten)]
        which: Which,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Which {
    /// The account, by number or title [default: the only one]
    #[arg(long, value_name = "ACCOUNT")]
    account: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Pick {
    /// Use this one from now on: a role's ARN, a bucket's name
    #[arg(long = "use", value_name = "NAME", conflicts_with_all = ["create", "forget"])]
    take: Option<String>,
    /// Make Curfew's own, after showing what it is
    #[arg(long, conflicts_with = "forget")]
    create: bool,
    /// Forget what was chosen
    #[arg(long)]
    forget: bool,
    /// Do not ask before making one
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    which: Which,
}

pub(crate) async fn account(verb: AccountVerb, json: bool) -> Result<Exit, Failed> {
    let engine = app::engine()?;
    let cx = engine.cx();
    let named = match &verb {
        AccountVerb::Show(which)
        | AccountVerb::May(which)
        | AccountVerb::Policy { which, .. }
        | AccountVerb::Regions { which, .. } => which,
        AccountVerb::Role(pick) | AccountVerb::Bucket(pick) => &pick.which,
    };
    let provider = engine.find_account(named.account.as_deref())?;
    let access = provider.access().ok_or_else(|| Error::input("account", "this account has no rights to look up"))?;
    match verb {
        AccountVerb::Show(_) => show(&cx, &*provider, access, json).await,
        AccountVerb::May(_) => Ok(may(&access.may(&cx).await?, json)),
        AccountVerb::Policy { level, .. } => policy(access, &level, json),
        AccountVerb::Role(pick) => part(&engine, &*provider, access, Part::Role, pick, json).await,
        AccountVerb::Bucket(pick) => part(&engine, &*provider, access, Part::Bucket, pick, json).await,
        AccountVerb::Regions { now, .. } => regions(&cx, access, now, json).await,
    }
}

async fn show(cx: &Cx, provider: &dyn Provider, access: &dyn Access, json: bool) -> Result<Exit, Failed> {
    let who = access.who(cx).await?;
    let (role, bucket) = (access.chosen(cx, Part::Role).await, access.chosen(cx, Part::Bucket).await);
    let regions = access.regions_known();
    if json {
        let plain = |chosen: &curfew_core::Result<Option<Chosen>>| match chosen {
            Ok(chosen) => json!(chosen),
            Err(e) => json!({ "error": curfew_core::Notice::from(e) }),
        };
        print_json(&json!({
            "cloud": provider.cloud(), "title": provider.title(), "who": who,
            "role": plain(&role), "bucket": plain(&bucket), "regions": regions,
        }));
        return Ok(Exit::Done);
    }
    line(format!("{}, account {}", say::clean(&provider.title(), 80), who.account));
    line(format!("{}: {}", who.says, say::clean(&who.principal, 200)));
    if let Some(caution) = &who.caution {
        line(caution);
    }
    for (title, chosen) in [("Execution role", role), ("Bucket for runs", bucket)] {
        line(format!("{title}: {}", in_words(chosen.as_ref().map(Option::as_ref))));
    }
    line(format!("Regions read: {}", names(&regions.read)));
    Ok(Exit::Done)
}

fn in_words(chosen: Result<Option<&Chosen>, &Error>) -> String {
    match chosen {
        Ok(Some(chosen)) => format!("{} ({})", say::clean(&chosen.id, 200), chosen.by),
        Ok(None) => "none yet; Curfew makes its own when something is started".into(),
        Err(e) => format!("not known: {}", say::clean(e.message(), 300)),
    }
}

fn names(regions: &[curfew_core::RegionName]) -> String {
    regions.iter().map(curfew_core::RegionName::as_str).collect::<Vec<_>>().join(", ")
}

fn may(report: &Report, json: bool) -> Exit {
    if json {
        print_json(report);
        return Exit::Done;
    }
    let rows: Vec<Vec<String>> = report
        .features
        .iter()
        .map(|f| {
            let (word, why) = match &f.may {
                May::Allowed { how } => ("yes", how.clone()),
                May::Unknown { why } => ("unknown", why.clone()),
                May::Denied { refused } => {
                    let each: Vec<_> = refused.iter().map(|r| format!("{} ({})", r.action, r.by)).collect();
                    ("no", each.join("; "))
                }
            };
            vec![f.title.clone(), word.into(), f.level.to_string(), why]
        })
        .collect();
    table(&["WHAT", "MAY I?", "POLICY", "WHY"], &rows);
    note(&report.how);
    for limit in &report.limits {
        note(limit);
    }
    Exit::Done
}

fn policy(access: &dyn Access, level: &str, json: bool) -> Result<Exit, Failed> {
    let level: Level = level.parse()?;
    let policy = access.policies().into_iter().find(|p| p.level == level);
    let policy = policy.ok_or_else(|| Error::input("level", "this account has no such policy"))?;
    if json {
        print_json(&policy);
    } else {
        note(format!("{}: {}", policy.name, policy.says));
        line(&policy.text);
    }
    Ok(Exit::Done)
}

async fn part(
    engine: &Engine,
    provider: &dyn Provider,
    access: &dyn Access,
    part: Part,
    pick: Pick,
    json: bool,
) -> Result<Exit, Failed> {
    let cx = engine.cx();
    let sheet = access.part(part);
    let chosen = if let Some(id) = &pick.take {
        Some(access.choose(&cx, part, id).await?)
    } else if pick.create {
        note(format!("{}: {}", sheet.ours, sheet.makes));
        for (title, text) in &sheet.documents {
            note(format!("{title}:\n{text}"));
        }
        if !pick.yes && !crate::out::ask(&format!("Make {}?", sheet.ours)) {
            return Ok(Exit::Failed);
        }
        Some(engine.set_up(&cx, provider, part).await?)
    } else {
        if pick.forget {
            access.unchoose(part)?;
        }
        None
    };
    if let Some(chosen) = chosen {
        if json {
            print_json(&json!({ "chosen": chosen }));
        } else {
            line(format!("{}: {}", sheet.title, in_words(Ok(Some(&chosen)))));
        }
        return Ok(Exit::Done);
    }
    let chosen = access.chosen(&cx, part).await;
    let found = access.found(&cx, part).await;
    if json {
        print_json(
            &json!({ "chosen": chosen.as_ref().ok(), "found": found.items, "gaps": found.gaps, "sheet": sheet }),
        );
    } else {
        line(format!("{}: {}", sheet.title, in_words(chosen.as_ref().map(Option::as_ref))));
        let rows: Vec<Vec<String>> =
            found.items.iter().map(|c| vec![c.id.clone(), c.notes.join(", "), c.cautions.join("; ")]).collect();
        if !rows.is_empty() {
            table(&["TO CHOOSE FROM", "", "BUT"], &rows);
        }
        for gap in &found.gaps {
            note(format!("Not listed: {}: {}", gap.what, say::clean(&gap.reason, 300)));
        }
    }
    Ok(if found.gaps.is_empty() { Exit::Done } else { Exit::NotRead })
}

async fn regions(cx: &Cx, access: &dyn Access, now: bool, json: bool) -> Result<Exit, Failed> {
    let at_most = if now { SignedDuration::ZERO } else { SignedDuration::from_hours(24) };
    let regions = access.regions(cx, at_most).await?;
    if json {
        print_json(&regions);
        return Ok(Exit::Done);
    }
    line(format!("Enabled: {}", names(&regions.enabled)));
    line(format!("Read by a sweep: {}", names(&regions.read)));
    if let Some(by) = &regions.limited_by {
        line(format!("Only these are read, as {by} says."));
    }
    if let Some(at) = regions.at {
        note(format!("As of {}.", say::when(at, &cx.clock().local())));
    }
    Ok(Exit::Done)
}
