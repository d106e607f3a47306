//! deploy, endpoints, endpoint.

use crate::app;
use crate::args::{Deploy, EndpointVerb, Invoke};
use crate::out::{Exit, Failed, ask, cost, line, note, print_json, rate, table};
use curfew_core::endpoint::{Asked, EndpointState, Invocation, Reply, Ticket};
use curfew_core::plan::{Outcome, OutcomeResult};
use curfew_core::{Cost, Cx, EndpointId, Error, ErrorKind, HourlyRate, say};
use curfew_engine::{DeployRequest, EndpointView, Engine};
use jiff::SignedDuration;
use std::io::Write;
use std::time::Duration;

pub(crate) async fn deploy(args: Deploy, json: bool) -> Result<Exit, Failed> {
    let engine = app::engine()?;
    let cx = engine.cx();
    let request = DeployRequest {
        model: args.model,
        script: args.script,
        name: args.name,
        machine: args.on,
        mode: args.mode,
        settings: [
            ("memory", args.memory),
            ("concurrency", args.concurrency),
            ("requests", args.requests),
            ("millis", args.millis),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), value?)))
        .collect(),
        curfew: args.curfew,
        project: args.project,
        confirmed: args.confirm,
    };
    let (mut spec, quote) = engine.plan_deploy(&cx, &request).await?;
    note(format!("{} on {}: {}", spec.id, spec.machine, rate(&quote.rate)));
    if let Some(hour) = quote.rate.amount() {
        let over =
            |hours| hour.over(SignedDuration::from_hours(hours)).map_or_else(|e| e.to_string(), |m| m.to_string());
        note(format!("That is {} a day and {} a month of 730 hours.", over(24), over(730)));
    }
    for by_use in &quote.by_use {
        note(format!("{}: {}", by_use.of, cost(&by_use.cost)));
    }
    for caution in &quote.cautions {
        note(format!("Careful ({}): {} {}", caution.code, caution.says, caution.risk));
        if caution.ask && !spec.confirmed.contains(&caution.code) {
            if !ask("Go on?") {
                let message = format!("“{}” was not confirmed", caution.code);
                let error = Error::new(ErrorKind::Conflict, "deploy", message)
                    .bill(curfew_core::error::Bill::NothingStarted)
                    .next(format!("Read the caution; add --confirm {} if you trust this model", caution.code));
                return Err(error.into());
            }
            spec.confirmed.push(caution.code.clone());
        }
    }
    note(format!("Goes home at {}, {}.", say::when(spec.curfew, &cx.clock().local()), quote.enforcer));
    let mut view = engine.deploy(&cx, &spec).await?;
    if args.wait {
        view = wait_until_ready(&engine, &cx, &spec.id).await?;
    }
    if json {
        print_json(&json_of(&view));
    } else {
        line(view.spec.id.as_str());
    }
    Ok(exit_of(&view, args.wait))
}

