//! Train: the form as typed and as the engine takes it, and the table of runs.

use super::{at_field, wrong};
use crate::fields::Fields;
use crate::pages::parts::{Field, Name, Price, Told, number};
use crate::pages::train::{Launcher, OptionRow, Options, RunRow, Runs, RunsAsk};
use curfew_core::run::{RunOption, RunSpec};
use curfew_core::{Error, Timestamp, policy::Policy, say};
use curfew_engine::{LaunchRequest, RunView};
use jiff::Zoned;
use std::cmp::Ordering;

/// What a form needs to know besides what was typed.
#[derive(Debug, Clone, Default)]
pub struct Choices {
    /// Machines: what is sent, what is shown.
    pub machines: Vec<(String, Name)>,
    /// What the chosen machine's provider can be asked for with a run.
    pub options: &'static [RunOption],
    /// The policy's default curfew.
    pub curfew: String,
    /// The policy's projects.
    pub projects: Vec<Name>,
    /// Can the host choose files?
    pub can_pick: bool,
}

impl Choices {
    /// For runs, under this policy.
    pub fn new(machines: Vec<(String, Name)>, policy: Option<&Policy>, can_pick: bool, of_runs: bool) -> Self {
        let curfew = policy.map(|p| if of_runs { &p.run_curfew } else { &p.endpoint_curfew });
        let curfew = curfew.map_or_else(String::new, ToString::to_string);
        Self { machines, options: &[], curfew, projects: policy.map_or_else(Vec::new, projects), can_pick }
    }
}

/// The projects that a policy has budgets for.
pub fn projects(policy: &Policy) -> Vec<Name> {
    policy.monthly_budget_usd.projects.keys().map(Name::from).collect()
}

/// The form as typed.
pub fn launcher(fields: &Fields, choices: &Choices) -> Launcher {
    let field = |name: &str| Field::of(fields.raw(name));
    let pairs = |a: &str, b: &str| -> Vec<(String, String)> {
        let mut pairs: Vec<(String, String)> =
            fields.all(a).zip(fields.all(b)).map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
        pairs.retain(|(k, v)| !(k.trim().is_empty() && v.trim().is_empty()));
        // One empty row to type into.
        if pairs.is_empty() {
            pairs.push(Default::default());
        }
        pairs
    };
    let mut form = Launcher {
        dir: field("dir"),
        entry: field("entry"),
        name: field("name"),
        data: pairs("channel", "source"),
        hyper: pairs("hyper_key", "hyper_value"),
        machine: field("machine"),
        machines: choices.machines.clone(),
        curfew: field("curfew"),
        curfew_default: choices.curfew.clone(),
        spend: field("spend"),
        project: field("project"),
        projects: choices.projects.clone(),
        options: options(fields, choices.options),
        stop_on_nan: fields.on("stop_on_nan"),
        flat_epochs: field("flat_epochs"),
        flat_metric: field("flat_metric"),
        stop_after: field("stop_after"),
        can_pick: choices.can_pick,
        ..Launcher::default()
    };
    offer_chosen(&form.machine, &mut form.machines);
    let asked = [&form.flat_epochs, &form.flat_metric, &form.stop_after].iter().any(|f| !f.value.is_empty());
    form.more = form.stop_on_nan || asked;
    form
}

/// A machine that the picker handed over is among those to choose from, whether or not an account offers it: what is
/// missing is said with its price.
pub(crate) fn offer_chosen(chosen: &Field, machines: &mut Vec<(String, Name)>) {
    if !chosen.value.is_empty() && machines.iter().all(|(value, _)| *value != chosen.value) {
        machines.push((chosen.value.clone(), Name::from(&chosen.value)));
    }
}

/// What can be asked for besides, as typed.
pub fn options(fields: &Fields, options: &'static [RunOption]) -> Options {
    let rows: Vec<OptionRow> = options
        .iter()
        .map(|o| {
            let id = format!("option_{}", o.name);
            let field = Field::of(fields.raw(&id));
            OptionRow { id, name: o.name, title: o.title, hint: o.hint, usual: o.usual, choices: o.choices, field }
        })
        .collect();
    Options { open: rows.iter().any(|r| !r.field.value.is_empty()), rows }
}

