//! Messages of the protocol, made of what the ledger has.

use ledger::envelope::{Metadata, RecordedEvent};
use ledger::store::ReadError;
use proto::event_store::client::gossip::member_info::VNodeState;
use proto::event_store::client::gossip::{ClusterInfo, EndPoint, MemberInfo};
use proto::event_store::client::server_features::{SupportedMethod, SupportedMethods};
use proto::event_store::client::streams::ReadResp;
use proto::event_store::client::streams::read_resp::read_event::{Position, RecordedEvent as Sent};
use proto::event_store::client::streams::read_resp::{Content, ReadEvent};
use proto::event_store::client::{StreamIdentifier, Uuid, uuid};
use tonic::Status;
use tonic::metadata::MetadataValue;

use super::advertised::Advertised;

/// The version of the server whose protocol is spoken.
const VERSION: &str = "23.10.0";

/// The service that all methods belong to, as clients look for it.
const STREAMS: &str = "event_store.client.streams.streams";

/// A cluster of one node, which leads.
pub fn one_leader(Advertised { host, port }: &Advertised) -> ClusterInfo {
    let end_point = EndPoint { address: host.clone(), port: (*port).into() };
    ClusterInfo {
        members: vec![MemberInfo {
            instance_id: Some(wire_id(::uuid::Uuid::nil(), false)),
            time_stamp: 0,
            state: VNodeState::Leader.into(),
            is_alive: true,
            http_end_point: Some(end_point),
        }],
    }
}

/// What the server can do. Appends are named too: clients then learn by their answer that they are
/// refused.
pub fn supported_methods() -> SupportedMethods {
    let method = |(name, features): (&str, &[&str])| SupportedMethod {
        method_name: name.to_owned(),
        service_name: STREAMS.to_owned(),
        features: features.iter().map(|&feature| feature.to_owned()).collect(),
    };
    let methods: [(&str, &[&str]); 3] =
        [("read", &["position", "events"]), ("append", &[]), ("batchappend", &[])];
    SupportedMethods {
        methods: methods.into_iter().map(method).collect(),
        event_store_server_version: VERSION.to_owned(),
    }
}

/// The refusal of everything that writes.
pub fn access_denied() -> Status {
    let mut status = Status::permission_denied("Access Denied: this log is read only");
    status.metadata_mut().insert("exception", MetadataValue::from_static("access-denied"));
    status
}

/// Why there is no more.
pub fn unread(error: &ReadError) -> Status {
    match error {
        ReadError::Unavailable(_) => Status::unavailable("the log cannot be read now"),
        ReadError::Damaged { position, .. } => {
            Status::data_loss(format!("the log is damaged at position {position}"))
        }
    }
}

/// An id: as text, or in two halves.
fn wire_id(id: ::uuid::Uuid, structured: bool) -> Uuid {
    let value = if structured {
        let (most, least) = id.as_u64_pair();
        uuid::Value::Structured(uuid::Structured {
            most_significant_bits: most.cast_signed(),
            least_significant_bits: least.cast_signed(),
        })
    } else {
        uuid::Value::String(id.to_string())
    };
    Uuid { value: Some(value) }
}

/// An event, which was committed at `commit`.
pub fn event(event: RecordedEvent, commit: u64, structured: bool) -> ReadResp {
    let json = serde_json::from_slice::<serde::de::IgnoredAny>(&event.data).is_ok();
    let content_type = if json { "application/json" } else { "application/octet-stream" };
    let metadata = [
        ("type", event.kind),
        ("content-type", content_type.to_owned()),
        ("created", created(&event.metadata)),
    ];
    let metadata = metadata.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    let sent = Sent {
        id: Some(wire_id(event.id.uuid(), structured)),
        stream_identifier: Some(identifier(event.stream.as_str().as_bytes())),
        stream_revision: event.version.0.saturating_sub(1),
        prepare_position: commit,
        commit_position: commit,
        metadata,
        custom_metadata: event.metadata,
        data: event.data,
    };
    let position = Some(Position::CommitPosition(commit));
    content(Content::Event(ReadEvent { event: Some(sent), link: None, position }))
}

/// The stream of that name.
pub fn identifier(stream: &[u8]) -> StreamIdentifier {
    StreamIdentifier { stream_name: stream.to_vec() }
}

/// A message of a read.
pub const fn content(content: Content) -> ReadResp {
    ReadResp { content: Some(content) }
}

/// When the event came to be, which is when its request was received: in ticks of 100 nanoseconds
/// since 1970.
fn created(metadata: &[u8]) -> String {
    let metadata: Option<Metadata> = serde_json::from_slice(metadata).ok();
    let micros = metadata.map_or(0, |metadata| metadata.received_at.timestamp_micros());
    micros.max(0).saturating_mul(10).to_string()
}
