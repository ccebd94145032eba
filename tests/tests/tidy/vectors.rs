//! Worked figures: every test that their list names is there, and every row names one.

use crate::house::{Fault, House};
use crate::tokens::tokens;

/// The list.
const LIST: &str = "ledger/VECTORS.md";

/// Where the tests of the last two columns are.
const PLACES: [&str; 2] = ["ledger/src/", "tests/tests/scenarios/"];

/// Each name in the list is that of a test in its column's place, and no row is without one.
pub(crate) fn tests_exist(house: &House) -> Vec<Fault> {
    let Some(list) = house.file(LIST) else { return Vec::new() };
    let mut faults = Vec::new();
    for (number, line) in list.lines().filter(|(_, line)| line.starts_with('|')) {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let [_, what, _, domain, grpc, _] = cells.as_slice() else {
            faults.push(list.fault(number, "is no row of four"));
            continue;
        };
        if *what == "what" || what.starts_with("---") {
            continue;
        }
        if !domain.contains('`') {
            faults.push(list.fault(number, "names no test of the domain"));
        }
        for (place, cell) in PLACES.iter().zip([domain, grpc]) {
            for name in cell.split('`').skip(1).step_by(2) {
                if !is_test(house, place, name) {
                    faults.push(list.fault(number, format!("{name} is no test in {place}")));
                }
            }
        }
    }
    faults
}

/// Is `modules::function` a test in a file of that module under `place`?
fn is_test(house: &House, place: &str, name: &str) -> bool {
    let Some((modules, function)) = name.rsplit_once("::") else { return false };
    // Tests in a module of their own file are told by the file that they are about, too.
    let inline = modules.trim_end_matches("::tests");
    let ends: Vec<String> =
        [modules, inline].iter().map(|it| format!("/{}.rs", it.replace("::", "/"))).collect();
    let files = house.rust().filter(|file| file.path.starts_with(place));
    let mut files = files.filter(|file| ends.iter().any(|end| file.path.ends_with(end)));
    files.any(|file| {
        let tokens = tokens(&file.text);
        let words: Vec<&str> = tokens.iter().map(|token| token.text.as_str()).collect();
        let mut pairs = words.windows(2).enumerate();
        pairs.any(|(at, pair)| {
            let before = words.get(..at).unwrap_or_default();
            let attribute: [&[&str]; 2] = [&["test", "]"], &["tokio::test", "]", "async"]];
            pair == ["fn", function] && attribute.iter().any(|it| before.ends_with(it))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(row: &str) -> usize {
        let list =
            format!("# A\n\n| what | figures | in | over |\n| --- | --- | --- | --- |\n{row}\n");
        let domain = "#[test]\nfn a_claim() {}\nfn no_test() {}\n";
        let grpc = "#[tokio::test]\nasync fn a_claim() {}\n";
        tests_exist(&House::planted(&[
            ("ledger/VECTORS.md", &list),
            ("ledger/src/domain/fees.rs", domain),
            ("tests/tests/scenarios/fees.rs", grpc),
        ]))
        .len()
    }

    #[test]
    fn a_test_that_is_not_there_is_found() {
        assert_eq!(count("| a | 1.00 | `fees::a_claim` | `fees::a_claim` |"), 0);
        assert_eq!(count("| a | 1.00 | `fees::tests::a_claim` | |"), 0);
        assert_eq!(count("| a | 1.00 | `fees::gone` | `rates::a_claim` |"), 2);
        assert_eq!(count("| a | 1.00 | `a_claim` | |"), 1);
        assert_eq!(count("| a | 1.00 | `fees::no_test` | |"), 1);
        assert_eq!(count("| a | 1.00 | | `fees::a_claim` |"), 1);
        assert_eq!(count("| a | 1.00 |"), 1);
    }
}
