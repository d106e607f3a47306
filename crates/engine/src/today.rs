//! Today: what it costs now, what needs you, what goes home tonight, what trains.

use crate::{EndpointView, Engine, RunView, SweepReport, SweepRow};
use curfew_core::curfew::Enforcer;
use curfew_core::lab::LabSession;
use curfew_core::money::Total;
use curfew_core::{Cost, Cx, Gap, HourlyRate, Money, Result, Timestamp};
use jiff::SignedDuration;
use serde::Serialize;

/// The whole of the Today screen, and the header bar and tray with it.
#[derive(Debug, Clone, Serialize)]
pub struct Today {
    /// The instant it is true for.
    pub now: Timestamp,
    /// What everything that runs costs by the hour.
    pub rate: Total<HourlyRate>,
    /// How many things run.
    pub running: usize,
    /// Of these, without a curfew.
    pub no_curfew: usize,
    /// What has been spent since midnight on runs and endpoints that we know.
    pub today: Total<Money>,
    /// Forgotten and probably forgotten, dearest first.
    pub needs_you: Vec<SweepRow>,
    /// What the last sweep could not read.
    pub gaps: Vec<Gap>,
    /// When the last sweep was.
    pub swept: Option<Timestamp>,
    /// What has a curfew, soonest first.
    pub night: Vec<NightRow>,
    /// Runs that train now.
    pub training: Vec<RunView>,
    /// Endpoints that answer now.
    pub serving: Vec<EndpointView>,
    /// Accounts at clouds, and how their keys stand.
    pub accounts: Vec<crate::AccountView>,
    /// What should be connected and is not, where no account is known by it.
    pub account_problems: Vec<curfew_core::Notice>,
    /// The lab session that is on.
    pub lab: Option<LabSession>,
}

/// One line of tonight's curfews.
#[derive(Debug, Clone, Serialize)]
pub struct NightRow {
    /// Its name.
    pub name: String,
    /// "run" or "endpoint".
    pub what: &'static str,
    /// Its id.
    pub id: String,
    /// Where.
    pub place: String,
    /// When it goes home; `None`: never.
    pub at: Option<Timestamp>,
    /// Who sees to it.
    pub enforcer: Option<Enforcer>,
}

impl Engine {
    /// Today, from what the store knows; `now` asks the providers first.
    pub async fn today(&self, cx: &Cx, now: bool) -> Result<Today> {
        let runs = self.runs(cx, now).await?;
        let endpoints = self.endpoints(cx, now).await?;
        let sweep: Option<SweepReport> = self.last_sweep().await?;
        let training: Vec<RunView> = runs.iter().filter(|r| !r.status.state.is_over()).cloned().collect();
        let serving: Vec<EndpointView> = endpoints.iter().filter(|e| !e.status.state.is_over()).cloned().collect();
        let mut night: Vec<NightRow> = training
            .iter()
            .map(|r| NightRow {
                name: r.spec.name.clone(),
                what: "run",
                id: r.spec.id.to_string(),
                place: r.place.clone(),
                at: r.status.curfew.as_ref().map(|c| c.at),
                enforcer: r.status.curfew.as_ref().map(|c| c.enforcer.clone()),
            })
            .chain(serving.iter().map(|e| NightRow {
                name: e.spec.id.to_string(),
                what: "endpoint",
                id: e.spec.id.to_string(),
                place: e.place.clone(),
                at: e.status.curfew.as_ref().map(|c| c.at),
                enforcer: e.status.curfew.as_ref().map(|c| c.enforcer.clone()),
            }))
            .collect();
        night.sort_by_key(|n| (n.at.is_none(), n.at, n.name.clone()));
        let rates = training.iter().map(|r| &r.status.rate).chain(serving.iter().map(|e| &e.status.rate));
        let midnight = cx.clock().local().start_of_day().map_or(cx.now(), |z| z.timestamp());
        let spans = runs.iter().map(|r| (r.status.started, r.status.ended, &r.status.rate, &r.status.so_far)).chain(
            endpoints.iter().map(|e| (Some(e.status.created), e.status.ended, &e.status.rate, &e.status.so_far)),
        );
        let today: Vec<Cost> =
            spans.filter_map(|(from, to, rate, so_far)| since(midnight, cx.now(), from, to, rate, so_far)).collect();
        let needs_you =
            sweep.iter().flat_map(|s| s.rows.iter()).filter(|r| r.judged.verdict.needs_you()).cloned().collect();
        Ok(Today {
            now: cx.now(),
            rate: Total::of_rates(rates),
            running: night.len(),
            no_curfew: night.iter().filter(|n| n.at.is_none()).count(),
            today: Total::of(&today),
            needs_you,
            gaps: sweep.as_ref().map(|s| s.gaps.clone()).unwrap_or_default(),
            swept: sweep.map(|s| s.at),
            night,
            training,
            serving,
            accounts: self.account_views(),
            account_problems: self
                .account_problems()
                .iter()
                .filter(|p| p.facts.is_none())
                .map(|p| (&*p.error).into())
                .collect(),
            lab: self.running_lab().await?,
        })
    }
}

/// What a thing has cost since midnight: its whole cost where it began today, its rate times its hours of today else.
fn since(
    midnight: Timestamp,
    now: Timestamp,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
    rate: &Cost<HourlyRate>,
    so_far: &Cost,
) -> Option<Cost> {
    let from = from?;
    let to = to.unwrap_or(now);
    if to <= midnight {
        return None;
    }
    if from >= midnight {
        return Some(so_far.clone());
    }
    let span: SignedDuration = to.duration_since(midnight);
    Some(rate.clone().map(|r| r.over(span)))
}
