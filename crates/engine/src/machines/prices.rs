//! Newer prices: public files and APIs over HTTP, and what connected accounts tell. Each feed stands for itself: one that
//! fails keeps what it gave before and says so.

use super::Machines;
use super::told::{KnownQuotas, KnownTypes};
use crate::Engine;
use curfew_catalog::cache::{self, Prices, Status};
use curfew_catalog::feeds::{self, Feed, FeedError, Skus, chunks};
use curfew_catalog::{Catalog, Note};
use curfew_core::market::Market;
use curfew_core::{Cx, Error, ErrorKind, RegionName, Result, say};
use serde::Serialize;
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// Where public prices are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PriceSources {
    /// AWS's price list (bulk offer files); no account is needed.
    pub aws: String,
    /// Google's Cloud Billing Catalog API.
    pub google: String,
    /// An API key for it; without one it is not asked.
    pub google_key: Option<String>,
}

impl Default for PriceSources {
    /// The clouds' own addresses: AWS Price List Bulk API user guide, "Getting price list files"; Cloud Billing API,
    /// services.skus.list.
    fn default() -> Self {
        Self {
            aws: "https://pricing.us-east-1.amazonaws.com".into(),
            google: "https://cloudbilling.googleapis.com".into(),
            google_key: None,
        }
    }
}

impl PriceSources {
    /// The same, or as CURFEW_AWS_PRICES_URL, CURFEW_GOOGLE_BILLING_URL and CURFEW_GOOGLE_API_KEY say.
    pub fn from_env() -> Self {
        let get = |name| std::env::var(name).ok().filter(|v: &String| !v.trim().is_empty());
        let plain = Self::default();
        Self {
            aws: get("CURFEW_AWS_PRICES_URL").unwrap_or(plain.aws),
            google: get("CURFEW_GOOGLE_BILLING_URL").unwrap_or(plain.google),
            google_key: get("CURFEW_GOOGLE_API_KEY"),
        }
    }
}

/// What to read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RefreshRequest {
    /// Regions of AWS; empty: the policy's, or us-east-1.
    pub regions: Vec<String>,
    /// `ec2`, `sagemaker`, `google`, `account`; empty: all of them.
    pub feeds: Vec<String>,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Refreshed {
    /// Feeds that were read whole, and how many offers each gave.
    pub read: Vec<(String, usize)>,
    /// Feeds that were not, and why; what they gave before stays in use.
    pub failed: Vec<(String, String)>,
    /// What was kept out: prices of zero, unknown units …
    pub notes: Vec<(String, String)>,
}

/// An account that is asked.
struct Asked<'a> {
    cloud: &'a str,
    title: &'a str,
    regions: &'a [RegionName],
}

/// A feed as it was read, or why not.
type Outcome = (String, Result<Feed, String>);

/// Compute Engine's id in the Cloud Billing Catalog.
const COMPUTE_ENGINE: &str = "6F81-5844-456A";
/// No more pages than this: the catalogue has some thirty thousand SKUs on pages of five thousand.
const MOST_PAGES: usize = 200;
/// How many remarks of a feed are kept.
const NOTES: usize = 20;

