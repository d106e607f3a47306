//! lab list, start, end, iris.

use crate::app;
use crate::args::LabVerb;
use crate::out::{Exit, Failed, cost, line, note, print_json, rate};
use curfew_core::endpoint::{EndpointState, Invocation};
use curfew_core::lab::{CleanState, LabReport};
use curfew_core::plan::{Outcome, OutcomeResult};
use curfew_core::run::RunState;
use curfew_core::{Cx, Error, ErrorKind, say};
use curfew_engine::{DeployRequest, Engine, LaunchRequest};
use std::path::Path;

pub(crate) async fn lab(verb: LabVerb, json: bool) -> Result<Exit, Failed> {
    let engine = app::engine()?;
    let cx = engine.cx();
    match verb {
        LabVerb::List => {
            let (sheets, sessions) = (engine.lab_sheets(), engine.labs().await?);
            if json {
                let labs: Vec<_> = sheets
                    .iter()
                    .map(|s| serde_json::json!({ "id": s.id, "title": s.title, "summary": s.summary, "minutes": s.minutes }))
                    .collect();
                let sessions: Vec<_> =
                    sessions.iter().map(|(s, r)| serde_json::json!({ "session": s, "report": r })).collect();
                print_json(&serde_json::json!({ "labs": labs, "sessions": sessions }));
                return Ok(Exit::Done);
            }
            for sheet in &sheets {
                line(format!("{}  {} (about {} minutes)", sheet.id, sheet.title, sheet.minutes));
                line(format!("  {}", sheet.summary));
            }
            for (session, report) in &sessions {
                let state = match (session.ended, report) {
                    (None, _) => "is on".to_owned(),
                    (Some(_), Some(r)) => r.state.headline(&r.still),
                    (Some(_), None) => "ended".to_owned(),
                };
                line(format!("session {} “{}”: {state}", session.id, say::clean(&session.name, 80)));
            }
            Ok(Exit::Done)
        }
        LabVerb::Start { name } => {
            let session = engine.lab_start(&cx, &name).await?;
            note(format!(
                "The lab session “{}” is on. Everything you start now belongs to it; curfew lab end checks its end.",
                say::clean(&session.name, 80)
            ));
            if json {
                print_json(&session);
            } else {
                line(session.id.as_str());
            }
            Ok(Exit::Done)
        }
        LabVerb::End { clear, proof, leave } => {
            let Some(session) = engine.running_lab().await? else {
                return Err(Error::new(ErrorKind::NotFound, "end the lab session", "no lab session is on")
                    .next("Start one with curfew lab start")
                    .into());
            };
            let mut report = engine.lab_end(&cx, &session.id).await?;
            if clear && !report.left.is_empty() {
                let (outcomes, after) = engine.lab_clear(&cx, &report).await?;
                not_removed(&outcomes);
                report = after;
            } else if leave && report.session.ended.is_none() {
                report = engine.lab_close(&cx, &session.id).await?;
            }
            finish(&cx, &report, proof.as_deref(), json)
        }
        LabVerb::Iris { on, proof } => Box::pin(iris(&engine, &cx, &on, proof.as_deref(), json)).await,
    }
}

/// Shows a report, writes its proof, and turns its state into an exit code.
fn finish(cx: &Cx, report: &LabReport, proof: Option<&Path>, json: bool) -> Result<Exit, Failed> {
    if let Some(path) = proof {
        write_proof(cx, report, path)?;
        note(format!("Wrote the proof to {}.", path.display()));
    }
    if json {
        print_json(report);
    } else {
        for item in &report.left {
            line(format!("still there: {} {} ({})", item.kind_title, say::clean(&item.name, 80), rate(&item.rate)));
        }
        for gap in &report.gaps {
            line(format!("not read: {} {}: {}", gap.cloud, say::clean(&gap.what, 80), say::clean(&gap.reason, 300)));
        }
        line(report.state.headline(&report.still));
    }
    Ok(match report.state {
        CleanState::AllClean => Exit::Done,
        CleanState::NotClean { .. } => {
            note("End all of it with curfew lab end --clear, or close the session as it is with --leave.");
            Exit::Found
        }
        CleanState::NotFullyChecked { .. } => Exit::NotRead,
    })
}

/// Tells what a clearing left, and why.
fn not_removed(outcomes: &[Outcome]) {
    for outcome in outcomes {
        if let OutcomeResult::Skipped { why } | OutcomeResult::Failed { why } = &outcome.result {
            note(format!("      {} was not removed: {}", say::clean(&outcome.name, 80), say::clean(why, 500)));
        }
    }
}

