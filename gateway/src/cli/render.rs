//! How messages of the contract are written and read on the command line.
//!
//! One mapping for all of them, by their descriptors. Money is decimal text in dollars
//! (`"310.00"`), a date `"2026-03-03"`, an instant RFC 3339 in UTC, an enum's member its short name
//! in lower case (`"auto_loan"`), and the bytes of an event the JSON that they hold. What is not
//! set, an empty text and an unspecified member are left out; numbers, booleans and lists are
//! always there.

pub mod document;
pub mod message;
pub mod parse;
pub mod view;

use std::sync::LazyLock;

use prost_reflect::{DescriptorPool, EnumDescriptor, MethodDescriptor};

/// The package of the contract.
const PACKAGE: &str = "payledger.v1";

/// The contract's descriptors.
static CONTRACT: LazyLock<DescriptorPool> = LazyLock::new(|| {
    #[expect(clippy::expect_used, reason = "compiled into this binary; a test decodes them")]
    DescriptorPool::decode(proto::FILE_DESCRIPTOR_SET).expect("the contract's descriptors")
});

/// The contract's descriptors.
pub fn contract() -> &'static DescriptorPool {
    &CONTRACT
}

/// The method of a name such as `AccountService.GetAccount`.
pub fn method(name: &str) -> Option<MethodDescriptor> {
    let (service, method) = name.split_once('.')?;
    let service = CONTRACT.get_service_by_name(&format!("{PACKAGE}.{service}"))?;
    service.methods().find(|candidate| candidate.name() == method)
}

/// What the names of an enum's members start with: `ACCOUNT_STATE_` for `AccountState`.
fn member_prefix(members: &EnumDescriptor) -> String {
    let mut prefix = String::new();
    for letter in members.name().chars() {
        if letter.is_ascii_uppercase() && !prefix.is_empty() {
            prefix.push('_');
        }
        prefix.push(letter.to_ascii_uppercase());
    }
    prefix.push('_');
    prefix
}

/// The short name of a member: `auto_loan` for `PRODUCT_AUTO_LOAN`.
fn short_name(members: &EnumDescriptor, name: &str) -> String {
    name.strip_prefix(member_prefix(members).as_str()).unwrap_or(name).to_ascii_lowercase()
}

/// The short names of all members but the unspecified one.
pub fn short_names(members: &EnumDescriptor) -> Vec<String> {
    members
        .values()
        .filter(|member| member.number() != 0)
        .map(|member| short_name(members, member.name()))
        .collect()
}

#[cfg(test)]
mod tests;
