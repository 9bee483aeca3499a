//! What happens on a device at a panic: there is none.

/// Calls a function that exists nowhere: a library from which a panic can be reached does not link.
#[cfg(all(feature = "panic-handler", not(feature = "std")))]
#[panic_handler]
fn panicked(_: &core::panic::PanicInfo<'_>) -> ! {
    unsafe extern "C" {
        fn symbolon_terminal_cannot_panic() -> !;
    }
    // SAFETY: no linker lets a program be made that gets here.
    unsafe { symbolon_terminal_cannot_panic() }
}
