//! Makes sure that the Python a script needs is there, installing what it asks for. The output of pip goes to the log.

use super::log;
use super::watch::{Duty, Exit, Watch};
use crate::folder::{Folder, is_full};
use crate::venv::{Environment, Packages, Place, Ready};
use curfew_core::Timestamp;
use curfew_core::run::Failure;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The Python to use.
#[derive(Debug, Clone)]
pub(crate) struct Prepared {
    pub python: PathBuf,
    /// The virtual environment's folder, if there is one.
    pub venv: Option<PathBuf>,
    /// Its key.
    pub key: Option<String>,
}

/// Why there is no Python to use.
pub(crate) enum NotPrepared {
    /// Something failed; what and what to do.
    Failed { what: String, next: String },
    /// It was asked to end meanwhile.
    Ended,
}

impl NotPrepared {
    fn io(what: &str, e: &io::Error) -> Self {
        let next = if is_full(e) {
            "Free some disk space (Sweep shows what Curfew keeps), then start it again."
        } else {
            "Read the log, correct it, and start it again."
        };
        let what = if is_full(e) { format!("The disk is full: {what}") } else { format!("{what}: {e}") };
        Self::Failed { what, next: next.into() }
    }
}

/// Finds or builds the environment. `detail` is told what is being done.
pub(crate) fn prepare(
    folder: &Folder,
    venvs: &Path,
    environment: &Environment,
    code: &Path,
    watch: &mut Watch,
    duty: &mut dyn Duty,
    detail: &mut dyn FnMut(&str),
) -> Result<Prepared, NotPrepared> {
    let (Some(packages), Some(key)) = (&environment.packages, environment.key()) else {
        return Ok(Prepared { python: environment.interpreter.path.clone(), venv: None, key: None });
    };
    let place = Place::of(venvs, &key);
    crate::files::make_private_folder(venvs)
        .map_err(|e| NotPrepared::io("the folder for virtual environments cannot be made", &e))?;
    let _lock = lock(&place, watch, duty, detail)?;
    let whole = matches!(place.ready(), Ok(Some(_)));
    if !whole {
        detail("installing requirements");
        // What a kill left half built.
        crate::files::empty(&place.folder).map_err(|e| NotPrepared::io("an old environment cannot be removed", &e))?;
        if let Err(error) = build(folder, &place, environment, packages, code, watch, duty) {
            let _ = crate::files::empty(&place.folder);
            return Err(error);
        }
        let ready = Ready {
            python: environment.interpreter.version.to_string(),
            requirements: packages.requirements.clone(),
            made: Timestamp::now(),
            base: environment.interpreter.path.clone(),
        };
        place.mark_ready(&ready).map_err(|e| NotPrepared::io("the new environment cannot be marked", &e))?;
    }
    let _ = fs::write(place.used(), folder.path().as_os_str().as_encoded_bytes());
    Ok(Prepared { python: place.python(), venv: Some(place.folder), key: Some(key) })
}

/// Waits until nobody else builds this environment, while requests to end are still heard.
fn lock(
    place: &Place,
    watch: &mut Watch,
    duty: &mut dyn Duty,
    detail: &mut dyn FnMut(&str),
) -> Result<Option<File>, NotPrepared> {
    let file = File::options().create(true).truncate(false).write(true).open(place.lock());
    let file = file.map_err(|e| NotPrepared::io("the lock of an environment cannot be made", &e))?;
    let mut waiting = false;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(Some(file)),
            Err(TryLockError::WouldBlock) => {
                if !waiting {
                    detail("waiting for another run that installs the same requirements");
                    waiting = true;
                }
                if watch.should_end(duty) {
                    return Err(NotPrepared::Ended);
                }
                watch.pause();
            }
            // A file system without locks. Two builds at once are then possible and would be seen to fail.
            Err(TryLockError::Error(_)) => return Ok(None),
        }
    }
}

