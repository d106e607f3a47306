//! Endpoints: the list, one of them, the form that makes one, and what a model answers.

use super::{at_field, failed, lasting_price_line, serving, when};
use crate::fields::Fields;
use crate::pages::endpoint::{Answer, Ask, Endpoint as Page};
use crate::pages::endpoints::{Caution, Deploy, EndpointRow};
use crate::pages::parts::{Field, Name, Price, Text, Told, number};
use crate::pages::run::Stat;
use crate::pages::shell::Shell;
use crate::views::train::Choices;
use curfew_core::curfew::Enforcer;
use curfew_core::endpoint::{EndpointState, Invocation, ModelSource, Reply, Traffic};
use curfew_core::provider::Quote;
use curfew_core::{Error, ServingMode, say};
use curfew_engine::{DeployRequest, EndpointView, RunView};
use jiff::Zoned;

/// How much of an answer is shown, in characters.
const ANSWER: usize = 20_000;

fn source(view: &EndpointView) -> String {
    match &view.spec.model {
        ModelSource::Run { run, .. } => format!("from the run {run}"),
        ModelSource::Archive { path } | ModelSource::File { path } => {
            format!("from {}", path.file_name().unwrap_or(path.as_os_str()).to_string_lossy())
        }
    }
}

fn requests(traffic: Option<&Traffic>, now: &Zoned) -> String {
    let Some(traffic) = traffic else { return String::new() };
    let count = number(traffic.requests as f64);
    match traffic.last_request {
        Some(at) => format!("{count}, last one {}", say::ago(at, now.timestamp())),
        None => format!("{count}, none yet"),
    }
}

fn milliseconds(ms: Option<f64>) -> String {
    ms.map_or_else(String::new, |ms| format!("{} ms", number((ms * 10.0).round() / 10.0)))
}

/// A row of the list.
pub fn row(view: &EndpointView, now: &Zoned) -> EndpointRow {
    let (spec, status) = (&view.spec, &view.status);
    let over = status.state.is_over();
    let detail = match (&status.failure, &status.ended_by, &status.detail) {
        (Some(failure), ..) => failure.what.clone(),
        (_, Some(by), _) if over => by.clone(),
        (.., Some(detail)) => detail.clone(),
        _ => String::new(),
    };
    EndpointRow {
        id: spec.id.to_string(),
        sub: Name(format!("{} · {}", view.place, source(view))),
        tag: status.state.into(),
        detail: Name(detail),
        requests: requests(status.traffic.as_ref(), now),
        latency: milliseconds(status.traffic.as_ref().and_then(|t| t.p50_ms)),
        a_day: Price::a_day(&status.rate, now.time_zone()),
        curfew: status.curfew.as_ref().filter(|_| !over).map_or_else(String::new, |c| say::when(c.at, now)),
        over,
    }
}

/// The page of one.
pub fn endpoint(shell: Shell, view: &EndpointView, ask: Ask) -> Page {
    let now = shell.now.clone();
    let (spec, status) = (&view.spec, &view.status);
    let over = status.state.is_over();
    let mut facts = vec![("Model", Name(source(view)))];
    if let ModelSource::Archive { path } | ModelSource::File { path } = &spec.model {
        facts.push(("File", Name(path.to_string_lossy().into_owned())));
    }
    let script = spec.script.as_ref().map(|p| p.to_string_lossy().into_owned());
    facts.push(("Script", Name(script.unwrap_or_else(|| "the model’s own, or the defaults".into()))));
    facts.push(("Machine", Name(format!("{} ({})", view.place, spec.machine))));
    if let Some(mode) = &view.mode {
        facts.push(("How it serves", Name(serving::mode_line(mode, &spec.mode))));
    }
    facts.extend(spec.project.as_ref().map(|p| ("Project", Name::from(p.as_str()))));
    if !status.versions.is_empty() {
        let versions: Vec<String> = status.versions.iter().map(|(what, version)| format!("{what} {version}")).collect();
        facts.push(("Serves with", Name(versions.join(", "))));
    }
    Page {
        id: spec.id.to_string(),
        tag: status.state.into(),
        place: Name::from(&view.place),
        made: Name(format!("made {} by {}", when(status.created, &now), spec.owner)),
        detail: Name(match (&status.ended_by, &status.detail) {
            (Some(by), _) if over => by.clone(),
            (_, Some(detail)) => detail.clone(),
            _ => String::new(),
        }),
        stats: stats(view, &now),
        failure: status.failure.as_ref().map(failed),
        told: Vec::new(),
        measures: !over && status.state != EndpointState::Creating,
        answers: status.state == EndpointState::InService,
        over,
        ask,
        facts,
        url: status.url.as_ref().map(Name::from),
        shell,
    }
}

