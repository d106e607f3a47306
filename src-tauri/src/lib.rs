//! The desktop window, tray and notifications.
