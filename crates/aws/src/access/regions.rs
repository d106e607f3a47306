//! Which regions are enabled: AWS tells, and the answer is kept with its age.

use super::kept::Enabled;
use crate::aws::Inner;
use crate::retry::call;
use curfew_core::access::Regions;
use curfew_core::{Cx, Error, ErrorKind, RegionName, Result};
use jiff::SignedDuration;

/// What limits the regions, as it is named on screen.
const LIMIT: &str = "CURFEW_AWS_REGIONS";

impl Inner {
    /// The regions that a sweep reads, the home region first. Where it is not known which are enabled, the home region
    /// alone; the sweep then says that.
    pub(crate) fn read_regions(&self) -> Vec<RegionName> {
        let others = if self.settings.regions.is_empty() {
            self.kept.notes().regions.map(|r| r.names).unwrap_or_default()
        } else {
            self.settings.regions.clone()
        };
        let mut regions = vec![self.home.clone()];
        for region in others {
            if !regions.contains(&region) {
                regions.push(region);
            }
        }
        regions
    }

    /// Those of them whose machines and prices are known here, the home region first.
    pub(crate) fn priced_regions(&self) -> Vec<RegionName> {
        let priced = |r: &RegionName| *r == self.home || crate::machines::has_region(r.as_str());
        self.read_regions().into_iter().filter(priced).collect()
    }

    pub(crate) fn regions_known(&self) -> Regions {
        let known = self.kept.notes().regions;
        Regions {
            home: self.home.clone(),
            read: self.read_regions(),
            limited_by: (!self.settings.regions.is_empty()).then(|| LIMIT.to_owned()),
            at: known.as_ref().map(|k| k.at),
            enabled: known.map(|k| k.names).unwrap_or_default(),
        }
    }

    /// Asks AWS which regions are enabled, unless what is known is young enough or nothing but the limit counts.
    pub(crate) async fn regions(&self, cx: &Cx, at_most: SignedDuration) -> Result<Regions> {
        let known = self.regions_known();
        // A clock that was set back makes what is known old, not eternal.
        let young = known.at.is_some_and(|at| at <= cx.now() && cx.now().duration_since(at) <= at_most);
        if young {
            return Ok(known);
        }
        let names = self.enabled_regions(cx).await?;
        self.kept.change(|notes| notes.regions = Some(Enabled { at: cx.now(), names }))?;
        Ok(self.regions_known())
    }

    async fn enabled_regions(&self, cx: &Cx) -> Result<Vec<RegionName>> {
        const WHAT: &str = "ask which regions are enabled";
        let ec2 = self.at(&self.home).ec2.clone();
        let answer = call(cx, WHAT, || ec2.describe_regions().all_regions(false).send()).await?;
        let enabled = |r: &&aws_sdk_ec2::types::Region| r.opt_in_status() != Some("not-opted-in");
        // China's and the government's clouds are others, with accounts of their own.
        let here = |r: &RegionName| self.names(r).partition() == self.names(&self.home).partition();
        let names = answer.regions().iter().filter(enabled).filter_map(|r| r.region_name());
        let mut names: Vec<RegionName> = names.filter_map(|n| RegionName::new(n).ok()).filter(here).collect();
        names.sort();
        if names.is_empty() {
            return Err(Error::new(ErrorKind::Unknown, WHAT, "AWS named no region"));
        }
        Ok(names)
    }
}
