//! Monthly budgets of the team's policy: what is left of them, and whether what is about to be started fits.
//!
//! What runs now has not been paid yet, so what it may still cost until its curfew is promised to it: otherwise two
//! launches in a row would each see the whole of what is left.

use crate::Engine;
use crate::store::{EndpointRow, Spent};
use curfew_core::endpoint::EndpointSpec;
use curfew_core::error::Bill;
use curfew_core::policy::{Budgets, Policy};
use curfew_core::provider::{Caution, Quote, Serving, Training};
use curfew_core::run::RunSpec;
use curfew_core::{
    Cost, Currency, Cx, Error, ErrorKind, HourlyRate, IntentId, MachineRef, Money, Project, Result, Timestamp, say,
};
use jiff::SignedDuration;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

/// Whose a budget is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Whose {
    /// The user's own, by the name that the policy has.
    Person(String),
    /// A project's, by the name that the policy has.
    Project(String),
    /// Everybody's.
    Team,
}

/// A month's budget and what is gone of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Budget {
    /// Whose it is.
    pub whose: Whose,
    /// Dollars a month.
    pub limit: Decimal,
    /// Dollars that runs and endpoints begun this month have cost, as last seen.
    pub spent: Decimal,
    /// Dollars that what is there now may still cost until its curfews, at most.
    pub promised: Decimal,
    /// How many of them have a cost or a price that is not known, and so is in neither number.
    pub unknown: usize,
}

impl Budget {
    fn new(whose: Whose, limit: Decimal) -> Self {
        Self { whose, limit, spent: Decimal::ZERO, promised: Decimal::ZERO, unknown: 0 }
    }
    /// What is left, in dollars; never below zero.
    pub fn left(&self) -> Decimal {
        (self.limit - self.spent - self.promised).max(Decimal::ZERO)
    }
    /// "you", "project “vision”", "your team".
    pub fn whose(&self) -> String {
        match &self.whose {
            Whose::Person(_) => "you".into(),
            Whose::Project(name) => format!("project “{name}”"),
            Whose::Team => "your team".into(),
        }
    }
    /// Its table in the policy file.
    pub fn rule(&self) -> &'static str {
        match self.whose {
            Whose::Person(_) => "monthly_budget_usd.people",
            Whose::Project(_) => "monthly_budget_usd.projects",
            Whose::Team => "monthly_budget_usd.team",
        }
    }
    /// "$3.20 is left of this month’s $100.00 for project “vision” ($90.00 spent, up to $6.80 for what is there now)".
    pub fn says(&self) -> String {
        let dollars = |d: Decimal| Money::usd(d).to_string();
        let mut gone = format!("{} spent", dollars(self.spent));
        if !self.promised.is_zero() {
            gone = format!("{gone}, up to {} for what is there now", dollars(self.promised));
        }
        if self.unknown > 0 {
            let what = say::count(self.unknown, "run or endpoint", "runs or endpoints");
            gone = format!("{gone}, not counted {what} of unknown cost");
        }
        let (left, limit) = (dollars(self.left()), dollars(self.limit));
        format!("{left} is left of this month’s {limit} for {} ({gone})", self.whose())
    }
    /// Does what this one did count here?
    fn counts(&self, owner: &str, project: Option<&Project>) -> bool {
        match &self.whose {
            // A policy may name a person without the computer.
            Whose::Person(name) => owner == name || owner.split('@').next() == Some(name),
            Whose::Project(name) => project.is_some_and(|p| p.is(name)),
            Whose::Team => true,
        }
    }
}

/// A run or an endpoint, as budgets see it.
#[derive(Clone, Copy)]
pub(crate) struct Payer<'a> {
    machine: &'a MachineRef,
    owner: &'a str,
    project: Option<&'a Project>,
    curfew: Timestamp,
    /// What it has been promised already is not counted twice.
    intent: &'a IntentId,
}

impl<'a> From<&'a RunSpec> for Payer<'a> {
    fn from(spec: &'a RunSpec) -> Self {
        let RunSpec { machine, owner, project, curfew, intent, .. } = spec;
        Self { machine, owner, project: project.as_ref(), curfew: *curfew, intent }
    }
}

