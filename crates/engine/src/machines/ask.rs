//! A question as typed, and as the catalogue takes it. What is wrong is told at its field, and what was understood is
//! answered all the same, so that a list can follow each key.

use super::facets::{self, Facet};
use super::jobs::Job;
use super::market::Machines;
use crate::Engine;
use crate::budget::Budget;
use crate::input::{FieldErrors, dollars, given, project};
use curfew_catalog::near::Near;
use curfew_catalog::need::{BadWord, Clash};
use curfew_catalog::{
    Assumptions, Barred, BudgetLeft, Explained, Need, Offer, Order, Picked, Question, Rates, Usd, Work,
};
use curfew_core::curfew::CurfewSpec;
use curfew_core::{AccountId, CloudId, Cx, Error, Project, Result, Timestamp, say};
use jiff::SignedDuration;
use std::path::Path;
use std::sync::Arc;

/// What a form or a command line asks. Everything is text as typed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MachinesRequest {
    /// The need in words: "1 GPU, 12 GiB or more".
    pub words: String,
    /// A [`Job::id`], or a script folder; empty: none.
    pub job: String,
    /// How long the job takes: "2", "90 min", "2h30m".
    pub hours: String,
    /// "21:00", "today 21:00", "tomorrow 8:00", "4h".
    pub ready_by: String,
    /// "$5".
    pub max_usd: String,
    /// What an hour of the user's time is worth: "$50". Empty: as kept in the settings.
    pub hour_usd: String,
    /// What the job is for; empty: what the job's script folder says.
    pub project: String,
    /// An account, where a cloud has several here; empty: each cloud's first.
    pub account: String,
    /// Chosen facets: dimension and value.
    pub facets: Vec<(String, String)>,
    /// A new account's quotas are cautions and do not bar.
    pub lenient: bool,
    /// Sorted by: an [`Order`] in kebab case; empty: the best first.
    pub sort: String,
    /// From the high end.
    pub descending: bool,
    /// What becomes of barred rows: `last`, `hidden`; else where the order puts them.
    pub barred: String,
}

/// An account that a machine can be for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountChoice {
    /// Its cloud.
    pub cloud: CloudId,
    /// The account.
    pub account: AccountId,
    /// What to call it.
    pub title: String,
}

/// A question, ready to be answered as often as needed.
#[derive(Debug)]
pub struct Asked {
    /// What it is answered from.
    pub machines: Arc<Machines>,
    /// What is needed, as understood.
    pub need: Need,
    /// What is known of the job.
    pub work: Work,
    /// The job itself, where one was chosen.
    pub job: Option<Job>,
    /// What is assumed.
    pub assume: Assumptions,
    /// When it must be done.
    pub ready_at: Option<Timestamp>,
    /// What an hour of the user's time is worth.
    pub hourly_value: Option<Usd>,
    /// What the job is for.
    pub project: Option<Project>,
    /// The accounts to choose from: those of clouds that have several here, in the order in which they are tried.
    pub accounts: Vec<AccountChoice>,
    /// The one that was chosen.
    pub account: Option<AccountId>,
    /// The budget with the least left, of those that hold for this user and project.
    pub budget: Option<Budget>,
    /// Whose it is, for a sentence.
    whose: String,
    /// Words that were not understood.
    pub bad: Vec<BadWord>,
    /// Two things that cannot both be had.
    pub clashes: Vec<Clash>,
    /// What is wrong with the other fields; `words` first.
    pub wrong: Vec<Error>,
    /// The order.
    pub order: Order,
    /// From the high end.
    pub descending: bool,
    /// Barred rows.
    pub barred: Barred,
    lenient: bool,
    now: Timestamp,
    /// The need from words and fields alone, and what facets were chosen.
    plain: Need,
    chosen: Vec<(String, String)>,
}

