//! A block: up to some hundred ascending numbers in one row of an index.
//!
//! The row's key ends in the first number, the value holds the distance of each further number from the one
//! before, as LEB128 (7 bits a byte, low bits first, the high bit says "more"). A block of one number has an
//! empty value. Distances in a feed are the posts of a shard that the user does not see, so two bytes are
//! usual.

/// The value of a block that holds `first`, which is in the key, and `rest`.
pub(crate) fn encode(first: u64, rest: &[u64]) -> Vec<u8> {
    let mut value = Vec::with_capacity(rest.len() * 2);
    let mut before = first;
    for number in rest {
        let mut distance = number.wrapping_sub(before);
        before = *number;
        while distance >= 0x80 {
            value.push(distance.to_le_bytes()[0] | 0x80);
            distance >>= 7;
        }
        value.push(distance.to_le_bytes()[0]);
    }
    value
}

/// The numbers of a block, ascending; `None` when `encode` did not write it.
pub(crate) fn decode(first: u64, value: &[u8]) -> Option<Vec<u64>> {
    // One number more than bytes: never too little, and little too much for distances of a byte or two.
    let mut numbers = Vec::with_capacity(value.len() + 1);
    numbers.push(first);
    let (mut before, mut distance, mut shift) = (first, 0u64, 0u32);
    for byte in value {
        let bits = u64::from(byte & 0x7f);
        distance |= bits.checked_shl(shift).filter(|shifted| shifted >> shift == bits)?;
        if byte & 0x80 != 0 {
            shift += 7;
            continue;
        }
        before = before.checked_add(distance).filter(|_| distance > 0)?;
        numbers.push(before);
        (distance, shift) = (0, 0);
    }
    (shift == 0).then_some(numbers)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn blocks_survive_packing(numbers in proptest::collection::btree_set(
            prop_oneof![0u64..1_000, any::<u64>()], 1..200)
        ) {
            let numbers: Vec<u64> = numbers.into_iter().collect();
            let value = encode(numbers[0], &numbers[1..]);
            prop_assert_eq!(decode(numbers[0], &value), Some(numbers));
        }

        #[test]
        fn what_is_no_block_is_refused_or_ascends(first: u64, value: Vec<u8>) {
            if let Some(numbers) = decode(first, &value) {
                prop_assert!(numbers.windows(2).all(|pair| pair[0] < pair[1]));
            }
        }
    }

    #[test]
    fn a_cut_distance_and_a_repeated_number_are_refused() {
        assert_eq!(decode(5, &[0x81]), None);
        assert_eq!(decode(5, &[0]), None);
        assert_eq!(decode(5, &[0xff; 11]), None);
        assert_eq!(decode(u64::MAX, &[1]), None);
    }
}
