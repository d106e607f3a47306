//! The provider object, and the clients of each region.

use crate::access::{InRegion, Kept, Tried};
use crate::accounts::{self, Settings};
use crate::names::Names;
use crate::store::Store;
use crate::{kinds, machines};
use async_trait::async_trait;
use aws_config::{Region, SdkConfig};
use curfew_core::machine::MachineRef;
use curfew_core::provider::{Kind, Machine, Offers, Provider, Serving, Training};
use curfew_core::{AccountId, CloudId, Cx, Error, ErrorKind, Gap, RegionName, Result, Sweep};
use futures::StreamExt;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// One account at AWS.
pub struct Aws {
    pub(crate) inner: Arc<Inner>,
    kinds: Vec<Box<dyn Kind>>,
}

/// What every part of it needs.
pub(crate) struct Inner {
    pub config: SdkConfig,
    pub settings: Settings,
    pub cloud: CloudId,
    pub account: AccountId,
    pub home: RegionName,
    /// What was chosen and found out, in a file of the home.
    pub kept: Kept,
    /// What was really tried in this session.
    pub tried: Tried,
    clients: Mutex<HashMap<RegionName, Arc<Clients>>>,
    /// What was found out once and does not change: the role is this one.
    pub known: Known,
    looks: Mutex<HashMap<RegionName, Arc<tokio::sync::Mutex<Look>>>>,
    /// Records of runs and endpoints, which never change once written.
    pub records: Mutex<HashMap<String, Arc<str>>>,
    pub traffic: Mutex<crate::traffic::Seen>,
}

/// Each behind a lock of its own, which is held while AWS is asked, so that two who want the same ask once, and nobody
/// waits for what somebody else wants.
#[derive(Default)]
pub(crate) struct Known {
    pub role: tokio::sync::Mutex<Option<String>>,
    pub attached: Mutex<HashMap<RegionName, (curfew_core::Timestamp, crate::attached::Attached)>>,
    pub quotas: Mutex<HashMap<RegionName, Arc<tokio::sync::Mutex<Option<Quotas>>>>>,
    /// The bucket that the environment names, with its region.
    pub named: tokio::sync::Mutex<Option<InRegion>>,
}

/// Applied quotas by name, and when they were read.
pub(crate) type Quotas = (curfew_core::Timestamp, Arc<std::collections::BTreeMap<String, f64>>);

/// Which buckets of ours are there in a region.
#[derive(Default)]
struct Look {
    /// When the look began whose answer `there` is.
    began: Option<Instant>,
    there: Vec<String>,
}

/// Kinds of one region that are read at one time ask for its bucket once: an answer so young is as good as one's own.
const AT_ONE_TIME: Duration = Duration::from_millis(250);
/// Regions that are asked at once.
const AT_ONCE: usize = 8;
/// For how long a list of runs or endpoints believes that a region other than the home region has no bucket: each look
/// is a call that costs, in every region.
const BELIEVED: Duration = Duration::from_mins(10);

/// The clients of one region. Cheap to make; the HTTP connections are shared.
pub(crate) struct Clients {
    pub region: RegionName,
    pub sagemaker: aws_sdk_sagemaker::Client,
    pub runtime: aws_sdk_sagemakerruntime::Client,
    pub s3: aws_sdk_s3::Client,
    pub logs: aws_sdk_cloudwatchlogs::Client,
    pub cloudwatch: aws_sdk_cloudwatch::Client,
    pub scaling: aws_sdk_applicationautoscaling::Client,
    pub quotas: aws_sdk_servicequotas::Client,
    pub iam: aws_sdk_iam::Client,
    /// For looks at buckets and roles that may be anybody's: that one of them is closed to us says nothing about ours, so
    /// what these are refused is not noted.
    pub any_s3: aws_sdk_s3::Client,
    pub any_iam: aws_sdk_iam::Client,
    pub sts: aws_sdk_sts::Client,
    pub ec2: aws_sdk_ec2::Client,
}

impl Aws {
    /// The account behind `settings`: asks AWS who this is, once.
    pub async fn connect(settings: Settings) -> Result<Self> {
        let config = accounts::load(&settings).await?;
        let who = accounts::identity(&config).await?;
        Self::new(settings, config, who.account)
    }

