//! Answers opened up: a row's arithmetic, why it is barred and what to do about it, and why the best row is the best.

use crate::finish::{Charge, Row, Term, spoken};
use crate::limits::{QuotaAsk, QuotaOrigin, bar};
use crate::offers::{Catalog, Offer, OfferId};
use crate::pick::Picked;
use crate::plan::{Plan, Question};
use crate::spec::{Buy, Class};
use crate::work::Estimate;
use rust_decimal::Decimal;
use serde::Serialize;
use std::fmt::Write as _;

/// What a barred row's user can do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum WayOut {
    /// Ask the cloud for more, with everything filled in.
    AskQuota(QuotaAsk),
    /// Ask the lead to change a rule of the team's policy: its key in the file, and what it would have to be.
    AskLead {
        /// `max_usd_per_hour`, `families` …
        rule: &'static str,
        /// "6", "g5".
        needs: String,
    },
    /// Take the same machine as spot.
    TakeSpot,
    /// Change one's own need: its field, and what it would have to be.
    ChangeNeed {
        /// `ready_by`, `max_usd`.
        field: &'static str,
        /// "9 h 40 m from now", "6.02".
        needs: String,
    },
    /// Nothing here.
    Nothing,
}

/// Why a row is barred.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reason {
    /// Stable: `deadline`, `cap`, `budget`, `quota`, `policy-price`, `policy-family`, `policy-region`, `policy-spot`,
    /// `policy-curfew`, `not-offered`, `commitment`.
    pub code: &'static str,
    /// For a tag: "quota here is 0 · ask for 4".
    pub tag: String,
    /// One sentence.
    pub says: String,
    /// What can be done.
    pub way_out: WayOut,
}

/// A row opened up.
#[derive(Debug, Clone, Serialize)]
pub struct Explained {
    /// `aws:ec2:us-east-1:g5.xlarge`.
    pub key: String,
    /// Its figures.
    pub row: Row,
    /// How long it takes and why; `None`: not known.
    pub estimate: Option<Estimate>,
    /// The arithmetic: "to finish", and "your waiting" beside it.
    pub terms: Vec<Term>,
    /// Why it is barred; empty: it is not.
    pub reasons: Vec<Reason>,
    /// What is good to know before it is used.
    pub cautions: Vec<String>,
    /// Its quota, where we know of one.
    pub quota: Option<QuotaAsk>,
    /// Spot placement score, 1 to 10, where it was asked.
    pub placement: Option<u8>,
}

