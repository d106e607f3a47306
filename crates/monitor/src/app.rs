//! What is on the screen: how the run stands, what is drawn and how, the picture.

use crate::curves::Ask;
use crate::look::{Palette, bold};
use crate::plot::{self, Scale};
use crate::sheet::{Number, Sheet, Tone};
use crate::watch::{Seen, Watch};
use curfew_series::Axis;
use eframe::egui::containers::menu::{MenuButton, MenuConfig};
use eframe::egui::{
    self, Align, CentralPanel, ComboBox, Context, Frame, Label, Layout, Margin, PopupCloseBehavior, RichText,
    ScrollArea, TextEdit, Ui, ViewportCommand, WindowLevel,
};

const AXES: [(Axis, &str); 3] =
    [(Axis::Step, "by step"), (Axis::Epoch, "by epoch"), (Axis::Relative, "by time since start")];
const SMOOTHING: [f64; 6] = [0.0, 0.3, 0.6, 0.9, 0.95, 0.99];

/// The window.
pub(crate) struct Monitor {
    watch: Watch,
    /// What was asked for last, and so is on its way.
    asked: Ask,
    scale: Scale,
    on_top: bool,
    /// Is the picture to show the whole run again?
    whole: bool,
    /// What the names of metrics are looked through for.
    filter: String,
}

impl Monitor {
    pub(crate) fn new(watch: Watch) -> Self {
        Self { watch, asked: Ask::default(), scale: Scale::Linear, on_top: false, whole: false, filter: String::new() }
    }

    fn show(&mut self, ui: &mut Ui) {
        let seen = self.watch.seen();
        let palette = Palette::of(ui.visuals());
        let mut ask = self.asked.clone();
        self.head(ui, &seen, palette);
        for gap in &seen.gaps {
            ui.colored_label(palette.lost.0, gap);
        }
        ui.add_space(4.0);
        self.choices(ui, &seen, &mut ask);
        legend(ui, &seen, palette);
        if seen.drawn.names.is_empty() {
            ui.add_space(24.0);
            ui.vertical_centered(|ui| ui.weak("No value, such as loss=0.41, has been printed yet."));
        } else {
            let place = plot::show(ui, &seen.drawn, ask.axis, self.scale, std::mem::take(&mut self.whole));
            (ask.range, ask.width) = (place.range, place.width);
        }
        if ask != self.asked {
            self.watch.ask(ask.clone());
            self.asked = ask;
        }
    }

