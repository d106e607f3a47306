//! A session bus for one test, and the two services that a desktop brings: a tray and a notification server. Real ones
//! to the program: they are asked and answer over D-Bus.

#![expect(
    clippy::unused_self,
    clippy::used_underscore_binding,
    clippy::needless_pass_by_value,
    reason = "the methods of a D-Bus interface have the shape that its specification gives them"
)]

use std::collections::HashMap;
use std::process::Command;
use std::sync::{Arc, Mutex};

use zbus::connection::Builder;
use zbus::object_server::SignalEmitter;
use zbus::{Connection, OwnedVariant, Variant, interface};

use crate::process::{Process, eventually_some};

/// A `dbus-daemon` without any service that could be started on it.
#[derive(Debug)]
pub struct SessionBus {
    address: String,
    _process: Process,
    _room: tempfile::TempDir,
}

const CONFIGURATION: &str = r#"<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>session</type><listen>unix:path=PATH</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/></policy>
</busconfig>"#;

impl SessionBus {
    /// Starts a bus with nobody on it.
    pub(crate) async fn start() -> Self {
        let room = tempfile::Builder::new().prefix("curfew-bus-").tempdir().expect("a folder can be made");
        let socket = room.path().join("bus");
        let file = room.path().join("bus.conf");
        std::fs::write(&file, CONFIGURATION.replace("PATH", &socket.display().to_string())).expect("it can be written");
        let mut command = Command::new("dbus-daemon");
        command.arg("--nofork").arg(format!("--config-file={}", file.display()));
        let process = Process::start(command, &room.path().join("log"));
        let address = format!("unix:path={}", socket.display());
        drop(eventually_some("the session bus", async || connect(&address).await.ok()).await);
        Self { address, _process: process, _room: room }
    }

    /// Its address, as `DBUS_SESSION_BUS_ADDRESS` takes it.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Brings a tray. With `host` false it is a watcher that nobody draws for, as on a bare window manager.
    pub async fn tray(&self, host: bool) -> TrayHost {
        let items = Arc::new(Mutex::new(Vec::new()));
        let watcher = Watcher { host, items: Arc::clone(&items) };
        let connection = self.serve("org.kde.StatusNotifierWatcher", "/StatusNotifierWatcher", watcher).await;
        TrayHost { connection, items }
    }

    /// Brings a notification server that shows buttons and reads markup.
    pub async fn notifications(&self) -> NotificationServer {
        let notes = Arc::new(Mutex::new(Vec::new()));
        let path = "/org/freedesktop/Notifications";
        let server = Notifications { notes: Arc::clone(&notes) };
        let connection = self.serve("org.freedesktop.Notifications", path, server).await;
        NotificationServer { connection, notes }
    }

    async fn serve<I: zbus::object_server::Interface>(
        &self,
        name: &'static str,
        path: &'static str,
        with: I,
    ) -> Connection {
        Builder::address(self.address.as_str())
            .name(name)
            .serve_at(path, with)
            .build()
            .await
            .expect("the service can be brought to the bus")
    }
}

async fn connect(address: &str) -> zbus::Result<Connection> {
    Builder::address(address).build().await
}

struct Watcher {
    host: bool,
    items: Arc<Mutex<Vec<(String, String)>>>,
}

#[interface(name = "org.kde.StatusNotifierWatcher")]
impl Watcher {
    fn register_status_notifier_item(&self, service: &str, #[zbus(header)] header: zbus::message::Header<'_>) {
        let sender = header.sender().map(ToString::to_string).unwrap_or_default();
        // An item names its object, its connection, or both.
        let item = match service.split_once('/') {
            Some(("", path)) => (sender, format!("/{path}")),
            Some((bus, path)) => (bus.to_owned(), format!("/{path}")),
            None => (service.to_owned(), "/StatusNotifierItem".to_owned()),
        };
        self.items.lock().expect("no test panics while it holds this").push(item);
    }

    fn register_status_notifier_host(&self, _service: &str) {}

    #[zbus(property)]
    fn is_status_notifier_host_registered(&self) -> bool {
        self.host
    }

    #[zbus(property)]
    fn registered_status_notifier_items(&self) -> Vec<String> {
        let items = self.items.lock().expect("no test panics while it holds this");
        items.iter().map(|(bus, path)| format!("{bus}{path}")).collect()
    }

    #[zbus(property)]
    fn protocol_version(&self) -> i32 {
        0
    }
}

/// A tray, and what is shown in it.
#[derive(Debug)]
pub struct TrayHost {
    connection: Connection,
    items: Arc<Mutex<Vec<(String, String)>>>,
}

/// A line of a tray's menu.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// What it says; empty for a separator.
    pub label: String,
    id: i32,
}

/// `(id, properties, children)` of com.canonical.dbusmenu.
type Layout = (i32, HashMap<String, OwnedVariant>, Vec<OwnedVariant>);

impl TrayHost {
    /// Waits for the first icon.
    pub async fn icon(&self) {
        eventually_some("an icon in the tray", async || self.first()).await;
    }

    /// Whether there is an icon.
    pub fn is_empty(&self) -> bool {
        self.first().is_none()
    }

    fn first(&self) -> Option<(String, String)> {
        self.items.lock().expect("no test panics while it holds this").first().cloned()
    }

    async fn property<T: TryFrom<OwnedVariant>>(&self, name: &str) -> Option<T> {
        let (bus, path) = self.first()?;
        let get = ("org.kde.StatusNotifierItem", name);
        let properties = Some("org.freedesktop.DBus.Properties");
        let reply =
            self.connection.call_method(Some(bus.as_str()), path.as_str(), properties, "Get", &get).await.ok()?;
        T::try_from(reply.body().deserialize::<OwnedVariant>().ok()?).ok()
    }

