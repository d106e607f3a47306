//! Refreshing over real HTTP: whole, refused, cut short, damaged, of another shape; and what an account tells.

use super::{MachinesRequest, PriceSources, RefreshRequest, Refreshed};
use crate::Engine;
use crate::tests::Stage;
use async_trait::async_trait;
use curfew_catalog::WayOut;
use curfew_contract::scripted::Scripted;
use curfew_core::market::{MachineType, MachineTypes, Market, Quota, QuotaAsked, QuotaWish, SpotPrice};
use curfew_core::provider::Provider;
use curfew_core::{Clock as _, Cx, Error, ErrorKind, Home, RegionName, Result, Sweep};
use jiff::SignedDuration;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

/// How the server answers at an address.
#[derive(Clone)]
enum Answer {
    Whole(String),
    /// So many bytes of what was announced, then the line is closed.
    Cut(String, usize),
    Status(&'static str),
}

/// A server on loopback, and what it was asked for.
struct Server {
    base: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Answers by the path up to its query.
    async fn start(answers: HashMap<String, Answer>) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let seen = asked.clone();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    let mut byte = [0];
                    if stream.read(&mut byte).await.unwrap_or(0) == 0 {
                        break;
                    }
                    head.push(byte[0]);
                }
                let head = String::from_utf8_lossy(&head).into_owned();
                let path = head.split_whitespace().nth(1).unwrap_or("").to_owned();
                seen.lock().unwrap().push(head);
                // A page token chooses the page.
                let answer = answers.get(&path).or_else(|| answers.get(path.split('?').next().unwrap_or("")));
                let (status, body, most) = match answer.cloned().unwrap_or(Answer::Status("404 Not Found")) {
                    Answer::Whole(body) => ("200 OK", body, usize::MAX),
                    Answer::Cut(body, most) => ("200 OK", body, most),
                    Answer::Status(status) => (status, String::new(), usize::MAX),
                };
                let start = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
                let _ = stream.write_all(start.as_bytes()).await;
                let _ = stream.write_all(&body.as_bytes()[..body.len().min(most)]).await;
                let _ = stream.shutdown().await;
            }
        });
        Self { base, asked }
    }
}

const EC2: &str = "/offers/v1.0/aws/AmazonEC2/current/us-east-1/index.json";
const SAGEMAKER: &str = "/offers/v1.0/aws/AmazonSageMaker/current/us-east-1/index.json";
const SKUS: &str = "/v1/services/6F81-5844-456A/skus";

/// A bulk offer file of the documented shape: one machine at this price, and one that is free.
fn bulk(price: &str) -> String {
    let product = |sku: &str, machine: &str| {
        format!(
            r#""{sku}":{{"sku":"{sku}","productFamily":"Compute Instance","attributes":{{"instanceType":"{machine}","regionCode":"us-east-1","locationType":"AWS Region","operatingSystem":"Linux","tenancy":"Shared","preInstalledSw":"NA","capacitystatus":"Used"}}}}"#
        )
    };
    let term = |sku: &str, price: &str| {
        format!(
            r#""{sku}":{{"{sku}.T":{{"sku":"{sku}","priceDimensions":{{"{sku}.T.R":{{"unit":"Hrs","beginRange":"0","pricePerUnit":{{"USD":"{price}"}}}}}},"termAttributes":{{}}}}}}"#
        )
    };
    format!(
        r#"{{"offerCode":"AmazonEC2","publicationDate":"2026-11-20T00:00:00Z","products":{{{},{}}},"terms":{{"OnDemand":{{{},{}}}}}}}"#,
        product("A", "g5.xlarge"),
        product("B", "m5.large"),
        term("A", price),
        term("B", "0.0000000000")
    )
}

fn sku(description: &str, unit: &str, nanos: u32) -> String {
    format!(
        r#"{{"skuId":"X","description":"{description} running in Americas","category":{{"usageType":"OnDemand"}},"serviceRegions":["us-central1"],"pricingInfo":[{{"pricingExpression":{{"usageUnit":"{unit}","tieredRates":[{{"startUsageAmount":0,"unitPrice":{{"currencyCode":"USD","units":"0","nanos":{nanos}}}}}]}},"effectiveTime":"2026-11-19T21:00:00Z"}}]}}"#
    )
}

