//! Documents: one title each, lines that fit a screen, links that lead somewhere.

use crate::house::{Fault, File, House};

/// The longest line of prose. Tables, code and addresses cannot be broken.
const COLUMNS_MAX: usize = 120;

/// The lines of prose: numbered, without code blocks.
fn prose(file: &File) -> impl Iterator<Item = (usize, &str)> {
    let mut fenced = false;
    file.lines().filter(move |(_, line)| {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        !fenced && !fence
    })
}

/// One first-level heading per document, and no line over 120 columns.
pub(crate) fn shape(house: &House) -> Vec<Fault> {
    let mut faults = Vec::new();
    for file in house.files().filter(|file| file.is("md")) {
        let titles: Vec<usize> = prose(file)
            .filter(|(_, line)| line.starts_with("# "))
            .map(|(number, _)| number)
            .collect();
        if titles.len() != 1 {
            let line = titles.get(1).copied().unwrap_or(1);
            faults.push(file.fault(line, format!("{} titles, not one", titles.len())));
        }
        for (number, line) in prose(file) {
            let columns = line.chars().count();
            let breakable = !line.starts_with('|') && !line.contains("://");
            if columns > COLUMNS_MAX && breakable {
                let reason = format!("{columns} columns, over {COLUMNS_MAX}");
                faults.push(file.fault(number, reason));
            }
        }
    }
    faults
}

/// A relative link names a file or folder of the repository.
pub(crate) fn links(house: &House) -> Vec<Fault> {
    let mut faults = Vec::new();
    for file in house.files().filter(|file| file.is("md")) {
        for (number, line) in prose(file) {
            let targets = line.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
            for (target, _) in targets {
                let target = target.split('#').next().unwrap_or(target);
                let elsewhere = target.is_empty() || target.contains(':');
                if !elsewhere && !house.holds(&beside(&file.path, target)) {
                    faults
                        .push(file.fault(number, format!("links to {target}, which is not there")));
                }
            }
        }
    }
    faults
}

/// The path of `target` as seen from the document at `path`.
fn beside(path: &str, target: &str) -> String {
    let mut parts: Vec<&str> = path.split('/').collect();
    parts.pop();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            _ => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(rule: fn(&House) -> Vec<Fault>, text: &str) -> usize {
        rule(&House::planted(&[("ledger/DESIGN.md", text), ("ledger/src/lib.rs", "")])).len()
    }

    #[test]
    fn a_missing_or_second_title_is_found() {
        assert_eq!(count(shape, "# One\n\n## Part\n\n```\n# a comment\n```\n"), 0);
        assert_eq!(count(shape, "## Part\n"), 1);
        assert_eq!(count(shape, "# One\n\n# Two\n"), 1);
    }

    #[test]
    fn a_long_line_is_found_unless_it_cannot_be_broken() {
        let long = "word ".repeat(30);
        assert_eq!(count(shape, &format!("# One\n\n{long}\n")), 1);
        assert_eq!(count(shape, &format!("# One\n\n| {long} |\n\n```\n{long}\n```\n")), 0);
    }

    #[test]
    fn a_dead_link_is_found() {
        assert_eq!(count(links, "[a](src/lib.rs) [b](#part) [c](https://example.org)"), 0);
        assert_eq!(count(links, "[a](../ledger/src)"), 0);
        assert_eq!(count(links, "[a](src/gone.rs#L1)"), 1);
    }
}
