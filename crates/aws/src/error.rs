//! Errors of the SDK as `core::Error`: the only place that knows AWS's codes and sentences.
//!
//! Codes decide where AWS gives one; where it gives only a sentence (SageMaker's ValidationException, the quota's name
//! in ResourceLimitExceeded), one table of anchored patterns does. What fits nothing is `Unknown`, never "gone".

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use curfew_core::access::RightsHint;
use curfew_core::error::Bill;
use curfew_core::{Error, ErrorKind, say};
use regex_lite::Regex;
use std::sync::LazyLock;

/// Codes that say all there is to say, over all services.
const CODES: &[(&str, ErrorKind)] = &[
    ("AccessDenied", ErrorKind::PermissionDenied),
    ("AccessDeniedException", ErrorKind::PermissionDenied),
    ("AuthorizationError", ErrorKind::PermissionDenied),
    ("UnauthorizedOperation", ErrorKind::PermissionDenied),
    ("ExpiredToken", ErrorKind::CredentialsExpired),
    ("ExpiredTokenException", ErrorKind::CredentialsExpired),
    ("RequestExpired", ErrorKind::CredentialsExpired),
    ("InvalidClientTokenId", ErrorKind::CredentialsExpired),
    ("UnrecognizedClientException", ErrorKind::CredentialsExpired),
    ("InvalidAccessKeyId", ErrorKind::CredentialsExpired),
    ("Throttling", ErrorKind::Throttled),
    ("ThrottlingException", ErrorKind::Throttled),
    ("ThrottledException", ErrorKind::Throttled),
    ("TooManyRequestsException", ErrorKind::Throttled),
    ("RequestLimitExceeded", ErrorKind::Throttled),
    ("SlowDown", ErrorKind::Throttled),
    ("InternalError", ErrorKind::Unavailable),
    ("InternalFailure", ErrorKind::Unavailable),
    ("InternalServerError", ErrorKind::Unavailable),
    ("InternalServerException", ErrorKind::Unavailable),
    ("ServiceUnavailable", ErrorKind::Unavailable),
    ("ServiceUnavailableException", ErrorKind::Unavailable),
    ("RequestTimeout", ErrorKind::Timeout),
    ("ResourceNotFound", ErrorKind::NotFound),
    ("ResourceNotFoundException", ErrorKind::NotFound),
    ("NoSuchBucket", ErrorKind::NotFound),
    ("NoSuchKey", ErrorKind::NotFound),
    ("NoSuchUpload", ErrorKind::NotFound),
    ("NoSuchEntity", ErrorKind::NotFound),
    ("NotFound", ErrorKind::NotFound),
    ("ObjectNotFoundException", ErrorKind::NotFound),
    ("ResourceInUse", ErrorKind::AlreadyExists),
    ("BucketAlreadyOwnedByYou", ErrorKind::AlreadyExists),
    ("BucketAlreadyExists", ErrorKind::AlreadyExists),
    ("EntityAlreadyExists", ErrorKind::AlreadyExists),
    ("PreconditionFailed", ErrorKind::AlreadyExists),
    ("ConcurrentUpdateException", ErrorKind::Unavailable),
    ("ConditionalRequestConflict", ErrorKind::Unavailable),
    ("ResourceLimitExceeded", ErrorKind::Quota),
    ("LimitExceededException", ErrorKind::Quota),
    ("InsufficientInstanceCapacity", ErrorKind::Capacity),
];

/// The clock of this computer is off: what to do about it is not what to do about expired keys.
const SKEWED: &[&str] = &["RequestTimeTooSkewed", "InvalidSignatureException", "SignatureDoesNotMatch"];

/// A sentence of AWS's, where the code alone does not tell.
struct Pattern {
    code: &'static str,
    text: &'static str,
    kind: ErrorKind,
    field: Option<&'static str>,
    says: &'static str,
    next: &'static str,
}

