//! What the account may do, and what it is set up with.

mod kept;
mod parts;
mod policy;
mod principal;
mod regions;
mod report;
pub(crate) mod rights;
mod tried;

pub(crate) use kept::{InRegion, Kept};
pub(crate) use tried::{Tried, hint};

use crate::aws::Aws;
use async_trait::async_trait;
use curfew_core::access::{Access, Candidate, Chosen, Part, PartSheet, Policy, Regions, Report, Who};
use curfew_core::{Cx, Result, Sweep};
use jiff::SignedDuration;

#[async_trait]
impl Access for Aws {
    async fn who(&self, cx: &Cx) -> Result<Who> {
        self.inner.who(cx).await
    }
    fn regions_known(&self) -> Regions {
        self.inner.regions_known()
    }
    async fn regions(&self, cx: &Cx, at_most: SignedDuration) -> Result<Regions> {
        self.inner.regions(cx, at_most).await
    }
    async fn may(&self, cx: &Cx) -> Result<Report> {
        cx.check("ask what these keys may do")?;
        Box::pin(self.inner.may(cx)).await
    }
    fn policies(&self) -> Vec<Policy> {
        self.inner.policies()
    }
    fn part(&self, part: Part) -> PartSheet {
        self.inner.part(part)
    }
    async fn found(&self, cx: &Cx, part: Part) -> Sweep<Candidate> {
        match part {
            Part::Role => self.inner.roles_found(cx).await,
            Part::Bucket => self.inner.buckets_found(cx).await,
        }
    }
    async fn chosen(&self, cx: &Cx, part: Part) -> Result<Option<Chosen>> {
        match part {
            Part::Role => self.inner.role_chosen(cx).await,
            Part::Bucket => self.inner.bucket_chosen(cx).await,
        }
    }
    async fn choose(&self, cx: &Cx, part: Part, id: &str) -> Result<Chosen> {
        cx.check("choose it")?;
        match part {
            Part::Role => self.inner.choose_role(cx, id).await,
            Part::Bucket => self.inner.choose_bucket(cx, id).await,
        }
    }
    fn unchoose(&self, part: Part) -> Result<()> {
        self.inner.unchoose(part)
    }
    async fn make(&self, cx: &Cx, part: Part) -> Result<Chosen> {
        cx.check("make it")?;
        match part {
            Part::Role => self.inner.make_role(cx).await,
            Part::Bucket => self.inner.make_bucket(cx).await,
        }
    }
}
