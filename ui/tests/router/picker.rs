//! The picker, and what it hands on.

use crate::stage::Stage;
use crate::stage::Still;
use crate::stage::encode;
use crate::stage::read;
use axum::body::Body;
use axum::http::Request;
use axum::http::StatusCode;
use curfew_contract::scripted::Scripted;
use curfew_core::Home;
use curfew_core::provider::Provider;
use curfew_engine::Engine;
use curfew_ui::App;
use curfew_ui::Browser;
use curfew_ui::router;
use std::sync::Arc;
use tower::ServiceExt as _;

#[tokio::test]
async fn the_picker_from_words_to_the_launcher() {
    let stage = Stage::new();
    let (status, page) = stage.get("/machines?words=1+gpu+12+gib&hours=2&hour_usd=50").await;
    assert_eq!(status, StatusCode::OK, "{page}");
    assert!(page.contains("1,950 of 9,654 offers") && page.contains("best with your time"), "{page}");
    // The list follows: a word that is still being typed is completed, and not wrong yet.
    let (_, found) = stage.get("/machines/found?words=1+gpu+spo&at=9").await;
    assert!(found.contains("data-text=\"spot\"") && found.contains("data-wrong-of=\"words\"></span>"), "{found}");
    let (_, found) = stage.get("/machines/found?words=1+gpu+spto+&hours=soon").await;
    assert!(found.contains("“spto” (character 7) is not a word"), "{found}");
    assert!(found.contains("data-wrong-of=\"hours\">“soon” is not a time"), "{found}");
    let (_, found) = stage.get("/machines/found?words=spot+on+demand").await;
    assert!(found.contains("0 of 9,654 offers") && found.contains("exclude each other"), "{found}");
    let (_, found) = stage.get("/machines/found?words=4096+vcpu").await;
    assert!(found.contains("The nearest that exist"), "{found}");
    // Rows from any place on, as they are scrolled to.
    let (_, rows) = stage.get("/machines/rows?words=1+gpu&from=100").await;
    assert_eq!(rows.matches("<tr ").count(), 50, "{rows}");
    assert!(rows.contains("aria-rowindex=\"102\""), "{rows}");
    assert_eq!(stage.get("/machines/rows?from=99999999999").await.1.matches("<tr ").count(), 0);
    // Opened up, side by side, asked for.
    let (_, shown) = stage.get("/machines/show?key=aws:ec2:us-east-1:g5.xlarge&hours=2").await;
    assert!(shown.contains("1.006 USD × 2 h") && shown.contains("L-DB2E81BA") || shown.contains("Running On-Demand G"));
    assert!(shown.contains("/train?machine=aws%3Aec2%3Aus-east-1%3Ag5.xlarge"), "{shown}");
    let pick = "pick=local&pick=aws:ec2:us-east-1:g5.xlarge&pick=gcp:gce:us-central1:g2-standard-4:spot";
    let (_, side) = stage.get(&format!("/machines/compare?hours=2&{pick}")).await;
    assert_eq!(side.matches("<th scope=\"col\"").count(), 3, "{side}");
    assert!(stage.get("/machines/compare?pick=local").await.1.contains("Choose two to five"));
    let (_, asks) = stage.get("/machines/ask?key=aws:ec2:us-east-1:g5.xlarge").await;
    assert!(asks.contains("Ask for 4 vCPU of") && asks.contains("servicequotas/home/services/ec2/quotas/L-DB2E81BA"));
    assert!(stage.get("/machines/picture?words=gpu&hours=2").await.1.contains("<svg"));
    assert_eq!(stage.get("/machines/show?key=aws:ec2:us-east-1:none").await.0, StatusCode::NOT_FOUND);
    assert_eq!(stage.post("/host/open?url=https://example.com/", &[]).await.0, StatusCode::FORBIDDEN);
    // Use hands the machine to the launcher, which says what is missing with its price.
    let (_, train) = stage.get("/train?machine=aws%3Aec2%3Aus-east-1%3Ag5.xlarge").await;
    assert!(train.contains("<option value=\"aws:ec2:us-east-1:g5.xlarge\" selected>"), "{train}");
    let dir = encode(&[("dir", &stage.path("iris")), ("machine", "aws:ec2:us-east-1:g5.xlarge")]);
    assert!(stage.get(&format!("/train/price?{dir}")).await.1.contains("o account at “aws” is connected"));
}

