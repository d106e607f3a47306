//! What the server of an endpoint here counts, in the shape in which a cloud's figures are shown. It keeps no history.

use curfew_core::Timestamp;
use curfew_core::endpoint::{EndpointStatus, Figure, Figures};

/// The figures of an endpoint that has been asked how it is used; `None` where it has not told.
pub(crate) fn of(status: &EndpointStatus, now: Timestamp) -> Option<Figures> {
    let traffic = status.traffic.as_ref()?;
    let figure = |name: &str, title: &str, unit: &str, value: Option<f64>, of: &str, missing: &str| Figure {
        name: name.into(),
        title: title.into(),
        unit: unit.into(),
        value,
        of: of.into(),
        points: Vec::new(),
        missing: value.is_none().then(|| missing.to_owned()),
    };
    let latency =
        |name, title, value| figure(name, title, "ms", value, "of recent requests", "nobody has asked it yet");
    let memory = traffic.memory_bytes.map(|bytes| bytes as f64 / f64::from(1 << 20));
    let items = vec![
        figure("requests", "Requests", "", Some(traffic.requests as f64), "in all", ""),
        latency("median", "Median latency", traffic.p50_ms),
        latency("within-90", "90 % within", traffic.p90_ms),
        latency("within-99", "99 % within", traffic.p99_ms),
        figure("failed", "Errors", "", Some(traffic.errors as f64), "in all", ""),
        figure("memory", "Memory", "MiB", memory, "just now", "its server does not answer"),
    ];
    Some(Figures { as_of: now, since: status.created, step_s: 0, items })
}

#[cfg(test)]
mod tests {
    use super::*;
    use curfew_core::endpoint::{EndpointState, Traffic};
    use curfew_core::{Cost, Money};

    #[test]
    fn what_is_not_known_is_said() {
        let note = || "here".to_owned();
        let mut status = EndpointStatus {
            state: EndpointState::InService,
            detail: None,
            failure: None,
            ended_by: None,
            created: Timestamp::UNIX_EPOCH,
            ended: None,
            url: None,
            traffic: None,
            curfew: None,
            rate: Cost::NotBilled { note: note() },
            so_far: Cost::<Money>::NotBilled { note: note() },
            versions: Vec::new(),
        };
        assert_eq!(of(&status, Timestamp::UNIX_EPOCH), None);
        status.traffic = Some(Traffic { requests: 3, memory_bytes: Some(3 << 20), ..Traffic::default() });
        let found = of(&status, Timestamp::UNIX_EPOCH).unwrap();
        let value = |name: &str| found.items.iter().find(|f| f.name == name).map(|f| (f.value, f.missing.is_some()));
        assert_eq!(value("requests"), Some((Some(3.0), false)));
        assert_eq!(value("memory"), Some((Some(3.0), false)));
        assert_eq!(value("median"), Some((None, true)));
    }
}
