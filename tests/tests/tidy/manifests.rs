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

/// Programs that `tests/peers/run` builds at first use: each is a workspace of its own, so that
/// their libraries are none of ours.
const OUTSIDE: &str = "tests/peers/";

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

/// The manifests below the top, with the folders that they are in.
fn manifests(house: &House) -> impl Iterator<Item = (&str, &File)> {
    house.files().filter_map(|file| {
        let name = file.path.strip_suffix("/Cargo.toml")?;
        Some((name, file))
    })
}

fn members(house: &House) -> impl Iterator<Item = (&str, &File)> {
    manifests(house).filter(|(name, _)| !name.starts_with(OUTSIDE))
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

/// What is built outside the workspace, and by no test, says itself what holds for it: lints, and
/// the versions with which it was built, since a later one would fail at somebody's first use.
pub(crate) fn outsiders_keep_house(house: &House) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (folder, manifest) in manifests(house).filter(|(name, _)| name.starts_with(OUTSIDE)) {
        for heading in ["[workspace]", "[lints.rust]", "[lints.clippy]"] {
            if !manifest.lines().any(|(_, line)| line == heading) {
                faults.push(manifest.fault(1, format!("has no {heading} of its own")));
            }
        }
        if house.file(&format!("{folder}/Cargo.lock")).is_none() {
            faults.push(manifest.fault(1, "has no Cargo.lock beside it"));
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
    fn an_outsider_without_lints_or_lock_is_found() {
        let good = "[workspace]\n[dependencies]\na = \"1\"\n[lints.rust]\n[lints.clippy]\n";
        let path = "tests/peers/a/Cargo.toml";
        let count = |files: &[(&str, &str)]| {
            let house = House::planted(files);
            assert_eq!(kept_in_one_place(&house).len(), 0);
            outsiders_keep_house(&house).len()
        };
        assert_eq!(count(&[(path, good), ("tests/peers/a/Cargo.lock", "")]), 0);
        assert_eq!(count(&[(path, good)]), 1);
        assert_eq!(count(&[(path, "")]), 4);
        assert_eq!(count(&[("ledger/Cargo.toml", GOOD)]), 0);
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
