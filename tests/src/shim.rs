//! What stands between the real binary and its disk: a small library in C, loaded before libc's.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::process::binary;

const SOURCE: &str = include_str!("shim/shim.c");

/// The library, compiled once a run with the compiler that the build needs anyway.
fn library() -> &'static Path {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let (source, built) = (folder.path().join("shim.c"), folder.path().join("shim.so"));
        fs::write(&source, SOURCE).unwrap();
        let compiler = std::env::var_os("CC").unwrap_or_else(|| "cc".into());
        let mut compile = Command::new(compiler);
        compile.args(["-shared", "-fPIC", "-O1", "-o"]).arg(&built).arg(&source).arg("-ldl");
        assert!(compile.status().unwrap().success(), "the C compiler is there and takes shim.c");
        // Beside the binary under a name of this process, so that parallel runs do not meet.
        let name = format!("payledger-shim-{}.so", std::process::id());
        let place = std::env::temp_dir().join(name);
        fs::copy(&built, &place).unwrap();
        place
    })
}

/// Removes the compiled library; for programs that are about to end.
pub fn clean_up() {
    // It may never have been made.
    let name = format!("payledger-shim-{}.so", std::process::id());
    let _gone = fs::remove_file(std::env::temp_dir().join(name));
}

/// Which call to disturb, and how: see `shim.c`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// `write`, `sync`, `truncate` or `open` (to write).
    pub op: &'static str,
    /// A path below the data directory, or a part of one behind an asterisk.
    pub file: &'static str,
    /// Which of these calls, from 1.
    pub number: u64,
    /// `eio`, `enospc`, `erofs`, `short`, `kill` or `tear`; with `,on` later calls fail, too.
    pub action: &'static str,
}

impl std::fmt::Display for Rule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{},{},{},{}", self.op, self.file, self.number, self.action)
    }
}

/// The binary with the shim before it, on `data_dir`, which must be there.
pub fn disturbed(data_dir: &Path, rule: Option<&Rule>, trace: Option<&Path>) -> Command {
    let mut command = Command::new(binary());
    command.env("LD_PRELOAD", library()).env("SHIM_UNDER", data_dir);
    if let Some(rule) = rule {
        command.env("SHIM_RULE", rule.to_string());
    }
    if let Some(trace) = trace {
        command.env("SHIM_TRACE", trace);
    }
    command
}
