//! The router over a real engine and a scripted provider: headers, faults, forms, dialogs, long polls, the door.

mod answers;
mod journeys;
mod picker;
mod stage;
#[path = "../support/mod.rs"]
mod support;