/// `$1`, `$2` … in `says` and `next` are the pattern's groups. Each has a captured sample in the tests below.
const PATTERNS: &[Pattern] = &[
    Pattern {
        code: "ResourceLimitExceeded",
        text: r"^The account-level service limit '(Memory size in MB per serverless endpoint)' is (\d+) MBs?, with current utilization of (\d+) MBs? and a request delta of (\d+) MBs?\.",
        kind: ErrorKind::Quota,
        field: Some("memory"),
        says: "the quota “$1” of this account is $2, and this needs $4",
        next: "Choose less memory, or ask for more under Service Quotas in AWS's console",
    },
    Pattern {
        code: "ResourceLimitExceeded",
        text: r"^The account-level service limit '(Maximum total concurrency .+? serverless endpoints)' is (\d+) \w+, with current utilization of (\d+) \w+ and a request delta of (\d+) \w+\.",
        kind: ErrorKind::Quota,
        field: Some("concurrency"),
        says: "the quota “$1” of this account is $2, of which $3 are in use, and this needs $4",
        next: "Let it answer fewer at once, or ask for more under Service Quotas in AWS's console",
    },
    Pattern {
        code: "ResourceLimitExceeded",
        text: r"^The account-level service limit '(.+?)' is (\d+) Instances?, with current utilization of (\d+) Instances? and a request delta of (\d+) Instances?\.",
        kind: ErrorKind::Quota,
        field: Some("machine"),
        says: "the quota “$1” of this account is $2, of which $3 are in use, and this needs $4",
        next: "Ask for more under Service Quotas in AWS's console, or choose another machine",
    },
    Pattern {
        code: "ValidationException",
        text: r"^Requested resource not found\.?$",
        kind: ErrorKind::NotFound,
        field: None,
        says: "AWS knows no such training job",
        next: "Look at the list of runs",
    },
    Pattern {
        code: "ValidationException",
        text: r#"^Could not find (endpoint configuration|endpoint|model) "(.+?)"\.?$"#,
        kind: ErrorKind::NotFound,
        field: None,
        says: "there is no $1 $2",
        next: "Look at the list of endpoints",
    },
    Pattern {
        code: "ValidationError",
        text: r"^Endpoint (\S+) of account \d+ not found\.$",
        kind: ErrorKind::NotFound,
        field: None,
        says: "there is no endpoint $1 that answers",
        next: "Wait until it is in service, or deploy the model again",
    },
    Pattern {
        code: "ValidationException",
        text: r#"^Cannot create already existing (.+?) "([^"]+)"\.$"#,
        kind: ErrorKind::AlreadyExists,
        field: Some("name"),
        says: "there is a $1 $2 already",
        next: "Choose another name",
    },
    Pattern {
        code: "ValidationException",
        text: r"^Cannot update in-progress endpoint",
        kind: ErrorKind::Conflict,
        field: None,
        says: "the endpoint is being created or changed, and AWS does not end it meanwhile",
        next: "Try again when it is in service; that takes some minutes",
    },
    Pattern {
        code: "ValidationException",
        text: r"^The request was rejected because the training job is in status (\w+)\.$",
        kind: ErrorKind::Conflict,
        field: None,
        says: "the training job is $1 already",
        next: "Look at it again",
    },
    Pattern {
        code: "ValidationException",
        text: r"^Could not assume role (\S+?)\. Please ensure that the role exists",
        kind: ErrorKind::PermissionDenied,
        field: Some("role"),
        says: "SageMaker may not use the execution role $1",
        next: "Choose a role that trusts sagemaker.amazonaws.com under Settings; a new role needs some seconds",
    },
    Pattern {
        code: "ValidationException",
        text: r#"^No S3 objects found under S3 URL "([^"]+)""#,
        kind: ErrorKind::InvalidInput,
        field: Some("data"),
        says: "there is no data at $1, or the execution role may not read it",
        next: "Check the bucket, its region, the path, and what the execution role may read",
    },
    Pattern {
        code: "ValidationException",
        text: r"^Could not find model data at (\S+?)\.$",
        kind: ErrorKind::InvalidInput,
        field: Some("model"),
        says: "there is no model at $1",
        next: "Choose a run whose model is still there",
    },
    Pattern {
        code: "ValidationException",
        text: r"(?s)^.*instanceType.*failed to satisfy constraint",
        kind: ErrorKind::InvalidInput,
        field: Some("machine"),
        says: "SageMaker has no such machine type",
        next: "Choose one from Machines",
    },
];

