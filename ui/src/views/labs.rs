//! Labs: guided ones step by step, sessions, their end and its proof.

use super::{stamp, total};
use crate::pages::labs::{
    GuidedCard, LabAnswer, Left, Progress, Report, Session as SessionPage, SessionRow, StartedLine, Step,
};
use crate::pages::parts::{Name, Price, Tag, Text, number};
use crate::pages::proof::Proof;
use crate::pages::shell::Shell;
use curfew_core::endpoint::{EndpointState, Reply};
use curfew_core::lab::{CleanState, LabReport, LabSession};
use curfew_core::labsheet::LabSheet;
use curfew_core::plan::Outcome;
use curfew_core::run::RunState;
use curfew_core::say;
use curfew_engine::{EndpointView, RunView};
use jiff::Zoned;
use jiff::tz::TimeZone;

/// A guided lab to choose.
pub fn card(sheet: &LabSheet) -> GuidedCard {
    GuidedCard {
        id: Name::from(&sheet.id),
        title: Name::from(&sheet.title),
        summary: Text::from(&sheet.summary),
        minutes: sheet.minutes,
    }
}

/// A session in a list.
pub fn row(session: &LabSession, report: Option<&LabReport>, now: &Zoned) -> SessionRow {
    let when = match session.ended {
        None => format!("on since {}", say::when(session.started, now)),
        Some(ended) => format!("{} to {}", say::when(session.started, now), say::when(ended, now)),
    };
    SessionRow {
        id: session.id.to_string(),
        name: Name::from(&session.name),
        when,
        says: report.map_or_else(|| Name::from("not checked"), |r| Name(r.state.headline(&r.still))),
        clean: report.is_some_and(|r| r.state == CleanState::AllClean),
    }
}

/// What belongs to a guided lab's session, newest first.
#[derive(Debug, Default)]
pub struct Done<'a> {
    /// The session of this lab that is on.
    pub session: Option<&'a LabSession>,
    /// Its newest run.
    pub run: Option<&'a RunView>,
    /// Its newest endpoint.
    pub endpoint: Option<&'a EndpointView>,
    /// Its last session that is over, with its report.
    pub last: Option<(&'a LabSession, &'a LabReport)>,
}

/// The steps, with how far each is.
pub fn steps(sheet: &LabSheet, done: &Done<'_>) -> Vec<Step> {
    let mut before_done = true;
    sheet
        .steps
        .iter()
        .map(|step| {
            let (own, says, look, button) = state(&step.verb, done);
            let looks = step.verb == "sweep";
            let progress = match own {
                Progress::Now if !before_done => Progress::Later,
                own => own,
            };
            let step = Step {
                verb: Name::from(&step.verb),
                title: Name::from(&step.title),
                text: Text::from(&step.text),
                progress,
                says: Name(says),
                look,
                button: if matches!(progress, Progress::Now) || (progress == Progress::Done && step.verb == "predict") {
                    button
                } else {
                    ""
                },
            };
            // Looking is never done, and what follows it does not wait for it.
            before_done &= progress == Progress::Done || (looks && progress == Progress::Now);
            step
        })
        .collect()
}

