//! What the user says of a run's metrics: between the form and the definitions.

use crate::fields::Fields;
use crate::pages::metrics::{Form, Found, Lines};
use crate::pages::parts::{Field, Name, Text, number};
use curfew_engine::RunView;
use curfew_series::Definitions;
use curfew_series::definitions::Metric;
use curfew_series::recognise::Matched;
use std::collections::{BTreeMap, BTreeSet};

/// How many printed names are listed.
const LISTED: usize = 200;
/// How many lines are shown.
const LINES: usize = 12;

/// A name as it goes through a form unharmed.
fn token(name: &str) -> String {
    form_urlencoded::byte_serialize(name.as_bytes()).collect()
}

fn of_token(token: &str) -> String {
    form_urlencoded::parse(token.as_bytes()).next().map_or_else(String::new, |(name, _)| name.into_owned())
}

/// The form: `kept` are the names under which the run's metrics are kept now, what matters most first.
pub fn form(run: &RunView, definitions: &Definitions, kept: &[String]) -> Form {
    // Printed name → what it is shown as.
    let mut shown: BTreeMap<&str, &str> = BTreeMap::new();
    for (into, from) in &definitions.merge {
        shown.extend(from.iter().map(|name| (name.as_str(), into.as_str())));
    }
    for (from, to) in &definitions.rename {
        shown.entry(from).or_insert(to);
    }
    let targets: BTreeSet<&str> = shown.values().copied().collect();
    let defined: BTreeSet<&str> = definitions.define.iter().map(|m| m.name.as_str()).collect();
    let own = kept.iter().map(String::as_str).filter(|name| !targets.contains(name) && !defined.contains(name));
    let hidden = definitions.hide.iter().map(String::as_str).filter(|name| !targets.contains(name));
    let mut seen = BTreeSet::new();
    let printed: Vec<&str> = shown.keys().copied().chain(own).chain(hidden).filter(|n| seen.insert(*n)).collect();
    let found = printed.iter().take(LISTED).map(|name| {
        let to = shown.get(name).copied();
        Found {
            token: token(name),
            printed: Name::from(*name),
            rename: to.unwrap_or("").to_owned(),
            hidden: definitions.hide.iter().any(|h| h == to.unwrap_or(name)),
        }
    });
    let mut define: Vec<(String, String)> =
        definitions.define.iter().map(|m| (m.name.clone(), m.regex.clone())).collect();
    if define.is_empty() {
        define.push(Default::default());
    }
    Form {
        id: run.spec.id.to_string(),
        name: Name::from(&run.spec.name),
        dir: Name(run.spec.dir.to_string_lossy().into_owned()),
        found: found.collect(),
        left: printed.len().saturating_sub(LISTED),
        define,
        recognise: definitions.recognise.unwrap_or(true),
        ..Form::default()
    }
}

/// What was typed, as definitions. `before` keeps what the form does not show.
pub fn of_fields(fields: &Fields, before: &Definitions) -> Definitions {
    let listed: Vec<(String, &str)> = fields
        .all("printed")
        .map(of_token)
        .zip(fields.all("rename"))
        .map(|(printed, to)| (printed, to.trim()))
        .collect();
    let hidden: BTreeSet<String> = fields.all("hide").map(of_token).collect();
    let mut targets: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (printed, to) in listed.iter().filter(|(printed, to)| !to.is_empty() && to != printed) {
        targets.entry(to).or_default().push(printed);
    }
    let is_listed = |name: &str| listed.iter().any(|(printed, _)| printed == name);
    let mut made = Definitions { keep: before.keep.clone(), ..Definitions::default() };
    for (to, from) in targets {
        // A metric that keeps its name is merged with those that are given it.
        let joins = listed.iter().any(|(printed, own)| printed == to && own.is_empty());
        match from.as_slice() {
            [one] if !joins => _ = made.rename.insert((*one).to_owned(), to.to_owned()),
            many => _ = made.merge.insert(to.to_owned(), many.iter().map(|name| (*name).to_owned()).collect()),
        }
    }
    for (printed, to) in &listed {
        if hidden.contains(printed) {
            made.hide.push(if to.is_empty() { printed.clone() } else { (*to).to_owned() });
        }
    }
    // What was too far down the list to be shown stays.
    made.rename.extend(before.rename.iter().filter(|(from, _)| !is_listed(from)).map(|(a, b)| (a.clone(), b.clone())));
    made.hide.sort();
    made.hide.dedup();
    made.define = fields
        .all("define_name")
        .zip(fields.all("define_regex"))
        .map(|(name, regex)| Metric { name: name.trim().to_owned(), regex: regex.to_owned() })
        .filter(|metric| !(metric.name.is_empty() && metric.regex.trim().is_empty()))
        .collect();
    made.recognise = match (made.define.is_empty(), fields.on("recognise")) {
        (true, true) | (false, false) => None,
        (_, on) => Some(on),
    };
    made
}

/// The form as it was typed, with what is wrong.
pub fn typed(mut form: Form, fields: &Fields, wrong: String) -> Form {
    for (found, to) in form.found.iter_mut().zip(fields.all("rename")) {
        to.clone_into(&mut found.rename);
        found.hidden = fields.all("hide").any(|token| token == found.token);
    }
    form.define = fields
        .all("define_name")
        .zip(fields.all("define_regex"))
        .map(|(name, regex)| (name.to_owned(), regex.to_owned()))
        .collect();
    form.recognise = fields.on("recognise");
    form.wrong = Field { wrong, ..Field::default() };
    form
}

/// The newest lines that match.
pub fn lines(id: &str, matched: &[Matched]) -> Lines {
    let shown = matched.iter().rev().take(LINES).map(|line| {
        let found = line.found.iter().take(12).map(|(name, value)| (Name::from(name), number(*value))).collect();
        (Text::from(&line.text), found)
    });
    Lines { id: id.to_owned(), count: matched.len(), lines: shown.collect(), wrong: String::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(before: &Definitions, form: &[(&str, &str)], expect: &Definitions) {
        let mut fields = Fields::default();
        for (name, value) in form {
            fields.add(*name, *value);
        }
        assert_eq!(of_fields(&fields, before), *expect);
    }

    #[test]
    fn forms_become_definitions() {
        let none = Definitions::default();
        check(&none, &[("printed", "loss"), ("rename", ""), ("recognise", "on")], &none);
        let renamed = Definitions { rename: [("Avg. loss".to_owned(), "loss".to_owned())].into(), ..none.clone() };
        check(&none, &[("printed", "Avg.+loss"), ("rename", " loss "), ("recognise", "on")], &renamed);
        let merged = Definitions { merge: [("acc".to_owned(), vec!["Acc".to_owned()])].into(), ..none.clone() };
        let form = [("printed", "acc"), ("rename", ""), ("printed", "Acc"), ("rename", "acc"), ("recognise", "on")];
        check(&none, &form, &merged);
        let hidden = Definitions { hide: vec!["lr".to_owned()], recognise: Some(false), ..none.clone() };
        check(&none, &[("printed", "lr"), ("rename", ""), ("hide", "lr")], &hidden);
        let metric = Metric { name: "x".into(), regex: "x=(.)".into() };
        let defined = Definitions { define: vec![metric], recognise: Some(true), ..none.clone() };
        let form = [("define_name", "x"), ("define_regex", "x=(.)"), ("define_name", ""), ("define_regex", " ")];
        check(&none, &[&form[..], &[("recognise", "on")]].concat(), &defined);
        // What the form did not show stays.
        check(&renamed, &[("printed", "lr"), ("rename", ""), ("recognise", "on")], &renamed);
    }
}
