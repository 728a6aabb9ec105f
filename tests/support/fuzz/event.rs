//! The codec against the second decoder: both take an input or neither, and mean the same by it.

use passbook::core::codec;

use crate::decoder;

/// Bytes of an event.
pub fn event(bytes: &[u8]) {
    let product = codec::decode(bytes);
    let second = decoder::event::event(bytes);
    match (product, second) {
        (Ok(product), Ok(second)) => {
            assert_eq!(product, second, "one event, read twice");
            let again = codec::encode(&product).expect("what was read can be written");
            if again.get(..4) == bytes.get(..4) {
                assert_eq!(again, bytes, "one form for one event");
            } else {
                let newest = codec::decode(&again).expect("what was written can be read");
                assert_eq!(newest, product, "an older schema means the same in the newest");
            }
        }
        (Err(_), Err(_)) => {}
        (Ok(event), Err(flaw)) => panic!("the codec reads {event:?}, the second decoder: {flaw}"),
        (Err(error), Ok(event)) => panic!("the codec says {error}, the second decoder {event:?}"),
    }
}