    /// The account `account`, as was found out before. Asks nobody.
    pub(crate) fn new(settings: Settings, config: SdkConfig, account: String) -> Result<Self> {
        let home = config.region().map_or("us-east-1", Region::as_ref);
        let home = RegionName::new(home)
            .map_err(|e| Error::new(ErrorKind::InvalidInput, "read the AWS settings", e.to_string()).at("region"))?;
        let account = AccountId(account);
        let file = settings.kept.as_ref().map(|folder| folder.join(format!("aws-{account}.json")));
        let inner = Arc::new(Inner {
            config,
            settings,
            cloud: CloudId::new("aws").expect("a constant that is a name"),
            kept: Kept::new(file),
            tried: Tried::new(account.clone()),
            account,
            home,
            clients: Mutex::default(),
            known: Known::default(),
            looks: Mutex::default(),
            records: Mutex::default(),
            traffic: Mutex::default(),
        });
        Ok(Self { kinds: kinds::all(&inner), inner })
    }
}

impl Inner {
    /// The clients of a region.
    pub(crate) fn at(&self, region: &RegionName) -> Arc<Clients> {
        let mut clients = self.clients.lock().expect("nothing panics while it is held");
        clients.entry(region.clone()).or_insert_with(|| Arc::new(self.clients_of(region))).clone()
    }

    fn clients_of(&self, region: &RegionName) -> Clients {
        let config = self.config.to_builder().region(Region::new(region.to_string())).build();
        // Every client notes how its calls went: what may be done is told from that too.
        macro_rules! client {
            ($service:ident) => {{
                let config = $service::config::Builder::from(&config).interceptor(self.tried.clone()).build();
                $service::Client::from_conf(config)
            }};
        }
        // With an address of one's own, bucket names cannot be host names.
        let s3 = aws_sdk_s3::config::Builder::from(&config)
            .force_path_style(config.endpoint_url().is_some())
            .request_checksum_calculation(aws_sdk_s3::config::RequestChecksumCalculation::WhenRequired)
            .response_checksum_validation(aws_sdk_s3::config::ResponseChecksumValidation::WhenRequired);
        Clients {
            region: region.clone(),
            sagemaker: client!(aws_sdk_sagemaker),
            runtime: client!(aws_sdk_sagemakerruntime),
            any_s3: aws_sdk_s3::Client::from_conf(s3.clone().build()),
            s3: aws_sdk_s3::Client::from_conf(s3.interceptor(self.tried.clone()).build()),
            logs: client!(aws_sdk_cloudwatchlogs),
            cloudwatch: client!(aws_sdk_cloudwatch),
            scaling: client!(aws_sdk_applicationautoscaling),
            quotas: client!(aws_sdk_servicequotas),
            any_iam: aws_sdk_iam::Client::new(&config),
            iam: client!(aws_sdk_iam),
            sts: client!(aws_sdk_sts),
            ec2: client!(aws_sdk_ec2),
        }
    }

    /// Where a machine is; the account's own region where none is named.
    pub(crate) fn region_of(&self, machine: &MachineRef) -> Result<RegionName> {
        if machine.cloud != self.cloud {
            return Err(Error::input("machine", format!("AWS has no {machine}")));
        }
        match &machine.region {
            None => Ok(self.home.clone()),
            Some(region) => RegionName::new(region.as_str()).map_err(|e| Error::input("machine", e.to_string())),
        }
    }

    /// The same question in every region that is read, some at once; answers in the order of the regions.
    pub(crate) async fn in_each_region<T, F>(&self, ask: impl Fn(RegionName) -> F) -> Sweep<T>
    where
        F: Future<Output = Sweep<T>>,
    {
        let answers = futures::stream::iter(self.read_regions()).map(ask).buffered(AT_ONCE);
        answers
            .fold(Sweep::default(), |mut all, one| async move {
                all.absorb(one);
                all
            })
            .await
    }

    pub(crate) fn gap(&self, region: &RegionName, what: &str, error: &Error) -> Gap {
        Gap::new(&self.cloud, &self.account, Some(region), what, error)
    }

    pub(crate) fn names(&self, region: &RegionName) -> Names {
        Names::of(&self.account, region)
    }

    /// The bucket that is used in a region, made if it is not there.
    pub(crate) async fn store(&self, cx: &Cx, region: &RegionName) -> Result<Store> {
        let wanted = self.bucket_wanted(cx, region).await?;
        let look = self.look(region);
        let mut look = look.lock().await;
        if !look.there.contains(&wanted) {
            look.there.push(crate::bucket::ensure(self, cx, &self.at(region)).await?);
        }
        Ok(self.store_in(region, &wanted))
    }

