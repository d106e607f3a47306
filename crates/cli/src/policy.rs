//! policy show, policy check.

use crate::app;
use crate::args::PolicyVerb;
use crate::out::{Exit, Failed, line, note, print_json};
use curfew_core::Error;
use curfew_core::policy::Policy;

pub(crate) fn policy(verb: PolicyVerb, json: bool) -> Result<Exit, Failed> {
    match verb {
        PolicyVerb::Show => {
            let engine = app::engine()?;
            let policy = engine.policy()?;
            if json {
                print_json(&policy);
            } else {
                let file = engine.home().policy();
                let from =
                    if file.exists() { file.display().to_string() } else { "the defaults; no policy.toml".into() };
                note(format!("From {from}."));
                line(policy.to_toml().trim_end());
            }
            Ok(Exit::Done)
        }
        PolicyVerb::Check { file } => {
            let text = std::fs::read_to_string(&file)
                .map_err(|e| Error::io("read the policy", file.display(), e).at("file"))?;
            match Policy::parse(&text) {
                Ok(policy) => {
                    note(format!("{} is a valid policy.", file.display()));
                    if json {
                        print_json(&serde_json::json!({ "valid": true, "policy": policy }));
                    }
                    Ok(Exit::Done)
                }
                Err(bad) => {
                    note(format!("{}:{}:{}: {}", file.display(), bad.line, bad.column, bad.message));
                    if json {
                        print_json(&serde_json::json!({ "valid": false, "error": bad }));
                    }
                    Ok(Exit::Failed)
                }
            }
        }
    }
}