async fn refresh(engine: &Engine, base: &str, feeds: &[&str], key: Option<&str>) -> Result<Refreshed> {
    let sources = PriceSources { aws: base.into(), google: base.into(), google_key: key.map(Into::into) };
    let request = RefreshRequest { feeds: feeds.iter().map(|f| (*f).to_owned()).collect(), regions: Vec::new() };
    engine.refresh_prices(&engine.cx(), &sources, &request, &|_, _| {}).await
}

async fn price(engine: &Engine, key: &str) -> String {
    let machines = engine.machines(&engine.cx()).await.unwrap();
    let offer = machines.find(key).unwrap();
    format!("{} of {}", offer.rate.unwrap(), offer.as_of.unwrap())
}

const G5: &str = "aws:ec2:us-east-1:g5.xlarge";

#[tokio::test]
async fn a_bulk_file_replaces_what_it_names_and_says_what_it_keeps_out() {
    let stage = Stage::new();
    let engine = stage.process(true);
    assert_eq!(price(&engine, G5).await, "1.006 of 2026-07-20");
    let server = Server::start([(EC2.to_owned(), Answer::Whole(bulk("1.0100000000")))].into()).await;
    let done = refresh(&engine, &server.base, &["ec2"], None).await.unwrap();
    assert_eq!(done.read, [("aws AmazonEC2 us-east-1".to_owned(), 1)]);
    assert!(done.failed.is_empty() && done.notes.len() == 1 && done.notes[0].0.contains("m5.large"), "{done:?}");
    assert_eq!(price(&engine, G5).await, "1.01 of 2026-11-20", "seen at once, by whoever asks next");
    assert_eq!(price(&engine, "aws:ec2:us-east-1:m5.large").await, "0.096 of 2026-07-20", "free is no price");
    let machines = engine.machines(&engine.cx()).await.unwrap();
    assert_eq!(machines.prices_say(stage.clock.now()), "prices read just now");
    assert!(machines.notes().iter().any(|n| n.about.contains("m5.large")));
    // Another process of this home sees it too.
    assert_eq!(price(&stage.process(true), G5).await, "1.01 of 2026-11-20");
}

