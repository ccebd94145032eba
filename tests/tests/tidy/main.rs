//! Is this still our house? The rules that no compiler and no linter knows, as ordinary tests.
//!
//! Every rule is a function from the repository's files to faults; the tests here apply it to the
//! repository itself, and the tests beside each rule plant a fault and see it found.

mod arrows;
mod house;
mod manifests;
mod markdown;
mod modules;
mod text;
mod tokens;
mod vectors;

use house::{Fault, House};

/// Applies a rule to the repository and reports all faults at once.
fn faults(rule: impl Fn(&House) -> Vec<Fault>) -> Result<(), String> {
    let house = House::of_repository().map_err(|error| format!("reading the tree: {error}"))?;
    let found = rule(&house);
    if found.is_empty() {
        return Ok(());
    }
    let lines: Vec<String> = found.iter().map(ToString::to_string).collect();
    Err(format!("{} fault(s):\n{}\n", lines.len(), lines.join("\n")))
}

/// One test per rule, so that a failure is named after what was broken.
macro_rules! rules {
    ($($claim:ident => $rule:path,)+) => {$(
        #[test]
        fn $claim() {
            if let Err(report) = faults($rule) {
                panic!("{report}");
            }
        }
    )+};
}

rules! {
    the_visible_top_level_is_exactly_the_house => house::top_level,
    no_tracked_file_is_over_one_mebibyte => house::sizes,
    crates_point_one_way => manifests::crates_point_one_way,
    versions_and_lints_are_kept_in_the_workspace_manifest => manifests::kept_in_one_place,
    what_is_outside_the_workspace_keeps_house_for_itself => manifests::outsiders_keep_house,
    cargo_run_at_the_top_runs_the_service => manifests::one_binary_is_run,
    modules_point_one_way => arrows::modules_point_one_way,
    every_rust_file_is_a_declared_module => modules::no_dead_files,
    files_and_folders_are_named_after_their_subject => modules::names,
    rust_files_are_short_and_introduce_themselves => text::shape,
    lines_of_the_contract_are_short => text::contract,
    no_work_is_left_marked_or_switched_off => text::unfinished,
    no_float_is_near_money => text::floats,
    no_path_of_somebodys_machine_is_written_down => text::machine_paths,
    documents_have_one_title_and_short_lines => markdown::shape,
    documents_link_to_files_that_exist => markdown::links,
    every_worked_figure_has_its_tests => vectors::tests_exist,
}

#[test]
fn the_house_is_not_empty_when_it_is_judged() {
    let house = House::of_repository().expect("the repository can be read");
    for path in ["Cargo.toml", "ledger/src/lib.rs", "tests/tests/tidy/main.rs"] {
        assert!(house.file(path).is_some(), "{path} is not among the files that the rules see");
    }
}