impl Engine {
    /// Reads newer prices. `tell` is told which feed is being read and how many bytes of it are here.
    pub async fn refresh_prices(
        &self,
        cx: &Cx,
        sources: &PriceSources,
        request: &RefreshRequest,
        tell: &(dyn Fn(&str, u64) + Send + Sync),
    ) -> Result<Refreshed> {
        let machines = self.machines(cx).await?;
        let wants = |feed: &str| request.feeds.is_empty() || request.feeds.iter().any(|f| f == feed);
        let regions = self.regions_to_read(&request.regions)?;
        let web = Web::new()?;
        let mut outcomes: Vec<Outcome> = Vec::new();
        for (service, feed) in [("AmazonEC2", "ec2"), ("AmazonSageMaker", "sagemaker")] {
            for region in regions.iter().filter(|_| wants(feed)) {
                cx.check("read the prices")?;
                let name = format!("aws {service} {region}");
                let url = format!("{}/offers/v1.0/aws/{service}/current/{region}/index.json", sources.aws);
                let read = web.bulk_file(cx, &url, machines.clone(), &|bytes| tell(&name, bytes)).await;
                outcomes.push((name, read));
            }
        }
        if wants("google")
            && let Some(key) = &sources.google_key
        {
            cx.check("read the prices")?;
            let name = "gcp Compute Engine".to_owned();
            let read = web.skus(cx, &sources.google, key, &machines, &|bytes| tell(&name, bytes)).await;
            outcomes.push((name, read));
        }
        if wants("account") {
            for provider in self.providers().iter() {
                let Some(market) = provider.market() else { continue };
                let title = format!("{} {}", provider.cloud(), provider.account());
                let of = Asked { cloud: provider.cloud().as_str(), title: &title, regions: &provider.priced_regions() };
                self.account(cx, market, &of, &machines, &mut outcomes).await?;
            }
        }
        if outcomes.is_empty() {
            let says = "there is nothing to read: no feed was chosen that is set up";
            let error = Error::new(ErrorKind::InvalidInput, "read the prices", says);
            return Err(error.next("Google's catalogue needs a key in CURFEW_GOOGLE_API_KEY; see docs/cli.md"));
        }
        let (folder, now) = (self.home.prices(), cx.now());
        let kept = tokio::task::spawn_blocking(move || keep(&folder, now, outcomes)).await;
        let refreshed = kept.map_err(|e| {
            Error::new(ErrorKind::Unknown, "save the prices", "the prices could not be saved").caused_by(e)
        })??;
        // Pages wait for a change in the store.
        self.store.put_fact("prices-read", &now).await?;
        Ok(refreshed)
    }

    /// Starts a refresh that goes on by itself, as a page needs it. What comes of it is in the prices' notes.
    pub fn start_refresh(self: &Arc<Self>, cx: Cx, sources: PriceSources, request: RefreshRequest) -> Result<()> {
        let note = |engine: &Self, now: Option<String>| {
            *engine.shelf.reading.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = now;
        };
        self.regions_to_read(&request.regions)?;
        if self.prices_now().is_some() {
            return Err(Error::new(ErrorKind::Conflict, "read the prices", "newer prices are being read already"));
        }
        note(self, Some("reading newer prices".into()));
        let engine = self.clone();
        tokio::spawn(async move {
            let tell = |feed: &str, bytes: u64| {
                note(&engine, Some(format!("reading newer prices: {feed}, {} so far", say::bytes(bytes))));
            };
            let done = engine.refresh_prices(&cx, &sources, &request, &tell).await;
            note(&engine, None);
            if let Err(e) = done {
                tracing::warn!(error = ?e, "the prices could not be refreshed");
            }
            let _ = engine.store.put_fact("prices-read", &cx.now()).await;
        });
        Ok(())
    }
    /// What is being read just now by this process.
    pub fn prices_now(&self) -> Option<String> {
        self.shelf.reading.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }

    fn regions_to_read(&self, asked: &[String]) -> Result<Vec<String>> {
        let plain = |r: &String| RegionName::new(r.clone()).map(|r| r.to_string());
        if asked.is_empty() {
            let allowed: Vec<String> = self.policy()?.regions.into_iter().filter(|r| is_aws(r)).collect();
            return Ok(if allowed.is_empty() { vec!["us-east-1".into()] } else { allowed });
        }
        let wrong = |r: &String| Error::input("region", format!("“{}” is not a region", say::clean(r, 40)));
        asked
            .iter()
            .map(|r| plain(r).map_err(|_| wrong(r)).and_then(|p| if is_aws(&p) { Ok(p) } else { Err(wrong(r)) }))
            .collect()
    }

