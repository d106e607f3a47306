//! train, runs, run.

use crate::app;
use crate::args::{RunVerb, Train};
use crate::out::{Exit, Failed, ask, cost, line, note, print_json, rate, table};
use curfew_core::cx::Told;
use curfew_core::plan::OutcomeResult;
use curfew_core::run::RunState;
use curfew_core::{Cx, Error, ErrorKind, RunId, Timestamp, say};
use curfew_engine::{Engine, LaunchRequest, RunView};
use curfew_series::store::Reader;
use std::collections::BTreeMap;
use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

pub(crate) async fn train(args: Train, json: bool) -> Result<Exit, Failed> {
    let engine = app::engine()?;
    let cx = engine.cx();
    let request = LaunchRequest {
        dir: args.dir,
        entry: args.entry,
        name: args.name,
        data: args.data,
        hyper: args.hyper,
        machine: args.on,
        curfew: args.curfew,
        spend: args.spend,
        stop_on_nan: args.stop_on_nan,
        flat_epochs: args.stop_when_flat,
        flat_metric: args.flat_metric,
        stop_after: args.stop_after,
        project: args.project,
        options: options(&args.options)?,
    };
    let (spec, quote) = engine.plan_run(&cx, &request).await?;
    let now = cx.clock().local();
    note(format!("{} on {}: {}", say::clean(&spec.name, 80), spec.machine, rate(&quote.rate)));
    for caution in &quote.cautions {
        note(format!("Note: {} {}", caution.says, caution.risk));
    }
    note(format!("Goes home at {}, {}.", say::when(spec.curfew, &now), quote.enforcer));
    let view = engine.launch(&cx.telling(uploads(&cx)), &spec).await?;
    note(format!("Started as {}.", view.spec.id));
    let view = if args.wait { follow(&engine, &cx, &spec.id, json).await? } else { view };
    if json {
        print_json(&serde_json::json!({ "id": view.spec.id, "state": view.status.state }));
    } else if args.wait {
        summary(&view);
    } else {
        line(view.spec.id.as_str());
    }
    Ok(if args.wait && view.status.state != RunState::Completed { Exit::Failed } else { Exit::Done })
}

/// `NAME=VALUE` as typed.
fn options(pairs: &[String]) -> Result<BTreeMap<String, String>, Error> {
    let pair = |text: &String| {
        let (name, value) = text.split_once('=').ok_or_else(|| {
            Error::input("options", format!("“{}” has no “=”; write instances=2", say::clean(text, 60)))
        })?;
        Ok((name.trim().to_owned(), value.trim().to_owned()))
    };
    pairs.iter().map(pair).collect()
}

/// Prints how far an upload has come: at its end, and about once a second before.
fn uploads(cx: &Cx) -> Told {
    let (clock, last) = (cx.clock().clone(), Mutex::new((String::new(), cx.now())));
    Arc::new(move |progress| {
        let mut last = last.lock().expect("nothing panics while it is held");
        let now = clock.now();
        let large = progress.total > LARGE;
        let due = now.duration_since(last.1).as_secs() >= 1 || progress.done == progress.total;
        let text = progress.to_string();
        if large && due && text != last.0 {
            note(format!("  {text}"));
            *last = (text, now);
        }
    })
}

/// Smaller uploads are over before anybody has read of them.
const LARGE: u64 = 1 << 20;

/// Shows the log as it grows (on stderr where stdout carries JSON) until the run is over.
pub(crate) async fn follow(engine: &Engine, cx: &Cx, id: &RunId, json: bool) -> Result<RunView, Failed> {
    let mut at = String::new();
    loop {
        let view = engine.run(cx, id).await?;
        // What the state says is over was written before it: one more read gets the log's end.
        let over = view.status.state.is_over();
        loop {
            let chunk = match engine.run_log(cx, id, &at, 1 << 16).await {
                Ok(chunk) => chunk,
                Err(e) if e.kind() == ErrorKind::NotFound => break,
                Err(e) => return Err(e.into()),
            };
            if chunk.bytes.is_empty() {
                break;
            }
            // The log goes to the terminal as it is; a reader that has gone away ends nothing.
            let _ = if json {
                std::io::stderr().write_all(&chunk.bytes)
            } else {
                std::io::stdout().write_all(&chunk.bytes)
            };
            at = chunk.next;
        }
        if over {
            return Ok(view);
        }
        engine.turn(cx).await?;
        // A fifth of the pace at which its provider is looked at, so that what is printed comes soon, and calls stay few.
        let pause = engine.look_every(&view.spec.machine).unsigned_abs() / 5;
        tokio::time::sleep(pause.max(Duration::from_millis(250))).await;
    }
}

