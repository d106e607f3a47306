//! What the commands print, and how they end.

use curfew_core::{Cost, Error, ErrorKind, HourlyRate, Money, Notice, say};
use curfew_engine::FieldErrors;
use serde::Serialize;
use std::io::Write;
use std::process::ExitCode;

/// Exit codes (docs/cli.md).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// 0
    Done,
    /// 1
    Failed,
    /// 3: the sweep found something.
    Found,
    /// 4: something could not be read.
    NotRead,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Found => 3,
            Exit::NotRead => 4,
        })
    }
}

/// Errors of one command, at least one.
#[derive(Debug)]
pub(crate) struct Failed(Vec<Error>);

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Self(vec![error])
    }
}
impl From<FieldErrors> for Failed {
    fn from(errors: FieldErrors) -> Self {
        Self(errors.0)
    }
}

/// Tells what went wrong; answers 2 for wrong input (as clap does for a wrong command line), 4 for what cannot be read,
/// 1 for the rest.
pub(crate) fn fail(failed: &Failed, json: bool) -> ExitCode2 {
    let notices: Vec<Notice> = failed.0.iter().map(Notice::from).collect();
    if json {
        print_json(&serde_json::json!({ "errors": notices }));
    }
    for notice in &notices {
        let field = notice.field.as_deref().map(|f| format!(" ({f})")).unwrap_or_default();
        eprintln!("curfew: {}{field}", say::clean(&notice.happened, 2000));
        eprintln!("  {}", notice.bill);
        eprintln!("  Next: {}", say::clean(&notice.next, 2000));
        for detail in &notice.details {
            eprintln!("  · {}", say::clean(detail, 500));
        }
    }
    let input = failed.0.iter().all(|e| e.kind() == ErrorKind::InvalidInput);
    ExitCode2(if input { 2 } else { 1 })
}

/// An exit code of an error.
pub(crate) struct ExitCode2(u8);
impl From<ExitCode2> for ExitCode {
    fn from(code: ExitCode2) -> Self {
        Self::from(code.0)
    }
}

/// One JSON document on a line of its own. A reader that has gone away is no error of ours.
pub(crate) fn print_json(value: &impl Serialize) {
    if let Ok(text) = serde_json::to_string(value) {
        let _ = writeln!(std::io::stdout(), "{text}");
    }
}

/// A line of text on stdout.
pub(crate) fn line(text: impl AsRef<str>) {
    let _ = writeln!(std::io::stdout(), "{}", text.as_ref());
}

/// Progress, on stderr.
pub(crate) fn note(text: impl AsRef<str>) {
    let _ = writeln!(std::io::stderr(), "{}", text.as_ref());
}

/// "$1.88 (estimated)", "not billed; electricity not counted", "price unknown: …".
pub(crate) fn cost(cost: &Cost<Money>) -> String {
    match cost {
        Cost::Billed { amount, .. } => format!("{amount} (billed)"),
        Cost::Estimated { amount, basis, .. } => format!("{amount} (estimated: {basis})"),
        Cost::Unknown { why } => format!("price unknown: {why}"),
        Cost::NotBilled { note } => format!("not billed; {note}"),
    }
}

/// The same for a rate.
pub(crate) fn rate(rate: &Cost<HourlyRate>) -> String {
    match rate {
        Cost::Billed { amount, .. } => format!("{amount} an hour (billed)"),
        Cost::Estimated { amount, basis, .. } => format!("{amount} an hour (estimated: {basis})"),
        Cost::Unknown { why } => format!("price unknown: {why}"),
        Cost::NotBilled { note } => format!("not billed; {note}"),
    }
}

/// A table with its columns as wide as their widest cell. Cells are data, and cleaned.
pub(crate) fn table(head: &[&str], rows: &[Vec<String>]) {
    let clean: Vec<Vec<String>> = rows.iter().map(|r| r.iter().map(|c| say::clean(c, 120)).collect()).collect();
    let width = |i: usize| {
        clean
            .iter()
            .map(|r| r.get(i).map_or(0, |c| c.chars().count()))
            .chain([head[i].chars().count()])
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let show = |cells: Vec<&str>| {
        let padded: Vec<String> = cells.iter().zip(&widths).map(|(c, w)| format!("{c:<w$}")).collect();
        line(padded.join("  ").trim_end());
    };
    show(head.to_vec());
    for row in &clean {
        show(row.iter().map(String::as_str).collect());
    }
}

/// Asks on the terminal; without one, no.
pub(crate) fn ask(question: &str) -> bool {
    use std::io::IsTerminal;
    if !std::io::stdin().is_terminal() {
        note(format!("{question} Not answered, so nothing was done; add --yes to go on without asking."));
        return false;
    }
    let _ = write!(std::io::stderr(), "{question} [y/N] ");
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer).is_ok() && matches!(answer.trim(), "y" | "Y" | "yes")
}
