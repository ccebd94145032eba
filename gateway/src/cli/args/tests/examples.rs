//! The examples of the help texts: each of them can be typed as it stands.

use clap::{CommandFactory as _, Parser as _};

use super::Cli;

/// The help texts behind the flags, of the command and of all below it.
fn after_helps(command: &clap::Command, texts: &mut Vec<String>) {
    let after = [command.get_after_help(), command.get_after_long_help()];
    texts.extend(after.into_iter().flatten().map(ToString::to_string));
    command.get_subcommands().for_each(|below| after_helps(below, texts));
}

/// The commands in a text, each on one line, without the remark behind it.
fn examples(text: &str) -> Vec<String> {
    let joined = text.replace("\\\n", " ");
    let lines = joined.lines().map(str::trim).filter(|line| line.starts_with("payledger "));
    lines.map(|line| line.split(" #").next().unwrap_or(line).to_owned()).collect()
}

/// A command as a shell takes it apart: quotes keep words together.
fn words(command: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quote = None;
    for letter in command.chars() {
        match (letter, quote) {
            ('\'' | '"', None) => quote = Some(letter),
            (_, Some(open)) if open == letter => quote = None,
            (' ', None) => words.push(String::new()),
            _ => words.last_mut().unwrap().push(letter),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

#[test]
fn every_example_of_a_help_text_can_be_typed() {
    let mut texts = Vec::new();
    after_helps(&Cli::command(), &mut texts);
    let examples: Vec<_> = texts.iter().flat_map(|text| examples(text)).collect();
    assert!(examples.len() > 50, "{} examples", examples.len());
    let faults: Vec<_> = examples
        .iter()
        .filter_map(|example| Cli::try_parse_from(words(example)).err().map(|err| (example, err)))
        .map(|(example, error)| format!("{example}\n{error}"))
        .collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