impl<'a> From<&'a EndpointSpec> for Payer<'a> {
    fn from(spec: &'a EndpointSpec) -> Self {
        let EndpointSpec { machine, owner, project, curfew, intent, .. } = spec;
        Self { machine, owner, project: project.as_ref(), curfew: *curfew, intent }
    }
}

/// At what price something is about to be paid for.
struct Price<'a> {
    rate: &'a Cost<HourlyRate>,
    /// The longest time that it can be paid for; `None`: until its curfew.
    longest: Option<SignedDuration>,
    /// Is it paid by use besides?
    by_use: bool,
}

impl<'a> From<&'a Quote> for Price<'a> {
    fn from(quote: &'a Quote) -> Self {
        Self { rate: &quote.rate, longest: quote.longest, by_use: !quote.by_use.is_empty() }
    }
}

/// What one run or endpoint has to do with this month.
struct Spending {
    owner: String,
    project: Option<Project>,
    intent: IntentId,
    spent: Decimal,
    promised: Decimal,
    unknown: bool,
}

/// Dollars; other currencies are not added to them, and so count as not known.
fn dollars(money: &Money) -> Option<Decimal> {
    (money.currency() == Currency::USD).then(|| money.amount())
}

impl Engine {
    /// The budgets that hold for something of this owner and project, the one with the least left first.
    pub(crate) async fn budgets(
        &self,
        cx: &Cx,
        budgets: &Budgets,
        owner: &str,
        project: Option<&Project>,
        except: Option<&IntentId>,
    ) -> Result<Vec<Budget>> {
        let user = owner.split('@').next().unwrap_or(owner);
        let own = budgets.people.get_key_value(owner).or_else(|| budgets.people.get_key_value(user));
        let of_project = project.and_then(|p| budgets.of_project(p));
        let mut all: Vec<Budget> = Vec::new();
        all.extend(own.map(|(name, usd)| Budget::new(Whose::Person(name.clone()), *usd)));
        all.extend(of_project.map(|(name, usd)| Budget::new(Whose::Project(name.to_owned()), usd)));
        all.extend(budgets.team.map(|usd| Budget::new(Whose::Team, usd)));
        if all.is_empty() {
            return Ok(all);
        }
        for one in self.spendings(cx).await? {
            for budget in all.iter_mut().filter(|b| b.counts(&one.owner, one.project.as_ref())) {
                budget.spent += one.spent;
                if except != Some(&one.intent) {
                    budget.promised += one.promised;
                    budget.unknown += usize::from(one.unknown);
                }
            }
        }
        all.sort_by_key(Budget::left);
        Ok(all)
    }

    async fn spendings(&self, cx: &Cx) -> Result<Vec<Spending>> {
        let mut all = Vec::new();
        for row in self.store.runs().await?.iter().cloned() {
            let spec = row.spec;
            let status = row.status.map(|s| (s.created, s.state.is_over(), s.rate, s.so_far));
            let (spent, mut promised, unknown) = this_month(cx, status, &spec.machine, spec.curfew);
            if let Some(limit) = spec.stop.spend.as_ref().and_then(dollars) {
                promised = promised.min((limit - spent).max(Decimal::ZERO));
            }
            let (owner, project, intent) = (spec.owner, spec.project, spec.intent);
            all.push(Spending { owner, project, intent, spent, promised, unknown });
        }
        for row in self.store.endpoints().await?.iter().cloned() {
            let spec = row.spec;
            let status = row.status.map(|s| (s.created, s.state.is_over(), s.rate, s.so_far));
            let (spent, promised, unknown) = this_month(cx, status, &spec.machine, spec.curfew);
            let (owner, project, intent) = (spec.owner, spec.project, spec.intent);
            all.push(Spending { owner, project, intent, spent, promised, unknown });
        }
        let zoned = cx.now().to_zoned(cx.clock().zone());
        let month =
            zoned.first_of_month().and_then(|day| day.start_of_day()).map_or(zoned.timestamp(), |z| z.timestamp());
        for Spent { intent, owner, project, machine, created, so_far } in self.store.spent(month).await? {
            if all.iter().any(|one| one.intent == intent) {
                continue;
            }
            let gone = Cost::NotBilled { note: String::new() };
            let (spent, promised, unknown) = this_month(cx, Some((created, true, gone, so_far)), &machine, cx.now());
            all.push(Spending { owner, project, intent, spent, promised, unknown });
        }
        Ok(all)
    }

