//! Logs from CloudWatch, piece by piece. A position names each stream, AWS's token for the next page, and how much of that
//! page has been handed on, so that any number of readers can read at any pace.

use crate::retry::call;
use aws_sdk_cloudwatchlogs::Client;
use curfew_core::run::LogChunk;
use curfew_core::{Cx, Error, ErrorKind, Result, say};

/// Where reading goes on in one stream.
#[derive(Debug, Clone, PartialEq, Eq)]
struct At {
    stream: String,
    token: String,
    offset: usize,
}

/// Streams are named `JOB/algo-1-…`, tokens `f/…`: neither has a space or a semicolon.
fn parse(text: &str) -> Result<Vec<At>> {
    let bad = || Error::new(ErrorKind::InvalidInput, "read the log", "this is no position in a log");
    let one = |part: &str| {
        let mut fields = part.split(' ');
        let (stream, token, offset) =
            (fields.next().ok_or_else(bad)?, fields.next().ok_or_else(bad)?, fields.next().ok_or_else(bad)?);
        Ok(At { stream: stream.into(), token: token.into(), offset: offset.parse().map_err(|_| bad())? })
    };
    text.split(';').filter(|p| !p.is_empty()).map(one).collect()
}

fn text(at: &[At]) -> String {
    at.iter().map(|a| format!("{} {} {}", a.stream, a.token, a.offset)).collect::<Vec<_>>().join(";")
}

/// A token that stands for the beginning.
const START: &str = "-";

/// Reads on. `over`: nothing more will be written.
pub(crate) async fn read(
    cx: &Cx,
    logs: &Client,
    group: &str,
    prefix: &str,
    from: &str,
    max: usize,
    over: bool,
) -> Result<LogChunk> {
    let mut at = parse(from)?;
    let mut bytes = Vec::new();
    let mut ends = true;
    // Streams come up while a job begins; those known keep their places.
    for stream in streams(cx, logs, group, prefix).await? {
        if !at.iter().any(|a| a.stream == stream) {
            at.push(At { stream, token: START.into(), offset: 0 });
        }
    }
    for place in &mut at {
        loop {
            let token = (place.token != START).then(|| place.token.clone());
            let page = call(cx, "read the log", || {
                let get = logs.get_log_events().log_group_name(group).log_stream_name(&place.stream);
                get.start_from_head(true).set_next_token(token.clone()).send()
            });
            let page = match page.await {
                Ok(page) => page,
                Err(e) if e.kind() == ErrorKind::NotFound => break,
                Err(e) => return Err(e),
            };
            let mut content = Vec::new();
            for event in page.events() {
                content.extend_from_slice(event.message().unwrap_or_default().as_bytes());
                content.push(b'\n');
            }
            let rest = content.get(place.offset..).unwrap_or_default();
            let room = max.max(1).saturating_sub(bytes.len());
            if rest.len() > room {
                bytes.extend_from_slice(&rest[..room]);
                place.offset += room;
                ends = false;
                break;
            }
            bytes.extend_from_slice(rest);
            let next = page.next_forward_token.unwrap_or_default();
            if content.is_empty() || next.is_empty() || Some(&next) == token.as_ref() {
                place.offset = content.len();
                break;
            }
            place.token = next;
            place.offset = 0;
        }
        if bytes.len() >= max.max(1) {
            ends = false;
            break;
        }
    }
    Ok(LogChunk { end: over && ends && bytes.is_empty(), next: text(&at), bytes })
}

async fn streams(cx: &Cx, logs: &Client, group: &str, prefix: &str) -> Result<Vec<String>> {
    let (mut names, mut token) = (Vec::new(), None::<String>);
    loop {
        let page = call(cx, "read the log", || {
            let list = logs.describe_log_streams().log_group_name(group);
            list.set_log_stream_name_prefix(Some(prefix.to_owned()).filter(|p| !p.is_empty()))
                .set_next_token(token.clone())
                .send()
        });
        let page = match page.await {
            Ok(page) => page,
            // Nothing has been printed yet.
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(names),
            Err(e) => return Err(e),
        };
        names.extend(page.log_streams().iter().filter_map(|s| s.log_stream_name()).map(str::to_owned));
        token = page.next_token;
        if token.is_none() {
            names.sort();
            return Ok(names);
        }
    }
}

/// The last lines, fit to be shown.
pub(crate) async fn end_of(cx: &Cx, logs: &Client, group: &str, prefix: &str) -> Result<Vec<String>> {
    let mut lines = Vec::new();
    for stream in streams(cx, logs, group, prefix).await?.iter().take(1) {
        let page = call(cx, "read the log", || {
            logs.get_log_events().log_group_name(group).log_stream_name(stream).limit(40).start_from_head(false).send()
        });
        for event in page.await?.events() {
            let line = event.message().unwrap_or_default();
            lines.extend(line.lines().map(|l| say::clean(l.trim_end(), 400)).filter(|l| !l.is_empty()));
        }
    }
    Ok(lines.split_off(lines.len().saturating_sub(40)))
}

/// Deletes the streams that begin with `prefix`.
pub(crate) async fn remove_streams(cx: &Cx, logs: &Client, group: &str, prefix: &str) -> Result<()> {
    for stream in streams(cx, logs, group, prefix).await? {
        let removed = call(cx, "delete the log", || {
            logs.delete_log_stream().log_group_name(group).log_stream_name(&stream).send()
        });
        crate::error::gone_is_fine(removed.await.map(drop))?;
    }
    Ok(())
}

/// Deletes a group with all that is in it.
pub(crate) async fn remove_group(cx: &Cx, logs: &Client, group: &str) -> Result<()> {
    let removed = call(cx, "delete the log", || logs.delete_log_group().log_group_name(group).send()).await;
    crate::error::gone_is_fine(removed.map(drop))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_read_back() {
        let text_of = "iris-1/algo-1-17 f/38/s 4;iris-1/algo-2-17 - 0";
        assert_eq!(text(&parse(text_of).unwrap()), text_of);
        assert_eq!(parse("").unwrap(), []);
        for bad in ["x", "a b", "a b c"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
