//! The arrows between crates, and what a crate's manifest may say for itself.

use crate::house::{Fault, File, House};

/// What a crate may not depend on; a `*` at the end stands for any rest of a name.
const CRATES: &[(&str, &[&str], &str)] = &[
    (
        "ledger",
        &["proto", "projections", "gateway", "tests", "tonic*", "prost*", "clap*"],
        "the ledger knows no wire format, no server and no command line",
    ),
    (
        "projections",
        &["proto", "gateway", "tests", "tonic*", "prost*", "clap*"],
        "read models know the ledger and nothing above it",
    ),
    (
        "proto",
        &["ledger", "projections", "gateway", "tests", "clap*", "rusqlite"],
        "the public contract stands for itself",
    ),
    ("gateway", &["tests"], "nothing that ships depends on the tests"),
];

/// A line `name = …` below a heading that ends in `dependencies]`.
fn dependencies(manifest: &File) -> Vec<(usize, &str, &str)> {
    let mut inside = false;
    let mut found = Vec::new();
    for (number, line) in manifest.lines() {
        if line.starts_with('[') {
            inside = line.trim_end().ends_with("dependencies]");
            continue;
        }
        let entry = line.split_once('=').filter(|_| inside && !line.starts_with('#'));
        if let Some((key, _)) = entry {
            let name = key.split('.').next().unwrap_or(key).trim().trim_matches('"');
            found.push((number, name, line));
        }
    }
    found
}

fn members(house: &House) -> impl Iterator<Item = (&str, &File)> {
    house.files().filter_map(|file| {
        let name = file.path.strip_suffix("/Cargo.toml")?;
        Some((name, file))
    })
}

/// `tests → gateway → projections → ledger`, and `gateway → proto`.
pub(crate) fn crates_point_one_way(house: &House) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (member, manifest) in members(house) {
        for (_, forbidden, reason) in CRATES.iter().filter(|(name, _, _)| *name == member) {
            for (line, name, _) in dependencies(manifest) {
                let meant = |pattern: &&str| match pattern.strip_suffix('*') {
                    Some(start) => name.starts_with(start),
                    None => name == *pattern,
                };
                if forbidden.iter().any(meant) {
                    faults.push(manifest.fault(line, format!("depends on {name}: {reason}")));
                }
            }
        }
    }
    faults
}

/// One place says which version of a library is used, and which lints hold.
pub(crate) fn kept_in_one_place(house: &House) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (_, manifest) in members(house) {
        if !manifest.text.contains("[lints]\nworkspace = true") {
            faults.push(manifest.fault(1, "does not take the lints of the workspace"));
        }
        for (line, name, entry) in dependencies(manifest) {
            let compact: String = entry.split_whitespace().collect();
            if !compact.contains("workspace=true") {
                let reason = format!("{name} has its own version; give it to the workspace");
                faults.push(manifest.fault(line, reason));
            }
        }
    }
    faults
}

/// `cargo run` at the top runs the service: it takes the binary of the members that are built by
/// default, and refuses to choose among several.
pub(crate) fn one_binary_is_run(house: &House) -> Vec<Fault> {
    let Some(workspace) = house.file("Cargo.toml") else { return Vec::new() };
    let by_default =
        |member: &str| workspace.text.contains(&format!("\ndefault-members = [\"{member}\"]\n"));
    let run = members(house).filter(|(member, _)| by_default(member));
    let binaries = run.flat_map(|(_, manifest)| manifest.text.matches("[[bin]]"));
    if binaries.count() == 1 {
        return Vec::new();
    }
    vec![workspace.fault(1, "the default members have not exactly one binary to run")]
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "[lints]\nworkspace = true\n\n[dependencies]\nuuid.workspace = true\n";

    fn planted(path: &str, dependency: &str) -> (usize, usize) {
        let text = format!("{GOOD}{dependency}\n");
        let house = House::planted(&[(path, &text)]);
        (crates_point_one_way(&house).len(), kept_in_one_place(&house).len())
    }

    #[test]
    fn an_arrow_that_points_back_is_found() {
        assert_eq!(planted("ledger/Cargo.toml", "proto.workspace = true"), (1, 0));
        assert_eq!(planted("ledger/Cargo.toml", "tonic-types = { workspace = true }"), (1, 0));
        assert_eq!(planted("projections/Cargo.toml", "gateway.workspace = true"), (1, 0));
        assert_eq!(
            planted("proto/Cargo.toml", "[dev-dependencies]\nledger.workspace=true"),
            (1, 0)
        );
        assert_eq!(planted("gateway/Cargo.toml", "ledger.workspace = true"), (0, 0));
        assert_eq!(planted("ledger/Cargo.toml", "[features]\nproto = []"), (0, 0));
    }

    #[test]
    fn a_version_or_lint_of_its_own_is_found() {
        assert_eq!(planted("gateway/Cargo.toml", "toml = \"0.9\""), (0, 1));
        let house = House::planted(&[("gateway/Cargo.toml", "[dependencies]\n")]);
        assert_eq!(kept_in_one_place(&house).len(), 1);
    }

    #[test]
    fn a_choice_of_binaries_to_run_is_found() {
        let one = "[[bin]]\nname = \"payledger\"\n";
        let faults = |workspace: &str, gateway: &str| {
            let files =
                [("Cargo.toml", workspace), ("gateway/Cargo.toml", gateway), ("a/Cargo.toml", one)];
            one_binary_is_run(&House::planted(&files)).len()
        };
        let chosen = "[workspace]\ndefault-members = [\"gateway\"]\n";
        assert_eq!(faults(chosen, one), 0);
        assert_eq!(faults(chosen, &one.repeat(2)), 1);
        assert_eq!(faults(chosen, ""), 1);
        assert_eq!(faults("[workspace]\n", one), 1);
    }
}
