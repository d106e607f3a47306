//! AWS as a provider: training jobs and endpoints on SageMaker, and what they leave behind.
//!
//! Of the same shape as `curfew-local`: what is true is what lies at AWS. Each run and each endpoint has a folder in one
//! bucket of the account (`curfew/runs/ID/`, `curfew/endpoints/ID/`) that holds what was asked for, so that another
//! computer with the same account sees the same things. The folder is claimed before anything is created, by a write that
//! only one can win; everything created carries its name, so that no second call makes a second one.
//!
//! - [`accounts`] finds and connects accounts: the environment, the profiles of ~/.aws, pasted keys.
//! - [`Aws`] is the provider, one for each account.

mod access;
pub mod accounts;
mod attached;
mod aws;
mod bucket;
mod clock;
mod cloudwatch;
mod error;
mod failure;
mod images;
mod invoke;
mod job;
mod kinds;
mod log;
mod machines;
mod made;
mod market;
mod names;
mod pack;
mod quota;
mod retry;
mod role;
mod rules;
mod serving;
mod store;
mod traffic;
mod training;
mod upload;

pub use accounts::{Connections, Keys, Settings, SsoRole};
pub use aws::Aws;

/// What a call of ours needs: `s3:ListBucket` for `ListObjectsV2`, nothing (an empty text) for the one that AWS answers to
/// everybody; `None` for a call that the table of rights lacks.
pub fn needs(operation: &str) -> Option<&'static str> {
    if access::rights::FREE.contains(&operation) { Some("") } else { access::rights::action_of(operation) }
}