    fn head(&mut self, ui: &mut Ui, seen: &Seen, palette: &Palette) {
        let Some(sheet) = &seen.sheet else {
            ui.weak("Asking how the run stands…");
            return;
        };
        ui.horizontal(|ui| {
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                if ui.checkbox(&mut self.on_top, "On top").changed() {
                    keep_on_top(ui.ctx(), self.on_top);
                }
                ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                    tag(ui, sheet, palette);
                    ui.add(Label::new(RichText::new(&sheet.name).family(bold()).size(17.0)).truncate());
                });
            });
        });
        ui.add(Label::new(RichText::new(&sheet.place).small().weak()).truncate());
        ui.add_space(4.0);
        ui.horizontal_wrapped(|ui| {
            ui.spacing_mut().item_spacing.x = 18.0;
            for number in &sheet.numbers {
                stat(ui, number);
            }
        });
        if !sheet.detail.is_empty() {
            ui.add(Label::new(RichText::new(&sheet.detail).weak()).wrap());
        }
    }

    fn choices(&mut self, ui: &mut Ui, seen: &Seen, ask: &mut Ask) {
        ui.horizontal_wrapped(|ui| {
            let name = |axis: Axis| AXES.iter().find(|(a, _)| *a == axis).map_or("", |(_, name)| name);
            let axis = ComboBox::from_id_salt("axis").selected_text(name(ask.axis)).width(0.0).show_ui(ui, |ui| {
                for (axis, name) in AXES {
                    if ui.selectable_value(&mut ask.axis, axis, name).changed() {
                        // Where it was zoomed to says nothing on another axis.
                        self.whole = true;
                    }
                }
            });
            named(&axis.response, "Across");
            let smooth = |weight: f64| if weight > 0.0 { format!("smooth {weight}") } else { "not smoothed".into() };
            let shown = ComboBox::from_id_salt("smoothing").selected_text(smooth(ask.smoothing)).width(0.0);
            let smoothing = shown.show_ui(ui, |ui| {
                for weight in SMOOTHING {
                    ui.selectable_value(&mut ask.smoothing, weight, smooth(weight));
                }
            });
            named(&smoothing.response, "Smoothing");
            let mut log = self.scale == Scale::Log;
            if ui.checkbox(&mut log, "Log scale").changed() {
                self.scale = if log { Scale::Log } else { Scale::Linear };
            }
            let stays = MenuConfig::new().close_behavior(PopupCloseBehavior::CloseOnClickOutside);
            MenuButton::new("Metrics…").config(stays).ui(ui, |ui| self.metrics(ui, seen, ask));
            if ask.range.is_some() && ui.button("Whole run").clicked() {
                self.whole = true;
            }
        });
    }

    fn metrics(&mut self, ui: &mut Ui, seen: &Seen, ask: &mut Ask) {
        ui.set_min_width(220.0);
        ui.add(TextEdit::singleline(&mut self.filter).hint_text("Only metrics with…"));
        let filter = self.filter.to_lowercase();
        let drawn: Vec<String> = seen.drawn.curves.iter().map(|c| c.key.clone()).collect();
        ScrollArea::vertical().max_height(240.0).show(ui, |ui| {
            for name in seen.drawn.names.iter().filter(|n| n.to_lowercase().contains(&filter)) {
                let mut on = drawn.contains(name);
                if ui.checkbox(&mut on, curfew_core::say::clean(name, 60)).changed() {
                    let keys = ask.keys.get_or_insert_with(|| drawn.clone());
                    keys.retain(|k| k != name);
                    if on {
                        keys.push(name.clone());
                    }
                }
            }
        });
        if ask.keys.is_some() && ui.button("The loss").clicked() {
            ask.keys = None;
        }
    }
}

impl eframe::App for Monitor {
    fn ui(&mut self, ui: &mut Ui, _: &mut eframe::Frame) {
        let paper = Frame::new().fill(Palette::of(ui.visuals()).paper).inner_margin(Margin::same(14));
        CentralPanel::default().frame(paper).show(ui, |ui| self.show(ui));
    }
}

/// A name for who does not see where something stands.
fn named(response: &egui::Response, name: &str) {
    response.ctx.accesskit_node_builder(response.id, |node| node.set_label(name));
}

fn keep_on_top(context: &Context, on: bool) {
    let level = if on { WindowLevel::AlwaysOnTop } else { WindowLevel::Normal };
    context.send_viewport_cmd(ViewportCommand::WindowLevel(level));
}

fn tag(ui: &mut Ui, sheet: &Sheet, palette: &Palette) {
    let (ink, ground) = match sheet.tone {
        Tone::Working => palette.working,
        Tone::Home => palette.home,
        Tone::Lost => palette.lost,
        Tone::Plain => (palette.soft, palette.tint),
    };
    Frame::new().fill(ground).corner_radius(6).inner_margin(Margin::symmetric(7, 2)).show(ui, |ui| {
        ui.label(RichText::new(&sheet.state).small().family(bold()).color(ink));
    });
}

fn stat(ui: &mut Ui, number: &Number) {
    ui.vertical(|ui| {
        ui.spacing_mut().item_spacing.y = 0.0;
        ui.label(RichText::new(&number.value).family(bold()).size(15.0));
        ui.label(RichText::new(&number.label).small().weak());
    });
}