    /// The text beside the icon.
    pub async fn title(&self) -> String {
        self.property::<String>("XAyatanaLabel").await.unwrap_or_default()
    }

    /// The menu, top to bottom.
    pub async fn menu(&self) -> Vec<Item> {
        self.layout().await.unwrap_or_default()
    }

    async fn layout(&self) -> Option<Vec<Item>> {
        let (bus, path) = self.menu_at().await?;
        let ask = (0_i32, -1_i32, Vec::<&str>::new());
        let menu = Some("com.canonical.dbusmenu");
        let reply =
            self.connection.call_method(Some(bus.as_str()), path.as_str(), menu, "GetLayout", &ask).await.ok()?;
        let (_, (_, _, children)): (u32, Layout) = reply.body().deserialize().ok()?;
        children.into_iter().map(item).collect()
    }

    async fn menu_at(&self) -> Option<(String, String)> {
        let path = self.property::<zbus::OwnedObjectPath>("Menu").await?;
        Some((self.first()?.0, path.to_string()))
    }

    /// Waits for a menu in which `wanted` finds what it looks for.
    pub async fn menu_with(&self, what: &str, wanted: impl Fn(&[Item]) -> bool) -> Vec<Item> {
        eventually_some(what, async || Some(self.menu().await).filter(|menu| wanted(menu))).await
    }

    /// Chooses the line that says this.
    ///
    /// # Panics
    /// If there is none.
    pub async fn choose(&self, label: &str) {
        let menu = self.menu_with(label, |menu| menu.iter().any(|item| item.label == label)).await;
        let item = menu.iter().find(|item| item.label == label).expect("it was just there");
        let (bus, path) = self.menu_at().await.expect("a tray with a menu");
        let event = (item.id, "clicked", Variant::from(0_i32), 0_u32);
        let menu = Some("com.canonical.dbusmenu");
        self.connection
            .call_method(Some(bus.as_str()), path.as_str(), menu, "Event", &event)
            .await
            .expect("the menu takes a click");
    }

    /// Takes the tray away, as a panel that crashes does.
    pub async fn leave(self) {
        _ = self.connection.close().await;
    }
}

fn item(child: OwnedVariant) -> Option<Item> {
    let (id, properties, _): Layout = child.try_into().ok()?;
    let label =
        properties.get("label").and_then(|label| label.try_clone().ok()).and_then(|label| String::try_from(label).ok());
    // A single underscore marks an access key, a double one is an underscore.
    let label = label.unwrap_or_default().replace("__", "\u{0}").replace('_', "").replace('\u{0}', "_");
    Some(Item { label, id })
}

/// A notification as the server got it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Noted {
    /// Its number.
    pub id: u32,
    /// Its first line.
    pub title: String,
    /// Its text, as markup.
    pub body: String,
    /// Its buttons: key, label, key, label…
    pub actions: Vec<String>,
}

struct Notifications {
    notes: Arc<Mutex<Vec<Noted>>>,
}

#[interface(name = "org.freedesktop.Notifications")]
impl Notifications {
    #[expect(clippy::too_many_arguments, reason = "the specification's method has eight")]
    fn notify(
        &self,
        _application: &str,
        _replaces: u32,
        _icon: &str,
        summary: String,
        body: String,
        actions: Vec<String>,
        _hints: HashMap<String, OwnedVariant>,
        _timeout: i32,
    ) -> u32 {
        let mut notes = self.notes.lock().expect("no test panics while it holds this");
        let id = u32::try_from(notes.len()).unwrap_or_default() + 1;
        notes.push(Noted { id, title: summary, body, actions });
        id
    }

    fn close_notification(&self, _id: u32) {}

    fn get_capabilities(&self) -> Vec<String> {
        ["actions", "body", "body-markup"].map(str::to_owned).to_vec()
    }

    fn get_server_information(&self) -> (String, String, String, String) {
        let text = |text: &str| text.to_owned();
        (text("test"), text("test"), text("1"), text("1.2"))
    }

    #[zbus(signal)]
    async fn action_invoked(emitter: &SignalEmitter<'_>, id: u32, key: &str) -> zbus::Result<()>;

    #[zbus(signal)]
    async fn notification_closed(emitter: &SignalEmitter<'_>, id: u32, reason: u32) -> zbus::Result<()>;
}

/// A notification server, and what it was given.
#[derive(Debug)]
pub struct NotificationServer {
    connection: Connection,
    notes: Arc<Mutex<Vec<Noted>>>,
}

impl NotificationServer {
    /// What it was given so far.
    ///
    /// # Panics
    /// If another test thread panicked in it.
    pub fn all(&self) -> Vec<Noted> {
        self.notes.lock().expect("no test panics while it holds this").clone()
    }

    /// Waits for a notification whose title contains this.
    pub async fn note(&self, part: &str) -> Noted {
        let what = format!("a notification with “{part}”");
        eventually_some(&what, async || self.all().into_iter().find(|note| note.title.contains(part))).await
    }

    /// Presses the button of this label; `Open Curfew` is a click on the notification itself.
    ///
    /// # Panics
    /// If the notification has no such button.
    pub async fn press(&self, note: &Noted, label: &str) {
        let key = note.actions.chunks(2).find(|pair| pair[1] == label).map(|pair| pair[0].clone());
        let key = key.unwrap_or_else(|| panic!("no button “{label}”: {:?}", note.actions));
        let emitter =
            SignalEmitter::new(&self.connection, "/org/freedesktop/Notifications").expect("the path is valid");
        Notifications::action_invoked(&emitter, note.id, &key).await.expect("the bus takes a signal");
        Notifications::notification_closed(&emitter, note.id, 2).await.expect("the bus takes a signal");
    }
}
