//! Asks the session bus who is there.
//!
//! On Linux a tray icon and a notification "succeed" with nobody listening. So before either is relied on, its service
//! is asked a question; only an answer counts. A desktop without a session bus has neither.

use std::time::Duration;

/// How long a service may take to answer before it counts as absent. A hung tray must not keep a window from closing.
const PATIENCE: Duration = Duration::from_secs(2);

/// What a notification server can show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Notifications {
    /// It shows buttons.
    pub actions: bool,
    /// It reads the body as markup, so that text in it must be escaped.
    pub markup: bool,
}

/// The session bus, if there is one.
#[derive(Clone, Debug)]
pub struct Bus {
    #[cfg(target_os = "linux")]
    session: Option<zbus::Connection>,
}

#[cfg(target_os = "linux")]
impl Bus {
    /// Connects to the session bus that the environment names.
    pub async fn connect() -> Self {
        let session = match tokio::time::timeout(PATIENCE, zbus::Connection::session()).await {
            Ok(Ok(session)) => Some(session),
            Ok(Err(error)) => {
                tracing::info!(%error, "no session bus: no tray and no notifications");
                None
            }
            Err(_) => {
                tracing::warn!("the session bus does not answer: no tray and no notifications");
                None
            }
        };
        Self { session }
    }

    /// Whether a tray would be seen: a StatusNotifierWatcher answers and says that a host (the thing that draws the
    /// icons) is registered with it. A watcher without a host is common on bare window managers.
    pub async fn tray_host(&self) -> bool {
        let name = "org.kde.StatusNotifierWatcher";
        let answer: Option<zbus::OwnedVariant> = self
            .call(
                (name, "/StatusNotifierWatcher", "org.freedesktop.DBus.Properties", "Get"),
                &(name, "IsStatusNotifierHostRegistered"),
            )
            .await;
        answer.is_some_and(|value| bool::try_from(value).unwrap_or(false))
    }

    /// What the notification server can do, or `None` if none answers. Asking may start one (D-Bus activation), which
    /// is wanted: a notification would start it too.
    pub async fn notifications(&self) -> Option<Notifications> {
        let name = "org.freedesktop.Notifications";
        let can: Vec<String> =
            self.call((name, "/org/freedesktop/Notifications", name, "GetCapabilities"), &()).await?;
        let has = |what: &str| can.iter().any(|c| c == what);
        Some(Notifications { actions: has("actions"), markup: has("body-markup") })
    }

    /// One call of `(service, object, interface, method)`; `None` without an answer in time.
    async fn call<A, R>(&self, to: (&str, &str, &str, &str), arguments: &A) -> Option<R>
    where
        A: serde::Serialize + zbus::zvariant::DynamicType + Sync,
        R: serde::de::DeserializeOwned + zbus::zvariant::Type,
    {
        let session = self.session.as_ref()?;
        let (service, object, interface, method) = to;
        let call = session.call_method(Some(service), object, Some(interface), method, arguments);
        match tokio::time::timeout(PATIENCE, call).await {
            Ok(Ok(reply)) => reply.body().deserialize().ok(),
            Ok(Err(error)) => {
                tracing::debug!(service, %error, "not there");
                None
            }
            Err(_) => {
                tracing::warn!(service, "on the bus, but does not answer");
                None
            }
        }
    }
}

/// Other platforms always have a tray and notifications.
#[cfg(not(target_os = "linux"))]
impl Bus {
    /// Nothing to connect to.
    pub async fn connect() -> Self {
        Self {}
    }

    /// Always.
    pub async fn tray_host(&self) -> bool {
        true
    }

    /// Shown without buttons of our own.
    pub async fn notifications(&self) -> Option<Notifications> {
        Some(Notifications { actions: false, markup: false })
    }
}
