//! What a terminal decides: policy, replay, revocation and the journal of accepted taps.
