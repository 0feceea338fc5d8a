use culvert_sys as sys;
use std::fmt;
use std::os::raw::c_int;
use std::ptr::NonNull;
use std::slice;
use std::thread;

/// Memory that the library lends until it is given back. It outlives the session, should that be closed meanwhile.
pub(crate) struct Loan {
    number: sys::culvert_loan,
    start: NonNull<u8>,
    bytes: usize,
}

// SAFETY: the memory is its borrower's alone until it is given back, and any thread may give it back.
unsafe impl Send for Loan {}
// SAFETY: what is shared is only read.
unsafe impl Sync for Loan {}

impl Loan {
    /// # Safety
    ///
    /// `start` and `bytes` are what the library has lent under `number`.
    pub(crate) unsafe fn new(number: sys::culvert_loan, start: *mut u8, bytes: usize) -> Self {
        // An empty packet may lie nowhere.
        let start = NonNull::new(start).unwrap_or_else(NonNull::dangling);
        Self {
            number,
            start,
            bytes,
        }
    }

    pub(crate) fn number(&self) -> sys::culvert_loan {
        self.number
    }

    pub(crate) fn start(&self) -> NonNull<u8> {
        self.start
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        // SAFETY: the library lends this many bytes, and does not write them until they are given back.
        unsafe { slice::from_raw_parts(self.start.as_ptr(), self.bytes) }
    }

    pub(crate) fn len(&self) -> usize {
        self.bytes
    }

    /// A loan that is not taken back because too many calls are inside the session would be lost for good.
    pub(crate) fn give_back(&self, call: unsafe extern "C" fn(sys::culvert_loan) -> c_int) {
        // SAFETY: whatever the number, the library answers with an error at worst.
        while unsafe { call(self.number) } == sys::CULVERT_E_BUSY {
            thread::yield_now();
        }
    }
}

impl fmt::Debug for Loan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.bytes)
    }
}
