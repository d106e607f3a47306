//! Hand-typed samples of what people print, and the points in them.

use curfew_series::{Point, Recogniser};

/// `name@step/epoch=value`, what is absent left out; a rank stands before the name as `2:`.
fn show(point: &Point<'_>) -> String {
    let mut text = point.rank.map_or_else(String::new, |rank| format!("{rank}:"));
    text += point.metric;
    if let Some(step) = point.step {
        text.push('@');
        text.push_str(&step.to_string());
    }
    if let Some(epoch) = point.epoch {
        text.push('/');
        text.push_str(&((epoch * 1e4).round() / 1e4).to_string());
    }
    format!("{text}={}", point.value)
}

fn check(log: &str, expect: &[&str]) {
    let mut recogniser = Recogniser::new(None).unwrap();
    let mut seen = Vec::new();
    recogniser.push(log.as_bytes(), 0, &mut |point| seen.push(show(&point)));
    recogniser.finish(0, &mut |point| seen.push(show(&point)));
    assert_eq!(seen, expect, "{log}");
}

#[test]
fn pairs() {
    check("loss=0.41\n", &["loss=0.41"]);
    check("val_loss: 0.4\n", &["val_loss=0.4"]);
    check("step 120 loss 0.41 lr 3e-4\n", &["loss@120=0.41", "lr@120=0.0003"]);
    check("epoch 3 step 12 loss=nan acc=inf\n", &["loss@12/3=NaN", "acc@12/3=inf"]);
    check("Epoch 3/10: train loss 0.5, val loss 0.6\n", &["train loss/3=0.5", "val loss/3=0.6"]);
    check("Epoch [3/10], Step [100/500], Loss: 0.3021\n", &["Loss@100/3=0.3021"]);
    check("Epoch  12 | loss: tensor(0.25, grad_fn=<X>) | time 3.2s\n", &["loss/12=0.25"]);
}

#[test]
fn libraries() {
    check("{'loss': 2.1, 'learning_rate': 5e-05, 'epoch': 0.5}\n", &["loss/0.5=2.1", "learning_rate/0.5=0.00005"]);
    check("[10]\ttrain-logloss:0.45\teval-logloss:0.5\n", &["train-logloss@10=0.45", "eval-logloss@10=0.5"]);
    check("[10]\tvalid_0's binary_logloss: 0.2\n", &["valid_0's binary_logloss@10=0.2"]);
    check("Iteration 1, loss = 0.45\n", &["loss@1=0.45"]);
    check("Train Epoch: 1 [640/60000 (1%)]\tLoss: 2.3\n", &["Train Loss@640/0.0107=2.3"]);
}

#[test]
fn what_is_not_a_metric() {
    check("found 12 files\nbatch_size=32\nseed: 7\nlistening on http://127.0.0.1:8080\n", &[]);
    check("2026-11-20 19:12:03,123 INFO train.py:57 step 3 loss=0.5\n", &["loss@3=0.5"]);
    check("foo=3\nbar: 2\nfoo=3\n", &[]);
}
