//! The work on a batch of events: the users that it is about are taken from the tree, changed here
//! by core's own fold, and put back in one atomic step together with how far the index got.
//!
//! Each event's users are loaded before it is told and applied, so that both need not fail. Memory
//! follows the batch, not the number of sessions: a sweep loads the users that have one due.

mod table;

use std::{
    collections::{BTreeMap, HashMap},
    ops::Bound,
};

use passbook_core::{SessionId, Text, apply};

use super::{
    codec::{Put as _, Reader, count, text},
    error::{HistoryError, doubt},
    keys,
    lines::{self, Span},
    meta::Meta,
    tree::{Changes, Order, Tree},
    user::{Open, User, decode_open, encode_open, minute_of},
};
use crate::history::{
    entry::{HistoryEntry, Recorded},
    tell::{Told, expired_until_ms, filed_under, named, tell},
};

/// A chunk of older lines that was changed, and the checksum that its record had.
struct Patched {
    lines: Vec<HistoryEntry>,
    /// When the latest line up to its end happened.
    latest_ms: u64,
    crc: u32,
}

/// A batch in the making.
pub(super) struct Desk<'t> {
    tree: &'t Tree,
    meta: Meta,
    users: BTreeMap<Text, User>,
    patched: BTreeMap<(Text, u64), Patched>,
    /// Records to be removed, with their checksums.
    removed: BTreeMap<Vec<u8>, u32>,
    /// Users newly listed for a minute.
    due: BTreeMap<u64, Vec<Text>>,
    /// The records of minutes before this one are taken from the tree.
    taken_before: u64,
    /// The users that the event at hand is about.
    at_hand: Vec<Text>,
    /// Whose the sessions are that a sweep ends.
    swept: HashMap<SessionId, Text>,
    /// A measure of the memory that the batch takes.
    weight: usize,
}

impl<'t> Desk<'t> {
    pub(super) fn new(tree: &'t Tree, meta: Meta) -> Self {
        Self {
            tree,
            meta,
            users: BTreeMap::new(),
            patched: BTreeMap::new(),
            removed: BTreeMap::new(),
            due: BTreeMap::new(),
            taken_before: 0,
            at_hand: Vec::new(),
            swept: HashMap::new(),
            weight: 0,
        }
    }

    /// About how many bytes the batch takes in memory.
    pub(super) fn weight(&self) -> usize {
        self.weight
    }

    /// Tells and applies the next event.
    pub(super) fn step(&mut self, recorded: &Recorded) -> Result<(), HistoryError> {
        let Recorded { sequence, event } = recorded;
        self.at_hand.clear();
        self.swept.clear();
        for user in named(&event.fact) {
            self.load(user)?;
            self.at_hand.push(user.clone());
        }
        if let Some(now_ms) = expired_until_ms(&event.fact) {
            self.load_due(now_ms)?;
        }
        for told in tell(self, recorded) {
            self.keep(told)?;
        }
        apply(self, *sequence, event);
        for name in filed_under(event) {
            if name.is_empty() {
                self.meta.anyones = self.meta.anyones.saturating_add(1);
                continue;
            }
            let user = self.load(&name)?;
            user.events = user.events.saturating_add(1);
            user.is_changed = true;
            self.meta.events = self.meta.events.saturating_add(1);
        }
        self.schedule();
        self.meta.checkpoint = *sequence;
        Ok(())
    }

    /// The user, to be changed here: loaded if need be.
    pub(super) fn load(&mut self, name: &Text) -> Result<&mut User, HistoryError> {
        if !self.users.contains_key(name) {
            let user = self.read(name)?;
            self.users.insert(name.clone(), user);
        }
        self.users.get_mut(name).ok_or_else(|| doubt("a user is not at hand"))
    }

    fn read(&mut self, name: &str) -> Result<User, HistoryError> {
        self.weight += 512;
        let Some(head) = self.tree.get(&keys::head(name))? else { return Ok(User::default()) };
        self.weight += 2 * head.value.len();
        let mut user = User::decode(&head.value, head.crc)?;
        for (number, chunk) in (0_u32..).zip(&mut user.chunks).skip(1) {
            let Some(row) = self.tree.get(&keys::sessions(name, number))? else {
                return Err(doubt(format!("open sessions of `{name}` are missing")));
            };
            self.weight += 2 * row.value.len();
            chunk.open = decode_open(&row.value)?;
            chunk.crc = Some(row.crc);
        }
        Ok(user)
    }

