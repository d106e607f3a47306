//! The desktop's file dialogs.

use std::path::{Path, PathBuf};

/// What a picker asks for.
#[derive(Clone, Debug, Default)]
pub struct Pick {
    /// The dialog's title.
    pub title: String,
    /// The folder it starts in.
    pub start: Option<PathBuf>,
    /// Endings that are offered, without the dot: `["tar.gz", "joblib"]`. Empty offers every file.
    pub endings: Vec<String>,
}

pub(crate) enum Kind {
    Folder,
    File,
    /// With the suggested name.
    Save(String),
}

/// Shows the dialog, in front of the panel's window. `None` if it was closed.
///
/// On Linux through GTK itself, on its main thread: rfd's GTK backend iterates the same main context from a second
/// thread, and GTK is not safe for that.
#[cfg(target_os = "linux")]
pub(crate) async fn pick(app: &tauri::AppHandle, kind: Kind, pick: Pick) -> Option<PathBuf> {
    use gtk::prelude::*;
    use tauri::Manager as _;

    let (tell, told) = tokio::sync::oneshot::channel();
    let handle = app.clone();
    app.run_on_main_thread(move || {
        let window = handle.get_webview_window(crate::MAIN).and_then(|window| window.gtk_window().ok());
        let (action, verb) = match &kind {
            Kind::Folder => (gtk::FileChooserAction::SelectFolder, "Choose"),
            Kind::File => (gtk::FileChooserAction::Open, "Choose"),
            Kind::Save(_) => (gtk::FileChooserAction::Save, "Save"),
        };
        let dialog =
            gtk::FileChooserNative::new(Some(&pick.title), window.as_ref(), action, Some(verb), Some("Cancel"));
        if let Some(start) = &pick.start {
            dialog.set_current_folder(start);
        }
        if let Kind::Save(name) = &kind {
            dialog.set_current_name(&file_name(name));
            dialog.set_do_overwrite_confirmation(true);
        }
        if !pick.endings.is_empty() {
            let filter = gtk::FileFilter::new();
            filter.set_name(Some(&pick.endings.iter().map(|e| format!(".{e}")).collect::<Vec<_>>().join(", ")));
            for ending in &pick.endings {
                filter.add_pattern(&format!("*.{ending}"));
            }
            dialog.add_filter(filter);
        }
        let tell = std::cell::Cell::new(Some(tell));
        // The native chooser lives as long as somebody holds it; the handler does until it has answered.
        let held = std::cell::RefCell::new(Some(dialog.clone()));
        dialog.connect_response(move |dialog, response| {
            let path = (response == gtk::ResponseType::Accept).then(|| dialog.filename()).flatten();
            if let Some(tell) = tell.take() {
                _ = tell.send(path);
            }
            held.borrow_mut().take();
        });
        dialog.show();
    })
    .ok()?;
    told.await.ok().flatten()
}

#[cfg(not(target_os = "linux"))]
pub(crate) async fn pick(_app: &tauri::AppHandle, kind: Kind, pick: Pick) -> Option<PathBuf> {
    let mut dialog = rfd::AsyncFileDialog::new().set_title(&pick.title);
    if let Some(start) = &pick.start {
        dialog = dialog.set_directory(start);
    }
    if !pick.endings.is_empty() {
        dialog = dialog.add_filter("Files", &pick.endings);
    }
    let chosen = match kind {
        Kind::Folder => dialog.pick_folder().await,
        Kind::File => dialog.pick_file().await,
        Kind::Save(name) => dialog.set_file_name(file_name(&name)).save_file().await,
    };
    chosen.map(|file| file.path().to_owned())
}

/// A suggested name without folders or characters that a file system refuses.
fn file_name(name: &str) -> String {
    let name: String =
        name.chars().map(|c| if c.is_control() || "/\\:*?\"<>|".contains(c) { '-' } else { c }).collect();
    let name = name.trim_matches(|c: char| c == '.' || c.is_whitespace());
    if name.is_empty() { "curfew".to_owned() } else { name.to_owned() }
}

/// Writes what was asked to be saved, whole or not at all.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut part = path.as_os_str().to_owned();
    part.push(".part");
    std::fs::write(&part, bytes)
        .and_then(|()| std::fs::rename(&part, path))
        .inspect_err(|_| _ = std::fs::remove_file(&part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suggested_names_stay_in_their_folder() {
        let check = |input: &str, expect: &str| assert_eq!(file_name(input), expect);
        check("lab-report.html", "lab-report.html");
        check("../../etc/passwd", "-..-etc-passwd");
        check("a/b\u{0}c", "a-b-c");
        check(" .. ", "curfew");
    }

    #[test]
    fn a_save_is_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("report.html");
        write(&path, b"all clean").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"all clean");
        assert!(write(&folder.path().join("none/report.html"), b"x").is_err());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
