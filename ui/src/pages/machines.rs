//! Machines: which one? The question, the list that follows each key, and one machine opened up.

use super::parts::{Field, Name, Text, Told};
use super::shell::Shell;
use askama::Template;

/// The page.
#[derive(Debug, Clone, Template)]
#[template(path = "machines.html")]
pub struct Machines {
    /// The frame.
    pub shell: Shell,
    /// What is asked.
    pub form: Form,
    /// The answer.
    pub found: Found,
}

/// What is asked, as typed.
#[derive(Debug, Clone, Default)]
pub struct Form {
    /// "For “iris”, timed on this computer for 40 seconds an hour ago."
    pub heading: Name,
    /// Is a script being timed here?
    pub timing: bool,
    /// What went wrong when it was.
    pub told: Vec<Told>,
    /// The need in words.
    pub words: Field,
    /// The job.
    pub job: Field,
    /// Jobs to choose from: what is sent, what is shown.
    pub jobs: Vec<(String, Name)>,
    /// The user's own number.
    pub hours: Field,
    /// When it must be done.
    pub ready_by: Field,
    /// The most it may cost.
    pub max_usd: Field,
    /// The account, where a cloud has several here.
    pub account: Field,
    /// Accounts to choose from.
    pub accounts: Vec<(String, Name)>,
    /// What the job is for.
    pub project: Field,
    /// The policy's projects.
    pub projects: Vec<Name>,
    /// What an hour of the user's time is worth.
    pub hour_usd: Field,
    /// The value that is kept in the settings.
    pub hour_default: String,
    /// Sorted by.
    pub sort: String,
    /// From the high end.
    pub down: bool,
}

/// The answer: what follows each key.
#[derive(Debug, Clone, Default, Template)]
#[template(path = "machines_found.html")]
pub struct Found {
    /// "6 of 9,654 offers".
    pub title: String,
    /// "built-in prices up to 27 Oct 2026 · answered in 2 ms".
    pub prices: String,
    /// Are newer prices being read?
    pub reading: bool,
    /// What is wrong with a field: its id and the sentence. All fields are named, those in order with nothing.
    pub wrong: Vec<(&'static str, String)>,
    /// Why the best row is the best.
    pub why: String,
    /// Is there a best row?
    pub has_best: bool,
    /// "Done in" is measured … ; what the times are made of.
    pub footnote: String,
    /// What is wrong with the prices or good to know.
    pub notes: Vec<(Name, Text)>,
    /// For a need that nothing meets.
    pub near: Vec<NearLine>,
    /// To narrow down by.
    pub facets: Vec<FacetView>,
    /// What becomes of barred rows: `last`, `hidden` or nothing.
    pub barred: String,
    /// A new account's quotas are cautions only.
    pub lenient: bool,
    /// Ways to complete the word that is being typed.
    pub ways: Vec<Way>,
    /// The table.
    pub table: Table,
}

impl Found {
    /// What can become of barred rows: what is sent, what is shown.
    pub const BARRED: [(&'static str, &'static str); 3] =
        [("", "stay in their place"), ("last", "come last"), ("hidden", "are left out")];
}

/// The nearest that exists.
#[derive(Debug, Clone)]
pub struct NearLine {
    /// "at most $1 an hour".
    pub instead_of: Name,
    /// "the cheapest is 3.24 USD an hour".
    pub there_is: Name,
    /// How many.
    pub fitting: usize,
    /// Its cheapest example: key and name.
    pub example: (String, Name),
}

/// A dimension to narrow down by.
#[derive(Debug, Clone)]
pub struct FacetView {
    /// `cloud`.
    pub id: &'static str,
    /// "Cloud".
    pub title: &'static str,
    /// How many are chosen.
    pub chosen: usize,
    /// Value, what is shown, count, chosen.
    pub options: Vec<(Name, Name, usize, bool)>,
}

/// A way to complete a word.
#[derive(Debug, Clone)]
pub struct Way {
    /// What is put in.
    pub text: Name,
    /// What it is.
    pub says: Name,
    /// The characters that it replaces.
    pub from: usize,
    /// Up to here.
    pub to: usize,
}

/// The table with its first rows.
#[derive(Debug, Clone, Default)]
pub struct Table {
    /// How many rows there are in all.
    pub rows: usize,
    /// The first.
    pub first: Rows,
    /// A column of [`Table::COLUMNS`], or nothing for the best first.
    pub sort: String,
    /// From the high end?
    pub down: bool,
}

impl Table {
    /// The columns: what is sent to sort by it (nothing: it cannot be sorted by), title, numbers?
    pub const COLUMNS: [(&'static str, &'static str, bool); 6] = [
        ("machine", "Machine", false),
        ("per-hour", "An hour", true),
        ("done-in", "Done in", true),
        ("", "To finish", true),
        ("money", "…with disk and transfer", true),
        ("best", "Your waiting", true),
    ];
    /// How many rows are read at once.
    pub const CHUNK: usize = 50;

    fn is_sorted(&self, id: &str) -> bool {
        !id.is_empty() && self.sort == id
    }
    /// `ascending`, `descending` or nothing.
    pub fn aria_sort(&self, id: &str) -> &'static str {
        match (self.is_sorted(id), self.down) {
            (false, _) => "",
            (true, false) => "ascending",
            (true, true) => "descending",
        }
    }
}

