"""A second implementation of the combined-key scheme, version 1, written from its specification alone.

It exists to disagree: it shares no code with the Rust crates, so a byte on which both agree is a byte of the
scheme and not a habit of one program. It is neither constant-time nor meant to hold a real secret.
"""
