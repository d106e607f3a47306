//! Train: the launcher, and all runs.

use super::parts::{Field, Name, Price, Tag, Text, Told};
use super::shell::Shell;
use askama::Template;

/// The page.
#[derive(Debug, Clone, Template)]
#[template(path = "train.html")]
pub struct Train {
    /// The frame.
    pub shell: Shell,
    /// The form.
    pub form: Launcher,
    /// The runs.
    pub runs: Runs,
}

/// The launcher as typed.
#[derive(Debug, Clone, Template, Default)]
#[template(path = "launcher.html")]
pub struct Launcher {
    /// The script folder.
    pub dir: Field,
    /// The script that starts.
    pub entry: Field,
    /// What to call it.
    pub name: Field,
    /// Channels: name and source as typed.
    pub data: Vec<(String, String)>,
    /// What is wrong with the channels.
    pub data_wrong: String,
    /// Hyperparameters: name and value as typed.
    pub hyper: Vec<(String, String)>,
    /// What is wrong with the hyperparameters.
    pub hyper_wrong: String,
    /// The machine.
    pub machine: Field,
    /// The machines to choose from: what is sent, what is shown.
    pub machines: Vec<(String, Name)>,
    /// The curfew.
    pub curfew: Field,
    /// The policy's default curfew.
    pub curfew_default: String,
    /// Spend cap.
    pub spend: Field,
    /// What it is for.
    pub project: Field,
    /// The policy's projects.
    pub projects: Vec<Name>,
    /// Stop at NaN.
    pub stop_on_nan: bool,
    /// Stop when flat for so many epochs.
    pub flat_epochs: Field,
    /// The metric that "flat" watches.
    pub flat_metric: Field,
    /// Stop when it has worked for so long.
    pub stop_after: Field,
    /// What the machine's provider can be asked for besides.
    pub options: Options,
    /// Can the host choose folders?
    pub can_pick: bool,
    /// Show the rarer fields opened.
    pub more: bool,
    /// What is wrong with the whole.
    pub told: Vec<Told>,
    /// The price of it, where it can be told already.
    pub price: Option<PriceLine>,
}

/// What a provider can be asked for with a run, as typed.
#[derive(Debug, Clone, Default, Template)]
#[template(path = "options.html")]
pub struct Options {
    /// Show it opened.
    pub open: bool,
    /// One for each.
    pub rows: Vec<OptionRow>,
}

/// One of them.
#[derive(Debug, Clone)]
pub struct OptionRow {
    /// In the form: `option_instances`.
    pub id: String,
    /// The provider's name of it.
    pub name: &'static str,
    /// "Machines".
    pub title: &'static str,
    /// What it decides.
    pub hint: &'static str,
    /// Where nothing is said.
    pub usual: &'static str,
    /// What it may be, with words; anything where empty.
    pub choices: &'static [(&'static str, &'static str)],
    /// As typed.
    pub field: Field,
}

impl OptionRow {
    fn usual_title(&self) -> &'static str {
        self.choices.iter().find(|c| c.0 == self.usual).map_or(self.usual, |c| c.1)
    }
}

/// What a launch or a deploy would cost and who would end it.
#[derive(Debug, Clone, Default, Template)]
#[template(path = "price_line.html")]
pub struct PriceLine {
    /// By the hour.
    pub hour: Option<Price>,
    /// In a day and in a month, where it is to last.
    pub lasting: Option<(Price, Price)>,
    /// What its use costs besides: of what, and how much.
    pub by_use: Vec<(String, Price)>,
    /// At most, until the curfew.
    pub at_most: Option<Price>,
    /// "goes home at 22:05, held on this computer, also with the panel closed".
    pub home: String,
    /// What to know first.
    pub cautions: Vec<(Text, Text)>,
    /// What is missing before a price can be told.
    pub missing: String,
}

/// The table of runs.
#[derive(Debug, Clone, Default, Template)]
#[template(path = "runs.html")]
pub struct Runs {
    /// In the order and number asked for.
    pub rows: Vec<RunRow>,
    /// How many fit the filter.
    pub found: usize,
    /// How many there are.
    pub all: usize,
    /// What is asked for.
    pub ask: RunsAsk,
}

/// Which runs to show, in what order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunsAsk {
    /// Words that name, state, place or owner must have.
    pub q: String,
    /// A state's word; empty for all.
    pub state: String,
    /// A column of [`Runs::COLUMNS`].
    pub sort: String,
    /// From the high end?
    pub down: bool,
    /// At most so many rows.
    pub show: usize,
}

impl Default for RunsAsk {
    fn default() -> Self {
        Self { q: String::new(), state: String::new(), sort: "started".into(), down: true, show: Runs::FIRST }
    }
}

impl RunsAsk {
    /// The query string of this question with another order or length.
    fn query(&self, sort: &str, down: bool, show: usize) -> String {
        let mut text = form_urlencoded::Serializer::new(String::new());
        if !self.q.is_empty() {
            text.append_pair("q", &self.q);
        }
        if !self.state.is_empty() {
            text.append_pair("state", &self.state);
        }
        text.append_pair("sort", sort).append_pair("down", if down { "1" } else { "" });
        text.append_pair("show", &show.to_string()).finish()
    }
    /// Where this table is read from.
    pub fn href(&self) -> String {
        format!("/train?{}", self.query(&self.sort, self.down, self.show))
    }
}

/// A column of the table of runs: what is sent to sort by it, its title, and whether numbers stand in it.
pub type Column = (&'static str, &'static str, bool);

impl Runs {
    /// How many rows are shown at first.
    pub const FIRST: usize = 100;
    /// The columns.
    pub const COLUMNS: [Column; 8] = [
        ("name", "Run", false),
        ("state", "State", false),
        ("loss", "Loss", true),
        ("best", "Best", true),
        ("started", "Started", false),
        ("took", "Took", true),
        ("cost", "Cost", true),
        ("curfew", "Curfew", false),
    ];
    /// The states to filter by.
    pub const STATES: [&str; 8] =
        ["queued", "starting", "running", "stopping", "completed", "failed", "stopped", "lost"];

    fn sort_href(&self, column: &str) -> String {
        let down = if self.ask.sort == column { !self.ask.down } else { column != "name" && column != "state" };
        format!("/train?{}", self.ask.query(column, down, self.ask.show))
    }
    fn aria_sort(&self, column: &str) -> &'static str {
        match (self.ask.sort == column, self.ask.down) {
            (false, _) => "",
            (true, true) => "descending",
            (true, false) => "ascending",
        }
    }
    fn count(&self) -> String {
        let number = |n: usize| super::parts::number(n as f64);
        if self.found == self.all {
            number(self.all)
        } else {
            format!("{} of {}", number(self.found), number(self.all))
        }
    }
    fn rest(&self) -> usize {
        self.found.saturating_sub(self.rows.len())
    }
    fn more_href(&self) -> String {
        format!("/train?{}", self.ask.query(&self.ask.sort, self.ask.down, self.found))
    }
}

/// A row of it.
#[derive(Debug, Clone)]
pub struct RunRow {
    /// The run's id.
    pub id: String,
    /// Its name.
    pub name: Name,
    /// "This computer · train.py · lab-03".
    pub sub: Name,
    /// Its state.
    pub tag: Tag,
    /// Epochs, or why it ended.
    pub detail: Name,
    /// The last loss.
    pub loss: String,
    /// The best loss.
    pub best: String,
    /// When it began.
    pub started: String,
    /// How long it took so far.
    pub took: String,
    /// What it has cost.
    pub cost: Price,
    /// When it goes home; empty once it has ended.
    pub curfew: String,
}