    /// Loads the users that are listed up to that moment, and takes them off the list.
    fn load_due(&mut self, now_ms: u64) -> Result<(), HistoryError> {
        let end = minute_of(now_ms).saturating_add(1);
        let mut names = Vec::new();
        if self.taken_before < end {
            let (first, end_key) = (keys::due(self.taken_before, 0), keys::due(end, 0));
            let range = (&*first, Bound::Excluded(&*end_key));
            let removed = &mut self.removed;
            self.tree.scan(range, Order::Rising, &mut |row| {
                names.extend(decode_names(&row.value)?);
                removed.insert(row.key, row.crc);
                Ok(true)
            })?;
            self.taken_before = end;
        }
        let later = self.due.split_off(&end);
        names.extend(std::mem::replace(&mut self.due, later).into_values().flatten());
        names.sort_unstable();
        names.dedup();
        for name in &names {
            let user = self.load(name)?;
            user.scheduled = None;
            user.is_changed = true;
            let expired: Vec<_> = user.open().filter(|open| open.is_expired(now_ms)).collect();
            let ids: Vec<_> = expired.into_iter().map(|open| open.id).collect();
            self.swept.extend(ids.into_iter().map(|id| (id, name.clone())));
        }
        self.at_hand.extend(names);
        Ok(())
    }

    fn keep(&mut self, Told { user: name, entry, folds }: Told) -> Result<(), HistoryError> {
        let session = entry.session.filter(|_| folds);
        let user = self.load(&name)?;
        let number = session.and_then(|id| user.session(id)?.refreshes);
        if let Some(number) = number.filter(|number| *number > user.dropped) {
            return self.refresh_again(&name, number, entry.at_ms);
        }
        let number = user.push(entry);
        if let Some(open) = session.and_then(|id| user.session(id)).cloned() {
            user.put(Open { refreshes: Some(number), ..open });
        }
        self.meta.entries = self.meta.entries.saturating_add(1);
        self.weight += 256;
        Ok(())
    }

    fn refresh_again(&mut self, name: &Text, number: u64, at_ms: u64) -> Result<(), HistoryError> {
        let user = self.load(name)?;
        if let Some(line) = user.in_tail(number) {
            line.refresh_again(at_ms);
            user.is_changed = true;
            return Ok(());
        }
        let (first, dropped) = (lines::first_of(number), user.dropped);
        if !self.patched.contains_key(&(name.clone(), first)) {
            let row = self.tree.get(&keys::lines(name, first))?;
            let row = row.ok_or_else(|| doubt(format!("lines of `{name}` are missing")))?;
            let mut reader = Reader::new(&row.value);
            let span = Span::decode(&mut reader)?;
            let lines = lines::decode(&span, reader)?;
            self.weight += 3 * row.value.len();
            let patched = Patched { lines, latest_ms: span.latest_ms, crc: row.crc };
            self.patched.insert((name.clone(), first), patched);
        }
        let patched = self.patched.get_mut(&(name.clone(), first));
        let index = usize::try_from(number - first.max(dropped + 1)).ok();
        let line = patched.and_then(|patched| patched.lines.get_mut(index?));
        let line = line.ok_or_else(|| doubt(format!("line {number} of `{name}` is missing")))?;
        line.refresh_again(at_ms);
        Ok(())
    }

    /// Lists the users at hand for the next expiry of a session of theirs.
    fn schedule(&mut self) {
        for name in &self.at_hand {
            let Some(user) = self.users.get_mut(name) else { continue };
            if let Some(minute) = user.earlier_minute() {
                user.scheduled = Some(minute);
                user.is_changed = true;
                self.due.entry(minute).or_default().push(name.clone());
            }
        }
    }