static COMPILED: LazyLock<Vec<Regex>> =
    LazyLock::new(|| PATTERNS.iter().map(|p| Regex::new(p.text).expect("patterns are tested")).collect());

/// An SDK error as ours. `operation` completes "while trying to …".
pub(crate) fn from_sdk<E>(operation: &'static str, error: &SdkError<E, HttpResponse>) -> Error
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    match error {
        SdkError::ServiceError(service) => {
            let (code, message) = (service.err().code(), service.err().message().unwrap_or_default());
            let id = service.err().meta().extra("aws_request_id").map(str::to_owned);
            let mut error = classify(operation, code, message);
            if error.kind() == ErrorKind::PermissionDenied
                && let Some(hint) = crate::access::hint(service.raw(), message)
            {
                error = ask_for(error, hint, message);
            }
            match id {
                Some(id) => error.with("request", id),
                None => error,
            }
        }
        SdkError::TimeoutError(_) => {
            Error::new(ErrorKind::Timeout, operation, "AWS did not answer in time").bill(Bill::NotKnown)
        }
        SdkError::DispatchFailure(failure) => {
            let why = failure.as_connector_error().map(|e| chain(e)).unwrap_or_default();
            dispatch(operation, &why)
        }
        SdkError::ResponseError(_) => {
            Error::new(ErrorKind::Unavailable, operation, "AWS's answer broke off").bill(Bill::NotKnown)
        }
        _ => {
            let why = say::clean(&chain(error), 300);
            Error::new(ErrorKind::Unknown, operation, format!("the request could not be made ({why})"))
                .bill(Bill::NothingStarted)
        }
    }
}

/// Names the action that is missing and the smallest policy that has it.
fn ask_for(error: Error, hint: RightsHint, said: &str) -> Error {
    // An error with a field has a sentence and a next step of its own: another role, not another right.
    let (None, Some(action)) = (error.field(), &hint.action) else { return error.ask_for(hint) };
    let what = format!("these keys may not do that: AWS refuses them {action}");
    let next = match hint.level {
        Some(level) => format!("Ask an admin for {action}; the smallest policy that has it is “{level}”"),
        None => format!("Ask an admin for {action}"),
    };
    let code = error.context().iter().find(|(k, _)| *k == "code").map(|(_, v)| v.clone()).unwrap_or_default();
    let told = Error::new(error.kind(), error.operation(), what).next(next).with("AWS says", say::clean(said, 600));
    told.with("code", code).ask_for(hint)
}

fn dispatch(operation: &'static str, why: &str) -> Error {
    let lower = why.to_lowercase();
    if lower.contains("sso") || lower.contains("token") && lower.contains("expired") {
        return expired(operation, "the session has run out");
    }
    if lower.contains("credential") {
        return Error::new(ErrorKind::CredentialsExpired, operation, "no keys for AWS could be had")
            .next("Sign in under Settings, Accounts, or check the profile in ~/.aws")
            .with("reason", say::clean(why, 300));
    }
    Error::new(ErrorKind::Unavailable, operation, "AWS could not be reached")
        .next("Check the network, then try again")
        .bill(Bill::NotKnown)
        .with("reason", say::clean(why, 300))
}

fn expired(operation: &'static str, what: &str) -> Error {
    Error::new(ErrorKind::CredentialsExpired, operation, format!("{what}: AWS no longer accepts these keys"))
        .next("Paste new keys or sign in again under Settings, Accounts; nothing else is lost")
}

