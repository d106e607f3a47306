//! The one list of providers.