    /// Forgets the user's oldest lines that were recorded before that moment; gives how many.
    pub(super) fn forget(&mut self, name: &Text, before_ms: u64) -> Result<u64, HistoryError> {
        let tree = self.tree;
        let mut user = std::mem::take(self.load(name)?);
        let before = user.dropped;
        let mut gone = Vec::new();
        while user.dropped < user.spilled {
            let first = lines::first_of(user.dropped + 1);
            let row = tree.get(&keys::lines(name, first))?;
            let row = row.ok_or_else(|| doubt(format!("lines of `{name}` are missing")))?;
            if Span::decode(&mut Reader::new(&row.value))?.ends_ms >= before_ms {
                break;
            }
            user.dropped = first + lines::LINES_PER_CHUNK - 1;
            gone.push((row.key, row.crc));
        }
        if user.dropped >= user.spilled {
            let is_old = |line: &HistoryEntry| line.last_recorded_at_ms() < before_ms;
            let old = user.tail.iter().take_while(|line| is_old(line)).count();
            user.dropped = user.tail_after() + count(old);
            user.tail.drain(..old);
        }
        user.last_login = user.last_login.filter(|login| login.last_recorded_at_ms() >= before_ms);
        let forgotten = user.dropped - before;
        user.is_changed |= forgotten > 0;
        self.removed.extend(gone);
        self.users.insert(name.clone(), user);
        Ok(forgotten)
    }

    /// Goes on behind `through`, up to which there are so many postings.
    pub(super) fn pass_over(
        &mut self,
        through: u64,
        postings: Option<u64>,
    ) -> Result<(), HistoryError> {
        let filed = self.meta.events.saturating_add(self.meta.anyones);
        let passed_over = postings.map(|postings| {
            let why = || doubt(format!("it has {filed} events of {postings} up to {through}"));
            postings.checked_sub(filed).ok_or_else(why)
        });
        self.meta.passed_over = passed_over.transpose()?;
        self.meta.checkpoint = through;
        Ok(())
    }

    pub(super) fn forget_all_before(&mut self, before_ms: u64) {
        self.meta.forgotten_before_ms = self.meta.forgotten_before_ms.max(before_ms);
    }

    /// The batch, and what the meta record says after it.
    pub(super) fn finish(mut self) -> (Changes, Meta) {
        let mut changes = Changes::default();
        let mut meta = self.meta;
        for ((name, first), Patched { lines, latest_ms, crc }) in self.patched {
            let (bytes, _latest_ms) = lines::encode(&lines, latest_ms);
            meta.loses(crc);
            meta.gains(changes.put(keys::lines(&name, first), bytes));
        }
        for (name, user) in &mut self.users {
            put_back(name, user, &mut changes, &mut meta);
        }
        for (key, crc) in self.removed {
            meta.loses(crc);
            changes.remove(key);
        }
        for (minute, names) in self.due {
            let key = keys::due(minute, meta.checkpoint);
            meta.gains(changes.put(key, encode_names(&names)));
        }
        changes.put(keys::META.to_vec(), meta.encode());
        (changes, meta)
    }
}

/// Writes what has changed of a user.
fn put_back(name: &Text, user: &mut User, changes: &mut Changes, meta: &mut Meta) {
    while let Some((first, lines)) = user.spill() {
        let (bytes, latest_ms) = lines::encode(&lines, user.latest_ms);
        user.latest_ms = latest_ms;
        meta.gains(changes.put(keys::lines(name, first), bytes));
    }
    while user.chunks.len() > 1 && user.chunks.last().is_some_and(|chunk| chunk.open.is_empty()) {
        let crc = user.chunks.pop().and_then(|chunk| chunk.crc);
        if let (Some(crc), Ok(number)) = (crc, u32::try_from(user.chunks.len())) {
            meta.loses(crc);
            changes.remove(keys::sessions(name, number));
        }
    }
    for (number, chunk) in (0_u32..).zip(&user.chunks).skip(1).filter(|(_, at)| at.is_changed) {
        chunk.crc.into_iter().for_each(|crc| meta.loses(crc));
        meta.gains(changes.put(keys::sessions(name, number), encode_open(&chunk.open)));
    }
    if user.is_changed {
        match user.crc {
            Some(crc) => meta.loses(crc),
            None => meta.users = meta.users.saturating_add(1),
        }
        meta.gains(changes.put(keys::head(name), user.encode()));
    }
}

fn encode_names(names: &[Text]) -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.number(count(names.len()));
    for name in names {
        text(&mut bytes, name);
    }
    bytes
}

fn decode_names(bytes: &[u8]) -> Result<Vec<Text>, HistoryError> {
    let mut reader = Reader::new(bytes);
    let names = reader.list(Reader::text).filter(|_| reader.is_empty());
    names.ok_or_else(|| doubt("a list of users does not decode"))
}
