//! A message of the contract as a document.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use prost::Message;
use prost_reflect::{
    DynamicMessage, EnumDescriptor, FieldDescriptor, Kind, MapKey, ReflectMessage as _, Value,
};
use prost_types::Timestamp;
use proto::google::r#type::{Date, Money};
use serde_json::value::RawValue;

use super::document::Document;
use super::{PACKAGE, contract, short_name};
use crate::cli::client::failure::CallFailure;
use crate::convert::{money, time};

/// The document that a message is written as.
pub fn document(message: &DynamicMessage) -> Document {
    if let Some(text) = well_known(message) {
        return text;
    }
    let descriptor = message.descriptor();
    let fields = descriptor.fields().filter_map(|field| {
        let value = message.get_field(&field);
        let is_set = message.has_field(&field);
        let shown = if is_set { Some(shown(&field, &value)) } else { default_of(&field) };
        shown.map(|document| (field.name().to_owned(), document))
    });
    Document::Object(fields.collect())
}

/// The document of a message that is one of ours, by its name in the contract.
pub fn document_of(name: &str, typed: &impl Message) -> Document {
    let descriptor = contract().get_message_by_name(&format!("{PACKAGE}.{name}"));
    let decoded = descriptor.and_then(|descriptor| {
        DynamicMessage::decode(descriptor, typed.encode_to_vec().as_slice()).ok()
    });
    decoded.map_or_else(|| Document::Object(Vec::new()), |message| document(&message))
}

/// What stands for a field that is at its default; nothing if that says nothing.
fn default_of(field: &FieldDescriptor) -> Option<Document> {
    if field.is_list() {
        return Some(Document::List(Vec::new()));
    }
    if field.is_map() || field.supports_presence() {
        return None;
    }
    match field.kind() {
        Kind::Bool => Some(Document::Bool(false)),
        Kind::Message(_) | Kind::Enum(_) | Kind::String | Kind::Bytes => None,
        Kind::Double
        | Kind::Float
        | Kind::Int32
        | Kind::Int64
        | Kind::Uint32
        | Kind::Uint64
        | Kind::Sint32
        | Kind::Sint64
        | Kind::Fixed32
        | Kind::Fixed64
        | Kind::Sfixed32
        | Kind::Sfixed64 => Some(Document::Number(0)),
    }
}

fn shown(field: &FieldDescriptor, value: &Value) -> Document {
    match value {
        Value::Bool(value) => Document::Bool(*value),
        Value::I32(number) => Document::Number((*number).into()),
        Value::I64(number) => Document::Number((*number).into()),
        Value::U32(number) => Document::Number((*number).into()),
        Value::U64(number) => Document::Number((*number).into()),
        Value::F32(number) => Document::text(number),
        Value::F64(number) => Document::text(number),
        Value::String(text) => Document::Text(text.clone()),
        Value::Bytes(bytes) => recorded(bytes),
        Value::EnumNumber(number) => member(field.kind().as_enum(), *number),
        Value::Message(message) => document(message),
        Value::List(items) => Document::List(items.iter().map(|item| shown(field, item)).collect()),
        Value::Map(entries) => {
            let mut fields: Vec<_> =
                entries.iter().map(|(key, value)| (key_text(key), shown(field, value))).collect();
            fields.sort_by(|(one, _), (other, _)| one.cmp(other));
            Document::Object(fields)
        }
    }
}

/// The JSON that recorded bytes are; bytes that are none are shown in base64.
pub fn recorded(bytes: &[u8]) -> Document {
    let json = std::str::from_utf8(bytes)
        .ok()
        .and_then(|text| serde_json::from_str::<&RawValue>(text).ok().map(ToOwned::to_owned));
    json.map_or_else(|| Document::Text(STANDARD.encode(bytes)), Document::Recorded)
}

/// A member's short name; of a later contract, its number.
fn member(members: Option<&EnumDescriptor>, number: i32) -> Document {
    let named = members.and_then(|members| Some((members, members.get_value(number)?)));
    named.map_or_else(
        || Document::Number(number.into()),
        |(members, value)| Document::Text(short_name(members, value.name())),
    )
}

fn key_text(key: &MapKey) -> String {
    match key {
        MapKey::String(text) => text.clone(),
        MapKey::Bool(value) => value.to_string(),
        MapKey::I32(number) => number.to_string(),
        MapKey::I64(number) => number.to_string(),
        MapKey::U32(number) => number.to_string(),
        MapKey::U64(number) => number.to_string(),
    }
}

/// Messages that are one value. None for any other, and for one without a meaning, which is then
/// shown by its fields.
fn well_known(message: &DynamicMessage) -> Option<Document> {
    match message.descriptor().full_name() {
        "google.type.Money" => message.transcode_to::<Money>().ok().and_then(|it| dollars(&it)),
        "google.type.Date" => {
            let date = message.transcode_to::<Date>().ok()?;
            time::date("date", Some(&date)).ok().map(Document::text)
        }
        "google.protobuf.Timestamp" => {
            let instant = message.transcode_to::<Timestamp>().ok()?;
            let instant = time::instant("instant", &instant).ok()?;
            Some(Document::Text(time::rfc3339(instant)))
        }
        "google.rpc.Status" => {
            let status = message.transcode_to::<proto::google::rpc::Status>().ok()?;
            Some(Document::Object(CallFailure::from_message(&status).fields()))
        }
        _ => None,
    }
}

/// Money in dollars as decimal text.
fn dollars(wire: &Money) -> Option<Document> {
    money::money("money", wire).ok().map(Document::text)
}
