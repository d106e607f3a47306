//! Budgets over a real store and a scripted cloud of $1 an hour. The clock stands at 2026-11-21 19:30 in Berlin.

use crate::tests::Stage;
use crate::{DeployRequest, Engine, LaunchRequest};
use curfew_contract::scripted::Scripted;
use curfew_core::error::Bill;
use curfew_core::provider::Serving;
use curfew_core::run::RunState;
use curfew_core::{Clock as _, Cost, Error, ErrorKind, Money, Project};
use jiff::SignedDuration;
use rust_decimal::Decimal;

fn stage(policy: &str) -> Stage {
    let stage = Stage::with(Scripted::new("aws"));
    set_policy(&stage, policy);
    stage
}

fn set_policy(stage: &Stage, policy: &str) {
    std::fs::write(stage.dir.path().join("policy.toml"), policy).unwrap();
}

fn request(stage: &Stage, curfew: &str, project: Option<&str>) -> LaunchRequest {
    LaunchRequest {
        machine: Some("aws:ml.m5.xlarge".into()),
        curfew: Some(curfew.into()),
        project: project.map(Into::into),
        ..stage.request()
    }
}

fn deploy_request(stage: &Stage, name: &str, curfew: &str, project: Option<&str>) -> DeployRequest {
    DeployRequest {
        model: stage.dir.path().join("model.joblib").display().to_string(),
        name: Some(name.into()),
        machine: Some("aws:ml.m5.xlarge".into()),
        curfew: Some(curfew.into()),
        project: project.map(Into::into),
        ..DeployRequest::default()
    }
}

async fn refused(engine: &Engine, request: &LaunchRequest) -> Error {
    let error = engine.plan_run(&engine.cx(), request).await.unwrap_err().into_first();
    assert_eq!((error.kind(), error.bill_effect()), (ErrorKind::Policy, Bill::NothingStarted), "{error}");
    error
}

/// A run of a project that has ended and cost so much.
async fn spend(stage: &Stage, engine: &Engine, project: Option<&str>, usd: i64) {
    let cx = engine.cx();
    let (spec, _) = engine.plan_run(&cx, &request(stage, "10m", project)).await.unwrap();
    engine.launch(&cx, &spec).await.unwrap();
    let (amount, as_of) = (Money::usd(usd.into()), stage.clock.now());
    stage.cloud.edit_run(&spec.id, |s| s.so_far = Cost::Estimated { amount, as_of, basis: "script".into() });
    stage.cloud.set_run(&spec.id, RunState::Completed, stage.clock.now());
    engine.run(&cx, &spec.id).await.unwrap();
}

#[tokio::test]
async fn a_launch_over_the_projects_budget_is_refused_with_what_is_left_and_what_fits() {
    let stage = stage("[monthly_budget_usd]\nteam = 1000\n[monthly_budget_usd.projects]\nVision = 10\nnlp = 50\n");
    let engine = stage.process(true);
    let cx = engine.cx();
    spend(&stage, &engine, Some("vision"), 7).await;
    let told = refused(&engine, &request(&stage, "4h", Some("vision"))).await;
    assert_eq!(told.field(), Some("machine"));
    assert_eq!(
        told.message(),
        "it would cost at most $4.00 ($1.00 an hour for 4 h 00 m), and $3.00 is left of this month’s $10.00 for project \
         “Vision” ($7.00 spent)"
    );
    assert_eq!(
        told.next_step(),
        Some(
            "Give it a curfew of 3h or less, choose a cheaper machine, or ask your lead for more \
             (monthly_budget_usd.projects in the policy file)"
        )
    );
    assert_eq!(stage.cloud.calls_of("launch"), 1, "only what was spent above");
    // What fits is let through, exactly to the cent; and it carries the project as the policy names it.
    let (spec, quote) = engine.plan_run(&cx, &request(&stage, "3h", Some("vision"))).await.unwrap();
    assert_eq!(spec.project.as_ref().map(Project::as_str), Some("Vision"));
    assert!(quote.cautions.is_empty(), "{:?}", quote.cautions);
    // Another project's money is not touched by it, and neither is one of no project.
    engine.plan_run(&cx, &request(&stage, "4h", Some("nlp"))).await.unwrap();
    engine.plan_run(&cx, &request(&stage, "4h", None)).await.unwrap();
    // A name that the policy does not have is said, since no project's budget holds it.
    let (_, quote) = engine.plan_run(&cx, &request(&stage, "4h", Some("visoin"))).await.unwrap();
    let says = "Your team's policy has no budget for the project “visoin”. Did you mean “Vision”?";
    assert_eq!(quote.cautions[0].says, says);
}

