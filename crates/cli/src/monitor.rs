//! run monitor: one run in a small window of its own.

use crate::app;
use crate::out::{Exit, Failed};
use curfew_core::run::RunState;
use curfew_core::{Notice, say};
use curfew_engine::RunView;
use curfew_monitor::{Number, Sheet, Tone};
use jiff::Zoned;
use tokio::runtime::Runtime;

/// Opens the window and stays until it is closed. On the program's first thread, so that it is no async function.
pub(crate) fn monitor(runtime: &Runtime, name: &str) -> Result<Exit, Failed> {
    let (engine, view) = runtime.block_on(async {
        let engine = app::engine()?;
        let id = engine.find_run(name).await?;
        let view = engine.run(&engine.cx(), &id).await?;
        Ok::<_, Failed>((engine, view))
    })?;
    let series = engine.home().series(&view.spec.id);
    let (handle, id) = (runtime.handle().clone(), view.spec.id.clone());
    let feed = move || {
        let cx = engine.cx();
        let seen = handle.block_on(engine.run(&cx, &id));
        seen.map(|view| sheet(&view, &cx.clock().local())).map_err(|error| {
            let notice = Notice::from(&error);
            format!("{} {}", notice.happened, notice.next)
        })
    };
    curfew_monitor::open(&say::clean(&view.spec.name, 80), series, feed)?;
    Ok(Exit::Done)
}

/// How it stands, in the words of its page.
fn sheet(run: &RunView, now: &Zoned) -> Sheet {
    let status = &run.status;
    let stats = curfew_ui::views::run::stats(run, now);
    let detail = status.failure.as_ref().map(|f| f.what.clone());
    let detail = detail.or_else(|| status.ended_by.clone()).or_else(|| status.detail.clone()).unwrap_or_default();
    Sheet {
        name: say::clean(&run.spec.name, 80),
        state: status.state.word().to_owned(),
        tone: match status.state {
            RunState::Running | RunState::Stopping => Tone::Working,
            RunState::Completed => Tone::Home,
            RunState::Failed | RunState::Lost => Tone::Lost,
            RunState::Queued | RunState::Starting | RunState::Stopped => Tone::Plain,
        },
        place: run.place.clone(),
        numbers: stats.into_iter().map(|stat| Number { value: stat.value, label: stat.label }).collect(),
        detail: say::clean(&detail, 300),
    }
}
