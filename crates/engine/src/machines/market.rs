//! The catalogue as this home sees it: embedded prices, refreshed ones over them, this computer among them.

use super::told::Told;
use crate::Engine;
use curfew_catalog::cache::{self, Status};
use curfew_catalog::limits::new_account_levels;
use curfew_catalog::{
    Accelerator, Arch, Builder, Buy, Catalog, Limits, NewOffer, Note, Offer, Rate, Rules, Seen, Slot, Spec, Usd,
    Vocabulary, snapshot,
};
use curfew_core::policy::{Budgets, Policy};
use curfew_core::provider::Machine;
use curfew_core::{Cx, Error, ErrorKind, MachineRef, Result, Timestamp, say};
use jiff::civil::Date;
use rust_decimal::Decimal;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

/// Everything that a question is answered from. Immutable: a refresh makes a new one.
#[derive(Debug)]
pub struct Machines {
    catalog: Catalog,
    words: Vocabulary,
    /// What bars, with a new account's quotas counted where the account's own are not known.
    strict: Limits,
    /// The same with those quotas as cautions only.
    lenient: Limits,
    status: Status,
    notes: Vec<Note>,
    here: Option<Seen>,
}

/// What the market was made of; another stamp is another market.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Stamp {
    files: [Option<(SystemTime, u64)>; 2],
    policy: Policy,
    budget_left: Option<Usd>,
    told: Arc<Told>,
    here: Option<Machine>,
    /// Ages are told in the notes, so they are told anew now and then.
    hour: i64,
}

impl Machines {
    /// The offers, this computer among them.
    pub fn catalog(&self) -> &Catalog {
        &self.catalog
    }
    /// The words that needs are written in.
    pub fn words(&self) -> &Vocabulary {
        &self.words
    }
    /// What bars. `lenient`: a new account's quotas are cautions.
    pub fn limits(&self, lenient: bool) -> &Limits {
        if lenient { &self.lenient } else { &self.strict }
    }
    /// When which feed was last read.
    pub fn status(&self) -> &Status {
        &self.status
    }
    /// What is wrong with the prices or worth knowing: stale, damaged, failed, kept out.
    pub fn notes(&self) -> &[Note] {
        &self.notes
    }
    /// This computer, as a job is seen on it.
    pub fn here(&self) -> Option<&Seen> {
        self.here.as_ref()
    }
    /// The oldest and the newest price date of a cloud's offers.
    pub fn dates(&self, cloud: &str) -> Option<(Date, Date)> {
        self.catalog.dates(cloud).map(|(newest, oldest)| (oldest, newest))
    }
    /// "prices of 20 Jul to 24 Sep 2026, as built in", "AWS prices read 2 hours ago".
    pub fn prices_say(&self, now: Timestamp) -> String {
        match (self.status.oldest(), self.status.newest()) {
            (Some(oldest), Some(newest)) if say::ago(oldest, now) == say::ago(newest, now) => {
                format!("prices read {}", say::ago(newest, now))
            }
            (Some(oldest), Some(newest)) => {
                format!("prices read {}, the oldest {}", say::ago(newest, now), say::ago(oldest, now))
            }
            _ => {
                let newest = snapshot::about().newest;
                let until = newest.map_or_else(String::new, |d| format!(" up to {}", d.strftime("%-d %b %Y")));
                format!("built-in prices{until}")
            }
        }
    }
    /// The one offer that a key names (`aws:ec2:us-east-1:g5.xlarge[:spot]`, `local`).
    pub fn find(&self, key: &str) -> Result<Offer<'_>> {
        let shown = say::clean(key, 80);
        let wanted: MachineRef = key.trim().parse().map_err(|e| Error::input("machine", format!("{e}")))?;
        let mut found = self.catalog.find(&wanted);
        // A key without its component names the first of them that is for training.
        found.sort_by_key(|o| (o.key() != key.trim(), o.slot.component.as_deref() != Some("training"), o.id));
        found.into_iter().next().ok_or_else(|| {
            let message = format!("no offer is called “{shown}”");
            Error::new(ErrorKind::NotFound, "find the machine", message).next("See the names with curfew machines")
        })
    }
}

