//! AWS's times as ours.

use aws_smithy_types::DateTime;
use curfew_core::Timestamp;

/// An SDK time; to the millisecond, which is as exact as AWS is.
pub(crate) fn timestamp(at: &DateTime) -> Timestamp {
    at.to_millis().ok().and_then(|ms| Timestamp::from_millisecond(ms).ok()).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// The other way round.
pub(crate) fn date_time(at: Timestamp) -> DateTime {
    DateTime::from_millis(at.as_millisecond())
}
