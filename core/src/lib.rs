//! Sessions, tokens, policy, commands and events of Passbook: decide and apply, with no disk, clock or randomness
