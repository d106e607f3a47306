//! No text under 4.5:1, no control's edge under 3:1 (WCAG 2.2, 1.4.3 and 1.4.11), in both themes, from the tokens.

use std::collections::HashMap;

type Theme = HashMap<String, [f64; 3]>;

/// The tokens of the nth `:root` block.
fn tokens(css: &str, nth: usize) -> Theme {
    let block = css.split(":root {").nth(nth + 1).unwrap();
    let block = &block[..block.find('}').unwrap()];
    let mut theme = Theme::new();
    for part in block.split(';') {
        if let Some((name, value)) = part.trim().split_once(": #") {
            let hex = if value.len() == 3 { value.chars().flat_map(|c| [c, c]).collect() } else { value.to_owned() };
            let channel = |i: usize| f64::from(u8::from_str_radix(&hex[i..i + 2], 16).unwrap()) / 255.0;
            theme.insert(name.trim_start_matches("--").to_owned(), [channel(0), channel(2), channel(4)]);
        }
    }
    theme
}

fn luminance(rgb: [f64; 3]) -> f64 {
    let linear = rgb.map(|c| if c <= 0.04045 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) });
    0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
}

fn contrast(a: [f64; 3], b: [f64; 3]) -> f64 {
    let (a, b) = (luminance(a), luminance(b));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

#[test]
fn text_can_be_read() {
    let css = include_str!("../static/panel.css");
    let light = tokens(css, 0);
    let mut dark = light.clone();
    dark.extend(tokens(css, 1));
    // Every pair of text and ground that the style sheet makes.
    let pairs: &[(&str, &[&str])] = &[
        ("ink", &["paper", "card", "tint", "green-tint"]),
        ("soft", &["paper", "card", "tint"]),
        ("faint", &["paper", "card", "tint"]),
        ("blue", &["paper", "card", "tint", "blue-tint"]),
        ("red", &["paper", "card", "tint", "red-tint"]),
        ("amber", &["paper", "card", "tint", "amber-tint"]),
        ("green", &["paper", "card", "tint", "green-tint"]),
        ("night-ink", &["night"]),
        ("night-soft", &["night"]),
        ("on-blue", &["blue"]),
        ("mark-ink", &["mark"]),
        ("card", &["green"]),
    ];
    let edges: &[(&str, &[&str])] = &[
        ("edge", &["card", "paper"]),
        ("blue", &["card", "paper"]),
        ("violet", &["card"]),
        ("teal", &["card"]),
        ("pink", &["card"]),
    ];
    for (name, theme) in [("light", &light), ("dark", &dark)] {
        for (least, pairs) in [(4.5, pairs), (3.0, edges)] {
            for (text, grounds) in pairs {
                for ground in *grounds {
                    let ratio = contrast(theme[*text], theme[*ground]);
                    assert!(ratio >= least, "{name}: --{text} on --{ground} is {ratio:.2}:1, under {least}:1");
                }
            }
        }
    }
}
