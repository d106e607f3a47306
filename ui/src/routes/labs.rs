//! Labs: guided ones step by step, sessions, their end and its proof.

use super::{Query, id};
use crate::answer::{Answer, go};
use crate::fields::Fields;
use crate::pages::Html;
use crate::pages::dialog::Confirm;
use crate::pages::labs::{Guided, Labs};
use crate::pages::parts::{Field, Name, Text};
use crate::{App, views};
use axum::extract::{Path, State};
use axum::http::header;
use axum::response::IntoResponse as _;
use curfew_core::endpoint::{EndpointState, Invocation};
use curfew_core::lab::{LabReport, LabSession};
use curfew_core::labsheet::LabSheet;
use curfew_core::{Error, ErrorKind, LabId, Result, say};
use curfew_engine::{DeployRequest, EndpointView, LaunchRequest, RunView};

pub(crate) async fn page(State(app): State<App>, query: Query) -> Answer {
    app.wait(query.after()).await?;
    let shell = app.shell("labs", "Labs", "/labs").await?;
    let sessions = app.engine().labs().await?;
    let row =
        |(session, report): &(LabSession, Option<LabReport>)| views::labs::row(session, report.as_ref(), &shell.now);
    let page = Labs {
        guided: app.engine().lab_sheets().iter().map(views::labs::card).collect(),
        name: Field::default(),
        on: sessions.iter().find(|(s, _)| s.ended.is_none()).map(row),
        past: sessions.iter().filter(|(s, _)| s.ended.is_some()).map(row).collect(),
        told: Vec::new(),
        shell: shell.clone(),
    };
    Ok(Html::of(&page).into_response())
}

pub(crate) async fn start(State(app): State<App>, fields: Fields) -> Answer {
    app.engine().lab_start(&app.cx(), fields.raw("name")).await?;
    Ok(go("/labs"))
}

/// A guided lab's session and what was started in it.
struct Going {
    sheet: LabSheet,
    sessions: Vec<(LabSession, Option<LabReport>)>,
    on: Option<LabSession>,
    run: Option<RunView>,
    endpoint: Option<EndpointView>,
}

impl Going {
    async fn of(app: &App, lab: &str, now: bool) -> Result<Self> {
        let (engine, cx) = (app.engine(), app.cx());
        let sheet = engine.lab_sheet(lab)?;
        let sessions = engine.labs().await?;
        let on = sessions.iter().map(|(s, _)| s).find(|s| s.ended.is_none()).cloned();
        let (mut run, mut endpoint) = (None, None);
        if let Some(session) = on.as_ref().filter(|s| s.name == sheet.title) {
            run = engine.runs(&cx, now).await?.into_iter().find(|r| r.lab.as_ref() == Some(&session.id));
            endpoint = engine.endpoints(&cx, now).await?.into_iter().find(|e| e.lab.as_ref() == Some(&session.id));
        }
        Ok(Self { sheet, sessions, on, run, endpoint })
    }
    /// The session of this lab; another one that is on is not it.
    fn own(&self) -> Option<&LabSession> {
        self.on.as_ref().filter(|s| s.name == self.sheet.title)
    }
}

pub(crate) async fn guided(State(app): State<App>, Path(lab): Path<String>, query: Query) -> Answer {
    app.wait(query.after()).await?;
    let going = Going::of(&app, &lab, false).await?;
    let shell = app.shell("labs", going.sheet.title.clone(), format!("/labs/{}", going.sheet.id)).await?;
    let over = |(s, _): &&(LabSession, Option<LabReport>)| s.ended.is_some() && s.name == going.sheet.title;
    let done = views::labs::Done {
        session: going.own(),
        run: going.run.as_ref(),
        endpoint: going.endpoint.as_ref(),
        last: going.sessions.iter().find(over).and_then(|(s, r)| r.as_ref().map(|r| (s, r))),
    };
    let page = Guided {
        id: Name::from(&going.sheet.id),
        title: Name::from(&going.sheet.title),
        summary: Text::from(&going.sheet.summary),
        steps: views::labs::steps(&going.sheet, &done),
        other: going.on.as_ref().filter(|s| s.name != going.sheet.title).map(|s| Name::from(&s.name)),
        told: Vec::new(),
        shell,
    };
    Ok(Html::of(&page).into_response())
}

fn no_session() -> Error {
    Error::new(ErrorKind::Conflict, "do the step", "this lab's session is not on").next("Start it with the first step")
}