fn build(
    folder: &Folder,
    place: &Place,
    environment: &Environment,
    packages: &Packages,
    code: &Path,
    watch: &mut Watch,
    duty: &mut dyn Duty,
) -> Result<(), NotPrepared> {
    let python = &environment.interpreter.path;
    log::say(folder, &format!("making a virtual environment with Python {}", environment.interpreter.version));
    let before = length(folder);
    let mut command = Command::new(python);
    command.args(["-m", "venv"]).arg(&place.folder);
    match step(folder, &mut command, watch, duty) {
        Ok(Exit::Code(0)) => {}
        Ok(_) if watch.why().is_some() => return Err(NotPrepared::Ended),
        Ok(_) => {
            let end = log::end_of(&folder.log(), before).join("\n");
            let missing = end.contains("ensurepip") || end.contains("No module named venv");
            let next = if missing {
                "Install what makes virtual environments (on Debian and Ubuntu: sudo apt install python3-venv)."
            } else {
                "Read the log, correct it, and start it again."
            };
            let mut what = "The virtual environment could not be made".to_owned();
            if missing {
                what.push_str(": this Python lacks venv or ensurepip");
            } else if speaks_of_full_disk(&end) {
                what = "The disk is full: the virtual environment could not be made".into();
            }
            return Err(NotPrepared::Failed { what, next: next.into() });
        }
        Err(e) => return Err(not_started(python, &e)),
    }

    // The user's own file, so that pip's messages name it and relative paths in it hold.
    let file = folder.join("requirements.txt");
    fs::write(&file, &packages.requirements).map_err(|e| NotPrepared::io("the requirements cannot be written", &e))?;
    log::say(folder, "installing requirements.txt");
    let before = length(folder);
    let mut command = Command::new(place.python());
    command.args(["-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--progress-bar", "off"]);
    // Compiling every module of scipy takes longer than unpacking it; Python compiles those that are used.
    command.args(["--no-compile", "-r"]).arg(&file).current_dir(code).env("VIRTUAL_ENV", &place.folder);
    if !packages.constraints.is_empty() {
        let pins = folder.join("constraints.txt");
        fs::write(&pins, packages.constraints.join("\n") + "\n")
            .map_err(|e| NotPrepared::io("the constraints cannot be written", &e))?;
        command.arg("-c").arg(pins);
    }
    match step(folder, &mut command, watch, duty) {
        Ok(Exit::Code(0)) => Ok(()),
        Ok(_) if watch.why().is_some() => Err(NotPrepared::Ended),
        Ok(_) => Err(explain_pip(&log::end_of(&folder.log(), before), &packages.requirements)),
        Err(e) => Err(not_started(&place.python(), &e)),
    }
}

/// Runs one step of the installation, output to the log.
fn step(folder: &Folder, command: &mut Command, watch: &mut Watch, duty: &mut dyn Duty) -> io::Result<Exit> {
    let out = log::open_for_child(folder)?;
    command.stdin(Stdio::null()).stdout(out.try_clone()?).stderr(out);
    for name in crate::environment::LEFT_OUT.iter().chain(&["PYTHONPATH"]) {
        command.env_remove(name);
    }
    watch.mark(command);
    watch.run(command, duty)
}

fn length(folder: &Folder) -> u64 {
    folder.log().metadata().map_or(0, |m| m.len())
}

/// A program that could not be started.
pub(crate) fn not_started(program: &Path, e: &io::Error) -> NotPrepared {
    let name = program.display();
    if e.kind() == io::ErrorKind::NotFound {
        return NotPrepared::Failed {
            what: format!("The Python {name} is not there any more"),
            next: "Install it again, or choose another one in CURFEW_PYTHON, and start it again.".into(),
        };
    }
    NotPrepared::io(&format!("{name} could not be started"), e)
}

/// What the tools say of a full disk, a full quota, or a file that may not grow.
pub(crate) fn speaks_of_full_disk(text: &str) -> bool {
    ["No space left on device", "[Errno 28]", "Disk quota exceeded", "[Errno 122]", "[Errno 27]", "File too large"]
        .iter()
        .any(|sign| text.contains(sign))
}

