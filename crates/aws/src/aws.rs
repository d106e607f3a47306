//! The provider object, and the clients of each region.

use crate::accounts::{self, Settings};
use crate::names::Names;
use crate::store::Store;
use crate::{kinds, machines};
use async_trait::async_trait;
use aws_config::{Region, SdkConfig};
use curfew_core::machine::MachineRef;
use curfew_core::provider::{Kind, Machine, Offers, Provider, Serving, Training};
use curfew_core::{AccountId, CloudId, Cx, Error, ErrorKind, Gap, RegionName, Result, Sweep};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

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
    pub regions: Vec<RegionName>,
    clients: Mutex<HashMap<RegionName, Arc<Clients>>>,
    /// What was found out once and does not change: the bucket is there, the role is this one.
    pub known: tokio::sync::Mutex<Known>,
    /// Records of runs and endpoints, which never change once written.
    pub records: Mutex<HashMap<String, Arc<str>>>,
    pub traffic: Mutex<crate::traffic::Seen>,
}

#[derive(Default)]
pub(crate) struct Known {
    pub buckets: HashMap<RegionName, String>,
    pub role: Option<String>,
    pub attached: HashMap<RegionName, (curfew_core::Timestamp, crate::attached::Attached)>,
    pub quotas: HashMap<RegionName, (curfew_core::Timestamp, Arc<std::collections::BTreeMap<String, f64>>)>,
}

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
        let mut regions = vec![home.clone()];
        for region in &settings.regions {
            if !regions.contains(region) {
                regions.push(region.clone());
            }
        }
        let inner = Arc::new(Inner {
            config,
            settings,
            cloud: CloudId::new("aws").expect("a constant that is a name"),
            account: AccountId(account),
            home,
            regions,
            clients: Mutex::default(),
            known: tokio::sync::Mutex::default(),
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
        // With an address of one's own, bucket names cannot be host names.
        let s3 = aws_sdk_s3::config::Builder::from(&config)
            .force_path_style(config.endpoint_url().is_some())
            .request_checksum_calculation(aws_sdk_s3::config::RequestChecksumCalculation::WhenRequired)
            .response_checksum_validation(aws_sdk_s3::config::ResponseChecksumValidation::WhenRequired)
            .build();
        Clients {
            region: region.clone(),
            sagemaker: aws_sdk_sagemaker::Client::new(&config),
            runtime: aws_sdk_sagemakerruntime::Client::new(&config),
            s3: aws_sdk_s3::Client::from_conf(s3),
            logs: aws_sdk_cloudwatchlogs::Client::new(&config),
            cloudwatch: aws_sdk_cloudwatch::Client::new(&config),
            scaling: aws_sdk_applicationautoscaling::Client::new(&config),
            quotas: aws_sdk_servicequotas::Client::new(&config),
            iam: aws_sdk_iam::Client::new(&config),
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

    pub(crate) fn gap(&self, region: &RegionName, what: &str, error: &Error) -> Gap {
        Gap::new(&self.cloud, &self.account, Some(region), what, error)
    }

    pub(crate) fn names(&self, region: &RegionName) -> Names {
        Names::new(&self.account, region, &self.config)
    }

    /// The bucket of a region, made if it is not there.
    pub(crate) async fn store(&self, cx: &Cx, region: &RegionName) -> Result<Store> {
        let clients = self.at(region);
        let mut known = self.known.lock().await;
        let bucket = if let Some(bucket) = known.buckets.get(region) {
            bucket.clone()
        } else {
            let bucket = crate::bucket::ensure(self, cx, &clients).await?;
            known.buckets.insert(region.clone(), bucket.clone());
            bucket
        };
        Ok(Store::new(clients.s3.clone(), bucket))
    }

    /// The bucket of a region, if it is there. Makes nothing.
    pub(crate) async fn store_if_there(&self, cx: &Cx, region: &RegionName) -> Result<Option<Store>> {
        let clients = self.at(region);
        let mut known = self.known.lock().await;
        if let Some(bucket) = known.buckets.get(region) {
            return Ok(Some(Store::new(clients.s3.clone(), bucket.clone())));
        }
        let found = crate::bucket::find(self, cx, &clients).await?;
        if let Some(bucket) = &found {
            known.buckets.insert(region.clone(), bucket.clone());
        }
        Ok(found.map(|bucket| Store::new(clients.s3.clone(), bucket)))
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
        self.inner.regions.clone()
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
        let regions = self.inner.regions.iter();
        Ok(Sweep::whole(regions.flat_map(|r| machines::offers(&self.inner.cloud, r.as_str())).collect()))
    }
}
