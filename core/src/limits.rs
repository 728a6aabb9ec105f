//! Every limit of the domain, by name. Each is tested at the limit and one past it.

/// Longest user id, in bytes; the shortest is 1.
pub const USER_ID_BYTES_MAX: usize = 256;
/// Longest device label, in bytes.
pub const DEVICE_BYTES_MAX: usize = 256;
/// Longest tenant id, in bytes; the shortest is 1.
pub const TENANT_BYTES_MAX: usize = 256;
/// Longest user agent kept, in bytes; a longer one is cut at a character boundary.
pub const USER_AGENT_BYTES_MAX: usize = 1_024;
/// Longest idempotency key, in bytes; the shortest is 1.
pub const IDEMPOTENCY_KEY_BYTES_MAX: usize = 64;
/// Longest note on an act, in bytes.
pub const NOTE_BYTES_MAX: usize = 1_024;
/// Longest name of an operator, in bytes; the shortest is 1.
pub const OPERATOR_BYTES_MAX: usize = 128;
/// Longest name of a bookmark, in bytes; the shortest is 1.
pub const BOOKMARK_BYTES_MAX: usize = 128;
/// All methods by which a user proved who they are, with a space between each two, in bytes.
pub const AMR_BYTES_MAX: usize = 256;
/// Longest key of a session's data, in bytes; the shortest is 1.
pub const DATA_KEY_BYTES_MAX: usize = 256;
/// All data of one session, keys and JSON values together, in bytes.
pub const DATA_BYTES_MAX: usize = 64 * 1_024;
/// Longest host, remote host or service name kept of an imported log line, in bytes; a longer one
/// is cut at a character boundary.
pub const SOURCE_BYTES_MAX: usize = 256;
/// Largest encoded event, in bytes: the largest session data and generous room for the rest.
pub const EVENT_BYTES_MAX: usize = 2 * DATA_BYTES_MAX;
/// Most ranges of lost sequences that one `Salvaged` event names.
pub const SALVAGED_RANGES_MAX: usize = 1_000;
/// Shortest token of another system, in bytes: fewer could be guessed.
pub const FOREIGN_TOKEN_BYTES_MIN: usize = 16;
/// Longest token of another system, in bytes.
pub const FOREIGN_TOKEN_BYTES_MAX: usize = 1_024;
/// How long the outcome of a command with an idempotency key is remembered: 24 hours.
pub const IDEMPOTENCY_WINDOW_MS: u64 = 24 * 60 * 60 * 1_000;
