//! Fingerprints that were made before: most requests come from a few kinds of browsers.

use std::hash::BuildHasher;

use hashbrown::DefaultHashBuilder;
use http::{HeaderMap, header};
use parking_lot::RwLock;

use super::fingerprint::{Fingerprint, first};

/// Places, each for one set of headers at a time; a power of two.
const PLACES: usize = 64;
/// Longer sets of headers, in bytes, are hashed each time: nobody fills the memory.
const HEADERS_BYTES_MAX: usize = 1_024;

/// Gives what [`Fingerprint::of_headers`] gives, for most requests without its three compressions of
/// SHA-256.
#[derive(Debug)]
pub(crate) struct Fingerprints {
    hasher: DefaultHashBuilder,
    places: [RwLock<Option<Made>>; PLACES],
}

/// The values of the three headers, and the fingerprint that they make.
#[derive(Debug)]
struct Made([Box<[u8]>; 3], Fingerprint);

impl Default for Fingerprints {
    fn default() -> Self {
        let places = [const { RwLock::new(None) }; PLACES];
        Self { hasher: DefaultHashBuilder::default(), places }
    }
}

impl Fingerprints {
    /// Of a request. It waits for nobody: where the place is being written, it hashes.
    pub(crate) fn of_headers(&self, headers: &HeaderMap) -> Fingerprint {
        let names = [header::USER_AGENT, header::ACCEPT_LANGUAGE, header::ACCEPT_ENCODING];
        let values = names.map(|name| first(headers, name));
        let place = self.place_of(values);
        if let Some(made) = place.and_then(RwLock::try_read).as_deref()
            && let Some(Made(of, fingerprint)) = made
            && of.iter().zip(values).all(|(of, value)| **of == *value)
        {
            return *fingerprint;
        }
        let [agent, language, encoding] = values;
        let fingerprint = Fingerprint::new(agent, language, encoding);
        if let Some(mut place) = place.and_then(RwLock::try_write) {
            *place = Some(Made(values.map(Into::into), fingerprint));
        }
        fingerprint
    }

    fn place_of(&self, values: [&[u8]; 3]) -> Option<&RwLock<Option<Made>>> {
        if values.iter().map(|value| value.len()).sum::<usize>() > HEADERS_BYTES_MAX {
            return None;
        }
        let hash = self.hasher.hash_one(values);
        let mask = u64::try_from(PLACES - 1).expect("a small number");
        self.places.get(usize::try_from(hash & mask).ok()?)
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn request(agent: &str, language: &str) -> HeaderMap {
        let header = |text: &str| HeaderValue::from_str(text).expect("a header");
        let agent = (header::USER_AGENT, header(agent));
        [agent, (header::ACCEPT_LANGUAGE, header(language))].into_iter().collect()
    }

    #[test]
    fn a_fingerprint_is_the_same_whether_it_was_made_before_or_not() {
        let made = Fingerprints::default();
        let long = "x".repeat(HEADERS_BYTES_MAX);
        for _again in 0..3 {
            for number in 0..4 * PLACES {
                let headers = request(&format!("browser {number}"), "en");
                assert_eq!(made.of_headers(&headers), Fingerprint::of_headers(&headers));
            }
            for headers in [request(&long, ""), request(&long, "e"), HeaderMap::new()] {
                assert_eq!(made.of_headers(&headers), Fingerprint::of_headers(&headers));
            }
            // The same bytes, cut elsewhere.
            for headers in [request("a", "bc"), request("ab", "c")] {
                assert_eq!(made.of_headers(&headers), Fingerprint::of_headers(&headers));
            }
        }
    }
}
