//! Starting a WebDriver and a session on it.

use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::Command;

use fantoccini::{Client, ClientBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Map, Value};

use crate::process::{Process, eventually_some};

/// A driver's process and where it listens.
#[derive(Debug)]
pub(crate) struct Driver {
    _process: Process,
    pub(crate) address: String,
}

impl Driver {
    /// Starts a driver on a free port.
    pub(crate) async fn start(program: &str, room: &Path, environment: &[(&str, &str)]) -> Self {
        // Neither driver can say which port it took, so one that was free a moment ago is named; should another
        // process take it in between, the next is tried.
        for attempt in 0..5 {
            let port = free_port();
            let mut command = Command::new(program);
            command.arg(format!("--port={port}")).envs(environment.iter().copied());
            let log = room.join(format!("driver-{attempt}.log"));
            let mut process = Process::start(command, &log);
            let up = eventually_some(&format!("{program} on port {port}"), async || {
                if process.ended().is_some() {
                    return Some(false);
                }
                tokio::net::TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.is_ok().then_some(true)
            })
            .await;
            if up {
                return Self { _process: process, address: format!("http://127.0.0.1:{port}") };
            }
        }
        panic!("{program} ended at once, five times; its logs are in {}", room.display())
    }

    /// Opens a session with these capabilities.
    pub(crate) async fn session(&self, capabilities: Map<String, Value>) -> Client {
        ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities)
            .connect(&self.address)
            .await
            .unwrap_or_else(|error| panic!("no WebDriver session: {error}"))
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has a free port");
    listener.local_addr().expect("a bound port is known").port()
}

/// A command of a driver that fantoccini has no method for.
#[derive(Debug)]
pub(crate) struct Extra {
    pub(crate) path: &'static str,
    pub(crate) body: Value,
}

impl fantoccini::wd::WebDriverCompatibleCommand for Extra {
    fn endpoint(&self, base: &url::Url, session: Option<&str>) -> Result<url::Url, url::ParseError> {
        base.join(&format!("session/{}/{}", session.unwrap_or_default(), self.path))
    }

    fn method_and_body(&self, _: &url::Url) -> (http::Method, Option<String>) {
        (http::Method::POST, Some(self.body.to_string()))
    }
}
