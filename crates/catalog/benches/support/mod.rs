//! A million synthetic offers in the shape of the real clouds: many regions and zones, spot by zone, on demand by region.

use curfew_catalog::{Accelerator, Builder, Buy, Catalog, NewOffer, Rate, Slot, Spec};
use jiff::civil::Date;

/// The same numbers on every machine and every day: a linear congruential generator (Knuth's MMIX constants).
pub(crate) struct Dice(pub(crate) u64);
impl Dice {
    pub(crate) fn roll(&mut self, below: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % below
    }
}

const KINDS: [(&str, i64); 8] = [
    ("T4", 16),
    ("L4", 24),
    ("A10G", 22),
    ("V100", 16),
    ("A100-40GB", 40),
    ("A100-80GB", 80),
    ("H100", 80),
    ("RTX PRO 6000", 96),
];

/// At least `wanted` offers: 1,600 types, 80 regions with 3 zones each at two clouds.
pub(crate) fn offers(wanted: usize) -> Catalog {
    let mut dice = Dice(20_261_121);
    let mut builder = Builder::new();
    let as_of = Some(Date::constant(2026, 11, 20));
    let mut made = 0;
    for machine in 0.. {
        if made >= wanted {
            break;
        }
        let (cloud, service) = if machine % 2 == 0 { ("aws", "ec2") } else { ("gcp", "gce") };
        let size = 1 << dice.roll(7);
        let vcpus = 2 * u32::try_from(size).unwrap();
        let name = match cloud {
            "aws" => format!("x{machine}.{size}xlarge"),
            _ => format!("x{machine}-standard-{vcpus}"),
        };
        let (kind, gib) = KINDS[usize::try_from(dice.roll(8)).unwrap()];
        let accelerator = (dice.roll(3) == 0).then(|| Accelerator {
            kind: kind.into(),
            count: (1 << dice.roll(4)).into(),
            memory_gib: Some(gib.into()),
        });
        let dear = accelerator.as_ref().map_or(0, |a| 900_000 * u64::try_from(a.count.mantissa()).unwrap());
        let base = 24_000 * u64::from(vcpus) + dear + dice.roll(5000);
        builder.spec(Spec {
            vcpus: Some(vcpus),
            memory_gib: Some((u64::from(vcpus) * (2 << dice.roll(3))).into()),
            accelerator,
            ..Spec::named(cloud, &name)
        });
        for region in 0..80 {
            let region_name = format!("{}-{region}", if cloud == "aws" { "us-east" } else { "us-central" });
            let spread = 80 + dice.roll(60);
            let mut add = |zone: Option<String>, buy, micro: u64| {
                let slot = Slot {
                    cloud: cloud.into(),
                    service: service.into(),
                    component: None,
                    region: region_name.as_str().into(),
                    zone: zone.map(Into::into),
                    buy,
                };
                let rate = Some(Rate::from_pico(i64::try_from(micro).unwrap() * 1_000_000));
                made +=
                    usize::from(builder.offer(&NewOffer { slot, machine: &name, rate, as_of, source: "synthetic" }));
            };
            let price = base * spread / 100;
            add(None, Buy::OnDemand, price);
            for zone in ['a', 'b', 'c'] {
                add(Some(format!("{region_name}{zone}")), Buy::Spot, price * (25 + dice.roll(50)) / 100 + 1000);
            }
        }
    }
    builder.build()
}
