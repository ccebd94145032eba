//! The public contract of payledger: the messages, the clients and the server traits that the
//! `.proto` files of this crate describe, and the descriptors for reflection.

pub use generated::{google, payledger};
pub use generated_eventstore::event_store;

use payledger::v1::ErrorReason;

/// All files of the contract with their imports and comments, as an encoded `FileDescriptorSet`.
pub const FILE_DESCRIPTOR_SET: &[u8] =
    include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.binpb"));

/// The domain of every `ErrorInfo` of this service.
pub const ERROR_DOMAIN: &str = "payledger";

/// What the names of [`ErrorReason`] start with; `ErrorInfo.reason` leaves it out.
const REASON_PREFIX: &str = "ERROR_REASON_";

impl ErrorReason {
    /// The reason as `ErrorInfo` carries it: the name without `ERROR_REASON_`.
    pub fn reason(self) -> &'static str {
        let name = self.as_str_name();
        name.strip_prefix(REASON_PREFIX).unwrap_or(name)
    }

    /// The reason that `ErrorInfo` carries under this name.
    pub fn from_reason(reason: &str) -> Option<Self> {
        Self::from_str_name(&format!("{REASON_PREFIX}{reason}"))
    }
}

#[expect(
    missing_docs,
    unused_qualifications,
    clippy::pedantic,
    clippy::allow_attributes,
    clippy::allow_attributes_without_reason,
    clippy::as_conversions,
    reason = "generated code; its comments are those of the .proto files"
)]
mod generated {
    pub mod payledger {
        pub mod v1 {
            tonic::include_proto!("payledger.v1");
        }
    }

    pub mod google {
        pub mod r#type {
            tonic::include_proto!("google.r#type");
        }

        pub mod rpc {
            tonic::include_proto!("google.rpc");
        }
    }
}

#[expect(
    missing_docs,
    unreachable_pub,
    unused_qualifications,
    clippy::large_enum_variant,
    clippy::pedantic,
    clippy::allow_attributes,
    clippy::allow_attributes_without_reason,
    clippy::as_conversions,
    reason = "generated code; what it means is said by the protocol's own documents"
)]
mod generated_eventstore {
    pub mod event_store {
        pub mod client {
            include!(concat!(env!("OUT_DIR"), "/eventstore/event_store.client.rs"));

            pub mod gossip {
                include!(concat!(env!("OUT_DIR"), "/eventstore/event_store.client.gossip.rs"));
            }

            pub mod server_features {
                include!(concat!(
                    env!("OUT_DIR"),
                    "/eventstore/event_store.client.server_features.rs"
                ));
            }

            pub mod streams {
                include!(concat!(env!("OUT_DIR"), "/eventstore/event_store.client.streams.rs"));
            }
        }
    }

    mod google {
        pub mod rpc {
            include!(concat!(env!("OUT_DIR"), "/eventstore/google.rpc.rs"));
        }
    }
}
