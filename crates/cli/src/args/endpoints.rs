//! The words of deploy, endpoint.

use clap::{Args as ClapArgs, Subcommand};
use std::path::PathBuf;

#[derive(Debug, ClapArgs)]
pub(crate) struct Deploy {
    /// A run, a model.tar.gz, or a model file (model.joblib)
    pub(crate) model: String,
    /// The inference script
    #[arg(long)]
    pub(crate) script: Option<String>,
    /// The endpoint's name
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// Where: local, aws:ml.m5.xlarge
    #[arg(long, value_name = "MACHINE")]
    pub(crate) on: Option<String>,
    /// How it serves: real-time, serverless or async, as far as the provider has it
    #[arg(long)]
    pub(crate) mode: Option<String>,
    /// Memory of a serverless endpoint
    #[arg(long, value_name = "MB")]
    pub(crate) memory: Option<String>,
    /// How many requests a serverless endpoint answers at once
    #[arg(long, value_name = "N")]
    pub(crate) concurrency: Option<String>,
    /// How many requests a day you expect of a serverless endpoint: with --millis, its price is estimated
    #[arg(long, value_name = "N")]
    pub(crate) requests: Option<String>,
    /// How many milliseconds an answer takes
    #[arg(long, value_name = "MS")]
    pub(crate) millis: Option<String>,
    /// When it goes home: 2h, 22:00, "end of day" [default: the policy's]
    #[arg(long)]
    pub(crate) curfew: Option<String>,
    /// What it is for: its costs count towards this project's budget [default: the run's project]
    #[arg(long, value_name = "NAME")]
    pub(crate) project: Option<String>,
    /// Go on in spite of this caution (its code is shown)
    #[arg(long, value_name = "CODE")]
    pub(crate) confirm: Vec<String>,
    /// Wait until it answers
    #[arg(long)]
    pub(crate) wait: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum EndpointVerb {
    /// Show how it stands
    Show {
        /// Its name
        name: String,
    },
    /// Ask it
    Invoke(Invoke),
    /// Show what is measured of it: requests, latency, errors, load
    Figures {
        /// Its name
        name: String,
    },
    /// Print its log
    Log {
        /// Its name
        name: String,
    },
    /// Move its curfew
    Extend {
        /// Its name
        name: String,
        /// 2h, 22:00, "end of day"
        curfew: String,
    },
    /// End it; its files stay
    Stop {
        /// Its name
        name: String,
    },
    /// End it and remove what it consists of
    Delete {
        /// Its name
        name: String,
        /// Its files too: model, code, answers and log. Else they stay, and what that costs is said
        #[arg(long)]
        artefacts: bool,
        /// Do not ask
        #[arg(long, short)]
        yes: bool,
    },
}

#[derive(Debug, ClapArgs)]
#[group(required = true, multiple = false, id = "input")]
pub(crate) struct InvokeInput {
    /// A line of CSV
    #[arg(long, value_name = "V", group = "input")]
    pub(crate) csv: Option<String>,
    /// A JSON body
    #[arg(long, value_name = "V", group = "input")]
    pub(crate) json_body: Option<String>,
    /// A file; its type is told by its ending (.csv, .json, .npy)
    #[arg(long, group = "input")]
    pub(crate) file: Option<PathBuf>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Invoke {
    /// The endpoint's name
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) input: InvokeInput,
    /// What to answer with
    #[arg(long, default_value = "application/json")]
    pub(crate) accept: String,
}