impl Catalog {
    /// Opens up one offer under a question.
    pub fn explain(&self, question: &Question<'_>, id: OfferId) -> Explained {
        let plan = Plan::new(self, question);
        let offer = self.offer(id);
        let row = plan.row(&offer);
        Explained {
            key: offer.key(),
            estimate: question.work.on(offer.spec),
            terms: plan.arithmetic(&offer, &row),
            reasons: self.reasons(question, &row),
            cautions: cautions(question, &offer, &row),
            quota: question.limits.quota(&offer),
            placement: question.limits.placement(&offer),
            row,
        }
    }
    /// Why a row is barred, the reason that is hardest to get around first; empty: it is not.
    pub fn reasons(&self, question: &Question<'_>, row: &Row) -> Vec<Reason> {
        let offer = self.offer(row.id);
        let all = [
            bar::NOT_OFFERED,
            bar::COMMITMENT,
            bar::QUOTA,
            bar::PRICE,
            bar::SPOT,
            bar::FAMILY,
            bar::REGION,
            bar::CURFEW,
            bar::BUDGET,
            bar::DEADLINE,
            bar::CAP,
        ];
        all.into_iter().filter(|b| row.bars & b != 0).map(|b| reason(b, question, &offer, row)).collect()
    }
    /// Why the best row is the best, in a sentence or two; why there is none, where there is none.
    pub fn why(&self, question: &Question<'_>, picked: &Picked) -> String {
        let Some(best) = &picked.best else { return self.why_none(question, picked) };
        let name = self.name(best.id);
        let Some((costs, times)) = best.costs.zip(best.times) else {
            let least = match (best.charge, best.charge.rate()) {
                (Charge::NotBilled, _) | (_, None) => format!("Nobody sends a bill for {}", decapital(&name)),
                (_, Some(r)) => {
                    let rate = r.usd().to_money();
                    format!("{name} has the lowest price an hour ({rate} an hour) of what is open to you")
                }
            };
            return format!(
                "{least}. Say how long the job takes, or try it here first, to compare by what it costs to finish."
            );
        };
        let (money, done) = (costs.total.to_money(), spoken(times.done.ms));
        let mut says = match best.charge {
            Charge::NotBilled => format!("{name} costs nothing that is billed and is done in {done}"),
            _ => format!("{name} comes to {money} and is done in {done}"),
        };
        let cheapest = picked.cheapest.as_ref().filter(|c| c.id != best.id);
        match (cheapest.and_then(|c| Some((c, c.costs?, c.times?))), costs.waiting) {
            (Some((row, other, theirs)), Some(waiting)) => {
                let dearer = (costs.total - other.total).to_money();
                let sooner = spoken(theirs.done.ms - times.done.ms);
                let saved = (other.waiting.unwrap_or_default() - waiting).to_money();
                let _ = write!(
                    says,
                    ": {dearer} more than {}, but {sooner} sooner, which is worth {saved} of your time",
                    self.name(row.id)
                );
            }
            (_, Some(_)) => says.push_str(": the least of money and of your waiting together"),
            (_, None) => says.push_str(": the least money of what is open to you"),
        }
        if let Some(limit) = met(question) {
            let _ = write!(says, ", within {limit}");
        }
        says.push('.');
        says
    }
    fn why_none(&self, question: &Question<'_>, picked: &Picked) -> String {
        if picked.fitting == 0 {
            return "Nothing fits this need.".to_owned();
        }
        if picked.unpriced == picked.fitting {
            return "No price is known for what fits; connect an account and refresh the prices.".to_owned();
        }
        let mut counts: Vec<(usize, &'static str)> = Vec::new();
        for row in &picked.rows {
            for reason in self.reasons(question, row) {
                match counts.iter_mut().find(|c| c.1 == reason.code) {
                    Some(count) => count.0 += 1,
                    None => counts.push((1, reason.code)),
                }
            }
        }
        counts.sort_unstable_by(|a, b| b.cmp(a));
        let words = counts.iter().take(2).map(|(n, code)| format!("{n} by {}", in_words(code)));
        let by = words.collect::<Vec<_>>().join(", ");
        if by.is_empty() {
            return "None of what fits can be reckoned to the end: price or time is not known.".to_owned();
        }
        format!("All that fits is barred (of the {} shown: {by}). Each row says the way out.", picked.rows.len())
    }
    /// "AWS g5.xlarge, spot, us-east-1", "This computer".
    pub fn name(&self, id: OfferId) -> String {
        let offer = self.offer(id);
        if offer.is_local() {
            return "This computer".to_owned();
        }
        let cloud = crate::spec::cloud_title(&offer.slot.cloud);
        let bought = match offer.slot.buy {
            Buy::OnDemand => "",
            Buy::Spot => ", spot",
            Buy::ManagedSpot => ", managed spot",
            Buy::OneYear => ", committed for a year",
            Buy::ThreeYears => ", committed for three years",
        };
        format!("{cloud} {}{bought}, {}", offer.spec.machine, offer.slot.zone.as_ref().unwrap_or(&offer.slot.region))
    }
}

/// "this computer" within a sentence; names of clouds keep their capital.
fn decapital(name: &str) -> String {
    if name == "This computer" { "this computer".to_owned() } else { name.to_owned() }
}

/// The limits that the best row meets, for its sentence.
fn met(question: &Question<'_>) -> Option<String> {
    let mut limits = Vec::new();
    limits.extend(question.time_left_ms.map(|ms| format!("the {} you have", spoken(ms))));
    limits.extend(question.need.max_usd.map(|usd| format!("your {}", usd.to_money())));
    (!limits.is_empty()).then(|| limits.join(" and "))
}

fn in_words(code: &str) -> &'static str {
    match code {
        "deadline" => "the deadline",
        "cap" => "your spending limit",
        "budget" => "what is left of the budget",
        "quota" => "quota",
        "not-offered" => "the region, which does not offer them",
        "commitment" => "being commitments",
        _ => "team policy",
    }
}

