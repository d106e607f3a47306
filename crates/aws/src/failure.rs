//! Why a job or endpoint failed, told to a person: AWS's FailureReason by one table, each entry with a sample.

use curfew_core::run::Failure;
use curfew_core::say;
use regex_lite::Regex;
use std::sync::LazyLock;

struct Known {
    text: &'static str,
    what: &'static str,
    next: &'static str,
}

const KNOWN: &[Known] = &[
    Known {
        text: r"^CapacityError: ",
        what: "AWS had no such machine free",
        next: "Try again later, another region, or another machine.",
    },
    Known {
        text: r"(?i)(OutOfMemoryError|CUDA out of memory|out of memory.{0,40}GPU)",
        what: "The GPU's memory was not enough",
        next: "Make the batch smaller, or choose a GPU with more memory.",
    },
    Known {
        text: r"(?i)(MemoryError|exit code: 137|Killed process|oom-kill|ran out of memory|Please use an instance type with more memory)",
        what: "The machine's memory was not enough",
        next: "Choose a machine with more memory, or read the data in pieces.",
    },
    Known {
        text: r"(?i)(No space left on device|Errno 28|Disk size in VolumeSizeInGB)",
        what: "The machine's disk was full",
        next: "Set aws.volume_gb in curfew.toml to more than the data, the checkpoints and the model take.",
    },
    Known {
        text: r"(?i)(Cannot pull|CannotPullContainerError|ecr:BatchGetImage|pull access denied|repository does not exist|Failed to pull|image .* not found)",
        what: "The container image could not be fetched",
        next: "Check its address, its region, and that the execution role may read it (ecr:BatchGetImage).",
    },
    Known {
        text: r"(?i)(NoSuchBucket|The specified bucket does not exist|Data download failed:.*(404|Not Found|no objects below|does not exist))",
        what: "The data are not where the run looked for them",
        next: "Check the bucket and the path, and that they are in the run's region.",
    },
    Known {
        text: r"(?i)(Data download failed:.*(403|Access ?Denied|Forbidden)|is not authorized to perform: s3:GetObject)",
        what: "The execution role may not read the data",
        next: "Give the execution role s3:GetObject and s3:ListBucket on the data's bucket.",
    },
    Known {
        text: r"(?i)Failed to extract model data archive",
        what: "The model's archive is not a valid tar.gz",
        next: "Pack the model again: model.tar.gz with the model's files at its top.",
    },
    Known {
        text: r"(?i)did not pass the ping health check",
        what: "The model's server did not start",
        next: "Read the end of its log: most often inference.py or one of its packages fails.",
    },
    Known {
        text: r"(?i)Could not find model ",
        what: "The model was deleted before the endpoint was made",
        next: "Deploy it again.",
    },
    Known {
        text: r"(?s)^AlgorithmError: .*ModuleNotFoundError: No module named '([^']+)'",
        what: "The script needs the package “$1”, which the image does not have",
        next: "Add it to requirements.txt in the script folder.",
    },
    Known {
        text: r"(?s)^AlgorithmError: .*exit code: (\d+)",
        what: "The script ended with exit code $1",
        next: "Read the end of its log; the last lines say where.",
    },
    Known { text: r"^InternalServerError", what: "AWS had a fault of its own", next: "Start it again." },
];

static COMPILED: LazyLock<Vec<Regex>> =
    LazyLock::new(|| KNOWN.iter().map(|k| Regex::new(k.text).expect("patterns are tested")).collect());

/// Tells a failure reason; one that nobody knows is shown as AWS says it.
pub(crate) fn explain(reason: &str, log_end: Vec<String>) -> Failure {
    for (known, regex) in KNOWN.iter().zip(COMPILED.iter()) {
        if let Some(found) = regex.captures(reason) {
            let one = found.get(1).map_or("", |m| m.as_str());
            let what = known.what.replace("$1", &say::clean(one, 100));
            return Failure { what, next: known.next.into(), log_end };
        }
    }
    let what = if reason.trim().is_empty() {
        "AWS says that it failed, and not why".to_owned()
    } else {
        format!("AWS says: {}", say::clean(reason.trim(), 600))
    };
    Failure { what, next: "Read its log for what happened before.".into(), log_end }
}

/// The script's exit code, where the reason tells it.
pub(crate) fn exit_code(reason: &str) -> Option<i32> {
    reason.rsplit_once("exit code: ")?.1.trim().trim_end_matches('.').parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(reason: &str, expect: &str) {
        assert_eq!(explain(reason, vec![]).what, expect, "{reason}");
    }

    #[test]
    fn samples_of_what_aws_says() {
        check(
            "CapacityError: Unable to provision requested ML compute capacity. Please retry using a different ML instance type.",
            "AWS had no such machine free",
        );
        check(
            "AlgorithmError: ExecuteUserScriptError:\nExitCode 1\nErrorMessage \"RuntimeError: CUDA out of memory. Tried to allocate\", exit code: 1",
            "The GPU's memory was not enough",
        );
        check(
            "AlgorithmError: Please use an instance type with more memory, exit code: 137",
            "The machine's memory was not enough",
        );
        check("ClientError: Artifact upload failed:Error 28: No space left on device", "The machine's disk was full");
        check(
            "ClientError: Cannot pull algorithm container. Either the image does not exist or its permissions are incorrect.",
            "The container image could not be fetched",
        );
        check(
            "ClientError: Data download failed:The specified bucket does not exist (s3://none/x)",
            "The data are not where the run looked for them",
        );
        check(
            "ClientError: Data download failed:Failed to download data. AccessDenied (403): Access Denied",
            "The execution role may not read the data",
        );
        check(
            "AlgorithmError: ExecuteUserScriptError:\nErrorMessage \"ModuleNotFoundError: No module named 'torch'\"\nCommand \"/usr/bin/python3 train.py\", exit code: 1",
            "The script needs the package “torch”, which the image does not have",
        );
        check(
            "AlgorithmError: ExecuteUserScriptError:\nExitCode 3\nErrorMessage \"\"\nCommand \"python train.py\", exit code: 3",
            "The script ended with exit code 3",
        );
        check(
            "The primary container for production variant main did not pass the ping health check. Please check CloudWatch logs for this endpoint.",
            "The model's server did not start",
        );
        check("Something new", "AWS says: Something new");
        check("", "AWS says that it failed, and not why");
        assert_eq!(exit_code("AlgorithmError: x, exit code: 3"), Some(3));
        assert_eq!(exit_code("CapacityError: x"), None);
    }
}