/// Rows from a place on.
#[derive(Debug, Clone, Default, Template)]
#[template(path = "machines_rows.html")]
pub struct Rows {
    /// The number of the first.
    pub from: usize,
    /// The rows.
    pub rows: Vec<MachineRow>,
}

/// A row of the table. All of it is words; numbers are worked out before.
#[derive(Debug, Clone, Default)]
pub struct MachineRow {
    /// `aws:ec2:us-east-1:g5.xlarge`.
    pub key: Name,
    /// "AWS g5.xlarge, spot".
    pub name: Name,
    /// "A10G · 4 vCPU · 16 GiB · us-east-1".
    pub sub: Name,
    /// Tags: class and words.
    pub tags: Vec<(&'static str, Name)>,
    /// "$1.01", "–", "unknown".
    pub hour: String,
    /// "1 h 52 m".
    pub done: String,
    /// "$0.41".
    pub finish: String,
    /// With disk and transfer.
    pub total: String,
    /// The user's waiting.
    pub waiting: String,
    /// Is it the best?
    pub best: bool,
    /// Is it barred?
    pub barred: bool,
    /// Ask for it instead of using it.
    pub ask: bool,
    /// Where "Use" leads.
    pub href: String,
}

/// One machine opened up.
#[derive(Debug, Clone, Default, Template)]
#[template(path = "machine_show.html")]
pub struct Show {
    /// "AWS g5.xlarge, spot, us-east-1".
    pub name: Name,
    /// Its key.
    pub key: Name,
    /// vCPU, memory … : term and value.
    pub facts: Vec<(&'static str, Name)>,
    /// Where it is asked how likely it starts; empty: it is not asked.
    pub score: String,
    /// "Done in" opened up.
    pub time: Vec<Text>,
    /// The arithmetic.
    pub terms: Vec<TermLine>,
    /// Why it is barred.
    pub reasons: Vec<Text>,
    /// What is good to know.
    pub cautions: Vec<Text>,
    /// Ask for it.
    pub ask: bool,
    /// Where "Train on it" leads; empty: it does not train.
    pub train: String,
    /// Where "Deploy on it" leads; empty: it does not serve.
    pub deploy: String,
}

/// How likely it starts, as it comes in later.
#[derive(Debug, Clone, Template)]
#[template(source = "{{ says }}", ext = "html")]
pub struct Score {
    /// "7 of 10: …"
    pub says: Text,
}

/// A line of the arithmetic.
#[derive(Debug, Clone)]
pub struct TermLine {
    /// 0 for a sum, 1 for its parts.
    pub depth: usize,
    /// "machine".
    pub label: &'static str,
    /// "1.006 USD".
    pub usd: String,
    /// "0.85 USD × 2 h".
    pub how: Name,
    /// Where its figures are from.
    pub basis: Name,
}

/// Two to five side by side.
#[derive(Debug, Clone, Default, Template)]
#[template(path = "machines_compare.html")]
pub struct Compare {
    /// Keys and names.
    pub heads: Vec<(Name, Name)>,
    /// A line: what, and each one's value; the best value of a line is marked.
    pub lines: Vec<(&'static str, Vec<(Name, bool)>)>,
    /// What is wrong with the choice.
    pub wrong: String,
}

/// Asking for more.
#[derive(Debug, Clone, Default, Template)]
#[template(path = "machine_ask.html")]
pub struct Ask {
    /// The machine.
    pub name: Name,
    /// Why it is barred.
    pub says: Vec<Text>,
    /// "Ask for 4 vCPU of …"
    pub asks: Text,
    /// The request's fields.
    pub fields: Vec<(&'static str, Name)>,
    /// The reason to give.
    pub reason: String,
    /// The console's page; empty: there is none.
    pub url: String,
    /// Can the host open it?
    pub can_open: bool,
    /// No account of this cloud is connected.
    pub unconnected: bool,
    /// Accounts that the request can be sent through: what is sent, what is shown.
    pub accounts: Vec<(String, Name)>,
    /// The fields of the question, which are sent along.
    pub hidden: Vec<(&'static str, String)>,
    /// What came of it.
    pub done: Vec<Text>,
    /// What went wrong.
    pub told: Vec<Told>,
}

/// Cost against time, both on logarithmic axes.
#[derive(Debug, Clone, Default, Template)]
#[template(path = "machines_picture.html")]
pub struct Picture {
    /// Points: x, y, class.
    pub dots: Vec<(String, String, &'static str)>,
    /// The front's line.
    pub line: String,
    /// Marked points: x, y, key, what they are.
    pub marked: Vec<(String, String, Name, Name)>,
    /// Ticks of the time axis: x, label.
    pub times: Vec<(String, String)>,
    /// Ticks of the money axis: y, label.
    pub money: Vec<(String, String)>,
    /// The same in words.
    pub says: String,
    /// Why there is no picture; empty: there is one.
    pub none: String,
}

impl Picture {
    /// The picture's width in its own units.
    pub const WIDTH: f64 = 1000.0;
    /// The picture's height in its own units.
    pub const HEIGHT: f64 = 320.0;
}
