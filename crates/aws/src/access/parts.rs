//! The execution role and the bucket: which there are, which is used, choosing and making one.

use super::kept::InRegion;
use crate::aws::Inner;
use crate::bucket;
use crate::retry::call;
use crate::role::{self, OURS, POLICY, TRUST};
use curfew_core::access::{Candidate, Chosen, Part, PartSheet};
use curfew_core::{Cx, Error, ErrorKind, Gap, RegionName, Result, Sweep, say};
use futures::StreamExt;

/// Said of what the environment names.
const ROLE_VARIABLE: &str = "CURFEW_AWS_ROLE";
const BUCKET_VARIABLE: &str = "CURFEW_AWS_BUCKET";
const HERE: &str = "chosen here";
/// How many buckets are looked at more closely, and how many at once.
const LOOKED_AT: usize = 100;
const AT_ONCE: usize = 8;

impl Inner {
    pub(crate) fn part(&self, part: Part) -> PartSheet {
        let names = self.names(&self.home);
        match part {
            Part::Role => PartSheet {
                title: "Execution role".into(),
                says: "Training jobs and endpoints run as this role: it reads their data and writes their results."
                    .into(),
                typed: names.iam("role/…"),
                ours: OURS.into(),
                makes:
                    "It may read and write Curfew's buckets, write logs and figures, and read AWS's framework images; \
                        only SageMaker may use it."
                        .into(),
                documents: vec![
                    ("Who may use it".into(), TRUST.trim().to_owned()),
                    ("What it may do".into(), POLICY.trim().to_owned()),
                ],
            },
            Part::Bucket => PartSheet {
                title: "Bucket for runs".into(),
                says: "Code, data, checkpoints and results of runs lie in it, below curfew/.".into(),
                typed: names.bucket(),
                ours: names.bucket(),
                makes: format!(
                    "Private and encrypted, in {}; uploads that break off are thrown away after {} days, scratch after {}. \
                     Other regions get one of their own when something is started there.",
                    self.home,
                    bucket::UPLOAD_DAYS,
                    bucket::SCRATCH_DAYS
                ),
                documents: Vec::new(),
            },
        }
    }

    pub(crate) fn unchoose(&self, part: Part) -> Result<()> {
        self.kept.change(|notes| match part {
            Part::Role => notes.role = None,
            Part::Bucket => {
                let before = notes.bucket.take();
                remember(&mut notes.earlier, before);
            }
        })
    }

    // ---- The role ----

    pub(crate) async fn roles_found(&self, cx: &Cx) -> Sweep<Candidate> {
        let candidate = |(arn, name): (String, String)| Candidate {
            notes: if name == OURS { vec!["made by Curfew".into()] } else { Vec::new() },
            cautions: Vec::new(),
            id: arn,
            name,
        };
        match role::all(self, cx, &self.home).await {
            Ok(roles) => Sweep::whole(roles.into_iter().map(candidate).collect()),
            Err(e) => Sweep { items: Vec::new(), gaps: vec![self.no_list("roles that SageMaker may use", &e)] },
        }
    }

    fn no_list(&self, what: &str, error: &Error) -> Gap {
        Gap::new(&self.cloud, &self.account, None, what, error)
    }

    pub(crate) async fn role_chosen(&self, cx: &Cx) -> Result<Option<Chosen>> {
        if let Some(role) = &self.settings.role {
            return Ok(Some(Chosen { id: role.clone(), by: ROLE_VARIABLE.into(), fixed: true }));
        }
        if let Some(role) = self.kept.notes().role {
            return Ok(Some(Chosen { id: role, by: HERE.into(), fixed: false }));
        }
        let found = role::find(self, cx, &self.home).await?;
        Ok(found.map(|id| Chosen { id, by: "found by its name".into(), fixed: false }))
    }