#[tokio::test]
async fn the_smallest_of_person_project_and_team_holds_and_is_named() {
    let who = crate::who();
    let user = who.split('@').next().unwrap();
    let check = async |person: i64, project: i64, team: i64, expect: &str| {
        let policy = format!(
            "[monthly_budget_usd]\nteam = {team}\n[monthly_budget_usd.people]\n\"{user}\" = {person}\n\
             [monthly_budget_usd.projects]\nvision = {project}\n"
        );
        let stage = stage(&policy);
        let told = refused(&stage.process(true), &request(&stage, "4h", Some("vision"))).await;
        assert!(told.message().contains(expect), "{told}");
    };
    check(1, 2, 3, "$1.00 is left of this month’s $1.00 for you").await;
    check(2, 1, 3, "$1.00 is left of this month’s $1.00 for project “vision”").await;
    check(3, 2, 1, "$1.00 is left of this month’s $1.00 for your team").await;
}

#[tokio::test]
async fn what_runs_already_has_its_money_promised_and_a_launch_looks_once_more() {
    let stage = stage("[monthly_budget_usd.projects]\nvision = 10\n");
    let engine = stage.process(true);
    let cx = engine.cx();
    // Two plans that fit each by themselves.
    let (first, _) = engine.plan_run(&cx, &request(&stage, "6h", Some("vision"))).await.unwrap();
    let (second, _) = engine.plan_run(&cx, &request(&stage, "6h", Some("vision"))).await.unwrap();
    engine.launch(&cx, &first).await.unwrap();
    let told = engine.launch(&cx, &second).await.unwrap_err();
    assert!(
        told.message().ends_with(
            "and $4.00 is left of this month’s $10.00 for project “vision” ($0.00 spent, up to $6.00 for what is there \
             now, not counted 1 run or endpoint of unknown cost)"
        ),
        "{told}"
    );
    assert_eq!(stage.cloud.calls_of("launch"), 1, "nothing was created");
    assert_eq!(engine.runs(&cx, false).await.unwrap().len(), 1, "and nothing was noted as a run");
    // The same launch again is the first one's, and is not held to its own promise.
    engine.launch(&cx, &first).await.unwrap();
    // Endpoints draw on the same money.
    let refused = engine.plan_deploy(&cx, &deploy_request(&stage, "iris", "5h", Some("vision"))).await.unwrap_err();
    assert!(refused.into_first().message().contains("$4.00 is left"));
    let (endpoint, _) = engine.plan_deploy(&cx, &deploy_request(&stage, "iris", "4h", Some("vision"))).await.unwrap();
    engine.deploy(&cx, &endpoint).await.unwrap();
    let (other, _) = engine.plan_deploy(&cx, &deploy_request(&stage, "two", "1h", None)).await.unwrap();
    engine.deploy(&cx, &other).await.unwrap();
    // Moving a curfew further away is paid from it too; what runs goes on.
    let told = engine.extend_endpoint(&cx, &endpoint.id, "5h").await.unwrap_err();
    assert_eq!((told.field(), told.bill_effect()), (Some("curfew"), Bill::StillRunning));
    assert_eq!(told.next_step().unwrap().split(", or").next(), Some("Give it a curfew of 4h or less from now"));
    engine.extend_endpoint(&cx, &endpoint.id, "2h").await.unwrap();
    // Once the run has ended, what it did not use is free again.
    let (amount, as_of) = (Money::usd(Decimal::ONE), stage.clock.now());
    stage.cloud.edit_run(&first.id, |s| s.so_far = Cost::Estimated { amount, as_of, basis: "script".into() });
    stage.cloud.set_run(&first.id, RunState::Completed, stage.clock.now());
    engine.run(&cx, &first.id).await.unwrap();
    engine.launch(&cx, &second).await.unwrap();
}

