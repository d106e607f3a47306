//! Journeys in Chromium over `curfew serve`. `./test browser` builds what is driven.

mod account;
mod accounts;
mod aws;
mod loss;
mod machines;
mod pages;
mod showing;
mod uploads;
