//! The panel's window and the question's.

use std::sync::Arc;

use tauri::webview::NewWindowResponse;
use tauri::{AppHandle, Manager as _, WebviewUrl, WebviewWindow, WebviewWindowBuilder};

use crate::away::Resume;
use crate::desk::Desk;
use crate::place::SMALLEST;
use crate::{ASK, MAIN, scheme};

/// Opens the panel's window where it goes on.
pub(crate) fn open(desk: &Arc<Desk>, resume: &Resume) -> tauri::Result<WebviewWindow> {
    let place = desk.place();
    let mut builder = guarded(desk, desk.app(), MAIN, &resume.path)
        .title("Curfew")
        .inner_size(place.width, place.height)
        .min_inner_size(SMALLEST.0, SMALLEST.1)
        .prevent_overflow()
        .maximized(place.maximized)
        .zoom_hotkeys_enabled(true)
        .on_document_title_changed(|window, title| {
            _ = window.set_title(if title.is_empty() { "Curfew" } else { &title });
        });
    if let Some(script) = resume.script() {
        builder = builder.initialization_script(script);
    }
    let window = builder.build()?;
    if let Some((x, y)) = place.at
        && on_a_monitor(&window, x, y)
    {
        window.set_position(tauri::LogicalPosition::new(x, y))?;
    }
    tell_console(&window)?;
    Ok(window)
}

/// Under WebDriver the console goes to stdout, where a test reads every violation of the policy.
fn tell_console(window: &WebviewWindow) -> tauri::Result<()> {
    #[cfg(target_os = "linux")]
    if std::env::var_os("TAURI_WEBVIEW_AUTOMATION").is_some() {
        use webkit2gtk::{SettingsExt as _, WebViewExt as _};
        window.with_webview(|webview| {
            if let Some(settings) = webview.inner().settings() {
                settings.set_enable_write_console_messages_to_stdout(true);
            }
        })?;
    }
    Ok(())
}

/// Opens the question's window, or brings it to the front.
pub(crate) fn ask(desk: &Arc<Desk>) -> tauri::Result<()> {
    if let Some(window) = desk.app().get_webview_window(ASK) {
        // It may ask something else by now.
        window.navigate(scheme::address("/"))?;
        return window.set_focus();
    }
    let mut builder = guarded(desk, desk.app(), ASK, "/").title("Curfew").inner_size(520.0, 300.0).resizable(true);
    // In front of the panel where that is to be seen, else by itself.
    if let Some(panel) = desk.app().get_webview_window(MAIN).filter(|panel| panel.is_visible().unwrap_or(false)) {
        builder = builder.transient_for(&panel)?;
    }
    let window = builder.center().minimizable(false).maximizable(false).build()?;
    tell_console(&window)?;
    window.set_focus()
}

/// A window that reaches `panel://` and nothing else.
fn guarded<'a>(
    desk: &Arc<Desk>,
    app: &'a AppHandle,
    label: &'static str,
    path: &str,
) -> WebviewWindowBuilder<'a, tauri::Wry, AppHandle> {
    let (go, new) = (Arc::clone(desk), Arc::clone(desk));
    WebviewWindowBuilder::new(app, label, WebviewUrl::CustomProtocol(scheme::address(path)))
        // WebKit's own files belong to the home too. Both windows share them: WebKit allows one automated context.
        .data_directory(desk.home().join("desktop/webview"))
        .on_navigation(move |url| {
            let stays = scheme::is_panel(url);
            if !stays {
                go.open_url(url.as_str());
            }
            stays
        })
        .on_new_window(move |url, _| {
            if scheme::is_panel(&url) {
                new.show(Some(&scheme::path(&url)));
            } else {
                new.open_url(url.as_str());
            }
            NewWindowResponse::Deny
        })
        // A page saves through the desktop's own dialog.
        .on_download(|_, _| false)
        .devtools(cfg!(debug_assertions))
}

/// Whether a remembered place can be seen: monitors come and go.
fn on_a_monitor(window: &WebviewWindow, x: f64, y: f64) -> bool {
    window.available_monitors().unwrap_or_default().iter().any(|monitor| {
        let scale = monitor.scale_factor();
        let at = monitor.position().to_logical::<f64>(scale);
        let size = monitor.size().to_logical::<f64>(scale);
        (at.x..at.x + size.width - 80.0).contains(&x) && (at.y..at.y + size.height - 80.0).contains(&y)
    })
}
