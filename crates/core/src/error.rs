//! The one error type. A provider's `error.rs` turns its SDK's errors into this; nothing else crosses the door.

use crate::access::RightsHint;
use std::fmt;
use std::time::Duration;

/// What `Result` means in this project.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, by what the user can do about it. A new kind needs a notice (`notice.rs`), or nothing compiles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorKind {
    /// The user gave something that cannot work; `field` of the error names where.
    InvalidInput,
    /// The thing is not there. Only where the provider said so; a failed look-up is another kind.
    NotFound,
    /// A thing of that name exists and is not ours to reuse.
    AlreadyExists,
    /// Changed or in use since it was looked at.
    Conflict,
    /// The account may not do this.
    PermissionDenied,
    /// Keys or session have run out.
    CredentialsExpired,
    /// A quota is used up or zero.
    Quota,
    /// The provider has no such machine free now.
    Capacity,
    /// Too many calls.
    Throttled,
    /// The service answers with errors or cannot be reached.
    Unavailable,
    /// No answer in time. Whether the call was carried out is not known.
    Timeout,
    /// Disk full.
    DiskFull,
    /// A file of ours or of the user's cannot be read as what it should be.
    Corrupt,
    /// Another process holds the lock.
    Locked,
    /// A program that is needed is missing (python3, a compiler).
    MissingProgram,
    /// A port is in use.
    PortInUse,
    /// A team rule says no.
    Policy,
    /// This provider cannot do that.
    Unsupported,
    /// Stopped on request.
    Cancelled,
    /// None of the above: told with all that is known, and never taken for "gone".
    Unknown,
}

/// Does it help to try again?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// No: the answer will be the same.
    Never,
    /// Yes, with backoff.
    Later,
    /// Yes, but not before this time has passed.
    After(Duration),
}

/// What the failed operation means for the bill.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bill {
    /// Nothing was started: nothing costs more than before.
    NothingStarted,
    /// What was running is still running.
    StillRunning,
    /// It may or may not have been carried out; the journal finds out.
    NotKnown,
    /// Nothing to do with money.
    NotAffected,
}

/// An error with what is needed to explain it. Cheap to move (one pointer).
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    retry: Retry,
    bill: Bill,
    operation: &'static str,
    message: String,
    next: Option<String>,
    field: Option<&'static str>,
    context: Vec<(&'static str, String)>,
    rights: Option<RightsHint>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl Error {
    /// An error in `operation` ("start the run"), told in one plain sentence without a final full stop.
    pub fn new(kind: ErrorKind, operation: &'static str, message: impl Into<String>) -> Self {
        let retry = match kind {
            ErrorKind::Throttled | ErrorKind::Unavailable | ErrorKind::Timeout | ErrorKind::Locked => Retry::Later,
            _ => Retry::Never,
        };
        let bill = match kind {
            ErrorKind::Timeout => Bill::NotKnown,
            ErrorKind::InvalidInput
            | ErrorKind::Quota
            | ErrorKind::Capacity
            | ErrorKind::Policy
            | ErrorKind::MissingProgram => Bill::NothingStarted,
            _ => Bill::NotAffected,
        };
        Self(Box::new(Inner {
            kind,
            retry,
            bill,
            operation,
            message: message.into(),
            next: None,
            field: None,
            context: Vec::new(),
            rights: None,
            source: None,
        }))
    }
    /// Bad input at a named form field or option.
    pub fn input(field: &'static str, message: impl Into<String>) -> Self {
        let mut error = Self::new(ErrorKind::InvalidInput, "check the input", message);
        error.0.field = Some(field);
        error
    }
    /// From an I/O error: disk full, missing file and refused access keep their own kinds.
    pub fn io(operation: &'static str, what: impl fmt::Display, source: std::io::Error) -> Self {
        use std::io::ErrorKind as Io;
        let kind = match source.kind() {
            Io::StorageFull | Io::QuotaExceeded | Io::FileTooLarge => ErrorKind::DiskFull,
            Io::NotFound => ErrorKind::NotFound,
            Io::PermissionDenied | Io::ReadOnlyFilesystem => ErrorKind::PermissionDenied,
            Io::AddrInUse => ErrorKind::PortInUse,
            Io::TimedOut => ErrorKind::Timeout,
            Io::InvalidData | Io::UnexpectedEof => ErrorKind::Corrupt,
            _ => ErrorKind::Unknown,
        };
        Self::new(kind, operation, format!("{what}: {source}")).caused_by(source)
    }
    /// Says what to do next, in one sentence.
    #[must_use]
    pub fn next(mut self, step: impl Into<String>) -> Self {
        self.0.next = Some(step.into());
        self
    }
    /// Says what it means for the bill.
    #[must_use]
    pub fn bill(mut self, bill: Bill) -> Self {
        self.0.bill = bill;
        self
    }
    /// Says whether to retry.
    #[must_use]
    pub fn retry(mut self, retry: Retry) -> Self {
        self.0.retry = retry;
        self
    }
    /// Names the field at fault.
    #[must_use]
    pub fn at(mut self, field: &'static str) -> Self {
        self.0.field = Some(field);
        self
    }
    /// Adds a fact for the details ("region", "us-east-1"). Never a secret.
    #[must_use]
    pub fn with(mut self, key: &'static str, value: impl fmt::Display) -> Self {
        self.0.context.push((key, value.to_string()));
        self
    }
    /// Keeps the cause for the log and the details.
    #[must_use]
    pub fn caused_by(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }
    /// Says where the missing right can be looked up.
    #[must_use]
    pub fn ask_for(mut self, rights: RightsHint) -> Self {
        self.0.rights = Some(rights);
        self
    }
    /// The kind.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }
    /// Whether and when to try again.
    pub fn retry_when(&self) -> Retry {
        self.0.retry
    }
    /// What it means for the bill.
    pub fn bill_effect(&self) -> Bill {
        self.0.bill
    }
    /// What was being done.
    pub fn operation(&self) -> &'static str {
        self.0.operation
    }
    /// The plain sentence.
    pub fn message(&self) -> &str {
        &self.0.message
    }
    /// The next step, where the place of the error knew one.
    pub fn next_step(&self) -> Option<&str> {
        self.0.next.as_deref()
    }
    /// The field at fault.
    pub fn field(&self) -> Option<&'static str> {
        self.0.field
    }
    /// Where the missing right can be looked up.
    pub fn rights(&self) -> Option<&RightsHint> {
        self.0.rights.as_ref()
    }
    /// The facts.
    pub fn context(&self) -> &[(&'static str, String)] {
        &self.0.context
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} in “{}”: {}", self.0.kind, self.0.operation, self.0.message)?;
        for (key, value) in &self.0.context {
            write!(f, "; {key}={value:?}")?;
        }
        if let Some(source) = &self.0.source {
            write!(f, "; caused by: {source}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_deref().map(|s| s as _)
    }
}
