//! The panel's font and its colours, by day and by night: warm paper and ink.

use eframe::egui::{
    Color32, Context, CornerRadius, FontData, FontDefinitions, FontFamily, Stroke, Style, TextStyle, Theme, Visuals,
};

/// What is drawn with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Palette {
    pub(crate) paper: Color32,
    pub(crate) card: Color32,
    pub(crate) ink: Color32,
    pub(crate) soft: Color32,
    pub(crate) line: Color32,
    pub(crate) tint: Color32,
    /// Ink and ground of a state.
    pub(crate) working: (Color32, Color32),
    pub(crate) home: (Color32, Color32),
    pub(crate) lost: (Color32, Color32),
    /// Curves, in turn; told apart by their strokes too.
    pub(crate) curves: [Color32; 6],
}

const fn rgb(hex: u32) -> Color32 {
    let [_, r, g, b] = hex.to_be_bytes();
    Color32::from_rgb(r, g, b)
}

const DAY: Palette = Palette {
    paper: rgb(0x00fa_f8f4),
    card: rgb(0x00ff_ffff),
    ink: rgb(0x001d_2033),
    soft: rgb(0x005d_6178),
    line: rgb(0x00e6_e2d9),
    tint: rgb(0x00f3_efe7),
    working: (rgb(0x00a8_4d08), rgb(0x00ff_f3dc)),
    home: (rgb(0x001a_7046), rgb(0x00e5_f4ea)),
    lost: (rgb(0x00b3_261e), rgb(0x00fd_eae7)),
    curves: [
        rgb(0x002d_5bd0),
        rgb(0x00a8_4d08),
        rgb(0x001a_7046),
        rgb(0x007a_3db8),
        rgb(0x000f_7280),
        rgb(0x00b0_306f),
    ],
};

const NIGHT: Palette = Palette {
    paper: rgb(0x0014_162a),
    card: rgb(0x001c_1f38),
    ink: rgb(0x00ec_eaf6),
    soft: rgb(0x00a9_abc4),
    line: rgb(0x002d_3152),
    tint: rgb(0x0020_243f),
    working: (rgb(0x00f5_b85c), rgb(0x003a_2d18)),
    home: (rgb(0x006f_d39b), rgb(0x0017_372a)),
    lost: (rgb(0x00ff_8d80), rgb(0x0040_211f)),
    curves: [
        rgb(0x008f_b0ff),
        rgb(0x00f5_b85c),
        rgb(0x006f_d39b),
        rgb(0x00c9_a2f5),
        rgb(0x0064_cbd9),
        rgb(0x00f5_9cc6),
    ],
};

impl Palette {
    /// The one of the time of day that the system shows.
    pub(crate) fn of(visuals: &Visuals) -> &'static Self {
        if visuals.dark_mode { &NIGHT } else { &DAY }
    }
}

/// Dresses a window in them; day or night follows the system.
pub(crate) fn put_on(context: &Context) {
    context.set_fonts(fonts());
    // Where the system does not say, the panel is light.
    context.options_mut(|options| options.fallback_theme = Theme::Light);
    for (theme, palette) in [(Theme::Light, &DAY), (Theme::Dark, &NIGHT)] {
        context.style_mut_of(theme, |style| dress(style, palette));
    }
}

/// The family of what stands out.
pub(crate) fn bold() -> FontFamily {
    FontFamily::Name("bold".into())
}

fn fonts() -> FontDefinitions {
    let mut fonts = FontDefinitions::empty();
    let families = [FontFamily::Proportional, bold()];
    for ((name, font), family) in ["Inter", "Inter bold"].into_iter().zip(curfew_figures::inter()).zip(families) {
        fonts.font_data.insert(name.to_owned(), std::sync::Arc::new(FontData::from_static(font)));
        fonts.families.insert(family, vec![name.to_owned()]);
    }
    // Nothing here is written in it; egui wants one all the same.
    fonts.families.insert(FontFamily::Monospace, vec!["Inter".to_owned()]);
    fonts
}

fn dress(style: &mut Style, palette: &Palette) {
    let visuals = &mut style.visuals;
    visuals.panel_fill = palette.paper;
    visuals.window_fill = palette.card;
    visuals.extreme_bg_color = palette.card;
    visuals.faint_bg_color = palette.tint;
    visuals.override_text_color = Some(palette.ink);
    visuals.weak_text_color = Some(palette.soft);
    visuals.selection.bg_fill = palette.curves[0].gamma_multiply(0.35);
    visuals.selection.stroke = Stroke::new(1.0, palette.ink);
    let widgets = &mut visuals.widgets;
    widgets.noninteractive.bg_stroke = Stroke::new(1.0, palette.line);
    for widget in [&mut widgets.inactive, &mut widgets.hovered, &mut widgets.active, &mut widgets.open] {
        widget.corner_radius = CornerRadius::same(6);
        widget.bg_stroke = Stroke::new(1.0, palette.line);
    }
    widgets.inactive.weak_bg_fill = palette.card;
    widgets.inactive.bg_fill = palette.card;
    widgets.hovered.weak_bg_fill = palette.tint;
    for (which, size) in [(TextStyle::Small, 11.0), (TextStyle::Body, 13.0), (TextStyle::Button, 13.0)] {
        if let Some(font) = style.text_styles.get_mut(&which) {
            font.size = size;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The colour of that name in a part of the panel's style.
    fn token(css: &str, name: &str) -> Color32 {
        let (_, rest) = css.split_once(&format!("--{name}: #")).unwrap_or_else(|| panic!("no --{name}"));
        rgb(u32::from_str_radix(&rest[..6], 16).unwrap())
    }

    #[test]
    fn its_colours_are_the_panels() {
        let css = include_str!("../../../ui/static/panel.css");
        let (day, night) = css.split_once("prefers-color-scheme: dark").unwrap();
        for (palette, css) in [(&DAY, day), (&NIGHT, night)] {
            let state = |name: &str| (token(css, name), token(css, &format!("{name}-tint")));
            let plain = ["paper", "card", "ink", "soft", "line", "tint"].map(|name| token(css, name));
            assert_eq!([palette.paper, palette.card, palette.ink, palette.soft, palette.line, palette.tint], plain);
            assert_eq!([palette.working, palette.home, palette.lost], ["amber", "green", "red"].map(state));
            let curves = ["blue", "amber", "green", "violet", "teal", "pink"].map(|name| token(css, name));
            assert_eq!(palette.curves, curves, "in the order in which the panel's charts take them");
        }
    }
}
