//! What was ever written can be read for ever: the schemas and the golden corpus beside this crate.
//!
//! `golden/events.jsonl` holds documents byte for byte as they were recorded. Lines are added,
//! never changed or taken out. `schemas/` holds the JSON Schema of every stored document.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use chrono::NaiveDate;
use proptest::prelude::*;
use serde_json::Value;
use serde_json::value::RawValue;

use super::*;
use crate::domain::account::scenarios::properties::lives;
use crate::envelope::Metadata;

const CORPUS: &str = include_str!("../../golden/events.jsonl");

#[derive(Deserialize)]
struct Golden<'a> {
    kind: &'a str,
    #[serde(borrow)]
    data: &'a RawValue,
    #[serde(borrow)]
    metadata: &'a RawValue,
}

fn corpus() -> impl Iterator<Item = Golden<'static>> {
    CORPUS.lines().map(|line| serde_json::from_str(line).unwrap())
}

fn schema_file(kind: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas").join(format!("{kind}.json"))
}

fn stored_schema(kind: &str) -> Value {
    let path = schema_file(kind);
    let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_str(&text).unwrap()
}

#[test]
fn every_golden_document_is_read_and_written_back_byte_for_byte() {
    for (number, golden) in corpus().enumerate() {
        let fact = decode(golden.kind, golden.data.get().as_bytes())
            .unwrap_or_else(|error| panic!("line {}: {error:?}", number + 1));
        let (kind, data) = encode(&fact).unwrap();
        assert_eq!(kind, golden.kind, "line {}", number + 1);
        assert_eq!(String::from_utf8(data).unwrap(), golden.data.get(), "line {}", number + 1);
        let metadata: Metadata = serde_json::from_str(golden.metadata.get()).unwrap();
        let written = serde_json::to_string(&metadata).unwrap();
        assert_eq!(written, golden.metadata.get(), "line {}", number + 1);
    }
}