/// The orders by the words that sort by them.
const ORDERS: [(&str, Order); 8] = [
    ("best", Order::Best),
    ("money", Order::Money),
    ("per-hour", Order::PerHour),
    ("done-in", Order::DoneIn),
    ("machine", Order::Machine),
    ("vcpus", Order::Vcpus),
    ("memory", Order::Memory),
    ("accelerators", Order::Accelerators),
];

impl Engine {
    /// Reads a question. Only a policy or a store that cannot be read is an error; all else is told in [`Asked`].
    pub async fn ask_machines(&self, cx: &Cx, request: &MachinesRequest) -> Result<Asked> {
        let policy = self.policy()?;
        let accounts = self.several_accounts();
        let typed = given(Some(&request.account)).map(|text| AccountId(text.to_owned()));
        let known = |a: &AccountId| self.providers().iter().any(|p| p.account() == a);
        let (account, unknown) = match typed {
            Some(account) if known(&account) => (Some(account), None),
            other => (None, other),
        };
        let machines = self.machines_for(cx, account.as_ref()).await?;
        let kept = if request.hour_usd.trim().is_empty() { self.settings().await?.hour_usd } else { None };
        let jobs = self.jobs().await?;
        let mut asked = Asked::new(machines, &jobs, request, kept.and_then(Usd::from_decimal), cx);
        asked.assume = self.assumptions().await?;
        (asked.accounts, asked.account) = (accounts, account);
        asked.wrong.extend(unknown.map(|a| {
            let says = format!("no account “{}” is connected", say::clean(&a.0, 40));
            Error::input("account", says).next("See them with curfew accounts, or under Settings, Accounts")
        }));
        let dir = asked.job.as_ref().map(|j| j.dir.as_path());
        asked.project = project(given(Some(&request.project)), dir).unwrap_or_else(|e| {
            let at_job = e.field() == Some("dir");
            asked.wrong.push(if at_job { e.at("job") } else { e });
            None
        });
        let budgets = &policy.monthly_budget_usd;
        let holding = self.budgets(cx, budgets, &crate::who(), asked.project.as_ref(), None).await?;
        asked.budget = holding.into_iter().next();
        asked.whose = asked.budget.as_ref().map_or_else(String::new, Budget::whose);
        Ok(asked)
    }
}

impl Engine {
    /// The accounts of clouds that have several here.
    fn several_accounts(&self) -> Vec<AccountChoice> {
        let providers = self.providers();
        let able = || providers.iter().filter(|p| p.training().is_some() || p.market().is_some());
        let several = able().filter(|p| able().filter(|o| o.cloud() == p.cloud()).count() > 1);
        several
            .map(|p| AccountChoice { cloud: p.cloud().clone(), account: p.account().clone(), title: p.title() })
            .collect()
    }
}

