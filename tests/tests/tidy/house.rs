//! The repository as the rules see it: the tracked files with their text, and where faults are.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::{fmt, fs, io};

/// What may be seen at the top of the repository: tool configuration hides in dotfiles.
const TOP_LEVEL: &[&str] = &[
    "CHANGELOG.md",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE",
    "README.md",
    "gateway",
    "ledger",
    "projections",
    "proto",
    "tests",
];

/// The largest tracked file, in bytes: larger material is generated, or lives elsewhere.
const FILE_BYTES_MAX: usize = 1 << 20;

/// One file of the repository.
#[derive(Debug)]
pub(crate) struct File {
    /// Relative to the repository, with `/` on every system.
    pub(crate) path: String,
    /// The content; what is not UTF-8 is replaced, since the rules are about text.
    pub(crate) text: String,
    bytes: usize,
}

impl File {
    /// Does the path end in `.extension`?
    pub(crate) fn is(&self, extension: &str) -> bool {
        Path::new(&self.path).extension().is_some_and(|found| found == extension)
    }

    /// The lines with their numbers, counted from one.
    pub(crate) fn lines(&self) -> impl Iterator<Item = (usize, &str)> {
        (1..).zip(self.text.lines())
    }

    /// A fault in this file.
    pub(crate) fn fault(&self, line: usize, reason: impl Into<String>) -> Fault {
        Fault { path: self.path.clone(), line, reason: reason.into() }
    }
}

/// A broken rule, and where.
#[derive(Debug)]
pub(crate) struct Fault {
    path: String,
    line: usize,
    reason: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.reason)
    }
}

/// All files of the repository, in order of their paths.
#[derive(Debug)]
pub(crate) struct House {
    files: Vec<File>,
}

impl House {
    /// The tracked files in a checkout, else everything below the root but what git would ignore.
    pub(crate) fn of_repository() -> io::Result<Self> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize()?;
        let paths = match tracked(&root) {
            Some(paths) => paths,
            None => walked(&root)?,
        };
        let mut files = Vec::new();
        for path in paths {
            // Tracked and deleted, or a link to nowhere: not in the house any more.
            let Ok(content) = fs::read(root.join(&path)) else { continue };
            let text = String::from_utf8_lossy(&content).into_owned();
            files.push(File { path, text, bytes: content.len() });
        }
        Ok(Self { files })
    }

    /// A house of a few invented files, to see a rule find its fault.
    #[cfg(test)]
    pub(crate) fn planted(files: &[(&str, &str)]) -> Self {
        let file = |&(path, text): &(&str, &str)| File {
            path: path.to_owned(),
            text: text.to_owned(),
            bytes: text.len(),
        };
        Self { files: files.iter().map(file).collect() }
    }

    /// All files.
    pub(crate) fn files(&self) -> impl Iterator<Item = &File> {
        self.files.iter()
    }

    /// The Rust sources; generated code never enters the repository.
    pub(crate) fn rust(&self) -> impl Iterator<Item = &File> {
        self.files().filter(|file| file.is("rs"))
    }

    /// The file at a path.
    pub(crate) fn file(&self, path: &str) -> Option<&File> {
        self.files().find(|file| file.path == path)
    }

    /// Is there a file or a folder at this path?
    pub(crate) fn holds(&self, path: &str) -> bool {
        let folder = format!("{path}/");
        self.files().any(|file| file.path == path || file.path.starts_with(&folder))
    }
}

/// What git tracks, if `root` is the top of a checkout and git is there to be asked.
fn tracked(root: &Path) -> Option<Vec<String>> {
    let git = |arguments: &[&str]| {
        let output = Command::new("git").arg("-C").arg(root).args(arguments).output().ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        output.status.success().then_some(text)
    };
    // An unpacked archive may lie inside somebody else's checkout.
    let top = git(&["rev-parse", "--show-toplevel"])?;
    if Path::new(top.trim_end()).canonicalize().ok()? != root {
        return None;
    }
    let list = git(&["ls-files", "-z"])?;
    let mut paths: Vec<String> =
        list.split('\0').filter(|path| !path.is_empty()).map(str::to_owned).collect();
    paths.sort();
    Some(paths)
}

/// Everything below `root`, without `.git` and what `.gitignore` names at the top.
fn walked(root: &Path) -> io::Result<Vec<String>> {
    let ignore = fs::read_to_string(root.join(".gitignore")).unwrap_or_default();
    let mut ignored: BTreeSet<String> =
        ignore.lines().filter_map(|line| line.strip_prefix('/')).map(str::to_owned).collect();
    ignored.insert(".git".to_owned());
    let mut waiting = vec![String::new()];
    let mut paths = Vec::new();
    while let Some(folder) = waiting.pop() {
        for entry in fs::read_dir(root.join(&folder))? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = if folder.is_empty() { name } else { format!("{folder}/{name}") };
            if ignored.contains(&path) {
                continue;
            }
            if entry.file_type()?.is_dir() {
                waiting.push(path);
            } else {
                paths.push(path);
            }
        }
    }
    paths.sort();
    Ok(paths)
}

/// The visible top level is exactly the house: nothing missing, nothing else.
pub(crate) fn top_level(house: &House) -> Vec<Fault> {
    let at = |path: &str, reason: &str| Fault {
        path: path.to_owned(),
        line: 1,
        reason: reason.to_owned(),
    };
    let found: BTreeSet<&str> = house
        .files()
        .filter_map(|file| file.path.split('/').next())
        .filter(|name| !name.starts_with('.'))
        .collect();
    let expected: BTreeSet<&str> = TOP_LEVEL.iter().copied().collect();
    let strangers = found.difference(&expected).map(|path| {
        at(path, "is no part of the visible top level; it belongs in a crate, or in a dotfile")
    });
    let missing = expected.difference(&found).map(|path| at(path, "is missing at the top level"));
    strangers.chain(missing).collect()
}

/// No tracked file is larger than one mebibyte.
pub(crate) fn sizes(house: &House) -> Vec<Fault> {
    house
        .files()
        .filter(|file| file.bytes > FILE_BYTES_MAX)
        .map(|file| file.fault(1, format!("{} bytes, over {FILE_BYTES_MAX}", file.bytes)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stranger_and_a_gap_at_the_top_are_found() {
        let mut files: Vec<(&str, &str)> = vec![(".ci/run", ""), ("scripts/build.sh", "")];
        files.extend(TOP_LEVEL.iter().filter(|&&name| name != "LICENSE").map(|&name| (name, "")));
        let faults = top_level(&House::planted(&files));
        let texts: Vec<String> = faults.iter().map(ToString::to_string).collect();
        assert_eq!(texts.len(), 2, "{texts:?}");
        assert!(texts[0].starts_with("scripts:1:"), "{texts:?}");
        assert!(texts[1].starts_with("LICENSE:1:"), "{texts:?}");
    }

    #[test]
    fn a_large_file_is_found() {
        let text = "x".repeat(FILE_BYTES_MAX);
        assert!(sizes(&House::planted(&[("a.csv", &text)])).is_empty());
        let text = "x".repeat(FILE_BYTES_MAX + 1);
        assert_eq!(sizes(&House::planted(&[("a.csv", &text)])).len(), 1);
    }
}
