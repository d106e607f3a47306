//! Asking for more of what bars a machine: the cloud for a quota, the lead for a rule.

use crate::pages::machines::Ask;
use crate::pages::parts::{Name, Text};
use curfew_catalog::{Explained, Offer, QuotaAsk, WayOut};
use curfew_core::market::QuotaAsked;
use curfew_engine::machines::{Asked, ask_where};

/// The quota that bars a machine, as it would be asked for.
pub fn quota_to_ask(e: &Explained) -> Option<&QuotaAsk> {
    e.reasons.iter().find_map(|r| match &r.way_out {
        WayOut::AskQuota(ask) => Some(ask),
        _ => None,
    })
}

/// Asking for more: of a quota at its cloud, or of a rule from the lead.
pub fn ask(asked: &Asked, offer: &Offer<'_>, can_open: bool, accounts: Vec<(String, Name)>) -> Ask {
    let e = asked.explain(offer);
    let name = Name(asked.machines.catalog().name(offer.id));
    let says = e.reasons.iter().map(|r| Text::from(&r.says)).collect();
    if let Some(place) = quota_to_ask(&e).map(ask_where) {
        return Ask {
            name,
            says,
            asks: Text(place.says),
            fields: place.fields.into_iter().map(|(term, value)| (term, Name(value))).collect(),
            reason: place.reason,
            url: place.url,
            can_open,
            unconnected: accounts.is_empty(),
            accounts,
            hidden: vec![("key", offer.key())],
            ..Ask::default()
        };
    }
    let lead = e.reasons.iter().find_map(|r| match &r.way_out {
        WayOut::AskLead { rule, needs } => Some((*rule, needs.clone())),
        _ => None,
    });
    match lead {
        Some((rule, needs)) => Ask {
            asks: Text(format!("Ask your lead to let “{rule}” in the team's policy allow {needs}.")),
            fields: vec![("Rule", Name::from(rule)), ("Would have to allow", Name::from(&needs))],
            reason: format!(
                "I would like to use {name} for a job{}. Our policy's {rule} would have to allow {needs}.",
                e.row.costs.map_or_else(String::new, |c| format!(" that comes to {} in all", c.total.to_money()))
            ),
            name,
            says,
            ..Ask::default()
        },
        None => {
            Ask { name, says, asks: Text::from("There is nothing to ask for: it is open to you."), ..Ask::default() }
        }
    }
}

/// What came of a request, in words.
pub fn asked_for(told: &QuotaAsked, unit: &str) -> Vec<Text> {
    let value = format!("{} {unit}", told.value.normalize());
    let first = if told.before {
        format!("{value} were asked for before: that request is {}.", told.state)
    } else {
        format!("{value} are asked for: the request is {}.", told.state)
    };
    vec![
        Text(first),
        Text(format!("The cloud answers by e-mail, for GPUs often in a day or two. Its number is {}.", told.id)),
    ]
}
