//! An answer before it is written: a tree with its fields in order, for JSON and for tables.

use serde::ser::{SerializeMap as _, SerializeSeq as _};
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

/// A value of an answer.
#[derive(Debug, Clone)]
pub enum Document {
    /// Text, and everything that is written as text: money, dates, instants, names.
    Text(String),
    /// A whole number.
    Number(i128),
    /// Yes or no.
    Bool(bool),
    /// No value: null in JSON, so that a field has one type. A table says why there is none.
    Null(&'static str),
    /// A JSON document that was recorded, byte for byte.
    Recorded(Box<RawValue>),
    /// Values in order.
    List(Vec<Document>),
    /// Named values in order.
    Object(Vec<(String, Document)>),
}

impl Document {
    /// A named value.
    pub fn field(name: &str, value: impl Into<Self>) -> (String, Self) {
        (name.to_owned(), value.into())
    }

    /// A named number, or why it is not known.
    pub fn number_if_known(
        name: &str,
        number: Option<u64>,
        why_not: &'static str,
    ) -> (String, Self) {
        (name.to_owned(), number.map_or(Self::Null(why_not), Self::from))
    }

    /// A value in its written form.
    pub fn text(value: impl std::fmt::Display) -> Self {
        Self::Text(value.to_string())
    }

    /// The value at a path of names, `balance.principal`.
    pub fn at(&self, path: &str) -> Option<&Self> {
        path.split('.').try_fold(self, |document, name| match document {
            Self::Object(fields) => {
                fields.iter().find(|(field, _)| field == name).map(|(_, value)| value)
            }
            Self::Text(_)
            | Self::Number(_)
            | Self::Bool(_)
            | Self::Null(_)
            | Self::Recorded(_)
            | Self::List(_) => None,
        })
    }

    /// The value on one line, for a cell of a table.
    pub fn cell(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Number(number) => number.to_string(),
            Self::Bool(value) => value.to_string(),
            Self::Null(why) => (*why).to_owned(),
            Self::Recorded(json) => json.get().to_owned(),
            // Of values alone, so that writing cannot fail.
            Self::List(_) | Self::Object(_) => serde_json::to_string(self).unwrap_or_default(),
        }
    }

    /// Every value that is not a tree itself, under its path from here.
    pub fn leaves(&self) -> Vec<(String, String)> {
        let mut leaves = Vec::new();
        self.collect(String::new(), &mut leaves);
        leaves
    }

    fn collect(&self, path: String, leaves: &mut Vec<(String, String)>) {
        match self {
            Self::Object(fields) => {
                for (name, value) in fields {
                    let below =
                        if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                    value.collect(below, leaves);
                }
            }
            Self::List(items) => {
                for (index, item) in items.iter().enumerate() {
                    item.collect(format!("{path}[{index}]"), leaves);
                }
            }
            Self::Text(_) | Self::Number(_) | Self::Bool(_) | Self::Null(_) | Self::Recorded(_) => {
                leaves.push((path, self.cell()));
            }
        }
    }
}

impl From<String> for Document {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<&str> for Document {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<u64> for Document {
    fn from(number: u64) -> Self {
        Self::Number(number.into())
    }
}

impl From<i64> for Document {
    fn from(number: i64) -> Self {
        Self::Number(number.into())
    }
}

impl From<bool> for Document {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<Vec<Self>> for Document {
    fn from(items: Vec<Self>) -> Self {
        Self::List(items)
    }
}

impl Serialize for Document {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Text(text) => serializer.serialize_str(text),
            Self::Number(number) => serializer.serialize_i128(*number),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Null(_) => serializer.serialize_unit(),
            Self::Recorded(json) => json.serialize(serializer),
            Self::List(items) => {
                let mut list = serializer.serialize_seq(Some(items.len()))?;
                items.iter().try_for_each(|item| list.serialize_element(item))?;
                list.end()
            }
            Self::Object(fields) => {
                let mut map = serializer.serialize_map(Some(fields.len()))?;
                fields.iter().try_for_each(|(name, value)| map.serialize_entry(name, value))?;
                map.end()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Document {
        let recorded = RawValue::from_string(r#"{"z": 1,"a":"1.50"}"#.to_owned()).unwrap();
        Document::Object(vec![
            Document::field("z", "first"),
            Document::field("a", 7_u64),
            Document::number_if_known("n", None, "not known"),
            ("list".to_owned(), vec![Document::from(true), Document::from("x")].into()),
            ("data".to_owned(), Document::Recorded(recorded)),
        ])
    }

    #[test]
    fn fields_keep_their_order_and_recorded_bytes_stay_as_they_are() {
        let json = serde_json::to_string(&sample()).unwrap();
        let expected =
            r#"{"z":"first","a":7,"n":null,"list":[true,"x"],"data":{"z": 1,"a":"1.50"}}"#;
        assert_eq!(json, expected);
    }

    #[test]
    fn leaves_have_the_paths_by_which_they_are_found() {
        let outer = Document::Object(vec![("inner".to_owned(), sample())]);
        let leaves = outer.leaves();
        assert_eq!(leaves[0], ("inner.z".to_owned(), "first".to_owned()));
        assert_eq!(leaves[2], ("inner.n".to_owned(), "not known".to_owned()));
        assert_eq!(leaves[4], ("inner.list[1]".to_owned(), "x".to_owned()));
        assert_eq!(outer.at("inner.a").unwrap().cell(), "7");
        assert!(outer.at("inner.b").is_none());
    }
}
