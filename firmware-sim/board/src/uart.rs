//! The two serial lines: CMSDK UARTs of the Arm MPS2, "Application Note AN386", section 4.

use crate::sleep::Interrupt;

const TRANSMIT_FULL: u32 = 1;
const RECEIVE_FULL: u32 = 1 << 1;
const TRANSMIT_ENABLE: u32 = 1;
const RECEIVE_ENABLE: u32 = 1 << 1;
const RECEIVE_INTERRUPT_ENABLE: u32 = 1 << 3;
const RECEIVE_INTERRUPT: u32 = 1 << 1;
/// The least that the device takes; the emulator sends at once whatever it is.
const DIVIDER: u32 = 16;

#[repr(C)]
struct Registers {
    data: u32,
    state: u32,
    control: u32,
    interrupt: u32,
    divider: u32,
}

/// A serial line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Uart {
    /// UART0, towards the card.
    Card,
    /// UART1, the service port.
    Service,
}

impl Uart {
    /// Both lines.
    pub(crate) const BOTH: [Self; 2] = [Self::Card, Self::Service];

    const fn registers(self) -> *mut Registers {
        match self {
            Self::Card => 0x4000_4000 as *mut Registers,
            Self::Service => 0x4000_5000 as *mut Registers,
        }
    }

    pub(crate) const fn receive_interrupt(self) -> Interrupt {
        match self {
            Self::Card => Interrupt(0),
            Self::Service => Interrupt(2),
        }
    }

    /// Switches the line on.
    pub fn start(self) {
        let registers = self.registers();
        // SAFETY: the addresses are those of the board's UARTs, and nothing else of the program touches them.
        unsafe {
            (&raw mut (*registers).divider).write_volatile(DIVIDER);
            (&raw mut (*registers).control).write_volatile(TRANSMIT_ENABLE | RECEIVE_ENABLE | RECEIVE_INTERRUPT_ENABLE);
        }
    }

    /// A byte that came, if one did.
    pub fn read(self) -> Option<u8> {
        let registers = self.registers();
        // SAFETY: as above.
        unsafe {
            if (&raw const (*registers).state).read_volatile() & RECEIVE_FULL == 0 {
                return None;
            }
            (&raw mut (*registers).interrupt).write_volatile(RECEIVE_INTERRUPT);
            Some((&raw const (*registers).data).read_volatile() as u8)
        }
    }

    /// Sends these bytes.
    pub fn write(self, bytes: &[u8]) {
        let registers = self.registers();
        for byte in bytes {
            // SAFETY: as above.
            unsafe {
                while (&raw const (*registers).state).read_volatile() & TRANSMIT_FULL != 0 {}
                (&raw mut (*registers).data).write_volatile(u32::from(*byte));
            }
        }
    }

    pub(crate) fn has_byte(self) -> bool {
        // SAFETY: as above; reading the state changes nothing.
        unsafe { (&raw const (*self.registers()).state).read_volatile() & RECEIVE_FULL != 0 }
    }
}
