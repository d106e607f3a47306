//! Where there is no graphics processor, WebKit and GTK are told so before they start.
//!
//! Left alone, both load Mesa's software renderer (llvmpipe), and WebKit draws each change of a page as a whole picture of
//! the window through it: on two cores some 20 % of one for a run's chart, 135 MB, and a tenth of a second of every start.
//! Drawn without OpenGL, only what has changed is drawn. With a GPU nothing is changed.

use std::path::Path;

/// GDK looks for OpenGL visuals as it opens the display; GTK 3 draws with cairo anyway.
const GDK: (&str, &str) = ("GDK_GL", "disable");
/// WebKit composes pages through OpenGL only with this renderer.
const WEBKIT: (&str, &str) = ("WEBKIT_DISABLE_DMABUF_RENDERER", "1");

/// Tells them, where it is not set yet: who has set it knows better. Only while this process has no other thread: the
/// environment belongs to all of them.
pub(crate) fn tell() {
    if has_gpu(Path::new("/dev")) {
        return;
    }
    for (name, value) in [GDK, WEBKIT] {
        if let Err(error) = gtk::glib::setenv(name, value, false) {
            tracing::warn!(%error, name, "not set: the window takes more of this computer than it needs");
        }
    }
}

/// Whether programs can draw with a graphics processor: Linux gives each one that can a render node; NVIDIA's own driver
/// has a door beside it.
fn has_gpu(dev: &Path) -> bool {
    let nodes = std::fs::read_dir(dev.join("dri")).into_iter().flatten().flatten();
    let render = nodes.into_iter().any(|node| node.file_name().to_string_lossy().starts_with("renderD"));
    render || dev.join("nvidiactl").exists()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_screen_without_a_render_node_is_no_gpu() {
        let dev = tempfile::tempdir().unwrap();
        let check = |expect: bool| assert_eq!(has_gpu(dev.path()), expect);
        check(false);
        std::fs::create_dir(dev.path().join("dri")).unwrap();
        std::fs::write(dev.path().join("dri/card0"), "").unwrap();
        check(false);
        std::fs::write(dev.path().join("dri/renderD128"), "").unwrap();
        check(true);
        std::fs::remove_file(dev.path().join("dri/renderD128")).unwrap();
        std::fs::write(dev.path().join("nvidiactl"), "").unwrap();
        check(true);
    }
}
