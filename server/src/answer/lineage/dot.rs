//! The lineage as a graph in the language of Graphviz.

use std::fmt::Write as _;

use super::{LineageDocument, UseDocument};
use crate::render::escape::escape;

/// Text between quotes: strangers' text ends no string and is no escape of Graphviz.
fn quoted(lines: &[&str]) -> String {
    let lines = lines.iter().filter(|line| !line.is_empty());
    let lines: Vec<_> =
        lines.map(|line| escape(line).replace('\\', "\\\\").replace('"', "\\\"")).collect();
    format!("\"{}\"", lines.join("\\n"))
}

impl UseDocument {
    fn lines(&self) -> [String; 4] {
        [
            format!("@{} {}", self.sequence, self.kind),
            self.at.to_string(),
            self.ip.clone().unwrap_or_default(),
            self.user_agent.clone().unwrap_or_default(),
        ]
    }

    fn label(&self) -> String {
        quoted(&self.lines().each_ref().map(String::as_str))
    }
}

impl LineageDocument {
    /// A box a token, an arrow a rotation; a spent token that was shown again is an octagon.
    pub(crate) fn to_dot(&self) -> String {
        let mut lines = vec!["rankdir=TB".to_owned(), "node [shape=box]".to_owned()];
        lines.push(format!("label={}", quoted(&["session", &self.session])));
        for token in &self.tokens {
            let generation = token.generation;
            let name = format!("generation {generation}");
            let label = quoted(&[&name, token.state]);
            lines.push(format!("g{generation} [label={label}]"));
            if let Some(successor) = token.successor {
                let label = self.rotation(generation).map(UseDocument::label).unwrap_or_default();
                lines.push(format!("g{generation} -> g{successor} [label={label}]"));
            }
        }
        if let Some(first) = self.tokens.first() {
            lines.push(format!("login [shape=ellipse, label={}]", first.issued.label()));
            lines.push(format!("login -> g{}", first.generation));
        }
        for reuse in self.presented.iter().filter(|presented| presented.is_reuse()) {
            let sequence = reuse.by.sequence;
            let [event, at, ip, agent] = reuse.by.lines();
            let label = quoted(&["shown again", reuse.outcome(), &event, &at, &ip, &agent]);
            lines.push(format!("r{sequence} [shape=octagon, label={label}]"));
            lines.push(format!("g{} -> r{sequence} [style=dashed]", reuse.generation));
        }
        let mut dot = "digraph lineage {\n".to_owned();
        for line in lines {
            writeln!(dot, "  {line};").unwrap_or_default();
        }
        dot + "}\n"
    }

    /// The act that exchanged the token of this generation.
    fn rotation(&self, generation: u32) -> Option<&UseDocument> {
        let mut presented = self.presented.iter();
        presented.find(|it| it.generation == generation && !it.is_reuse()).map(|it| &it.by)
    }
}
