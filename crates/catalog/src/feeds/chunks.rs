//! From an asynchronous download to a reader: chunks go through a bounded channel, so memory stays bounded too.

use std::io::{self, Read};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// Takes the chunks of a download, on its side.
#[derive(Debug, Clone)]
pub struct ChunkSender(SyncSender<io::Result<Vec<u8>>>);

/// Hands them out as a reader, on a blocking thread.
#[derive(Debug)]
pub struct ChunkReader {
    chunks: Receiver<io::Result<Vec<u8>>>,
    now: Vec<u8>,
    at: usize,
    finished: bool,
}

/// A pair that holds at most `most` chunks. The sender says when the download is complete; a sender that is dropped
/// before is a download that broke off, and an error for the reader.
pub fn chunks(most: usize) -> (ChunkSender, ChunkReader) {
    let (send, chunks) = sync_channel(most.max(1));
    (ChunkSender(send), ChunkReader { chunks, now: Vec::new(), at: 0, finished: false })
}

impl ChunkSender {
    /// Passes a chunk on; waits while the reader is behind. `false`: nobody reads any more, so stop the download.
    pub fn send(&self, chunk: Vec<u8>) -> bool {
        chunk.is_empty() || self.0.send(Ok(chunk)).is_ok()
    }
    /// Passes on that the download failed.
    pub fn fail(&self, error: io::Error) {
        let _ = self.0.send(Err(error));
    }
    /// The download is complete.
    pub fn finish(self) {
        let _ = self.0.send(Ok(Vec::new()));
    }
}

impl Read for ChunkReader {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.at == self.now.len() {
            if self.finished {
                return Ok(0);
            }
            match self.chunks.recv() {
                Ok(Ok(chunk)) => {
                    self.finished = chunk.is_empty();
                    (self.now, self.at) = (chunk, 0);
                }
                Ok(Err(error)) => return Err(error),
                Err(_) => return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the download broke off")),
            }
        }
        let n = (&self.now[self.at..]).read(into)?;
        self.at += n;
        Ok(n)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_become_a_stream() {
        let (send, mut read) = chunks(2);
        let sender = std::thread::spawn(move || {
            for part in ["{\"a\"", ":", "", "1}"] {
                assert!(send.send(part.as_bytes().to_vec()));
            }
            send.finish();
        });
        let mut text = String::new();
        read.read_to_string(&mut text).unwrap();
        sender.join().unwrap();
        assert_eq!(text, "{\"a\":1}");
        let (send, mut read) = chunks(2);
        send.send(b"half".to_vec());
        drop(send);
        assert_eq!(read.read_to_string(&mut text).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }
}