#[tokio::test]
async fn a_price_that_is_not_known_is_refused_under_a_budget_and_this_computer_never() {
    let stage = stage("[monthly_budget_usd]\nteam = 0\n");
    let cx = stage.process(true).cx();
    let unpriced = Stage { cloud: Scripted::new("aws").priced(None), ..stage };
    let told = refused(&unpriced.process(true), &request(&unpriced, "4h", None)).await;
    assert!(
        told.message()
            .starts_with("its price is not known (the script says so), so that no budget can hold it: $0.00 is"),
        "{told}"
    );
    set_policy(&unpriced, "");
    unpriced.process(true).plan_run(&cx, &request(&unpriced, "4h", None)).await.unwrap();
    // The scripted computer of the user asks $1 an hour, as one does whose electricity was stated.
    let here = Stage { cloud: Scripted::new("local"), ..unpriced };
    set_policy(&here, "[monthly_budget_usd]\nteam = 0\n");
    let engine = here.process(true);
    let (spec, _) = engine.plan_run(&cx, &here.request()).await.unwrap();
    engine.launch(&cx, &spec).await.unwrap();
}

#[tokio::test]
async fn another_month_is_another_budget() {
    let stage = stage("[monthly_budget_usd]\nteam = 10\n");
    let engine = stage.process(true);
    spend(&stage, &engine, None, 9).await;
    refused(&engine, &request(&stage, "2h", None)).await;
    stage.clock.forward(SignedDuration::from_hours(24 * 10));
    engine.plan_run(&engine.cx(), &request(&stage, "2h", None)).await.unwrap();
}

#[tokio::test]
async fn a_folder_says_its_project_and_what_is_deployed_has_that_of_its_run() {
    let stage = stage("");
    let engine = stage.process(true);
    let cx = engine.cx();
    std::fs::write(stage.dir.path().join("iris/curfew.toml"), "project = \"vision\"\n").unwrap();
    let (spec, _) = engine.plan_run(&cx, &request(&stage, "1h", None)).await.unwrap();
    engine.launch(&cx, &spec).await.unwrap();
    stage.cloud.edit_run(&spec.id, |s| s.model = Some("s3://x/model.tar.gz".into()));
    stage.cloud.set_run(&spec.id, RunState::Completed, stage.clock.now());
    // Kept in the store, and seen by another process.
    let other = stage.process(true);
    let seen = other.run(&cx, &spec.id).await.unwrap();
    assert_eq!(seen.spec.project.as_ref().map(Project::as_str), Some("vision"));
    let of_run = |project: Option<&str>| DeployRequest {
        model: spec.id.to_string(),
        ..deploy_request(&stage, "iris", "1h", project)
    };
    let (endpoint, _) = other.plan_deploy(&cx, &of_run(None)).await.unwrap();
    assert_eq!(endpoint.project.as_ref().map(Project::as_str), Some("vision"));
    let (endpoint, _) = other.plan_deploy(&cx, &of_run(Some("demo"))).await.unwrap();
    assert_eq!(endpoint.project.as_ref().map(Project::as_str), Some("demo"));
    let wrong = other.plan_deploy(&cx, &of_run(Some("a<b"))).await.unwrap_err().into_first();
    assert_eq!(wrong.field(), Some("project"));
}