/// Finds the requirement at fault in what pip said.
fn explain_pip(end: &[String], requirements: &str) -> NotPrepared {
    let text = end.join("\n");
    if speaks_of_full_disk(&text) {
        return NotPrepared::Failed {
            what: "The disk is full: the requirements could not be installed".into(),
            next: "Free some disk space (Sweep shows what Curfew keeps), then start it again.".into(),
        };
    }
    // "ERROR: No matching distribution found for foo==99", "ERROR: Invalid requirement: 'x y'", "… for foo (from …".
    let mut culprits = end.iter().filter_map(|line| {
        let rest = line.split("distribution found for ").nth(1);
        let rest = rest.or_else(|| line.split("satisfies the requirement ").nth(1));
        let rest = rest.or_else(|| line.split("Invalid requirement: ").nth(1));
        let rest = rest.or_else(|| line.split("Failed building wheel for ").nth(1))?;
        Some(rest.split(" (from").next().unwrap_or(rest).trim().trim_matches('\'').to_owned())
    });
    let culprit = culprits.next();
    let offline =
        ["Failed to establish a new connection", "Temporary failure in name resolution", "Network is unreachable"]
            .iter()
            .any(|sign| text.contains(sign));
    let what = match &culprit {
        Some(culprit) => match line_of(requirements, culprit) {
            Some((number, line)) => {
                format!(
                    "requirements.txt, line {number}: “{}” could not be installed",
                    curfew_core::say::clean(line, 120)
                )
            }
            None => format!("“{}” could not be installed", curfew_core::say::clean(culprit, 120)),
        },
        None => "requirements.txt could not be installed".into(),
    };
    let next = if offline {
        "The package index could not be reached: check the network, and start it again."
    } else if culprit.is_some() {
        "Correct this line (a version that exists, for this Python), and start it again."
    } else {
        "Read what pip says at the end of the log, correct requirements.txt, and start it again."
    };
    NotPrepared::Failed { what, next: next.into() }
}

/// The line that asks for `culprit`, from 1.
fn line_of<'a>(requirements: &'a str, culprit: &str) -> Option<(usize, &'a str)> {
    let name = |text: &str| {
        let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || "-_.".contains(c))).unwrap_or(text.len());
        text[..end].to_lowercase().replace(['_', '.'], "-")
    };
    let wanted = name(culprit);
    let lines = || requirements.lines().enumerate().map(|(i, l)| (i + 1, l.trim()));
    lines().find(|(_, l)| !l.is_empty() && *l == culprit).or_else(|| {
        (!wanted.is_empty()).then(|| lines().find(|(_, l)| !l.starts_with('#') && name(l) == wanted)).flatten()
    })
}

impl From<NotPrepared> for Failure {
    fn from(not: NotPrepared) -> Self {
        match not {
            NotPrepared::Failed { what, next } => Self { what, next, log_end: Vec::new() },
            NotPrepared::Ended => Self { what: "It was ended".into(), next: String::new(), log_end: Vec::new() },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(said: &[&str], requirements: &str, expect: &str) {
        let said: Vec<String> = said.iter().map(|s| (*s).to_owned()).collect();
        let failure = Failure::from(explain_pip(&said, requirements));
        assert_eq!(failure.what, expect);
        assert!(!failure.next.is_empty());
    }

    #[test]
    fn pip_says_which_requirement() {
        check(
            &[
                "ERROR: Could not find a version that satisfies the requirement curfew-no-such==9 (from versions: none)",
                "ERROR: No matching distribution found for curfew-no-such==9",
            ],
            "# ours\nnumpy\nCurfew_No.Such == 9\n",
            "requirements.txt, line 3: “Curfew_No.Such == 9” could not be installed",
        );
        check(
            &["ERROR: Invalid requirement: 'num py': Expected end"],
            "num py\n",
            "requirements.txt, line 1: “num py” could not be installed",
        );
        check(&["something else"], "numpy\n", "requirements.txt could not be installed");
        check(
            &["ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device"],
            "numpy\n",
            "The disk is full: the requirements could not be installed",
        );
    }
}