    pub(crate) async fn choose_role(&self, cx: &Cx, arn: &str) -> Result<Chosen> {
        if self.settings.role.is_some() {
            return Err(fixed(ROLE_VARIABLE, "role"));
        }
        let arn = arn.trim();
        let start = self.names(&self.home).iam("role/");
        let name = arn.strip_prefix(&start).and_then(|path| path.rsplit('/').next()).filter(|n| !n.is_empty());
        let Some(name) = name.filter(|_| arn.len() <= 2048 && arn.bytes().all(|b| b.is_ascii_graphic())) else {
            let shown = say::clean(arn, 80);
            let what = format!("“{shown}” is not the ARN of a role of this account, which begins with {start}");
            return Err(Error::input("role", what));
        };
        // Looked at where that is allowed. Who may not look may still name it.
        let iam = self.at(&self.home).any_iam.clone();
        match call(cx, "look at the role", || iam.get_role().role_name(name).send()).await {
            Ok(found) => {
                let found = found.role();
                if found.is_some_and(|r| r.arn() != arn) {
                    let there = found.map(|r| r.arn().to_owned()).unwrap_or_default();
                    return Err(Error::input("role", format!("the role of this name is {there}")));
                }
                let trusts = found.and_then(|r| r.assume_role_policy_document()).is_some_and(role::trusts_sagemaker);
                if !trusts {
                    let what =
                        format!("SageMaker may not use the role {name}: it does not trust sagemaker.amazonaws.com");
                    return Err(Error::input("role", what).next("Choose another, or ask its owner to add that trust"));
                }
            }
            Err(e) if e.kind() == ErrorKind::NotFound => {
                return Err(Error::input("role", format!("there is no role {name} in this account")));
            }
            Err(e) if e.kind() == ErrorKind::PermissionDenied => {}
            Err(e) => return Err(e),
        }
        self.kept.change(|notes| notes.role = Some(arn.to_owned()))?;
        Ok(Chosen { id: arn.to_owned(), by: HERE.into(), fixed: false })
    }

    pub(crate) async fn make_role(&self, cx: &Cx) -> Result<Chosen> {
        if self.settings.role.is_some() {
            return Err(fixed(ROLE_VARIABLE, "role"));
        }
        let arn = role::create(self, cx, &self.home).await?;
        *self.known.role.lock().await = Some(arn.clone());
        self.kept.change(|notes| notes.role = Some(arn.clone()))?;
        Ok(Chosen { id: arn, by: HERE.into(), fixed: false })
    }

    // ---- The bucket ----

    /// The bucket that was chosen and where it is; `None`: ours, one in each region.
    pub(crate) async fn bucket_named(&self, cx: &Cx) -> Result<Option<InRegion>> {
        let Some(name) = &self.settings.bucket else { return Ok(self.kept.notes().bucket) };
        let mut known = self.known.named.lock().await;
        if known.as_ref().is_none_or(|n| n.name != *name) {
            let region = match bucket::region(self, cx, name).await {
                Ok(region) => region,
                // Not told: it is taken to be where everything else is, and a look into it says so if it is not. Not there
                // yet: it is made there.
                Err(e) if matches!(e.kind(), ErrorKind::PermissionDenied | ErrorKind::NotFound) => self.home.clone(),
                Err(e) => return Err(e),
            };
            *known = Some(InRegion { name: name.clone(), region });
        }
        Ok(known.clone())
    }

    /// The name of the bucket that is used in a region.
    pub(crate) async fn bucket_wanted(&self, cx: &Cx, region: &RegionName) -> Result<String> {
        let named = self.bucket_named(cx).await?.filter(|b| b.region == *region);
        Ok(named.map_or_else(|| self.names(region).bucket(), |b| b.name))
    }

    /// The names of all buckets of a region in which things of ours may lie: the one that is used first.
    pub(crate) async fn buckets_ever(&self, cx: &Cx, region: &RegionName) -> Result<Vec<String>> {
        let mut names = vec![self.bucket_wanted(cx, region).await?];
        let earlier = self.kept.notes().earlier.into_iter().filter(|b| b.region == *region).map(|b| b.name);
        for name in std::iter::once(self.names(region).bucket()).chain(earlier) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        Ok(names)
    }