/// The form for doing a run again.
pub fn again(spec: &RunSpec, choices: &Choices) -> Launcher {
    let text = |field: &str| Field::of(field);
    let mut hyper: Vec<(String, String)> = spec.hyper.iter().map(|(k, v)| (k.clone(), v.clone())).collect();
    let mut data: Vec<(String, String)> = spec.data.iter().map(|c| (c.name.clone(), c.source.clone())).collect();
    for rows in [&mut hyper, &mut data] {
        if rows.is_empty() {
            rows.push(Default::default());
        }
    }
    let mut asked = Fields::default();
    for (name, value) in &spec.options {
        asked.add(format!("option_{name}"), value);
    }
    Launcher {
        options: options(&asked, choices.options),
        dir: Field::of(spec.dir.to_string_lossy()),
        entry: text(&spec.entry),
        name: text(&spec.name),
        data,
        hyper,
        machine: Field::of(spec.machine.to_string()),
        machines: choices.machines.clone(),
        curfew_default: choices.curfew.clone(),
        project: spec.project.as_ref().map_or_else(Field::default, |p| Field::of(p.as_str())),
        projects: choices.projects.clone(),
        spend: spec.stop.spend.map_or_else(Field::default, |m| Field::of(m.to_string())),
        stop_on_nan: spec.stop.not_a_number,
        flat_epochs: spec.stop.flat_epochs.map_or_else(Field::default, |n| Field::of(n.to_string())),
        flat_metric: spec.stop.metric.as_deref().map_or_else(Field::default, Field::of),
        stop_after: spec.stop.time.map_or_else(Field::default, |t| Field::of(say::duration(t))),
        can_pick: choices.can_pick,
        more: spec.stop != curfew_core::run::StopRules::default(),
        ..Launcher::default()
    }
}

/// The form as the engine takes it, with the options that the machine's provider has.
pub fn request(fields: &Fields, options: &[RunOption]) -> LaunchRequest {
    let given = |name: &str| fields.get(name).map(str::to_owned);
    let pairs = |a: &'static str, b: &'static str| {
        fields.all(a).zip(fields.all(b)).filter(|(k, v)| !(k.trim().is_empty() && v.trim().is_empty()))
    };
    LaunchRequest {
        dir: fields.raw("dir").to_owned(),
        entry: given("entry"),
        name: given("name"),
        data: pairs("channel", "source")
            .map(|(channel, source)| {
                let channel = if channel.trim().is_empty() { "training" } else { channel.trim() };
                format!("{channel}={}", source.trim())
            })
            .collect(),
        // A value alone is wrong, and the engine says so: "has no name".
        hyper: pairs("hyper_key", "hyper_value")
            .map(|(key, value)| format!("{}={}", key.trim(), value.trim()))
            .collect(),
        machine: given("machine"),
        curfew: given("curfew"),
        spend: given("spend"),
        project: given("project"),
        options: options
            .iter()
            .filter_map(|o| Some((o.name.to_owned(), fields.get(&format!("option_{}", o.name))?.to_owned())))
            .collect(),
        stop_on_nan: fields.on("stop_on_nan"),
        flat_epochs: given("flat_epochs"),
        flat_metric: given("flat_metric"),
        stop_after: given("stop_after"),
    }
}

/// Puts each error at its field; what has none stands at the top.
pub fn with_errors(mut form: Launcher, errors: &[Error]) -> Launcher {
    for error in errors {
        match error.field() {
            Some("hyper") => form.hyper_wrong = wrong(error),
            Some("data") => form.data_wrong = wrong(error),
            field => {
                form.more |= matches!(field, Some("flat_epochs" | "flat_metric" | "stop_after"));
                let mut fields = [
                    ("dir", &mut form.dir),
                    ("entry", &mut form.entry),
                    ("name", &mut form.name),
                    ("machine", &mut form.machine),
                    ("curfew", &mut form.curfew),
                    ("spend", &mut form.spend),
                    ("project", &mut form.project),
                    ("flat_epochs", &mut form.flat_epochs),
                    ("flat_metric", &mut form.flat_metric),
                    ("stop_after", &mut form.stop_after),
                ];
                let mut asked: Vec<_> = form.options.rows.iter_mut().map(|r| (r.name, &mut r.field)).collect();
                let at_option = at_field(error, &mut asked);
                form.options.open |= at_option;
                if !at_option && !at_field(error, &mut fields) {
                    form.told.push(Told::from(error));
                }
            }
        }
    }
    form
}

/// What the table is asked for, from a query string. What makes no sense is the default.
pub fn ask(fields: &Fields) -> RunsAsk {
    let default = RunsAsk::default();
    let sort = fields.get("sort").filter(|s| Runs::COLUMNS.iter().any(|(id, ..)| id == s));
    let state = fields.get("state").filter(|s| Runs::STATES.contains(s));
    RunsAsk {
        q: fields.raw("q").to_owned(),
        state: state.unwrap_or("").to_owned(),
        down: if sort.is_some() { fields.on("down") } else { default.down },
        sort: sort.map_or(default.sort, str::to_owned),
        show: fields.get("show").and_then(|n| n.parse().ok()).unwrap_or(default.show).clamp(1, 100_000),
    }
}

