//! One call, made of a verb's arguments: which method, the request, and what a table shows of it.

use prost_reflect::{DynamicMessage, MethodDescriptor, ReflectMessage as _, Value};
use serde::Serialize;
use uuid::Uuid;

use crate::cli::CliError;
use crate::cli::render::view::View;
use crate::cli::render::{method, parse};

/// The field by which a repeated request is recognised.
const REQUEST_ID: &str = "request_id";

/// A call that is ready to be sent.
#[derive(Debug, Clone)]
pub struct Call {
    /// The method.
    pub method: MethodDescriptor,
    /// The request.
    pub request: DynamicMessage,
    /// What a table shows of the answer.
    pub view: View,
}

impl Call {
    /// A call of a method such as `AccountService.GetAccount`. The serialised arguments are the
    /// request: their names are the contract's, money and dates are text.
    pub fn new(name: &str, arguments: &impl Serialize) -> Result<Self, CliError> {
        let unusable = |error: &dyn std::fmt::Display| CliError::Usage(error.to_string());
        let method = method(name).ok_or_else(|| unusable(&format!("there is no {name}")))?;
        let json = serde_json::to_value(arguments).map_err(|error| unusable(&error))?;
        let request = parse::message(&method.input(), &json).map_err(|error| unusable(&error))?;
        Ok(Self { method, request, view: View::Object })
    }

    /// The same, with many of a kind in the answer.
    #[must_use]
    pub fn listing(mut self, items: &'static str, columns: &'static [&'static str]) -> Self {
        self.view = View::List { items, columns };
        self
    }

    /// The same, with parts in the answer that are told apart by their names.
    #[must_use]
    pub fn in_parts(mut self) -> Self {
        self.view = View::Parts;
        self
    }

    /// The path of the method in a request for it.
    pub fn path(&self) -> String {
        format!("/{}/{}", self.method.parent_service().full_name(), self.method.name())
    }

    /// The request's id, if the method takes one.
    pub fn request_id(&self) -> Option<String> {
        id_of(&self.request)
    }

    /// Gives the request an id if it needs one and has none. Answers with the new id.
    pub fn make_request_id(&mut self) -> Option<String> {
        make_id(&mut self.request)
    }
}

/// The id of a request, if it has one.
pub fn id_of(request: &DynamicMessage) -> Option<String> {
    let id = request.get_field_by_name(REQUEST_ID)?;
    id.as_str().filter(|id| !id.is_empty()).map(str::to_owned)
}

/// Gives a request an id if it needs one and has none. Answers with the new id.
pub fn make_id(request: &mut DynamicMessage) -> Option<String> {
    let field = request.descriptor().get_field_by_name(REQUEST_ID)?;
    if request.has_field(&field) {
        return None;
    }
    #[expect(clippy::disallowed_methods, reason = "here we are the caller, who makes the ids")]
    let id = Uuid::now_v7().to_string();
    request.set_field(&field, Value::String(id.clone()));
    Some(id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_request_gets_an_id_once() {
        let mut call = Call::new("PaymentService.CancelPayment", &json!({})).unwrap();
        assert_eq!(call.request_id(), None);
        let id = call.make_request_id().unwrap();
        assert_eq!(call.request_id(), Some(id));
        assert_eq!(call.make_request_id(), None);
        assert_eq!(call.path(), "/payledger.v1.PaymentService/CancelPayment");
    }

    #[test]
    fn a_question_needs_no_id() {
        let mut call = Call::new("OperationsService.GetClock", &json!({})).unwrap();
        assert_eq!(call.make_request_id(), None);
        assert_eq!(call.request_id(), None);
    }

    #[test]
    fn arguments_that_are_no_request_are_wrong_usage() {
        let arguments = json!({"amount": "3.999"});
        let error = Call::new("PaymentService.SchedulePayment", &arguments).unwrap_err();
        assert_eq!(error.exit_code(), 2);
        assert!(error.to_string().starts_with("amount: "), "{error}");
    }
}