#[tokio::test]
async fn the_picker_counts_by_the_project_of_the_question_or_of_the_jobs_folder() {
    use crate::machines::MachinesRequest;
    let stage = stage("[monthly_budget_usd.projects]\nvision = 3\nnlp = 900\n");
    let engine = stage.process(true);
    let cx = engine.cx();
    let ask = |project: &str| MachinesRequest { hours: "2".into(), project: project.into(), ..Default::default() };
    let budget = async |project: &str| {
        let asked = engine.ask_machines(&cx, &ask(project)).await.unwrap();
        let offer = asked.machines.find("aws:ec2:us-east-1:p4d.24xlarge").unwrap();
        let tags: Vec<_> =
            asked.explain(&offer).reasons.into_iter().filter(|r| r.code == "budget").map(|r| r.tag).collect();
        (tags, asked.budget.map(|b| b.says()), asked.wrong.len())
    };
    let (tags, says, _) = budget("vision").await;
    assert_eq!(tags, ["over the $3.00 left for project “vision”"]);
    assert_eq!(says.as_deref(), Some("$3.00 is left of this month’s $3.00 for project “vision” ($0.00 spent)"));
    assert_eq!(budget("nlp").await.0, [""; 0]);
    assert_eq!(budget("").await, (vec![], None, 0));
    assert_eq!(budget("a<b").await.2, 1, "what is wrong is told");
    // The job's folder says its project.
    std::fs::write(stage.dir.path().join("iris/curfew.toml"), "project = \"vision\"\n").unwrap();
    let (spec, _) = engine.plan_run(&cx, &request(&stage, "1h", Some("nlp"))).await.unwrap();
    engine.launch(&cx, &spec).await.unwrap();
    stage.cloud.set_run(&spec.id, RunState::Running, stage.clock.now());
    stage.clock.forward(SignedDuration::from_mins(30));
    stage.cloud.set_run(&spec.id, RunState::Completed, stage.clock.now());
    engine.run(&cx, &spec.id).await.unwrap();
    let job = stage.dir.path().join("iris").display().to_string();
    let asked = engine.ask_machines(&engine.cx(), &MachinesRequest { job, ..ask("") }).await.unwrap();
    assert_eq!(asked.project.as_ref().map(Project::as_str), Some("vision"));
    assert!(asked.budget.is_some());
}

#[tokio::test]
async fn what_was_removed_stays_spent_and_so_does_an_endpoint_made_anew() {
    let stage = stage("[monthly_budget_usd.projects]\nvision = 10\n");
    let engine = stage.process(true);
    let cx = engine.cx();
    spend(&stage, &engine, Some("vision"), 6).await;
    let left = async || {
        let ask = crate::machines::MachinesRequest { project: "vision".into(), ..Default::default() };
        let budget = engine.ask_machines(&engine.cx(), &ask).await.unwrap().budget.unwrap();
        (budget.left().to_string(), budget.unknown)
    };
    assert_eq!(left().await, ("4".into(), 0));
    let run = engine.runs(&cx, false).await.unwrap()[0].spec.id.clone();
    engine.remove(&cx, &engine.run_key(&run).await.unwrap()).await.unwrap();
    assert!(engine.runs(&cx, false).await.unwrap().is_empty());
    assert_eq!(left().await, ("4".into(), 0));
    // An endpoint that ended, and another of the same name.
    let deploy = async || {
        let request = deploy_request(&stage, "iris", "30m", Some("vision"));
        let (endpoint, _) = engine.plan_deploy(&cx, &request).await.unwrap();
        engine.deploy(&cx, &endpoint).await.unwrap();
        endpoint.id
    };
    let id = deploy().await;
    let (amount, as_of) = (Money::usd(Decimal::ONE), stage.clock.now());
    stage.cloud.edit_endpoint(&id, |s| s.so_far = Cost::Estimated { amount, as_of, basis: "script".into() });
    engine.stop_endpoint(&cx, &id, "you stopped it").await.unwrap();
    assert_eq!(left().await, ("3".into(), 0));
    // Removed elsewhere, and not looked at since.
    Serving::delete(&stage.cloud, &cx, &id.into()).await.unwrap();
    deploy().await;
    // 10 less 6 and 1 spent, and half a dollar promised; what the new one has cost is not known yet.
    assert_eq!(left().await, ("2.50".into(), 1));
}
