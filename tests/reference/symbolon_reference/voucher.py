"""Vouchers: credit for one meter."""

from dataclasses import dataclass

from .credential import POWER, WATER
from .hashing import sha256
from .signature import VOUCHER, Signature, Signer, verify
from .wire import Reader, encode_number

SECTOR_OF_UNIT = {1: POWER, 2: WATER}
VOUCHER_SIZE = 44
CREDIT_KIND = 4


@dataclass(frozen=True)
class Voucher:
    """A voucher with its signature, 109 bytes."""

    unit: int
    meter: bytes
    sequence: int
    quantity: int
    time: int
    not_after: int
    data: bytes

    @classmethod
    def parse(cls, data):
        reader = Reader("voucher", data)
        reader.one_of(1, (1,), "version")
        reader.one_of(1, (CREDIT_KIND,), "kind")
        sector = reader.one_of(1, tuple(SECTOR_OF_UNIT.values()), "sector")
        unit = reader.one_of(1, tuple(SECTOR_OF_UNIT), "unit")
        if SECTOR_OF_UNIT[unit] != sector:
            raise reader.malformed("the unit is not the sector's")
        meter, sequence = reader.take(16, "meter"), reader.number(4, "sequence")
        quantity = reader.one_of(4, range(1, 1 << 32), "quantity")
        time, not_after = reader.time("time"), reader.time("not_after")
        if not_after <= time:
            raise reader.malformed("it expires before it is sold")
        Signature.read(reader)
        reader.end()
        return cls(unit, meter, sequence, quantity, time, not_after, reader.data)

    def verify(self, authority):
        message, signature = self.data[:VOUCHER_SIZE], self.data[VOUCHER_SIZE:]
        verify(authority, Signer.institution(authority.name), VOUCHER, message, signature)

    @property
    def reference(self):
        return sha256(self.data)[:16]


def voucher_message(unit, meter, sequence, quantity, time, not_after):
    numbers = encode_number(sequence, 4) + encode_number(quantity, 4) + encode_number(time, 8) + encode_number(not_after, 8)
    return bytes([1, CREDIT_KIND, SECTOR_OF_UNIT[unit], unit]) + meter + numbers