#[test]
fn every_stored_name_and_every_reason_of_a_refusal_is_in_the_corpus() {
    let known: BTreeSet<&str> = KINDS.iter().copied().collect();
    let found: BTreeSet<&str> = corpus().map(|golden| golden.kind).collect();
    assert_eq!(found, known);
    let refused = corpus().filter(|golden| golden.kind == "RequestRefused");
    let reasons: BTreeSet<String> = refused
        .map(|golden| {
            let document: Value = serde_json::from_str(golden.data.get()).unwrap();
            document["refusal"]["reason"].as_str().unwrap().to_owned()
        })
        .collect();
    for golden in corpus().filter(|golden| golden.kind == "RequestRefused") {
        let fact = decode(golden.kind, golden.data.get().as_bytes()).unwrap();
        let Fact::Account(Event::RequestRefused(refused)) = fact else { panic!("{fact:?}") };
        assert!(reasons.contains(refused.refusal.reason()), "{refused:?}");
        let facts = refused.refusal.facts();
        assert!(facts.iter().all(|(name, fact)| name != "reason" && !fact.is_empty()));
    }
    let schema = stored_schema("RequestRefused");
    let variants = schema["$defs"]["Refusal"]["oneOf"].as_array().unwrap();
    let named: BTreeSet<String> = variants
        .iter()
        .map(|one| one["properties"]["reason"]["const"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(reasons, named);
}

#[test]
fn every_reason_of_a_refusal_by_the_books_is_in_the_corpus() {
    let mut found = BTreeSet::new();
    for golden in corpus().filter(|golden| golden.kind == "BooksRequestRefused") {
        let fact = decode(golden.kind, golden.data.get().as_bytes()).unwrap();
        let Fact::Books(books::Event::BooksRequestRefused(refused)) = fact else {
            panic!("{fact:?}")
        };
        let document: Value = serde_json::from_str(golden.data.get()).unwrap();
        assert_eq!(document["refusal"]["reason"], refused.refusal.reason());
        let facts = refused.refusal.facts();
        assert!(facts.iter().all(|(name, fact)| name != "reason" && !fact.is_empty()));
        found.insert(refused.refusal.reason().to_owned());
    }
    let schema = stored_schema("BooksRequestRefused");
    let variants = schema["$defs"]["BooksRefusal"]["oneOf"].as_array().unwrap();
    let named = variants.iter().map(|one| one["properties"]["reason"]["const"].as_str().unwrap());
    assert_eq!(found, named.map(str::to_owned).collect());
}

#[test]
fn the_schemas_beside_the_crate_are_those_of_the_types() {
    let fresh = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/schemas");
    let mut stale = Vec::new();
    for (kind, schema) in schemas() {
        let text = format!("{}\n", serde_json::to_string_pretty(&schema).unwrap());
        if fs::read_to_string(schema_file(kind)).ok().as_deref() != Some(text.as_str()) {
            fs::create_dir_all(&fresh).unwrap();
            fs::write(fresh.join(format!("{kind}.json")), text).unwrap();
            stale.push(kind);
        }
    }
    assert!(
        stale.is_empty(),
        "the schemas of {stale:?} have changed. If the change keeps every document of \
         golden/events.jsonl readable, copy the new ones: cp {}/*.json ledger/schemas/",
        fresh.display()
    );
    let named: BTreeSet<String> =
        schemas().iter().map(|(kind, _)| format!("{kind}.json")).collect();
    let files = fs::read_dir(schema_file("x").parent().unwrap()).unwrap();
    let files: BTreeSet<String> =
        files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    assert_eq!(files, named, "a schema of a name that is not stored");
}

/// An alternative together with the fields that stand beside all of them.
fn flattened(outer: &Value, alternative: &Value) -> Value {
    let mut whole = alternative.clone();
    for (name, field) in outer["properties"].as_object().into_iter().flatten() {
        whole["properties"][name] = field.clone();
    }
    if let Some(required) = outer["required"].as_array() {
        let own = whole["required"].as_array().cloned().unwrap_or_default();
        whole["required"] = own.iter().chain(required).cloned().collect();
    }
    whole
}

/// The part of JSON Schema that the generated schemas use, with every field of a document known.
fn fits(value: &Value, schema: &Value, root: &Value) -> bool {
    if let Some(reference) = schema["$ref"].as_str() {
        let name = reference.trim_start_matches("#/$defs/");
        return fits(value, &root["$defs"][name], root);
    }
    for alternatives in ["oneOf", "anyOf"] {
        if let Some(schemas) = schema[alternatives].as_array() {
            return schemas.iter().any(|one| fits(value, &flattened(schema, one), root));
        }
    }
    if let Some(only) = schema.get("const") {
        return value == only;
    }
    if let Some(words) = schema["enum"].as_array() {
        return words.contains(value);
    }
    let one = std::slice::from_ref(&schema["type"]);
    let types = schema["type"].as_array().map_or(one, Vec::as_slice);
    types.iter().filter_map(Value::as_str).any(|name| match (name, value) {
        ("null", Value::Null) | ("boolean", Value::Bool(_)) | ("string", Value::String(_)) => true,
        ("integer", Value::Number(number)) => number.is_u64() || number.is_i64(),
        ("array", Value::Array(items)) => {
            let prefix = schema["prefixItems"].as_array().cloned().unwrap_or_default();
            let schema_of = |at: usize| prefix.get(at).unwrap_or(&schema["items"]);
            items.iter().enumerate().all(|(at, item)| fits(item, schema_of(at), root))
        }
        ("object", Value::Object(fields)) => {
            let required = schema["required"].as_array().cloned().unwrap_or_default();
            required.iter().all(|name| fields.contains_key(name.as_str().unwrap_or_default()))
                && fields.iter().all(|(name, field)| fits(field, &schema["properties"][name], root))
        }
        _ => false,
    })
}

#[test]
fn every_golden_document_fits_its_schema() {
    for (number, golden) in corpus().enumerate() {
        for (name, text) in [(golden.kind, golden.data), ("Metadata", golden.metadata)] {
            let schema = stored_schema(name);
            let mut document: Value = serde_json::from_str(text.get()).unwrap();
            assert!(fits(&document, &schema, &schema), "line {}, {name}", number + 1);
            document["unheard_of"] = Value::Null;
            assert!(!fits(&document, &schema, &schema), "line {}, {name}", number + 1);
        }
    }
}

#[test]
fn a_name_that_is_not_known_and_a_document_that_is_none_are_errors() {
    for name in ["", "paymentapplied", "PaymentApplied2", "Metadata"] {
        let error = decode(name, b"{}").unwrap_err();
        assert!(matches!(&error, CodecError::UnknownKind(unknown) if unknown == name), "{error}");
    }
    for golden in corpus() {
        let text = golden.data.get();
        let half = text.get(..text.len() / 2).unwrap_or_default();
        let twice = format!("{text}{text}");
        for broken in ["", "null", "7", "\"text\"", half, &twice] {
            let error = decode(golden.kind, broken.as_bytes()).unwrap_err();
            let CodecError::Malformed { kind, .. } = &error else { panic!("{error}") };
            assert_eq!(kind, golden.kind);
        }
    }
}

#[test]
fn money_that_nobody_could_have_posted_is_malformed() {
    let applied = corpus().find(|golden| golden.kind == "PaymentApplied").unwrap().data.get();
    assert!(applied.contains(r#""amount":"310.00""#));
    for amount in [r#""-310.00""#, r#""0.00""#, r#""310.001""#, "310", r#""3.1e2""#, r#""""#] {
        let document = applied.replace(r#""amount":"310.00""#, &format!(r#""amount":{amount}"#));
        let error = decode("PaymentApplied", document.as_bytes()).unwrap_err();
        assert!(matches!(error, CodecError::Malformed { .. }), "{amount}");
    }
}

#[test]
fn an_applied_payment_stays_small() {
    // As it is recorded now, it also says what payments have satisfied of the instalments in all,
    // so that nobody who follows the log needs to walk an account's timeline for it.
    let golden = corpus().filter(|golden| golden.kind == "PaymentApplied").last().unwrap();
    assert!(golden.data.get().contains(r#""billed":"310.00""#), "{}", golden.data);
    let bytes = golden.data.get().len() + golden.metadata.get().len();
    assert!(bytes <= 440, "{bytes} bytes of data and metadata");
}

fn assert_survives(event: Event) {
    let fact = Fact::Account(event);
    let (kind, data) = encode(&fact).unwrap();
    let text = String::from_utf8_lossy(&data);
    let billed_nothing = text.replace(r#""billed":"0.00""#, "");
    assert!(!text.contains(r#""-0.00""#) && !billed_nothing.contains(r#""0.00""#), "{text}");
    let decoded = decode(kind, &data).unwrap();
    assert_eq!(encode(&decoded).unwrap(), (kind, data.clone()));
    assert_eq!(decoded, fact);
}

proptest! {
    #[test]
    fn whatever_happens_to_an_account_reads_back_as_it_was(events in lives()) {
        for event in events {
            assert_survives(event);
        }
    }
}

#[test]
fn the_ends_of_the_calendar_read_back() {
    for released_date in [NaiveDate::MIN, NaiveDate::MAX, NaiveDate::default()] {
        assert_survives(Event::LienReleased(account::LienReleased { released_date }));
    }
}
