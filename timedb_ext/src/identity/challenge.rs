//! Challenges of this session, which the proof of a key answers (crate timedb_key, `proof`). A proof that somebody
//! reads in a log is worthless: it is valid once, here, and has already been used.

use crate::pg::error::{Error, Result, SqlState};
use crate::pg::random;
use std::cell::Cell;
use timedb_key::proof::{Challenge, Claim};
use timedb_wire::refused::Token;

thread_local! {
    // What was asked last, and the greatest count that has answered it. Not undone by a rollback, so that no
    // proof is good twice.
    static ASKED: Cell<Option<(Challenge, u64)>> = const { Cell::new(None) };
}

/// Makes a new challenge; answers to earlier ones are worthless from now on.
///
/// # Errors
/// XX000 when there are no random bytes.
pub fn ask() -> Result<Challenge> {
    let challenge = random::bytes()?;
    ASKED.set(Some((challenge, 0)));
    Ok(challenge)
}

/// Takes an answer, if it is one, and for the last time.
///
/// # Errors
/// 55000 with a token by which programs know that they have to ask for a challenge again.
pub fn take(claim: &Claim) -> Result<()> {
    match ASKED.get() {
        Some((challenge, last)) if challenge == claim.challenge && last < claim.count => {
            ASKED.set(Some((challenge, claim.count)));
            Ok(())
        }
        _ => Err(Error::new(
            SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE,
            "the proof is not for this session, or was used before",
        )
        .token(Token::OtherChallenge)
        .detail("The proof answers a challenge other than this session's last one.")
        .hint(
            "Call timedb.challenge() in the same transaction, and compute a proof with the next count.",
        )),
    }
}
