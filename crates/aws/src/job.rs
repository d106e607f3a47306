//! A run as a CreateTrainingJob request in script mode: AWS's training toolkit in the framework image fetches the packed
//! folder and starts the script (`sagemaker_program`, `sagemaker_submit_directory`).

use crate::images::{self, Chosen, Wish};
use crate::names::{TAG_CURFEW, TAG_INTENT, TAG_OWNER, TAG_PROJECT, run_folder, tag_value};
use crate::store::Store;
use crate::{machines, pack};
use aws_sdk_sagemaker::operation::create_training_job::CreateTrainingJobInput;
use aws_sdk_sagemaker::operation::create_training_job::builders::CreateTrainingJobInputBuilder;
use aws_sdk_sagemaker::types::{
    AlgorithmSpecification, Channel, CheckpointConfig, DataSource, MetricDefinition, OutputDataConfig, ResourceConfig,
    S3DataDistribution, S3DataSource, S3DataType, StoppingCondition, Tag, TrainingInputMode, TrainingInstanceType,
};
use curfew_core::machine::Purchase;
use curfew_core::run::{RunOption, RunSpec};
use curfew_core::{Cost, Error, ErrorKind, RegionName, Result, Timestamp, say};
use rust_decimal::prelude::ToPrimitive;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// The longest that SageMaker lets a job run (StoppingCondition: 28 days).
const LONGEST_S: i64 = 28 * 24 * 3600;
/// What a script that was asked to end by a rule about time has left for its model.
const TIME_TO_PACK_S: i64 = 600;

/// What a script folder's curfew.toml says of AWS.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub(crate) struct Wishes {
    /// Which image.
    pub image: Wish,
    /// How it is run there.
    pub aws: Shape,
}

/// `[aws]` in curfew.toml.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Shape {
    /// How many machines.
    pub instances: u32,
    /// The disk, in GB.
    pub volume_gb: i32,
    /// `File`, `FastFile` or `Pipe`.
    pub input_mode: String,
    /// `torch_distributed`, `mpi`, `parameter_server` or `smddp`; none where empty.
    pub distribution: String,
    /// How many processes on each machine, for `mpi`.
    pub processes_per_host: u32,
}

impl Default for Shape {
    fn default() -> Self {
        Self {
            instances: 1,
            volume_gb: 30,
            input_mode: "File".into(),
            distribution: String::new(),
            processes_per_host: 1,
        }
    }
}

/// What is noted in the run's folder before anything is created. Never changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    /// What was asked for.
    pub spec: RunSpec,
    /// The image that it runs in.
    pub image: Chosen,
    /// Machines, disk, distribution.
    pub shape: Shape,
    /// The job's own metrics, by name and regular expression.
    #[serde(default)]
    pub metrics: Vec<(String, String)>,
    /// Does its folder have an inference.py?
    #[serde(default)]
    pub inference: bool,
    /// When.
    pub created: Timestamp,
    /// The ceiling on its running time, in seconds.
    pub ceiling_s: i64,
}

/// `[metrics]` of the folder's curfew.toml, which the stop rules need too.
fn definitions(dir: &Path) -> Option<serde_json::Value> {
    let text = std::fs::read_to_string(dir.join("curfew.toml")).ok()?;
    let parsed: toml::Table = toml::from_str(&text).ok()?;
    serde_json::to_value(parsed.get("metrics")?).ok()
}