#[tokio::test]
async fn what_fails_keeps_the_old_and_says_so() {
    let stage = Stage::new();
    let engine = stage.process(true);
    let good = Server::start([(EC2.to_owned(), Answer::Whole(bulk("1.0100000000")))].into()).await;
    refresh(&engine, &good.base, &["ec2"], None).await.unwrap();
    stage.clock.forward(SignedDuration::from_hours(30));
    let file = bulk("7.0000000000");
    let mut damaged = file.clone();
    damaged.replace_range(file.len() / 2..file.len() / 2 + 9, "}}}}]]]]{");
    for (answer, says) in [
        (Answer::Cut(file.clone(), file.len() / 2), "the download broke off after"),
        (Answer::Whole(file[..file.len() / 2].to_owned()), "it is cut short"),
        (Answer::Whole(damaged), "it is not a price list file"),
        (Answer::Whole("<html>Sign in to the campus network</html>".into()), "it is not a price list file"),
        (Answer::Whole(r#"{"offerCode":"AmazonEC2","products":{},"terms":{}}"#.into()), "it has no price of a machine"),
        (Answer::Status("503 Service Unavailable"), "the server answered 503"),
        (Answer::Status("404 Not Found"), "the server answered 404"),
    ] {
        let server = Server::start([(EC2.to_owned(), answer)].into()).await;
        let done = refresh(&engine, &server.base, &["ec2"], None).await.unwrap();
        assert!(done.read.is_empty() && done.failed[0].1.contains(says), "{says}: {done:?}");
        assert_eq!(price(&engine, G5).await, "1.01 of 2026-11-20", "{says}");
        let machines = engine.machines(&engine.cx()).await.unwrap();
        let told: Vec<&str> = machines.notes().iter().map(|n| n.says.as_str()).collect();
        assert!(told.iter().any(|t| t.contains(says) && t.contains("its prices of 1 day ago are kept")), "{told:?}");
    }
    // Nobody listens there.
    let done = refresh(&engine, "http://127.0.0.1:1", &["ec2", "sagemaker"], None).await.unwrap();
    assert_eq!(done.failed.iter().map(|f| f.1.as_str()).collect::<Vec<_>>(), ["no connection", "no connection"]);
}

#[tokio::test]
async fn one_feed_that_fails_takes_nothing_from_the_others() {
    let stage = Stage::new();
    let engine = stage.process(true);
    let answers = [
        (EC2.to_owned(), Answer::Status("500 Internal Server Error")),
        (SAGEMAKER.to_owned(), Answer::Whole(bulk("1.2").replace("AmazonEC2", "AmazonSageMaker"))),
    ];
    let server = Server::start(answers.into()).await;
    let done = refresh(&engine, &server.base, &["ec2", "sagemaker"], None).await.unwrap();
    assert_eq!((done.read.len(), done.failed.len()), (1, 1), "{done:?}");
}

#[tokio::test]
async fn googles_pages_become_machines_and_the_key_stays_secret() {
    let stage = Stage::new();
    let engine = stage.process(true);
    let first =
        format!(r#"{{"skus":[{}],"nextPageToken":"p/2="}}"#, sku("N1 Predefined Instance Core", "h", 40_000_000));
    let second =
        format!(r#"{{"skus":[{}],"nextPageToken":""}}"#, sku("N1 Predefined Instance Ram", "GiBy.h", 5_000_000));
    let page = format!("{SKUS}?pageSize=5000&currencyCode=USD&pageToken=p%2F2%3D");
    let server = Server::start([(SKUS.to_owned(), Answer::Whole(first)), (page, Answer::Whole(second))].into()).await;
    let done = refresh(&engine, &server.base, &["google"], Some("the-secret-key")).await.unwrap();
    assert!(done.failed.is_empty() && done.read[0].1 > 0, "{done:?}");
    // 8 cores at 0.04 and 30 GiB at 0.005.
    assert_eq!(price(&engine, "gcp:gce:us-central1:n1-standard-8").await, "0.47 of 2026-11-19");
    let asked = server.asked.lock().unwrap().clone();
    assert_eq!(asked.len(), 2);
    assert!(asked.iter().all(|head| head.to_lowercase().contains("x-goog-api-key: the-secret-key")));
    let refused = Server::start([(SKUS.to_owned(), Answer::Status("403 Forbidden"))].into()).await;
    let done = refresh(&engine, &refused.base, &["google"], Some("the-secret-key")).await.unwrap();
    assert_eq!(done.failed[0].1, "the server answered 403 Forbidden");
    assert!(!format!("{done:?}").contains("the-secret-key"));
    // Without a key it is not asked, and alone that is said.
    let told = refresh(&engine, &server.base, &["google"], None).await.unwrap_err();
    assert_eq!(told.kind(), ErrorKind::InvalidInput);
}

/// An account that tells.
struct Told;

#[async_trait]
impl Market for Told {
    async fn quotas(&self, _: &Cx) -> Result<Sweep<Quota>> {
        Ok(Sweep::whole(vec![Quota {
            cloud: "aws".into(),
            service: "ec2".into(),
            region: Some("us-east-1".into()),
            code: Some("L-DB2E81BA".into()),
            name: "Running On-Demand G and VT instances".into(),
            unit: "vCPU".into(),
            value: Some(8.into()),
            used: Some(2.into()),
        }]))
    }
    async fn spot_prices(&self, cx: &Cx, _: &RegionName) -> Result<Vec<SpotPrice>> {
        let row = |zone: &str, price: &str| SpotPrice {
            zone: zone.into(),
            machine: "g5.xlarge".into(),
            product: "Linux/UNIX".into(),
            price: price.into(),
            since: cx.now(),
        };
        Ok(vec![row("us-east-1a", "0.402100"), row("us-east-1b", "0.41")])
    }
    async fn products(&self, _: &Cx, _: &RegionName) -> Result<Vec<String>> {
        Err(Error::new(ErrorKind::PermissionDenied, "read the price list", "this user may not call GetProducts"))
    }
}

/// An account of EC2 that offers one type, has a score for it, and takes requests.
struct Asking(Mutex<Vec<QuotaWish>>);

#[async_trait]
impl Market for Asking {
    async fn quotas(&self, _: &Cx) -> Result<Sweep<Quota>> {
        Ok(Sweep::default())
    }
    async fn spot_prices(&self, cx: &Cx, _: &RegionName) -> Result<Vec<SpotPrice>> {
        let row = |machine: &str| SpotPrice {
            zone: "stage-a".into(),
            machine: machine.into(),
            product: "Linux/UNIX".into(),
            price: "0.40".into(),
            since: cx.now(),
        };
        Ok(vec![row("g5.xlarge"), row("p3.2xlarge")])
    }
    async fn products(&self, _: &Cx, _: &RegionName) -> Result<Vec<String>> {
        Ok(Vec::new())
    }
    async fn machine_types(&self, _: &Cx, _: &RegionName) -> Result<MachineTypes> {
        let named = |name: &str| MachineType { name: name.into(), ..MachineType::default() };
        Ok(MachineTypes { service: "ec2".into(), types: vec![named("g5.xlarge")] })
    }
    async fn placement(&self, _: &Cx, _: &str, regions: &[RegionName]) -> Result<Vec<(RegionName, u8)>> {
        Ok(vec![(regions[0].clone(), 3)])
    }
    async fn ask_for_quota(&self, _: &Cx, wish: &QuotaWish) -> Result<QuotaAsked> {
        let mut all = self.0.lock().unwrap();
        let before = all.contains(wish);
        all.push(wish.clone());
        Ok(QuotaAsked { id: "r-1".into(), state: "pending".into(), value: wish.value, before })
    }
}

#[tokio::test]
async fn an_account_tells_what_is_offered_and_takes_a_request() {
    let market = Arc::new(Asking(Mutex::default()));
    let stage = Stage::with(Scripted::new("aws").telling(market.clone()));
    let engine = stage.process(true);
    let cx = engine.cx();
    let asked = engine.ask_machines(&cx, &MachinesRequest::default()).await.unwrap();
    let offer = asked.machines.find(G5).unwrap();
    let explained = asked.explain(&offer);
    let wish = explained.reasons.iter().find_map(|r| match &r.way_out {
        WayOut::AskQuota(ask) => Some(ask.clone()),
        _ => None,
    });
    let account = engine.providers()[0].account().clone();
    for before in [false, true] {
        let told = engine.ask_for_quota(&cx, &wish.clone().unwrap(), &account).await.unwrap();
        assert_eq!((told.value, told.before), (4.into(), before));
    }
    assert_eq!(market.0.lock().unwrap()[0].code.as_deref(), Some("L-DB2E81BA"));
    let journal = engine.journal(9).await.unwrap();
    let mut outcomes: Vec<_> = journal.iter().filter_map(|j| j.outcome.as_deref()).collect();
    outcomes.sort_unstable();
    assert_eq!(outcomes, ["asked", "was asked for already"]);
    let nobody = curfew_core::AccountId("999".into());
    assert_eq!(engine.ask_for_quota(&cx, &wish.unwrap(), &nobody).await.unwrap_err().kind(), ErrorKind::NotFound);

    refresh(&engine, "http://127.0.0.1:1", &["account"], None).await.unwrap();
    let asked = engine.ask_machines(&cx, &MachinesRequest::default()).await.unwrap();
    let barred = |key: &str| {
        let offer = asked.machines.find(key).unwrap();
        asked.explain(&offer).reasons.into_iter().map(|r| r.code).collect::<Vec<_>>()
    };
    assert_eq!(barred("aws:ec2:stage:p3.2xlarge:spot"), ["not-offered"], "though there is a price");
    assert_eq!(barred("aws:ec2:stage:g5.xlarge:spot"), ["quota"], "offered; only a new account has none");
    let spot = asked.machines.find("aws:ec2:stage:g5.xlarge:spot").unwrap();
    assert_eq!(engine.placement(&cx, &spot, None).await.unwrap(), Some(3));
    let again = engine.ask_machines(&cx, &MachinesRequest::default()).await.unwrap();
    let kept = again.machines.find("aws:ec2:stage:g5.xlarge:spot").unwrap();
    assert_eq!(again.explain(&kept).placement, Some(3), "it is kept");
    stage.clock.forward(SignedDuration::from_hours(2));
    let later = engine.ask_machines(&cx, &MachinesRequest::default()).await.unwrap();
    let stale = later.machines.find("aws:ec2:stage:g5.xlarge:spot").unwrap();
    assert_eq!(later.explain(&stale).placement, None, "a score of two hours ago says nothing of now");
    assert_eq!(engine.placement(&cx, &offer, None).await.unwrap(), None, "on demand has no score");
}

/// An account with so many vCPUs of G machines, and a score of its own.
struct Own(u8);

#[async_trait]
impl Market for Own {
    async fn quotas(&self, _: &Cx) -> Result<Sweep<Quota>> {
        Ok(Sweep::whole(vec![Quota {
            cloud: "aws".into(),
            service: "ec2".into(),
            region: Some("us-east-1".into()),
            code: Some("L-DB2E81BA".into()),
            name: "Running On-Demand G and VT instances".into(),
            unit: "vCPU".into(),
            value: Some(self.0.into()),
            used: None,
        }]))
    }
    async fn placement(&self, _: &Cx, _: &str, regions: &[RegionName]) -> Result<Vec<(RegionName, u8)>> {
        Ok(vec![(regions[0].clone(), self.0)])
    }
    async fn products(&self, _: &Cx, _: &RegionName) -> Result<Vec<String>> {
        Ok(Vec::new())
    }
    async fn spot_prices(&self, cx: &Cx, _: &RegionName) -> Result<Vec<SpotPrice>> {
        let (zone, machine) = ("stage-a".into(), "g5.xlarge".into());
        Ok(vec![SpotPrice { zone, machine, product: "Linux/UNIX".into(), price: "0.40".into(), since: cx.now() }])
    }
}

#[tokio::test]
async fn of_several_accounts_the_first_holds_until_another_is_chosen() {
    let stage = Stage::new();
    let account = |id: &str, n| Arc::new(Scripted::new("aws").of_account(id).telling(Arc::new(Own(n))));
    let providers: Vec<Arc<dyn Provider>> = vec![account("111", 0), account("222", 8)];
    let home = Home::at(stage.dir.path());
    let engine = Engine::open(home, providers, stage.clock.clone()).unwrap();
    refresh(&engine, "http://127.0.0.1:1", &["account"], None).await.unwrap();
    let cx = engine.cx();
    let ask = async |account: &str| {
        let request = MachinesRequest { account: account.into(), ..MachinesRequest::default() };
        engine.ask_machines(&cx, &request).await.unwrap()
    };
    let barred = |asked: &crate::machines::Asked| {
        let offer = asked.machines.find(G5).unwrap();
        asked.explain(&offer).reasons.into_iter().map(|r| r.code).collect::<Vec<_>>()
    };
    let first = ask("").await;
    assert_eq!(first.accounts.iter().map(|a| a.account.0.as_str()).collect::<Vec<_>>(), ["111", "222"]);
    assert_eq!(first.account_at("aws").map(|a| a.0.as_str()), Some("111"));
    assert_eq!((first.account_at("gcp"), barred(&first)), (None, vec!["quota"]));
    let second = ask("222").await;
    assert_eq!(second.account_at("aws").map(|a| a.0.as_str()), Some("222"));
    assert_eq!(barred(&second), [""; 0], "its own quota holds");
    let nobody = ask("333").await;
    assert_eq!(nobody.wrong[0].field(), Some("account"));
    assert_eq!(barred(&nobody), ["quota"], "and the first account's figures hold");
    // Scores are asked of the account, and kept apart.
    let key = "aws:ec2:stage:g5.xlarge:spot";
    let spot = second.machines.find(key).unwrap();
    assert_eq!(engine.placement(&cx, &spot, second.account_at("aws")).await.unwrap(), Some(8));
    assert_eq!(engine.placement(&cx, &spot, first.account_at("aws")).await.unwrap(), Some(0));
    let kept = async |account: &str| {
        let asked = ask(account).await;
        asked.explain(&asked.machines.find(key).unwrap()).placement
    };
    assert_eq!((kept("").await, kept("222").await), (Some(0), Some(8)));
}

#[tokio::test]
async fn an_account_tells_quotas_and_spot_prices() {
    let stage = Stage::with(Scripted::new("aws").telling(Arc::new(Told)));
    let engine = stage.process(true);
    let reasons = async || {
        let asked = engine.ask_machines(&engine.cx(), &MachinesRequest::default()).await.unwrap();
        let offer = asked.machines.find(G5).unwrap();
        asked.explain(&offer).reasons.into_iter().map(|r| r.code).collect::<Vec<_>>()
    };
    assert_eq!(reasons().await, ["quota"], "a new account has none");
    let done = refresh(&engine, "http://127.0.0.1:1", &["account"], None).await.unwrap();
    assert!(done.failed.iter().any(|f| f.1 == "this user may not call GetProducts"), "{done:?}");
    assert_eq!(reasons().await, [""; 0], "four of the six that are left");
    let machines = engine.machines(&engine.cx()).await.unwrap();
    let spot = machines.catalog().find(&"aws:ec2:stage:g5.xlarge:spot".parse().unwrap());
    let zones: Vec<String> =
        spot.iter().map(|o| format!("{} {}", o.slot.zone.as_deref().unwrap(), o.rate.unwrap())).collect();
    assert_eq!(zones, ["us-east-1a 0.4021", "us-east-1b 0.41"]);
}
