//! Just enough of Rust's grammar to see which paths a file names: comments, literals, `use` trees.

/// A word, a path (`a::b`), or one sign of punctuation, with the line it stands on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Token {
    /// Counted from one.
    pub(crate) line: usize,
    /// As written.
    pub(crate) text: String,
}

/// The source with comments and the content of literals blanked, line for line.
pub(crate) fn code(source: &str) -> String {
    let mut code = String::with_capacity(source.len());
    let mut rest = source;
    while let Some(first) = rest.chars().next() {
        let length = blank_length(rest);
        let length_or_one = if length == 0 { first.len_utf8() } else { length };
        let (token, after) = rest.split_at_checked(length_or_one).unwrap_or((rest, ""));
        if length == 0 {
            code.push(first);
        } else {
            code.extend(token.chars().map(|c| if c == '\n' { c } else { ' ' }));
        }
        rest = after;
    }
    code
}

/// How many bytes of comment or literal `rest` starts with.
fn blank_length(rest: &str) -> usize {
    let end_of =
        |mark: &str| rest.find(mark).map_or(rest.len(), |at| at.saturating_add(mark.len()));
    if rest.starts_with("//") {
        return rest.find('\n').unwrap_or(rest.len());
    }
    if rest.starts_with("/*") {
        return end_of("*/");
    }
    if let Some(after) = rest.strip_prefix('r') {
        let hashes = after.len().saturating_sub(after.trim_start_matches('#').len());
        let (marks, text) = after.split_at(hashes);
        if let Some(text) = text.strip_prefix('"') {
            let opening = rest.len().saturating_sub(text.len());
            let close = format!("\"{marks}");
            let end = text.find(&close).map_or(text.len(), |at| at.saturating_add(close.len()));
            return opening.saturating_add(end);
        }
        return 0;
    }
    match rest.as_bytes() {
        [b'"', ..] => quoted(rest, '"'),
        [b'\'', b'\\', ..] => quoted(rest, '\''),
        // A quote three characters on is a character; otherwise it is a lifetime.
        [b'\'', ..] if rest.chars().nth(2) == Some('\'') => quoted(rest, '\''),
        _ => 0,
    }
}

/// The length of a literal with escapes that starts at `rest`.
fn quoted(rest: &str, mark: char) -> usize {
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if c == mark => return at.saturating_add(c.len_utf8()),
            _ => {}
        }
    }
    rest.len()
}

/// The tokens of a source, without comments and literals.
pub(crate) fn tokens(source: &str) -> Vec<Token> {
    let in_path = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
    let mut tokens = Vec::new();
    for (line, text) in (1..).zip(code(source).lines()) {
        let mut word = String::new();
        for c in text.chars().chain([' ']) {
            if in_path(c) {
                word.push(c);
                continue;
            }
            if !word.is_empty() {
                tokens.push(Token { line, text: std::mem::take(&mut word) });
            }
            if !c.is_whitespace() {
                tokens.push(Token { line, text: c.to_string() });
            }
        }
    }
    tokens
}

/// Every path that a source names, each branch of a `use` tree written out in full.
pub(crate) fn paths(source: &str) -> Vec<Token> {
    let tokens = tokens(source);
    let mut rest = tokens.iter().peekable();
    let mut paths = Vec::new();
    while let Some(token) = rest.next() {
        let is_use = token.text == "use" && rest.peek().is_some_and(|next| next.text != "<");
        if is_use {
            let tree = rest.by_ref().take_while(|token| token.text != ";");
            paths.extend(branches(tree));
        } else if token.text.contains("::") {
            paths.push(token.clone());
        }
    }
    paths
}

/// Writes a `use` tree out: `a::{b, c::d}` is `a::b` and `a::c::d`.
fn branches<'a>(tree: impl Iterator<Item = &'a Token>) -> Vec<Token> {
    let mut prefixes: Vec<String> = Vec::new();
    let mut found = Vec::new();
    let mut current: Option<Token> = None;
    let mut renamed = false;
    for token in tree {
        match token.text.as_str() {
            "{" => prefixes.extend(current.take().map(|path| path.text)),
            "}" | "," => {
                found.extend(current.take());
                if token.text == "}" {
                    prefixes.pop();
                }
                renamed = false;
            }
            "as" => renamed = true,
            "*" => {}
            name if !renamed => {
                let text = format!("{}{name}", prefixes.last().map_or("", String::as_str));
                current = Some(Token { line: token.line, text });
            }
            _ => {}
        }
    }
    found.extend(current);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(source: &str) -> Vec<String> {
        paths(source).into_iter().map(|path| path.text).collect()
    }

    #[test]
    fn comments_and_literals_are_no_code() {
        let source = "a // std::fs\n/* std::env\n */ b \"std::time \\\" x\" 'c' '\\'' &'a d";
        assert_eq!(code(source).split_whitespace().collect::<Vec<_>>(), ["a", "b", "&'a", "d"]);
        assert_eq!(code("r#\"a \" b\"# c r\"\\\" d").split_whitespace().last(), Some("d"));
        assert_eq!(code(source).lines().count(), source.lines().count());
    }

    #[test]
    fn a_use_tree_is_written_out() {
        let source = "pub use a::{\n    b,\n    c::{d as e, f::*},\n};\nx::y();\nuse z;\n";
        assert_eq!(texts(source), ["a::b", "a::c::d", "a::c::f::", "x::y", "z"]);
        assert_eq!(paths(source).iter().map(|path| path.line).collect::<Vec<_>>(), [2, 3, 3, 5, 6]);
    }
}