fn stats(view: &EndpointView, now: &Zoned) -> Vec<Stat> {
    let (status, zone) = (&view.status, now.time_zone());
    let over = status.state.is_over();
    let stat = |id, value: String, label: String| Stat { id, value, label, words: false };
    let mut stats = Vec::new();
    if let Some(traffic) = &status.traffic {
        let mut label = match traffic.last_request {
            Some(at) => format!("requests, last one {}", say::ago(at, now.timestamp())),
            None => "requests, none yet".into(),
        };
        if traffic.errors > 0 {
            label = format!("{label}, {} with an error", number(traffic.errors as f64));
        }
        stats.push(stat("requests", number(traffic.requests as f64), label));
        if traffic.p50_ms.is_some() {
            let tail: Vec<String> = [("90 %", traffic.p90_ms), ("99 %", traffic.p99_ms)]
                .iter()
                .filter(|(_, ms)| ms.is_some())
                .map(|(share, ms)| format!("{share} within {}", milliseconds(*ms)))
                .collect();
            let label =
                if tail.is_empty() { "median latency".into() } else { format!("median latency, {}", tail.join(", ")) };
            stats.push(stat("latency", milliseconds(traffic.p50_ms), label));
        }
        if let Some(bytes) = traffic.memory_bytes.filter(|_| !over) {
            stats.push(stat("memory", say::bytes(bytes), "memory".into()));
        }
    }
    if !over {
        let day = Price::a_day(&status.rate, zone);
        stats.push(if day.known {
            stat("a-day", day.main, "a day".into())
        } else {
            Stat { id: "a-day", value: day.main, label: day.note, words: true }
        });
    }
    let so_far = Price::of(&status.so_far, zone);
    if so_far.known {
        stats.push(stat("so-far", so_far.main, "so far".into()));
    }
    if let Some(curfew) = status.curfew.as_ref().filter(|_| !over) {
        let enforcer = match &curfew.enforcer {
            Enforcer::Supervisor => "held on this computer".to_owned(),
            other => other.to_string(),
        };
        stats.push(stat("curfew", say::when(curfew.at, now), format!("curfew · {enforcer}")));
    }
    if let Some(ended) = status.ended {
        stats.push(stat("ended", say::when(ended, now), "ended".into()));
    }
    stats
}

/// The form as typed. `runs` are those with a model.
pub fn deploy(
    fields: &Fields,
    choices: &Choices,
    modes: &'static [ServingMode],
    runs: &[RunView],
    now: &Zoned,
) -> Deploy {
    let field = |name: &str| Field::of(fields.raw(name));
    Deploy {
        model: field("model"),
        runs: runs
            .iter()
            .filter(|r| r.status.model.is_some())
            .map(|r| {
                let ended = r.status.ended.map_or_else(String::new, |at| format!(" {}", say::ago(at, now.timestamp())));
                let title = format!("{}, {}{ended}", say::clean(&r.spec.name, 60), r.status.state.word());
                (r.spec.id.to_string(), Name(title))
            })
            .collect(),
        script: field("script"),
        name: field("name"),
        machine: field("machine"),
        machines: choices.machines.clone(),
        modes: serving::modes(fields, modes),
        curfew: field("curfew"),
        curfew_default: choices.curfew.clone(),
        project: field("project"),
        projects: choices.projects.clone(),
        can_pick: choices.can_pick,
        ..Deploy::default()
    }
}

/// The form as the engine takes it.
pub fn request(fields: &Fields, modes: &[ServingMode]) -> DeployRequest {
    let given = |name: &str| fields.get(name).map(str::to_owned);
    DeployRequest {
        model: fields.raw("model").to_owned(),
        script: given("script"),
        name: given("name"),
        machine: given("machine"),
        mode: given("mode"),
        settings: serving::settings(fields, modes),
        curfew: given("curfew"),
        project: given("project"),
        confirmed: fields.all("confirmed").map(str::to_owned).collect(),
    }
}

/// Puts each error at its field; what has none stands at the top.
pub fn with_errors(mut form: Deploy, errors: &[Error]) -> Deploy {
    for error in errors {
        let mut fields = [
            ("model", &mut form.model),
            ("script", &mut form.script),
            ("name", &mut form.name),
            ("machine", &mut form.machine),
            ("curfew", &mut form.curfew),
            ("project", &mut form.project),
            ("mode", &mut form.modes.mode),
        ];
        let mut numbers: Vec<_> = form.modes.fields.iter_mut().map(|n| (n.name, &mut n.field)).collect();
        if at_field(error, &mut numbers) {
            continue;
        }
        if !at_field(error, &mut fields) {
            form.told.push(Told::from(error));
        }
    }
    form
}

