//! Where the window was: kept in the home, given back at the next start.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// The smallest window that the pages are drawn for, in logical pixels.
pub const SMALLEST: (f64, f64) = (720.0, 520.0);

/// A window's place, in logical pixels. Position is missing where the desktop does not tell (Wayland).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Place {
    /// Inner width.
    pub width: f64,
    /// Inner height.
    pub height: f64,
    /// Left and top of the frame.
    pub at: Option<(f64, f64)>,
    /// Whether it filled the screen; the other figures are those it returns to.
    pub maximized: bool,
}

impl Default for Place {
    fn default() -> Self {
        Self { width: 1400.0, height: 900.0, at: None, maximized: false }
    }
}

impl Place {
    /// The place kept in `home`. Missing or damaged is the default: a window must open whatever that file says.
    pub fn load(home: &Path) -> Self {
        std::fs::read(file(home))
            .ok()
            .and_then(|bytes| serde_json::from_slice::<Self>(&bytes).ok())
            .unwrap_or_default()
            .sane()
    }

    /// Keeps this place. A failure costs a remembered size and no more, so it is only logged.
    pub fn store(&self, home: &Path) {
        let path = file(home);
        let kept = std::fs::create_dir_all(home.join("desktop"))
            .and_then(|()| std::fs::write(path.with_extension("new"), serde_json::to_vec(self)?))
            .and_then(|()| std::fs::rename(path.with_extension("new"), &path));
        if let Err(error) = kept {
            tracing::warn!(%error, path = %path.display(), "the window's place was not kept");
        }
    }

    fn sane(mut self) -> Self {
        let default = Self::default();
        // serde_json gives no NaN, but a file may say 1e300.
        if !(SMALLEST.0..=20_000.0).contains(&self.width) || !(SMALLEST.1..=20_000.0).contains(&self.height) {
            (self.width, self.height) = (default.width, default.height);
        }
        self.at = self.at.filter(|(x, y)| x.abs() < 50_000.0 && y.abs() < 50_000.0);
        self
    }
}

fn file(home: &Path) -> PathBuf {
    home.join("desktop/window.json")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is read back from a file with these bytes.
    fn check(bytes: &str, expect: Place) {
        let home = tempfile::tempdir().unwrap();
        std::fs::create_dir(home.path().join("desktop")).unwrap();
        std::fs::write(file(home.path()), bytes).unwrap();
        assert_eq!(Place::load(home.path()), expect, "{bytes}");
    }

    #[test]
    fn a_damaged_place_still_opens_a_window() {
        let fresh = Place::default();
        check("", fresh);
        check("{", fresh);
        check("[]", fresh);
        check(r#"{"width": -4, "height": 900}"#, fresh);
        check(r#"{"width": 1e300, "height": 900}"#, fresh);
        check(r#"{"width": 1000, "height": 700}"#, Place { width: 1000.0, height: 700.0, ..fresh });
        check(
            r#"{"width": 1000, "height": 700, "at": [1e9, 0], "maximized": true}"#,
            Place { width: 1000.0, height: 700.0, at: None, maximized: true },
        );
    }

    #[test]
    fn a_place_comes_back() {
        let home = tempfile::tempdir().unwrap();
        let place = Place { width: 1111.0, height: 777.0, at: Some((40.0, 30.5)), maximized: false };
        place.store(home.path());
        assert_eq!(Place::load(home.path()), place);
    }
}