fn write_proof(cx: &Cx, report: &LabReport, path: &Path) -> Result<(), Error> {
    let zone = cx.clock().zone();
    let bytes = match path.extension().and_then(|e| e.to_str()) {
        Some("pdf") => curfew_figures::proof_pdf(report, &zone)?,
        Some("html" | "htm") => curfew_ui::proof_html(report, &zone).into_bytes(),
        _ => return Err(Error::input("proof", "the proof is written as .html or .pdf")),
    };
    std::fs::write(path, bytes).map_err(|e| Error::io("write the proof", path.display(), e).at("proof"))
}

async fn iris(engine: &Engine, cx: &Cx, on: &str, proof: Option<&Path>, json: bool) -> Result<Exit, Failed> {
    let sheet = engine.lab_sheet("iris")?;
    let steps = sheet.steps.len();
    let step = |n: usize| {
        if let Some(s) = sheet.steps.get(n) {
            note(format!("\n[{}/{steps}] {}\n      {}", n + 1, s.title, s.text));
        }
    };
    step(0);
    let session = engine.lab_start(cx, &sheet.title).await?;
    step(1);
    let request = LaunchRequest {
        dir: sheet.script_dir().to_string_lossy().into_owned(),
        entry: Some(sheet.train.entry.clone()),
        name: Some(sheet.id.clone()),
        data: vec![format!("{}={}", sheet.train.channel, sheet.dir.join(&sheet.train.data).display())],
        hyper: sheet.hyper(),
        machine: Some(on.to_owned()),
        curfew: Some("1h".into()),
        ..LaunchRequest::default()
    };
    let (spec, quote) = engine.plan_run(cx, &request).await?;
    note(format!("      {}: {}", spec.machine, rate(&quote.rate)));
    engine.launch(cx, &spec).await?;
    let run = crate::runs::follow(engine, cx, &spec.id, true).await?;
    crate::runs::summary(&run);
    if run.status.state != RunState::Completed {
        return give_up(engine, cx, &session.id, proof, json, "the training did not complete").await;
    }
    step(2);
    let request = DeployRequest {
        model: spec.id.to_string(),
        script: Some(sheet.dir.join(&sheet.deploy.script).to_string_lossy().into_owned()),
        machine: Some(on.to_owned()),
        curfew: Some("1h".into()),
        ..DeployRequest::default()
    };
    let (spec, quote) = engine.plan_deploy(cx, &request).await?;
    note(format!("      {} on {}: {}", spec.id, spec.machine, rate(&quote.rate)));
    engine.deploy(cx, &spec).await?;
    let endpoint = crate::endpoints::wait_until_ready(engine, cx, &spec.id).await?;
    if endpoint.status.state != EndpointState::InService {
        if let Some(failure) = &endpoint.status.failure {
            note(say::clean(&failure.what, 1000));
        }
        return give_up(engine, cx, &session.id, proof, json, "the endpoint did not come into service").await;
    }
    step(3);
    let body = sheet.predict.input.clone().into_bytes();
    let request =
        Invocation { content_type: sheet.predict.content_type.clone(), accept: "application/json".into(), body };
    let reply = engine.invoke(cx, &spec.id, &request).await?;
    let answer: serde_json::Value = serde_json::from_slice(&reply.body).unwrap_or_default();
    let species = sheet.answer_in(&answer);
    let told = species.clone().unwrap_or_else(|| String::from_utf8_lossy(&reply.body).into_owned());
    let prediction = format!("{} → {}", sheet.predict.input, say::clean(&told, 200));
    note(format!("      answered in {} ms", reply.latency_ms));
    if !json {
        line(format!("Prediction for {prediction}"));
    }
    step(4);
    let seen = engine.lab_check(cx, &session.id).await?;
    for item in &seen.left {
        let size = item.bytes.map(say::bytes).map(|b| format!(", {b}")).unwrap_or_default();
        note(format!("      {} {}{size}: {}", item.kind_title, say::clean(&item.name, 80), rate(&item.rate)));
    }
    step(5);
    let (outcomes, report) = engine.lab_clear(cx, &seen).await?;
    not_removed(&outcomes);
    for started in &report.started {
        note(format!("      {}: {}", say::clean(&started.name, 80), cost(&started.so_far)));
    }
    let exit = finish(cx, &report, proof, json)?;
    if species.as_deref() != Some(sheet.predict.expect.as_str()) {
        note(format!("The model should have said {}.", sheet.predict.expect));
        return Ok(Exit::Failed);
    }
    Ok(exit)
}

/// A lab that cannot go on still ends clean.
async fn give_up(
    engine: &Engine,
    cx: &Cx,
    id: &curfew_core::LabId,
    proof: Option<&Path>,
    json: bool,
    why: &str,
) -> Result<Exit, Failed> {
    note(format!("The lab stops here: {why}. What it started is cleared away."));
    let seen = engine.lab_check(cx, id).await?;
    let (outcomes, report) = engine.lab_clear(cx, &seen).await?;
    not_removed(&outcomes);
    finish(cx, &report, proof, json)?;
    Ok(Exit::Failed)
}