/// The table.
pub fn runs(all: &[RunView], ask: RunsAsk, now: &Zoned) -> Runs {
    let words: Vec<String> = ask.q.to_lowercase().split_whitespace().map(str::to_owned).collect();
    let fits = |run: &&RunView| {
        let state = run.status.state.word();
        if !ask.state.is_empty() && ask.state != state {
            return false;
        }
        if words.is_empty() {
            return true;
        }
        let spec = &run.spec;
        let project = spec.project.as_ref().map_or("", |p| p.as_str());
        let text = format!("{} {} {state} {} {} {project}", spec.name, spec.id, run.place, spec.owner).to_lowercase();
        words.iter().all(|w| text.contains(w))
    };
    let mut found: Vec<&RunView> = all.iter().filter(fits).collect();
    // What has no value stands last in either order.
    found.sort_by(|a, b| {
        let (order, missing) = compare(a, b, &ask.sort, now.timestamp());
        let order = if ask.down && !missing { order.reverse() } else { order };
        order.then_with(|| b.status.created.cmp(&a.status.created)).then_with(|| a.spec.id.cmp(&b.spec.id))
    });
    let rows = found.iter().take(ask.show).map(|run| row(run, now)).collect();
    Runs { rows, found: found.len(), all: all.len(), ask }
}

/// The order of two runs, and whether it comes from one of them having no value.
fn compare(a: &RunView, b: &RunView, column: &str, now: Timestamp) -> (Ordering, bool) {
    fn values<T>(a: Option<T>, b: Option<T>, by: impl Fn(&T, &T) -> Ordering) -> (Ordering, bool) {
        match (a, b) {
            (Some(a), Some(b)) => (by(&a, &b), false),
            (a, b) => (a.is_none().cmp(&b.is_none()), true),
        }
    }
    let finite = |v: f64| Some(v).filter(|v| !v.is_nan());
    match column {
        "name" => (a.spec.name.to_lowercase().cmp(&b.spec.name.to_lowercase()), false),
        "state" => (a.status.state.word().cmp(b.status.state.word()), false),
        "loss" => {
            let last = |r: &RunView| r.loss.as_ref().and_then(|l| finite(l.last));
            values(last(a), last(b), f64::total_cmp)
        }
        "best" => {
            let best = |r: &RunView| r.loss.as_ref().and_then(|l| finite(l.best));
            values(best(a), best(b), f64::total_cmp)
        }
        "took" => values(took(a, now), took(b, now), Ord::cmp),
        "cost" => {
            let cost = |r: &RunView| r.status.so_far.amount().map(curfew_core::Money::amount);
            values(cost(a), cost(b), Ord::cmp)
        }
        "curfew" => {
            let at = |r: &RunView| r.status.curfew.as_ref().filter(|_| !r.status.state.is_over()).map(|c| c.at);
            values(at(a), at(b), Ord::cmp)
        }
        _ => {
            let began = |r: &RunView| r.status.started.unwrap_or(r.status.created);
            (began(a).cmp(&began(b)), false)
        }
    }
}

fn took(run: &RunView, now: Timestamp) -> Option<jiff::SignedDuration> {
    run.status.started.map(|from| run.status.ended.unwrap_or(now).duration_since(from))
}

fn row(run: &RunView, now: &Zoned) -> RunRow {
    let (spec, status) = (&run.spec, &run.status);
    let going = !status.state.is_over();
    let detail = match (&run.epochs, &status.failure, &status.ended_by, &status.detail) {
        (_, Some(failure), ..) => failure.what.clone(),
        (_, None, Some(by), _) if !going => by.clone(),
        (Some((done, Some(total))), ..) if going => format!("epoch {} of {}", number(done.floor()), number(*total)),
        (_, _, _, Some(detail)) if going => detail.clone(),
        _ => String::new(),
    };
    RunRow {
        id: spec.id.to_string(),
        name: Name::from(&spec.name),
        sub: Name(format!("{} · {} · {}", run.place, spec.entry, spec.owner)),
        tag: status.state.into(),
        detail: Name(detail),
        loss: run.loss.as_ref().map_or_else(String::new, |l| number(l.last)),
        best: run.loss.as_ref().map_or_else(String::new, |l| number(l.best)),
        started: super::when(status.started.unwrap_or(status.created), now),
        took: took(run, now.timestamp()).map_or_else(String::new, say::duration),
        cost: Price::of(&status.so_far, now.time_zone()),
        curfew: status.curfew.as_ref().filter(|_| going).map_or_else(String::new, |c| say::when(c.at, now)),
    }
}
