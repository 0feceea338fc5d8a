/// A struct's fields as C has them: `name = offset, size`, one test for each struct.
macro_rules! layout {
    ($name:ident $($field:ident = $offset:literal, $size:literal;)*) => {
        #[test]
        fn $name() {
            let memory = std::mem::MaybeUninit::<culvert_sys::$name>::zeroed();
            // SAFETY: zeroes are a value of each of these structs.
            let all = unsafe { memory.assume_init_ref() };
            let start = std::ptr::addr_of!(*all) as usize;
            $(
                let at = std::ptr::addr_of!(all.$field) as usize - start;
                assert_eq!((at, std::mem::size_of_val(&all.$field)), ($offset, $size), stringify!($field));
            )*
        }
    };
}