/// The form with what is to be confirmed first.
pub fn with_cautions(
    mut form: Deploy,
    quote: &Quote,
    confirmed: &[String],
    curfew: curfew_core::Timestamp,
    now: &Zoned,
) -> Deploy {
    form.cautions = quote
        .cautions
        .iter()
        .map(|c| Caution {
            code: Name::from(&c.code),
            says: Text::from(&c.says),
            risk: Text::from(&c.risk),
            ask: c.ask,
            confirmed: confirmed.contains(&c.code),
        })
        .collect();
    let mut price = lasting_price_line(quote, curfew, now);
    // They stand above, to be ticked.
    price.cautions.clear();
    form.price = Some(price);
    form
}

/// Is there something to confirm that has not been?
pub fn unconfirmed(quote: &Quote, confirmed: &[String]) -> bool {
    quote.cautions.iter().any(|c| c.ask && !confirmed.contains(&c.code))
}

/// The form to try it, as typed.
pub fn ask(id: &str, fields: &Fields) -> Ask {
    let kind = fields.get("kind").filter(|k| ["csv", "json", "numbers"].contains(k)).unwrap_or("csv");
    let mut numbers: Vec<String> = fields.all("number").map(str::to_owned).collect();
    if numbers.is_empty() {
        numbers = vec![String::new(); 4];
    }
    Ask { id: id.into(), kind: kind.into(), body: Field::of(fields.raw("body")), numbers, ..Ask::default() }
}

/// What is sent to the model, or what is wrong with it.
pub fn invocation(ask: &Ask) -> Result<Invocation, Error> {
    let (content_type, body) = match ask.kind.as_str() {
        "json" => {
            serde_json::from_str::<serde_json::Value>(&ask.body.value)
                .map_err(|e| Error::input("body", format!("this is not JSON: {e}")))?;
            ("application/json", ask.body.value.clone())
        }
        "numbers" => {
            let numbers: Vec<&str> = ask.numbers.iter().map(|n| n.trim()).filter(|n| !n.is_empty()).collect();
            if numbers.is_empty() {
                return Err(Error::input("number", "type the numbers that the model takes"));
            }
            if let Some(wrong) = numbers.iter().find(|n| n.parse::<f64>().is_err()) {
                return Err(Error::input("number", format!("“{}” is not a number; write 5.1", say::clean(wrong, 40))));
            }
            ("text/csv", numbers.join(","))
        }
        _ => {
            if ask.body.value.trim().is_empty() {
                return Err(Error::input("body", "type what the model shall answer to, such as 5.1,3.5,1.4,0.2"));
            }
            // A browser sends CR LF.
            ("text/csv", ask.body.value.replace("\r\n", "\n"))
        }
    };
    Ok(Invocation { content_type: content_type.into(), accept: "application/json".into(), body: body.into_bytes() })
}

/// What came back.
pub fn answer(reply: &Reply) -> Answer {
    let text = match serde_json::from_slice::<serde_json::Value>(&reply.body) {
        Ok(json) if reply.content_type.contains("json") => serde_json::to_string_pretty(&json).unwrap_or_default(),
        _ => String::from_utf8_lossy(&reply.body).into_owned(),
    };
    // Line by line: a line's end is no control character here.
    let lines: Vec<String> = text.lines().map(|line| say::clean(line, ANSWER)).collect();
    let mut text = lines.join("\n");
    if let Some((cut, _)) = text.char_indices().nth(ANSWER) {
        text.truncate(cut);
        text.push('…');
    }
    let about = format!(
        "{}, {}, {} ms",
        say::clean(&reply.content_type, 60),
        say::bytes(reply.body.len() as u64),
        reply.latency_ms
    );
    Answer { text, about }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sent() {
        let check = |form: &str, expect: &str| {
            let got = match invocation(&ask("e", &Fields::parse(form.as_bytes()))) {
                Ok(i) => format!("{} {}", i.content_type, String::from_utf8(i.body).unwrap()),
                Err(e) => format!("{:?} {e}", e.field().unwrap_or("")),
            };
            assert!(got.starts_with(expect), "{form}: {got}");
        };
        check("kind=csv&body=5.1,3.5%0D%0A4,3", "text/csv 5.1,3.5\n4,3");
        check("kind=csv&body=+", "\"body\" type what the model");
        check("kind=json&body=[1,2]", "application/json [1,2]");
        check("kind=json&body=[1,", "\"body\" this is not JSON");
        check("kind=numbers&number=1&number=&number=2.5", "text/csv 1,2.5");
        check("kind=numbers&number=x", "\"number\" “x” is not a number");
        check("kind=numbers", "\"number\" type the numbers");
        check("kind=odd&body=1", "text/csv 1");
    }
}