type StepState = (Progress, String, Option<(String, &'static str)>, &'static str);

fn state(verb: &str, done: &Done<'_>) -> StepState {
    match verb {
        "start" => match done.session {
            Some(_) => (Progress::Done, "The session is on.".into(), None, ""),
            None => (Progress::Now, last(done), None, "Start"),
        },
        "train" => match done.run {
            None => (Progress::Now, String::new(), None, "Train"),
            Some(run) => {
                let look = Some((format!("/runs/{}", run.spec.id), "Watch the run"));
                let mut says = run.status.state.word().to_owned();
                if let Some((epochs, Some(all))) = run.epochs {
                    says = format!("{says}, epoch {} of {}", number(epochs.floor()), number(all));
                }
                if let Some(loss) = &run.loss {
                    says = format!("{says}, {} {}", say::clean(&loss.name, 40), number(loss.last));
                }
                match run.status.state {
                    RunState::Completed => (Progress::Done, says, look, ""),
                    RunState::Failed | RunState::Stopped | RunState::Lost => (Progress::Now, says, look, "Train again"),
                    RunState::Queued | RunState::Starting | RunState::Running | RunState::Stopping => {
                        (Progress::Going, says, look, "")
                    }
                }
            }
        },
        "deploy" => match done.endpoint {
            None => (Progress::Now, String::new(), None, "Deploy"),
            Some(endpoint) => {
                let look = Some((format!("/endpoints/{}", endpoint.spec.id), "See the endpoint"));
                let says = endpoint.status.state.word().to_owned();
                match endpoint.status.state {
                    EndpointState::InService => (Progress::Done, says, look, ""),
                    EndpointState::Creating => (Progress::Going, says, look, ""),
                    EndpointState::Failed | EndpointState::Stopped | EndpointState::Lost | EndpointState::Deleting => {
                        (Progress::Now, says, look, "Deploy again")
                    }
                }
            }
        },
        "predict" => {
            let asked = done.endpoint.and_then(|e| e.status.traffic.as_ref()).map_or(0, |t| t.requests);
            match asked {
                0 => (Progress::Now, String::new(), None, "Predict"),
                n => {
                    let says = format!("asked {}", if n == 1 { "once".into() } else { format!("{n} times") });
                    (Progress::Done, says, None, "Predict again")
                }
            }
        }
        // Looking is never done and never in the way.
        "sweep" => (Progress::Now, String::new(), Some(("/sweep".into(), "Open the sweep")), ""),
        "end" => {
            let look = done.session.map(|s| (format!("/labs/sessions/{}", s.id), "See what is still there"));
            (Progress::Now, String::new(), look, "End the lab…")
        }
        _ => (Progress::Later, String::new(), None, ""),
    }
}

fn last(done: &Done<'_>) -> String {
    done.last.map_or_else(String::new, |(_, report)| format!("Last time: {}.", report.state.headline(&report.still)))
}

/// What the model said.
pub fn answer(sheet: &LabSheet, reply: &Reply) -> LabAnswer {
    let whole = super::endpoint::answer(reply).text;
    let json: serde_json::Value = serde_json::from_slice(&reply.body).unwrap_or_default();
    let answer = sheet.answer_in(&json);
    LabAnswer {
        right: answer.as_deref() == Some(sheet.predict.expect.as_str()),
        answer: Name(answer.unwrap_or_else(|| "an answer that this lab cannot read".into())),
        asked: Name::from(&sheet.predict.input),
        whole: Text(whole),
    }
}

/// A report as shown.
pub fn report(report: &LabReport, zone: &TimeZone) -> Report {
    Report {
        headline: report.state.headline(&report.still),
        clean: report.state == CleanState::AllClean,
        left_any: !report.left.is_empty(),
        checked: stamp(report.checked, zone),
        by: Name::from(&report.by),
        left: report
            .left
            .iter()
            .map(|item| {
                let place = if item.key.cloud.as_str() == "local" {
                    "this computer".into()
                } else {
                    item.key.region.to_string()
                };
                let size = item.bytes.map(|b| format!(" · {}", say::bytes(b))).unwrap_or_default();
                Left {
                    name: Name::from(&item.name),
                    what: Name(format!("{} · {place}{size}", item.kind_title)),
                    hour: Price::of(&item.rate, zone),
                    steps: item.steps.iter().map(|s| Name::from(&s.says)).collect(),
                    at_work: item.was_active,
                }
            })
            .collect(),
        started: report
            .started
            .iter()
            .map(|s| StartedLine {
                what: Name::from(&s.what),
                name: Name::from(&s.name),
                place: Name::from(&s.place),
                at: say::date_time(s.at, zone),
                state: Name::from(&s.state),
                cost: Price::of(&s.so_far, zone),
            })
            .collect(),
        gaps: report.gaps.iter().map(super::gap).collect(),
        read: report.read.iter().map(Text::from).collect(),
        spent: total(&report.spent),
    }
}

/// A session's page.
pub fn session(
    shell: Shell,
    session: &LabSession,
    seen: Option<&LabReport>,
    outcomes: &[Outcome],
    can_save: bool,
) -> SessionPage {
    let now = shell.now.clone();
    let when = match session.ended {
        None => format!("on since {}", say::when(session.started, &now)),
        Some(ended) => format!("from {} to {}", say::when(session.started, &now), say::when(ended, &now)),
    };
    let outcome = |o: &Outcome| -> (Name, Tag, Text) {
        let shown = super::sweep::outcome(&o.result);
        (Name::from(&o.name), shown.tag, shown.why)
    };
    SessionPage {
        id: session.id.to_string(),
        name: Name::from(&session.name),
        when,
        on: session.ended.is_none(),
        report: seen.map(|r| report(r, now.time_zone())),
        outcomes: outcomes.iter().map(outcome).collect(),
        can_save,
        told: Vec::new(),
        shell,
    }
}

/// The proof of a session's end. `style`: the style sheet itself, for a file that stands alone.
pub fn proof(seen: &LabReport, zone: &TimeZone, style: Option<&'static str>) -> Proof {
    Proof {
        name: Name::from(&seen.session.name),
        id: seen.session.id.to_string(),
        began: stamp(seen.session.started, zone),
        ended: seen.session.ended.map_or_else(|| "still on".into(), |at| stamp(at, zone)),
        report: report(seen, zone),
        made: stamp(seen.checked, zone),
        style,
    }
}