/// The end of a run, in a few lines.
pub(crate) fn summary(view: &RunView) {
    let status = &view.status;
    let took = match (status.started, status.ended) {
        (Some(from), Some(to)) => format!(" after {}", say::duration(to.duration_since(from))),
        _ => String::new(),
    };
    note(format!("{} {}{took}. {}.", say::clean(&view.spec.name, 80), status.state.word(), cost(&status.so_far)));
    if let Some(by) = &status.ended_by {
        note(format!("It ended because {}.", say::clean(by, 200)));
    }
    if let Some(failure) = &status.failure {
        note(say::clean(&failure.what, 1000));
        for text in &failure.log_end {
            note(format!("  | {}", say::clean(text, 300)));
        }
        note(format!("Next: {}", say::clean(&failure.next, 1000)));
    }
}

pub(crate) async fn list(json: bool) -> Result<Exit, Failed> {
    let engine = app::engine()?;
    let cx = engine.cx();
    let views = engine.runs(&cx, true).await?;
    if json {
        print_json(&serde_json::json!({ "runs": views.iter().map(|v| json_of(v, cx.now())).collect::<Vec<_>>() }));
        return Ok(Exit::Done);
    }
    if views.is_empty() {
        note("No runs yet. Start one with curfew train DIR.");
    } else {
        let now = cx.clock().local();
        let row = |v: &RunView| {
            let loss = v.loss.as_ref().map_or_else(String::new, |m| format!("{} {:.4}", m.name, m.last));
            let curfew = v.status.curfew.as_ref().filter(|_| !v.status.state.is_over());
            vec![
                v.spec.id.to_string(),
                v.status.state.word().into(),
                v.place.clone(),
                say::when(v.status.created, &now),
                loss,
                curfew.map_or_else(String::new, |c| say::when(c.at, &now)),
                cost(&v.status.so_far),
            ]
        };
        let rows: Vec<_> = views.iter().map(row).collect();
        table(&["ID", "STATE", "WHERE", "STARTED", "LOSS", "CURFEW", "SO FAR"], &rows);
    }
    Ok(Exit::Done)
}

pub(crate) fn json_of(view: &RunView, now: Timestamp) -> serde_json::Value {
    serde_json::json!({
        "id": view.spec.id, "name": view.spec.name, "state": view.status.state, "machine": view.spec.machine,
        "place": view.place, "owner": view.spec.owner, "project": view.spec.project, "entry": view.spec.entry, "dir": view.spec.dir,
        "hyperparameters": view.spec.hyper, "created": view.status.created, "started": view.status.started,
        "ended": view.status.ended, "exit_code": view.status.exit_code, "ended_by": view.status.ended_by,
        "failure": view.status.failure, "detail": view.status.detail, "progress": view.status.progress, "model": view.status.model,
        "curfew": view.status.curfew, "usd_per_hour": view.status.rate, "so_far": view.status.so_far,
        "spot": view.status.spot, "loss": view.loss, "epochs": view.epochs, "finish": view.finish,
        "to_finish": view.finish.as_ref().and_then(|f| f.cost(&view.status, now)), "lab": view.lab,
    })
}