impl Asked {
    fn new(machines: Arc<Machines>, jobs: &[Job], request: &MachinesRequest, kept: Option<Usd>, cx: &Cx) -> Self {
        let now = cx.clock().local();
        let mut wrong = Vec::new();
        let mut take = |result: Result<Option<Usd>, Error>| {
            result.unwrap_or_else(|e| {
                wrong.push(e);
                None
            })
        };
        let reading = machines.words().read(&request.words);
        let usd = |field, text: &String| match given(Some(text)) {
            None => Ok(None),
            Some(text) => dollars(field, text).map(|m| Usd::from_decimal(m.amount())),
        };
        let max_usd = take(usd("max_usd", &request.max_usd));
        let hourly_value = take(usd("hour_usd", &request.hour_usd)).or(kept);
        let mut need = reading.need.clone();
        need.max_usd = [need.max_usd, max_usd].into_iter().flatten().min();
        let mut job = None;
        if let Some(text) = given(Some(&request.job)) {
            job = jobs.iter().find(|j| j.id == text || j.dir == Path::new(text)).cloned();
            if job.is_none() {
                let text = say::clean(text, 120);
                let says = format!("nothing is known yet of how long “{text}” takes");
                wrong.push(
                    Error::input("job", says).next("Time it here first: curfew trial DIR, or the button on Train"),
                );
            }
        }
        if let Some(text) = given(Some(&request.hours)) {
            match hours(text) {
                Some(time) => need.hours = Some(time),
                None => wrong.push(Error::input(
                    "hours",
                    format!("“{}” is not a time; write 2, 1.5 h or 90 min", say::clean(text, 40)),
                )),
            }
        }
        if let Some(text) = given(Some(&request.ready_by)) {
            let plain = text.strip_prefix("today").map_or(text, str::trim);
            match plain.parse::<CurfewSpec>() {
                Ok(spec) => need.ready_by = Some(spec),
                Err(_) => wrong.push(Error::input(
                    "ready_by",
                    format!(
                        "“{}” is not a time; write 21:00, tomorrow 8:00, 4h or 2026-11-21 22:00",
                        say::clean(text, 40)
                    ),
                )),
            }
        }
        let mut ready_at = None;
        if let Some(spec) = &need.ready_by {
            match spec.resolve(&now) {
                Ok(at) => ready_at = Some(at),
                Err(e) => wrong.push(Error::input("ready_by", e.to_string().replace("curfew", "time"))),
            }
        }
        let order = ORDERS.iter().find(|(word, _)| *word == request.sort).map_or(Order::Best, |(_, order)| *order);
        let barred = match request.barred.as_str() {
            "last" => Barred::Last,
            "hidden" => Barred::Hidden,
            _ => Barred::InPlace,
        };
        let plain = need.clone();
        facets::apply(&mut need, &request.facets, None);
        let stated = need.hours.map(|h| i64::try_from(h.as_millis()).unwrap_or(i64::MAX));
        let accelerators = need.accelerators_used();
        let work = match &job {
            Some(job) => job.work(&machines, accelerators, stated),
            None => Work { stated_ms: stated, accelerators, ..Work::default() },
        };
        Self {
            machines,
            need,
            work,
            job,
            assume: Assumptions::default(),
            ready_at,
            hourly_value,
            accounts: Vec::new(),
            account: None,
            project: None,
            budget: None,
            whose: String::new(),
            bad: reading.bad,
            clashes: reading.clashes,
            wrong,
            order,
            descending: request.descending,
            barred,
            lenient: request.lenient,
            now: now.timestamp(),
            plain,
            chosen: request.facets.clone(),
        }
    }
    /// The question with so many rows.
    pub fn question(&self, take: usize) -> Question<'_> {
        let left = |at: Timestamp| i64::try_from(at.duration_since(self.now).as_millis()).unwrap_or(i64::MAX);
        Question {
            need: &self.need,
            work: &self.work,
            limits: self.machines.limits(self.lenient),
            rates: Rates::embedded(),
            assume: &self.assume,
            time_left_ms: self.ready_at.map(left),
            hourly_value: self.hourly_value,
            budget: self.budget_left(),
            order: self.order,
            descending: self.descending,
            barred: self.barred,
            take,
        }
    }
    /// The account that an offer of a cloud is for, where the cloud has several here: the chosen one, else the first.
    pub fn account_at(&self, cloud: &str) -> Option<&AccountId> {
        let mut of_cloud = self.accounts.iter().filter(|a| a.cloud.as_str() == cloud).map(|a| &a.account);
        let chosen = of_cloud.clone().find(|a| Some(*a) == self.account.as_ref());
        chosen.or_else(|| of_cloud.next())
    }
    fn budget_left(&self) -> Option<BudgetLeft<'_>> {
        let budget = self.budget.as_ref()?;
        // An amount that does not fit is more than anything costs.
        let left = Usd::from_decimal(budget.left())?;
        Some(BudgetLeft { left, whose: &self.whose, rule: budget.rule() })
    }
    /// The first rows and the marked ones. Two things that exclude each other have no answer.
    pub fn pick(&self, take: usize) -> Picked {
        if self.clashes.is_empty() { self.machines.catalog().pick(&self.question(take)) } else { Picked::default() }
    }
    /// Why the best row is the best, or why there is none.
    pub fn why(&self, picked: &Picked) -> String {
        match self.clashes.first() {
            Some(clash) => format!("{clash}."),
            None => self.machines.catalog().why(&self.question(picked.rows.len()), picked),
        }
    }
    /// One offer opened up.
    pub fn explain(&self, offer: &Offer<'_>) -> Explained {
        self.machines.catalog().explain(&self.question(1), offer.id)
    }
    /// For a need that nothing meets: the nearest that exist.
    pub fn nearest(&self) -> Vec<Near> {
        if self.clashes.is_empty() { self.machines.catalog().nearest(&self.need) } else { Vec::new() }
    }
    /// What can be narrowed down further, with counts under everything else that was asked.
    pub fn facets(&self) -> Vec<Facet> {
        if self.clashes.is_empty() {
            facets::count(self.machines.catalog(), &self.plain, &self.assume, &self.chosen)
        } else {
            Vec::new()
        }
    }
    /// Is any machine's time known?
    pub fn is_timed(&self) -> bool {
        !self.work.is_unknown()
    }
    /// Everything that is wrong, as a command line takes it: nothing is answered then.
    pub fn check(&self) -> Result<(), FieldErrors> {
        let mut all: Vec<Error> = self.bad.iter().map(|b| Error::input("words", b.to_string())).collect();
        all.extend(self.clashes.iter().map(|c| Error::input("words", c.to_string())));
        let same = |e: &Error| Error::input(e.field().unwrap_or("words"), e.message().to_owned());
        all.extend(self.wrong.iter().map(|e| e.next_step().map_or_else(|| same(e), |next| same(e).next(next))));
        if all.is_empty() { Ok(()) } else { Err(FieldErrors(all)) }
    }
}

