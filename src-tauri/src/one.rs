//! One window per home. The first start holds a lock in CURFEW_HOME and listens; a second start asks it to come to the
//! front, and ends.
//!
//! A lock file and a loopback port are used rather than a name on the session bus, because they follow the home (two
//! homes may be open at once), work without a bus, and die with the process. This is only about windows: what may run
//! the background loop is decided by the engine's own lock.

use std::fs::{File, TryLockError};
use std::io::{self, Read, Write as _};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

/// How long the first window may take to answer a second start.
const PATIENCE: Duration = Duration::from_secs(5);

/// The longest request that is read: a token, a space and a path.
const LONGEST: u64 = 4096;

/// Where the first window listens. Readable by its owner only.
#[derive(Serialize, Deserialize)]
struct Door {
    port: u16,
    token: String,
    pid: u32,
    host: String,
}

/// What a start finds.
pub enum Claim {
    /// No other window has this home. Keep it as long as the window lives.
    Ours(Ours),
    /// Another window had it, was asked, and came to the front.
    Shown,
    /// Another window has it and cannot be asked; the sentence says why and what to do.
    Stuck(String),
}

/// The claim on a home.
pub struct Ours {
    /// Held, never read: the lock ends with the process, however it ends.
    lock: Option<File>,
    listener: TcpListener,
    token: String,
}

/// Claims `home` for a window, or asks the window that has it to come to the front at `path`.
///
/// # Errors
/// If nothing can be written in `home`.
pub fn claim(home: &Path, path: &str) -> io::Result<Claim> {
    let room = home.join("desktop");
    std::fs::create_dir_all(&room)?;
    let door = room.join("door.json");
    let file = File::options().create(true).truncate(false).write(true).open(room.join("lock"))?;
    let lock = match file.try_lock() {
        Ok(()) => Some(file),
        Err(TryLockError::WouldBlock) => {
            return Ok(match knock(&door, path) {
                Ok(()) => Claim::Shown,
                Err(why) => Claim::Stuck(why),
            });
        }
        // Some network file systems have no locks. Two windows on one home are untidy, not unsafe.
        Err(TryLockError::Error(error)) => {
            tracing::warn!(%error, home = %home.display(), "this home cannot be locked; a second window is not noticed");
            None
        }
    };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let mut secret = [0_u8; 16];
    getrandom::fill(&mut secret).map_err(io::Error::other)?;
    let token = format!("{:032x}", u128::from_ne_bytes(secret));
    let described =
        Door { port: listener.local_addr()?.port(), token: token.clone(), pid: std::process::id(), host: host() };
    write_private(&door, &serde_json::to_vec(&described)?)?;
    Ok(Claim::Ours(Ours { lock, listener, token }))
}

impl Ours {
    /// Hands each path that a second start asks for to `show`, for as long as the process lives.
    pub fn listen(self, show: impl Fn(&str) + Send + 'static) {
        let Self { lock, listener, token } = self;
        std::thread::spawn(move || {
            let _held = lock;
            for stream in listener.incoming().flatten() {
                // Whoever has not the token cannot read this home, and is not listened to.
                if let Err(error) = answer(stream, &token, &show) {
                    tracing::debug!(%error, "a second start was not understood");
                }
            }
        });
    }
}

fn answer(mut stream: TcpStream, token: &str, show: &impl Fn(&str)) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut asked = String::new();
    Read::take(&mut stream, LONGEST).read_to_string(&mut asked)?;
    if let Some(path) = asked.strip_prefix(token).and_then(|rest| rest.strip_prefix(' '))
        && path.starts_with('/')
    {
        show(path);
        stream.write_all(b"shown")?;
    }
    Ok(())
}

fn knock(door: &Path, path: &str) -> Result<(), String> {
    // The first window may hold the lock and not yet have written its door, or be about to: ask again for a while.
    let deadline = Instant::now() + PATIENCE;
    loop {
        match ask(door, path) {
            Ok(outcome) => return outcome,
            Err(error) if Instant::now() >= deadline => return Err(stuck(None, &error.to_string())),
            Err(_) => std::thread::sleep(Duration::from_millis(20)),
        }
    }
}

