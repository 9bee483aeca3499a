//! Panics: none. The handler calls a function that exists nowhere, so that an image from which a panic can be reached
//! does not link. Nothing but the optimiser's proof that no panic is left makes an image.

unsafe extern "C" {
    fn a_panic_can_be_reached() -> !;
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    // SAFETY: it is never linked.
    unsafe { a_panic_can_be_reached() }
}