/// By code, and where that does not tell, by sentence.
pub(crate) fn classify(operation: &'static str, code: Option<&str>, message: &str) -> Error {
    let code = code.unwrap_or_default();
    // AWS repeats the signed request in this sentence, session token included.
    let said = message.split("The Canonical String for this request").next().unwrap_or_default();
    let shown = say::clean(said.trim(), 600);
    for (pattern, regex) in PATTERNS.iter().zip(COMPILED.iter()) {
        if pattern.code != code {
            continue;
        }
        let Some(found) = regex.captures(message.trim()) else { continue };
        let fill = |text: &str| {
            let mut out = text.to_owned();
            for group in 1..found.len() {
                let value = found.get(group).map_or("", |m| m.as_str());
                out = out.replace(&format!("${group}"), &say::clean(value, 200));
            }
            out
        };
        let error = Error::new(pattern.kind, operation, fill(pattern.says)).next(fill(pattern.next));
        let error = error.with("AWS says", shown).with("code", code);
        return match pattern.field {
            Some(field) => error.at(field),
            None => error,
        };
    }
    let about_time = ["expired", "not yet current", "time"].iter().any(|word| shown.to_lowercase().contains(word));
    if code == "SignatureDoesNotMatch" && !about_time {
        return Error::new(
            ErrorKind::CredentialsExpired,
            operation,
            "the secret access key does not fit its access key ID",
        )
        .next("Paste the keys again under Settings, Accounts; nothing else is lost")
        .with("code", code);
    }
    if SKEWED.contains(&code) {
        return Error::new(ErrorKind::Unavailable, operation, "AWS refuses the time of this computer's clock")
            .next("Set the computer's clock, then try again")
            .with("AWS says", shown)
            .with("code", code);
    }
    let kind = CODES.iter().find(|(c, _)| *c == code).map(|(_, kind)| *kind);
    let error = match kind {
        Some(ErrorKind::PermissionDenied) => Error::new(
            ErrorKind::PermissionDenied,
            operation,
            format!("this account may not do that: {}", if shown.is_empty() { "no reason given" } else { &shown }),
        )
        .next("Look at what these keys may do on the account's page"),
        Some(ErrorKind::CredentialsExpired) => expired(operation, "the session has run out"),
        Some(ErrorKind::Throttled) => Error::new(ErrorKind::Throttled, operation, "AWS asks for fewer calls"),
        Some(ErrorKind::Unavailable) => {
            Error::new(ErrorKind::Unavailable, operation, "AWS could not do this just now").bill(Bill::NotKnown)
        }
        Some(kind) => Error::new(kind, operation, if shown.is_empty() { code.to_owned() } else { shown.clone() }),
        None if code == "ValidationException" || code == "ValidationError" || code == "InvalidInput" => {
            Error::new(ErrorKind::InvalidInput, operation, format!("AWS refuses this: {shown}"))
        }
        None => {
            let what = if shown.is_empty() { "AWS gave no reason" } else { shown.as_str() };
            Error::new(ErrorKind::Unknown, operation, format!("AWS says: {what}")).bill(Bill::NotKnown)
        }
    };
    error.with("code", if code.is_empty() { "none" } else { code })
}

fn chain(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(e) = cause {
        text.push_str(": ");
        text.push_str(&e.to_string());
        cause = e.source();
    }
    text
}