    /// What an account tells: quotas, and of its regions spot prices, the price list and the machine types.
    async fn account(
        &self,
        cx: &Cx,
        market: &dyn Market,
        of: &Asked<'_>,
        machines: &Arc<Machines>,
        outcomes: &mut Vec<Outcome>,
    ) -> Result<()> {
        let words = |e: &Error| e.message().to_owned();
        let Asked { cloud, title, regions } = of;
        for region in *regions {
            cx.check("read the prices")?;
            let spot = market.spot_prices(cx, region).await.map_err(|e| words(&e)).map(|rows| {
                let rows = rows.into_iter().map(|r| feeds::SpotPrice {
                    availability_zone: r.zone,
                    instance_type: r.machine,
                    product_description: r.product,
                    spot_price: r.price,
                    timestamp: r.since,
                });
                feeds::spot_prices(rows, region.as_str(), cx.now())
            });
            outcomes.push((format!("{title} spot {region}"), spot));
            let list = market.products(cx, region).await.map_err(|e| words(&e));
            let list = list.and_then(|texts| feeds::get_products(texts, machines.catalog()).map_err(|e| e.to_string()));
            outcomes.push((format!("{title} price list {region}"), list));
        }
        for region in *regions {
            let name = format!("{title} machine types {region}");
            match market.machine_types(cx, region).await {
                Ok(found) if found.types.is_empty() => {
                    outcomes.push((name, Err("it told of no machine type".to_owned())));
                }
                Ok(found) => {
                    let known = KnownTypes {
                        cloud: (*cloud).to_owned(),
                        service: found.service,
                        region: region.to_string(),
                        at: cx.now(),
                        machines: found.types.iter().map(|t| t.name.clone()).collect(),
                    };
                    self.put_types(known).await?;
                    outcomes.push((name, Ok(feeds::instance_types(found.types, machines.catalog()))));
                }
                Err(e) => outcomes.push((name, Err(words(&e)))),
            }
        }
        match market.quotas(cx).await {
            Ok(sweep) => {
                let gaps = sweep.gaps.iter().map(|g| g.reason.clone()).collect();
                self.put_quotas(KnownQuotas { of: (*title).to_owned(), at: cx.now(), levels: sweep.items, gaps })
                    .await?;
            }
            Err(e) => outcomes.push((format!("{title} quotas"), Err(words(&e)))),
        }
        Ok(())
    }
}

/// AWS writes regions with a digit after the last hyphen (`eu-west-1`), Google without (`europe-west4`).
fn is_aws(region: &str) -> bool {
    region.rsplit_once('-').is_some_and(|(head, n)| head.contains('-') && n.bytes().all(|b| b.is_ascii_digit()))
}

/// Lays what was read over what was there, and notes what was not.
fn keep(folder: &std::path::Path, now: curfew_core::Timestamp, outcomes: Vec<Outcome>) -> Result<Refreshed> {
    let mut prices: Prices = cache::load(Some(folder), now);
    let mut status: Status = prices.status.clone();
    let mut done = Refreshed { read: Vec::new(), failed: Vec::new(), notes: Vec::new() };
    let mut fresh: Vec<Catalog> = Vec::new();
    status.notes.clear();
    for (name, outcome) in outcomes {
        // A file in which nothing is for sale says that something is wrong with it, and not that all is gone.
        let outcome = outcome.and_then(|feed| {
            if feed.catalog.is_empty() && feed.catalog.specs().is_empty() {
                Err(format!("it has no price of a machine among {} entries", feed.report.seen))
            } else {
                Ok(feed)
            }
        });
        match outcome {
            Ok(Feed { catalog, report }) => {
                status.read(&name, now, report.offers);
                let note = |n: &Note| (n.about.clone(), n.says.clone());
                done.notes.extend(catalog.notes().iter().take(NOTES).map(note));
                done.read.push((name, report.offers));
                fresh.push(catalog);
            }
            Err(says) => {
                status.failed(&name, now, &says);
                done.failed.push((name, says));
            }
        }
    }
    status.notes.clone_from(&done.notes);
    if fresh.is_empty() {
        cache::save_status(folder, &status)?;
    } else {
        prices.refresh(folder, &fresh.iter().collect::<Vec<_>>(), status)?;
    }
    Ok(done)
}

/// HTTP, with its errors in words. No address is told that could carry a key.
struct Web(reqwest::Client);

