//! Texts that many sessions share, each kept once and counted: device labels, tenants, user agents.

use std::{hash::BuildHasher, num::NonZeroU32};

use hashbrown::{DefaultHashBuilder, HashTable};
use passbook_core::Text;

use super::shards::index;

/// A kept text. Never 0, so that `Option<LabelId>` has four bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LabelId(NonZeroU32);

impl LabelId {
    fn index(self) -> usize {
        index(self.0.get() - 1)
    }
}

#[derive(Debug)]
struct Label {
    text: Text,
    uses: u32,
}

/// The texts in use. One that nobody uses any more is dropped.
#[derive(Debug, Default)]
pub(crate) struct Labels {
    kept: Vec<Option<Label>>,
    free: Vec<LabelId>,
    by_text: HashTable<LabelId>,
    hasher: DefaultHashBuilder,
}

impl Labels {
    /// The text itself.
    pub(crate) fn text(&self, id: LabelId) -> Option<Text> {
        Some(self.kept.get(id.index())?.as_ref()?.text.clone())
    }

    /// How many texts there are.
    pub(crate) fn len(&self) -> usize {
        self.by_text.len()
    }

    /// Changes one use of `old` into one of `new`.
    pub(crate) fn exchange(&mut self, old: Option<LabelId>, new: Option<&Text>) -> Option<LabelId> {
        if let (Some(id), Some(text)) = (old, new)
            && self.is(id, text)
        {
            return old;
        }
        let taken = new.map(|text| self.take(text));
        if let Some(id) = old {
            self.give_back(id);
        }
        taken
    }

    fn is(&self, id: LabelId, text: &Text) -> bool {
        self.kept
            .get(id.index())
            .is_some_and(|label| label.as_ref().is_some_and(|label| label.text == *text))
    }

    fn take(&mut self, text: &Text) -> LabelId {
        let hash = self.hasher.hash_one(text);
        if let Some(id) = self.by_text.find(hash, |id| self.is(*id, text)).copied() {
            if let Some(Some(label)) = self.kept.get_mut(id.index()) {
                label.uses += 1;
            }
            return id;
        }
        let id = self.free.pop().unwrap_or_else(|| {
            self.kept.push(None);
            let count = u32::try_from(self.kept.len()).ok().and_then(NonZeroU32::new);
            LabelId(count.expect("a shard has fewer than 2^32 labels, and one was pushed"))
        });
        if let Some(label) = self.kept.get_mut(id.index()) {
            *label = Some(Label { text: text.clone(), uses: 1 });
        }
        let Self { kept, by_text, hasher, .. } = self;
        by_text.insert_unique(hash, id, |id| hash_of(kept, hasher, *id));
        id
    }

    fn give_back(&mut self, id: LabelId) {
        let Some(place) = self.kept.get_mut(id.index()) else { return };
        let Some(label) = place else { return };
        label.uses -= 1;
        if label.uses > 0 {
            return;
        }
        let hash = self.hasher.hash_one(&label.text);
        *place = None;
        if let Ok(entry) = self.by_text.find_entry(hash, |other| *other == id) {
            entry.remove();
        }
        self.free.push(id);
    }
}

fn hash_of(kept: &[Option<Label>], hasher: &DefaultHashBuilder, id: LabelId) -> u64 {
    let label = kept.get(id.index()).and_then(Option::as_ref);
    label.map_or(0, |label| hasher.hash_one(&label.text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_kept_once_and_dropped_with_its_last_use() {
        let mut labels = Labels::default();
        let texts: Vec<Text> = (0..100).map(|n| Text::from(format!("label {n}"))).collect();
        let ids: Vec<_> = texts.iter().map(|text| labels.exchange(None, Some(text))).collect();
        let again: Vec<_> = texts.iter().map(|text| labels.exchange(None, Some(text))).collect();
        assert_eq!(ids, again);
        assert_eq!(labels.len(), 100);
        for id in &ids {
            assert_eq!(labels.exchange(*id, None), None);
        }
        assert_eq!(labels.len(), 100, "each has one use left");
        let other = labels.exchange(ids[0], Some(&texts[1]));
        assert_eq!(other, ids[1]);
        assert_eq!(labels.len(), 99);
        assert_eq!(labels.text(other.expect("taken")), Some(texts[1].clone()));
    }
}