pub(crate) async fn run(verb: RunVerb, json: bool) -> Result<Exit, Failed> {
    let engine = app::engine()?;
    let cx = engine.cx();
    match verb {
        RunVerb::Show { id } => {
            let view = engine.run(&cx, &engine.find_run(&id).await?).await?;
            if json {
                print_json(&json_of(&view, cx.now()));
            } else {
                show(&view, &cx);
            }
            Ok(Exit::Done)
        }
        RunVerb::Log { id, follow: true } => {
            let id = engine.find_run(&id).await?;
            follow(&engine, &cx, &id, json).await?;
            Ok(Exit::Done)
        }
        RunVerb::Log { id, follow: false } => {
            let id = engine.find_run(&id).await?;
            let mut at = String::new();
            let mut whole = Vec::new();
            loop {
                let chunk = engine.run_log(&cx, &id, &at, 1 << 20).await?;
                if chunk.bytes.is_empty() {
                    break;
                }
                at = chunk.next;
                if json {
                    whole.extend(chunk.bytes);
                } else {
                    let _ = std::io::stdout().write_all(&chunk.bytes);
                }
            }
            if json {
                print_json(&serde_json::json!({ "id": id, "log": String::from_utf8_lossy(&whole) }));
            }
            Ok(Exit::Done)
        }
        RunVerb::Metrics { id } => {
            let id = engine.find_run(&id).await?;
            metrics(&engine, &id, json)
        }
        RunVerb::Export { id, output, metric } => {
            let id = engine.find_run(&id).await?;
            crate::export::export(&engine.home().series(&id), &id, &output, &metric, json)
        }
        RunVerb::Figure(wanted) => {
            let mut runs = Vec::new();
            for id in &wanted.ids {
                let id = engine.find_run(id).await?;
                runs.push((engine.home().series(&id), engine.run(&cx, &id).await?.spec));
            }
            let options = figure_options(&wanted, cx.clock().zone());
            let of: Vec<_> = runs.iter().map(|(dir, spec)| (dir.as_path(), spec)).collect();
            curfew_figures::run_figure(&of, &wanted.output, &options)?;
            note(format!("Wrote {}.", wanted.output.display()));
            if json {
                // One run's id as ever; of several, all of them.
                let ids: Vec<&str> = runs.iter().map(|(_, spec)| spec.id.as_str()).collect();
                print_json(&serde_json::json!({ "id": ids[0], "ids": ids, "file": wanted.output }));
            }
            Ok(Exit::Done)
        }
        // Opened before there is a runtime to be in.
        RunVerb::Monitor { .. } => Ok(Exit::Done),
        RunVerb::Extend { id, curfew } => {
            let id = engine.find_run(&id).await?;
            let (at, enforcer) = engine.extend_run(&cx, &id, &curfew).await?;
            note(format!("{id} goes home at {}, {enforcer}.", say::when(at, &cx.clock().local())));
            if json {
                print_json(&serde_json::json!({ "id": id, "curfew": { "at": at, "enforcer": enforcer } }));
            }
            Ok(Exit::Done)
        }
        RunVerb::Stop { id, wait } => {
            let id = engine.find_run(&id).await?;
            let mut view = engine.stop_run(&cx, &id, "you stopped it").await?;
            while wait && !view.status.state.is_over() {
                tokio::time::sleep(Duration::from_millis(200)).await;
                view = engine.run(&cx, &id).await?;
            }
            note(format!("{id} is {}.", view.status.state.word()));
            if json {
                print_json(&serde_json::json!({ "id": id, "state": view.status.state }));
            }
            Ok(Exit::Done)
        }
        RunVerb::Rm { id, yes } => {
            let id = engine.find_run(&id).await?;
            if !yes && !ask(&format!("Remove {id} with its log, model and all files?")) {
                return Ok(Exit::Failed);
            }
            let outcome = engine.remove(&cx, &engine.run_key(&id).await?).await?;
            removed(&outcome, json)
        }
    }
}

/// Tells how a removal of one ended.
pub(crate) fn removed(outcome: &curfew_core::plan::Outcome, json: bool) -> Result<Exit, Failed> {
    if json {
        print_json(outcome);
    }
    match &outcome.result {
        OutcomeResult::Removed => note(format!("Removed {}.", say::clean(&outcome.name, 80))),
        OutcomeResult::AlreadyGone => note(format!("{} was gone already.", say::clean(&outcome.name, 80))),
        OutcomeResult::Skipped { why } | OutcomeResult::Failed { why } => {
            let message = format!("{} was not removed: {why}", say::clean(&outcome.name, 80));
            return Err(Error::new(ErrorKind::Conflict, "remove it", message)
                .bill(curfew_core::error::Bill::StillRunning)
                .into());
        }
    }
    Ok(Exit::Done)
}

fn show(view: &RunView, cx: &Cx) {
    let now = cx.clock().local();
    let status = &view.status;
    line(format!("{}  ({})", view.spec.id, say::clean(&view.spec.name, 80)));
    let detail = status.detail.as_deref().map(|d| format!(": {}", say::clean(d, 200))).unwrap_or_default();
    line(format!("  state    {}{detail}", status.state.word()));
    line(format!("  where    {} ({})", view.place, view.spec.machine));
    if let Some(project) = &view.spec.project {
        line(format!("  project  {project}"));
    }
    line(format!("  cost     {}; so far {}", rate(&status.rate), cost(&status.so_far)));
    if let Some(started) = status.started {
        let until = status.ended.unwrap_or(cx.now());
        line(format!("  ran      {} since {}", say::duration(until.duration_since(started)), say::when(started, &now)));
    }
    if let Some(curfew) = status.curfew.as_ref().filter(|_| !status.state.is_over()) {
        line(format!("  curfew   {}, {}", say::when(curfew.at, &now), curfew.enforcer));
    }
    if let Some((done, total)) = view.epochs {
        let total = total.map(|t| format!(" of {t}")).unwrap_or_default();
        line(format!("  epoch    {done}{total}"));
    }
    if let Some(finish) = &view.finish {
        let about = [vec![say::when(finish.at, &now)], finish.says(&now)].concat().join(", ");
        line(format!("  done     about {about}"));
        if let Some(cost) = finish.cost(status, cx.now()) {
            let band = cost.band.map_or_else(String::new, |band| format!(" ± {band}"));
            line(format!("  to end   {}{band} in all, estimated from its pace", cost.whole));
        }
    }
    if let Some(loss) = &view.loss {
        line(format!(
            "  {:<8} {:.6}, best {:.6}, {} points",
            say::clean(&loss.name, 30),
            loss.last,
            loss.best,
            loss.count
        ));
    }
    if let Some(model) = &status.model {
        line(format!("  model    {}", say::clean(model, 300)));
    }
    if let Some(by) = &status.ended_by {
        line(format!("  ended    because {}", say::clean(by, 200)));
    }
    if let Some(failure) = &status.failure {
        line(format!("  failure  {}", say::clean(&failure.what, 1000)));
        for text in &failure.log_end {
            line(format!("    | {}", say::clean(text, 300)));
        }
        line(format!("  next     {}", say::clean(&failure.next, 1000)));
    }
}

