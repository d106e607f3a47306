//! Journeys in Chromium over `curfew serve`. `./test browser` builds what is driven.

mod account;
mod aws;
mod loss;
mod machines;
mod pages;
