//! The frozen wire structs of each kind's current schema; `write` fills them from events, `read`
//! makes events of them.
//!
//! Nothing here may change once released: a field that is added, moved or retyped is a new schema.

pub(crate) mod code;
mod read;
pub(in crate::codec) mod start;
mod write;

use std::net::IpAddr;

use bincode::{BorrowDecode, Encode};

pub(super) use read::{decode, whole};
pub(super) use write::encode_into;

/// Kinds, as they stand in front of every event. 0 is no kind; numbers are never used again.
pub(super) mod kind {
    pub(crate) const OPENED: u16 = 1;
    pub(crate) const POLICY_SET: u16 = 2;
    pub(crate) const SESSION_CREATED: u16 = 3;
    pub(crate) const SESSION_REFRESHED: u16 = 4;
    pub(crate) const SESSION_UPGRADED: u16 = 5;
    pub(crate) const SESSION_REVOKED: u16 = 6;
    pub(crate) const USER_SESSIONS_REVOKED: u16 = 7;
    pub(crate) const SESSIONS_EXPIRED: u16 = 8;
    pub(crate) const DEVICE_SET: u16 = 9;
    pub(crate) const TENANT_SET: u16 = 10;
    pub(crate) const DATA_SET: u16 = 11;
    pub(crate) const DATA_REMOVED: u16 = 12;
    pub(crate) const SESSION_TOUCHED: u16 = 13;
    pub(crate) const TOKEN_REUSE_DETECTED: u16 = 14;
    pub(crate) const LOGIN_FAILED: u16 = 15;
    pub(crate) const BOOKMARK: u16 = 16;
    pub(crate) const COMPACTED: u16 = 17;
    pub(crate) const SALVAGED: u16 = 18;
    pub(crate) const SESSION_REAUTHENTICATED: u16 = 19;
}

/// The schema that a kind is written in.
pub(super) const fn schema_of(kind: u16) -> u16 {
    match kind {
        kind::BOOKMARK => 2,
        _ => 1,
    }
}

/// What every event carries in front of its fact.
#[derive(Encode, BorrowDecode)]
pub(super) struct HeadV1<'a> {
    at_ms: u64,
    occurred_at_ms: Option<u64>,
    actor: u8,
    operator: Option<&'a str>,
    ip: Option<IpAddr>,
    user_agent: Option<&'a str>,
    imported: Option<ImportedV1<'a>>,
    note: Option<&'a str>,
    key: Option<&'a str>,
}

#[derive(Encode, BorrowDecode)]
struct ImportedV1<'a> {
    host: &'a str,
    service: &'a str,
    pid: Option<u32>,
    remote_host: Option<&'a str>,
}

#[derive(Encode, BorrowDecode)]
pub(super) struct SubjectV1<'a> {
    pub(super) session: u128,
    pub(super) user: &'a str,
}

#[derive(Encode, BorrowDecode)]
struct OpenedV1<'a> {
    version: &'a str,
    dropped_bytes: u64,
}

#[derive(Encode, BorrowDecode)]
struct PolicySetV1 {
    version: u32,
    idle_timeout_ms: u64,
    absolute_timeout_ms: u64,
    sessions_per_user_max: u32,
    replay_window_ms: u64,
    race_window_ms: u64,
    on_reuse: u8,
}

#[derive(Encode, BorrowDecode)]
struct SessionCreatedV1<'a> {
    subject: SubjectV1<'a>,
    is_guest: bool,
    digest: Option<[u8; 32]>,
    device: Option<&'a str>,
    tenant: Option<&'a str>,
    transport: u8,
    created_at_ms: u64,
    lifetime_ms: u64,
    expires_at_ms: u64,
    absolute_at_ms: u64,
}

#[derive(Encode, BorrowDecode)]
struct SessionRefreshedV1<'a> {
    subject: SubjectV1<'a>,
    digest: [u8; 32],
    generation: u32,
    lifetime_ms: u64,
    expires_at_ms: u64,
}

#[derive(Encode, BorrowDecode)]
struct SessionReauthenticatedV1<'a> {
    subject: SubjectV1<'a>,
    amr: &'a str,
    digest: [u8; 32],
    generation: u32,
    expires_at_ms: u64,
}

#[derive(Encode, BorrowDecode)]
struct SessionUpgradedV1<'a> {
    subject: SubjectV1<'a>,
    guest: &'a str,
    rotated: Option<([u8; 32], u32)>,
}

#[derive(Encode, BorrowDecode)]
struct SessionRevokedV1<'a> {
    subject: SubjectV1<'a>,
    reason: u8,
    rule: RuleV1,
    policy_version: u32,
}

#[derive(Encode, BorrowDecode)]
enum RuleV1 {
    Requested,
    ReplacedBy(u128),
    SessionsPerUser(u32, u32),
}

#[derive(Encode, BorrowDecode)]
struct UserSessionsRevokedV1<'a> {
    user: &'a str,
    except: Option<u128>,
    reason: u8,
    ended: u32,
}

#[derive(Encode, BorrowDecode)]
struct SessionsExpiredV1 {
    effective_now_ms: u64,
    ended: u32,
    policy_version: u32,
}

#[derive(Encode, BorrowDecode)]
pub(super) struct DeviceSetV1<'a> {
    pub(super) subject: SubjectV1<'a>,
    pub(super) device: &'a str,
}

#[derive(Encode, BorrowDecode)]
struct TenantSetV1<'a> {
    subject: SubjectV1<'a>,
    tenant: Option<&'a str>,
}

#[derive(Encode, BorrowDecode)]
struct DataSetV1<'a> {
    subject: SubjectV1<'a>,
    key: &'a str,
    value: &'a str,
}

#[derive(Encode, BorrowDecode)]
struct DataRemovedV1<'a> {
    subject: SubjectV1<'a>,
    key: &'a str,
}

#[derive(Encode, BorrowDecode)]
struct SessionTouchedV1<'a> {
    subject: SubjectV1<'a>,
    expires_at_ms: u64,
}

#[derive(Encode, BorrowDecode)]
struct TokenReuseDetectedV1<'a> {
    subject: SubjectV1<'a>,
    presented_generation: u32,
    current_generation: u32,
    spent_at_ms: u64,
    race_window_ms: u64,
    policy_version: u32,
    verdict: u8,
}

#[derive(Encode, BorrowDecode)]
struct LoginFailedV1<'a> {
    user: Option<&'a str>,
    reason: u8,
    count: u32,
}

#[derive(Encode, BorrowDecode)]
struct BookmarkV2<'a> {
    name: &'a str,
    mark: MarkV2,
}

#[derive(Encode, BorrowDecode)]
enum MarkV2 {
    Here,
    Sequence(u64),
    Time(u64),
    Deleted,
}

#[derive(Encode, BorrowDecode)]
struct CompactedV1 {
    effective_now_ms: u64,
    ended: u32,
    policy_version: u32,
}

#[derive(Encode, BorrowDecode)]
struct SalvagedV1 {
    source: [u8; 16],
    kept: u64,
    lost: Vec<(u64, u64)>,
    lost_records: u64,
}
