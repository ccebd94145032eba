//! A message of the contract from JSON, as [`message`](super::message) writes it.

use chrono::NaiveDate;
use ledger::domain::money::Money;
use prost::Message;
use prost_reflect::{
    DynamicMessage, EnumDescriptor, FieldDescriptor, Kind, MessageDescriptor, Value,
};
use serde_json::Value as Json;

use super::{short_name, short_names};
use crate::cli::instant::instant;
use crate::convert::{money, time};

/// Why JSON is not the message that it was taken for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {message}")]
pub struct ParseError {
    /// The field's path, such as `schedule_payment.amount`.
    pub field: String,
    /// What is wrong, in words that make sense after the path.
    pub message: String,
}

type Parsed<T> = Result<T, ParseError>;

/// Reads a message. Null is the same as a field that is not there; unknown fields are refused.
pub fn message(descriptor: &MessageDescriptor, json: &Json) -> Parsed<DynamicMessage> {
    message_at("", descriptor, json)
}

fn wrong<T>(path: &str, message: impl Into<String>) -> Parsed<T> {
    let field = if path.is_empty() { "request" } else { path };
    Err(ParseError { field: field.to_owned(), message: message.into() })
}

fn message_at(path: &str, descriptor: &MessageDescriptor, json: &Json) -> Parsed<DynamicMessage> {
    let Json::Object(members) = json else {
        return wrong(path, "is not a JSON object");
    };
    let mut message = DynamicMessage::new(descriptor.clone());
    for (name, value) in members.iter().filter(|(_, value)| !value.is_null()) {
        let below = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        let Some(field) = descriptor.get_field_by_name(name) else {
            let known: Vec<_> = descriptor.fields().map(|field| field.name().to_owned()).collect();
            return wrong(&below, format!("is not known here; known are {}", known.join(", ")));
        };
        let taken = field
            .containing_oneof()
            .and_then(|choice| choice.fields().find(|other| message.has_field(other)));
        if let Some(other) = taken {
            return wrong(&below, format!("cannot be given beside {}", other.name()));
        }
        message.set_field(&field, field_at(&below, &field, value)?);
    }
    Ok(message)
}

fn field_at(path: &str, field: &FieldDescriptor, json: &Json) -> Parsed<Value> {
    if field.is_map() {
        return wrong(path, "is part of answers, not of requests");
    }
    if !field.is_list() {
        return value_at(path, &field.kind(), json);
    }
    let Json::Array(items) = json else {
        return wrong(path, "is not a JSON array");
    };
    let items = items.iter().enumerate();
    let items =
        items.map(|(index, item)| value_at(&format!("{path}[{index}]"), &field.kind(), item));
    items.collect::<Parsed<Vec<_>>>().map(Value::List)
}

fn value_at(path: &str, kind: &Kind, json: &Json) -> Parsed<Value> {
    match kind {
        Kind::Bool => match json {
            Json::Bool(value) => Ok(Value::Bool(*value)),
            Json::Null | Json::Number(_) | Json::String(_) | Json::Array(_) | Json::Object(_) => {
                wrong(path, "is neither true nor false")
            }
        },
        Kind::String => Ok(Value::String(text_at(path, json)?.to_owned())),
        Kind::Enum(members) => member_at(path, members, text_at(path, json)?),
        Kind::Message(descriptor) => match descriptor.full_name() {
            "google.type.Money" => money_at(path, descriptor, json),
            "google.type.Date" => date_at(path, descriptor, text_at(path, json)?),
            "google.protobuf.Timestamp" => instant_at(path, descriptor, text_at(path, json)?),
            _ => message_at(path, descriptor, json).map(Value::Message),
        },
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => number_at(path, json).map(Value::I32),
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => number_at(path, json).map(Value::I64),
        Kind::Uint32 | Kind::Fixed32 => number_at(path, json).map(Value::U32),
        Kind::Uint64 | Kind::Fixed64 => number_at(path, json).map(Value::U64),
        Kind::Bytes | Kind::Float | Kind::Double => {
            wrong(path, "is part of answers, not of requests")
        }
    }
}

fn text_at<'a>(path: &str, json: &'a Json) -> Parsed<&'a str> {
    json.as_str().map_or_else(|| wrong(path, "is not a JSON string"), Ok)
}

/// A whole number within the field's range, from a JSON number.
fn number_at<T: TryFrom<i128>>(path: &str, json: &Json) -> Parsed<T> {
    let number = json.as_i64().map(i128::from).or_else(|| json.as_u64().map(i128::from));
    let number = number.and_then(|number| T::try_from(number).ok());
    number.map_or_else(|| wrong(path, "is not a whole number in range"), Ok)
}

fn money_at(path: &str, descriptor: &MessageDescriptor, json: &Json) -> Parsed<Value> {
    // A JSON number may have been through a float on its way, and lost a cent there.
    let Some(text) = json.as_str() else {
        return wrong(path, "is not money: dollars as decimal text, as \"310.00\"");
    };
    match text.parse::<Money>() {
        Ok(amount) => wrapped(descriptor, &money::to_wire(amount), path),
        Err(error) => wrong(path, error.to_string()),
    }
}

fn date_at(path: &str, descriptor: &MessageDescriptor, text: &str) -> Parsed<Value> {
    let shape = text.bytes().all(|b| b.is_ascii_digit() || b == b'-') && text.len() == 10;
    let date = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok().filter(|_| shape);
    let Some(date) = date else {
        return wrong(path, format!("{text:?} is not a date that exists, written YYYY-MM-DD"));
    };
    wrapped(descriptor, &time::date_to_wire(date), path)
}

fn instant_at(path: &str, descriptor: &MessageDescriptor, text: &str) -> Parsed<Value> {
    match instant(text) {
        Ok(instant) => wrapped(descriptor, &time::instant_to_wire(instant), path),
        Err(problem) => wrong(path, format!("{text:?} {problem}")),
    }
}

/// A member by its short name, or by its name in full.
fn member_at(path: &str, members: &EnumDescriptor, text: &str) -> Parsed<Value> {
    let named = members.values().find(|member| {
        member.number() != 0
            && (short_name(members, member.name()) == text || member.name() == text)
    });
    match named {
        Some(member) => Ok(Value::EnumNumber(member.number())),
        None => wrong(path, format!("{text:?} is not one of {}", short_names(members).join(", "))),
    }
}

fn wrapped(descriptor: &MessageDescriptor, typed: &impl Message, path: &str) -> Parsed<Value> {
    let mut message = DynamicMessage::new(descriptor.clone());
    match message.transcode_from(typed) {
        Ok(()) => Ok(Value::Message(message)),
        Err(error) => wrong(path, error.to_string()),
    }
}
