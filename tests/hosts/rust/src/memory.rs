//! Memory: what is freed loses its content at once, so that whoever still reads it reads something else.

use std::alloc::{GlobalAlloc, Layout, System};
use std::fs;
use std::os::raw::c_int;

pub struct Poison;

// SAFETY: the system's allocator; what is freed belongs to nobody any more.
unsafe impl GlobalAlloc for Poison {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        for at in 0..layout.size() {
            // SAFETY: within the block. Volatile, since a compiler may leave out what is written before a free.
            unsafe { memory.add(at).write_volatile(0xA5) };
        }
        // SAFETY: the caller's promises.
        unsafe { System.dealloc(memory, layout) }
    }
}

extern "C" {
    fn mallopt(parameter: c_int, value: c_int) -> c_int;
    fn malloc_trim(pad: usize) -> c_int;
}

/// One heap for all threads, and large blocks mapped one by one: what is freed can be given back, so that what stays
/// is what somebody holds.
pub fn keep_none() {
    const M_MMAP_THRESHOLD: c_int = -3;
    const M_ARENA_MAX: c_int = -8;
    for (parameter, value) in [(M_ARENA_MAX, 1), (M_MMAP_THRESHOLD, 1 << 17)] {
        // SAFETY: no other thread is there yet.
        assert_eq!(unsafe { mallopt(parameter, value) }, 1);
    }
}

/// Kilobytes, without those that are free.
pub fn resident() -> u64 {
    // SAFETY: it may be called at any time.
    unsafe { malloc_trim(0) };
    let status = fs::read_to_string("/proc/self/status").expect("it is Linux");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    number.expect("it has a size")
}
