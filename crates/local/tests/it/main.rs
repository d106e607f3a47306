//! Real processes under real supervisors, in homes that are thrown away.

mod bench;
mod contract;
mod endings;
mod endpoints;
mod input;
mod kills;
mod models;
mod runs;
mod series;
mod sweep;