/// The curves in words, each beside its colour and stroke.
fn legend(ui: &mut Ui, seen: &Seen, palette: &Palette) {
    ui.horizontal_wrapped(|ui| {
        for (at, curve) in seen.drawn.curves.iter().enumerate() {
            plot::swatch(ui, palette, at, curve.held_out);
            ui.label(RichText::new(&curve.says).small());
            ui.add_space(8.0);
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::curves::{Curve, Drawn};
    use eframe::egui::Vec2;
    use egui_kittest::Harness;
    use egui_kittest::kittest::Queryable as _;
    use std::sync::Arc;
    use std::sync::mpsc::Receiver;

    fn curve(key: &str, held_out: bool) -> Curve {
        let raw = vec![(0..50).map(|i| [f64::from(i), 1.0 / f64::from(i + 1)]).collect()];
        Curve {
            key: key.into(),
            held_out,
            raw,
            says: format!("{key}: last 0.02, best 0.02, falling"),
            ..Curve::default()
        }
    }

    fn seen() -> Seen {
        let number = |value: &str, label: &str| Number { value: value.into(), label: label.into() };
        let sheet = Sheet {
            name: "resnet-sweep-14".into(),
            state: "training".into(),
            tone: Tone::Working,
            place: "AWS · 123456789012".into(),
            numbers: vec![number("31 / 60", "epochs"), number("$1.88", "so far, $0.0082 a minute · estimated")],
            detail: "downloading data".into(),
        };
        let names = ["loss", "val_loss", "acc"].map(str::to_owned).to_vec();
        let drawn = Drawn { names, curves: vec![curve("loss", false), curve("val_loss", true)] };
        Seen { sheet: Some(sheet), drawn: Arc::new(drawn), gaps: Vec::new() }
    }

    fn window(seen: Seen, size: Vec2) -> (Harness<'static, Monitor>, Receiver<Ask>) {
        let (watch, asked) = Watch::of(seen);
        let mut harness = Harness::builder().with_size(size).build_eframe(|context| {
            crate::look::put_on(&context.egui_ctx);
            Monitor::new(watch)
        });
        harness.run();
        (harness, asked)
    }

    #[test]
    fn it_says_what_it_costs_and_how_it_goes() {
        let (harness, asked) = window(seen(), Vec2::new(560.0, 460.0));
        for text in ["resnet-sweep-14", "training", "$1.88", "so far, $0.0082 a minute · estimated", "downloading data"]
        {
            harness.get_by_label(text);
        }
        harness.get_by_label("val_loss: last 0.02, best 0.02, falling");
        let ask = asked.try_iter().last().unwrap();
        assert!((400..=560).contains(&ask.width), "as many places as the picture is wide: {ask:?}");
        assert_eq!((ask.range, ask.keys), (None, None));
    }

    #[test]
    fn what_is_chosen_is_asked_for() {
        let (mut harness, asked) = window(seen(), Vec2::new(560.0, 460.0));
        harness.get_by_label("Metrics…").click();
        harness.run();
        harness.get_by_label("acc").click();
        harness.run();
        let keys = asked.try_iter().last().unwrap().keys.unwrap();
        assert_eq!(keys, ["loss", "val_loss", "acc"]);
        harness.get_by_label("The loss").click();
        harness.run();
        assert_eq!(asked.try_iter().last().unwrap().keys, None);
    }

    #[test]
    fn a_run_that_says_nothing_yet_and_one_that_cannot_be_read() {
        let nothing = Seen { drawn: Arc::default(), ..seen() };
        let (harness, _asked) = window(nothing, Vec2::new(320.0, 260.0));
        harness.get_by_label("No value, such as loss=0.41, has been printed yet.");
        let gap = Seen { gaps: vec!["The store could not be read.".into()], sheet: None, ..Seen::default() };
        let (harness, _asked) = window(gap, Vec2::new(320.0, 260.0));
        harness.get_by_label("The store could not be read.");
        harness.get_by_label("Asking how the run stands…");
    }
}