/// What can be asked for with a run, over what its folder's curfew.toml says.
pub(crate) static OPTIONS: [RunOption; 6] = [
    RunOption {
        name: "instances",
        title: "Machines",
        hint: "How many of this machine work together; each is billed",
        usual: "1",
        choices: &[],
    },
    RunOption {
        name: "distribution",
        title: "How they work together",
        hint: "What starts the script on all of them; empty: each starts it by itself",
        usual: "",
        choices: &[
            ("", "each by itself"),
            ("torch_distributed", "torchrun (torch_distributed)"),
            ("mpi", "MPI (Horovod)"),
            ("parameter_server", "parameter server (TensorFlow)"),
            ("smddp", "SageMaker’s data parallel library"),
        ],
    },
    RunOption {
        name: "processes_per_host",
        title: "Processes on each, for MPI",
        hint: "Mostly the number of its GPUs",
        usual: "1",
        choices: &[],
    },
    RunOption {
        name: "input_mode",
        title: "How data come",
        hint: "File: copied first. FastFile: read as needed. Pipe: a named pipe NAME_0, NAME_1 … in place of files",
        usual: "File",
        choices: &[("File", "File"), ("FastFile", "FastFile"), ("Pipe", "Pipe")],
    },
    RunOption {
        name: "volume_gb",
        title: "Disk (GB)",
        hint: "Must hold the data (unless FastFile or Pipe), the checkpoints and the model",
        usual: "30",
        choices: &[],
    },
    RunOption {
        name: "image",
        title: "Container image",
        hint: "An image of your own in ECR; empty: AWS’s image of the script’s framework",
        usual: "",
        choices: &[],
    },
];

/// What a run wishes: `[image]` and `[aws]` of its folder's curfew.toml, and over them what was asked for with it.
pub(crate) fn wishes(spec: &RunSpec) -> Result<Wishes> {
    let mut wishes = in_folder(&spec.dir)?;
    let wrong = |field: &'static str, what: &str| Error::input(field, what.to_owned());
    for (name, value) in &spec.options {
        match name.as_str() {
            "instances" => {
                let number = value.parse().ok().filter(|n| (1..=500).contains(n));
                wishes.aws.instances = number.ok_or_else(|| wrong("instances", "machines are from 1 to 500"))?;
            }
            "processes_per_host" => {
                let number = value.parse().ok().filter(|n| (1..=64).contains(n));
                wishes.aws.processes_per_host =
                    number.ok_or_else(|| wrong("processes_per_host", "processes on each machine are from 1 to 64"))?;
            }
            "volume_gb" => {
                let number = value.parse().ok().filter(|n| (1..=16_384).contains(n));
                wishes.aws.volume_gb = number.ok_or_else(|| wrong("volume_gb", "the disk is from 1 to 16384 GB"))?;
            }
            "distribution" => wishes.aws.distribution.clone_from(value),
            "input_mode" => wishes.aws.input_mode.clone_from(value),
            "image" => {
                // AlgorithmSpecification: TrainingImage, at most 255 characters.
                let fits = value.len() <= 255 && value.bytes().all(|b| b.is_ascii_graphic());
                if !fits {
                    return Err(wrong("image", "this is no address of an image"));
                }
                wishes.image = Wish { uri: Some(value.clone()), ..Wish::default() };
            }
            other => {
                return Err(wrong("options", &format!("SageMaker has no option “{}”", say::clean(other, 40))));
            }
        }
    }
    Ok(wishes)
}

fn in_folder(dir: &Path) -> Result<Wishes> {
    let text = match std::fs::read_to_string(dir.join("curfew.toml")) {
        Ok(text) => text,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Wishes::default()),
        Err(e) => return Err(Error::io("read curfew.toml", "curfew.toml cannot be read", e).at("dir")),
    };
    let wishes: Wishes =
        toml::from_str(&text).map_err(|e| Error::input("dir", format!("curfew.toml is wrong: {}", e.message())))?;
    let wrong = |what: &str| Err(Error::input("dir", format!("curfew.toml is wrong: {what}")));
    let aws = &wishes.aws;
    if !(1..=500).contains(&aws.instances) {
        return wrong("aws.instances is from 1 to 500");
    }
    if !(1..=16_384).contains(&aws.volume_gb) {
        return wrong("aws.volume_gb is from 1 to 16384");
    }
    if !["File", "FastFile", "Pipe"].contains(&aws.input_mode.as_str()) {
        return wrong("aws.input_mode is File, FastFile or Pipe");
    }
    if distribution(aws, "").is_none() {
        return wrong("aws.distribution is torch_distributed, mpi, parameter_server or smddp");
    }
    Ok(wishes)
}

