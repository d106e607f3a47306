//! The AWS provider against the stand-in of tests/cloud, which judges each request by botocore's service models.

mod access;
mod bench;
mod contract;
mod faults;
mod market;
mod refusals;
mod serving;
mod shapes;
