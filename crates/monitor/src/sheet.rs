//! What is told of a run beside its curves.

/// How a run stands, in the words of its page.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sheet {
    /// The run's name, made fit to be shown.
    pub name: String,
    /// "training", "completed".
    pub state: String,
    /// In which colour the state stands.
    pub tone: Tone,
    /// "This computer", "AWS · 123456789012".
    pub place: String,
    /// The numbers in a row, what matters first.
    pub numbers: Vec<Number>,
    /// What it does just now, or why it ended; empty: nothing to say.
    pub detail: String,
}

/// One number, and what it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Number {
    /// "31 / 60", "$1.88".
    pub value: String,
    /// "epochs", "so far, $0.0082 a minute · estimated".
    pub label: String,
}

/// Colours of a state; the word stands beside them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Tone {
    /// It works, and costs.
    Working,
    /// It ended well.
    Home,
    /// It ended badly.
    Lost,
    /// Anything else.
    #[default]
    Plain,
}

/// Who knows how the run stands. Asked once a second, on a thread of its own; it may take its time.
pub trait Feed: Send + 'static {
    /// How it stands now; the error is a sentence for the screen. What was last known stays beside it.
    fn sheet(&mut self) -> Result<Sheet, String>;
}

impl<F: FnMut() -> Result<Sheet, String> + Send + 'static> Feed for F {
    fn sheet(&mut self) -> Result<Sheet, String> {
        self()
    }
}
