//! Bulk offer files of the AWS Price List in their documented shape, made while they are read, so that a file of any
//! size takes no memory of its own. One product in `every` is a machine of ours, as in the real files.

use std::fmt::Write as _;
use std::io::{self, Read};

/// A bulk file as JSON: `products` products, of which each `every`th is a Linux machine on demand and reserved.
pub(crate) struct BulkJson {
    products: usize,
    every: usize,
    at: usize,
    part: Part,
    now: String,
    sent: usize,
}

#[derive(PartialEq)]
enum Part {
    Head,
    Products,
    OnDemand,
    Reserved,
    End,
}

impl BulkJson {
    pub(crate) fn new(products: usize, every: usize) -> Self {
        Self { products, every, at: 0, part: Part::Head, now: String::new(), sent: 0 }
    }
    fn sku(i: usize) -> String {
        format!("{:016X}", (i as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15))
    }
    fn product(&mut self, i: usize) {
        let sku = Self::sku(i);
        let ours = i.is_multiple_of(self.every);
        let (tenancy, os) = if ours { ("Shared", "Linux") } else { ("Dedicated", "Windows") };
        let size = 1 << (i / self.every % 6);
        let _ = write!(
            self.now,
            r#"{comma}"{sku}":{{"sku":"{sku}","productFamily":"Compute Instance","attributes":{{"servicecode":"AmazonEC2","location":"US East (N. Virginia)","locationType":"AWS Region","instanceType":"x{family}.{size}xlarge","currentGeneration":"Yes","instanceFamily":"General purpose","vcpu":"{vcpu}","physicalProcessor":"Intel Xeon Platinum 8175","clockSpeed":"3.1 GHz","memory":"{memory} GiB","storage":"EBS only","networkPerformance":"Up to 10 Gigabit","processorArchitecture":"64-bit","tenancy":"{tenancy}","operatingSystem":"{os}","licenseModel":"No License required","usagetype":"BoxUsage:x{family}.{size}xlarge","operation":"RunInstances","capacitystatus":"Used","enhancedNetworkingSupported":"Yes","marketoption":"OnDemand","normalizationSizeFactor":"8","preInstalledSw":"NA","processorFeatures":"Intel AVX; Intel AVX2; Intel AVX512; Intel Turbo","regionCode":"us-east-1","servicename":"Amazon Elastic Compute Cloud","vpcnetworkingsupport":"true"}}}}"#,
            comma = if i == 0 { "" } else { "," },
            family = i / self.every / 6,
            vcpu = 4 * size,
            memory = 16 * size,
        );
    }
    fn term(&mut self, i: usize, reserved: bool) {
        let sku = Self::sku(i);
        let comma = if i == 0 { "" } else { "," };
        let attributes = if reserved {
            r#"{"LeaseContractLength":"1yr","OfferingClass":"standard","PurchaseOption":"No Upfront"}"#
        } else {
            "{}"
        };
        let usd = if reserved { 600 } else { 1006 };
        let _ = write!(
            self.now,
            r#"{comma}"{sku}":{{"{sku}.JRTCKXETXF":{{"offerTermCode":"JRTCKXETXF","sku":"{sku}","effectiveDate":"2026-09-01T00:00:00Z","priceDimensions":{{"{sku}.JRTCKXETXF.6YS6EN2CT7":{{"rateCode":"{sku}.JRTCKXETXF.6YS6EN2CT7","description":"$1.006 per On Demand Linux machine-hour","beginRange":"0","endRange":"Inf","unit":"Hrs","pricePerUnit":{{"USD":"{}.{:03}0000000"}},"appliesTo":[]}}}},"termAttributes":{attributes}}}}}"#,
            usd / 1000,
            usd % 1000,
        );
    }
    fn more(&mut self) -> bool {
        self.now.clear();
        self.sent = 0;
        let next = |of: &mut Self, part| {
            of.at = 0;
            of.part = part;
        };
        match self.part {
            Part::Head => {
                self.now.push_str(r#"{"formatVersion":"v1.0","disclaimer":"This pricing list is for informational purposes only.","offerCode":"AmazonEC2","version":"20260924180311","publicationDate":"2026-09-24T18:03:11Z","products":{"#);
                next(self, Part::Products);
            }
            Part::Products if self.at < self.products => {
                self.product(self.at);
                self.at += 1;
            }
            Part::Products => {
                self.now.push_str(r#"},"terms":{"OnDemand":{"#);
                next(self, Part::OnDemand);
            }
            Part::OnDemand if self.at < self.products => {
                self.term(self.at, false);
                self.at += 1;
            }
            Part::OnDemand => {
                self.now.push_str(r#"},"Reserved":{"#);
                next(self, Part::Reserved);
            }
            Part::Reserved if self.at < self.products => {
                self.term(self.at, true);
                self.at += 1;
            }
            Part::Reserved => {
                self.now.push_str(r#"}},"attributesList":{}}"#);
                next(self, Part::End);
            }
            Part::End => return false,
        }
        true
    }
}

impl Read for BulkJson {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.sent == self.now.len() {
            if !self.more() {
                return Ok(0);
            }
        }
        let n = (&self.now.as_bytes()[self.sent..]).read(into)?;
        self.sent += n;
        Ok(n)
    }
}

/// The most memory that this process has ever held, in MB; `None` where the system does not tell.
pub(crate) fn peak_mb() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|l| l.starts_with("VmHWM:"))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib / 1024)
}