impl Engine {
    /// The market as it is now. Made once, and again only when the price files, the policy, the budget or this computer
    /// change.
    pub async fn machines(&self, cx: &Cx) -> Result<Arc<Machines>> {
        let policy = self.policy()?;
        let budget_left = self.budget_left(cx, &policy.monthly_budget_usd).await?;
        let stamp = Stamp {
            files: files(&self.home.prices()),
            policy,
            budget_left,
            told: self.told().await?,
            here: self.this_computer(cx).await,
            hour: cx.now().as_second().div_euclid(3600),
        };
        let mut shelf = self.shelf.market.lock().await;
        if let Some((known, market)) = &*shelf
            && *known == stamp
        {
            return Ok(market.clone());
        }
        let (made_of, folder, now) = (stamp.clone(), self.home.prices(), cx.now());
        let made = tokio::task::spawn_blocking(move || Arc::new(make(&made_of, &folder, now))).await;
        let market = made.map_err(|e| {
            Error::new(ErrorKind::Unknown, "load the prices", "the prices could not be loaded").caused_by(e)
        })?;
        *shelf = Some((stamp, market.clone()));
        Ok(market)
    }
    /// This computer as its provider describes it; `None` where there is none, or it cannot be asked.
    async fn this_computer(&self, cx: &Cx) -> Option<Machine> {
        let providers = self.providers();
        let local = providers.iter().find(|p| p.cloud().as_str() == "local")?;
        let found = local.offers()?.machines(cx).await;
        found.map_err(|e| tracing::warn!(error = ?e, "this computer could not be read")).ok()?.items.into_iter().next()
    }
    /// What is left of this month's budget of this user and of the team, the smaller of the two; `None`: no budget.
    async fn budget_left(&self, cx: &Cx, budgets: &Budgets) -> Result<Option<Usd>> {
        let who = crate::who();
        let user = who.split('@').next().unwrap_or(&who);
        let own = budgets.people.get(&who).or_else(|| budgets.people.get(user)).copied();
        if own.is_none() && budgets.team.is_none() {
            return Ok(None);
        }
        let (mine, all) = self.spent_this_month(cx, &who).await?;
        let left = |budget: Option<Decimal>, spent: Decimal| budget.map(|b| (b - spent).max(Decimal::ZERO));
        let least = [left(own, mine), left(budgets.team, all)].into_iter().flatten().min();
        Ok(least.and_then(Usd::from_decimal))
    }
    /// Dollars that runs and endpoints begun this month have cost, as last seen: this user's, and everybody's.
    async fn spent_this_month(&self, cx: &Cx, who: &str) -> Result<(Decimal, Decimal)> {
        let month = |t: Timestamp| {
            let date = t.to_zoned(cx.clock().zone()).date();
            (date.year(), date.month())
        };
        let now = month(cx.now());
        let (runs, endpoints) = (self.store.runs().await?, self.store.endpoints().await?);
        let runs = runs.iter().filter_map(|r| r.status.as_ref().map(|s| (&r.spec.owner, s.created, &s.so_far)));
        let endpoints =
            endpoints.iter().filter_map(|e| e.status.as_ref().map(|s| (&e.spec.owner, s.created, &s.so_far)));
        let (mut mine, mut all) = (Decimal::ZERO, Decimal::ZERO);
        for (owner, created, so_far) in runs.chain(endpoints) {
            let dollars = so_far.amount().map(curfew_core::Money::amount);
            let Some(usd) = dollars.filter(|_| month(created) == now) else { continue };
            all += usd;
            if *owner == who {
                mine += usd;
            }
        }
        Ok((mine, all))
    }
}

fn files(folder: &Path) -> [Option<(SystemTime, u64)>; 2] {
    ["offers.bin", "status.json"].map(|name| {
        let meta = std::fs::metadata(folder.join(name)).ok()?;
        Some((meta.modified().ok()?, meta.len()))
    })
}

