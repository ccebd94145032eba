//! What may stand in a file: its length, its opening, and words that have no place here.

use crate::house::{Fault, File, House};
use crate::tokens::{code, tokens};

/// The longest source file: one subject fits.
const LINES_MAX: usize = 420;

/// The longest line of code; an address, or a literal on a line of its own, cannot be broken.
const COLUMNS_MAX: usize = 100;

/// Marks of unfinished work, in any text. Written in two halves, so as not to find themselves.
const MARKS: &[&str] =
    &[concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X"), concat!("HA", "CK")];

/// Macros that stand for unfinished work, in code.
const MACROS: &[&str] = &["todo", "unimplemented", "dbg"];

/// Files in which a float is right, since it counts no money.
const FLOATS_ALLOWED: &[&str] = &[];

/// Places on a machine that mean nothing on another one.
const MACHINE_PATHS: &[&str] =
    &[concat!("/wo", "rk/"), concat!("/ho", "me/"), concat!("/ro", "ot/"), concat!("/Use", "rs/")];

/// A source file is short, its lines are, and its first line says what it is.
pub(crate) fn shape(house: &House) -> Vec<Fault> {
    let mut faults = Vec::new();
    for file in house.rust() {
        let count = file.lines().count();
        if count > LINES_MAX {
            faults.push(file.fault(count, format!("{count} lines, over {LINES_MAX}: split it")));
        }
        let opening = file.text.lines().next().unwrap_or_default();
        if opening.strip_prefix("//! ").is_none_or(|sentence| sentence.trim().is_empty()) {
            faults.push(file.fault(1, "does not open with `//!` and a sentence about itself"));
        }
        for (number, line) in file.lines() {
            let columns = line.chars().count();
            let literal =
                ["\"", "r\"", "r#\""].iter().any(|mark| line.trim_start().starts_with(mark));
            if columns > COLUMNS_MAX && !literal && !line.contains("://") {
                let reason = format!("{columns} columns, over {COLUMNS_MAX}");
                faults.push(file.fault(number, reason));
            }
        }
    }
    faults
}

/// The contract's lines are as short as those of code.
pub(crate) fn contract(house: &House) -> Vec<Fault> {
    let ours = |file: &&File| file.is("proto") && file.path.starts_with("proto/payledger/");
    let mut faults = Vec::new();
    for file in house.files().filter(ours) {
        for (number, line) in file.lines() {
            let columns = line.chars().count();
            if columns > COLUMNS_MAX && !line.contains("://") {
                let reason = format!("{columns} columns, over {COLUMNS_MAX}");
                faults.push(file.fault(number, reason));
            }
        }
    }
    faults
}

/// No mark of unfinished work, no stand-in for code, no test that is switched off.
pub(crate) fn unfinished(house: &House) -> Vec<Fault> {
    let written = |file: &&File| {
        ["rs", "proto", "md", "toml", "sql"].iter().any(|extension| file.is(extension))
    };
    let mut faults = Vec::new();
    for file in house.files().filter(written) {
        for (number, line) in file.lines() {
            let words = line.split(|c: char| !c.is_alphanumeric() && c != '_');
            for word in words.filter(|word| MARKS.contains(word)) {
                let reason = format!("{word}: what is left to do is an issue, not a comment");
                faults.push(file.fault(number, reason));
            }
        }
    }
    for file in house.rust() {
        for pair in tokens(&file.text).windows(2) {
            let [first, second] = pair else { continue };
            if MACROS.contains(&first.text.as_str()) && second.text == "!" {
                let reason = format!("{}! stands where code belongs", first.text);
                faults.push(file.fault(first.line, reason));
            }
            if first.text == "[" && second.text == "ignore" {
                let reason = "an ignored test tells nobody that it fails; run it or remove it";
                faults.push(file.fault(first.line, reason));
            }
        }
    }
    faults
}

/// No float in the ledger: the nearest thing to a wrong amount.
pub(crate) fn floats(house: &House) -> Vec<Fault> {
    let money = |file: &&File| {
        file.path.starts_with("ledger/src/") && !FLOATS_ALLOWED.contains(&file.path.as_str())
    };
    let mut faults = Vec::new();
    for file in house.rust().filter(money) {
        for (number, line) in (1..).zip(code(&file.text).lines()) {
            let words = line.split(|c: char| !c.is_alphanumeric() && c != '_');
            let float = |word: &&str| {
                matches!(*word, "f64" | "f32") || word.ends_with("_f64") || word.ends_with("_f32")
            };
            for word in words.filter(float) {
                faults.push(
                    file.fault(number, format!("{word}: money is exact, and a float is not")),
                );
            }
        }
    }
    faults
}

/// No tracked file names a place that exists on one machine only.
pub(crate) fn machine_paths(house: &House) -> Vec<Fault> {
    let mut faults = Vec::new();
    for file in house.files() {
        for (number, line) in file.lines() {
            for start in MACHINE_PATHS {
                let absolute = |(at, _): (usize, &str)| {
                    let before = line.get(..at).and_then(|before| before.chars().next_back());
                    !before.is_some_and(|c| c.is_alphanumeric() || "._-/~}*".contains(c))
                };
                if line.match_indices(start).any(absolute) {
                    let reason = format!("{start}… is a place on somebody's machine");
                    faults.push(file.fault(number, reason));
                }
            }
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(rule: fn(&House) -> Vec<Fault>, path: &str, text: &str) -> usize {
        rule(&House::planted(&[(path, text)])).len()
    }

    #[test]
    fn a_long_or_nameless_file_is_found() {
        let path = "ledger/src/engine.rs";
        assert_eq!(count(shape, path, "//! One sentence.\n"), 0);
        assert_eq!(count(shape, path, "fn main() {}\n"), 1);
        assert_eq!(count(shape, path, "//!\n//! Late.\n"), 1);
        let line = "x".repeat(COLUMNS_MAX.saturating_add(1));
        assert_eq!(count(shape, path, &format!("//! A.\n{line}\n")), 1);
        assert_eq!(count(shape, path, &format!("//! A.\n// https://{line}\n")), 0);
        assert_eq!(count(shape, path, &format!("//! A.\n    r#\"{line}\"#\n")), 0);
        assert_eq!(count(shape, path, &format!("//! A.\n{}", "\n".repeat(LINES_MAX))), 1);
    }

    #[test]
    fn a_long_line_of_the_contract_is_found() {
        let long = format!("// {}\n", "x".repeat(COLUMNS_MAX));
        assert_eq!(count(contract, "proto/payledger/v1/books.proto", &long), 1);
        assert_eq!(count(contract, "proto/payledger/v1/books.proto", "// Books.\n"), 0);
        assert_eq!(count(contract, "proto/google/rpc/status.proto", &long), 0);
    }

    #[test]
    fn unfinished_work_is_found() {
        for mark in MARKS {
            assert_eq!(count(unfinished, "a/b.md", &format!("later ({mark}: more)")), 1, "{mark}");
        }
        for name in MACROS {
            assert_eq!(
                count(unfinished, "a/b.rs", &format!("fn f() {{ {name}!() }}")),
                1,
                "{name}"
            );
        }
        // Put together here, so that no search for such marks finds this test.
        let [macro_name, attribute] = ["todo", "ignore"];
        let slow = format!("#[{attribute} = \"slow\"]\n#[test]\nfn f() {{}}");
        assert_eq!(count(unfinished, "a/b.rs", &slow), 1);
        let said = format!("// {macro_name}!() is banned, #[{attribute}] too\n");
        assert_eq!(count(unfinished, "a/b.rs", &said), 0);
    }

    #[test]
    fn a_float_in_the_ledger_is_found() {
        assert_eq!(count(floats, "ledger/src/domain/money.rs", "fn f(rate: f64) {}"), 1);
        assert_eq!(count(floats, "ledger/src/domain/money.rs", "x.to_f64(); 1_f32;"), 2);
        assert_eq!(count(floats, "ledger/src/domain/money.rs", "// never an f64"), 0);
        assert_eq!(count(floats, "gateway/src/progress.rs", "let share: f64 = 0.5;"), 0);
    }

    #[test]
    fn a_path_of_a_machine_is_found() {
        for start in MACHINE_PATHS {
            assert_eq!(count(machine_paths, "a/b.sh", &format!("cd {start}x")), 1, "{start}");
            assert_eq!(count(machine_paths, "a/b.sh", &format!("cd $ROOT.{start}x")), 0, "{start}");
        }
    }
}
