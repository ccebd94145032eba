//! Every Rust file is declared as a module by another, and is named after what it holds.

use std::collections::BTreeSet;

use crate::house::{Fault, File, House};
use crate::tokens::tokens;

/// Names that say nothing about what is inside.
const EMPTY_NAMES: &[&str] = &["common", "helper", "helpers", "misc", "mod", "util", "utils"];

/// No file lies about that nothing compiles.
pub(crate) fn no_dead_files(house: &House) -> Vec<Fault> {
    let mut waiting: Vec<(&File, bool)> =
        house.rust().filter(|file| is_root(house, file)).map(|file| (file, true)).collect();
    let mut reached = BTreeSet::new();
    while let Some((file, root)) = waiting.pop() {
        if reached.insert(file.path.as_str()) {
            let children = children(file, root);
            waiting.extend(children.iter().filter_map(|path| house.file(path)).map(|f| (f, false)));
        }
    }
    house
        .rust()
        .filter(|file| !reached.contains(file.path.as_str()))
        .map(|file| file.fault(1, "no `mod` declares this file, so nothing compiles it"))
        .collect()
}

/// Is this where the compiler starts: a library, a binary, a test, a bench, a build script?
fn is_root(house: &House, file: &File) -> bool {
    let Some((member, inside)) = file.path.split_once('/') else { return false };
    let parts: Vec<&str> = inside.split('/').collect();
    let by_place = matches!(
        parts.as_slice(),
        ["build.rs"]
            | ["src", "lib.rs" | "main.rs"]
            | ["src", "bin", _]
            | ["src", "bin", _, "main.rs"]
            | ["tests" | "benches" | "examples", _]
            | ["tests" | "benches" | "examples", _, "main.rs"]
            // `tests/peers/run` builds them, outside the workspace.
            | ["peers", "load.rs"]
            | ["peers", _, "src", "main.rs"]
    );
    let named = format!("path = \"{inside}\"");
    let manifest = house.file(&format!("{member}/Cargo.toml"));
    by_place || manifest.is_some_and(|manifest| manifest.text.contains(&named))
}

/// Where the modules may lie that a file declares.
fn children(file: &File, root: bool) -> Vec<String> {
    let (folder, name) = file.path.rsplit_once('/').unwrap_or(("", &file.path));
    let stem = name.trim_end_matches(".rs");
    let home = if root || stem == "mod" { folder.to_owned() } else { format!("{folder}/{stem}") };
    let tokens = tokens(&file.text);
    let declared = tokens.windows(3).filter_map(|window| match window {
        [first, name, last] if first.text == "mod" && last.text == ";" => Some(&name.text),
        _ => None,
    });
    let by_name =
        declared.flat_map(|name| [format!("{home}/{name}.rs"), format!("{home}/{name}/mod.rs")]);
    let by_path = file.text.split("#[path = \"").skip(1).filter_map(|rest| {
        let (path, _) = rest.split_once('"')?;
        Some(format!("{folder}/{path}"))
    });
    by_name.chain(by_path).collect()
}

/// Files and folders of sources are named in snake case, and not after nothing.
pub(crate) fn names(house: &House) -> Vec<Fault> {
    let snake = |name: &str| {
        let letters = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
        name.bytes().next().is_some_and(|b| b.is_ascii_lowercase()) && name.bytes().all(letters)
    };
    let mut faults = Vec::new();
    for file in house.rust() {
        for name in file.path.trim_end_matches(".rs").split('/') {
            if !snake(name) {
                faults.push(file.fault(1, format!("{name:?} is not in snake case")));
            }
            if EMPTY_NAMES.contains(&name) {
                let reason = format!("{name:?} does not say what is inside; name the subject");
                faults.push(file.fault(1, reason));
            }
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_nothing_declares_is_found() {
        let house = House::planted(&[
            ("ledger/src/lib.rs", "pub mod store; // mod gone;"),
            ("ledger/src/store.rs", "#[cfg(unix)]\npub(crate) mod memory;"),
            ("ledger/src/store/memory.rs", ""),
            ("ledger/src/store/gone.rs", ""),
            ("ledger/src/memory.rs", ""),
            ("tests/tests/tidy/main.rs", "mod text;"),
            ("tests/tests/tidy/text.rs", ""),
            ("tests/tests/loose/text.rs", ""),
            ("tests/Cargo.toml", "[[test]]\npath = \"crash/kill.rs\"\n"),
            ("tests/crash/kill.rs", "#[path = \"load.rs\"]\nmod of_calls;"),
            ("tests/crash/load.rs", ""),
        ]);
        let found: Vec<String> = no_dead_files(&house).iter().map(ToString::to_string).collect();
        let starts =
            ["ledger/src/store/gone.rs:", "ledger/src/memory.rs:", "tests/tests/loose/text.rs:"];
        assert_eq!(found.len(), starts.len(), "{found:?}");
        for (found, start) in found.iter().zip(starts) {
            assert!(found.starts_with(start), "{found}");
        }
    }

    #[test]
    fn a_name_that_says_nothing_is_found() {
        let count = |path: &str| names(&House::planted(&[(path, "")])).len();
        assert_eq!(count("ledger/src/domain/cutoff.rs"), 0);
        assert_eq!(count("ledger/src/domain/mod.rs"), 1);
        assert_eq!(count("ledger/src/utils.rs"), 1);
        assert_eq!(count("gateway/src/PaymentService.rs"), 1);
    }
}
