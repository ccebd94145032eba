//! Compiles the `.proto` files without `protoc`.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::{env, fs};

/// What the crate exports; everything else is found by following imports.
const ROOTS: [&str; 9] = [
    "payledger/v1/types.proto",
    "payledger/v1/errors.proto",
    "payledger/v1/accounts.proto",
    "payledger/v1/payments.proto",
    "payledger/v1/titles.proto",
    "payledger/v1/audit.proto",
    "payledger/v1/operations.proto",
    "payledger/v1/books.proto",
    // Imported by none of them, but what error details are made of: reflection must know it.
    "google/rpc/error_details.proto",
];

/// The protocol of EventStoreDB, for those who replay the ledger with its clients. Compiled apart,
/// since it brings a `google.rpc.Status` of its own.
const EVENTSTORE_ROOTS: [&str; 3] = ["streams.proto", "gossip.proto", "serverfeatures.proto"];

fn main() -> Result<(), Box<dyn Error>> {
    for folder in ["eventstore", "google", "payledger"] {
        println!("cargo::rerun-if-changed={folder}");
    }
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("cargo sets OUT_DIR")?);

    let mut compiler = protox::Compiler::new([Path::new(".")])?;
    compiler.include_imports(true).include_source_info(true).open_files(ROOTS)?;
    fs::write(out.join("descriptors.binpb"), compiler.encode_file_descriptor_set())?;

    // The vendored comments hold indented samples and bare brackets: no Rust, and no markdown.
    let mut descriptors = compiler.file_descriptor_set();
    for file in &mut descriptors.file {
        if file.package().starts_with("google.") {
            file.source_code_info = None;
        }
    }

    // Maps are sorted, so that the same message is the same bytes. The largest command is boxed, so
    // that a batch of payments does not pay for its size; so is what a preview shows. Outcomes of a
    // batch are a thousand bytes each, and pass through several lists: unboxed, they were half of
    // what a batch moved past the caches.
    tonic_prost_build::configure()
        .emit_rerun_if_changed(false)
        .btree_map(".")
        .boxed(".payledger.v1.BatchCommand.command.open_account")
        .boxed(".payledger.v1.BatchResult.outcome")
        .boxed(".payledger.v1.PreviewReturnResponse.outcome.accepted")
        .boxed(".payledger.v1.PreviewReceiveResponse.outcome.accepted")
        .boxed(".payledger.v1.PreviewReinstatementResponse.outcome.accepted")
        .boxed(".payledger.v1.PreviewChangeResponse.outcome.accepted")
        .compile_fds(descriptors)?;
    compile_eventstore(&out.join("eventstore"))
}

fn compile_eventstore(out: &Path) -> Result<(), Box<dyn Error>> {
    fs::create_dir_all(out)?;
    let mut compiler = protox::Compiler::new([Path::new("eventstore")])?;
    compiler.include_imports(true).open_files(EVENTSTORE_ROOTS)?;
    tonic_prost_build::configure()
        .emit_rerun_if_changed(false)
        .out_dir(out)
        .btree_map(".")
        .compile_fds(compiler.file_descriptor_set())?;
    Ok(())
}
