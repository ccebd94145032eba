//! Every flag of a verb of a service is something that its request can say.

use clap::error::ErrorKind;
use clap::{ArgAction, CommandFactory as _, Parser as _};

use super::{ACCOUNT, Cli, SERVICING, VERBS, asked};

/// Values of which each flag takes one: a count, a date, a rate, a month, an instant, a window, a
/// product, a charge, the address of a server.
const VALUES: &[&str] = &[
    "1",
    "2026-03-03",
    "0.05",
    "2026-03",
    "2026-03-03T15:00:10-05:00",
    "15:00",
    "lease",
    "disposition=395.00",
    "http://127.0.0.1:7400",
];

/// The verbs, each with the flags that it needs.
fn calls() -> Vec<(Vec<&'static str>, Vec<&'static str>)> {
    let servicing = SERVICING.iter().map(|(verb, flags)| {
        let flags = ACCOUNT.iter().copied().chain(flags.split_whitespace());
        (vec!["accounts", verb], flags.collect())
    });
    let verbs = VERBS.iter().map(|(verb, flags)| (verb.to_vec(), flags.to_vec()));
    verbs.chain(servicing).collect()
}

/// The flags of a verb, those of the connection left out, each with what it may be given.
fn flags(verb: &[&str]) -> Vec<(String, Vec<String>)> {
    let cli = Cli::command();
    let command = verb.iter().fold(&cli, |above, name| above.find_subcommand(name).unwrap());
    let taking = |arg: &clap::Arg| {
        let members = arg.get_possible_values();
        let members = members.iter().map(|member| member.get_name().to_owned());
        let values: Vec<_> = members.chain(VALUES.iter().map(ToString::to_string)).collect();
        Some((format!("--{}", arg.get_long()?), values))
    };
    let setting = |arg: &&clap::Arg| {
        matches!(arg.get_action(), ArgAction::Set | ArgAction::Append) && !arg.is_global_set()
    };
    command.get_arguments().filter(setting).filter_map(taking).collect()
}

/// Can these words be said, and does a request say them? True also of words that only cannot stand
/// beside each other.
fn is_sound(words: &[&str]) -> Result<(), String> {
    let apart = [ErrorKind::ArgumentConflict, ErrorKind::MissingRequiredArgument];
    match Cli::try_parse_from(words) {
        Ok(cli) => match asked(&cli).map_err(|error| error.to_string()) {
            Err(error) if !error.contains("cannot be given beside") => Err(error),
            Ok(_) | Err(_) => Ok(()),
        },
        Err(error) if apart.contains(&error.kind()) => Ok(()),
        Err(error) => Err(error.to_string()),
    }
}

/// Why no value of a flag makes a request of a verb; none if one does.
fn fault(words: &[&str], flag: &str, values: &[String]) -> Option<String> {
    let attempts = values.iter().map(|value| is_sound(&[words, &[flag, value]].concat()));
    let attempts: Result<Vec<String>, ()> = attempts.map(|it| it.map_or_else(Ok, Err)).collect();
    Some(format!("{} {flag}: {}", words.join(" "), attempts.ok()?.join("; ")))
}

#[test]
fn every_flag_of_a_verb_is_part_of_its_request() {
    let mut tried = 0;
    let mut faults = Vec::new();
    for (verb, given) in calls() {
        let words = [&["payledger"], &verb[..], &given].concat();
        for (flag, values) in flags(&verb) {
            if !given.contains(&flag.as_str()) {
                tried += 1;
                faults.extend(fault(&words, &flag, &values));
            }
        }
    }
    assert!(tried > 100, "{tried} flags");
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
