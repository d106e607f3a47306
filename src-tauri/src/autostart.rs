//! Starting with the session: off until it is asked for. Linux only so far: a file in the XDG autostart folder.

use std::io;
use std::path::{Path, PathBuf};

/// What is written, and where.
#[derive(Clone, Debug)]
pub struct Autostart {
    /// `$XDG_CONFIG_HOME/autostart`.
    folder: PathBuf,
    /// The desktop's program.
    program: PathBuf,
    /// CURFEW_HOME, if it is not the default one.
    home: Option<PathBuf>,
}

impl Autostart {
    /// For this user's session.
    ///
    /// # Errors
    /// If there is no home folder to write in, or the platform has another way.
    pub fn here(program: PathBuf, home: Option<PathBuf>) -> io::Result<Self> {
        if !cfg!(target_os = "linux") {
            return Err(io::Error::new(io::ErrorKind::Unsupported, "starting with the session is done on Linux only"));
        }
        let var = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
        let config = var("XDG_CONFIG_HOME").or_else(|| Some(var("HOME")?.join(".config")));
        let config = config.ok_or_else(|| io::Error::new(io::ErrorKind::NotFound, "HOME is not set"))?;
        Ok(Self { folder: config.join("autostart"), program, home })
    }

    /// Whether Curfew starts with the session.
    pub fn is_on(&self) -> bool {
        self.file().exists()
    }

    /// Turns it on or off. It starts in the tray, without a window.
    ///
    /// # Errors
    /// If the session's folder cannot be written.
    pub fn set(&self, on: bool) -> io::Result<()> {
        if on {
            std::fs::create_dir_all(&self.folder)?;
            return std::fs::write(self.file(), self.entry());
        }
        match std::fs::remove_file(self.file()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    fn file(&self) -> PathBuf {
        self.folder.join("app.curfew.desktop.desktop")
    }

    fn entry(&self) -> String {
        let home = self
            .home
            .as_ref()
            .map_or_else(String::new, |home| format!("env {} ", quoted(&format!("CURFEW_HOME={}", text(home)))));
        format!(
            "[Desktop Entry]\nType=Application\nName=Curfew\nComment=Money an hour, in the tray\nIcon=curfew\n\
             Exec={home}{} --hidden\nTerminal=false\n",
            quoted(&text(&self.program))
        )
    }
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// One argument of `Exec`, by the Desktop Entry Specification: quoted with escapes, `%` doubled, and each backslash
/// doubled once more because the value is a string first.
fn quoted(argument: &str) -> String {
    let mut out = String::from("\"");
    for c in argument.chars() {
        match c {
            '"' | '`' | '$' => out.extend(['\\', '\\', c]),
            '\\' => out.push_str("\\\\\\\\"),
            '%' => out.push_str("%%"),
            '\n' => out.push_str("\\n"),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(program: &str, home: Option<&str>, expect: &str) {
        let folder = tempfile::tempdir().unwrap();
        let entry = Autostart {
            folder: folder.path().join("autostart"),
            program: PathBuf::from(program),
            home: home.map(PathBuf::from),
        };
        assert!(!entry.is_on());
        entry.set(false).unwrap();
        entry.set(true).unwrap();
        assert!(entry.is_on());
        let text = std::fs::read_to_string(entry.file()).unwrap();
        let exec = text.lines().find_map(|line| line.strip_prefix("Exec=")).unwrap();
        assert_eq!(exec, expect);
        entry.set(false).unwrap();
        assert!(!entry.is_on());
    }

    #[test]
    fn it_is_written_and_taken_back() {
        check("/usr/bin/curfew-desktop", None, r#""/usr/bin/curfew-desktop" --hidden"#);
        check(
            "/opt/my tools/$5 100%/cur\"few",
            Some("/data/a b"),
            r#"env "CURFEW_HOME=/data/a b" "/opt/my tools/\\$5 100%%/cur\\"few" --hidden"#,
        );
        check(r"/a\b", None, r#""/a\\\\b" --hidden"#);
    }
}