fn metrics(engine: &Engine, id: &RunId, json: bool) -> Result<Exit, Failed> {
    let dir = engine.home().series(id);
    let failed = |e: curfew_series::Error| {
        Error::new(ErrorKind::Corrupt, "read the metrics", format!("the loss series of {id} cannot be read"))
            .caused_by(e)
    };
    let metrics = match Reader::open(&dir) {
        Ok(reader) => {
            if let Some(damage) = reader.damage() {
                note(format!("Not all of it can be read: {damage}."));
            }
            let mut all = Vec::new();
            for m in reader.metrics() {
                // The table needs none of them.
                let wanted = if json { 0..u64::MAX } else { 0..0 };
                let points: Vec<_> = reader.points(m.id, wanted).collect::<Result<_, _>>().map_err(failed)?;
                all.push((m, points));
            }
            all
        }
        // Nothing printed yet is no error: there are simply no metrics.
        Err(_) if !dir.exists() => Vec::new(),
        Err(e) => return Err(failed(e).into()),
    };
    if json {
        let time = |ms: i64| jiff::Timestamp::from_millisecond(ms).map(|t| t.to_string()).unwrap_or_default();
        // JSON has no NaN and no infinity: they are the strings "NaN", "Infinity", "-Infinity".
        let value = |v: f64| {
            if v.is_finite() {
                serde_json::json!(v)
            } else if v.is_nan() {
                "NaN".into()
            } else if v > 0.0 {
                "Infinity".into()
            } else {
                "-Infinity".into()
            }
        };
        let metrics: Vec<_> = metrics
            .iter()
            .map(|(m, points)| {
                let points: Vec<_> = points
                    .iter()
                    .map(|p| serde_json::json!({ "step": p.step, "epoch": p.epoch, "time": time(p.time_ms), "value": value(p.value) }))
                    .collect();
                serde_json::json!({ "name": m.name, "rank": m.rank, "points": points })
            })
            .collect();
        print_json(&serde_json::json!({ "metrics": metrics }));
    } else if metrics.is_empty() {
        note("No metrics yet. Print them as loss=0.41, one line an epoch or step.");
    } else {
        let rows: Vec<_> = metrics
            .iter()
            .map(|(m, _)| {
                let best = m.best.map_or_else(String::new, |b| format!("{b}"));
                vec![m.name.clone(), m.count.to_string(), format!("{}", m.first), format!("{}", m.last), best]
            })
            .collect();
        table(&["METRIC", "POINTS", "FIRST", "LAST", "BEST"], &rows);
    }
    Ok(Exit::Done)
}

fn figure_options(wanted: &crate::args::Figure, zone: jiff::tz::TimeZone) -> curfew_figures::FigureOptions {
    use curfew_figures::Axis;
    let axis = |word: &str| match word {
        "epoch" => Axis::Epoch,
        "time" => Axis::Time,
        "relative" => Axis::Relative,
        _ => Axis::Step,
    };
    curfew_figures::FigureOptions {
        width_mm: wanted.width,
        height_mm: wanted.height,
        metrics: wanted.metrics.clone(),
        axis: wanted.x.as_deref().map(axis),
        range: wanted.from.zip(wanted.to),
        log_x: wanted.log_x,
        log_y: wanted.log_y,
        smoothing: wanted.smooth,
        caption: !wanted.no_caption,
        zone,
        ..curfew_figures::FigureOptions::default()
    }
}