fn reason(which: u16, question: &Question<'_>, offer: &Offer<'_>, row: &Row) -> Reason {
    let policy = &question.limits.rules().policy;
    let rate = row.charge.rate().map(|r| r.usd().to_money().to_string()).unwrap_or_default();
    let total = row.costs.map(|c| c.total.to_money().to_string()).unwrap_or_default();
    let done = row.times.map_or(0, |t| t.done.ms);
    let dollars = |d: Option<Decimal>| d.map(|d| curfew_core::Money::usd(d).to_string()).unwrap_or_default();
    let lead = |rule, needs: String| WayOut::AskLead { rule, needs };
    let own = |field, needs: String| WayOut::ChangeNeed { field, needs };
    match which {
        bar::DEADLINE => {
            let late = spoken(done - question.time_left_ms.unwrap_or(done));
            Reason {
                code: "deadline",
                tag: format!("{late} too late"),
                says: format!("It would be done in {}, which is {late} too late.", spoken(done)),
                way_out: own("ready_by", format!("{} from now", spoken(done))),
            }
        }
        bar::CAP => {
            let cap = question.need.max_usd.map(|c| c.to_money().to_string()).unwrap_or_default();
            Reason {
                code: "cap",
                tag: format!("over your {cap}"),
                says: format!("It would come to {total}, above the {cap} that you want to spend at most."),
                way_out: own("max_usd", row.costs.map(|c| c.total.to_string()).unwrap_or_default()),
            }
        }
        bar::BUDGET => {
            let left = question.budget.map(|b| b.left.to_money().to_string()).unwrap_or_default();
            let whose = question.budget.map_or("", |b| b.whose);
            let more = row.costs.zip(question.budget).map(|(c, b)| (c.total - b.left).to_money().to_string());
            let of_it = format!("of this month's budget {left} is left for {whose}");
            Reason {
                code: "budget",
                tag: format!("over the {left} left for {whose}"),
                says: match row.costs {
                    Some(_) => format!("It would come to {total}, and {of_it}."),
                    None => format!("It costs {rate} an hour, and {of_it}."),
                },
                way_out: lead(
                    question.budget.map_or("monthly_budget_usd", |b| b.rule),
                    format!("{} more this month for {whose}", more.unwrap_or_else(|| "what it costs".into())),
                ),
            }
        }
        bar::QUOTA => quota_reason(question, offer),
        bar::PRICE => {
            let cap = dollars(policy.max_usd_per_hour);
            Reason {
                code: "policy-price",
                tag: format!("over your team’s {cap} an hour"),
                says: format!("It costs {rate} an hour; your team's policy allows {cap}."),
                way_out: lead("max_usd_per_hour", row.charge.rate().map(|r| r.to_string()).unwrap_or_default()),
            }
        }
        bar::SPOT => {
            let above = dollars(policy.spot_above_usd_per_hour);
            Reason {
                code: "policy-spot",
                tag: format!("spot only above {above} an hour"),
                says: format!(
                    "Above {above} an hour your team's policy asks for spot, and this is on demand at {rate}."
                ),
                way_out: WayOut::TakeSpot,
            }
        }
        bar::FAMILY => {
            let family = offer.spec.family();
            Reason {
                code: "policy-family",
                tag: format!("{family} is not on your team’s list"),
                says: format!("Your team's policy allows {}, and this is {family}.", policy.families.join(", ")),
                way_out: lead("families", family.to_owned()),
            }
        }
        bar::REGION => {
            let region = &offer.slot.region;
            Reason {
                code: "policy-region",
                tag: format!("{region} is not on your team’s list"),
                says: format!("Your team's policy allows {}, and this is in {region}.", policy.regions.join(", ")),
                way_out: lead("regions", region.to_string()),
            }
        }
        bar::CURFEW => {
            let longest = policy.longest_curfew.to_string();
            Reason {
                code: "policy-curfew",
                tag: format!("longer than your team’s {longest}"),
                says: format!("It would take {}; your team's longest curfew is {longest}.", spoken(done)),
                way_out: lead("longest_curfew", spoken(done)),
            }
        }
        bar::COMMITMENT => Reason {
            code: "commitment",
            tag: "a commitment".to_owned(),
            says: "This price is for a commitment of a year or more, paid whether or not anything runs.".to_owned(),
            way_out: WayOut::Nothing,
        },
        _ => Reason {
            code: "not-offered",
            tag: format!("not offered in {}", offer.slot.region),
            says: format!("{} does not offer {} to this account.", offer.slot.region, offer.spec.machine),
            way_out: WayOut::Nothing,
        },
    }
}

