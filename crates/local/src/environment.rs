//! What a script finds around it: the environment of AWS's training containers, so that what runs here runs there.
//!
//! The contract is tests/python/sm_env.json, recorded from sagemaker-training itself. The user's own environment is
//! passed on too, tokens for data and experiment trackers included: the script is the user's and runs as the user, here
//! as in a terminal. It is never written to disk. Left out is only what would make Python run otherwise than asked
//! ([`LEFT_OUT`]).

use crate::pyjson::Value;
use curfew_core::run::RunSpec;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// Variables of the panel's surroundings that a script must not inherit.
pub(crate) const LEFT_OUT: &[&str] = &[
    // An activated environment, or a desktop bundle's own Python and libraries.
    "PYTHONHOME",
    "VIRTUAL_ENV",
    "VIRTUAL_ENV_PROMPT",
    "__PYVENV_LAUNCHER__",
    "PYTHONSTARTUP",
    "PYTHONINSPECT",
    // The panel's.
    "TAURI_WEBVIEW_AUTOMATION",
    "CURFEW_PYTHON",
];

/// Marks every process of a run, so that those of a dead supervisor are found again.
pub(crate) const RUN_MARK: &str = "CURFEW_RUN";
/// The same for an endpoint.
pub(crate) const ENDPOINT_MARK: &str = "CURFEW_ENDPOINT";
/// Which home the mark belongs to.
pub(crate) const HOME_MARK: &str = "CURFEW_HOME";

/// The machine, as far as a script is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Machine {
    pub cpus: usize,
    pub gpus: usize,
}

/// Where the parts of a run lie, below its folder as below /opt/ml.
pub(crate) struct Layout<'a> {
    pub base: &'a Path,
    /// Where the script folder was copied from.
    pub source: &'a Path,
}

impl Layout<'_> {
    pub(crate) fn code(&self) -> PathBuf {
        self.base.join("code")
    }
    pub(crate) fn channel(&self, name: &str) -> PathBuf {
        self.base.join("input/data").join(name)
    }
    /// Folders that must be there before the script starts.
    pub(crate) fn folders(&self) -> [PathBuf; 5] {
        ["input/config", "input/data", "model", "output/data", "output/intermediate"].map(|f| self.base.join(f))
    }
}

/// Hyperparameters as the script's arguments: `--name value`, sorted by name, `-n` for a name of one letter.
pub(crate) fn arguments(spec: &RunSpec) -> Vec<String> {
    let mut arguments = Vec::new();
    for (name, value) in &spec.hyper {
        let dashes = if name.chars().count() == 1 { "-" } else { "--" };
        arguments.push(format!("{dashes}{name}"));
        arguments.push(Value::of_hyperparameter(value).to_argument());
    }
    arguments
}

fn hyperparameters(spec: &RunSpec) -> BTreeMap<String, Value> {
    spec.hyper.iter().map(|(k, v)| (k.clone(), Value::of_hyperparameter(v))).collect()
}

const HOST: &str = "localhost";
const GROUP: &str = "homogeneousCluster";

fn group() -> Value {
    Value::map([
        ("hosts", Value::texts([HOST])),
        ("instance_group_name", Value::text(GROUP)),
        ("instance_type", Value::text("local")),
    ])
}

fn resource_config() -> Value {
    Value::map([
        ("current_group_name", Value::text(GROUP)),
        ("current_host", Value::text(HOST)),
        ("current_instance_type", Value::text("local")),
        ("hosts", Value::texts([HOST])),
        ("instance_groups", Value::List(vec![group()])),
        ("network_interface_name", Value::text("lo")),
    ])
}

fn input_data_config(spec: &RunSpec) -> Value {
    let channel = Value::map([
        ("TrainingInputMode", Value::text("File")),
        ("S3DistributionType", Value::text("FullyReplicated")),
        ("RecordWrapperType", Value::text("None")),
    ]);
    Value::map(spec.data.iter().map(|c| (c.name.clone(), channel.clone())))
}

/// The three files in `input/config`.
pub(crate) fn config_files(spec: &RunSpec, layout: &Layout<'_>) -> [(&'static str, String); 3] {
    let quoted = |text: String| Value::text(Value::text(text).to_json());
    let mut given: BTreeMap<String, Value> = spec.hyper.iter().map(|(k, v)| (k.clone(), Value::text(v))).collect();
    given.insert("sagemaker_program".into(), quoted(spec.entry.clone()));
    given.insert("sagemaker_submit_directory".into(), quoted(layout.source.display().to_string()));
    [
        ("hyperparameters.json", Value::Map(given).to_json()),
        ("inputdataconfig.json", input_data_config(spec).to_json()),
        ("resourceconfig.json", resource_config().to_json()),
    ]
}