/// One step of a guided lab, by its verb.
pub(crate) async fn step(State(app): State<App>, Path((lab, verb)): Path<(String, String)>) -> Answer {
    let (engine, cx) = (app.engine(), app.cx());
    let going = Going::of(&app, &lab, true).await?;
    let sheet = &going.sheet;
    let here = format!("/labs/{}", sheet.id);
    match verb.as_str() {
        "start" => {
            engine.lab_start(&cx, &sheet.title).await?;
        }
        "train" => {
            going.own().ok_or_else(no_session)?;
            let request = LaunchRequest {
                dir: sheet.script_dir().to_string_lossy().into_owned(),
                entry: Some(sheet.train.entry.clone()),
                name: Some(sheet.id.clone()),
                data: vec![format!("{}={}", sheet.train.channel, sheet.dir.join(&sheet.train.data).display())],
                hyper: sheet.hyper(),
                curfew: Some("1h".into()),
                ..LaunchRequest::default()
            };
            let (spec, _) = engine.plan_run(&cx, &request).await.map_err(curfew_engine::FieldErrors::into_first)?;
            engine.launch(&cx, &spec).await?;
        }
        "deploy" => {
            going.own().ok_or_else(no_session)?;
            let run = going.run.as_ref().ok_or_else(|| {
                Error::new(ErrorKind::Conflict, "deploy", "nothing has been trained in this lab yet")
                    .next("Train first")
            })?;
            let request = DeployRequest {
                model: run.spec.id.to_string(),
                script: Some(sheet.dir.join(&sheet.deploy.script).to_string_lossy().into_owned()),
                curfew: Some("1h".into()),
                ..DeployRequest::default()
            };
            let (spec, _) = engine.plan_deploy(&cx, &request).await.map_err(curfew_engine::FieldErrors::into_first)?;
            engine.deploy(&cx, &spec).await?;
        }
        "predict" => {
            let endpoint =
                going.endpoint.as_ref().filter(|e| e.status.state == EndpointState::InService).ok_or_else(|| {
                    Error::new(ErrorKind::Conflict, "ask the model", "the endpoint does not answer yet")
                        .next("Wait until it is in service")
                })?;
            let invocation = Invocation {
                content_type: sheet.predict.content_type.clone(),
                accept: "application/json".into(),
                body: sheet.predict.input.clone().into_bytes(),
            };
            let reply = engine.invoke(&cx, &endpoint.spec.id, &invocation).await?;
            return Ok(Html::of(&views::labs::answer(sheet, &reply)).into_response());
        }
        "end" => {
            let session = going.own().ok_or_else(no_session)?;
            engine.lab_check(&cx, &session.id).await?;
            return Ok(go(&format!("/labs/sessions/{}", session.id)));
        }
        _ => return Err(Error::new(ErrorKind::NotFound, "do the step", "this lab has no such step").into()),
    }
    Ok(go(&here))
}

async fn found(app: &App, text: &str) -> Result<(LabSession, Option<LabReport>)> {
    let lab: LabId = id(text, "find the lab session")?;
    app.engine().labs().await?.into_iter().find(|(s, _)| s.id == lab).ok_or_else(|| {
        Error::new(ErrorKind::NotFound, "find the lab session", format!("there is no lab session “{lab}”"))
            .next("See all of them under Labs")
    })
}

/// A session's end. One that is on is checked as the page opens, so that nothing old is taken for true.
pub(crate) async fn session(State(app): State<App>, Path(lab): Path<String>) -> Answer {
    let (mut session, mut report) = found(&app, &lab).await?;
    if session.ended.is_none() {
        let checked = app.engine().lab_check(&app.cx(), &session.id).await?;
        session = checked.session.clone();
        report = Some(checked);
    }
    let shell = app.shell("labs", format!("End of lab: {}", say::clean(&session.name, 60)), "").await?;
    let outcomes = app.outcomes(session.id.as_str()).unwrap_or_default();
    let can_save = app.host().can_save();
    Ok(Html::of(&views::labs::session(shell, &session, report.as_ref(), &outcomes, can_save)).into_response())
}

pub(crate) async fn check(State(app): State<App>, Path(lab): Path<String>) -> Answer {
    let (session, _) = found(&app, &lab).await?;
    app.engine().lab_check(&app.cx(), &session.id).await?;
    Ok(go(&format!("/labs/sessions/{}", session.id)))
}

/// Checks, and closes the session where the check says all clean.
pub(crate) async fn end(State(app): State<App>, Path(lab): Path<String>) -> Answer {
    let (session, _) = found(&app, &lab).await?;
    app.engine().lab_end(&app.cx(), &session.id).await?;
    Ok(go(&format!("/labs/sessions/{}", session.id)))
}

