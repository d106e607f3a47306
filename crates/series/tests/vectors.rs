//! Holds this crate to `vectors/`, which other implementations are held to as well.

use curfew_series::rules::{Rule, Watch};
use curfew_series::{Point, Recogniser};
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Deserialize)]
struct RuleVector {
    name: String,
    rules: Vec<Rule>,
    log: String,
    stop: Option<ExpectedStop>,
}

#[derive(Deserialize, Debug, PartialEq)]
struct ExpectedStop {
    line: usize,
    rule: usize,
    why: String,
}

#[test]
fn rules_stop_where_the_vectors_say() {
    let vectors: Vec<RuleVector> = serde_json::from_str(include_str!("../vectors/rules.json")).unwrap();
    assert!(vectors.len() >= 13);
    for vector in vectors {
        let mut watch = Watch::new(vector.rules);
        let mut recogniser = Recogniser::new(None).unwrap();
        let mut stop = None;
        for (line, text) in (1..).zip(vector.log.split_inclusive('\n')) {
            recogniser.push(text.as_bytes(), 0, &mut |point| {
                if let Some(seen) = watch.see(&point) {
                    stop.get_or_insert(ExpectedStop { line, rule: seen.rule, why: seen.why });
                }
            });
        }
        assert_eq!(stop, vector.stop, "{}", vector.name);
    }
}

#[test]
fn money_and_time_stop_a_run_and_an_unknown_cost_does_not() {
    let rules = vec![Rule::Spend { usd: 5.0 }, Rule::Time { seconds: 3_600.0 }];
    let mut watch = Watch::new(rules.clone());
    assert_eq!(watch.check(10.0, None), None);
    assert_eq!(watch.check(10.0, Some(4.99)), None);
    let stop = watch.check(20.0, Some(5.0)).unwrap();
    assert_eq!((stop.rule, stop.why.as_str()), (0, "it has cost $5.00, its limit is $5.00"));
    assert_eq!(watch.check(30.0, Some(6.0)), None, "once is enough");
    let stop = Watch::new(rules).check(3_600.0, None).unwrap();
    assert_eq!((stop.rule, stop.why.as_str()), (1, "it has run for 3600 s, its limit is 3600 s"));
}

#[derive(Deserialize)]
struct LogVector {
    name: String,
    log: String,
    points: Vec<Value>,
}

fn value(value: f64) -> Value {
    if value.is_nan() {
        json!("nan")
    } else if value.is_infinite() {
        json!(if value > 0.0 { "inf" } else { "-inf" })
    } else {
        json!(value)
    }
}

fn show(point: &Point<'_>) -> Value {
    json!([point.metric, point.rank, point.step, point.epoch, value(point.value)])
}

/// Whole or one byte at a time: the points are the same.
#[test]
fn logs_have_the_points_that_the_vectors_say() {
    let vectors: Vec<LogVector> = serde_json::from_str(include_str!("../vectors/recognise.json")).unwrap();
    assert!(vectors.len() >= 20);
    let mut wrong = Vec::new();
    for vector in vectors {
        for piece in [1, 7, usize::MAX] {
            let mut recogniser = Recogniser::new(None).unwrap();
            let mut seen = Vec::new();
            for bytes in vector.log.as_bytes().chunks(piece) {
                recogniser.push(bytes, 0, &mut |point| seen.push(show(&point)));
            }
            recogniser.finish(0, &mut |point| seen.push(show(&point)));
            if seen != vector.points {
                wrong.push(format!("{}:\n  seen {seen:?}\n  want {:?}", vector.name, vector.points));
                break;
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// SageMaker's own definitions for XGBoost start at the round; lines of a box and of a header are searched as well.
#[test]
fn definitions_see_the_whole_line() {
    let seen = |name: &str, regex: &str, log: &[u8]| {
        let define = vec![curfew_series::definitions::Metric { name: name.into(), regex: regex.into() }];
        let definitions = curfew_series::Definitions { define, ..Default::default() };
        let mut recogniser = Recogniser::new(Some(&definitions)).unwrap();
        let mut seen = Vec::new();
        recogniser.push(log, 0, &mut |point| seen.push(show(&point)));
        seen
    };
    let log = b"[7]#011train-auc:0.5#011validation-auc:0.75\n";
    let regex = r".*\[[0-9]+\].*#011validation-auc:([-+]?[0-9.]+)";
    assert_eq!(seen("auc", regex, log), [json!(["auc", null, 7, null, 0.75])]);
    let log = b"| ep_rew_mean | 2.5 |\n| loss | 1 |\n------\n";
    assert_eq!(seen("reward", r"ep_rew_mean +\| +([0-9.]+)", log), [json!(["reward", null, null, null, 2.5])]);
}
