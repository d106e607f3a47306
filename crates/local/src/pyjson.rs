//! JSON as Python reads and writes it, since that is what AWS's training toolkit does to hyperparameters.
//!
//! Unlike serde_json: NaN and infinities are read and written, whole numbers have any length, floats are written as
//! Python's `repr` writes them. The contract is tests/python/sm_env.json, recorded from the toolkit itself.

use std::collections::BTreeMap;
use std::fmt::Write as _;

/// A value as `json.loads` gives it.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    /// Digits with an optional sign, as written.
    Int(String),
    Float(f64),
    Text(String),
    List(Vec<Value>),
    Map(BTreeMap<String, Value>),
}

impl Value {
    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }
    pub(crate) fn map<K: Into<String>>(pairs: impl IntoIterator<Item = (K, Self)>) -> Self {
        Self::Map(pairs.into_iter().map(|(k, v)| (k.into(), v)).collect())
    }
    pub(crate) fn texts<T: Into<String>>(items: impl IntoIterator<Item = T>) -> Self {
        Self::List(items.into_iter().map(Self::text).collect())
    }
    pub(crate) fn int(n: usize) -> Self {
        Self::Int(n.to_string())
    }

    /// What the user typed: JSON where it parses, else the text itself.
    pub(crate) fn of_hyperparameter(text: &str) -> Self {
        parse(text).unwrap_or_else(|| Self::text(text))
    }
    /// As the toolkit hands it over as an argument.
    pub(crate) fn to_argument(&self) -> String {
        match self {
            Self::Null => String::new(),
            Self::Map(pairs) => {
                let pairs: Vec<String> = pairs.iter().map(|(k, v)| format!("{k}={}", v.to_str())).collect();
                pairs.join(",")
            }
            other => other.to_str(),
        }
    }
    /// As the toolkit puts it into a variable.
    pub(crate) fn to_variable(&self) -> String {
        match self {
            Self::Null => String::new(),
            Self::Text(text) => text.clone(),
            other => other.to_json(),
        }
    }
    /// `json.dumps(value, sort_keys=True, separators=(",", ":"))`.
    pub(crate) fn to_json(&self) -> String {
        let mut out = String::new();
        self.write_json(&mut out);
        out
    }
    fn write_json(&self, out: &mut String) {
        match self {
            Self::Null => out.push_str("null"),
            Self::Bool(b) => out.push_str(if *b { "true" } else { "false" }),
            Self::Int(digits) => out.push_str(digits),
            Self::Float(f) if f.is_nan() => out.push_str("NaN"),
            Self::Float(f) if f.is_infinite() => out.push_str(if *f > 0.0 { "Infinity" } else { "-Infinity" }),
            Self::Float(f) => out.push_str(&repr_float(*f)),
            Self::Text(text) => write_json_text(text, out),
            Self::List(items) => {
                out.push('[');
                for (i, item) in items.iter().enumerate() {
                    if i > 0 {
                        out.push(',');
                    }
                    item.write_json(out);
                }
                out.push(']');
            }
            Self::Map(pairs) => {
                out.push('{');
                for (i, (key, value)) in pairs.iter().enumerate() {
                    if i > 0 {
                        out.push(',');
                    }
                    write_json_text(key, out);
                    out.push(':');
                    value.write_json(out);
                }
                out.push('}');
            }
        }
    }
    /// Python's `str()`.
    fn to_str(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            other => other.repr(),
        }
    }
    /// Python's `repr()`.
    fn repr(&self) -> String {
        let list = |items: Vec<String>| items.join(", ");
        match self {
            Self::Null => "None".into(),
            Self::Bool(b) => if *b { "True" } else { "False" }.into(),
            Self::Int(digits) => digits.clone(),
            Self::Float(f) => repr_float(*f),
            Self::Text(text) => repr_text(text),
            Self::List(items) => format!("[{}]", list(items.iter().map(Self::repr).collect())),
            Self::Map(pairs) => {
                format!("{{{}}}", list(pairs.iter().map(|(k, v)| format!("{}: {}", repr_text(k), v.repr())).collect()))
            }
        }
    }
}

/// Shortest digits that read back, an exponent below 1e-4 and from 1e16 on.
fn repr_float(f: f64) -> String {
    if f.is_nan() {
        return "nan".into();
    }
    if f.is_infinite() {
        return if f > 0.0 { "inf" } else { "-inf" }.into();
    }
    let scientific = format!("{f:e}");
    let (digits, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if f != 0.0 && !(-4..16).contains(&exponent) {
        let sign = if exponent < 0 { '-' } else { '+' };
        return format!("{digits}e{sign}{:02}", exponent.abs());
    }
    let plain = format!("{f}");
    if plain.contains('.') { plain } else { plain + ".0" }
}

fn repr_text(text: &str) -> String {
    let quote = if text.contains('\'') && !text.contains('"') { '"' } else { '\'' };
    let mut out = String::from(quote);
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c == quote => out.extend(['\\', c]),
            c if c.is_control() => _ = write!(out, "\\x{:02x}", c as u32),
            c => out.push(c),
        }
    }
    out.push(quote);
    out
}

