//! The picker over a real home: words and fields, policy, jobs, facets.

use super::{Asked, MachinesRequest};
use crate::tests::Stage;
use crate::{Engine, LaunchRequest};
use curfew_core::run::RunState;
use curfew_core::{Clock as _, Cost, Money};
use jiff::SignedDuration;

fn ask(words: &str) -> MachinesRequest {
    MachinesRequest { words: words.into(), ..MachinesRequest::default() }
}

async fn asked(engine: &Engine, request: &MachinesRequest) -> Asked {
    engine.ask_machines(&engine.cx(), request).await.unwrap()
}

#[tokio::test]
async fn words_and_fields_are_read_and_this_computer_is_among_the_offers() {
    let stage = Stage::new();
    let engine = stage.process(true);
    let request = MachinesRequest {
        hours: "2".into(),
        ready_by: "today 23:00".into(),
        max_usd: "$5".into(),
        hour_usd: "50".into(),
        ..ask("1 gpu 12 gib")
    };
    let all = asked(&engine, &request).await;
    assert!(all.check().is_ok());
    assert_eq!(
        all.need.says(),
        "1 GPU or more with 12 GiB or more each, 2h of work, at most $5 in all, ready by 23:00"
    );
    let picked = all.pick(10);
    assert!(picked.best.is_some() && picked.fitting > 1000 && picked.rows.len() == 10);
    let any = asked(&engine, &ask("")).await;
    assert_eq!(any.machines.catalog().iter().filter(curfew_catalog::Offer::is_local).count(), 1);
    assert_eq!(any.machines.find("local").unwrap().key(), "local");
    // The same market serves the next question.
    assert!(std::sync::Arc::ptr_eq(&any.machines, &all.machines));
}

#[tokio::test]
async fn what_is_wrong_is_told_at_its_field_and_the_rest_is_answered() {
    let stage = Stage::new();
    let engine = stage.process(true);
    let request = MachinesRequest {
        hours: "soon".into(),
        ready_by: "2020-01-01 10:00".into(),
        max_usd: "a lot".into(),
        hour_usd: "-1".into(),
        job: "/nowhere".into(),
        ..ask("1 gpu spto")
    };
    let asked = asked(&engine, &request).await;
    let fields: Vec<&str> = asked.wrong.iter().filter_map(curfew_core::Error::field).collect();
    assert_eq!(fields, ["max_usd", "hour_usd", "job", "hours", "ready_by"]);
    assert_eq!(asked.bad[0].word, "spto");
    assert!(asked.pick(5).fitting > 0, "what was understood is answered");
    let told = asked.check().unwrap_err().0;
    assert!(told[0].message().contains("“spto” (character 7)"), "{:?}", told[0]);
    let past = asked.wrong.last().unwrap().message();
    assert_eq!(past, "the time 2020-01-01 10:00 is in the past");
}

#[tokio::test]
async fn what_clashes_has_no_answer_and_what_cannot_be_met_has_neighbours() {
    let stage = Stage::new();
    let engine = stage.process(true);
    let clash = asked(&engine, &ask("spot on demand")).await;
    assert_eq!((clash.pick(5).fitting, clash.facets().len(), clash.nearest().len()), (0, 0, 0));
    assert_eq!(clash.why(&clash.pick(5)), "“spot” and “on demand” exclude each other: a machine is bought one way.");
    let far = asked(&engine, &ask("4096 vcpu")).await;
    assert_eq!((far.pick(5).fitting, far.nearest().len()), (0, 1));
}

#[tokio::test]
async fn the_policy_bars_and_a_new_one_is_seen_at_once() {
    let stage = Stage::new();
    let engine = stage.process(true);
    let barred = async || {
        let asked = asked(&engine, &MachinesRequest { hours: "1".into(), ..ask("") }).await;
        let id = asked.machines.find("gcp:gce:us-central1:a2-highgpu-1g").unwrap().id;
        let catalog = asked.machines.catalog();
        let row = catalog.row(&asked.question(1), id);
        catalog.reasons(&asked.question(1), &row).into_iter().map(|r| r.code).collect::<Vec<_>>()
    };
    assert_eq!(barred().await, [""; 0]);
    let policy = "max_usd_per_hour = 2\nfamilies = [\"g5\"]\nregions = [\"us-east-1\"]\nspot_above_usd_per_hour = 1\n\
                  longest_curfew = \"30m\"\n";
    std::fs::write(stage.dir.path().join("policy.toml"), policy).unwrap();
    assert_eq!(barred().await, ["policy-price", "policy-spot", "policy-family", "policy-region", "policy-curfew"]);
    std::fs::write(stage.dir.path().join("policy.toml"), "max_usd_per_our = 2").unwrap();
    let told = engine.ask_machines(&engine.cx(), &ask("")).await.unwrap_err();
    assert!(told.message().contains("line 1, column 1"), "{told}");
}