    /// Refuses what no budget has the money for. A price that is not known is refused too, as under the policy's ceiling
    /// on an hour's price; this computer costs nothing and is never refused.
    ///
    /// `field` is where the refusal stands.
    async fn hold_price(
        &self,
        cx: &Cx,
        policy: &Policy,
        payer: Payer<'_>,
        price: Price<'_>,
        field: &'static str,
    ) -> Result<()> {
        if payer.machine.is_local() {
            return Ok(());
        }
        let budgets = &policy.monthly_budget_usd;
        let all = self.budgets(cx, budgets, payer.owner, payer.project, Some(payer.intent)).await?;
        let Some(least) = all.first() else { return Ok(()) };
        let refuse = |message: String, next: String| {
            let error = Error::new(ErrorKind::Policy, "check the budget", message).at(field);
            Err(error.next(format!("{next}, or ask your lead for more ({} in the policy file)", least.rule())))
        };
        let an_hour = match price.rate {
            // How much it will be asked nobody knows: it is let in while there is anything left.
            Cost::NotBilled { .. } if price.by_use && least.left().is_zero() => {
                return refuse(format!("it is paid by use, and {}", least.says()), "Wait for the next month".into());
            }
            Cost::NotBilled { .. } => return Ok(()),
            Cost::Unknown { why } => {
                let message =
                    format!("its price is not known ({why}), so that no budget can hold it: {}", least.says());
                return refuse(message, "Choose a machine whose price is known".into());
            }
            Cost::Billed { amount, .. } | Cost::Estimated { amount, .. } => amount,
        };
        let until_curfew = || payer.curfew.duration_since(cx.now()).max(SignedDuration::ZERO);
        let time = price.longest.unwrap_or_else(until_curfew);
        let (Ok(most), Some(usd_an_hour)) = (an_hour.over(time), dollars(&an_hour.0)) else {
            let message = format!("what it would cost at most cannot be reckoned in dollars, and {}", least.says());
            return refuse(message, "Choose another machine".into());
        };
        if most.amount() <= least.left() {
            return Ok(());
        }
        // Up to the next minute: a ceiling of 3 h 59 m 59 s is one of four hours to a person.
        let minutes = SignedDuration::from_mins(time.as_secs().saturating_add(59) / 60);
        let lasts = format!("{an_hour} an hour for {}", say::duration(minutes));
        let moves = field == "curfew";
        let next = match affordable(least.left(), usd_an_hour) {
            Some(time) if moves => format!("Give it a curfew of {time} or less from now"),
            Some(time) => format!("Give it a curfew of {time} or less, choose a cheaper machine"),
            None if moves => "Let it end at its curfew".into(),
            None => "Use this computer, which costs nothing".into(),
        };
        refuse(format!("it would cost at most {most} ({lasts}), and {}", least.says()), next)
    }

    /// The same of a run or an endpoint at the price that its provider says.
    pub(crate) async fn hold_budget(
        &self,
        cx: &Cx,
        policy: &Policy,
        payer: impl Into<Payer<'_>>,
        quote: &Quote,
    ) -> Result<()> {
        self.hold_price(cx, policy, payer.into(), quote.into(), "machine").await
    }

    /// Once more, right before a run is started: since its plan was made, others may have spent what was left.
    pub(crate) async fn hold_launch(&self, cx: &Cx, spec: &RunSpec, training: &dyn Training) -> Result<()> {
        let policy = self.policy()?;
        if policy.monthly_budget_usd.is_empty() || spec.machine.is_local() {
            return Ok(());
        }
        let quote = training.quote(cx, spec).await?;
        self.hold_budget(cx, &policy, spec, &quote).await
    }

