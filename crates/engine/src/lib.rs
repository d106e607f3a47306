//! Verbs over the nouns: launch, watch, deploy, sweep, enforce; store, journal, loop.
