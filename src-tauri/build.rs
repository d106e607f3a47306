//! Lets tauri read tauri.conf.json and the icons.
fn main() {
    tauri_build::build();
}