/// What an hour of the user's time is worth, as typed: "$50".
pub fn hourly_value(text: &str) -> Result<rust_decimal::Decimal> {
    dollars("hour_usd", text).map(|m| m.amount())
}

/// "2", "1.5", "2 h", "90 min", "2h30m", "1 d".
fn hours(text: &str) -> Option<SignedDuration> {
    use rust_decimal::prelude::{Decimal, ToPrimitive};
    let lower = text.trim().to_lowercase();
    let end = lower.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(lower.len());
    let (number, unit) = lower.split_at(end);
    let seconds = match unit.trim() {
        "" | "h" | "hr" | "hrs" | "hour" | "hours" => 3600,
        "m" | "min" | "mins" | "minute" | "minutes" => 60,
        "s" | "sec" | "seconds" => 1,
        "d" | "day" | "days" => 86_400,
        _ => {
            return match lower.parse::<CurfewSpec>() {
                Ok(CurfewSpec::For(time)) => Some(time),
                _ => None,
            };
        }
    };
    let ms = (number.parse::<Decimal>().ok()?.checked_mul(Decimal::from(seconds * 1000))?).round().to_i64()?;
    // Ten years: beyond it nobody means it, and sums of times stay small.
    (1..=315_360_000_000).contains(&ms).then(|| SignedDuration::from_millis(ms))
}

#[cfg(test)]
mod tests {
    #[test]
    fn hours_as_people_write_them() {
        let check = |text: &str, expect: Option<i64>| {
            assert_eq!(super::hours(text).map(|h| h.as_secs()), expect, "{text}");
        };
        check("2", Some(7200));
        check("1.5 h", Some(5400));
        check("90 min", Some(5400));
        check("2h30m", Some(9000));
        check("3 days", Some(259_200));
        for bad in ["", "0", "-1", "soon", "1.2.3", "22:00", "99999999999999999999"] {
            check(bad, None);
        }
    }
}