    /// Once more, right before an endpoint is made.
    pub(crate) async fn hold_deploy(&self, cx: &Cx, spec: &EndpointSpec, serving: &dyn Serving) -> Result<()> {
        let policy = self.policy()?;
        if policy.monthly_budget_usd.is_empty() || spec.machine.is_local() {
            return Ok(());
        }
        let quote = serving.quote(cx, spec).await?;
        self.hold_budget(cx, &policy, spec, &quote).await
    }

    /// Once more, before an endpoint's curfew is moved: what it has spent is spent, and until the new one it may cost more.
    pub(crate) async fn hold_extension(
        &self,
        cx: &Cx,
        policy: &Policy,
        row: &EndpointRow,
        curfew: Timestamp,
    ) -> Result<()> {
        // A curfew that comes sooner costs less, whatever is left.
        let Some(status) = row.status.as_ref().filter(|_| curfew > row.spec.curfew) else { return Ok(()) };
        let payer = Payer { curfew, ..Payer::from(&row.spec) };
        let price = Price { rate: &status.rate, longest: None, by_use: false };
        self.hold_price(cx, policy, payer, price, "curfew").await.map_err(|e| e.bill(Bill::StillRunning))
    }

    /// What to say of a project that the policy has no budget for, where it has some for others.
    pub(crate) fn caution_project(policy: &Policy, project: Option<&Project>, quote: &mut Quote) {
        let budgets = &policy.monthly_budget_usd;
        let Some(project) = project.filter(|p| !budgets.projects.is_empty() && budgets.of_project(p).is_none()) else {
            return;
        };
        let meant = budgets.near_project(project).map_or_else(String::new, |near| format!(" Did you mean “{near}”?"));
        quote.cautions.push(Caution {
            code: "project-without-budget".into(),
            says: format!("Your team's policy has no budget for the project “{project}”.{meant}"),
            risk: "What this costs counts towards no project's budget that it has.".into(),
            ask: false,
        });
    }
}

/// What of it counts this month: dollars spent, dollars that it may still cost, and whether one of them is not known.
fn this_month(
    cx: &Cx,
    status: Option<(Timestamp, bool, Cost<HourlyRate>, Cost<Money>)>,
    machine: &MachineRef,
    curfew: Timestamp,
) -> (Decimal, Decimal, bool) {
    let month = |t: Timestamp| {
        let date = t.to_zoned(cx.clock().zone()).date();
        (date.year(), date.month())
    };
    let Some((created, over, rate, so_far)) = status else { return (Decimal::ZERO, Decimal::ZERO, true) };
    let begun_now = month(created) == month(cx.now());
    let (spent, mut unknown) = match &so_far {
        _ if !begun_now => (Decimal::ZERO, false),
        Cost::NotBilled { .. } => (Decimal::ZERO, false),
        // A run that is not seen yet has cost nothing that is known; while it goes on, its price tells.
        Cost::Unknown { .. } => (Decimal::ZERO, true),
        Cost::Billed { amount, .. } | Cost::Estimated { amount, .. } => {
            dollars(amount).map_or((Decimal::ZERO, true), |usd| (usd, false))
        }
    };
    if over || machine.is_local() {
        return (spent, Decimal::ZERO, unknown && !machine.is_local());
    }
    let left = curfew.duration_since(cx.now());
    let promised = match &rate {
        Cost::NotBilled { .. } => Decimal::ZERO,
        Cost::Unknown { .. } => {
            unknown = true;
            Decimal::ZERO
        }
        Cost::Billed { amount, .. } | Cost::Estimated { amount, .. } => {
            amount.over(left).ok().as_ref().and_then(dollars).unwrap_or_else(|| {
                unknown = true;
                Decimal::ZERO
            })
        }
    };
    (spent, promised, unknown)
}

/// How long that much money lasts, as a curfew is typed; `None`: less than five minutes, which is no time to train.
fn affordable(left: Decimal, an_hour: Decimal) -> Option<String> {
    let minutes = (left.checked_div(an_hour)? * Decimal::from(60)).floor().to_i64()?;
    (minutes >= 5).then(|| say::exact_duration(SignedDuration::from_mins(minutes)))
}
