//! sweep, sweep run.

use crate::app;
use crate::args::{Sweep, SweepVerb};
use crate::out::{Exit, Failed, ask, line, note, print_json, rate, table};
use curfew_core::plan::{OutcomeResult, Plan};
use curfew_core::{Error, say};
use curfew_engine::{Engine, SweepRow};

pub(crate) async fn sweep(args: Sweep, json: bool) -> Result<Exit, Failed> {
    let engine = app::engine()?;
    let cx = engine.cx();
    if let Some(SweepVerb::Run { plan, yes }) = args.verb {
        let plan = Engine::plan_file(&plan)?;
        return run(&engine, &plan, yes, json).await;
    }
    engine.turn(&cx).await?;
    let report = engine.sweep(&cx).await?;
    let found = report.rows.iter().filter(|r| r.judged.verdict.needs_you()).count();
    if let Some(path) = &args.plan {
        let chosen = |r: &&SweepRow| if args.all { !r.resource.steps.is_empty() } else { r.judged.verdict.needs_you() };
        let keys: Vec<_> = report.rows.iter().filter(chosen).map(|r| r.resource.key.clone()).collect();
        let plan = engine.freeze(&cx, &keys, None).await?;
        let text = serde_json::to_string_pretty(&plan).unwrap_or_default();
        std::fs::write(path, text).map_err(|e| Error::io("write the plan", path.display(), e).at("plan"))?;
        note(format!(
            "Wrote a plan with {} to {}. Read it, then: curfew sweep run {}",
            say::count(plan.items.len(), "item", "items"),
            path.display(),
            path.display()
        ));
    }
    if json {
        print_json(&report);
    } else {
        let row = |r: &SweepRow| {
            let size = r.resource.bytes.map(say::bytes).or_else(|| r.resource.size.clone()).unwrap_or_default();
            vec![
                r.judged.verdict.word().into(),
                r.resource.kind_title.clone(),
                r.resource.name.clone(),
                r.place.clone(),
                r.resource.state.clone(),
                size,
                rate(&r.resource.rate),
                r.judged.why.first().cloned().unwrap_or_default(),
            ]
        };
        if !report.rows.is_empty() {
            table(
                &["VERDICT", "KIND", "NAME", "WHERE", "STATE", "SIZE", "COST", "WHY"],
                &report.rows.iter().map(row).collect::<Vec<_>>(),
            );
        }
        for read in &report.read {
            note(format!("Read {read}."));
        }
        for gap in &report.gaps {
            line(format!("NOT READ  {} {}: {}", gap.cloud, say::clean(&gap.what, 80), say::clean(&gap.reason, 300)));
        }
        note(match (found, report.gaps.len()) {
            (0, 0) => "Nothing looks forgotten.".to_owned(),
            (0, gaps) => format!("Not fully checked: {} could not be read.", say::count(gaps, "place", "places")),
            (found, _) => format!("{} forgotten.", say::count(found, "thing looks", "things look")),
        });
    }
    Ok(if !report.gaps.is_empty() {
        Exit::NotRead
    } else if found > 0 {
        Exit::Found
    } else {
        Exit::Done
    })
}

async fn run(engine: &Engine, plan: &Plan, yes: bool, json: bool) -> Result<Exit, Failed> {
    for item in &plan.items {
        note(format!("{} {} ({})", item.kind_title, say::clean(&item.name, 80), item.verdict.word()));
        for step in &item.steps {
            note(format!(
                "  {}{}",
                say::clean(&step.says, 200),
                if step.reversible { "" } else { " (cannot be undone)" }
            ));
        }
    }
    if plan.items.is_empty() {
        note("The plan has nothing to do.");
        return Ok(Exit::Done);
    }
    if !yes && !ask(&format!("Remove {}?", say::count(plan.items.len(), "thing", "things"))) {
        return Ok(Exit::Failed);
    }
    let outcomes = engine.run_plan(&engine.cx(), plan).await?;
    let mut exit = Exit::Done;
    for outcome in &outcomes {
        let told = match &outcome.result {
            OutcomeResult::Removed => "removed".to_owned(),
            OutcomeResult::AlreadyGone => "was gone already".to_owned(),
            OutcomeResult::Skipped { why } => format!("skipped: {why}"),
            OutcomeResult::Failed { why } => {
                exit = Exit::Failed;
                format!("FAILED, may still be there: {why}")
            }
        };
        note(format!("{}: {}", say::clean(&outcome.name, 80), say::clean(&told, 500)));
    }
    if json {
        print_json(&serde_json::json!({ "plan": plan.id, "outcomes": outcomes }));
    }
    Ok(exit)
}
