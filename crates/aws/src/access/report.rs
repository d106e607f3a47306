//! "What may I do here?": EC2's own dry run, IAM's simulation on the role or user behind the keys, and what was tried.

use super::policy::{CREATING, Scope};
use super::principal::{Principal, Source};
use super::rights::{self, FEATURES, RIGHTS, Resource, Right};
use crate::aws::Inner;
use crate::names::TAG_INTENT;
use crate::retry::call;
use aws_sdk_iam::types::{ContextEntry, ContextKeyTypeEnum, EvaluationResult, PolicyEvaluationDecisionType};
use curfew_core::access::{Feature, May, Refused, Report};
use curfew_core::{Cx, Error, ErrorKind, Result, say};
use std::collections::{BTreeMap, BTreeSet};

/// What is known of one action on one kind of resource.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Verdict {
    Allowed(&'static str),
    Denied(String),
    Unknown,
}

/// Verdicts by action, resource, and whether it is about things without Curfew's tag.
type Verdicts = BTreeMap<(&'static str, Resource, bool), Verdict>;

/// Is this right about what others made?
fn foreign(right: &Right) -> bool {
    right.features.contains(&"others")
}

const SIMULATED: &str = "IAM's simulation";
const DRY_RUN: &str = "EC2's dry run";

impl Inner {
    /// The report. That nothing can be found out is a report too; only keys that do not work are an error.
    pub(crate) async fn may(&self, cx: &Cx) -> Result<Report> {
        let caller = self.caller(cx).await?;
        let principal = Principal::of(&caller);
        let mut verdicts = Verdicts::new();
        let (how, why) = if principal == Principal::Root {
            let how = "These are the keys of the account's root user, whom no policy of the account limits.";
            (how.to_owned(), String::new())
        } else {
            match self.source(cx, &caller).await {
                Source::None(why) => (format!("IAM could not be asked: {why}."), why),
                Source::Arn(arn) => match self.simulate(cx, &arn, &mut verdicts).await {
                    Ok(()) => (format!("IAM has simulated the policies of {arn}."), String::new()),
                    Err(e) => {
                        verdicts.clear();
                        (format!("IAM could not be asked: {}.", e.message()), reason(&e))
                    }
                },
            }
        };
        if principal != Principal::Root {
            self.dry_run(cx, &mut verdicts).await;
            self.take_tries(&mut verdicts);
        }
        let feature = |f: &rights::Feature| Feature {
            id: f.id.into(),
            title: f.title.into(),
            says: f.says.into(),
            level: f.level,
            may: match principal {
                Principal::Root => May::Allowed {
                    how: "the root user may; only an organisation's policy could forbid it, which is not known here"
                        .into(),
                },
                _ => may(f.id, &verdicts, &why),
            },
        };
        Ok(Report { at: cx.now(), how, limits: limits(&principal), features: FEATURES.iter().map(feature).collect() })
    }

    /// Asks IAM about every right of the table, on things of the names and tags that our calls bring.
    async fn simulate(&self, cx: &Cx, source: &str, verdicts: &mut Verdicts) -> Result<()> {
        let questions: BTreeSet<(Resource, bool)> = RIGHTS.iter().map(|r| (r.resource, foreign(r))).collect();
        for (resource, others) in questions {
            let rights = || RIGHTS.iter().filter(|r| r.resource == resource && foreign(r) == others);
            let actions: BTreeSet<&str> = rights().map(|r| r.action).collect();
            let on = self.example(cx, resource, source).await;
            let results = self.ask_iam(cx, source, &actions, &on, context(others)).await?;
            for right in rights() {
                let mine: Vec<_> = results.iter().filter(|e| e.eval_action_name() == right.action).collect();
                verdicts.insert((right.action, resource, others), verdict(&mine));
            }
        }
        // That it was answered is the answer, whatever it says of itself; a user needs no look at a role.
        verdicts.insert(("iam:SimulatePrincipalPolicy", Resource::Me, false), Verdict::Allowed(SIMULATED));
        if matches!(Principal::of(source), Principal::User(_)) {
            verdicts.insert(("iam:GetRole", Resource::Me, false), Verdict::Allowed(SIMULATED));
        }
        Ok(())
    }

    async fn ask_iam(
        &self,
        cx: &Cx,
        source: &str,
        actions: &BTreeSet<&str>,
        on: &[String],
        context: Vec<ContextEntry>,
    ) -> Result<Vec<EvaluationResult>> {
        let iam = self.at(&self.home).iam.clone();
        let (mut results, mut marker) = (Vec::new(), None::<String>);
        loop {
            let page = call(cx, "ask IAM what these keys may do", || {
                iam.simulate_principal_policy()
                    .policy_source_arn(source)
                    .set_action_names(Some(actions.iter().map(|a| (*a).to_owned()).collect()))
                    .set_resource_arns((!on.is_empty()).then(|| on.to_vec()))
                    .set_context_entries(Some(context.clone()))
                    .set_marker(marker.clone())
                    .send()
            })
            .await?;
            results.extend(page.evaluation_results().iter().cloned());
            marker = page.marker;
            if !page.is_truncated || marker.is_none() {
                return Ok(results);
            }
        }
    }

    /// The things that are asked about: those that are used, else of the names that ours would have.
    async fn example(&self, cx: &Cx, resource: Resource, source: &str) -> Vec<String> {
        let names = self.names(&self.home);
        let bucket = self.bucket_wanted(cx, &self.home).await.unwrap_or_else(|_| names.bucket());
        let sagemaker = |kind: &str| names.arn(kind, "curfew-asks");
        match resource {
            Resource::Any => Vec::new(),
            Resource::Bucket => vec![names.s3(&bucket)],
            Resource::Object => vec![names.s3(&format!("{bucket}/curfew/asks"))],
            Resource::OurBucket => vec![names.s3(&names.bucket())],
            Resource::Log => {
                let group = "log-group:/aws/sagemaker/TrainingJobs:log-stream:curfew-asks";
                vec![format!("arn:{}:logs:{}:{}:{group}", names.partition(), self.home, self.account)]
            }
            Resource::Job => vec![sagemaker("training-job")],
            Resource::Model => vec![sagemaker("model")],
            Resource::EndpointConfig => vec![sagemaker("endpoint-config")],
            Resource::Endpoint => vec![sagemaker("endpoint")],
            Resource::NewEndpoint => vec![sagemaker("endpoint"), sagemaker("endpoint-config")],
            Resource::Ours => ["training-job", "model", "endpoint-config", "endpoint"].map(sagemaker).into(),
            Resource::OurRole => vec![names.iam(&format!("role/{}", crate::role::OURS))],
            Resource::Pass => {
                let known = crate::role::find(self, cx, &self.home).await.ok().flatten();
                vec![known.unwrap_or_else(|| names.iam(&format!("role/{}", crate::role::OURS)))]
            }
            Resource::Me => vec![source.to_owned()],
        }
    }

    /// EC2 tells by itself whether a call would be allowed.
    async fn dry_run(&self, cx: &Cx, verdicts: &mut Verdicts) {
        let ec2 = self.at(&self.home).ec2.clone();
        let asked = call(cx, "ask EC2 for a dry run", || ec2.describe_regions().dry_run(true).send()).await;
        let verdict = match asked.map(drop) {
            Ok(()) => Verdict::Allowed(DRY_RUN),
            Err(e) if code(&e) == Some("DryRunOperation") => Verdict::Allowed(DRY_RUN),
            Err(e) if e.kind() == ErrorKind::PermissionDenied => Verdict::Denied(format!("{DRY_RUN} says no")),
            // Not asked well enough to say; what the simulation said stays.
            Err(_) => return,
        };
        verdicts.insert(("ec2:DescribeRegions", Resource::Any, false), verdict);
    }

    /// What really happened outweighs what IAM thinks would: organisations and sessions limit what it cannot see.
    fn take_tries(&self, verdicts: &mut Verdicts) {
        for right in &*RIGHTS {
            let Some(tried) = self.tried.of(right.action) else { continue };
            let verdict = verdicts.entry((right.action, right.resource, foreign(right))).or_insert(Verdict::Unknown);
            let ago = say::duration(jiff::SignedDuration::try_from(tried.when.elapsed()).unwrap_or_default());
            if !tried.worked {
                *verdict = Verdict::Denied(format!("tried {ago} ago, and AWS refused it"));
            } else if *verdict == Verdict::Unknown {
                *verdict = Verdict::Allowed("it has worked in this session");
            }
        }
    }
}

fn code(error: &Error) -> Option<&str> {
    error.context().iter().find(|(k, _)| *k == "code").map(|(_, v)| v.as_str())
}

fn reason(error: &Error) -> String {
    match error.kind() {
        ErrorKind::PermissionDenied => "these keys may not ask IAM for a simulation".into(),
        ErrorKind::NotFound => "IAM does not know the role by this name; it may have a path".into(),
        _ => error.message().to_owned(),
    }
}

/// How our calls look: with our tags, unless they are about what others made, and the role passed to SageMaker.
fn context(others: bool) -> Vec<ContextEntry> {
    let entry = |key: String, values: &[&str], kind: ContextKeyTypeEnum| {
        let values = values.iter().map(|v| (*v).to_owned()).collect();
        ContextEntry::builder()
            .context_key_name(key)
            .set_context_key_values(Some(values))
            .context_key_type(kind)
            .build()
    };
    let one = ContextKeyTypeEnum::String;
    let mut entries = vec![
        entry("iam:PassedToService".into(), &["sagemaker.amazonaws.com"], one.clone()),
        entry("sagemaker:TaggingAction".into(), &CREATING, one.clone()),
    ];
    if !others {
        entries.push(entry(format!("aws:RequestTag/{TAG_INTENT}"), &["i-asks"], one.clone()));
        entries.push(entry(format!("aws:ResourceTag/{TAG_INTENT}"), &["i-asks"], one));
        entries.push(entry("aws:TagKeys".into(), &[TAG_INTENT], ContextKeyTypeEnum::StringList));
    }
    entries
}

/// One verdict of IAM's over all the resources that were asked about: the worst.
fn verdict(results: &[&EvaluationResult]) -> Verdict {
    let mut verdict = if results.is_empty() { Verdict::Unknown } else { Verdict::Allowed(SIMULATED) };
    for result in results {
        use PolicyEvaluationDecisionType as D;
        verdict = match result.eval_decision() {
            D::Allowed => continue,
            D::ExplicitDeny => Verdict::Denied("a policy forbids it".into()),
            D::ImplicitDeny => {
                let beyond =
                    result.permissions_boundary_decision_detail().is_some_and(|d| !d.allowed_by_permissions_boundary());
                let outside = result.organizations_decision_detail().is_some_and(|d| !d.allowed_by_organizations());
                Verdict::Denied(match (beyond, outside) {
                    (true, _) => "the permissions boundary does not allow it".into(),
                    (_, true) => "a policy of the organisation does not allow it".into(),
                    _ => "no policy allows it".into(),
                })
            }
            _ => Verdict::Unknown,
        };
    }
    verdict
}

/// What the rights of a feature come to: one that is refused refuses it, one that is not known leaves it open.
fn may(feature: &str, verdicts: &Verdicts, why: &str) -> May {
    let mut refused: Vec<Refused> = Vec::new();
    let (mut open, mut ways) = (BTreeSet::new(), Vec::new());
    let needed = RIGHTS.iter().filter(|r| r.features.contains(&feature));
    for right in needed {
        let Right { action, resource, .. } = right;
        match verdicts.get(&(*action, *resource, foreign(right))).unwrap_or(&Verdict::Unknown) {
            Verdict::Allowed(how) => {
                if !ways.contains(how) {
                    ways.push(*how);
                }
            }
            Verdict::Denied(by) => {
                let entry = Refused { action: (*action).into(), by: by.clone() };
                if !refused.contains(&entry) {
                    refused.push(entry);
                }
            }
            Verdict::Unknown => {
                open.insert(*action);
            }
        }
    }
    if !refused.is_empty() {
        return May::Denied { refused };
    }
    if open.is_empty() {
        return May::Allowed { how: format!("by {}", ways.join(", ")) };
    }
    let some = if ways.is_empty() { String::new() } else { format!("; of {} this is not known", listed(&open)) };
    let why = if why.is_empty() { "AWS did not say" } else { why };
    May::Unknown { why: format!("unknown until tried: {why}{some}") }
}

fn listed(actions: &BTreeSet<&str>) -> String {
    let most: Vec<&str> = actions.iter().take(3).copied().collect();
    let more = actions.len().saturating_sub(most.len());
    if more == 0 { most.join(", ") } else { format!("{} and {more} more", most.join(", ")) }
}

fn limits(principal: &Principal) -> Vec<String> {
    if *principal == Principal::Root {
        return vec!["Whether an organisation's policy (SCP) holds the root user back is not known here.".into()];
    }
    let mut limits = vec![
        "The simulation sees the policies of the user or role, its groups and its permissions boundary, and those of the \
         organisation (SCP) that have no conditions. What a bucket's or role's own policy, a network endpoint or an SCP \
         with conditions forbids, it does not see."
            .to_owned(),
        "It is asked for things that carry Curfew's names and tags, as Curfew's own calls do.".to_owned(),
    ];
    match principal {
        Principal::Session { .. } | Principal::Federated(_) => limits.push(
            "These keys are a session's. A session may be allowed less than its role (a session policy), which no \
             simulation shows."
                .into(),
        ),
        _ => {}
    }
    limits
}

impl Inner {
    /// Whose things the policies name, as far as that is known without asking.
    pub(crate) fn policies(&self) -> Vec<curfew_core::access::Policy> {
        let names = self.names(&self.home);
        let notes = self.kept.notes();
        let role = self.settings.role.clone().or(notes.role);
        let bucket = self.settings.bucket.clone().or(notes.bucket.map(|b| b.name));
        super::policy::all(&Scope { names: &names, role: role.as_deref(), bucket: bucket.as_deref() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(verdict: &Verdict) -> Verdicts {
        RIGHTS.iter().map(|r| ((r.action, r.resource, foreign(r)), verdict.clone())).collect()
    }

    #[test]
    fn what_the_parts_come_to() {
        let good = all(&Verdict::Allowed(SIMULATED));
        assert_eq!(may("train", &good, ""), May::Allowed { how: "by IAM's simulation".into() });

        let mut one = good.clone();
        one.insert(("iam:PassRole", Resource::Pass, false), Verdict::Denied("no policy allows it".into()));
        let refused = vec![Refused { action: "iam:PassRole".into(), by: "no policy allows it".into() }];
        assert_eq!(may("train", &one, ""), May::Denied { refused });
        assert_eq!(may("sweep", &one, ""), May::Allowed { how: "by IAM's simulation".into() });

        let mut open = good;
        open.insert(("iam:PassRole", Resource::Pass, false), Verdict::Unknown);
        let May::Unknown { why } = may("train", &open, "nobody may ask") else { panic!("not known is never allowed") };
        assert_eq!(why, "unknown until tried: nobody may ask; of iam:PassRole this is not known");
        for feature in FEATURES {
            assert!(matches!(may(feature.id, &Verdicts::new(), "x"), May::Unknown { .. }), "{}", feature.id);
        }
    }

    #[test]
    fn what_iam_answers() {
        use PolicyEvaluationDecisionType as D;
        use aws_sdk_iam::types::{OrganizationsDecisionDetail, PermissionsBoundaryDecisionDetail};
        let result = |decision: D| EvaluationResult::builder().eval_action_name("a:B").eval_decision(decision);
        let check = |results: &[EvaluationResult], expect: Verdict| {
            assert_eq!(verdict(&results.iter().collect::<Vec<_>>()), expect, "{results:?}");
        };
        let denied = |by: &str| Verdict::Denied(by.into());
        let allowed = result(D::Allowed).build().unwrap();
        check(&[], Verdict::Unknown);
        check(std::slice::from_ref(&allowed), Verdict::Allowed(SIMULATED));
        check(&[allowed, result(D::ImplicitDeny).build().unwrap()], denied("no policy allows it"));
        check(&[result(D::ExplicitDeny).build().unwrap()], denied("a policy forbids it"));
        check(&[result(D::from("somethingNew")).build().unwrap()], Verdict::Unknown);
        let fence = PermissionsBoundaryDecisionDetail::builder().allowed_by_permissions_boundary(false).build();
        let fenced = result(D::ImplicitDeny).permissions_boundary_decision_detail(fence).build().unwrap();
        check(&[fenced], denied("the permissions boundary does not allow it"));
        let scp = OrganizationsDecisionDetail::builder().allowed_by_organizations(false).build();
        let outside = result(D::ImplicitDeny).organizations_decision_detail(scp).build().unwrap();
        check(&[outside], denied("a policy of the organisation does not allow it"));
    }
}