fn make(stamp: &Stamp, folder: &Path, now: Timestamp) -> Machines {
    let prices = cache::load(Some(folder), now);
    let mut builder = Builder::from_catalog(&prices.catalog);
    if let Some(machine) = &stamp.here {
        add_here(&mut builder, machine);
    }
    let catalog = builder.build();
    let words = Vocabulary::new(&catalog);
    let rules = |defaults_bar| Rules {
        policy: stamp.policy.clone(),
        quotas: new_account_levels().into_iter().chain(stamp.told.quotas.iter().cloned()).collect(),
        defaults_bar,
        budget_left: stamp.budget_left,
        offered: stamp.told.types.iter().map(|t| (place(t), t.machines.iter().cloned().collect())).collect(),
        placement: stamp
            .told
            .scores
            .iter()
            .filter(|s| s.holds(now))
            .map(|s| ((s.machine.clone(), s.region.clone()), s.score))
            .collect(),
    };
    let (strict, lenient) = (Limits::new(&catalog, rules(true)), Limits::new(&catalog, rules(false)));
    let mut notes = prices.notes;
    notes.extend(prices.status.notes.iter().map(|(about, says)| Note { about: about.clone(), says: says.clone() }));
    let here = stamp.here.as_ref().map(seen_here);
    Machines { catalog, words, strict, lenient, status: prices.status, notes, here }
}

fn place(types: &super::told::KnownTypes) -> (String, String, String) {
    (types.cloud.clone(), types.service.clone(), types.region.clone())
}

/// This computer among the offers: no list price, since nobody sends a bill.
fn add_here(builder: &mut Builder, machine: &Machine) {
    let accelerator = machine.accelerators.as_deref().and_then(accelerator);
    builder.spec(Spec {
        vcpus: Some(machine.vcpus),
        memory_gib: Decimal::from_f64_retain(machine.memory_gib).map(|d| d.round_dp(1)),
        accelerator: accelerator.map(|(kind, count)| Accelerator {
            memory_gib: snapshot::perf_of(kind).and_then(|p| p.memory_gib).and_then(Decimal::from_f64_retain),
            kind: kind.into(),
            count: count.into(),
        }),
        arch: match std::env::consts::ARCH {
            "x86_64" => Some(Arch::X86),
            "aarch64" => Some(Arch::Arm),
            _ => None,
        },
        ..Spec::named("local", "here")
    });
    let slot = Slot {
        cloud: "local".into(),
        service: "local".into(),
        component: None,
        region: "here".into(),
        zone: None,
        buy: Buy::OnDemand,
    };
    let rate = Some(Rate::from_pico(0));
    builder.offer(&NewOffer { slot, machine: "here", rate, as_of: None, source: "this computer" });
}

fn seen_here(machine: &Machine) -> Seen {
    let accelerator = machine.accelerators.as_deref().and_then(accelerator);
    Seen {
        machine: "here".into(),
        vcpus: machine.vcpus,
        busy: None,
        accelerator: accelerator.map(|(kind, count)| (kind.to_owned(), f64::from(count))),
    }
}

/// The catalogue's kind in a driver's words ("Tesla T4 × 2"), and how many. A machine with GPUs of two kinds counts as
/// one with the first.
fn accelerator(says: &str) -> Option<(&'static str, u32)> {
    let first = says.split(", ").next()?;
    let (name, count) = first.rsplit_once(" × ").unwrap_or((first, "1"));
    let has = |kind: &str| {
        let plain = |t: &str| t.replace(['-', ' '], "").to_lowercase();
        name.split_whitespace().any(|word| word.eq_ignore_ascii_case(kind)) || plain(name).contains(&plain(kind))
    };
    // The longest name that is in it: "A100-80GB" before "A10".
    let kind =
        snapshot::perf().iter().map(|p| p.accelerator_name.as_str()).filter(|k| has(k)).max_by_key(|k| k.len())?;
    Some((kind, count.parse().unwrap_or(1)))
}
