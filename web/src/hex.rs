//! 32 bytes as lowercase hexadecimal digits, on the stack.

/// 64 lowercase hexadecimal digits.
pub(crate) type Hex = [u8; 64];

/// The digits of 32 bytes, each by arithmetic alone: no table, so no cache line tells which it was.
pub(crate) fn hex_of(bytes: [u8; 32]) -> Hex {
    let mut digits = [0; 64];
    let (pairs, _) = digits.as_chunks_mut::<2>();
    for ([high, low], byte) in pairs.iter_mut().zip(bytes) {
        *high = digit(byte >> 4);
        *low = digit(byte & 0x0f);
    }
    digits
}

/// The digit of a value below 16.
fn digit(value: u8) -> u8 {
    // 0xff from ten on, else 0.
    let is_letter = 0_u8.wrapping_sub(u8::from(value > 9));
    b'0' + value + ((b'a' - b'0' - 10) & is_letter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_has_its_two_digits() {
        for byte in 0..=u8::MAX {
            assert_eq!(hex_of([byte; 32]).as_slice(), format!("{byte:02x}").repeat(32).as_bytes());
        }
    }
}