/// The metrics that curfew.toml defines, as far as SageMaker takes them: 40, of names up to 255 and expressions up to 500
/// characters (MetricDefinition); and how many it does not take.
pub(crate) fn metrics(dir: &Path) -> (Vec<(String, String)>, usize) {
    let found = definitions(dir);
    let defined = found.as_ref().and_then(|d| d.get("define")).and_then(|d| d.as_array()).cloned().unwrap_or_default();
    let text = |value: &serde_json::Value, keys: [&str; 2]| {
        keys.iter().find_map(|key| value.get(key)?.as_str()).map(str::to_owned)
    };
    let pair = |value: &serde_json::Value| Some((text(value, ["name", "Name"])?, text(value, ["regex", "Regex"])?));
    let fits = |(name, regex): &(String, String)| {
        (1..=255).contains(&name.chars().count()) && (1..=500).contains(&regex.chars().count())
    };
    let mut taken: Vec<_> = defined.iter().filter_map(pair).filter(fits).collect();
    taken.truncate(40);
    let left = defined.len() - taken.len();
    (taken, left)
}

/// The toolkit's hyperparameters for a way to distribute (sagemaker-training's params.py); `None`: no such way.
fn distribution(shape: &Shape, machine: &str) -> Option<Vec<(&'static str, String)>> {
    let on = || "true".to_owned();
    Some(match shape.distribution.as_str() {
        "" => Vec::new(),
        "torch_distributed" => {
            vec![("sagemaker_torch_distributed_enabled", on()), ("sagemaker_instance_type", text(machine))]
        }
        "parameter_server" => vec![("sagemaker_parameter_server_enabled", on())],
        "mpi" => vec![
            ("sagemaker_mpi_enabled", on()),
            ("sagemaker_mpi_num_of_processes_per_host", shape.processes_per_host.to_string()),
            ("sagemaker_mpi_custom_mpi_options", text("")),
        ],
        "smddp" => vec![
            ("sagemaker_distributed_dataparallel_enabled", on()),
            ("sagemaker_instance_type", text(machine)),
            ("sagemaker_distributed_dataparallel_custom_mpi_options", text("")),
        ],
        _ => return None,
    })
}

/// As the toolkit wants a text: JSON, so that "1e-3" and "true" arrive as they were typed.
fn text(value: &str) -> String {
    serde_json::Value::from(value).to_string()
}

/// The machine's name, checked as far as can be without asking.
pub(crate) fn machine(spec: &RunSpec) -> Result<&str> {
    let name = spec.machine.machine.as_deref().unwrap_or_default();
    if spec.machine.service.as_deref().is_some_and(|s| s != "sagemaker") || !name.starts_with("ml.") {
        return Err(Error::input("machine", format!("SageMaker has no machine {}", spec.machine))
            .next("Its machines begin with ml., such as aws:ml.m5.xlarge"));
    }
    Ok(name)
}

/// The image for a script.
pub(crate) fn image(spec: &RunSpec, wish: &Wish, region: &RegionName) -> Result<Chosen> {
    if let Some(uri) = &wish.uri {
        return Ok(Chosen { framework: "own".into(), version: String::new(), uri: uri.clone() });
    }
    let framework = wish.framework.as_deref().unwrap_or_else(|| images::framework_of(&spec.dir, &spec.entry));
    let gpu = machines::has_gpu(machine(spec)?);
    images::pick(framework, wish.version.as_deref(), images::TRAINING, gpu, region.as_str())
}