    pub(crate) async fn bucket_chosen(&self, cx: &Cx) -> Result<Option<Chosen>> {
        if let Some(bucket) = self.bucket_named(cx).await? {
            let fixed = self.settings.bucket.is_some();
            let by = if fixed { BUCKET_VARIABLE } else { HERE };
            return Ok(Some(Chosen { id: bucket.name, by: format!("{by}, in {}", bucket.region), fixed }));
        }
        let there = self.store_if_there(cx, &self.home).await?;
        Ok(there.map(|s| Chosen { id: s.bucket, by: "Curfew's own".into(), fixed: false }))
    }

    pub(crate) async fn buckets_found(&self, cx: &Cx) -> Sweep<Candidate> {
        let names = match bucket::all(self, cx).await {
            Ok(names) => names,
            Err(e) => return Sweep { items: Vec::new(), gaps: vec![self.no_list("buckets of this account", &e)] },
        };
        let more = names.len().saturating_sub(LOOKED_AT);
        let look = |name: String| async move { bucket::candidate(self, cx, name).await };
        let items: Vec<Candidate> =
            futures::stream::iter(names.into_iter().take(LOOKED_AT)).map(look).buffered(AT_ONCE).collect().await;
        let mut gaps = Vec::new();
        if more > 0 {
            let what = format!("{more} more buckets are there and were not looked at; name one to use it");
            let error = Error::new(ErrorKind::Unsupported, "list the buckets", what);
            gaps.push(self.no_list("further buckets", &error));
        }
        Sweep { items, gaps }
    }

    pub(crate) async fn choose_bucket(&self, cx: &Cx, name: &str) -> Result<Chosen> {
        if self.settings.bucket.is_some() {
            return Err(fixed(BUCKET_VARIABLE, "bucket"));
        }
        let name = name.trim().trim_start_matches("s3://").trim_end_matches('/');
        if !bucket::can_be_a_name(name) {
            let shown = say::clean(name, 80);
            return Err(Error::input("bucket", format!("“{shown}” cannot be the name of a bucket")));
        }
        let region = match bucket::region(self, cx, name).await {
            Ok(region) => region,
            Err(e) if e.kind() == ErrorKind::NotFound => {
                return Err(Error::input("bucket", format!("there is no bucket {name}")));
            }
            Err(e) if e.kind() == ErrorKind::PermissionDenied => {
                let what = format!("the bucket {name} is not of this account, or these keys may not look at it");
                return Err(Error::input("bucket", what).caused_by(e));
            }
            Err(e) => return Err(e),
        };
        // Read as runs will read it: a wrong region, a stranger's bucket and missing rights come out here.
        let clients = self.at(&region);
        if !bucket::is_there(self, cx, &clients.any_s3, name).await.map_err(|e| e.at("bucket"))? {
            return Err(Error::input("bucket", format!("there is no bucket {name}")));
        }
        let chosen = InRegion { name: name.to_owned(), region };
        self.kept.change(|notes| {
            let before = notes.bucket.replace(chosen.clone());
            remember(&mut notes.earlier, before.filter(|b| *b != chosen));
        })?;
        Ok(Chosen { id: chosen.name, by: format!("{HERE}, in {}", chosen.region), fixed: false })
    }

    pub(crate) async fn make_bucket(&self, cx: &Cx) -> Result<Chosen> {
        if self.settings.bucket.is_some() {
            return Err(fixed(BUCKET_VARIABLE, "bucket"));
        }
        self.unchoose(Part::Bucket)?;
        let store = self.store(cx, &self.home).await?;
        Ok(Chosen { id: store.bucket, by: "Curfew's own".into(), fixed: false })
    }
}

/// Keeps a bucket in mind that is no longer used.
fn remember(earlier: &mut Vec<InRegion>, bucket: Option<InRegion>) {
    if let Some(bucket) = bucket.filter(|b| !earlier.contains(b)) {
        earlier.push(bucket);
    }
}

fn fixed(variable: &str, field: &'static str) -> Error {
    let what = format!("{variable} in the environment says which one is used");
    Error::new(ErrorKind::Conflict, "choose it", what)
        .at(field)
        .next(format!("Start Curfew without {variable} to choose here"))
}
