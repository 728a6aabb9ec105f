//! Read models of Passbook: token index, user index, expiry
