//! The facts of a refusal, as they are stored and told.

use serde::Serialize;

/// The fields of a refusal by name, in order of name, without its reason.
pub(super) fn facts_of(refusal: &impl Serialize) -> Vec<(String, String)> {
    let Ok(serde_json::Value::Object(fields)) = serde_json::to_value(refusal) else {
        return Vec::new();
    };
    let text = |value: serde_json::Value| match value {
        serde_json::Value::String(text) => text,
        other @ (serde_json::Value::Null
        | serde_json::Value::Bool(_)
        | serde_json::Value::Number(_)
        | serde_json::Value::Array(_)
        | serde_json::Value::Object(_)) => other.to_string(),
    };
    let facts = fields.into_iter().filter(|(name, _)| name != "reason");
    facts.map(|(name, value)| (name, text(value))).collect()
}