fn quota_reason(question: &Question<'_>, offer: &Offer<'_>) -> Reason {
    let Some(ask) = question.limits.quota(offer) else {
        let says = "Its quota is used up.".to_owned();
        return Reason { code: "quota", tag: "quota".to_owned(), says, way_out: WayOut::Nothing };
    };
    let value = ask.value.unwrap_or_default().normalize();
    let (needs, wanted, unit) = (ask.needs.normalize(), ask.ask_for.normalize(), ask.unit.clone());
    let used =
        ask.used.filter(|u| !u.is_zero()).map(|u| format!(", {} of it in use", u.normalize())).unwrap_or_default();
    let whose = match ask.origin {
        Some(QuotaOrigin::Applied) | None => format!("Your quota in {} is {value} {unit}{used}", offer.slot.region),
        Some(QuotaOrigin::NewAccount) => {
            format!("A new account starts with {value} {unit}; what yours has is not known until it is connected")
        }
    };
    let name = ask.name.as_deref().map(|n| format!(" ({n})")).unwrap_or_default();
    Reason {
        code: "quota",
        tag: format!("quota here is {value} · ask for {wanted}"),
        says: format!("{whose}, and this machine takes {needs}{name}."),
        way_out: WayOut::AskQuota(ask),
    }
}

fn cautions(question: &Question<'_>, offer: &Offer<'_>, row: &Row) -> Vec<String> {
    let mut says = Vec::new();
    let slot = offer.slot;
    match row.charge {
        Charge::Unknown => {
            says.push("Its price is not known, so it is never best; an account's refresh may tell.".into());
        }
        Charge::AtMost(_) => says.push("Managed spot has no list price: this is the most it can cost.".into()),
        _ => {}
    }
    if &*slot.service == "sagemaker" && slot.component.is_none() {
        says.push(
            "The source does not name the component (training, hosting, notebook) that this price is for.".into(),
        );
    }
    let quota = question.limits.quota(offer);
    if let Some(ask) = quota.filter(|_| row.bars & bar::QUOTA == 0) {
        let unknown = ask.value.is_none();
        let short = ask.value.is_some_and(|v| v < ask.needs);
        if unknown {
            says.push(format!("Whether your quota allows it is unknown ({}).", ask.name.unwrap_or_default()));
        } else if short && ask.origin == Some(QuotaOrigin::NewAccount) {
            let value = ask.value.unwrap_or_default().normalize();
            says.push(format!("A new account starts with a quota of {value} {}; connect yours to know.", ask.unit));
        }
    }
    if slot.buy.is_spot() && question.assume.checkpoint_every_ms.is_none() && row.times.is_some() {
        says.push("It may be taken away; without checkpoints the job then starts over.".into());
    }
    match offer.spec.accelerator.as_ref().map(crate::Accelerator::class) {
        Some(Class::Tpu) => says.push("A TPU needs a script written for it (JAX, PyTorch/XLA, TensorFlow).".into()),
        Some(Class::Neuron) => says.push("This chip needs a script compiled with AWS Neuron.".into()),
        Some(Class::Gpu) | None => {}
    }
    if let (Some(times), Some(left)) = (row.times, question.time_left_ms)
        && times.done.ms <= left
        && times.done.high_ms > left
    {
        says.push(format!("It is expected in time, but may take up to {}.", spoken(times.done.high_ms)));
    }
    says
}