/// Waits until the endpoint answers or has ended.
pub(crate) async fn wait_until_ready(engine: &Engine, cx: &Cx, id: &EndpointId) -> Result<EndpointView, Failed> {
    let mut told = None;
    loop {
        let view = engine.endpoint(cx, id).await?;
        if view.status.state != EndpointState::Creating {
            return Ok(view);
        }
        if view.status.detail != told {
            told.clone_from(&view.status.detail);
            note(format!("  {}", told.as_deref().unwrap_or("being made ready")));
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

fn exit_of(view: &EndpointView, waited: bool) -> Exit {
    if waited && view.status.state != EndpointState::InService {
        if let Some(failure) = &view.status.failure {
            note(say::clean(&failure.what, 1000));
            for text in &failure.log_end {
                note(format!("  | {}", say::clean(text, 300)));
            }
            note(format!("Next: {}", say::clean(&failure.next, 1000)));
        }
        return Exit::Failed;
    }
    Exit::Done
}

fn json_of(view: &EndpointView) -> serde_json::Value {
    serde_json::json!({
        "name": view.spec.id, "state": view.status.state, "machine": view.spec.machine, "mode": view.spec.mode,
        "place": view.place,
        "owner": view.spec.owner, "project": view.spec.project, "model": view.spec.model, "created": view.status.created, "ended": view.status.ended,
        "ended_by": view.status.ended_by, "failure": view.status.failure, "url": view.status.url,
        "traffic": view.status.traffic, "curfew": view.status.curfew, "usd_per_hour": view.status.rate,
        "so_far": view.status.so_far, "versions": view.status.versions, "lab": view.lab,
    })
}

pub(crate) async fn list(json: bool) -> Result<Exit, Failed> {
    let engine = app::engine()?;
    let cx = engine.cx();
    let views = engine.endpoints(&cx, true).await?;
    if json {
        print_json(&serde_json::json!({ "endpoints": views.iter().map(json_of).collect::<Vec<_>>() }));
        return Ok(Exit::Done);
    }
    if views.is_empty() {
        note("No endpoints. Make one with curfew deploy RUN.");
        return Ok(Exit::Done);
    }
    let now = cx.clock().local();
    let row = |v: &EndpointView| {
        let requests = v.status.traffic.as_ref().map_or_else(|| "?".into(), |t| t.requests.to_string());
        let curfew = v.status.curfew.as_ref().filter(|_| !v.status.state.is_over());
        vec![
            v.spec.id.to_string(),
            v.status.state.word().into(),
            v.place.clone(),
            requests,
            curfew.map_or_else(String::new, |c| say::when(c.at, &now)),
            cost(&v.status.so_far),
        ]
    };
    table(&["NAME", "STATE", "WHERE", "REQUESTS", "CURFEW", "SO FAR"], &views.iter().map(row).collect::<Vec<_>>());
    Ok(Exit::Done)
}

pub(crate) async fn endpoint(verb: EndpointVerb, json: bool) -> Result<Exit, Failed> {
    let engine = app::engine()?;
    let cx = engine.cx();
    let id = |name: &str| EndpointId::new(name).map_err(|e| Error::input("name", e.to_string()));
    match verb {
        EndpointVerb::Show { name } => {
            let view = engine.endpoint(&cx, &id(&name)?).await?;
            if json {
                print_json(&json_of(&view));
            } else {
                show(&view, &cx);
            }
        }
        EndpointVerb::Invoke(invoke) => {
            let id = id(&invoke.name)?;
            return ask_model(&engine, &cx, &id, invoke, json).await;
        }
        EndpointVerb::Figures { name } => return figures(&engine, &cx, &id(&name)?, json).await,
        EndpointVerb::Log { name } => {
            let id = id(&name)?;
            let mut at = String::new();
            loop {
                let chunk = engine.endpoint_log(&cx, &id, &at, 1 << 20).await?;
                if chunk.bytes.is_empty() {
                    break;
                }
                let _ = std::io::stdout().write_all(&chunk.bytes);
                at = chunk.next;
            }
        }
        EndpointVerb::Extend { name, curfew } => {
            let id = id(&name)?;
            let (at, enforcer) = engine.extend_endpoint(&cx, &id, &curfew).await?;
            note(format!("{id} goes home at {}, {enforcer}.", say::when(at, &cx.clock().local())));
            if json {
                print_json(&serde_json::json!({ "name": id, "curfew": { "at": at, "enforcer": enforcer } }));
            }
        }
        EndpointVerb::Stop { name } => {
            let view = engine.stop_endpoint(&cx, &id(&name)?, "you stopped it").await?;
            note(format!("{} is {}.", view.spec.id, view.status.state.word()));
            if json {
                print_json(&json_of(&view));
            }
        }
        EndpointVerb::Delete { name, artefacts, yes } => {
            let id = id(&name)?;
            let key = engine.endpoint_key(&id).await?;
            let plan = engine.freeze_with(&cx, &engine.endpoint_keys(&cx, &id).await?, None, artefacts).await?;
            if let Some(gap) = plan.gaps.first() {
                return Err(Error::new(gap.kind, "look at it again", gap.reason.clone()).into());
            }
            for item in &plan.items {
                for step in &item.steps {
                    note(format!("{}: {}", item.kind_title, step.says));
                }
                for left in &item.stays {
                    note(format!(
                        "Stays: {}; {} a month. Add --artefacts to delete it too.",
                        left.says,
                        a_month(&left.rate)
                    ));
                }
            }
            if !yes && !ask(&format!("End {id} and remove this?")) {
                return Ok(Exit::Failed);
            }
            let mut outcomes = engine.run_plan(&cx, &plan).await?;
            // What it is asked for comes last, and is what JSON tells; the rest is what it consisted of.
            let own = outcomes.iter().position(|o| o.key == key).map(|at| outcomes.remove(at));
            for outcome in &outcomes {
                crate::runs::removed(outcome, false)?;
            }
            let gone = || Outcome { key, name: id.to_string(), result: OutcomeResult::AlreadyGone };
            return crate::runs::removed(&own.unwrap_or_else(gone), json);
        }
    }
    Ok(Exit::Done)
}

/// What a rate comes to in a month of 730 hours.
fn a_month(rate: &Cost<HourlyRate>) -> String {
    cost(&rate.clone().map(|rate| rate.over(SignedDuration::from_hours(730))))
}

fn show(view: &EndpointView, cx: &Cx) {
    let now = cx.clock().local();
    let status = &view.status;
    line(view.spec.id.as_str());
    line(format!("  state     {}", status.state.word()));
    line(format!("  where     {}", view.place));
    if let Some(project) = &view.spec.project {
        line(format!("  project   {project}"));
    }
    let settings: Vec<String> =
        view.spec.mode.settings.iter().map(|(name, value)| format!(", {name} {value}")).collect();
    line(format!("  serves    {}{}", view.spec.mode.id, settings.concat()));
    line(format!("  cost      {}; so far {}", rate(&status.rate), cost(&status.so_far)));
    if let Some(curfew) = status.curfew.as_ref().filter(|_| !status.state.is_over()) {
        line(format!("  curfew    {}, {}", say::when(curfew.at, &now), curfew.enforcer));
    }
    if let Some(t) = &status.traffic {
        let ms = |v: Option<f64>| v.map_or_else(|| "?".into(), |v| format!("{v:.1} ms"));
        let last = t.last_request.map_or_else(|| "never asked".into(), |l| format!("last {}", say::ago(l, cx.now())));
        line(format!("  requests  {} ({} errors), {last}", t.requests, t.errors));
        line(format!("  latency   median {}, 90 % {}, 99 % {}", ms(t.p50_ms), ms(t.p90_ms), ms(t.p99_ms)));
        if let Some(bytes) = t.memory_bytes {
            line(format!("  memory    {}", say::bytes(bytes)));
        }
    }
    for (what, version) in &status.versions {
        line(format!("  with      {} {}", say::clean(what, 40), say::clean(version, 40)));
    }
    if let Some(failure) = &status.failure {
        line(format!("  failure   {}", say::clean(&failure.what, 1000)));
        line(format!("  next      {}", say::clean(&failure.next, 1000)));
    }
}

/// Waits for an answer that comes later.
async fn fetch(engine: &Engine, cx: &Cx, id: &EndpointId, ticket: &Ticket) -> Result<Reply, Failed> {
    note(format!("Taken in. The answer will lie at {}", say::clean(&ticket.place, 400)));
    loop {
        if let Some(reply) = engine.answer(cx, id, &ticket.id).await? {
            return Ok(reply);
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

async fn figures(engine: &Engine, cx: &Cx, id: &EndpointId, json: bool) -> Result<Exit, Failed> {
    let found = engine.endpoint_figures(cx, id).await?;
    if json {
        print_json(&serde_json::json!({ "name": id, "figures": found }));
        return Ok(Exit::Done);
    }
    let Some(found) = found else {
        note("Nothing is measured of it here.");
        return Ok(Exit::Done);
    };
    let rows: Vec<Vec<String>> = found
        .items
        .iter()
        .map(|f| {
            let value = f.value.filter(|_| f.missing.is_none());
            let value = value.map_or_else(|| "–".into(), |v| format!("{} {}", (v * 10.0).round() / 10.0, f.unit));
            vec![f.title.clone(), value, f.missing.clone().unwrap_or_else(|| f.of.clone())]
        })
        .collect();
    table(&["FIGURE", "VALUE", ""], &rows);
    let now = cx.clock().local();
    note(format!("As of {}, from {} on.", say::when(found.as_of, &now), say::when(found.since, &now)));
    Ok(Exit::Done)
}

async fn ask_model(engine: &Engine, cx: &Cx, id: &EndpointId, invoke: Invoke, json: bool) -> Result<Exit, Failed> {
    let (content_type, body) = if let Some(csv) = invoke.input.csv {
        ("text/csv", csv.into_bytes())
    } else if let Some(text) = invoke.input.json_body {
        serde_json::from_str::<serde_json::Value>(&text)
            .map_err(|e| Error::input("json_body", format!("this is not JSON: {e}")))?;
        ("application/json", text.into_bytes())
    } else if let Some(path) = invoke.input.file {
        let body = std::fs::read(&path).map_err(|e| Error::io("read the file", path.display(), e).at("file"))?;
        let kind = match path.extension().and_then(|e| e.to_str()) {
            Some("csv") => "text/csv",
            Some("json") => "application/json",
            Some("npy") => "application/x-npy",
            _ => {
                return Err(
                    Error::input("file", "the type of the file is not known; name it .csv, .json or .npy").into()
                );
            }
        };
        (kind, body)
    } else {
        return Err(Error::input("csv", "give --csv, --json-body or --file").into());
    };
    let request = Invocation { content_type: content_type.into(), accept: invoke.accept, body };
    let reply = match engine.ask(cx, id, &request).await? {
        Asked::Answered(reply) => reply,
        Asked::Later(ticket) => fetch(engine, cx, id, &ticket).await?,
    };
    if json {
        let answer = serde_json::from_slice::<serde_json::Value>(&reply.body)
            .unwrap_or_else(|_| String::from_utf8_lossy(&reply.body).into_owned().into());
        print_json(
            &serde_json::json!({ "name": id, "content_type": reply.content_type, "latency_ms": reply.latency_ms, "answer": answer }),
        );
    } else {
        let _ = std::io::stdout().write_all(&reply.body);
        if !reply.body.ends_with(b"\n") {
            line("");
        }
        note(format!("answered in {} ms", reply.latency_ms));
    }
    Ok(Exit::Done)
}
