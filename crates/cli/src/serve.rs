//! serve: the panel on a loopback address, behind a random token.

use crate::app;
use crate::args::Serve;
use crate::out::{Exit, Failed, line, note, print_json};
use curfew_core::{Error, ErrorKind};
use std::sync::Arc;

pub(crate) async fn serve(args: Serve, json: bool) -> Result<Exit, Failed> {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", args.port)).await.map_err(|e| {
        Error::io("open the port", format!("port {} on 127.0.0.1", args.port), e)
            .at("port")
            .next("Choose another port with --port, or none for a free one")
    })?;
    let port = listener.local_addr().map_err(|e| Error::io("open the port", "127.0.0.1", e))?.port();
    let engine = app::engine()?;
    let loop_ = engine.start_loop();
    let token = token()?;
    let router = curfew_ui::router(curfew_ui::App::new(engine.clone(), Arc::new(curfew_ui::Browser)))
        .layer(curfew_ui::guard::layer(token.clone(), port));
    let url = format!("http://127.0.0.1:{port}/?token={token}");
    if json {
        print_json(&serde_json::json!({ "url": url, "port": port }));
    } else {
        line(format!("Curfew's panel: {url}"));
    }
    note("It is shown on this computer only. End it with Ctrl-C; what runs goes on, and keeps its curfew.");
    axum::serve(listener, router)
        .with_graceful_shutdown(ended())
        .await
        .map_err(|e| Error::io("serve the panel", "127.0.0.1", e))?;
    drop(loop_);
    Ok(Exit::Done)
}

/// 192 bits from the system, in hexadecimal.
fn token() -> Result<String, Error> {
    let mut bytes = [0u8; 24];
    getrandom::fill(&mut bytes).map_err(|e| {
        Error::new(ErrorKind::Unknown, "make the token", "the system gave no random bytes").caused_by(e)
    })?;
    Ok(bytes.iter().fold(String::new(), |text, b| format!("{text}{b:02x}")))
}

/// Ctrl-C or SIGTERM. Pages that wait for news are not waited for: their connection just ends.
async fn ended() {
    #[cfg(unix)]
    {
        let term = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate());
        match term {
            Ok(mut term) => {
                tokio::select! { _ = tokio::signal::ctrl_c() => {}, _ = term.recv() => {} }
            }
            Err(_) => drop(tokio::signal::ctrl_c().await),
        }
    }
    #[cfg(not(unix))]
    drop(tokio::signal::ctrl_c().await);
    // A long poll may hold its connection for 25 s; ending the process is what the user asked for.
    tokio::spawn(async {
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        std::process::exit(0);
    });
}
