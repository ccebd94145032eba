//! An answer in the form that was asked for: a document, or tables of what matters in it.

use std::collections::BTreeSet;
use std::io::{self, Write};

use super::document::Document;
use crate::cli::output::{
    Output, write_columns, write_csv, write_json, write_json_line, write_table,
};

/// What a table shows of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum View {
    /// One thing: a line for each of its values. Where the answer begins with a resource, its
    /// fields go by their own names.
    Object,
    /// One thing whose parts are told apart by their names.
    Parts,
    /// Many of a kind: a line for each.
    List {
        /// The field that holds them.
        items: &'static str,
        /// The paths of the columns within an item.
        columns: &'static [&'static str],
    },
}

/// Writes an answer. As JSON lines a list is one item a line, without what surrounds it.
pub fn write(out: &mut impl Write, answer: &Document, view: View, form: Output) -> io::Result<()> {
    match (form, view) {
        (Output::Json, _) => write_json(out, answer),
        (Output::Jsonl, View::Object | View::Parts) => write_json_line(out, answer),
        (Output::Jsonl, View::List { items, .. }) => {
            items_of(answer, items).iter().try_for_each(|item| write_json_line(out, item))
        }
        (Output::Csv, View::List { items, columns }) => {
            write_csv(out, columns, items_of(answer, items).iter().map(|item| row(item, columns)))
        }
        (Output::Csv, View::Object) => {
            write_csv(out, &["field", "value"], object_rows(answer).into_iter().map(Vec::from))
        }
        (Output::Csv, View::Parts) => {
            let rows = answer.leaves().into_iter().map(|(name, text)| vec![name, text]);
            write_csv(out, &["field", "value"], rows)
        }
        (Output::Table, View::Object) => write_table(out, ["field", "value"], object_rows(answer)),
        (Output::Table, View::Parts) => {
            let rows = answer.leaves().into_iter().map(|(name, text)| [name, text]);
            write_table(out, ["field", "value"], rows)
        }
        (Output::Table, View::List { items, columns }) => {
            let rows = items_of(answer, items).iter().map(|item| row(item, columns)).collect();
            let heading: Vec<&str> = columns.iter().map(|path| short_name(path, columns)).collect();
            write_columns(out, &heading, rows)?;
            let rest = around(answer, items);
            write_table(out, ["field", "value"], rest.into_iter().map(|(name, text)| [name, text]))
        }
    }
}

/// What a column is called: the last part of its path, unless another's is the same.
fn short_name<'a>(path: &'a str, columns: &[&str]) -> &'a str {
    fn last(path: &str) -> &str {
        path.rsplit_once('.').map_or(path, |(_, name)| name)
    }
    let same = columns.iter().filter(|other| last(other) == last(path)).count();
    if same > 1 { path } else { last(path) }
}

/// The items of a list's answer.
pub fn items_of<'a>(answer: &'a Document, items: &str) -> &'a [Document] {
    match answer.at(items) {
        Some(Document::List(items)) => items,
        Some(
            Document::Text(_)
            | Document::Number(_)
            | Document::Bool(_)
            | Document::Null(_)
            | Document::Recorded(_)
            | Document::Object(_),
        )
        | None => &[],
    }
}

fn row(item: &Document, columns: &[&str]) -> Vec<String> {
    let cell = |column: &&str| item.at(column).map(Document::cell).unwrap_or_default();
    columns.iter().map(cell).collect()
}

/// What a list's answer says beside its items: totals, the next page, the position.
fn around(answer: &Document, items: &str) -> Vec<(String, String)> {
    let mut rest = answer.leaves();
    rest.retain(|(path, _)| !path.starts_with(&format!("{items}[")));
    rest
}

/// The lines of one thing. The name of the resource that the answer begins with is left out, unless
/// two values would then have one name.
fn object_rows(answer: &Document) -> Vec<[String; 2]> {
    let leaves = answer.leaves();
    let resource = match answer {
        Document::Object(fields) => match fields.first() {
            Some((name, Document::Object(_))) => format!("{name}."),
            Some(_) | None => String::new(),
        },
        Document::Text(_)
        | Document::Number(_)
        | Document::Bool(_)
        | Document::Null(_)
        | Document::Recorded(_)
        | Document::List(_) => String::new(),
    };
    let short = |path: &str| path.strip_prefix(&resource).unwrap_or(path).to_owned();
    let names: BTreeSet<String> = leaves.iter().map(|(path, _)| short(path)).collect();
    let is_clear = names.len() == leaves.len();
    leaves
        .into_iter()
        .map(|(path, value)| [if is_clear { short(&path) } else { path }, value])
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accounts() -> Document {
        let account = |id: &str| {
            let balance = Document::Object(vec![Document::field("principal", "10.00")]);
            Document::Object(vec![
                Document::field("account_id", id),
                ("balance".to_owned(), balance),
            ])
        };
        Document::Object(vec![
            ("accounts".to_owned(), vec![account("a-1"), account("a-2")].into()),
            Document::field("next_page_token", "more"),
        ])
    }

    fn written(answer: &Document, form: Output) -> String {
        let columns = &["account_id", "balance.principal", "paid_off_date"];
        let mut out = Vec::new();
        write(&mut out, answer, View::List { items: "accounts", columns }, form).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_list_is_a_table_of_its_columns_and_then_what_surrounds_it() {
        let table = written(&accounts(), Output::Table);
        let line = table.lines().find(|line| line.contains("a-2")).unwrap();
        assert!(line.contains("10.00"), "{table}");
        assert!(table.contains("principal") && !table.contains("balance."), "{table}");
        assert!(table.contains("next_page_token"), "{table}");
        assert!(!table.contains("accounts["), "{table}");
    }

    #[test]
    fn a_list_as_json_lines_is_one_item_a_line() {
        let lines = written(&accounts(), Output::Jsonl);
        assert_eq!(lines.lines().count(), 2);
        assert!(lines.starts_with(r#"{"account_id":"a-1""#), "{lines}");
        assert_eq!(written(&Document::Object(Vec::new()), Output::Jsonl), "");
    }

    #[test]
    fn a_list_as_comma_separated_values_is_its_columns_by_their_whole_names() {
        assert_eq!(
            written(&accounts(), Output::Csv),
            "account_id,balance.principal,paid_off_date\na-1,10.00,\na-2,10.00,\n"
        );
        let mut out = Vec::new();
        let note = Document::Object(vec![Document::field("note", "one, \"two\"")]);
        write(&mut out, &note, View::Object, Output::Csv).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "field,value\nnote,\"one, \"\"two\"\"\"\n");
    }

    #[test]
    fn the_name_of_the_thing_is_left_out_where_nothing_gets_lost() {
        let title = Document::Object(vec![Document::field("state", "released")]);
        let answer = Document::Object(vec![
            ("title".to_owned(), title),
            Document::field("read_position", 7_u64),
        ]);
        let rows = object_rows(&answer);
        assert_eq!(rows, [["state", "released"], ["read_position", "7"]]);
        let Document::Object(mut fields) = answer else { panic!("made above") };
        fields.push(Document::field("state", "open"));
        assert_eq!(object_rows(&Document::Object(fields))[0], ["title.state", "released"]);
    }
}