fn write_json_text(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            ' '..='~' => out.push(c),
            c => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    _ = write!(out, "\\u{unit:04x}");
                }
            }
        }
    }
    out.push('"');
}

/// How deep lists and objects may lie in each other; Python's own limit is about a thousand.
const DEEPEST: usize = 200;

/// `json.loads`; `None` where it raises.
fn parse(text: &str) -> Option<Value> {
    let mut reader = Reader { rest: text };
    let value = reader.value(0)?;
    reader.space();
    reader.rest.is_empty().then_some(value)
}

struct Reader<'a> {
    rest: &'a str,
}

impl Reader<'_> {
    fn space(&mut self) {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\n', '\r']);
    }
    fn eat(&mut self, token: &str) -> bool {
        match self.rest.strip_prefix(token) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }
    fn value(&mut self, depth: usize) -> Option<Value> {
        if depth > DEEPEST {
            return None;
        }
        self.space();
        let words = [
            ("null", Value::Null),
            ("true", Value::Bool(true)),
            ("false", Value::Bool(false)),
            ("NaN", Value::Float(f64::NAN)),
            ("Infinity", Value::Float(f64::INFINITY)),
            ("-Infinity", Value::Float(f64::NEG_INFINITY)),
        ];
        for (word, value) in words {
            if self.eat(word) {
                return Some(value);
            }
        }
        match self.rest.chars().next()? {
            '"' => self.text().map(Value::Text),
            '[' => self.list(depth),
            '{' => self.map(depth),
            _ => self.number(),
        }
    }
    fn list(&mut self, depth: usize) -> Option<Value> {
        self.eat("[");
        let mut items = Vec::new();
        self.space();
        if self.eat("]") {
            return Some(Value::List(items));
        }
        loop {
            items.push(self.value(depth + 1)?);
            self.space();
            if self.eat("]") {
                return Some(Value::List(items));
            }
            if !self.eat(",") {
                return None;
            }
        }
    }
    fn map(&mut self, depth: usize) -> Option<Value> {
        self.eat("{");
        let mut pairs = BTreeMap::new();
        self.space();
        if self.eat("}") {
            return Some(Value::Map(pairs));
        }
        loop {
            self.space();
            let key = self.text()?;
            self.space();
            if !self.eat(":") {
                return None;
            }
            pairs.insert(key, self.value(depth + 1)?);
            self.space();
            if self.eat("}") {
                return Some(Value::Map(pairs));
            }
            if !self.eat(",") {
                return None;
            }
        }
    }
    /// serde_json reads the text itself; Python's rules are the same (no raw control characters).
    fn text(&mut self) -> Option<String> {
        let mut escaped = false;
        let inner = self.rest.strip_prefix('"')?;
        let end = inner.char_indices().find_map(|(i, c)| {
            let ends = c == '"' && !escaped;
            escaped = c == '\\' && !escaped;
            ends.then_some(i)
        })?;
        let (token, rest) = self.rest.split_at(end + 2);
        self.rest = rest;
        serde_json::from_str(token).ok()
    }
    fn number(&mut self) -> Option<Value> {
        let all = self.rest;
        let digits = |s: &str| s.len() - s.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let mut at = usize::from(all.starts_with('-'));
        let whole = digits(&all[at..]);
        // Python stops after a leading zero, and then finds something left over.
        let whole = if all[at..].starts_with('0') { 1 } else { whole };
        if whole == 0 {
            return None;
        }
        at += whole;
        let mut float = false;
        if all[at..].starts_with('.') && digits(&all[at + 1..]) > 0 {
            at += 1 + digits(&all[at + 1..]);
            float = true;
        }
        if all[at..].starts_with(['e', 'E']) {
            let sign = usize::from(all[at + 1..].starts_with(['+', '-']));
            let exponent = digits(&all[at + 1 + sign..]);
            if exponent > 0 {
                at += 1 + sign + exponent;
                float = true;
            }
        }
        let (token, rest) = all.split_at(at);
        self.rest = rest;
        if float {
            // Out of range becomes an infinity, as in Python.
            return token.parse().ok().map(Value::Float);
        }
        Some(Value::Int(if token == "-0" { "0".into() } else { token.into() }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(serde::Deserialize)]
    struct Contract {
        values: Vec<Case>,
    }
    #[derive(serde::Deserialize)]
    struct Case {
        given: String,
        arg: String,
        env: String,
    }

    #[test]
    fn as_the_toolkit_does() {
        let contract: Contract = serde_json::from_str(include_str!("../../../tests/python/sm_env.json")).unwrap();
        assert!(contract.values.len() > 40);
        for case in contract.values {
            let value = Value::of_hyperparameter(&case.given);
            assert_eq!((value.to_argument(), value.to_variable()), (case.arg, case.env), "{:?}", case.given);
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_without_panic(text in ".{0,60}") {
            let _ = Value::of_hyperparameter(&text).to_argument();
        }

        #[test]
        fn deep_nesting_is_text(depth in 300usize..2000) {
            let text = "[".repeat(depth);
            proptest::prop_assert_eq!(Value::of_hyperparameter(&text), Value::text(text));
        }
    }
}
