//! The tray: the money an hour now, what is running, and the way back to the window.
//!
//! Linux shows the icon's title and its menu; there is no tooltip and no click event, so everything is in the menu.

use std::path::PathBuf;
use std::sync::Arc;

use tauri::menu::{Menu, MenuBuilder, MenuItem, MenuItemBuilder};
use tauri::tray::{TrayIcon, TrayIconBuilder};
use tauri::{AppHandle, Wry};

use crate::Desk;

/// One line of what is running.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Running {
    /// Its name and what it is doing, as shown.
    pub label: String,
    /// The page that a click opens, root-relative.
    pub path: String,
    /// Whether it runs on this computer, so that quitting asks.
    pub local: bool,
}

/// What the tray shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrayState {
    /// The money an hour now, as a short sentence: `$3.87 an hour now`, `nothing billed`, `$3.87 an hour or more`.
    pub headline: String,
    /// What runs, most important first.
    pub running: Vec<Running>,
}

/// How many running things are listed before the rest is a number.
const LISTED: usize = 12;
/// The longest line, in characters.
const WIDEST: usize = 64;

pub(crate) const HEADLINE: &str = "headline";
pub(crate) const OPEN: &str = "open";
pub(crate) const QUIT: &str = "quit";
/// Followed by the path that a running thing opens.
pub(crate) const RUNNING: &str = "running:";

/// The tray icon and what it shows.
pub(crate) struct Tray {
    icon: TrayIcon<Wry>,
    lines: Lines,
    shown: TrayState,
}

/// The menu's items whose text changes.
struct Lines {
    headline: MenuItem<Wry>,
    running: Vec<MenuItem<Wry>>,
}

impl Tray {
    /// Builds the icon. Only on the main thread, and only where a tray host answers.
    pub(crate) fn build(desk: &Arc<Desk>, app: &AppHandle, state: TrayState) -> tauri::Result<Self> {
        let (menu, lines) = menu(app, &state)?;
        let chosen = Arc::clone(desk);
        let icon = TrayIconBuilder::with_id("curfew")
            .icon(tauri::include_image!("../icons/tray.png"))
            .title(&state.headline)
            .temp_dir_path(icons(desk))
            .menu(&menu)
            .on_menu_event(move |_, event| chosen.chosen(event.id().as_ref()))
            .build(app)?;
        Ok(Self { icon, lines, shown: state })
    }

    /// Shows a new state. Text is changed in place while the same things run, so that an open menu stays open.
    pub(crate) fn show(&mut self, app: &AppHandle, state: TrayState) -> tauri::Result<()> {
        if state == self.shown {
            return Ok(());
        }
        if state.headline != self.shown.headline {
            self.icon.set_title(Some(&state.headline))?;
            self.lines.headline.set_text(line(&state.headline))?;
        }
        let paths = |state: &TrayState| state.running.iter().map(|r| r.path.clone()).collect::<Vec<_>>();
        if paths(&state) == paths(&self.shown) {
            for (item, running) in self.lines.running.iter().zip(&state.running) {
                item.set_text(line(&running.label))?;
            }
        } else {
            let (menu, lines) = menu(app, &state)?;
            self.icon.set_menu(Some(menu))?;
            self.lines = lines;
        }
        self.shown = state;
        Ok(())
    }
}

/// The icon is handed to the tray host as a file; it lies in the home, so that two homes do not share one.
fn icons(desk: &Desk) -> PathBuf {
    desk.home().join("desktop/tray")
}

fn menu(app: &AppHandle, state: &TrayState) -> tauri::Result<(Menu<Wry>, Lines)> {
    let headline = MenuItemBuilder::with_id(HEADLINE, line(&state.headline)).build(app)?;
    let mut menu = MenuBuilder::new(app).item(&headline).separator();
    let mut items = Vec::new();
    for running in state.running.iter().take(LISTED) {
        let item = MenuItemBuilder::with_id(format!("{RUNNING}{}", running.path), line(&running.label)).build(app)?;
        menu = menu.item(&item);
        items.push(item);
    }
    if state.running.len() > LISTED {
        menu = menu.text(format!("{RUNNING}/"), format!("and {} more", state.running.len() - LISTED));
    }
    if !state.running.is_empty() {
        menu = menu.separator();
    }
    let menu = menu.text(OPEN, "Open Curfew").text(QUIT, "Quit…").build()?;
    Ok((menu, Lines { headline, running: items }))
}

/// A menu line: names are data, so no control characters, no access key, and no line wider than a menu.
fn line(text: &str) -> String {
    let mut clean: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if clean.chars().count() > WIDEST {
        clean = clean.chars().take(WIDEST - 1).collect();
        clean.push('…');
    }
    clean.replace('&', "&&")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_the_menu_are_data() {
        let check = |input: &str, expect: &str| assert_eq!(line(input), expect);
        check("iris · epoch 3 of 50", "iris · epoch 3 of 50");
        check("R&D <b>", "R&&D <b>");
        check("a\u{1b}[31m\nb", "a [31m b");
        check(&"x".repeat(64), &"x".repeat(64));
        check(&"é".repeat(65), &format!("{}…", "é".repeat(63)));
    }
}
