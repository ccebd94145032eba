//! `payledger payments preview`: when a payment would be applied and until when it could be
//! cancelled, worked out from the rules alone, without a server or an account.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::path::PathBuf;

use ledger::domain::product::Product;
use ledger::domain::rulebook::Rulebook;

use super::CliError;
use super::client::words::MinPosition;
use super::output::{Output, write_json_line};
use super::render::view::{self, View};

mod answer;

pub use answer::{Question, answer};

/// The longest line of questions. A longer one is answered as rubbish, and is never kept.
const LINE_BYTES_MAX: u64 = 64 * 1024;

/// What is asked about one payment, or the input that asks about many.
#[derive(Debug, clap::Args)]
pub struct PreviewArgs {
    /// The product by its name in the contract, such as `auto_loan`, or by that of the rules: auto,
    /// lease, personal or card. Answered from the rules alone.
    #[arg(
        long,
        required_unless_present_any = ["input", "account"],
        value_parser = answer::product_named
    )]
    pub product: Option<Product>,
    /// The account that would be paid. Answered by a server, as of now unless --at-time is given.
    #[arg(long, value_name = "ID", conflicts_with = "product")]
    pub account: Option<String>,
    /// What would be paid, in dollars, for the checks that depend on it; only with --account.
    #[arg(
        long,
        requires = "account",
        conflicts_with_all = ["product", "input"],
        allow_negative_numbers = true
    )]
    pub amount: Option<String>,
    /// When the instruction is received: RFC 3339 with an offset.
    #[arg(
        long = "at-time",
        alias = "at",
        required_unless_present_any = ["input", "account"],
        allow_hyphen_values = true,
        value_name = "INSTANT"
    )]
    pub at: Option<String>,
    /// The date asked for, YYYY-MM-DD.
    #[arg(
        long = "payment-date",
        alias = "date",
        required_unless_present = "input",
        allow_hyphen_values = true
    )]
    pub date: Option<String>,
    /// Reads questions from a file ("-" for standard input), one JSON object
    /// `{"product", "at_time", "payment_date"}` a line, and writes one JSON answer a line whatever
    /// --output says.
    #[arg(long, conflicts_with_all = ["product", "account", "at", "date"], value_name = "FILE")]
    pub input: Option<PathBuf>,
    /// How new a server's answer must be.
    #[command(flatten)]
    pub min_position: MinPosition,
}

/// Writes the answer to the question in the arguments, or one answer for every line of the input.
pub fn run(args: &PreviewArgs, form: Output, out: &mut impl Write) -> Result<(), CliError> {
    let rulebook = Rulebook::built_in();
    let Some(path) = &args.input else {
        let (Some(product), Some(at), Some(date)) = (args.product, &args.at, &args.date) else {
            let together = "--product, --at-time and --payment-date go together";
            return Err(CliError::Usage(together.to_owned()));
        };
        let at = answer::instant_from(at);
        let at = at.map_err(|message| CliError::Usage(format!("--at-time: {message}")))?;
        let answer = answer::document(&answer(&rulebook, product, at, date));
        return view::write(out, &answer, View::Parts, form).map_err(CliError::output());
    };
    if path.as_os_str() == "-" {
        let input = BufReader::new(io::stdin().lock());
        return answer_lines(&rulebook, input, "standard input", out);
    }
    let name = path.display().to_string();
    let file = File::open(path).map_err(CliError::io(&name))?;
    answer_lines(&rulebook, BufReader::new(file), &name, out)
}

/// Answers every line in turn, whatever is on it, so that the n-th answer belongs to the n-th line.
fn answer_lines<R: Read>(
    rulebook: &Rulebook,
    mut input: BufReader<R>,
    input_name: &str,
    out: &mut impl Write,
) -> Result<(), CliError> {
    let mut out = BufWriter::new(out);
    let mut line = Vec::new();
    while read_line(&mut input, &mut line).map_err(CliError::io(input_name))? {
        let answer = Question::answer_line(rulebook, &line);
        write_json_line(&mut out, &answer::document(&answer)).map_err(CliError::output())?;
        // A caller that writes a line and waits for its answer must not wait for a full buffer.
        if input.buffer().is_empty() {
            out.flush().map_err(CliError::output())?;
        }
    }
    out.flush().map_err(CliError::output())
}

/// Reads one line without its end, cut at the longest that can be a question. False at the end.
fn read_line<R: Read>(input: &mut BufReader<R>, line: &mut Vec<u8>) -> io::Result<bool> {
    line.clear();
    let read = input.by_ref().take(LINE_BYTES_MAX).read_until(b'\n', line)?;
    if read == 0 {
        return Ok(false);
    }
    if line.pop_if(|last| *last == b'\n').is_none() {
        input.skip_until(b'\n')?;
    }
    Ok(true)
}

#[cfg(test)]
mod tests;
