//! Journeys in the real window, driven by WebKitWebDriver. `./test window` builds what is driven.

mod journey;
mod shell;
