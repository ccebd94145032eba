//! The conventions of the contract, checked on its own descriptors: what every RPC must look like,
//! and that every reason it names is documented.

#![expect(clippy::unwrap_used, reason = "helpers of tests report by panicking")]

use std::collections::BTreeSet;

use prost::Message;
use prost_types::method_options::IdempotencyLevel;
use prost_types::{DescriptorProto, FileDescriptorProto, FileDescriptorSet, MethodDescriptorProto};
use proto::payledger::v1::ErrorReason;

/// Mutations without a request id: what they ask for identifies them, so that twice is once.
const KNOWN_BY_CONTENT: [&str; 3] = ["RunCutoff", "RebuildProjection", "SetClock"];
/// Its commands have the request ids, its results say what was repeated.
const BATCH: &str = "ExecuteBatch";
/// They ask for no event of the log.
const READS_NO_LOG: [&str; 3] = ["GetClock", "GetLogStatus", "QuoteSchedule"];

struct Rpc {
    method: MethodDescriptorProto,
    comment: String,
    request: BTreeSet<String>,
    response: BTreeSet<String>,
}

impl Rpc {
    fn name(&self) -> &str {
        self.method.name()
    }

    fn is_mutation(&self) -> bool {
        let level = self.method.options.as_ref().unwrap().idempotency_level();
        assert_ne!(level, IdempotencyLevel::IdempotencyUnknown, "{} says nothing", self.name());
        level == IdempotencyLevel::Idempotent
    }
}

fn files() -> Vec<FileDescriptorProto> {
    let set = FileDescriptorSet::decode(proto::FILE_DESCRIPTOR_SET).unwrap();
    set.file.into_iter().filter(|file| file.package() == "payledger.v1").collect()
}

fn fields(name: &str) -> BTreeSet<String> {
    let is = |message: &DescriptorProto| format!(".payledger.v1.{}", message.name()) == name;
    let message = files().into_iter().flat_map(|file| file.message_type).find(is);
    message.unwrap().field.iter().map(|field| field.name().to_owned()).collect()
}

fn comment_at(file: &FileDescriptorProto, path: &[usize]) -> String {
    let path: Vec<i32> = path.iter().map(|&step| i32::try_from(step).unwrap()).collect();
    let info = file.source_code_info.as_ref().unwrap();
    let location = info.location.iter().find(|location| location.path == path).unwrap();
    location.leading_comments().to_owned()
}

fn rpcs() -> Vec<Rpc> {
    let mut rpcs = Vec::new();
    for file in files() {
        for (s, service) in file.service.iter().enumerate() {
            for (m, method) in service.method.iter().enumerate() {
                rpcs.push(Rpc {
                    method: method.clone(),
                    comment: comment_at(&file, &[6, s, 2, m]),
                    request: fields(method.input_type()),
                    response: fields(method.output_type()),
                });
            }
        }
    }
    rpcs
}

/// Words in capitals with an underscore: reasons and codes as comments name them.
fn shouted(text: &str) -> BTreeSet<String> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let is_shouted = |word: &&str| word.contains('_') && *word == word.to_ascii_uppercase();
    text.split(|c| !is_part(c)).filter(is_shouted).map(ToOwned::to_owned).collect()
}

#[test]
fn every_service_of_the_first_release_is_there() {
    let services: BTreeSet<_> = files()
        .iter()
        .flat_map(|file| file.service.iter().map(|service| service.name().to_owned()))
        .collect();
    let expected = [
        "AccountService",
        "AuditService",
        "BooksService",
        "OperationsService",
        "PaymentService",
        "TitleService",
    ];
    assert!(services.iter().eq(expected.iter()), "{services:?}");
}

#[test]
fn every_mutation_has_a_request_id_and_answers_with_its_position() {
    for rpc in rpcs().iter().filter(|rpc| rpc.is_mutation()) {
        if KNOWN_BY_CONTENT.contains(&rpc.name()) {
            continue;
        }
        assert!(rpc.response.contains("position"), "{}", rpc.name());
        if rpc.name() != BATCH {
            assert!(rpc.request.contains("request_id"), "{}", rpc.name());
            assert!(rpc.response.contains("replayed"), "{}", rpc.name());
        }
    }
}

#[test]
fn every_read_takes_a_least_position_and_says_which_it_reflects() {
    for rpc in rpcs().iter().filter(|rpc| !rpc.is_mutation()) {
        if rpc.method.server_streaming() {
            assert!(rpc.request.contains("from_position"), "{}", rpc.name());
            assert!(rpc.response.contains("checkpoint_position"), "{}", rpc.name());
        } else if !READS_NO_LOG.contains(&rpc.name()) {
            assert!(rpc.request.contains("min_position"), "{}", rpc.name());
            assert!(rpc.response.contains("read_position"), "{}", rpc.name());
            assert!(rpc.response.contains("read_time"), "{}", rpc.name());
        }
    }
}

#[test]
fn every_list_is_paged() {
    let rpcs = rpcs();
    let lists: Vec<_> = rpcs.iter().filter(|rpc| rpc.name().starts_with("List")).collect();
    assert!(!lists.is_empty());
    for rpc in lists {
        assert!(rpc.request.contains("page_size"), "{}", rpc.name());
        assert!(rpc.request.contains("page_token"), "{}", rpc.name());
        assert!(rpc.response.contains("next_page_token"), "{}", rpc.name());
    }
}

#[test]
fn every_rpc_says_how_it_fails_with_reasons_that_are_documented() {
    let codes = [
        "ALREADY_EXISTS",
        "DATA_LOSS",
        "FAILED_PRECONDITION",
        "INVALID_ARGUMENT",
        "NOT_FOUND",
        "RESOURCE_EXHAUSTED",
    ];
    for rpc in rpcs() {
        assert!(rpc.comment.to_lowercase().contains("fails "), "{}", rpc.name());
        for word in shouted(&rpc.comment) {
            let known = codes.contains(&word.as_str()) || ErrorReason::from_reason(&word).is_some();
            assert!(known, "{} names {word}", rpc.name());
        }
    }
}

#[test]
fn every_reason_is_named_by_an_rpc_or_said_to_be_general() {
    let named: BTreeSet<_> = rpcs().iter().flat_map(|rpc| shouted(&rpc.comment)).collect();
    let files = files();
    let file = files.iter().find(|file| file.name().ends_with("errors.proto")).unwrap();
    for (v, value) in file.enum_type[0].value.iter().enumerate().skip(1) {
        let comment = comment_at(file, &[5, 0, 2, v]);
        let general = comment.replace('\n', "").contains("may answer");
        let reason = value.name().strip_prefix("ERROR_REASON_").unwrap();
        assert!(general || named.contains(reason), "{reason} is never named");
        assert!(comment.contains("Written:"), "{reason} does not say what was written");
    }
}

#[test]
fn a_reason_finds_its_way_back() {
    assert_eq!(ErrorReason::CutoffPassed.reason(), "CUTOFF_PASSED");
    assert_eq!(ErrorReason::from_reason("CUTOFF_PASSED"), Some(ErrorReason::CutoffPassed));
    assert_eq!(ErrorReason::from_reason("NO_SUCH_REASON"), None);
}

#[test]
fn reflection_knows_what_error_details_are_made_of() {
    let set = FileDescriptorSet::decode(proto::FILE_DESCRIPTOR_SET).unwrap();
    let names: BTreeSet<_> = set.file.iter().map(FileDescriptorProto::name).collect();
    for name in
        ["google/rpc/error_details.proto", "google/rpc/status.proto", "google/protobuf/any.proto"]
    {
        assert!(names.contains(name), "{name}");
    }
}