/// Every variable that the script is given beside the user's own.
pub(crate) fn variables(spec: &RunSpec, layout: &Layout<'_>, machine: Machine) -> BTreeMap<String, OsString> {
    let path = |p: &Path| Value::text(p.display().to_string());
    let base = layout.base;
    let hyper = hyperparameters(spec);
    let mut channels: Vec<&str> = spec.data.iter().map(|c| c.name.as_str()).collect();
    channels.sort_unstable();
    let module = spec.entry.strip_suffix(".py").unwrap_or(&spec.entry);
    let hosts = Value::texts([HOST]);
    let groups = Value::texts([GROUP]);
    let groups_by_name = Value::map([(GROUP, group())]);
    let none = || Value::List(Vec::new());
    let dirs = Value::map(channels.iter().map(|c| (*c, path(&layout.channel(c)))));

    let training_env = Value::map([
        ("additional_framework_parameters", Value::Map(BTreeMap::new())),
        ("channel_input_dirs", dirs),
        ("current_host", Value::text(HOST)),
        ("current_instance_group", Value::text(GROUP)),
        ("current_instance_group_hosts", hosts.clone()),
        ("current_instance_type", Value::text("local")),
        ("distribution_hosts", none()),
        ("distribution_instance_groups", none()),
        ("framework_module", Value::Null),
        ("hosts", hosts.clone()),
        ("hyperparameters", Value::Map(hyper.clone())),
        ("input_config_dir", path(&base.join("input/config"))),
        ("input_data_config", input_data_config(spec)),
        ("input_dir", path(&base.join("input"))),
        ("instance_groups", groups.clone()),
        ("instance_groups_dict", groups_by_name.clone()),
        ("is_hetero", Value::Bool(false)),
        ("is_master", Value::Bool(true)),
        ("is_modelparallel_enabled", Value::Null),
        ("is_smddpmprun_installed", Value::Bool(false)),
        ("is_smddprun_installed", Value::Bool(false)),
        ("job_name", Value::text(spec.id.as_str())),
        ("log_level", Value::int(20)),
        ("master_hostname", Value::text(HOST)),
        ("model_dir", path(&base.join("model"))),
        ("module_dir", path(layout.source)),
        ("module_name", Value::text(module)),
        ("network_interface_name", Value::text("lo")),
        ("num_cpus", Value::int(machine.cpus)),
        ("num_gpus", Value::int(machine.gpus)),
        ("num_neurons", Value::int(0)),
        ("output_data_dir", path(&base.join("output/data"))),
        ("output_dir", path(&base.join("output"))),
        ("output_intermediate_dir", path(&base.join("output/intermediate"))),
        ("resource_config", resource_config()),
        ("topology", none()),
        ("user_entry_point", Value::text(&spec.entry)),
    ]);

    let mut all: BTreeMap<String, OsString> = BTreeMap::new();
    let mut set = |name: &str, value: &Value| {
        all.insert(name.to_owned(), value.to_variable().into());
    };
    set("SM_CHANNELS", &Value::texts(channels.iter().copied()));
    set("SM_CURRENT_HOST", &Value::text(HOST));
    set("SM_CURRENT_INSTANCE_GROUP", &Value::text(GROUP));
    set("SM_CURRENT_INSTANCE_GROUP_HOSTS", &hosts);
    set("SM_CURRENT_INSTANCE_TYPE", &Value::text("local"));
    set("SM_DISTRIBUTION_INSTANCE_GROUPS", &none());
    set("SM_FRAMEWORK_MODULE", &Value::Null);
    set("SM_FRAMEWORK_PARAMS", &Value::Map(BTreeMap::new()));
    set("SM_HOSTS", &hosts);
    set("SM_HPS", &Value::Map(hyper.clone()));
    set("SM_INPUT_CONFIG_DIR", &path(&base.join("input/config")));
    set("SM_INPUT_DATA_CONFIG", &input_data_config(spec));
    set("SM_INPUT_DIR", &path(&base.join("input")));
    set("SM_INSTANCE_GROUPS", &groups);
    set("SM_INSTANCE_GROUPS_DICT", &groups_by_name);
    set("SM_IS_HETERO", &Value::Bool(false));
    set("SM_LOG_LEVEL", &Value::int(20));
    set("SM_MODEL_DIR", &path(&base.join("model")));
    set("SM_MODULE_DIR", &path(layout.source));
    set("SM_MODULE_NAME", &Value::text(module));
    set("SM_NETWORK_INTERFACE_NAME", &Value::text("lo"));
    set("SM_NUM_CPUS", &Value::int(machine.cpus));
    set("SM_NUM_GPUS", &Value::int(machine.gpus));
    set("SM_NUM_NEURONS", &Value::int(0));
    set("SM_OUTPUT_DATA_DIR", &path(&base.join("output/data")));
    set("SM_OUTPUT_DIR", &path(&base.join("output")));
    set("SM_OUTPUT_INTERMEDIATE_DIR", &path(&base.join("output/intermediate")));
    set("SM_RESOURCE_CONFIG", &resource_config());
    set("SM_TRAINING_ENV", &training_env);
    set("SM_USER_ARGS", &Value::texts(arguments(spec)));
    set("SM_USER_ENTRY_POINT", &Value::text(&spec.entry));
    for (name, value) in &hyper {
        set(&format!("SM_HP_{}", name.to_uppercase()), value);
    }
    for channel in channels {
        set(&format!("SM_CHANNEL_{}", channel.to_uppercase()), &path(&layout.channel(channel)));
    }
    set("TRAINING_JOB_NAME", &Value::text(spec.id.as_str()));
    set("CURRENT_HOST", &Value::text(HOST));
    set("SAGEMAKER_REGION", &Value::Null);
    set("SAGEMAKER_JOB_NAME", &Value::Null);
    // As in the containers: output appears at once, and the code folder is importable from everywhere.
    set("PYTHONUNBUFFERED", &Value::text("1"));
    let mut python_path = layout.code().into_os_string();
    if let Some(own) = std::env::var_os("PYTHONPATH").filter(|p| !p.is_empty()) {
        python_path.push(":");
        python_path.push(own);
    }
    all.insert("PYTHONPATH".into(), python_path);
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use curfew_core::run::{Channel, StopRules};
    use curfew_core::{IntentId, MachineRef, RunId, Timestamp};

    #[test]
    fn as_the_toolkit_recorded() {
        let contract: serde_json::Value =
            serde_json::from_str(include_str!("../../../tests/python/sm_env.json")).unwrap();
        let example = &contract["example"];
        let text = |v: &serde_json::Value| v.as_str().unwrap().to_owned();
        let spec = RunSpec {
            id: RunId::new("example-job").unwrap(),
            name: String::new(),
            dir: "/somewhere".into(),
            entry: text(&example["entry"]),
            data: example["channels"]
                .as_array()
                .unwrap()
                .iter()
                .map(|c| Channel { name: text(c), source: String::new() })
                .collect(),
            hyper: example["hyperparameters"].as_object().unwrap().iter().map(|(k, v)| (k.clone(), text(v))).collect(),
            machine: MachineRef::local(),
            curfew: Timestamp::UNIX_EPOCH,
            stop: StopRules::default(),
            options: std::collections::BTreeMap::new(),
            intent: IntentId::new("i").unwrap(),
            owner: String::new(),
            project: None,
        };
        let layout = Layout { base: Path::new("/base"), source: Path::new("/source") };
        let ours = variables(&spec, &layout, Machine { cpus: 8, gpus: 2 });
        let theirs: BTreeMap<String, String> = contract["variables"]
            .as_array()
            .unwrap()
            .iter()
            .map(|v| (text(&v["name"]), fill(&text(&v["value"]))))
            .collect();
        for (name, value) in &theirs {
            assert_eq!(ours.get(name).and_then(|v| v.to_str()), Some(value.as_str()), "{name}");
        }
        let extra: Vec<_> = ours.keys().filter(|k| k.starts_with("SM_") && !theirs.contains_key(*k)).collect();
        assert!(extra.is_empty(), "{extra:?}");
        for name in contract["others"].as_object().unwrap().keys() {
            assert!(ours.contains_key(name), "{name}");
        }
        let arguments: Vec<String> =
            contract["command"]["arguments"].as_array().unwrap()[2..].iter().map(text).collect();
        assert_eq!(super::arguments(&spec), arguments);
        for (name, body) in config_files(&spec, &layout) {
            let expect = fill(&example["files"][name].to_string());
            let (ours, theirs): (serde_json::Value, serde_json::Value) =
                (serde_json::from_str(&body).unwrap(), serde_json::from_str(&expect).unwrap());
            assert_eq!(ours, theirs, "{name}");
        }
    }

    fn fill(text: &str) -> String {
        [("{base}", "/base"), ("{source}", "/source"), ("{num_cpus}", "8"), ("{num_gpus}", "2"), ("{num_neurons}", "0")]
            .iter()
            .fold(text.to_owned(), |text, (mark, value)| text.replace(mark, value))
    }
}