#[tokio::test]
async fn a_budget_that_is_used_up_bars() {
    let stage = Stage::new();
    let engine = stage.process(true);
    let cx = engine.cx();
    let left = async || asked(&engine, &ask("")).await.budget.map(|b| b.left().to_string());
    assert_eq!(left().await, None, "without a budget nothing is counted");
    std::fs::write(stage.dir.path().join("policy.toml"), "[monthly_budget_usd]\nteam = 900\n").unwrap();
    assert_eq!(left().await.as_deref(), Some("900"));
    let (spec, _) = engine.plan_run(&cx, &stage.request()).await.unwrap();
    engine.launch(&cx, &spec).await.unwrap();
    let (amount, as_of) = (Money::usd(899.into()), stage.clock.now());
    stage.cloud.edit_run(&spec.id, |s| s.so_far = Cost::Estimated { amount, as_of, basis: "script".into() });
    engine.run(&cx, &spec.id).await.unwrap();
    assert_eq!(left().await.as_deref(), Some("1"));
    let asked = asked(&engine, &MachinesRequest { hours: "2".into(), ..ask("g5.xlarge") }).await;
    let offer = asked.machines.find("aws:ec2:us-east-1:g5.xlarge").unwrap();
    let codes: Vec<&str> = asked.explain(&offer).reasons.iter().map(|r| r.code).collect();
    assert!(codes.contains(&"budget"), "{codes:?}");
}

#[tokio::test]
async fn finished_runs_of_a_script_become_a_job() {
    let stage = Stage::new();
    let engine = stage.process(true);
    let cx = engine.cx();
    assert!(engine.jobs().await.unwrap().is_empty());
    let request = LaunchRequest { hyper: vec!["epochs=3".into()], ..stage.request() };
    let (spec, _) = engine.plan_run(&cx, &request).await.unwrap();
    engine.launch(&cx, &spec).await.unwrap();
    stage.cloud.set_run(&spec.id, RunState::Running, stage.clock.now());
    stage.clock.forward(SignedDuration::from_mins(90));
    stage.cloud.set_run(&spec.id, RunState::Completed, stage.clock.now());
    engine.run(&cx, &spec.id).await.unwrap();
    let jobs = engine.jobs().await.unwrap();
    assert_eq!(jobs.len(), 1);
    assert_eq!(
        (jobs[0].title().as_str(), jobs[0].runs.as_slice()),
        ("iris (epochs 3)", &[("local".to_owned(), 5_400_000)][..])
    );
    let asked = asked(&engine, &MachinesRequest { job: jobs[0].id.clone(), ..ask("") }).await;
    let here = asked.machines.find("local").unwrap();
    let e = asked.explain(&here);
    assert_eq!(e.row.times.unwrap().work.ms, 5_400_000);
    assert!(matches!(e.estimate.unwrap().basis, curfew_catalog::work::Basis::Measured { runs: 1 }));
}

#[tokio::test]
async fn facets_count_under_everything_else_and_narrow() {
    let stage = Stage::new();
    let engine = stage.process(true);
    let all = asked(&engine, &ask("1 gpu")).await;
    let count = |asked: &Asked, facet: &str, value: &str| {
        let facets = asked.facets();
        let facet = facets.iter().find(|f| f.id == facet).unwrap().clone();
        facet.options.iter().find(|o| o.value == value).map(|o| o.count)
    };
    let (aws, spot) = (count(&all, "cloud", "aws").unwrap(), count(&all, "bought", "spot").unwrap());
    assert_eq!(aws + count(&all, "cloud", "gcp").unwrap(), all.pick(0).fitting);
    let request = MachinesRequest { facets: vec![("cloud".into(), "aws".into())], ..ask("1 gpu") };
    let narrow = asked(&engine, &request).await;
    assert_eq!(narrow.pick(0).fitting, aws, "the list has what the count said");
    assert_eq!(count(&narrow, "cloud", "gcp"), count(&all, "cloud", "gcp"), "the other clouds stay to be chosen");
    assert!(count(&narrow, "bought", "spot").unwrap() < spot, "other counts are of what is left");
}