    /// The bucket that is used in a region, if it is there. Makes nothing.
    pub(crate) async fn store_if_there(&self, cx: &Cx, region: &RegionName) -> Result<Option<Store>> {
        let wanted = self.bucket_wanted(cx, region).await?;
        Ok(self.stores(cx, region).await?.into_iter().find(|s| s.bucket == wanted))
    }

    /// Every bucket of a region that is there and in which things of ours may lie, the one that is used first.
    pub(crate) async fn stores(&self, cx: &Cx, region: &RegionName) -> Result<Vec<Store>> {
        self.stores_seen(cx, region, AT_ONE_TIME).await
    }

    /// The same for a list that is asked for again and again: that there is none is believed for a while.
    pub(crate) async fn stores_by_and_by(&self, cx: &Cx, region: &RegionName) -> Result<Vec<Store>> {
        let believed = if *region == self.home { AT_ONE_TIME } else { BELIEVED };
        self.stores_seen(cx, region, believed).await
    }

    async fn stores_seen(&self, cx: &Cx, region: &RegionName, believed: Duration) -> Result<Vec<Store>> {
        let asked = Instant::now();
        let names = self.buckets_ever(cx, region).await?;
        let look = self.look(region);
        let mut look = look.lock().await;
        let answered = look.began.is_some_and(|began| began + believed >= asked);
        if !answered {
            let began = Instant::now();
            for name in &names {
                if !look.there.contains(name) && crate::bucket::is_there(self, cx, &self.at(region).s3, name).await? {
                    look.there.push(name.clone());
                }
            }
            look.began = Some(began);
        }
        let there = names.iter().filter(|n| look.there.contains(n));
        Ok(there.map(|n| self.store_in(region, n)).collect())
    }

    /// The bucket in which something lies below `folder`; the one that is used where none has it.
    pub(crate) async fn store_with(&self, cx: &Cx, region: &RegionName, folder: &str) -> Result<Option<Store>> {
        let mut stores = self.stores(cx, region).await?;
        if stores.len() > 1 {
            for store in &stores {
                if store.has(cx, folder).await? {
                    return Ok(Some(store.clone()));
                }
            }
        }
        let wanted = self.bucket_wanted(cx, region).await?;
        let at = stores.iter().position(|s| s.bucket == wanted);
        Ok(at.map(|at| stores.swap_remove(at)).or_else(|| stores.into_iter().next()))
    }

    fn look(&self, region: &RegionName) -> Arc<tokio::sync::Mutex<Look>> {
        self.looks.lock().expect("nothing panics while it is held").entry(region.clone()).or_default().clone()
    }

    fn store_in(&self, region: &RegionName, bucket: &str) -> Store {
        Store::new(self.at(region).s3.clone(), bucket.to_owned())
    }

    /// A bucket was deleted.
    pub(crate) async fn forget_bucket(&self, region: &RegionName, bucket: &str) {
        self.look(region).lock().await.there.retain(|b| b != bucket);
    }
}

impl Provider for Aws {
    fn cloud(&self) -> &CloudId {
        &self.inner.cloud
    }
    fn account(&self) -> &AccountId {
        &self.inner.account
    }
    fn title(&self) -> String {
        match &self.inner.settings.title {
            Some(title) => format!("AWS · {title}"),
            None => format!("AWS · {}", self.inner.account),
        }
    }
    fn regions(&self) -> Vec<RegionName> {
        self.inner.read_regions()
    }
    fn offers(&self) -> Option<&dyn Offers> {
        Some(self)
    }
    fn training(&self) -> Option<&dyn Training> {
        Some(self)
    }
    fn serving(&self) -> Option<&dyn Serving> {
        Some(self)
    }
    fn kinds(&self) -> &[Box<dyn Kind>] {
        &self.kinds
    }
    fn market(&self) -> Option<&dyn curfew_core::market::Market> {
        Some(self)
    }
    fn access(&self) -> Option<&dyn curfew_core::access::Access> {
        Some(self)
    }
    fn priced_regions(&self) -> Vec<RegionName> {
        self.inner.priced_regions()
    }
    fn key_life(&self) -> curfew_core::connect::KeyLife {
        self.inner.settings.life
    }
    fn look_every(&self) -> jiff::SignedDuration {
        jiff::SignedDuration::from_secs(5)
    }
}

#[async_trait]
impl Offers for Aws {
    async fn machines(&self, cx: &Cx) -> Result<Sweep<Machine>> {
        cx.check("list the machines")?;
        let regions = self.inner.priced_regions();
        Ok(Sweep::whole(regions.iter().flat_map(|r| machines::offers(&self.inner.cloud, r.as_str())).collect()))
    }
}