/// How long it may run, in seconds: until its curfew, and not longer than its spending limit lasts.
pub(crate) fn ceiling(spec: &RunSpec, shape: &Shape, region: &RegionName, now: Timestamp) -> Result<i64> {
    let until_curfew = spec.curfew.duration_since(now).as_secs();
    if until_curfew <= 0 {
        let what = format!("the curfew {} is in the past", spec.curfew.strftime("%Y-%m-%d %H:%M:%SZ"));
        return Err(Error::input("curfew", what).with("now", now));
    }
    let mut ceiling = until_curfew.clamp(1, LONGEST_S);
    if let Some(time) = spec.stop.time {
        // Our entry point ends the script in time and keeps its model; this holds where it is not there or hangs.
        ceiling = ceiling.min((time.as_secs() + TIME_TO_PACK_S).max(1));
    }
    if let Some(limit) = spec.stop.spend {
        let rate = machines::rate(region.as_str(), machine(spec)?, "Training", shape.instances);
        let hourly = match &rate {
            Cost::Estimated { amount, .. } | Cost::Billed { amount, .. } => amount.0,
            Cost::Unknown { why } => {
                return Err(Error::input("spend", format!("a spending limit cannot be held here: {why}")));
            }
            Cost::NotBilled { .. } => return Ok(ceiling),
        };
        let hours = (limit.currency() == hourly.currency()).then(|| limit.amount().checked_div(hourly.amount()));
        let seconds = hours.flatten().and_then(|h| (h * rust_decimal::Decimal::from(3600)).to_i64());
        ceiling = ceiling.min(seconds.unwrap_or(ceiling)).max(1);
    }
    Ok(ceiling)
}

fn metric_definitions(record: &Record) -> Option<Vec<MetricDefinition>> {
    let definition = |(name, regex): &(String, String)| MetricDefinition::builder().name(name).regex(regex).build();
    (!record.metrics.is_empty()).then(|| record.metrics.iter().map(definition).collect())
}

/// Where a run's parts lie in the bucket.
pub(crate) struct Places {
    pub folder: String,
    pub record: String,
    pub begun: String,
    pub stop: String,
    pub code: String,
}

impl Places {
    pub(crate) fn of(id: &curfew_core::RunId) -> Self {
        let folder = run_folder(id);
        Self {
            record: format!("{folder}run.json"),
            begun: format!("{folder}begun.json"),
            stop: format!("{folder}stop.json"),
            code: format!("{folder}code/sourcedir.tar.gz"),
            folder,
        }
    }
    pub(crate) fn data(&self, channel: &str) -> String {
        format!("{}data/{channel}/", self.folder)
    }
}

/// Where one channel's data are.
pub(crate) enum Source {
    /// At S3 already.
    There(String),
    /// Here: to be uploaded first.
    Here(Vec<pack::Entry>),
}

/// Every channel with its source, checked.
pub(crate) fn sources(spec: &RunSpec) -> Result<Vec<(String, Source)>> {
    let mut sources = Vec::new();
    for channel in &spec.data {
        let source = if channel.source.starts_with("s3://") {
            Source::There(channel.source.clone())
        } else if channel.source.contains("://") {
            let what = format!("SageMaker cannot read {}", say::clean(&channel.source, 200));
            return Err(Error::input("data", what).next("Copy it to S3 first, or give a folder of this computer"));
        } else {
            Source::Here(pack::data_files(Path::new(&channel.source))?)
        };
        sources.push((channel.name.clone(), source));
    }
    Ok(sources)
}

/// Paths of data that lie in the script folder, which are not packed with the code.
pub(crate) fn data_in_code(spec: &RunSpec) -> Vec<PathBuf> {
    spec.data.iter().map(|c| PathBuf::from(&c.source)).filter(|p| p.starts_with(&spec.dir) && *p != spec.dir).collect()
}