/// The outer error is worth another try.
fn ask(door: &Path, path: &str) -> io::Result<Result<(), String>> {
    let door: Door = serde_json::from_slice(&std::fs::read(door)?)?;
    if door.host != host() {
        return Ok(Err(format!(
            "Curfew is already open with this home on another computer ({}). Close it there, or set CURFEW_HOME to \
             another folder.",
            door.host
        )));
    }
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, door.port))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    write!(stream, "{} {path}", door.token)?;
    stream.shutdown(Shutdown::Write)?;
    let mut answer = String::new();
    match stream.read_to_string(&mut answer) {
        Ok(_) if answer == "shown" => Ok(Ok(())),
        Ok(_) => Ok(Err(stuck(Some(door.pid), "it does not answer"))),
        Err(error) => Ok(Err(stuck(Some(door.pid), &error.to_string()))),
    }
}

fn stuck(pid: Option<u32>, why: &str) -> String {
    let who = pid.map_or_else(String::new, |pid| format!(" (process {pid})"));
    format!(
        "Curfew is already open with this home{who}, but its window cannot be reached: {why}. What runs is not \
         touched. If no window is to be seen, end that process and start Curfew again."
    )
}

fn host() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default().trim().to_owned()
}

/// Writes a file that only its owner can read, whole or not at all.
fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let new = path.with_extension("new");
    let mut options = File::options();
    options.create(true).truncate(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&new)?;
    file.write_all(bytes)?;
    drop(file);
    std::fs::rename(new, path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[test]
    fn a_second_start_shows_the_first() {
        let home = tempfile::tempdir().unwrap();
        let Claim::Ours(first) = claim(home.path(), "/").unwrap() else { panic!("the first start has the home") };
        let (tell, told) = mpsc::channel();
        first.listen(move |path| tell.send(path.to_owned()).unwrap());
        assert!(matches!(claim(home.path(), "/runs/7?tab=log").unwrap(), Claim::Shown));
        assert_eq!(told.recv().unwrap(), "/runs/7?tab=log");
    }

    #[test]
    fn two_homes_have_a_window_each() {
        let (a, b) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let (first, second) = (claim(a.path(), "/").unwrap(), claim(b.path(), "/").unwrap());
        assert!(matches!((&first, &second), (Claim::Ours(_), Claim::Ours(_))));
    }

    #[test]
    fn a_home_is_free_again_when_its_window_is_gone() {
        let home = tempfile::tempdir().unwrap();
        drop(claim(home.path(), "/").unwrap());
        assert!(matches!(claim(home.path(), "/").unwrap(), Claim::Ours(_)));
    }

    #[test]
    fn without_the_token_nothing_is_shown() {
        let home = tempfile::tempdir().unwrap();
        let Claim::Ours(first) = claim(home.path(), "/").unwrap() else { panic!("the first start has the home") };
        let (tell, told) = mpsc::channel::<String>();
        first.listen(move |path| tell.send(path.to_owned()).unwrap());
        let file = home.path().join("desktop/door.json");
        let mut door: Door = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
        door.token = "0".repeat(32);
        std::fs::write(&file, serde_json::to_vec(&door).unwrap()).unwrap();
        let Claim::Stuck(why) = claim(home.path(), "/").unwrap() else { panic!("a wrong token opens nothing") };
        assert!(why.contains("does not answer") && why.contains("What runs is not touched"), "{why}");
        assert!(told.try_recv().is_err());
    }

    #[cfg(unix)]
    #[test]
    fn only_the_owner_can_read_the_door() {
        use std::os::unix::fs::PermissionsExt as _;
        let home = tempfile::tempdir().unwrap();
        let _ours = claim(home.path(), "/").unwrap();
        let mode = std::fs::metadata(home.path().join("desktop/door.json")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_window_on_another_computer_is_named() {
        let home = tempfile::tempdir().unwrap();
        let _ours = claim(home.path(), "/").unwrap();
        let file = home.path().join("desktop/door.json");
        let mut door: Door = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
        door.host = "lab-07".to_owned();
        std::fs::write(&file, serde_json::to_vec(&door).unwrap()).unwrap();
        let Claim::Stuck(why) = claim(home.path(), "/").unwrap() else { panic!("it cannot be reached from here") };
        assert!(why.contains("lab-07"), "{why}");
    }
}
