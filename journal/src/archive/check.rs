//! Checking one archive from end to end: every frame, every link, every key.

use super::book::{Archive, Fault};
use crate::format::archive::block::{Archived, Block, Body};
use crate::format::archive::index::PagePlace;
use crate::format::archive::postings::PageReader;
use crate::leaf::{Chain, link_of};

/// Reads every byte; `advance` hears of the bytes that are done.
pub(crate) fn check_whole(archive: &Archive, advance: &dyn Fn(u64)) -> Result<(), Fault> {
    let header = &archive.header;
    let mut tally = Tally {
        next: header.base,
        chain: header.chain_in,
        time_first_ms: None,
        time_last_ms: header.previous_time_ms,
        batches: 0,
        whole: 0,
        leaves: 0,
        payload_bytes: 0,
    };
    for place in archive.block_places()? {
        let block = archive.block(&place)?;
        tally.add(&block).map_err(|why| Fault::damaged(place.offset, why))?;
        advance(place.bytes);
    }
    let found = (tally.next, tally.chain, tally.time_last_ms, tally.batches);
    let counts = (tally.whole, tally.leaves, tally.payload_bytes);
    if found != (header.last + 1, header.chain_out, header.time_last_ms, header.batches)
        || counts != (header.whole, header.leaves, header.payload_bytes)
        || tally.time_first_ms.is_some_and(|time| time != header.time_first_ms)
    {
        return Err(Fault::damaged(0, "its header contradicts its records"));
    }
    let mut keys = Keys { last: None, count: 0, range: (header.base, header.last) };
    for place in archive.page_places()? {
        keys.add_page(archive, &place)?;
        advance(place.bytes);
    }
    if keys.count != header.keys {
        return Err(Fault::damaged(0, "its header contradicts its keys"));
    }
    Ok(())
}

/// What the blocks so far amount to.
struct Tally {
    next: u64,
    chain: Chain,
    time_first_ms: Option<u64>,
    time_last_ms: u64,
    batches: u64,
    whole: u64,
    leaves: u64,
    payload_bytes: u64,
}

impl Tally {
    fn add(&mut self, block: &Block) -> Result<(), &'static str> {
        let mut records = block.records();
        for count in &block.counts {
            let count = usize::try_from(*count).unwrap_or(usize::MAX);
            let first = self.next;
            let mut leaves = Vec::new();
            for record in records.by_ref().take(count) {
                self.add_record(&record, leaves.is_empty())?;
                leaves.push(record.body.leaf());
            }
            self.chain = link_of(&self.chain, first, &leaves);
            self.batches += 1;
        }
        Ok(())
    }

    fn add_record(&mut self, record: &Archived<'_>, first: bool) -> Result<(), &'static str> {
        if record.sequence != self.next || record.time_ms < self.time_last_ms {
            return Err("a record does not follow its predecessor");
        }
        if first && !record.group_first {
            return Err("a batch does not begin with a group");
        }
        match record.body {
            Body::Whole(payload) => {
                self.whole += 1;
                self.payload_bytes += u64::try_from(payload.len()).unwrap_or(0);
            }
            Body::Leaf(_) => self.leaves += 1,
        }
        self.time_first_ms = self.time_first_ms.or(Some(record.time_ms));
        self.time_last_ms = record.time_ms;
        self.next += 1;
        Ok(())
    }
}

/// What the pages so far amount to.
struct Keys {
    /// The last entry's key, its last sequence, and the ordinal behind it.
    last: Option<(Vec<u8>, u64, u64)>,
    count: u64,
    /// First and last sequence of the archive.
    range: (u64, u64),
}

impl Keys {
    fn add_page(&mut self, archive: &Archive, place: &PagePlace) -> Result<(), Fault> {
        let damaged = |why| Fault::damaged(place.offset, why);
        let (frame, raw) = archive.page(place)?;
        let mut first = true;
        for entry in PageReader::new(&raw, frame.count) {
            let (key, entry) = entry.map_err(damaged)?;
            if first && key != place.key_first {
                return Err(damaged("a page is not what the index says"));
            }
            first = false;
            let (Some(from), Some(until)) = (entry.sequences.first(), entry.sequences.last())
            else {
                return Err(damaged("an entry is empty"));
            };
            if *from < self.range.0 || *until > self.range.1 {
                return Err(damaged("an entry names a record of another archive"));
            }
            self.follow(key, (*from, *until), (entry.ordinal_first, entry.ordinal_end()))
                .map_err(damaged)?;
        }
        if first { Err(damaged("a page is empty")) } else { Ok(()) }
    }

    fn follow(
        &mut self,
        key: &[u8],
        (from, until): (u64, u64),
        (ordinal_first, ordinal_end): (u64, u64),
    ) -> Result<(), &'static str> {
        match &mut self.last {
            Some((last, sequence, ordinal)) if last == key => {
                if *sequence >= from || *ordinal != ordinal_first {
                    return Err("entries of one key contradict each other");
                }
                (*sequence, *ordinal) = (until, ordinal_end);
                return Ok(());
            }
            Some((last, _, _)) if last.as_slice() > key => return Err("keys are not in order"),
            Some(_) | None => {}
        }
        self.last = Some((key.to_vec(), until, ordinal_end));
        self.count += 1;
        Ok(())
    }
}