#[tokio::test]
async fn what_no_budget_pays_for_is_refused_at_the_machine_and_the_form_knows_the_projects() {
    let stage = Stage::with(Scripted::new("aws"));
    let policy = "[monthly_budget_usd.projects]\nvision = 3\nnlp = 900\n";
    std::fs::write(stage.dir.path().join("home/policy.toml"), policy).unwrap();
    let dir = stage.path("iris");
    let form = [("dir", &*dir), ("machine", "aws:ml.m5.xlarge"), ("curfew", "4h"), ("project", "vision")];
    let (status, to, body) = stage.post("/runs", &form).await;
    assert_eq!((status, to), (StatusCode::UNPROCESSABLE_ENTITY, None));
    let at_machine = body.split("id=\"machine-wrong\">").nth(1).unwrap().split("</span>").next().unwrap();
    assert_eq!(
        at_machine,
        "It would cost at most $4.00 ($1.00 an hour for 4 h 00 m), and $3.00 is left of this month’s $3.00 for project \
         “vision” ($0.00 spent). Give it a curfew of 3h or less, choose a cheaper machine, or ask your lead for more \
         (monthly_budget_usd.projects in the policy file)."
    );
    assert!(body.contains("<datalist id=\"projects\"><option value=\"nlp\"><option value=\"vision\"></datalist>"));
    assert!(body.contains("name=\"project\" value=\"vision\""), "what was typed stays");
    let (_, line) = stage.get(&format!("/train/price?{}", encode(&form))).await;
    assert!(line.contains("is left of this month’s"), "{line}");
    let model = stage.path("model.joblib");
    let deploy = [("model", &*model), ("machine", "aws:ml.m5.xlarge"), ("curfew", "4h"), ("project", "vision")];
    let (status, _, body) = stage.post("/endpoints", &deploy).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(body.contains("id=\"machine-wrong\">It would cost at most $4.00"), "{body}");
    assert_eq!((stage.cloud.calls_of("launch"), stage.cloud.calls_of("deploy")), (0, 0), "nothing was made");
    // The picker has the field, says what is left, and hands the project on.
    let (_, page) = stage.get("/machines?hours=2&project=vision").await;
    assert!(page.contains("<label for=\"project\">Project</label>"));
    assert!(page.contains("<b>Budget:</b> $3.00 is left of this month’s $3.00 for project “vision”"), "{page}");
    assert!(page.contains("&amp;project=vision") || page.contains("&#38;project=vision"), "{page}");
    let run = [("dir", &*dir), ("machine", "aws:ml.m5.xlarge"), ("curfew", "2h"), ("project", "vision")];
    let (status, to, _) = stage.post("/runs", &run).await;
    assert_eq!(status, StatusCode::OK);
    let (_, page) = stage.get(&to.unwrap()).await;
    assert!(page.contains("Project") && page.contains("vision"));
    let (_, page) = stage.get("/settings").await;
    assert!(page.contains("Budgets of projects") && page.contains("nlp $900, vision $3"), "{page}");
}

#[tokio::test]
async fn of_several_accounts_the_picker_hands_on_the_chosen_one() {
    let dir = tempfile::tempdir().unwrap();
    let account = |id: &str| Arc::new(Scripted::new("aws").of_account(id));
    let providers: Vec<Arc<dyn Provider>> = vec![account("111"), account("222")];
    let engine = Engine::open(Home::at(dir.path()), providers, Arc::new(Still)).unwrap();
    let panel = router(App::new(engine, Arc::new(Browser)));
    let get = async |path: &str| {
        let request = Request::get(path).body(Body::empty()).unwrap();
        read(panel.clone().oneshot(request).await.unwrap()).await.2
    };
    let page = get("/machines?lenient=1&words=g5.xlarge+on+demand").await;
    assert!(page.contains("<option value=\"\">the first: aws · 111</option>"), "{page}");
    assert!(page.contains("machine=aws%40111%3A"), "the first where none is chosen");
    let page = get("/machines?lenient=1&words=g5.xlarge+on+demand&account=222").await;
    assert!(page.contains("<option value=\"222\" selected>aws · 222</option>"), "{page}");
    assert!(page.contains("machine=aws%40222%3A") && !page.contains("machine=aws%40111%3A"));
    let page = get("/machines?account=333").await;
    assert!(page.contains("id=\"account-wrong\">No account “333” is connected."), "{page}");
}
