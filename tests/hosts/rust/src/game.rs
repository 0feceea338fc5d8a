//! A game that changes its size every few frames.

use culvert::{Format, Frame};

/// What a PlayStation shows, the small ones more often.
const SIZES: [(u32, u32); 10] = [
    (256, 224),
    (256, 240),
    (320, 224),
    (320, 240),
    (368, 240),
    (384, 240),
    (512, 240),
    (640, 240),
    (320, 480),
    (640, 480),
];

/// Marsaglia's xorshift: the same storm for the same seed.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % limit
    }
}

/// One picture of it; no two that follow each other are alike.
#[derive(Clone, Copy)]
pub struct Shot {
    pub number: i64,
    pub width: u32,
    pub height: u32,
}

impl Shot {
    pub fn frame(&self, format: Format) -> Frame {
        Frame {
            pts: self.number * 16_667,
            ..Frame::new(format, self.width, self.height)
        }
    }

    /// Bars that move, by a step that is prime to their width.
    pub fn sample(&self, at: u32) -> u8 {
        (at % self.width * 2 + at / self.width + self.number as u32 * 37) as u8
    }

    pub fn pixels(&self) -> u32 {
        self.width * self.height
    }
}

pub struct Game {
    random: Random,
    next: Shot,
    left: u64,
    pub changes: u64,
}

impl Game {
    pub fn new(random: Random) -> Self {
        let next = Shot {
            number: -1,
            width: 0,
            height: 0,
        };
        Self {
            random,
            next,
            left: 0,
            changes: 0,
        }
    }

    fn change(&mut self) {
        let before = (self.next.width, self.next.height);
        while before == (self.next.width, self.next.height) {
            let limit = 1 + self.random.below(SIZES.len() as u64);
            (self.next.width, self.next.height) = SIZES[self.random.below(limit) as usize];
        }
        self.changes += 1;
        self.left = 1 + self.random.below(4);
    }

    /// Of how many changes the next session is to be.
    pub fn length(&mut self) -> u64 {
        1 + self.random.below(40)
    }

    pub fn shoot(&mut self) -> Shot {
        if self.left == 0 {
            self.change();
        }
        self.left -= 1;
        self.next.number += 1;
        self.next
    }
}