/// "Gone" is what was wanted.
pub(crate) fn gone_is_fine(result: Result<(), Error>) -> Result<(), Error> {
    match result {
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(code: &str, message: &str, kind: ErrorKind, says: &str) {
        let error = classify("try", Some(code), message);
        assert_eq!((error.kind(), error.message()), (kind, says), "{code}: {message}");
    }

    #[test]
    fn samples_of_what_aws_says() {
        check(
            "ResourceLimitExceeded",
            "The account-level service limit 'ml.m4.xlarge for endpoint usage' is 0 Instances, with current utilization \
             of 0 Instances and a request delta of 1 Instances. Please use AWS Service Quotas to request an increase for \
             this quota. If AWS Service Quotas is not available, contact AWS support to request an increase for this quota.",
            ErrorKind::Quota,
            "the quota “ml.m4.xlarge for endpoint usage” of this account is 0, of which 0 are in use, and this needs 1",
        );
        // Of public reports of the two; the unit of the second is not in them.
        check(
            "ResourceLimitExceeded",
            "The account-level service limit 'Memory size in MB per serverless endpoint' is 3072 MBs, with current \
             utilization of 0 MBs and a request delta of 6144 MBs. Please use AWS Service Quotas to request an increase \
             for this quota.",
            ErrorKind::Quota,
            "the quota “Memory size in MB per serverless endpoint” of this account is 3072, and this needs 6144",
        );
        check(
            "ResourceLimitExceeded",
            "The account-level service limit 'Maximum total concurrency that can be allocated across all serverless \
             endpoints' is 10 Units, with current utilization of 8 Units and a request delta of 5 Units. Please use AWS \
             Service Quotas to request an increase for this quota.",
            ErrorKind::Quota,
            "the quota “Maximum total concurrency that can be allocated across all serverless endpoints” of this account \
             is 10, of which 8 are in use, and this needs 5",
        );
        check(
            "ValidationException",
            "Requested resource not found.",
            ErrorKind::NotFound,
            "AWS knows no such training job",
        );
        check(
            "ValidationException",
            "Could not find endpoint \"arn:aws:sagemaker:us-east-1:1:endpoint/iris\".",
            ErrorKind::NotFound,
            "there is no endpoint arn:aws:sagemaker:us-east-1:1:endpoint/iris",
        );
        check(
            "ValidationException",
            "Cannot create already existing endpoint \"arn:aws:sagemaker:us-east-1:1:endpoint/iris\".",
            ErrorKind::AlreadyExists,
            "there is a endpoint arn:aws:sagemaker:us-east-1:1:endpoint/iris already",
        );
        check(
            "ValidationException",
            "The request was rejected because the training job is in status Completed.",
            ErrorKind::Conflict,
            "the training job is Completed already",
        );
        check(
            "ValidationException",
            "Could not assume role arn:aws:iam::1:role/x. Please ensure that the role exists and allows principal \
             'sagemaker.amazonaws.com' to assume the role.",
            ErrorKind::PermissionDenied,
            "SageMaker may not use the execution role arn:aws:iam::1:role/x",
        );
        check(
            "ValidationException",
            "No S3 objects found under S3 URL \"s3://b/k\" given in input data source. Please ensure …",
            ErrorKind::InvalidInput,
            "there is no data at s3://b/k, or the execution role may not read it",
        );
        check(
            "ValidationException",
            "Could not find model data at s3://b/model.tar.gz.",
            ErrorKind::InvalidInput,
            "there is no model at s3://b/model.tar.gz",
        );
        check(
            "ValidationError",
            "Endpoint iris of account 123456789012 not found.",
            ErrorKind::NotFound,
            "there is no endpoint iris that answers",
        );
        check(
            "ValidationException",
            "Cannot update in-progress endpoint \"arn:aws:sagemaker:us-east-1:1:endpoint/iris\".",
            ErrorKind::Conflict,
            "the endpoint is being created or changed, and AWS does not end it meanwhile",
        );
    }

    #[test]
    fn no_token_is_told_of_a_signature_that_does_not_fit() {
        let says = "The request signature we calculated does not match the signature you provided. Check your AWS Secret \
            Access Key and signing method.\n\nThe Canonical String for this request should have been\n'POST\n/\n\n\
            x-amz-security-token:planted-token\n'";
        for code in ["SignatureDoesNotMatch", "InvalidSignatureException"] {
            let error = classify("try", Some(code), says);
            assert!(!format!("{error:?} {:?}", curfew_core::Notice::from(&error)).contains("planted"), "{error:?}");
        }
        check(
            "SignatureDoesNotMatch",
            says,
            ErrorKind::CredentialsExpired,
            "the secret access key does not fit its access key ID",
        );
        check(
            "SignatureDoesNotMatch",
            "Signature expired: 20261126T130000Z is now earlier than 20261126T140000Z",
            ErrorKind::Unavailable,
            "AWS refuses the time of this computer's clock",
        );
    }

    #[test]
    fn what_fits_nothing_is_unknown_and_never_gone() {
        for (code, message) in [("", ""), ("SomethingNew", "not found"), ("Oops", "does not exist")] {
            assert_eq!(classify("try", Some(code), message).kind(), ErrorKind::Unknown);
        }
        check("ThrottlingException", "Rate exceeded", ErrorKind::Throttled, "AWS asks for fewer calls");
        assert_eq!(classify("try", Some("ExpiredToken"), "x").kind(), ErrorKind::CredentialsExpired);
    }
}
