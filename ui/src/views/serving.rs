//! How a model is served, what is measured of it, and an answer that comes later.

use super::when;
use crate::fields::Fields;
use crate::pages::parts::{Field, Name, Spark, Told, number};
use crate::pages::serving::{FigureRow, Figures, Later, ModeNumber, Modes};
use curfew_core::endpoint::{Figure, Reply, Ticket};
use curfew_core::{EndpointId, Error, Mode, ServingMode, say};
use jiff::{SignedDuration, Zoned};
use std::collections::BTreeMap;

/// The choice as typed, of what the chosen machine's provider offers.
pub fn modes(fields: &Fields, modes: &'static [ServingMode]) -> Modes {
    let Some(usual) = modes.first() else { return Modes::default() };
    let chosen = fields.get("mode").and_then(|id| modes.iter().find(|m| m.id == id)).unwrap_or(usual);
    let numbers = chosen.fields.iter().map(|field| {
        let unit = if field.unit.is_empty() { String::new() } else { format!(" ({})", field.unit) };
        ModeNumber {
            name: field.name,
            title: format!("{}{unit}", field.title),
            hint: field.hint,
            usual: field.usual.map_or_else(|| "not known".into(), |usual| usual.to_string()),
            field: Field::of(fields.raw(field.name)),
        }
    });
    Modes {
        mode: Field::of(chosen.id),
        modes: modes.iter().map(|m| (m.id, m.title)).collect(),
        says: chosen.says,
        fields: numbers.collect(),
    }
}

/// What was typed into the numbers of any mode.
pub fn settings(fields: &Fields, modes: &[ServingMode]) -> BTreeMap<String, String> {
    let names = modes.iter().flat_map(|m| m.fields).map(|f| f.name);
    names.filter_map(|name| Some((name.to_owned(), fields.get(name)?.to_owned()))).collect()
}

/// "Serverless, memory 2,048 MB, at once 5".
pub fn mode_line(offered: &ServingMode, mode: &Mode) -> String {
    let mut parts = vec![offered.title.to_owned()];
    for field in offered.fields {
        let Some(value) = mode.settings.get(field.name).copied().or(field.usual) else { continue };
        let unit = if field.unit.is_empty() { String::new() } else { format!(" {}", field.unit) };
        parts.push(format!("{} {}{unit}", field.title.to_lowercase(), number(f64::from(value))));
    }
    parts.join(", ")
}

/// The figures of an endpoint, or why there are none.
pub fn figures(id: &EndpointId, found: Result<Option<curfew_core::endpoint::Figures>, Error>, now: &Zoned) -> Figures {
    let page = Figures { href: format!("/endpoints/{id}/figures"), ..Figures::default() };
    match found {
        Err(error) => Figures { told: vec![Told::from(&error)], ..page },
        Ok(None) => Figures { none: "Nothing is measured of it here.".into(), ..page },
        Ok(Some(found)) => {
            let step = say::duration(SignedDuration::from_secs(i64::from(found.step_s)));
            let course = if found.step_s > 0 { format!(", a point for each {step}") } else { String::new() };
            let about = format!("As of {}, from {} on{course}.", when(found.as_of, now), when(found.since, now));
            Figures { about, rows: found.items.iter().map(row).collect(), ..page }
        }
    }
}

fn row(figure: &Figure) -> FigureRow {
    let unit = if figure.unit.is_empty() { String::new() } else { format!(" {}", figure.unit) };
    let shown = |value: f64| number(if value.abs() < 100.0 { (value * 10.0).round() / 10.0 } else { value.round() });
    let value = figure.value.filter(|_| figure.missing.is_none());
    let values: Vec<f64> = figure.points.iter().map(|p| p.1).collect();
    FigureRow {
        name: Name::from(&figure.name),
        title: Name::from(&figure.title),
        value: value.map_or_else(|| "–".into(), |v| format!("{}{unit}", shown(v))),
        of: Name::from(figure.missing.as_ref().unwrap_or(&figure.of)),
        spark: (values.len() > 1).then(|| Spark::of(&figure.title, values)),
    }
}

/// An answer that comes later.
pub fn later(id: &EndpointId, ticket: &Ticket, found: Result<Option<Reply>, Error>) -> Later {
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("ticket", &ticket.id).append_pair("place", &ticket.place);
    let page = Later {
        href: format!("/endpoints/{id}/answer?{}", query.finish()),
        place: Name::from(&ticket.place),
        ..Later::default()
    };
    match found {
        Ok(reply) => Later { answer: reply.as_ref().map(super::endpoint::answer), ..page },
        Err(error) => Later { told: vec![Told::from(&error)], ..page },
    }
}
