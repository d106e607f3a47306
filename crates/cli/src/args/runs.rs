//! The words of train, run.

use clap::{Args as ClapArgs, Subcommand};
use std::path::PathBuf;

#[derive(Debug, ClapArgs)]
pub(crate) struct Train {
    /// The folder that holds the training script
    pub(crate) dir: String,
    /// The script to start [default: train.py, or the only one]
    #[arg(long)]
    pub(crate) entry: Option<String>,
    /// Data: a file or folder, as channel NAME (default: training)
    #[arg(long, value_name = "[NAME=]PATH")]
    pub(crate) data: Vec<String>,
    /// A hyperparameter, passed to the script as --k v
    #[arg(long, value_name = "K=V")]
    pub(crate) hyper: Vec<String>,
    /// Where: local, aws:ml.m5.xlarge, cloud:service:region:machine[:spot]
    #[arg(long, value_name = "MACHINE")]
    pub(crate) on: Option<String>,
    /// When it goes home: 2h, 22:00, "end of day" [default: the policy's]
    #[arg(long)]
    pub(crate) curfew: Option<String>,
    /// What to call it [default: the folder's name]
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// What it is for: its costs count towards this project's budget [default: what DIR/curfew.toml says]
    #[arg(long, value_name = "NAME")]
    pub(crate) project: Option<String>,
    /// Ask the provider for more: instances=2, input_mode=FastFile, distribution=mpi, image=URI; a wrong name lists all
    #[arg(long = "set", value_name = "NAME=VALUE")]
    pub(crate) options: Vec<String>,
    /// Stop when it has cost this much
    #[arg(long, value_name = "USD")]
    pub(crate) spend: Option<String>,
    /// Stop when a metric is NaN or infinite
    #[arg(long)]
    pub(crate) stop_on_nan: bool,
    /// Stop when the loss has not improved for so many epochs
    #[arg(long, value_name = "EPOCHS")]
    pub(crate) stop_when_flat: Option<String>,
    /// The metric that must improve [default: the first loss]
    #[arg(long, value_name = "METRIC", requires = "stop_when_flat")]
    pub(crate) flat_metric: Option<String>,
    /// Stop when the script has worked for so long: 30min, 2h
    #[arg(long, value_name = "TIME")]
    pub(crate) stop_after: Option<String>,
    /// Wait for its end, showing the log
    #[arg(long)]
    pub(crate) wait: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum RunVerb {
    /// Show how it stands
    Show {
        /// Its id or name
        id: String,
    },
    /// Print its log
    Log {
        /// Its id or name
        id: String,
        /// Go on printing as it grows
        #[arg(long, short)]
        follow: bool,
    },
    /// Print its metrics
    Metrics {
        /// Its id or name
        id: String,
    },
    /// Write every point of it: .csv, .json, .parquet, or a folder for TensorBoard
    Export {
        /// Its id or name
        id: String,
        /// The file to write, or a folder for TensorBoard's event file
        #[arg(long, short)]
        output: PathBuf,
        /// Only this metric; may be repeated
        #[arg(long, value_name = "NAME")]
        metric: Vec<String>,
    },
    /// Draw its loss, or other metrics, for a paper: .svg, .png or .pdf
    Figure(Figure),
    /// Watch it in a small window of its own, until that is closed
    Monitor {
        /// Its id or name
        id: String,
    },
    /// Move its curfew
    Extend {
        /// Its id or name
        id: String,
        /// 2h, 22:00, "end of day"
        curfew: String,
    },
    /// End it
    Stop {
        /// Its id or name
        id: String,
        /// Wait until it has ended
        #[arg(long)]
        wait: bool,
    },
    /// Remove it with its files
    Rm {
        /// Its id or name
        id: String,
        /// Do not ask
        #[arg(long, short)]
        yes: bool,
    },
}

/// A figure for a paper.
#[derive(Debug, ClapArgs)]
pub(crate) struct Figure {
    /// Its id or name; several runs share one figure
    #[arg(required = true, value_name = "ID")]
    pub(crate) ids: Vec<String>,
    /// The file to write: .svg, .png or .pdf
    #[arg(long, short)]
    pub(crate) output: PathBuf,
    /// A metric to draw; may be given again [default: the loss, in training and validation]
    #[arg(long = "metric", value_name = "NAME")]
    pub(crate) metrics: Vec<String>,
    /// What is drawn from left to right [default: what every metric has]
    #[arg(long, value_name = "AXIS", value_parser = ["step", "epoch", "time", "relative"])]
    pub(crate) x: Option<String>,
    /// Its part from here on, in steps, epochs, ms since 1970 or seconds since the start
    #[arg(long, requires = "to", allow_negative_numbers = true)]
    pub(crate) from: Option<f64>,
    /// And up to here
    #[arg(long, requires = "from", allow_negative_numbers = true)]
    pub(crate) to: Option<f64>,
    /// Logarithmic from left to right
    #[arg(long)]
    pub(crate) log_x: bool,
    /// Logarithmic from bottom to top
    #[arg(long)]
    pub(crate) log_y: bool,
    /// How smooth, 0 to 0.999
    #[arg(long, value_name = "WEIGHT", default_value_t = 0.0)]
    pub(crate) smooth: f64,
    /// Width on paper in mm: 89 is one column, 183 two
    #[arg(long, value_name = "MM", default_value_t = curfew_figures::SINGLE_COLUMN_MM)]
    pub(crate) width: f64,
    /// Height on paper in mm [default: what suits the width]
    #[arg(long, value_name = "MM")]
    pub(crate) height: Option<f64>,
    /// Without the run, its commit and how it was drawn below it
    #[arg(long)]
    pub(crate) no_caption: bool,
}
