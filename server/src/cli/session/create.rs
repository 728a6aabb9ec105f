//! `passbook session create`: a session, and its token, once.

use std::{fmt::Write as _, net::IpAddr};

use passbook::{
    Entropy as _, OsEntropy, Token,
    core::{
        Act, Command, DeviceLabel, IdGenerator, LimitError, NewSession, Origin, Outcome, TenantId,
        Transport, UserAgent, UserId,
    },
};
use zeroize::Zeroize as _;

use crate::{
    answer::{
        made::{SESSION_CREATED_SCHEMA, Secret, SessionMade},
        session::SessionItem,
    },
    at::parse_span,
    cli::global::App,
    failure::{Exit, Failure},
    writing::{self, Actor as ActorArgs, Folder},
};

#[derive(Debug, clap::Args)]
#[command(before_long_help = "\
Examples:
  passbook session create --user mira --device 'Firefox on Linux'
  passbook session create --user deploy --ttl 8h --json | jq -r .token
  passbook session create --guest --ttl 30m
")]
pub(crate) struct Args {
    /// Whose session it is: 1 to 256 bytes.
    #[arg(long, value_name = "USER", required_unless_present = "guest", conflicts_with = "guest")]
    user: Option<String>,
    /// For somebody who is not known, under a name made for it.
    #[arg(long)]
    guest: bool,
    /// What a person calls the device: up to 256 bytes.
    #[arg(long, value_name = "LABEL")]
    device: Option<String>,
    /// The organisation that it acts for: 1 to 256 bytes.
    #[arg(long, value_name = "TENANT")]
    tenant: Option<String>,
    /// How long it lives: 90s, 30m, 8h, 30d, 4w, or 0 = for ever [default: as the policy says].
    #[arg(long, value_name = "SPAN", value_parser = ttl)]
    ttl: Option<u64>,
    /// The client's address.
    #[arg(long, value_name = "ADDRESS")]
    ip: Option<IpAddr>,
    /// What the client said of itself.
    #[arg(long, value_name = "TEXT")]
    user_agent: Option<String>,
    #[command(flatten)]
    actor: ActorArgs,
}

/// `8h` in milliseconds; 0 = for ever.
fn ttl(text: &str) -> Result<u64, String> {
    if text == "0" {
        return Ok(0);
    }
    let ttl_ms = parse_span(text).filter(|ttl_ms| *ttl_ms > 0);
    ttl_ms.ok_or_else(|| "write 90s, 30m, 8h, 30d or 4w, or 0 for ever".to_owned())
}

pub(crate) fn run(app: &App, args: &Args) -> Result<(), Failure> {
    let (token, command) = command(app, args)?;
    app.output.interrupt.guard();
    let ledger = writing::open(app, "session create", Folder::MadeIfMissing)?;
    let reply = ledger.submit(&command)?.wait()?;
    let Outcome::Created(_) = reply.outcome else {
        return Err(Failure::new(Exit::Failed, "ledger:internal", "no session was created"));
    };
    let session = reply.session.ok_or_else(|| {
        Failure::new(Exit::Failed, "ledger:internal", "the created session is not there")
    })?;
    let now_ms = session.created_at_ms;
    writing::close(&ledger)?;
    app.output.print(&SessionMade {
        schema: SESSION_CREATED_SCHEMA,
        sequence: reply.sequence,
        session: SessionItem::opened(&session, reply.sequence),
        token: Secret(token.expose()),
        view: app.output.view(now_ms),
    })
}

fn command(app: &App, args: &Args) -> Result<(Token, Command), Failure> {
    let too_long = |error: LimitError| Failure::usage(error.to_string());
    let entropy = OsEntropy::new();
    let random = |bytes: &mut [u8]| {
        entropy
            .fill(bytes)
            .map_err(|error| Failure::new(Exit::Failed, "ledger:no_entropy", error.to_string()))
    };
    let (mut secret, mut id, mut guest) = ([0; 32], [0; 16], [0; 16]);
    random(&mut secret)?;
    random(&mut id)?;
    random(&mut guest)?;
    let token = Token::from_random_bytes(secret);
    secret.zeroize();
    let mut name = args.user.clone().unwrap_or_default();
    if args.guest {
        write!(name, "guest_{:032x}", u128::from_le_bytes(guest)).unwrap_or_default();
    }
    let new = NewSession {
        id: IdGenerator::default().next(app.now_ms(), u128::from_le_bytes(id)),
        digest: Some(token.digest()),
        user: UserId::new(name).map_err(too_long)?,
        is_guest: args.guest,
        device: args.device.clone().map(DeviceLabel::new).transpose().map_err(too_long)?,
        tenant: args.tenant.clone().map(TenantId::new).transpose().map_err(too_long)?,
        transport: Transport::Token,
        lifetime_ms: args.ttl,
        absolute_timeout_ms: None,
        data: std::collections::BTreeMap::new(),
        replaces: None,
        sessions_per_user_max: None,
    };
    let origin = Origin {
        ip: args.ip,
        user_agent: args.user_agent.as_deref().map(UserAgent::new),
        imported: None,
    };
    let command = Command {
        actor: args.actor.operator()?,
        note: args.actor.note()?,
        origin,
        ..Command::new(Act::Create(new))
    };
    Ok((token, command))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_read_and_anything_else_is_not() {
        assert_eq!(ttl("8h"), Ok(8 * 3_600_000));
        assert_eq!(ttl("0"), Ok(0));
        for bad in ["", "8", "-8h", "8y", "0s", "h"] {
            assert!(ttl(bad).is_err(), "{bad}");
        }
    }
}