pub(crate) async fn ask_clear(State(app): State<App>, Path(lab): Path<String>) -> Answer {
    let (session, report) = found(&app, &lab).await?;
    let mut says: Vec<Text> = Vec::new();
    for item in report.iter().flat_map(|r| &r.left) {
        let steps: Vec<&str> = item.steps.iter().map(|s| s.says.trim_end_matches('.')).collect();
        says.push(Text(format!("{} {}: {}.", item.kind_title, say::clean(&item.name, 60), steps.join(", then "))));
    }
    says.push("What you want to keep, download or copy first: this cannot be undone.".into());
    let dialog = Confirm {
        title: "End everything of this session?".into(),
        says,
        post: format!("/labs/sessions/{}/clear", session.id),
        // What is ended is what was seen: a newer check asks again.
        hidden: vec![("checked", Name(report.as_ref().map_or_else(String::new, |r| r.checked.to_string())))],
        does: "End it all",
        leaves: "Not yet",
        ends: true,
        ..Confirm::default()
    };
    Ok(Html::of(&dialog).into_response())
}

pub(crate) async fn clear(State(app): State<App>, Path(lab): Path<String>, fields: Fields) -> Answer {
    let (session, report) = found(&app, &lab).await?;
    let seen = report.filter(|r| r.checked.to_string() == fields.raw("checked")).ok_or_else(|| {
        Error::new(ErrorKind::Conflict, "end the session", "the session has been checked again since you were asked")
            .next("Look at what is there now, then end it all")
    })?;
    let (outcomes, _) = app.engine().lab_clear(&app.cx(), &seen).await?;
    app.remember(session.id.as_str(), outcomes);
    Ok(go(&format!("/labs/sessions/{}", session.id)))
}

pub(crate) async fn ask_close(State(app): State<App>, Path(lab): Path<String>) -> Answer {
    let (session, report) = found(&app, &lab).await?;
    let left = report.as_ref().map_or(0, |r| r.left.len());
    let dialog = Confirm {
        title: "Close the session as it is?".into(),
        says: vec![
            Text(format!(
                "{} of it still there, and the proof will say so.",
                say::count(left, "thing is", "things are")
            )),
            "What runs keeps running, and costs what it costs, until its curfew.".into(),
        ],
        post: format!("/labs/sessions/{}/close", session.id),
        does: "Close it",
        leaves: "Leave it on",
        ends: true,
        ..Confirm::default()
    };
    Ok(Html::of(&dialog).into_response())
}

pub(crate) async fn close(State(app): State<App>, Path(lab): Path<String>) -> Answer {
    let (session, _) = found(&app, &lab).await?;
    app.engine().lab_close(&app.cx(), &session.id).await?;
    Ok(go(&format!("/labs/sessions/{}", session.id)))
}

async fn seen(app: &App, lab: &str) -> Result<LabReport> {
    match found(app, lab).await? {
        (_, Some(report)) => Ok(report),
        (session, None) => app.engine().lab_check(&app.cx(), &session.id).await,
    }
}

pub(crate) async fn proof(State(app): State<App>, Path(lab): Path<String>) -> Answer {
    let report = seen(&app, &lab).await?;
    Ok(Html::of(&views::labs::proof(&report, &app.engine().clock().zone(), None)).into_response())
}

async fn pdf(app: &App, lab: &str) -> Result<(String, Vec<u8>)> {
    let report = seen(app, lab).await?;
    let bytes = curfew_figures::proof_pdf(&report, &app.engine().clock().zone())?;
    Ok((format!("curfew-proof-{}.pdf", report.session.id), bytes))
}

pub(crate) async fn proof_pdf(State(app): State<App>, Path(lab): Path<String>) -> Answer {
    let (name, bytes) = pdf(&app, &lab).await?;
    let disposition = format!("attachment; filename=\"{name}\"");
    let headers = [(header::CONTENT_TYPE, "application/pdf".to_owned()), (header::CONTENT_DISPOSITION, disposition)];
    Ok((headers, bytes).into_response())
}

/// Saves the proof where the host's dialog says.
pub(crate) async fn save_proof(State(app): State<App>, Path(lab): Path<String>) -> Answer {
    let (name, bytes) = pdf(&app, &lab).await?;
    // Closing the dialog is an answer too, and needs no word.
    app.host().save(&name, &bytes).await?;
    Ok(axum::http::StatusCode::NO_CONTENT.into_response())
}