impl Web {
    fn new() -> Result<Self> {
        // A second call finds the first one's provider; that is fine.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder()
            .connect_timeout(Duration::from_secs(20))
            .read_timeout(Duration::from_mins(1))
            .user_agent(concat!("curfew/", env!("CARGO_PKG_VERSION")))
            .build();
        client.map(Self).map_err(|e| {
            Error::new(ErrorKind::Unknown, "read the prices", "this computer's HTTP cannot be set up").caused_by(e)
        })
    }
    async fn get(&self, url: &str, key: Option<&str>) -> Result<reqwest::Response, String> {
        let mut request = self.0.get(url);
        if let Some(key) = key {
            request = request.header("x-goog-api-key", key);
        }
        let answer = request.send().await.map_err(|e| in_words(&e))?;
        if answer.status().is_success() { Ok(answer) } else { Err(format!("the server answered {}", answer.status())) }
    }
    /// A bulk offer file, read as it comes: at no time is more than a few hundred kilobytes of it in memory.
    async fn bulk_file(
        &self,
        cx: &Cx,
        url: &str,
        known: Arc<Machines>,
        tell: &(dyn Fn(u64) + Send + Sync),
    ) -> Result<Feed, String> {
        let mut answer = self.get(url, None).await?;
        let (send, read) = chunks(4);
        let parsed = tokio::task::spawn_blocking(move || feeds::bulk_json(read, known.catalog()));
        let mut bytes = 0;
        tell(0);
        let sent = loop {
            if cx.check("read the prices").is_err() {
                break Err("it was cancelled".to_owned());
            }
            match answer.chunk().await {
                Ok(Some(chunk)) => {
                    bytes += chunk.len() as u64;
                    tell(bytes);
                    let (sender, chunk) = (send.clone(), chunk.to_vec());
                    // The reader may be behind: waiting for it is done where it holds up nobody.
                    match tokio::task::spawn_blocking(move || sender.send(chunk)).await {
                        Ok(true) => {}
                        // Nobody reads on: the file is wrong, and its reader says how.
                        _ => break Ok(()),
                    }
                }
                Ok(None) => {
                    send.clone().finish();
                    break Ok(());
                }
                Err(e) => {
                    send.fail(io::Error::new(io::ErrorKind::UnexpectedEof, in_words(&e)));
                    break Err(format!("the download broke off after {}: {}", say::bytes(bytes), in_words(&e)));
                }
            }
        };
        drop(send);
        let parsed = parsed.await.map_err(|e| e.to_string())?;
        sent?;
        parsed.map_err(|e| e.to_string())
    }
    /// Every page of Compute Engine's SKUs, put together to machines.
    async fn skus(
        &self,
        cx: &Cx,
        base: &str,
        key: &str,
        known: &Arc<Machines>,
        tell: &(dyn Fn(u64) + Send + Sync),
    ) -> Result<Feed, String> {
        let (mut skus, mut token, mut bytes) = (Skus::new(), String::new(), 0);
        for _ in 0..MOST_PAGES {
            if cx.check("read the prices").is_err() {
                return Err("it was cancelled".to_owned());
            }
            let url = format!(
                "{base}/v1/services/{COMPUTE_ENGINE}/skus?pageSize=5000&currencyCode=USD&pageToken={}",
                escaped(&token)
            );
            let answer = self.get(&url, Some(key)).await?;
            let body = answer.bytes().await.map_err(|e| in_words(&e))?;
            bytes += body.len() as u64;
            tell(bytes);
            let read = tokio::task::spawn_blocking(move || {
                let page = skus.page(&body[..]);
                (skus, page)
            });
            let page: Result<_, FeedError>;
            (skus, page) = read.await.map_err(|e| e.to_string())?;
            let next = page.map_err(|e| e.to_string())?.next_page_token;
            if next.is_empty() {
                return Ok(skus.price(known.catalog()));
            }
            if next == token {
                return Err("its pages go round in a circle".to_owned());
            }
            token = next;
        }
        Err(format!("it has more than {MOST_PAGES} pages"))
    }
}

/// A page token in an address. Google's are letters, digits and a few signs.
fn escaped(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.~".contains(&b);
    text.bytes().map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

/// What went wrong, without the address, which may carry a key.
fn in_words(e: &reqwest::Error) -> String {
    if e.is_timeout() {
        "no answer in time".to_owned()
    } else if e.is_connect() {
        "no connection".to_owned()
    } else {
        let mut deepest: &dyn std::error::Error = e;
        while let Some(cause) = deepest.source() {
            deepest = cause;
        }
        say::clean(&deepest.to_string(), 120)
    }
}
