//! The hash by which Flink makes an operator's id of its uid, and by which keys are spread here.

/// MurmurHash3, 128 bits, seed 0, in the byte order in which Flink writes it.
pub(crate) fn murmur3(data: &[u8]) -> [u8; 16] {
    const C1: u64 = 0x87c3_7b91_1142_53d5;
    const C2: u64 = 0x4cf5_ad43_2745_937f;
    let mix1 = |k: u64| k.wrapping_mul(C1).rotate_left(31).wrapping_mul(C2);
    let mix2 = |k: u64| k.wrapping_mul(C2).rotate_left(33).wrapping_mul(C1);
    let word = |bytes: &[u8]| {
        bytes.iter().enumerate().fold(0, |word, (index, byte)| word | u64::from(*byte) << (8 * index))
    };

    let (mut h1, mut h2) = (0_u64, 0_u64);
    let mut blocks = data.chunks_exact(16);
    for block in &mut blocks {
        h1 ^= mix1(word(&block[..8]));
        h1 = h1.rotate_left(27).wrapping_add(h2).wrapping_mul(5).wrapping_add(0x52dc_e729);
        h2 ^= mix2(word(&block[8..]));
        h2 = h2.rotate_left(31).wrapping_add(h1).wrapping_mul(5).wrapping_add(0x3849_5ab5);
    }
    let tail = blocks.remainder();
    if tail.len() > 8 {
        h2 ^= mix2(word(&tail[8..]));
    }
    if !tail.is_empty() {
        h1 ^= mix1(word(&tail[..tail.len().min(8)]));
    }
    let length = data.len() as u64;
    h1 ^= length;
    h2 ^= length;
    h1 = h1.wrapping_add(h2);
    h2 = h2.wrapping_add(h1);
    h1 = finish(h1);
    h2 = finish(h2);
    h1 = h1.wrapping_add(h2);
    h2 = h2.wrapping_add(h1);

    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&h1.to_le_bytes());
    bytes[8..].copy_from_slice(&h2.to_le_bytes());
    bytes
}

fn finish(mut h: u64) -> u64 {
    h ^= h >> 33;
    h = h.wrapping_mul(0xff51_afd7_ed55_8ccd);
    h ^= h >> 33;
    h = h.wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    h ^ h >> 33
}

/// The key group of a key, by the bytes that it is written as.
pub(crate) fn key_group(key: &[u8], max_parallelism: u32) -> u32 {
    let hash = murmur3(key);
    let word = u32::from_le_bytes([hash[0], hash[1], hash[2], hash[3]]);
    word % max_parallelism.max(1)
}

/// The subtask that a key group belongs to. Flink's own formula, so that groups of neighbours stay together.
pub(crate) fn subtask_of(key_group: u32, max_parallelism: u32, parallelism: u32) -> u32 {
    let index = u64::from(key_group) * u64::from(parallelism) / u64::from(max_parallelism.max(1));
    u32::try_from(index).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::OperatorId;

    #[test]
    fn hashes_are_those_of_the_reference() {
        let hex = |text: &str| OperatorId::from_bytes(murmur3(text.as_bytes())).to_string();
        assert_eq!(hex(""), "00000000000000000000000000000000");
        assert_eq!(hex("hello"), "029bbd41b3a7d8cb191dae486a901e5b");
        assert_eq!(hex("The quick brown fox jumps over the lazy dog"), "6c1b07bc7bbc4be347939ac4a93c437a");
    }

    #[test]
    fn every_key_group_has_one_subtask_and_every_subtask_a_group() {
        for (parallelism, max) in [(1, 128), (3, 128), (128, 128), (7, 8)] {
            let mut seen: Vec<_> = (0..max).map(|group| subtask_of(group, max, parallelism)).collect();
            assert!(seen.is_sorted());
            seen.dedup();
            assert_eq!(seen, (0..parallelism).collect::<Vec<_>>());
        }
    }
}