/// The request.
pub(crate) fn request(
    record: &Record,
    store: &Store,
    role: &str,
    sources: &[(String, String)],
    home: &str,
) -> Result<CreateTrainingJobInput> {
    let (spec, shape) = (&record.spec, &record.shape);
    let places = Places::of(&spec.id);
    let machine = machine(spec)?;
    let spot = spec.machine.purchase == Purchase::Spot;
    let wraps = crate::rules::wraps(record);
    let order = wraps.then(|| {
        crate::rules::order(record, spec.machine.region.as_deref().unwrap_or(home), definitions(&spec.dir).as_ref())
    });
    let mode = TrainingInputMode::from(shape.input_mode.as_str());
    let mut channels = Vec::new();
    for (name, uri) in sources {
        let s3 = S3DataSource::builder()
            .s3_data_type(S3DataType::S3Prefix)
            .s3_uri(uri)
            .s3_data_distribution_type(S3DataDistribution::FullyReplicated)
            .build();
        let source = DataSource::builder().s3_data_source(s3).build();
        let channel = Channel::builder().channel_name(name).data_source(source).input_mode(mode.clone());
        channels.push(channel.build());
    }
    let mut hyper: HashMap<String, String> = spec.hyper.iter().map(|(k, v)| (k.clone(), text(v))).collect();
    for (name, value) in distribution(shape, machine).unwrap_or_default() {
        hyper.insert(name.into(), value);
    }
    let ours = [
        ("sagemaker_program", text(if wraps { crate::rules::ENTRY } else { &spec.entry })),
        ("sagemaker_submit_directory", text(&store.uri(&places.code))),
        ("sagemaker_job_name", text(spec.id.as_str())),
        ("sagemaker_container_log_level", "20".to_owned()),
    ];
    hyper.extend(ours.map(|(k, v)| (k.to_owned(), v)));
    let stopping = StoppingCondition::builder()
        .max_runtime_in_seconds(i32::try_from(record.ceiling_s).unwrap_or(i32::MAX))
        .set_max_wait_time_in_seconds(spot.then(|| i32::try_from(record.ceiling_s).unwrap_or(i32::MAX)))
        .build();
    let checkpoints =
        spot.then(|| CheckpointConfig::builder().s3_uri(store.uri(&format!("{}checkpoints", places.folder))).build());
    let resources = ResourceConfig::builder()
        .instance_type(TrainingInstanceType::from(machine))
        .instance_count(i32::try_from(shape.instances).unwrap_or(1))
        .volume_size_in_gb(shape.volume_gb)
        .build();
    let mut environment = HashMap::from([("PYTHONUNBUFFERED".to_owned(), "1".to_owned())]);
    environment.extend(order.map(|order| ("CURFEW_ENTRY".to_owned(), order)));
    let tag = |key: &str, value: &str| Tag::builder().key(key).value(tag_value(value)).build();
    let mut tags = vec![
        tag(TAG_INTENT, spec.intent.as_str()),
        tag(TAG_OWNER, &spec.owner),
        tag(TAG_CURFEW, &spec.curfew.to_string()),
    ];
    tags.extend(spec.project.as_ref().map(|project| tag(TAG_PROJECT, project.as_str())));
    let request = CreateTrainingJobInputBuilder::default()
        .training_job_name(spec.id.as_str())
        .algorithm_specification(
            AlgorithmSpecification::builder()
                .training_image(&record.image.uri)
                .training_input_mode(mode)
                .enable_sage_maker_metrics_time_series(false)
                .set_metric_definitions(metric_definitions(record))
                .build(),
        )
        .role_arn(role)
        .set_input_data_config((!channels.is_empty()).then_some(channels))
        .output_data_config(
            OutputDataConfig::builder().s3_output_path(store.uri(&format!("{}out", places.folder))).build(),
        )
        .resource_config(resources)
        .stopping_condition(stopping)
        .set_hyper_parameters(Some(hyper))
        .set_environment(Some(environment))
        .enable_managed_spot_training(spot)
        .set_checkpoint_config(checkpoints)
        .set_tags(Some(tags))
        .build();
    request.map_err(|e| Error::new(ErrorKind::Unknown, "start the run", "the request could not be made").caused_by(e))
}
